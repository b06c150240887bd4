"""The runs behind the tests: `gatecrash run` or `compare` on all that was selected, read along while it goes on.

One process, the owner, has them (`Runs`). Whoever waits for a result reads the files that they write (`Results`): with
pytest-xdist that is another process.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

#: How often a file is looked at that another process writes.
LOOK = 0.05


@dataclass(frozen=True)
class Order:
    """One run."""

    targets: tuple[str, ...]
    #: Whether the second target is compared with the first.
    compares: bool
    #: Files and folders, as the trials were listed from them.
    sources: tuple[str, ...]
    #: Their whole names.
    trials: tuple[str, ...]

    def arguments(self) -> list[str]:
        verb = ["compare", *self.targets] if self.compares else ["run"]
        targets = [] if self.compares else [f"--target={target}" for target in self.targets]
        filters = [f"--filter={trial}" for trial in self.trials]
        return [*verb, *self.sources, *targets, "--exact", *filters, "--format=json-lines", "--quiet", "--stop-with-stdin"]

    def awaited(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Each trial with the targets that a result of it names."""
        on = [self.targets] if self.compares else [(target,) for target in self.targets]
        return ((trial, targets) for trial in self.trials for targets in on)


def save_orders(folder: Path, orders: list[Order]) -> None:
    _write(folder / "orders.json", [asdict(order) for order in orders])


def saved_orders(folder: Path) -> list[Order]:
    orders = json.loads((folder / "orders.json").read_text())
    return [Order(**{name: tuple(value) if isinstance(value, list) else value for name, value in of.items()}) for of in orders]


def _write(file: Path, value: object) -> None:
    """Whole or not at all."""
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(json.dumps(value))
    os.replace(part, file)


class Runs(threading.Thread):
    """Carries out some orders, one after another, and owns what they start."""

    def __init__(self, binary: str, orders: list[Order], folder: Path, cwd: Path, env: dict[str, str]):
        super().__init__(name="gatecrash", daemon=True)
        self._binary, self._orders, self._folder, self._cwd, self._env = binary, orders, folder, cwd, env
        self._changing = threading.Lock()
        self._stopped = False
        self._running: subprocess.Popen | None = None

    def run(self) -> None:
        for number, order in enumerate(self._orders):
            try:
                gone = self._carry_out(number, order)
            except OSError as error:
                gone = {"code": None, "said": f"{self._binary} cannot be run: {error.strerror}"}
            _write(self._folder / f"gone-{number}.json", gone)

    def _carry_out(self, number: int, order: Order) -> dict:
        told, said = self._folder / f"told-{number}", self._folder / f"said-{number}"
        with told.open("wb") as stdout, said.open("wb") as stderr, self._changing:
            if self._stopped:
                return {"code": None, "said": "the session was stopped"}
            # Ctrl-C at the terminal is for pytest, which closes the input. So does the system, if pytest is killed.
            self._running = subprocess.Popen(
                [self._binary, *order.arguments()],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                cwd=self._cwd,
                env=self._env,
                start_new_session=True,
            )
        code = self._running.wait()
        return {"code": code, "said": said.read_text(errors="replace").strip()}

    def stop(self) -> None:
        """Stops what runs at once; comes back when it has taken away what it had launched."""
        with self._changing:
            self._stopped = True
            if self._running is not None:
                self._running.stdin.close()
        self.join()


class Results:
    """What one run has told so far."""

    def __init__(self, folder: Path, number: int, order: Order):
        self._told, self._gone = folder / f"told-{number}", folder / f"gone-{number}.json"
        self._order = order
        self._read, self._rest = 0, b""
        self._trials: dict[tuple[str, tuple[str, ...]], dict] = {}
        self._not_launched: dict[str, str] = {}
        #: The last line, and how the process ended.
        self.ended: dict | None = None
        self.gone: dict | None = None

    def look(self) -> None:
        """Reads what is new."""
        # In this order: what was told before it was gone must not be missed.
        if self.gone is None and self._gone.exists():
            self.gone = json.loads(self._gone.read_text())
        try:
            with self._told.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                # Who waits for what it told learns how the process ended, and what it said.
                continue
            if told["event"] == "trial":
                self._trials[told["trial"], tuple(told["targets"])] = told
            elif told["event"] == "not_launched":
                self._not_launched[told["target"]] = told["text"]
            elif told["event"] == "ended":
                self.ended = told

    def are_all_there(self) -> bool:
        self.look()
        return self.ended is not None or all(key in self._trials for key in self._order.awaited())

    def wait_for(self, trial: str, targets: tuple[str, ...]) -> dict | NoResult:
        """What was told of a trial, or why nothing ever will be."""
        while True:
            self.look()
            told = self._trials.get((trial, targets))
            if told is not None:
                return told
            # In a comparison, nothing is judged if either is not there.
            for target in targets:
                if target in self._not_launched:
                    return NotLaunched(self._not_launched[target], target)
            if self.gone is not None:
                return NoResult(self._why_none(self.gone))
            time.sleep(LOOK)

    def _why_none(self, gone: dict) -> str:
        if gone["code"] is None or self.ended is not None:
            return gone["said"] or "gatecrash has ended without a result of this trial"
        said = f":\n{gone['said']}" if gone["said"] else ""
        how = f"by signal {-gone['code']}" if gone["code"] < 0 else f"with exit code {gone['code']}"
        return f"gatecrash ended {how}, without a result of this trial{said}"


@dataclass(frozen=True)
class NoResult:
    """There will be no result of a trial."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class NotLaunched(NoResult):
    """For its target could not be launched."""

    target: str
