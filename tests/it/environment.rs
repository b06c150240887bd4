//! What else may go wrong around a run, on this machine and with its Docker engine: a full disk, a clock that jumps, a
//! neighbour, an engine or a database that is gone. Each has a clear outcome, and what was known is reported.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::engine::{Relay, TARGET, docker, run_of, turn};
use super::support::external::{ADMIN_KEY, External};
use super::support::not_tested;
use super::support::running::{ends_within, until_ready};
use super::{case, gatecrash, write};
use gatecrash::builtin::Fault;

#[test]
fn a_report_that_the_disk_has_no_room_for_is_not_lost() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        not_tested("there is no /dev/full here");
        return;
    };
    let fault = "builtin@fault:key-budget-ignored";
    for (arguments, expected, kept) in [
        (vec!["run", &case("good.yaml")], 3, "1 passed"),
        (vec!["run", &case("good.yaml"), "--target", fault], 1, "FAIL bypass"),
        (vec!["run", &case("good.yaml"), "--format", "json"], 3, "\"exit_code\": 0"),
        (vec!["list"], 3, ""),
        (vec!["schema"], 3, ""),
    ] {
        let mut child = gatecrash(&arguments).stdout(full.try_clone().unwrap()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{arguments:?}: {stderr}");
        let said = "error: cannot write to standard output: No space left on device";
        assert!(stderr.contains(said) && stderr.contains(kept), "{arguments:?}: {stderr}");
    }
}

#[test]
fn four_runs_at_once_do_not_disturb_one_another() {
    let runs = [(); 4].map(|()| {
        let arguments = ["compare", "scenarios/budget/key.yaml", "scenarios/budget/user.yaml", "--quiet"];
        gatecrash(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    });
    for run in runs {
        let (code, stdout) = ends_within(run, Duration::from_secs(60));
        assert_eq!((code, stdout.contains(": 6 regressions, 8 same")), (1, true), "{stdout}");
    }
}

/// With this library, a program's wall clock is off by as many seconds as a file says.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    const char *name = getenv("CLOCK_IS_OFF_BY");
    FILE *file = clock == CLOCK_REALTIME && name ? fopen(name, "r") : 0;
    long seconds = 0;
    if (file) {
        if (fscanf(file, "%ld", &seconds) == 1) now->tv_sec += seconds;
        fclose(file);
    }
    return result;
}
"#;

/// The library for a clock, made by the linker's compiler.
fn clock(folder: &Path) -> Option<String> {
    let source = write(folder, "clock.c", CLOCK);
    let library = folder.join("clock.so").display().to_string();
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o", &library, &source]).stderr(Stdio::null()).status();
    (cfg!(all(target_os = "linux", target_pointer_width = "64")) && made.is_ok_and(|status| status.success()))
        .then_some(library)
}

#[test]
fn a_clock_that_jumps_in_mid_run_changes_no_limit_and_no_sum() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = clock(folder.path()) else {
        not_tested("there is no C compiler for 64-bit Linux here");
        return;
    };
    // Dates show that the clock has jumped: a known deviation is accepted until tomorrow.
    let until = jiff::ZonedDateTime::now().date().tomorrow().unwrap();
    let deviation = format!(
        "[[known_deviation]]\ngateway = \"litellm\"\nversions = \">=1\"\nscenario = \"paced\"\nfinding = \"wrong refusal\"\n\
         got = \"400 budget_exceeded\"\nreason = \"400 for 429\"\nissue = \"#1\"\nuntil = \"{until}\"\n"
    );
    let text = std::fs::read_to_string(case("good.yaml")).unwrap().replace("price: 0.02", "price: 0.02\npace: 400ms");
    let scenario = write(folder.path(), "paced.yaml", text);
    for (jump, code, said) in [("864000", 1, "EXPIRED"), ("-864000", 0, "1 passed")] {
        let external = External::start(Some(Fault::BudgetRefusedWith400));
        let settings = external.settings(folder.path(), &deviation);
        let off = write(folder.path(), "off", "0");
        let mut command = gatecrash(&["run", &scenario, "--target", "mine", "--config", &settings]);
        command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY).env("LD_PRELOAD", &clock).env("CLOCK_IS_OFF_BY", &off);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until_ready(&mut child);
        write(folder.path(), "off", jump);
        let (ended, stdout) = ends_within(child, Duration::from_secs(30));
        assert_eq!((ended, stdout.contains(said), stdout.contains("miscount")), (code, true, false), "{stdout}");
    }
}

/// A run of some seconds on a real gateway in Docker, as soon as that is ready.
fn until_trials_begin(folder: &Path, host: Option<&str>) -> std::process::Child {
    let text = "name: a\nprice: 0.02\npace: 500ms\nsettle: at_check\ngiven:\n  - key: k\nsteps:\n  - chat: k\n    times: 12\n  \
                - check: k\n";
    let scenario = write(folder, "paced.yaml", text);
    let settings = write(folder, "harness.toml", "[limits]\nrequest = \"5s\"\nsettle = \"20s\"\n");
    let mut command = gatecrash(&["run", &scenario, "--target", TARGET, "--config", &settings]);
    if let Some(host) = host {
        command.env("DOCKER_HOST", host);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_ready(&mut child);
    child
}

#[test]
fn a_gateway_in_docker_whose_engine_goes_is_said_and_what_it_still_has_is_removed_when_it_is_back() {
    let Some(_turn) = turn() else { return };
    let (folder, relay) = (tempfile::tempdir().unwrap(), Relay::start());
    // Getting this far also shows that an engine over TCP is like any other.
    let child = until_trials_begin(folder.path(), Some(&relay.host));
    let label = format!("label=dev.gatecrash.run={}", run_of(&child).expect("the run has a reaper"));
    let left = || docker(&["ps", "--all", "--quiet", "--filter", &label]).lines().count();
    assert!(left() > 0);
    relay.cut();
    let (code, stdout) = ends_within(child, Duration::from_secs(90));
    assert_eq!(code, 3, "{stdout}");
    let said = ["1 passed", "this run left something behind", "the Docker engine does not answer", &label];
    assert!(said.iter().all(|said| stdout.contains(said)), "{stdout}");
    relay.restore();
    let began = Instant::now();
    while left() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the reaper has not taken it away");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_database_in_docker_that_is_killed_in_mid_run_is_not_the_gateways_fault() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let child = until_trials_begin(folder.path(), None);
    let run = run_of(&child).expect("the run has a reaper");
    let label = format!("label=dev.gatecrash.run={run}");
    let database = docker(&["ps", "--quiet", "--filter", &label, "--filter", "name=postgres"]);
    docker(&["kill", database.trim()]);
    let (code, stdout) = ends_within(child, Duration::from_secs(120));
    assert_eq!((code, stdout.contains("its database has stopped, exit code 137")), (3, true), "{stdout}");
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", &label]), "");
}
