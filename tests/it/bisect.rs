//! A search among versions: what it finds, what it says of versions that tell nothing, and that it resumes where it was.

use std::path::Path;
use std::process::Command;

use super::support::running::Running;
use super::{answer, gatecrash, write};

const KEY: &str = "scenarios/budget/key.yaml";
/// Faults that the scenario does not see, then two that it does.
const VERSIONS: &str = "builtin,builtin@fault:user-budget-ignored,builtin@fault:tag-budget-ignored,\
                        builtin@fault:crowd-overruns,builtin@fault:rpm-ignored,\
                        builtin@fault:unpriced-model-skips-budgets,builtin@fault:key-budget-ignored";

/// A search whose cache, with what it learns, is in a folder of the test.
fn bisect(folder: &Path, arguments: &[&str]) -> Command {
    let settings = folder.join("harness.toml");
    if !settings.exists() {
        write(folder, "harness.toml", "[limits]\nsettle = \"300ms\"\n");
    }
    let mut command = gatecrash(&["bisect"]);
    command.args(arguments).arg("--config").arg(settings).env("GATECRASH_CACHE", folder.join("cache"));
    command
}

/// The text without how long it took.
fn steady(text: &str) -> String {
    let line = |line: &str| {
        line.rsplit_once(" (").filter(|(_, time)| time.ends_with(" s)")).map_or(line, |(line, _)| line).to_owned()
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn the_version_that_broke_it_is_named_with_what_both_did() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = answer(bisect(folder.path(), &[KEY, "--filter", "alias", "--versions", VERSIONS]));
    assert_eq!(code, 0, "{stderr}");
    insta::assert_snapshot!(steady(&stdout));
}

#[test]
fn the_version_that_mended_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let back: Vec<&str> = VERSIONS.split(',').rev().collect();
    let (code, stdout, stderr) = answer(bisect(folder.path(), &[KEY, "--fixed", "--versions", &back.join(",")]));
    assert_eq!(code, 0, "{stderr}");
    let of_answer: Vec<&str> =
        stdout.lines().filter(|line| line.starts_with("first") || line.starts_with("last")).collect();
    // By alias, two of its faults let it through; the one without a price is the last of them.
    let wanted =
        ["first good: builtin@fault:rpm-ignored (good)", "last bad:  builtin@fault:unpriced-model-skips-budgets (bad)"];
    assert_eq!(of_answer, wanted, "{stdout}");
}

#[test]
fn a_version_that_cannot_be_launched_is_skipped_and_leaves_a_range() {
    let folder = tempfile::tempdir().unwrap();
    let gone = "[limits]\nlaunch = \"100ms\"\n[target.gone]\ngateway = \"litellm\"\nurl = \"http://127.0.0.1:1\"\n\
                admin_key_env = \"PATH\"\nupstream = \"127.0.0.1:0\"\n";
    write(folder.path(), "harness.toml", gone);
    let versions = "builtin,builtin@fault:tag-budget-ignored,gone,builtin@fault:key-budget-ignored";
    let (code, stdout, stderr) = answer(bisect(folder.path(), &[KEY, "--filter", "token", "--versions", versions]));
    assert_eq!(code, 3, "{stderr}");
    let end = stdout.split_once("  ✓").map_or(stdout.as_str(), |(_, end)| end);
    insta::assert_snapshot!(steady(end));
}

#[test]
fn another_finding_is_shown_and_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let versions = "builtin,builtin@fault:budget-refused-with-400,builtin@fault:key-budget-ignored";
    let (code, stdout, stderr) = answer(bisect(folder.path(), &[KEY, "--filter", "token", "--versions", versions]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("first bad: builtin@fault:key-budget-ignored (bad)"), "{stdout}");
    let other = "last good:  builtin@fault:budget-refused-with-400 (good, but fails in another way: wrong refusal)";
    assert!(stdout.contains(other), "{stdout}");
}

#[test]
fn where_the_ends_do_not_differ_there_is_nothing_to_search_for() {
    let folder = tempfile::tempdir().unwrap();
    for (versions, said) in [
        ("builtin@fault:key-budget-ignored,builtin", "error: builtin passes it: there is nothing to search for\n"),
        (
            "builtin@fault:key-budget-ignored,builtin,builtin@fault:key-budget-ignored",
            "error: builtin@fault:key-budget-ignored fails in the same way as builtin@fault:key-budget-ignored: there is \
             nothing to search for\n",
        ),
    ] {
        let (code, stdout, _) = answer(bisect(folder.path(), &[KEY, "--versions", versions]));
        assert_eq!((code, stdout.ends_with(said)), (4, true), "{stdout}");
    }
}

#[test]
fn what_cannot_be_searched_is_said_before_anything_is_launched() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for arguments in [
        &["scenarios/budget", "--versions", VERSIONS] as &[&str],
        &[KEY, "--versions", "builtin"],
        &[KEY, "--versions", VERSIONS, "--filter", "no-such-trial"],
        &[KEY, "--good", "builtin", "--bad", "builtin@fault:key-budget-ignored"],
        &[KEY, "--good", "litellm@1.82.7", "--bad", "litellm@1.82.9"],
        &[KEY, "--good", "builtin"],
    ] {
        let (code, stdout, stderr) = answer(bisect(folder.path(), arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        let said = stderr.split("\n\nUsage").next().unwrap_or_default().trim_end();
        all.push_str(&format!("==> {}\n{said}\n\n", arguments.join(" ")));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_answer_in_json_is_what_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let (_, schema, _) = answer(gatecrash(&["schema", "--bisection"]));
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let file = folder.path().join("answer.json").display().to_string();
    for versions in [VERSIONS, "builtin,builtin@fault:tag-budget-ignored"] {
        let arguments = [KEY, "--versions", versions, "--format", "json", "--json", &file];
        let (code, stdout, _) = answer(bisect(folder.path(), &arguments));
        let said: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let errors: Vec<String> = validator.iter_errors(&said).map(|error| error.to_string()).collect();
        assert_eq!((errors, said["exit_code"].as_i64()), (Vec::new(), Some(i64::from(code))));
        let of_file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(of_file["versions"], said["versions"]);
    }
}

#[test]
fn one_that_was_stopped_goes_on_where_it_was() {
    // Long enough to be stopped in the middle.
    let text = "name: a\nprice: 0.02\npriced_by: alias\npace: 20ms\ngiven:\n  - key: k\n    max_budget: 0.80\nsteps:\n  - drain: k\n    accepted: 39..40\n";
    for kill in ["-KILL", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let scenario = write(folder.path(), "long.yaml", text);
        let arguments = [scenario.as_str(), "--versions", VERSIONS];
        let running = Running::of(bisect(folder.path(), &arguments));
        running.until("builtin: good");
        running.signal(kill);
        let (code, _) = running.ends();
        assert!(code == 130 || kill == "-KILL", "{code}");
        let (code, stdout, stderr) = answer(bisect(folder.path(), &arguments));
        assert_eq!(code, 0, "{stderr}");
        assert!(
            stderr.contains("continuing: 2 of them were tried before") || stderr.contains("continuing: 3 of them"),
            "{stderr}"
        );
        assert!(stdout.contains("first bad: builtin@fault:unpriced-model-skips-budgets (bad)"), "{stdout}");
        assert!(!stderr.contains("launching builtin\n"), "{stderr}");
        // What was learned is not needed any more.
        let left = std::fs::read_dir(folder.path().join("cache")).unwrap().filter_map(Result::ok);
        let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name != "CACHEDIR.TAG").collect();
        assert_eq!(left, Vec::<std::ffi::OsString>::new());
    }
}
