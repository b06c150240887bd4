"""`python -m gatecrash`: the binary takes the place of this process, so that signals and exit codes are its own."""

import os
import sys

from gatecrash import BinaryNotFound, find_binary

#: As the binary says that the environment is not as it has to be.
BROKE = 3


def main() -> int:
    try:
        binary = find_binary()
    except BinaryNotFound as error:
        print(f"error: {error}", file=sys.stderr)
        return BROKE
    try:
        os.execv(binary, [binary, *sys.argv[1:]])
    except OSError as error:
        print(
            f"error: {binary} cannot be run here: {error.strerror}\n"
            "  help: is it of a wheel for another platform? pip install --force-reinstall gatecrash",
            file=sys.stderr,
        )
    return BROKE


if __name__ == "__main__":
    sys.exit(main())
