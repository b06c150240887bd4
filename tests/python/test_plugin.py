"""Scenarios as tests of pytest, on the built-in gateway."""

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import FAULT, KEY, LONG, SKIPPED, left_behind

ON_FAULT = f"--gatecrash-target={FAULT}"


def test_collecting_names_each_trial_on_each_target_and_launches_nothing(run, scenario, asked):
    scenario("key.gatecrash.yaml")
    result = run("--collect-only", "-q", "--gatecrash-target=builtin", "--gatecrash-target=litellm@1.82.3")
    names = [
        f"key.gatecrash.yaml::key/{path}[{target}]"
        for path in ("alias", "model_info", "token")
        for target in ("builtin", "litellm@1.82.3")
    ]
    assert (result.ret, result.outlines[:6]) == (0, names)
    assert set(asked.verbs()) == {"list"}


def test_without_options_the_targets_are_those_of_harness_toml(run, scenario, pytester):
    scenario("key.gatecrash.yaml")
    (pytester.path / "harness.toml").write_text(f'[run]\ntargets = ["{FAULT}"]\n')
    result = run("--collect-only", "-q")
    result.stdout.fnmatch_lines([f"key.gatecrash.yaml::key/alias[[]{FAULT}]"])


@pytest.mark.parametrize(
    "environment, item",
    [
        ({"GATECRASH_BASELINE": FAULT}, f"key/token[{FAULT}]"),
        ({"GATECRASH_CANDIDATE": FAULT}, f"key/token[{FAULT}]"),
        ({"GATECRASH_BASELINE": "builtin", "GATECRASH_CANDIDATE": FAULT}, f"key/token[builtin..{FAULT}]"),
    ],
)
def test_the_environment_names_targets_as_for_cargo_test(run, scenario, monkeypatch, environment, item):
    scenario("key.gatecrash.yaml")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert f"key.gatecrash.yaml::{item}" in run("--collect-only", "-q").outlines


def test_a_failure_is_the_text_of_the_terminal_report(run, scenario, asked):
    file = scenario("key.gatecrash.yaml")
    result = run(ON_FAULT)
    result.assert_outcomes(passed=2, failed=1)
    report = subprocess.run(
        [asked.program, "run", file.name, "--target", FAULT, "--quiet", "--filter", "alias"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    ).stdout
    text = report[report.index("FAILED key/alias") : report.index("  repeat: ")]
    assert "bypass: " in text and text in result.stdout.str()
    assert "Traceback" not in result.stdout.str() and "pytest_plugin" not in result.stdout.str()
    result.stdout.fnmatch_lines([f"FAILED *key/alias[[]{FAULT}[]] - bypass: {FAULT} accepted a request that *"])
    result.stdout.fnmatch_lines([f"{FAULT}: 1 failed, 2 passed (*"])


def test_all_that_is_selected_runs_side_by_side_in_one_run(run, scenario, asked):
    scenario("a.gatecrash.yaml")
    scenario("b.gatecrash.yaml")
    run(ON_FAULT, "--gatecrash-target=builtin").assert_outcomes(passed=10, failed=2)
    assert len(asked.runs()) == 1


def test_k_runs_what_it_selects_and_no_more(run, scenario, asked):
    scenario("key.gatecrash.yaml")
    run("-k", "alias and not skips", "--gatecrash-target=builtin", ON_FAULT).assert_outcomes(passed=1, deselected=5)
    (line,) = asked.runs()
    assert [word for word in line.split() if word.startswith(("--filter", "--target"))] == [
        "--target=builtin",
        "--filter=key/alias",
    ]
    run("-k", "budget").assert_outcomes(passed=3)


def test_x_stops_what_runs_beside_the_failure(run, scenario, pytester):
    scenario("a.gatecrash.yaml")
    scenario("long.gatecrash.yaml", LONG)
    began = time.monotonic()
    result = run("-x", ON_FAULT)
    result.assert_outcomes(failed=1)
    assert time.monotonic() - began < 15
    assert left_behind(pytester) == ""


def test_junit_says_what_was_found_and_how_long_a_trial_took(run, scenario, pytester):
    scenario("key.gatecrash.yaml")
    scenario("skipped.gatecrash.yaml", SKIPPED)
    run(ON_FAULT, "--junitxml=junit.xml")
    cases = {case.get("name"): case for case in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")}
    failure = cases[f"key/alias[{FAULT}]"].find("failure")
    assert failure.get("message") == f"bypass: {FAULT} accepted a request that had to be refused"
    assert failure.text.startswith("FAILED key/alias\nThe budget of a key holds\n")
    assert float(cases[f"key/alias[{FAULT}]"].get("time")) > 0
    assert cases[f"skipped[{FAULT}]"].find("skipped").get("message").startswith("no whole number of tokens costs")
    assert len(cases[f"key/token[{FAULT}]"]) == 0


def test_workers_of_xdist_share_one_run(run, scenario, asked):
    scenario("a.gatecrash.yaml")
    scenario("b.gatecrash.yaml")
    result = run("-n", "3", ON_FAULT)
    result.assert_outcomes(passed=4, failed=2)
    assert len(asked.runs()) == 1
    result.stdout.fnmatch_lines([f"FAILED *a/alias[[]{FAULT}[]] - bypass: *"])
    result.stdout.fnmatch_lines(["  line  key     request  spent before *"])


def test_x_with_xdist_leaves_nothing(run, scenario, pytester):
    scenario("a.gatecrash.yaml")
    for name in ("b", "c", "d"):
        scenario(f"{name}.gatecrash.yaml", LONG)
    began = time.monotonic()
    result = run("-x", "-n", "2", ON_FAULT)
    assert result.ret != 0 and "1 failed" in result.stdout.str()
    assert time.monotonic() - began < 18
    assert left_behind(pytester) == ""


def test_a_skip_has_its_reason(run, scenario):
    scenario("skipped.gatecrash.yaml", SKIPPED)
    result = run("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * skipped.gatecrash.yaml:1: no whole number of tokens costs 0.0123456*"])


def test_a_target_that_cannot_be_launched_is_an_error_of_each_item_and_told_once(run, scenario, monkeypatch):
    scenario("key.gatecrash.yaml")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("GATECRASH_LAUNCHER", "docker")
    result = run("--gatecrash-target=litellm@1.82.3", "--gatecrash-target=builtin")
    result.assert_outcomes(errors=3, passed=3)
    result.stdout.fnmatch_lines(["ERROR *key/token[[]litellm@1.82.3[]] - litellm@1.82.3 could not be launched: *"])
    assert "Traceback" not in result.stdout.str()


def test_mistakes_in_a_scenario_are_shown_and_other_scenarios_are_collected(run, scenario):
    scenario("good.gatecrash.yaml")
    scenario("wrong.gatecrash.yaml", KEY.replace("price:", "prise:"))
    result = run("--continue-on-collection-errors")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*wrong.gatecrash.yaml:3:1*", "3 | prise: 0.02"])
    assert "Traceback" not in result.stdout.str() and "pytest_plugin" not in result.stdout.str()


def test_a_folder_is_looked_into_without_being_named_and_leaves_out_what_a_run_leaves_out(run, scenario, pytester):
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\ntestpaths = ["tests"]\ngatecrash_scenarios = ["corpus"]\n')
    pytester.mkdir("tests").joinpath("test_own.py").write_text("def test_own(): pass\n")
    scenario("corpus/budget/key.yaml")
    scenario("corpus/rate/slow.yaml", KEY.replace("[budget]", "[slow]"))
    result = run("--collect-only", "-q")
    assert result.outlines[:4] == [
        "tests/test_own.py::test_own",
        *(f"corpus/budget/key.yaml::budget/key/{path}[builtin]" for path in ("alias", "model_info", "token")),
    ]
    assert "slow" not in result.stdout.str()
    run("corpus/rate/slow.yaml").assert_outcomes(passed=3)
    run("corpus/budget").assert_outcomes(passed=3)
    run("tests").assert_outcomes(passed=1)


def test_a_mistake_in_a_folder_is_one_of_its_file(run, scenario, pytester):
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\ngatecrash_scenarios = ["corpus"]\n')
    scenario("corpus/budget/key.yaml")
    scenario("corpus/budget/wrong.yaml", "name: 3\n")
    result = run("--continue-on-collection-errors")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["ERROR corpus/budget/wrong.yaml*"])


def test_files_of_the_same_name_are_both_run(run, scenario, asked):
    scenario("one/key.gatecrash.yaml")
    scenario("two/key.gatecrash.yaml")
    result = run(ON_FAULT)
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines([" --> one/key.gatecrash.yaml:9:12", " --> two/key.gatecrash.yaml:9:12"])
    assert len(asked.runs()) == 2


def test_a_target_that_there_cannot_be_is_wrong_usage(run, scenario, asked):
    scenario("key.gatecrash.yaml")
    result = run("--gatecrash-target=litelm@1.82.3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*`litelm@1.82.3` is not a target*", "*did you mean `litellm`?"])
    assert asked.runs() == []


def test_a_regression_fails_and_what_fails_on_the_baseline_too_is_expected_to(run, scenario):
    scenario("key.gatecrash.yaml")
    result = run("--gatecrash-baseline=builtin", ON_FAULT)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["REGRESSION key/alias"])
    result = run(f"--gatecrash-baseline={FAULT}", ON_FAULT, "-rx")
    result.assert_outcomes(passed=2, xfailed=1)
    result.stdout.fnmatch_lines([f"XFAIL *key/alias* - *it fails on {FAULT}, too"])
    run(f"--gatecrash-baseline={FAULT}", "--gatecrash-target=builtin").assert_outcomes(passed=3)


def started(pytester, *arguments):
    """pytest in a process group of its own, as a terminal starts it, when its run has begun."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    process = subprocess.Popen(command, cwd=pytester.path, start_new_session=True, stdout=subprocess.PIPE, text=True)
    limit = time.monotonic() + 60
    while not any("launched" in file.read_text() for file in (pytester.path / "temporary").glob("*/told-0")):
        assert time.monotonic() < limit and process.poll() is None
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_ctrl_c_ends_the_run_at_once_and_leaves_nothing(scenario, pytester, arguments):
    scenario("long.gatecrash.yaml", LONG)
    process = started(pytester, *arguments)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED and "KeyboardInterrupt" in out, out
    assert time.monotonic() - began < 15
    assert left_behind(pytester) == ""


def test_a_pytest_that_is_killed_leaves_no_run(scenario, pytester):
    scenario("long.gatecrash.yaml", LONG)
    process = started(pytester)
    process.kill()
    process.communicate()
    for folder in (pytester.path / "temporary").glob("pytest-gatecrash-*"):
        # What pytest itself leaves when it is killed.
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert left_behind(pytester) == ""


def trial(outcome):
    return (
        '{"event":"trial","trial":"only","targets":["builtin"],"outcomes":[%s],"verdict":null,"failed":false,'
        '"summary":null,"text":null,"took_ms":1200}' % outcome
    )


ENDED = '{"event":"ended","exit_code":0,"text":"builtin: 1 unsteady (1.2 s)"}'
ONE = KEY.replace("priced_by: [alias, model_info, token]\n", "")


def test_an_unsteady_trial_passes_with_a_warning(run, scenario, asked):
    scenario("only.gatecrash.yaml", ONE)
    asked.tells(trial('{"is":"unsteady","rate":{"failed":1,"of":2}}'), ENDED)
    result = run()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*only is unsteady on builtin: it failed 1 of 2 times"])


def test_what_only_the_whole_run_shows_fails_the_session(run, scenario, asked):
    scenario("only.gatecrash.yaml", ONE)
    stale = "known deviations (harness.toml), marked * above: STALE"
    asked.tells(trial('{"is":"pass"}'), '{"event":"ended","exit_code":1,"text":"%s"}' % stale)
    result = run()
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["known deviations (harness.toml), marked [*] above: STALE", "gatecrash: this fails the session"])


def test_a_trial_that_could_not_be_judged_is_an_error_with_its_reason(run, scenario, asked):
    scenario("only.gatecrash.yaml", ONE)
    asked.tells(trial('{"is":"error","reason":"its database is gone"}'), ENDED)
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ERROR *only[[]builtin[]] - builtin: its database is gone"])


def test_a_run_that_ends_too_early_is_an_error_that_says_what_it_said(run, scenario, asked):
    scenario("only.gatecrash.yaml", ONE)
    asked.tells('{"event":"began"}', then="echo it is too much >&2\nkill -9 $$")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["gatecrash ended by signal 9, without a result of this trial:", "it is too much"])


def test_without_the_binary_collecting_says_so_and_other_tests_run(run, scenario, pytester, monkeypatch):
    scenario("key.gatecrash.yaml")
    pytester.makepyfile(test_own="def test_own(): pass\n")
    monkeypatch.setenv("GATECRASH_BINARY", "/nowhere/gatecrash")
    result = run("--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["error: GATECRASH_BINARY is `/nowhere/gatecrash`, and there is no such file"])


def test_a_project_without_scenarios_never_asks_for_the_binary(run, pytester, asked):
    pytester.makepyfile(test_own="def test_own(): pass\n")
    run().assert_outcomes(passed=1)
    assert asked.verbs() == []
