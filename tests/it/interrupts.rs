//! Ctrl-C and SIGTERM: after one, trials that have begun end; after two, nothing is waited for.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::support::running::{Running, long_scenario, signal};
use super::{case, gatecrash, write};

/// A trial of this many requests, ten a second; the one with the most begins first.
fn trial(folder: &Path, name: &str, requests: usize, more: &str) -> String {
    let text = format!("name: a\nprice: 0.02\n{more}pace: 100ms\ngiven:\n  - key: k\nsteps:\n  - chat: k\n");
    write(folder, name, format!("{text}    times: {requests}\n"))
}

#[test]
fn one_interrupt_lets_trials_end_and_begins_none() {
    let folder = tempfile::tempdir().unwrap();
    let long = trial(folder.path(), "long.yaml", 30, "");
    let quick = trial(folder.path(), "quick.yaml", 2, "");
    let last = trial(folder.path(), "last.yaml", 2, "alone: last\n");
    for name in ["-INT", "-TERM"] {
        let run = Running::start(&["run", &long, &quick, &last], None);
        run.until("quick: done");
        signal(&run.child, name);
        run.until("interrupted: waiting for 1 trial to end; interrupt again to stop at once");
        let (code, stdout) = run.ends();
        assert_eq!(code, 130, "{stdout}");
        assert!(stdout.contains("interrupted, 1 trial was not run; results so far: 2 passed"), "{stdout}");
    }
}

#[test]
fn two_interrupts_end_the_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (long, quick) = (long_scenario(folder.path()), trial(folder.path(), "quick.yaml", 2, ""));
    let run = Running::start(&["run", &long, &quick], None);
    run.until("quick: done");
    signal(&run.child, "-INT");
    run.until("interrupted: waiting for 1 trial to end");
    signal(&run.child, "-INT");
    run.until("interrupted again");
    let (code, stdout) = run.ends();
    assert_eq!(code, 130, "{stdout}");
    assert!(stdout.contains("interrupted, 1 trial was not run; results so far: 1 passed"), "{stdout}");
}

#[test]
fn what_failed_before_an_interrupt_is_told_in_an_issue() {
    let folder = tempfile::tempdir().unwrap();
    let long = long_scenario(folder.path());
    let out = folder.path().join("out");
    let target = ["--target", "builtin@fault:key-budget-ignored", "--evidence", out.to_str().unwrap()];
    let run = Running::start(&[&["run", &long, &case("good.yaml")], &target[..]].concat(), None);
    run.until("good: done");
    signal(&run.child, "-INT");
    run.until("interrupted: waiting for 1 trial to end");
    signal(&run.child, "-INT");
    run.until("evidence to paste into an issue");
    assert_eq!(run.ends().0, 130);
    let issue = std::fs::read_to_string(out.join("issue.md")).unwrap();
    assert!(
        issue.contains("had to be refused: Key budgets hold\n") && issue.contains("; it was interrupted"),
        "{issue}"
    );
}

#[test]
fn what_is_being_launched_is_given_up_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let engine = format!("tcp://{}", silent.local_addr().unwrap());
    let run = Running::start(&["run", "scenarios/access", "--target", "litellm@1.82.3"], Some(&engine));
    run.until("launching litellm@1.82.3");
    signal(&run.child, "-TERM");
    run.until("interrupted: cleaning up");
    let (code, stdout) = run.ends();
    assert_eq!((code, stdout.contains("results so far: nothing was run")), (130, true), "{stdout}");
}

/// A stand-in for `initdb`: what it started ends some time after it, as its servers do.
const INITDB: &str = r#"#!/bin/sh
mkfifo fifo
{ cat <fifo >/dev/null; sleep 0.3; touch "$(dirname "$0")/ended"; } &
exec 3>fifo
touch "$(dirname "$0")/began"
wait
"#;

#[test]
fn servers_that_set_a_database_up_end_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    // Root runs them as another user.
    open(folder.path());
    for (name, script) in [("initdb", INITDB), ("postgres", ""), ("uv", "#!/bin/sh\nexec sleep 60\n")] {
        open(Path::new(&write(folder.path(), name, script)));
    }
    let mut command = gatecrash(&["run", "scenarios/access", "--target", "litellm@1.82.3", "--launcher", "process"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
    command.env("GATECRASH_CACHE", folder.path().join("cache"));
    let run = Running::of(command);
    let began = Instant::now();
    while !folder.path().join("began").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "initdb has not begun");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&run.child, "-INT");
    let (code, stdout) = run.ends();
    assert_eq!(code, 130, "{stdout}");
    assert!(folder.path().join("ended").exists(), "they were killed: shared memory would be left");
}

#[test]
fn a_report_in_json_names_what_was_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let first = trial(folder.path(), "first.yaml", 10, "");
    let second = trial(folder.path(), "second.yaml", 9, "");
    let third = trial(folder.path(), "third.yaml", 8, "");
    let run = Running::start(&["run", &first, &second, &third, "--jobs", "1", "--format", "json"], None);
    run.until(": done");
    signal(&run.child, "-INT");
    let (code, stdout) = run.ends();
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["interrupted"], &report["exit_code"]), (130, &true.into(), &130.into()));
    // One has ended, and the next may just have begun.
    let not_run = report["not_run"].as_array().unwrap();
    let run: Vec<_> = report["trials"].as_array().unwrap().iter().map(|trial| &trial["trial"]).collect();
    assert!((1..=2).contains(&not_run.len()) && run.len() + not_run.len() == 3, "{run:?}, not {not_run:?}");
}

#[test]
fn one_that_makes_a_scenario_smaller_ends_with_the_smallest_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: a\ntags: [b]\nprice: 0.02\npace: 100ms\ngiven:\n  - key: k\n    max_budget: 0.02\nsteps:\n  - chat: k\n  \
                - chat: k\n    times: 30\n    expect: refused\n";
    let bug = write(folder.path(), "bug.yaml", text);
    let run = Running::start(&["minimize", &bug, "--target", "builtin@fault:key-budget-ignored"], None);
    run.until("trying ");
    signal(&run.child, "-INT");
    run.until("interrupted: ");
    run.until("this is the smallest so far");
    let (code, stdout) = run.ends();
    assert_eq!(code, 130, "{stdout}");
    let smaller = write(folder.path(), "smaller.yaml", &stdout);
    assert_eq!(super::answer(gatecrash(&["check", &smaller])).0, 0, "{stdout}");
}
