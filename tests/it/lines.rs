//! A run that another program follows line by line, and what there is as JSON.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::support::running::long_scenario;
use super::{answer, gatecrash, write};

const FAULT: &str = "builtin@fault:unpriced-model-skips-budgets";

/// The lines, each checked against the schema.
fn lines(stdout: &str) -> Vec<Value> {
    let (_, schema, _) = answer(gatecrash(&["schema", "--lines"]));
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(schema.is_valid(&line), "{line:#}");
        line
    };
    stdout.lines().map(line).collect()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn each_trial_is_told_on_each_target_and_only_trials_of_that_name() {
    let selected = ["--exact", "--filter", "budget/key/alias", "--filter", "budget/key"];
    let run = ["run", "scenarios/budget/key.yaml", "--target", "builtin", "--target", FAULT, "--format", "json-lines"];
    let (code, stdout, _) = answer(gatecrash(&[&run[..], &selected].concat()));
    let lines = lines(&stdout);
    assert_eq!((code, &lines[0]["event"], &lines[0]["trials"]), (1, &"began".into(), &1.into()), "{stdout}");
    let trials = of(&lines, "trial");
    let on = |target: &str| *trials.iter().find(|trial| trial["targets"] == serde_json::json!([target])).unwrap();
    assert_eq!(trials.len(), 2, "{stdout}");
    assert_eq!((&on("builtin")["failed"], &on("builtin")["text"]), (&false.into(), &Value::Null));
    let failed = on(FAULT);
    let summary = format!("bypass: {FAULT} accepted a request that had to be refused");
    assert_eq!((&failed["failed"], &failed["summary"]), (&true.into(), &summary.into()));
    let terminal = ["run", "scenarios/budget/key.yaml", "--target", FAULT, "--quiet"];
    let (_, terminal, _) = answer(gatecrash(&[&terminal[..], &selected].concat()));
    let text = failed["text"].as_str().unwrap();
    assert!(text.starts_with("FAILED budget/key/alias\n") && terminal.contains(text), "{text}\n\n{terminal}");
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"ended".into(), &1.into()));
}

#[test]
fn a_comparison_tells_a_trial_once_with_its_verdict() {
    let (code, stdout, _) = answer(gatecrash(&["compare", "scenarios/budget/key.yaml", "--format", "json-lines"]));
    let lines = lines(&stdout);
    let trials = of(&lines, "trial");
    let regressions = trials.iter().filter(|trial| trial["verdict"] == "regression" && trial["failed"] == true);
    assert_eq!((code, trials.len(), regressions.count()), (1, 7, 3), "{stdout}");
    assert!(trials.iter().all(|trial| trial["outcomes"].as_array().unwrap().len() == 2));
}

#[test]
fn a_target_that_cannot_be_launched_is_told() {
    let run = ["run", "scenarios/budget/key.yaml", "--target", "litellm@1.82.3", "--launcher", "docker"];
    let mut command = gatecrash(&[&run[..], &["--format", "json-lines"]].concat());
    command.env("DOCKER_HOST", "tcp://127.0.0.1:9");
    let (code, stdout, _) = answer(command);
    let lines = lines(&stdout);
    let told = of(&lines, "not_launched");
    assert_eq!((code, told.len(), of(&lines, "trial").len()), (3, 1, 0), "{stdout}");
    assert!(told[0]["text"].as_str().unwrap().starts_with("litellm@1.82.3 could not be launched: "), "{stdout}");
}

#[test]
fn who_started_it_ends_it_by_closing_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", &long_scenario(folder.path()), "--format", "json-lines", "--stop-with-stdin"];
    let mut run =
        gatecrash(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"launched\"")));
    drop(run.stdin.take());
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"ended".into(), &130.into()));
    assert_eq!(run.wait().unwrap().code(), Some(130));
}

#[test]
fn trials_and_targets_are_listed_as_json() {
    let (_, schema, _) = answer(gatecrash(&["schema", "--list"]));
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let listed = |arguments: &[&str]| {
        let (code, stdout, stderr) = answer(gatecrash(&[arguments, &["--format", "json"]].concat()));
        assert_eq!(code, 0, "{stderr}");
        let listed: Value = serde_json::from_str(&stdout).unwrap();
        assert!(schema.is_valid(&listed), "{listed:#}");
        listed
    };
    let folder = tempfile::tempdir().unwrap();
    let file = long_scenario(folder.path());
    let file = write(folder.path(), "bug.gatecrash.yaml", std::fs::read_to_string(file).unwrap());
    let trials = listed(&["list", &file])["trials"].clone();
    assert_eq!(
        (trials.as_array().unwrap().len(), &trials[0]["trial"], &trials[0]["file"]),
        (1, &"bug".into(), &file.into())
    );
    assert_eq!(listed(&["list", "--targets"])["targets"], serde_json::json!(["builtin"]));
    let named = ["list", "--targets", "litellm@1.82.3", "builtin"];
    assert_eq!(listed(&named)["targets"], serde_json::json!(["litellm@1.82.3", "builtin"]));
    let (code, _, stderr) = answer(gatecrash(&["list", "--targets", "litelm@1.82.3"]));
    assert_eq!((code, stderr.contains("did you mean `litellm`?")), (2, true), "{stderr}");
}
