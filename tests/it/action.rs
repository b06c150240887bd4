//! The composite action of `.github/actions/gate`, step by step as a runner takes it: each `run` by bash, with the inputs in its
//! environment, and with what the steps before have put out. bash and jq are what GitHub's runners have, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::support::not_tested;
use super::{answer, write};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FAULT: &str = "builtin@fault:unpriced-model-skips-budgets";
const SCENARIO: &str = "scenarios/budget/key-and-user-no-team.yaml";

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, Output>,
    runs: Runs,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    default: String,
}

#[derive(Deserialize)]
struct Output {
    value: String,
}

#[derive(Deserialize)]
struct Runs {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    #[serde(default)]
    id: String,
    #[serde(default, rename = "if")]
    condition: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    run: Option<String>,
    uses: Option<String>,
    #[serde(default)]
    with: BTreeMap<String, String>,
}

/// What came of the action.
#[derive(Default)]
struct Ran {
    /// Of the last step that failed.
    code: i32,
    log: String,
    summary: String,
    outputs: BTreeMap<String, String>,
    /// The files of the artifact, by its name.
    uploaded: Option<(String, Vec<String>)>,
}

impl Action {
    fn read() -> Action {
        let text = fs::read_to_string(Path::new(ROOT).join(".github/actions/gate/action.yml")).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }

    /// Takes all steps, in a folder as the workspace.
    fn run(&self, workspace: &Path, inputs: &[(&str, &str)], env: &[(&str, &str)]) -> Ran {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |name: &str| temporary.path().join(name);
        let mut known = BTreeMap::new();
        for (name, input) in &self.inputs {
            known.insert(format!("inputs.{name}"), input.default.clone());
        }
        for (name, value) in inputs {
            assert!(self.inputs.contains_key(*name), "there is no input {name}");
            known.insert(format!("inputs.{name}"), (*value).to_owned());
        }
        known.insert("github.action_path".to_owned(), format!("{ROOT}/.github/actions/gate"));
        let (mut ran, summary) = (Ran::default(), folder("summary"));
        for step in &self.runs.steps {
            if !holds(&step.condition, &known, ran.code == 0) {
                continue;
            }
            if let Some(script) = &step.run {
                let (script, output) = (write(temporary.path(), "script", script), folder("output"));
                fs::write(&output, "").unwrap();
                let mut bash = Command::new("bash");
                bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail", &script]).current_dir(workspace);
                bash.env("PATH", path()).env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
                bash.env("RUNNER_TEMP", temporary.path()).env_remove("GITHUB_BASE_REF").env_remove("GATECRASH_CONFIG");
                bash.env("XDG_RUNTIME_DIR", folder("nothing-is-up")).envs(env.iter().copied());
                bash.envs(step.env.iter().map(|(name, value)| (name, evaluated(value, &known))));
                let (code, stdout, stderr) = answer(bash);
                ran.log.push_str(&format!("{stdout}{stderr}"));
                ran.code = if code == 0 { ran.code } else { code };
                for (name, value) in
                    fs::read_to_string(&output).unwrap().lines().map(|line| line.split_once('=').unwrap())
                {
                    known.insert(format!("steps.{}.outputs.{name}", step.id), value.to_owned());
                }
            } else {
                assert_eq!(step.uses.as_deref(), Some("actions/upload-artifact@v4"), "{}", step.name);
                let with = |name: &str| evaluated(&step.with[name], &known);
                let files = fs::read_dir(with("path")).unwrap().map(|entry| entry.unwrap());
                let mut files: Vec<_> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
                files.sort();
                ran.uploaded = Some((with("name"), files));
            }
        }
        ran.summary = fs::read_to_string(&summary).unwrap_or_default();
        let outputs = self.outputs.iter().map(|(name, output)| (name.clone(), evaluated(&output.value, &known)));
        ran.outputs = outputs.collect();
        ran
    }
}

/// The folder of the binary first.
fn path() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_gatecrash")).parent().map(PathBuf::from);
    let all = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&all))).unwrap()
}

/// A text with its `${{ }}`: what is not known is empty, as on GitHub; nothing but names is evaluated.
fn evaluated(text: &str, known: &BTreeMap<String, String>) -> String {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, inner)) = rest.split_once("${{") {
        let (name, after) = inner.split_once("}}").unwrap();
        let name = name.trim();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
            "the tests do not evaluate {name}"
        );
        whole.push_str(before);
        whole.push_str(known.get(name).map_or("", String::as_str));
        rest = after;
    }
    whole + rest
}

fn holds(condition: &str, known: &BTreeMap<String, String>, all_went_well: bool) -> bool {
    let holds = |term: &str| match term.strip_suffix(" != ''") {
        Some(name) => known.get(name).is_some_and(|value| !value.is_empty()),
        None => {
            assert_eq!(term, "always()", "the tests do not evaluate {condition}");
            true
        }
    };
    (condition.contains("always()") || all_went_well)
        && condition.split(" && ").filter(|term| !term.is_empty()).all(holds)
}

/// Whether the action can be taken here; says what is missing.
fn has_jq() -> bool {
    let has = Command::new("jq").arg("--version").output().is_ok();
    if !has {
        not_tested("there is no jq here");
    }
    has
}

impl Ran {
    fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    /// Its exit code, in all three places.
    #[track_caller]
    fn is(&self, code: i32, verdict: &str) {
        let outputs = (self.output("exit-code"), self.output("verdict"));
        assert_eq!((self.code, outputs), (code, (code.to_string().as_str(), verdict)), "{}", self.log);
        assert!(self.summary.starts_with(&format!("**{verdict}** (exit code {code}): ")), "{}", self.summary);
    }
}

const REPORT: [&str; 5] = ["junit.xml", "log.txt", "report.html", "report.json", "report.md"];

#[test]
fn a_regression_is_red_after_it_was_told_everywhere() {
    if !has_jq() {
        return;
    }
    let inputs =
        [("baseline", "builtin"), ("candidate", FAULT), ("scenarios", SCENARIO), ("artifact", "gate of a test")];
    let ran = Action::read().run(Path::new(ROOT), &inputs, &[]);
    ran.is(1, "failed");
    let counts =
        ["regressions", "fixed", "still-failing", "changed", "not-comparable", "same"].map(|name| ran.output(name));
    assert_eq!(counts, ["3", "0", "0", "0", "0", "4"], "{}", ran.log);
    assert!(ran.log.contains(&format!("::error file={SCENARIO},line=18,")), "{}", ran.log);
    assert!(ran.summary.contains("budget/key-and-user-no-team/provider"), "{}", ran.summary);
    let files = REPORT.map(str::to_owned).to_vec();
    assert_eq!(ran.uploaded, Some(("gate of a test".to_owned(), files)), "{}", ran.log);
}

#[test]
fn no_regression_is_green() {
    if !has_jq() {
        return;
    }
    let inputs = [
        ("baseline", "builtin"),
        ("candidate", "builtin"),
        ("scenarios", &format!("{SCENARIO}\n\nscenarios/access\n")),
    ];
    let ran = Action::read().run(Path::new(ROOT), &inputs, &[]);
    ran.is(0, "passed");
    assert!(ran.output("regressions") == "0" && !ran.log.contains("::error"), "{}", ran.log);
    assert!(ran.output("same").parse::<usize>().unwrap() > 7, "{}", ran.log);
    assert_eq!(ran.uploaded.unwrap().0, "gatecrash");
}

#[test]
fn wrong_input_is_red_with_what_is_wrong() {
    if !has_jq() {
        return;
    }
    let action = Action::read();
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("baseline", "builtin"), ("candidate", "builtin@fault:none")], "there is no fault `none`"),
        (&[("candidate", "litellm@1.82.3")], "a comparison has two targets, not 1"),
        (&[("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", "no-such.yaml")], "no-such.yaml"),
        // Nobody named a target, and there is no pull request.
        (&[], "no revision is named"),
        // Inputs are never commands.
        (&[("baseline", "$(touch injected)`touch injected`"), ("candidate", "\"; touch injected; \"@1")], "error"),
    ];
    for (inputs, expected) in cases {
        let ran = action.run(folder.path(), inputs, &[]);
        ran.is(2, "wrong-input");
        assert!(
            ran.log.contains("::error title=gatecrash::The input is wrong") && ran.log.contains(expected),
            "{}",
            ran.log
        );
        assert!(ran.summary.contains(expected), "{}", ran.summary);
        assert_eq!(ran.uploaded.map(|(_, files)| files), Some(vec!["log.txt".to_owned()]), "{}", ran.log);
    }
    assert!(!folder.path().join("injected").exists());
}

#[test]
fn a_broken_environment_is_said_to_be_one() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = format!(
        "[limits]\nlaunch = \"1s\"\n[target.gone]\ngateway = \"litellm\"\nurl = \"http://{gone}\"\nadmin_key_env = \
         \"KEY_OF_THE_GONE\"\nupstream = \"127.0.0.1:0\"\n"
    );
    write(folder.path(), "own.toml", settings);
    let inputs = [("baseline", "builtin"), ("candidate", "gone"), ("known-deviations", "own.toml")];
    let ran = Action::read().run(folder.path(), &inputs, &[("KEY_OF_THE_GONE", "sk-gone")]);
    ran.is(3, "environment-broke");
    assert!(ran.summary.contains("says nothing about the new version"), "{}", ran.summary);
    assert!(ran.log.contains("::error ") && ran.uploaded.is_some(), "{}", ran.log);
}

#[test]
fn nothing_that_ran_is_not_green() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = "name: a\nprice: 0.0123456\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let scenario = write(folder.path(), "odd-price.yaml", text);
    let inputs = [("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", scenario.as_str())];
    Action::read().run(folder.path(), &inputs, &[]).is(4, "nothing-run");
}

/// A malicious release never gets as far as being launched, so that this needs neither Docker nor the network.
#[test]
fn the_versions_are_those_of_the_pull_request() {
    if !has_jq() {
        return;
    }
    let repository = super::from_git::Repository::of("compromised");
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    let ran = Action::read().run(repository.path(), &[], &[("GITHUB_BASE_REF", "main")]);
    ran.is(2, "wrong-input");
    assert!(ran.summary.contains("requirements.txt:1  litellm==1.82.3 -> litellm==1.82.7"), "{}", ran.summary);
    assert!(ran.summary.contains("litellm 1.82.7 was published by an attacker"), "{}", ran.summary);
}

#[test]
fn no_input_is_written_into_a_script() {
    for step in Action::read().runs.steps {
        assert!(step.run.is_none_or(|script| !script.contains("${{")), "{}", step.name);
    }
}
