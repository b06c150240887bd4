//! `gatecrash matrix`. The built-in gateway and its faults are the versions here.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::running::long_scenario;
use super::{answer, case, gatecrash, write};

/// Two bugs that come one after the other, and go again.
const TARGETS: [&str; 3] =
    ["builtin", "builtin@fault:unpriced-model-skips-budgets", "builtin@fault:key-budget-ignored"];

const SCENARIOS: [&str; 3] =
    ["scenarios/budget/key.yaml", "scenarios/budget/user.yaml", "scenarios/access/unknown-key.yaml"];

/// What is kept goes into this folder.
fn matrix(cache: &Path, arguments: &[&str]) -> Command {
    let mut command = gatecrash(&[&["matrix"], arguments].concat());
    command.env("GATECRASH_CACHE", cache);
    command
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The day differs.
fn without_day(text: &str) -> String {
    let day = jiff::ZonedDateTime::now().date().to_string();
    text.replace(&day, "[day]")
}

/// What each trial does on each target.
fn rows(json: &str) -> Value {
    let mut matrix: Value = serde_json::from_str(json).unwrap();
    matrix["rows"].take()
}

#[test]
fn scenarios_by_versions_are_shown_in_each_format() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let files = ["--markdown", &file("m.md"), "--html", &file("m.html"), "--json", &file("m.json")];
    let arguments = [&TARGETS[..], &SCENARIOS, &files, &["--note", "On a quiet machine."]].concat();
    let (code, stdout, stderr) = answer(matrix(&folder.path().join("cache"), &arguments));
    assert_eq!(code, 1, "{stderr}");
    insta::assert_snapshot!("matrix-terminal", stdout);
    insta::assert_snapshot!("matrix-markdown", without_day(&read(folder.path(), "m.md")));
    insta::assert_snapshot!("matrix-json", without_day(&read(folder.path(), "m.json")));
    let page = read(folder.path(), "m.html");
    assert!(page.contains("On a quiet machine.") && page.contains("<th scope=\"col\">builtin</th>"), "{page}");

    let (code, schema, _) = answer(gatecrash(&["schema", "--matrix"]));
    assert_eq!(code, 0);
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let mut json: Value = serde_json::from_str(&read(folder.path(), "m.json")).unwrap();
    assert!(schema.is_valid(&json));
    json["rows"][0]["more"] = true.into();
    assert!(!schema.is_valid(&json));

    // Read again, it is the same in all formats.
    let again = ["--from", &file("m.json"), "--markdown", &file("again.md"), "--json", &file("again.json")];
    assert_eq!(answer(gatecrash(&[&["matrix"], &again[..]].concat())).1, stdout);
    assert_eq!(read(folder.path(), "again.md"), read(folder.path(), "m.md"));
    assert_eq!(read(folder.path(), "again.json"), read(folder.path(), "m.json"));
}

#[test]
fn parts_and_reports_of_runs_are_the_same_as_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let json = ["--format", "json", "--quiet"];
        let (_, stdout, stderr) = answer(matrix(folder.path(), &[&TARGETS[..], &SCENARIOS, &json, arguments].concat()));
        assert!(!stdout.is_empty(), "{stderr}");
        stdout
    };
    let whole = run(&[]);
    let part = |part: &str| write(folder.path(), &format!("{}.json", &part[..1]), run(&["--partition", part]));
    let parts = [part("1/3"), part("2/3"), part("3/3")];
    let joined = answer(gatecrash(&["matrix", "--format", "json", "--from", &parts[0], &parts[1], &parts[2]])).1;
    assert_eq!(joined, whole);

    // The targets of an ordinary run, side by side, with retries as here.
    let targets = TARGETS.map(|target| ["--target", target]).concat();
    let report = [&["run", "--retries", "1", "--format", "json", "--quiet"], &targets[..], &SCENARIOS].concat();
    let report = write(folder.path(), "report.json", answer(gatecrash(&report)).1);
    let of_report = answer(gatecrash(&["matrix", "--format", "json", "--from", &report])).1;
    assert_eq!(rows(&of_report), rows(&whole));
}

#[test]
fn a_run_that_was_stopped_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let text = "name: a\nprice: 0.02\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let quick = write(folder.path(), "quick.yaml", text);
    let long = long_scenario(folder.path());
    let mut run = matrix(&cache, &["builtin", "builtin@fault:hangs", &quick, &long]);
    let mut run = run.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(run.stderr.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("builtin quick: done")), "it has said so");
    run.kill().unwrap();
    run.wait().unwrap();

    let (code, stdout, stderr) = answer(matrix(&cache, &["builtin", &quick]));
    assert_eq!((code, stderr.as_str()), (0, "builtin: 1 known, 0 to be run\n"), "{stdout}");
    let (_, listed, _) = answer({
        let mut command = gatecrash(&["cache"]);
        command.env("GATECRASH_CACHE", &cache);
        command
    });
    assert!(listed.starts_with("results      builtin  "), "{listed}");
    let (_, _, stderr) = answer(matrix(&cache, &["builtin", &quick, "--fresh"]));
    assert!(stderr.starts_with("builtin: 0 known, 1 to be run\n"), "{stderr}");
    // A scenario with another text is another scenario.
    write(folder.path(), "quick.yaml", text.replace("0.02", "0.03"));
    let (_, _, stderr) = answer(matrix(&cache, &["builtin", &quick]));
    assert!(stderr.starts_with("builtin: 0 known, 1 to be run\n"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn another_build_of_gatecrash_knows_nothing_of_what_this_one_found() {
    use std::io::Write as _;

    let folder = tempfile::tempdir().unwrap();
    let arguments = ["matrix", "builtin", &case("good.yaml")];
    let other = folder.path().join("gatecrash");
    std::fs::copy(env!("CARGO_BIN_EXE_gatecrash"), &other).unwrap();
    std::fs::OpenOptions::new().append(true).open(&other).unwrap().write_all(b"\n").unwrap();
    for (program, said) in [
        (env!("CARGO_BIN_EXE_gatecrash"), "builtin: 0 known, "),
        (env!("CARGO_BIN_EXE_gatecrash"), "builtin: 1 known, 0 "),
        (&other.display().to_string(), "builtin: 0 known, "),
    ] {
        let mut command = Command::new(program);
        super::support::in_peace(command.args(arguments).env("GATECRASH_CACHE", folder.path().join("cache")));
        let (_, _, stderr) = answer(command);
        assert!(stderr.starts_with(said), "{stderr}");
    }
}

#[test]
fn what_an_interrupted_run_knows_is_shown() {
    use super::support::running::signal;

    let folder = tempfile::tempdir().unwrap();
    let text = "name: a\nprice: 0.02\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let quick = write(folder.path(), "quick.yaml", text);
    let long =
        write(folder.path(), "long.yaml", format!("{text}    times: 30\n").replace("price", "pace: 100ms\nprice"));
    let mut run =
        matrix(&folder.path().join("cache"), &["builtin", "builtin@fault:hangs", "--at-once", "1", &quick, &long]);
    let mut run = run.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(run.stderr.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("builtin quick: done")), "it has said so");
    signal(&run, "-INT");
    std::thread::spawn(move || lines.for_each(drop));
    let output = run.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stdout}");
    assert!(stdout.contains("Interrupted. Results so far: 2 trials on 1 version"), "{stdout}");
}

#[test]
fn a_target_that_cannot_be_launched_is_shown_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[target.mine]\ngateway = \"litellm\"\nurl = \"http://127.0.0.1:9\"\nadmin_key_env = \"HOME\"\n\
                    upstream = \"127.0.0.1:0\"\n";
    let settings = write(folder.path(), "harness.toml", settings);
    let arguments = ["builtin", "mine", &case("good.yaml"), "--config", &settings];
    let (code, stdout, _) = answer(matrix(&folder.path().join("cache"), &arguments));
    assert_eq!(code, 3, "{stdout}");
    let said = ["1 builtin  1 passed", "2 mine     could not be launched: ", "on 1 version, 1 could not be launched: "];
    assert!(said.iter().all(|said| stdout.contains(said)), "{stdout}");
}

#[test]
fn promises_are_asked_instead_of_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let table = folder.path().join("m.md").display().to_string();
    let refused = "builtin@fault:user-budget-ignored";
    let arguments =
        ["builtin", refused, "--promises", "--filter", "budget-of-a", "--retries", "0", "--markdown", &table];
    let (code, stdout, _) = answer(matrix(&cache, &arguments));
    assert_eq!(code, 1, "{stdout}");
    let table = read(folder.path(), "m.md");
    let promises = table.split("## Promises").nth(1).unwrap().split("\n## ").next().unwrap();
    insta::assert_snapshot!(promises.trim());
    let (code, _, stderr) = answer(matrix(&cache, &["builtin", "--promises", &case("good.yaml")]));
    assert_eq!((code, stderr.contains("which is instead of scenarios")), (2, true), "{stderr}");
}

#[test]
fn what_is_no_matrix_is_said() {
    let good = case("good.yaml");
    for (arguments, said) in [
        (vec!["matrix"], "no target is named"),
        (vec!["matrix", &good], "no target is named"),
        (vec!["matrix", "--from", &good], "it is not a report of gatecrash"),
        (vec!["matrix", "builtni@fault:x", &good], "`builtni@fault:x` is not a target"),
    ] {
        let (code, _, stderr) = answer(gatecrash(&arguments));
        assert_eq!((code, stderr.contains(said)), (2, true), "{arguments:?}: {stderr}");
    }
}

/// Known deviations are judged when the table is shown: a change to them changes it.
#[test]
fn the_tables_in_the_docs_are_what_their_json_says() {
    let folder = tempfile::tempdir().unwrap();
    for (json, format, table) in [
        ("docs/data/litellm-matrix.json", "--markdown", "docs/data/litellm-matrix.md"),
        ("docs/data/gateways.json", "--markdown", "docs/data/gateways.md"),
        ("docs/data/gateways.json", "--html", "docs/data/gateways.html"),
    ] {
        let file = folder.path().join("table").display().to_string();
        let arguments = ["matrix", "--quiet", "--from", json, format];
        let (_, _, stderr) = answer(gatecrash(&[&arguments[..], &[&file]].concat()));
        let written = read(Path::new(env!("CARGO_MANIFEST_DIR")), table);
        let stale = format!("gatecrash {} {table} makes it anew\n{stderr}", arguments.join(" "));
        assert!(read(folder.path(), "table") == written, "{stale}");
    }
}
