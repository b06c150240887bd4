"""gatecrash: does your LLM gateway let in what it should have turned away?

The command is a binary, which comes with this package. :func:`find_binary` says where it is.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

__all__ = ["BINARY", "BinaryNotFound", "find_binary"]

#: The environment variable that names another binary.
BINARY = "GATECRASH_BINARY"


class BinaryNotFound(Exception):
    """The binary is not where the package was installed."""


def find_binary() -> str:
    """The binary of this package, whether its environment is activated or not.

    Another gatecrash on the PATH is not taken: it may be of another version.
    """
    named = os.environ.get(BINARY)
    if named:
        if not os.path.isfile(named):
            raise BinaryNotFound(f"{BINARY} is `{named}`, and there is no such file")
        return os.path.abspath(named)
    places = list(dict.fromkeys(_places()))
    for place in places:
        file = place / "gatecrash"
        if file.is_file():
            return str(file)
    looked = "".join(f"\n  looked in {place}" for place in places)
    raise BinaryNotFound(
        f"the gatecrash binary is not installed beside its Python package{looked}"
        "\n  help: pip install --force-reinstall gatecrash"
    )


def _places():
    """Where installers put a package's programs."""
    package = Path(__file__).resolve().parent
    yield Path(sysconfig.get_path("scripts"))
    # Of the environment that the package is in, which need not be that of the interpreter:
    # PREFIX/lib/python3.N/site-packages/gatecrash
    if package.parent.name in ("site-packages", "dist-packages"):
        yield package.parents[3] / "bin"
    # pip install --target FOLDER
    yield package.parent / "bin"
    # pip install --user
    user = "osx_framework_user" if getattr(sys, "_framework", "") else "posix_user"
    yield Path(sysconfig.get_path("scripts", scheme=user))
