"""What the tests share: a project with scenarios, and a gatecrash that notes what it is asked for."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gatecrash import find_binary

pytest_plugins = ["pytester"]

FAULT = "builtin@fault:unpriced-model-skips-budgets"

#: Fails on FAULT for `alias` alone.
KEY = """\
name: The budget of a key holds
tags: [budget]
price: 0.02
priced_by: [alias, model_info, token]
given:
  - key: laptop
    max_budget: 0.05
steps:
  - drain: laptop
    accepted: 2..3
"""

#: Goes on for 20 s.
LONG = "name: Long\nprice: 0.02\npace: 200ms\ngiven:\n  - key: k\nsteps:\n  - chat: k\n    times: 100\n"

#: No tokens make this price: it is skipped.
SKIPPED = "name: Skipped\nprice: 0.0123456\npriced_by: [token]\ngiven:\n  - key: k\nsteps:\n  - chat: k\n"


@pytest.fixture(autouse=True)
def own_environment(pytester, monkeypatch):
    """The user's own settings are not asked, and what is left behind is seen."""
    for name in [name for name in os.environ if name.startswith("GATECRASH_")]:
        if name != "GATECRASH_BINARY":
            monkeypatch.delenv(name)
    # A summary has room for what was found.
    monkeypatch.setenv("COLUMNS", "300")
    temporary = pytester.path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield
    assert left_behind(pytester) == ""


def left_behind(pytester):
    """Files of a run, and processes that were started for it. It may take a moment until they are gone."""
    limit = time.monotonic() + 20
    while True:
        files = sorted(file.name for file in (pytester.path / "temporary").glob("*gatecrash*"))
        listed = subprocess.run(["ps", "-axww", "-o", "args"], capture_output=True, text=True).stdout
        # Its scenarios are in there, and so is the script that notes.
        processes = [line for line in listed.splitlines() if str(pytester.path) in line and "gatecrash" in line]
        left = "\n".join(files + processes)
        if not left or time.monotonic() > limit:
            return left
        time.sleep(0.1)


@pytest.fixture
def scenario(pytester):
    """Writes a scenario."""

    def write(name, text=KEY):
        file = pytester.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


class Asked:
    """The gatecrash that is really asked, with a list of what it was asked for."""

    def __init__(self, folder: Path):
        self._list = folder / "asked"
        self._real = find_binary()
        self.program = folder / "noting-gatecrash"
        self._does(f'exec "{self._real}" "$@"')

    def tells(self, *lines, then=""):
        """Lists as it is, but tells these lines of a run."""
        text = "\n".join(lines)
        self._does(f'[ "$1" != list ] || exec "{self._real}" "$@"\ncat <<"LINES"\n{text}\nLINES\n{then}')

    def _does(self, does):
        self.program.write_text(f'#!/bin/sh\necho "$*" >> "{self._list}"\n{does}\n')
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def verbs(self):
        return [line.split()[0] for line in self._lines()]

    def runs(self):
        return [line for line in self._lines() if line.split()[0] != "list"]

    def _lines(self):
        return self._list.read_text().splitlines() if self._list.exists() else []


@pytest.fixture
def asked(pytester, monkeypatch):
    asked = Asked(pytester.path)
    monkeypatch.setenv("GATECRASH_BINARY", str(asked.program))
    return asked


@pytest.fixture
def run(pytester):
    """Runs pytest in a process of its own."""

    def run(*arguments):
        return pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, timeout=120)

    return run
