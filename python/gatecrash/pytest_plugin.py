"""Scenarios as tests of pytest: an item is a trial on a target, or on the two targets of a comparison.

Collecting launches nothing. When the first item runs, all that were selected begin, side by side, in one run of gatecrash;
each item waits for its own result. See docs/python.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatecrash import BinaryNotFound, find_binary
from gatecrash.runs import NoResult, NotLaunched, Order, Results, Runs, save_orders, saved_orders

OWN = (".gatecrash.yaml", ".gatecrash.yml")
YAML = (".yaml", ".yml")
#: The environment variables that name targets for tests, here as in `cargo test`.
BASELINE, CANDIDATE = "GATECRASH_BASELINE", "GATECRASH_CANDIDATE"
#: The one that names another harness.toml.
CONFIG = "GATECRASH_CONFIG"
#: Exit codes of a run that fails.
FAILED, BROKE = 1, 3


class GatecrashWarning(pytest.PytestWarning):
    """A trial passes, but something about it should not be missed."""


class Unusable(Exception):
    """What gatecrash says about wrong input, or why it cannot be asked."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gatecrash", "gatecrash: scenarios on LLM gateways")
    group.addoption(
        "--gatecrash-target",
        action="append",
        default=[],
        metavar="TARGET",
        help="run scenarios on this target, such as litellm@1.82.3 (repeatable; default: GATECRASH_CANDIDATE, or those"
        " of harness.toml)",
    )
    group.addoption(
        "--gatecrash-baseline",
        metavar="TARGET",
        help="compare each target with this one: only what got worse fails (default: GATECRASH_BASELINE, if the target is"
        " not named either)",
    )
    parser.addini("gatecrash_scenarios", "files and folders of scenarios, beside *.gatecrash.yaml", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    plugin = Gatecrash(config)
    config.stash[PLUGIN] = plugin
    config.pluginmanager.register(plugin, "gatecrash-session")


class Gatecrash:
    """What one process of pytest knows. With pytest-xdist, its controller owns the runs, and its workers read along."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.scenarios = [Path(os.path.abspath(path)) for path in config.getini("gatecrash_scenarios")]
        self._binary: str | None = None
        self._targets: list[tuple[str, ...]] | None = None
        self._listed: dict[Path, dict[Path, list[dict]]] = {}
        self._folder: Path | None = None
        self._runs: Runs | None = None
        self._orders: list[Order] = []
        self._results: list[Results] = []
        self._told_of: set[str] = set()
        #: Whether the session fails although no test does.
        self._fails_alone = False
        self._add_scenarios()

    def _add_scenarios(self) -> None:
        """Folders of scenarios are looked into without being named, unless something else is."""
        if self.is_worker or self.config.args_source is pytest.Config.ArgsSource.ARGS:
            return
        args = [self.config.invocation_params.dir / arg for arg in self.config.args]
        for path in self.scenarios:
            if not any(path == arg or arg in path.parents for arg in args):
                self.config.args.append(str(path))

    # What there is.

    def ask(self, *arguments: str) -> dict:
        """The JSON of `gatecrash list`."""
        try:
            if self._binary is None:
                self._binary = find_binary()
            command = [self._binary, "list", "--format=json", *arguments]
            done = subprocess.run(
                command, cwd=self.config.rootpath, env=self._env(), capture_output=True, stdin=subprocess.DEVNULL
            )
        except BinaryNotFound as error:
            raise Unusable(f"error: {error}") from None
        except OSError as error:
            raise Unusable(f"error: {self._binary} cannot be run: {error.strerror}") from None
        try:
            return json.loads(done.stdout)
        except ValueError:
            said = done.stderr.decode(errors="replace").strip()
            raise Unusable(said or f"error: {' '.join(command)} ended with exit code {done.returncode}") from None

    def _env(self) -> dict[str, str]:
        """That of pytest. A path in it is from where pytest was started, not from its root folder."""
        env = dict(os.environ)
        if env.get(CONFIG):
            env[CONFIG] = str(self.config.invocation_params.dir / env[CONFIG])
        return env

    def targets(self) -> list[tuple[str, ...]]:
        """The targets of each item of a trial: one each, or with a baseline two."""
        if self._targets is None:
            named: list[str] = self.config.getoption("gatecrash_target")
            baseline: str | None = self.config.getoption("gatecrash_baseline")
            if not named:
                candidate = os.environ.get(CANDIDATE)
                if baseline is None:
                    baseline = os.environ.get(BASELINE) or None
                    if baseline and not candidate:
                        # As in `cargo test`: one alone is no comparison.
                        baseline, candidate = None, baseline
                named = [candidate] if candidate else []
            known = self.ask("--targets", *named)["targets"]
            if baseline is not None:
                self.ask("--targets", baseline)
            self._targets = [(baseline, target) if baseline is not None else (target,) for target in dict.fromkeys(known)]
        return self._targets

    def source_of(self, path: Path) -> Path | None:
        """From where the trials of a file are listed: the folder that it was named with, or itself."""
        if path.name.endswith(YAML):
            for scenarios in self.scenarios:
                if path == scenarios or scenarios in path.parents:
                    return scenarios
        return path if path.name.endswith(OWN) else None

    def trials(self, path: Path, source: Path) -> tuple[list[dict], Path]:
        """The trials of a file, and from where they are listed."""
        try:
            of_folder = self._list(source)
        except Unusable:
            # Each file of the folder answers for itself.
            if source == path:
                raise
            of_folder, source = self._list(path), path
        trials = of_folder.get(path, [])
        if not trials and source != path and path in self._named():
            # What an ordinary run leaves out is run if its file is named.
            trials, source = self._list(path).get(path, []), path
        return trials, source

    def _named(self) -> set[Path]:
        return {Path(os.path.abspath(self.config.invocation_params.dir / arg.split("::")[0])) for arg in self.config.args}

    def _list(self, source: Path) -> dict[Path, list[dict]]:
        if source not in self._listed:
            listed: dict[Path, list[dict]] = {}
            for trial in self.ask(self.shown(source))["trials"]:
                listed.setdefault(self.config.rootpath / trial["file"], []).append(trial)
            self._listed[source] = listed
        return self._listed[source]

    def shown(self, path: Path) -> str:
        """As gatecrash names it, which runs in pytest's root folder."""
        root = self.config.rootpath
        return str(path.relative_to(root)) if path != root and root in path.parents else str(path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        named = self.config.getoption("gatecrash_target") or self.config.getoption("gatecrash_baseline")
        if (named or self.scenarios) and not self.is_worker:
            try:
                self.targets()
            except Unusable as error:
                raise pytest.UsageError(str(error)) from None

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        source = self.source_of(file_path)
        return None if source is None else Scenario.from_parent(parent, path=file_path, source=source)

    # What is run.

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        items = [item for item in session.items if isinstance(item, Trial)]
        if not items or self.config.option.collectonly:
            return
        self._orders = orders_of(items)
        if self.is_worker:
            # The controller begins when it hears that this worker is ready.
            self._folder = Path(self.config.workerinput["gatecrash_folder"])
            save_orders(self._folder, self._orders)
        else:
            self._folder = self._make_folder()
        self._results = [Results(self._folder, number, order) for number, order in enumerate(self._orders)]

    def _make_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="pytest-gatecrash-"))
        return self._folder

    def _begin(self) -> None:
        if self._runs is None:
            binary, root = self._binary or find_binary(), self.config.rootpath
            self._runs = Runs(binary, self._orders, self._folder, root, self._env())
            self._runs.start()

    def result_of(self, item: Trial) -> dict | NoResult:
        if not self.is_worker:
            self._begin()
        told = self._results[item.order].wait_for(item.trial, item.targets)
        if isinstance(told, NotLaunched):
            # Its log is long, and the same for all.
            if told.target in self._told_of:
                return NoResult(str(told).splitlines()[0] + " (see above)")
            self._told_of.add(told.target)
        return told

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        node.workerinput["gatecrash_folder"] = str(self._make_folder())

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids) -> None:
        if self._runs is None and (self._folder / "orders.json").exists():
            self._orders = saved_orders(self._folder)
            self._results = [Results(self._folder, number, order) for number, order in enumerate(self._orders)]
            self._begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._runs is None:
            return
        if all(results.are_all_there() for results in self._results):
            # It takes away what it launched, and says what only the whole run shows.
            self._runs.join()
        else:
            self._runs.stop()
        for results in self._results:
            results.look()
        codes = [results.ended["exit_code"] for results in self._results if results.ended]
        if session.exitstatus == pytest.ExitCode.OK and (FAILED in codes or BROKE in codes):
            self._fails_alone = True
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter, exitstatus) -> None:
        texts = [results.ended["text"] for results in self._results if results.ended and self._runs is not None]
        if texts and (self.config.option.verbose >= 0 or exitstatus != pytest.ExitCode.OK):
            terminalreporter.write_sep("=", "gatecrash")
            for text in texts:
                terminalreporter.write_line(text)
            if self._fails_alone:
                terminalreporter.write_line("gatecrash: this fails the session", red=True)

    def pytest_unconfigure(self) -> None:
        if self._folder is not None and not self.is_worker:
            if self._runs is not None:
                self._runs.stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
        outcome = yield
        if not isinstance(item, Trial):
            return
        report = outcome.get_result()
        # Items wait for what runs side by side: the time of a trial is its own.
        report.duration = item.took if call.when == "call" or report.failed else 0.0
        place = getattr(report.longrepr, "reprcrash", None)
        if report.failed and place is not None:
            place.path, place.lineno = str(item.path), 1
            # Without the `Failed: ` of pytest.
            place.message = item.summary or str(call.excinfo.value) or place.message
        elif report.skipped and isinstance(report.longrepr, tuple):
            report.longrepr = (str(item.path), 1, report.longrepr[2])


PLUGIN = pytest.StashKey[Gatecrash]()


def orders_of(items: list[Trial]) -> list[Order]:
    """As few runs as can be. Each item gets the number of its own.

    Targets on which the same was selected share a run. Two files of the same name cannot: their trials have the same name.
    """
    rounds: list[dict[tuple[str, ...], dict[str, Trial]]] = []
    for item in items:
        for number in range(len(rounds) + 1):
            if number == len(rounds):
                rounds.append({})
            of_targets = rounds[number].setdefault(item.targets, {})
            if item.trial not in of_targets:
                of_targets[item.trial] = item
                break
    orders = []
    for of_round in rounds:
        groups: dict[tuple, list[tuple[str, ...]]] = {}
        for targets, trials in of_round.items():
            alike = tuple(sorted((trial, str(item.source)) for trial, item in trials.items()))
            # A comparison is always of two.
            groups.setdefault(alike if len(targets) == 1 else (alike, targets), []).append(targets)
        for group in groups.values():
            own = [item for targets in group for item in of_round[targets].values()]
            for item in own:
                item.order = len(orders)
            sources = tuple(dict.fromkeys(item.shown_source for item in own))
            compares = len(group[0]) == 2
            targets = group[0] if compares else tuple(target for (target,) in group)
            orders.append(Order(targets, compares, sources, tuple(dict.fromkeys(item.trial for item in own))))
    return orders


class Scenario(pytest.File):
    """A file of trials."""

    def __init__(self, *, source: Path, **kwargs):
        super().__init__(**kwargs)
        self.source = source

    def collect(self) -> Iterator[Trial]:
        plugin = self.config.stash[PLUGIN]
        try:
            trials, source = plugin.trials(self.path, self.source)
            each = plugin.targets() if trials else []
        except Unusable as error:
            raise self.CollectError(str(error)) from None
        for trial in trials:
            for targets in each:
                name = f"{trial['trial']}[{'..'.join(targets)}]"
                yield Trial.from_parent(self, name=name, trial=trial, targets=targets, source=source)


class Trial(pytest.Item):
    """A trial on a target; or on two, of which the first is the baseline."""

    def __init__(self, *, trial: dict, targets: tuple[str, ...], source: Path, **kwargs):
        super().__init__(**kwargs)
        self.trial: str = trial["trial"]
        self.targets = targets
        self.source = source
        self.shown_source = self.config.stash[PLUGIN].shown(source)
        self.extra_keyword_matches.update(trial["tags"])
        self.order = 0
        self.told: dict | NoResult | None = None
        self.took = 0.0
        self.summary: str | None = None

    def setup(self) -> None:
        told = self.told = self.config.stash[PLUGIN].result_of(self)
        if isinstance(told, NoResult):
            # In `setup`, it is an error of the environment and no failure of what is tested.
            pytest.fail(str(told), pytrace=False)
        self.took = told["took_ms"] / 1000
        if told["verdict"] is not None:
            self.user_properties.append(("verdict", told["verdict"].replace("_", " ")))
        outcomes = list(zip(self.targets, told["outcomes"]))
        for target, outcome in outcomes:
            if outcome["is"] == "error":
                pytest.fail(f"{target}: {outcome['reason']}", pytrace=False)
        for _, outcome in outcomes:
            if outcome["is"] == "skip":
                pytest.skip(outcome["reason"])

    def runtest(self) -> None:
        told = self.told
        if told["failed"]:
            self.summary = told["summary"]
            pytest.fail(told["text"] or told["summary"], pytrace=False)
        if told["text"]:
            self.add_report_section("call", "gatecrash", told["text"])
        for target, outcome in zip(self.targets, told["outcomes"]):
            if outcome["is"] == "unsteady":
                rate = outcome["rate"]
                what = f"{self.trial} is unsteady on {target}: it failed {rate['failed']} of {rate['of']} times"
                self.warn(GatecrashWarning(what))
        if told["verdict"] == "still_failing":
            pytest.xfail(f"it fails on {self.targets[0]}, too")
        if told["verdict"] == "changed":
            self.warn(GatecrashWarning(f"{self.trial} has changed from {self.targets[0]} to {self.targets[1]}"))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name
