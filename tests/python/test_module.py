"""`python -m gatecrash` is the binary."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import gatecrash
from conftest import LONG

MODULE = [sys.executable, "-m", "gatecrash"]


def test_it_has_the_output_and_exit_codes_of_the_binary(scenario):
    key = scenario("key.gatecrash.yaml")
    fault = "builtin@fault:unpriced-model-skips-budgets"
    for arguments, code in [(["--version"], 0), (["run", key, "--target", fault], 1), (["run", "/nowhere.yaml"], 2)]:
        direct = subprocess.run([gatecrash.find_binary(), *arguments], capture_output=True, text=True)
        module = subprocess.run([*MODULE, *arguments], capture_output=True, text=True)
        assert (module.returncode, direct.returncode) == (code, code), module.stderr
    assert module.stderr == direct.stderr


def test_signals_are_for_the_binary(scenario):
    long = scenario("long.gatecrash.yaml", LONG)
    process = subprocess.Popen([*MODULE, "run", long, "--format", "json-lines"], stdout=subprocess.PIPE, text=True)
    assert any('"launched"' in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, '"exit_code":130' in out) == (130, True), out


def copy_without_binary(folder):
    """The package, in an environment without the binary."""
    package = folder / "lib" / "python3" / "site-packages" / "gatecrash"
    shutil.copytree(Path(gatecrash.__file__).parent, package)
    return package.parent


def run_in(site_packages, *more):
    env = {name: value for name, value in os.environ.items() if name != "GATECRASH_BINARY"}
    # Not of this environment: its own binary would be found.
    script = (
        "import sys, sysconfig; sys.path.insert(0, sys.argv.pop(1)); real = sysconfig.get_path;"
        "sysconfig.get_path = lambda name, *more, **named: '/nowhere' if name == 'scripts' else real(name, *more, **named);"
        "import gatecrash.__main__ as module; sys.exit(module.main())"
    )
    command = [sys.executable, "-c", script, str(site_packages), *more]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_without_the_binary_it_says_where_it_looked(tmp_path):
    result = run_in(copy_without_binary(tmp_path), "--version")
    assert result.returncode == 3
    assert "error: the gatecrash binary is not installed beside its Python package" in result.stderr
    assert f"looked in {tmp_path}/bin" in result.stderr and "help: pip install" in result.stderr


def test_the_binary_beside_the_package_is_found_whichever_interpreter_asks(tmp_path):
    site_packages = copy_without_binary(tmp_path)
    (tmp_path / "bin").mkdir()
    shutil.copy(gatecrash.find_binary(), tmp_path / "bin" / "gatecrash")
    result = run_in(site_packages, "--version")
    assert (result.returncode, result.stdout.startswith("gatecrash ")) == (0, True), result.stderr


def test_a_binary_of_another_platform_is_a_clear_error(tmp_path):
    site_packages = copy_without_binary(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gatecrash").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "bin" / "gatecrash").chmod(0o755)
    result = run_in(site_packages, "--version")
    assert result.returncode == 3
    assert "cannot be run here" in result.stderr and "wheel for another platform" in result.stderr
