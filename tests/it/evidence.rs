//! `--evidence`: a text to paste into an issue, and the folder around it.

use std::path::Path;
use std::process::{Command, Stdio};

use gatecrash::builtin::Fault;

use super::support::external::{ADMIN_KEY, External};
use super::support::{files, not_tested};
use super::{answer, case, gatecrash, write};

const FAULTY: &str = "builtin@fault:unpriced-model-skips-budgets";
const OF_THE_ISSUE: &str = "scenarios/budget/key-and-user-no-team.yaml";

#[test]
fn what_failed_is_a_text_to_paste_and_a_folder_with_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = ["run", OF_THE_ISSUE, "--target", FAULTY, "--quiet", "--evidence", out.to_str().unwrap()];
    let (code, _, stderr) = answer(gatecrash(&run));
    let said = format!("evidence to paste into an issue: {}\n", out.join("issue.md").display());
    assert_eq!((code, stderr), (1, said));
    let files = files(&out);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    insta::assert_snapshot!("files", names.join("\n"));
    assert_eq!(files["key-and-user-no-team.yaml"], std::fs::read_to_string(OF_THE_ISSUE).unwrap());
    insta::with_settings!({ filters => vec![(r"127\.0\.0\.1:\d{5}", "127.0.0.1:[port]"), (r"\b[0-9a-f]{64}\b", "[hash]")] }, {
        insta::assert_snapshot!("issue", files["issue.md"]);
    });
    // The report is like any other, and the same can be made from it.
    let again = folder.path().join("again");
    let report = out.join("report.json").display().to_string();
    let (code, ..) = answer(gatecrash(&["merge", &report, "--evidence", again.to_str().unwrap(), "--quiet"]));
    assert_eq!((code, self::files(&again)), (1, files));
}

#[test]
fn a_comparison_says_what_the_baseline_answered() {
    let out = tempfile::tempdir().unwrap();
    let trials = [OF_THE_ISSUE, "--filter", "/alias", "--filter", "/token"];
    let files = ["--quiet", "--evidence", out.path().to_str().unwrap()];
    let (code, ..) = answer(gatecrash(&[&["compare", "builtin", FAULTY], &trials[..], &files].concat()));
    let issue = std::fs::read_to_string(out.path().join("issue.md")).unwrap();
    let said = "On builtin the same was answered 200, 200, 200, 429 budget\\_exceeded, 429 budget\\_exceeded.";
    assert!(code == 1 && issue.contains(said) && !issue.contains("Failed as well"), "{issue}");
}

/// Runs a trial's lines against a gateway; gives the statuses that they print.
fn statuses(lines: &Path, url: &str) -> Vec<String> {
    let mut shell = Command::new("sh");
    shell.arg(lines).env("BASE_URL", url).env("MASTER_KEY", ADMIN_KEY).env("SETTLE", "0");
    let (code, stdout, stderr) = answer(shell);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let is_status = |line: &&str| line.len() == 3 && line.bytes().all(|byte| byte.is_ascii_digit());
    stdout.lines().filter(is_status).map(str::to_owned).collect()
}

#[test]
fn the_lines_of_a_trial_do_the_same_again() {
    for program in ["curl", "jq", "python3"] {
        if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_err() {
            not_tested(&format!("there is no {program} here"));
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // Everything that is done through the admin API.
    let scenario = "name: a\nprice: 0.02\ngiven:\n  - user: al-ice\n    max_budget: 0.10\n  - key: k-1\n    user: al-ice\n    \
                    max_budget: 0.01\n  - key: nobody\n    state: unknown\n  - key: other\n    state: later\n  - model: m\n\
                    steps:\n  - drain: k-1\n    accepted: 0\n  - update: k-1\n    to: { max_budget: 1 }\n  - chat: k-1\n  \
                    - chat: nobody\n    expect: { status: 401 }\n  - make: other\n  - chat: other\n    at_once: 3\n  \
                    - block: k-1\n  - chat: k-1\n    expect: { status: 401 }\n";
    let scenario = write(folder.path(), "it's.yaml", scenario);
    let external = External::start(Some(Fault::KeyBudgetIgnored));
    let settings = external.settings(folder.path(), "");
    let out = folder.path().join("out");
    let run = ["run", &scenario, "--target", "mine", "--config", &settings, "--evidence", out.to_str().unwrap()];
    let mut command = gatecrash(&run);
    command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
    let (code, stdout, stderr) = answer(command);
    assert_eq!(code, 1, "{stdout}{stderr}");
    let report: serde_json::Value = serde_json::from_str(&files(&out)["report.json"]).unwrap();
    let exchanges = report["trials"][0]["results"][0]["exchanges"].as_array().unwrap();
    let status = |exchange: &serde_json::Value| {
        let answer = exchange["answer"].as_object().unwrap().values().find_map(|value| value.as_u64());
        answer.unwrap().to_string()
    };
    let expected: Vec<String> = exchanges.iter().map(status).collect();
    assert!(expected.len() > 8, "{report:#}");
    let own = out.join("mine/it_s");
    let provider = std::fs::read_to_string(own.join("provider.py")).unwrap();
    let provider = provider.replace("9099", &external.upstream.port().to_string());
    let mut provider = Command::new("python3").args(["-c", &provider]).stderr(Stdio::null()).spawn().unwrap();
    while std::net::TcpStream::connect(external.upstream).is_err() {
        assert!(provider.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let statuses = statuses(&own.join("requests.sh"), &external.url);
    provider.kill().unwrap();
    provider.wait().unwrap();
    assert_eq!(statuses, expected);
}

#[test]
fn a_text_for_an_issue_is_never_too_long_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let long = "name: a\nprice: 0.02\nsystem_prompt: 9000\ngiven:\n  - key: k\n    max_budget: 1\nsteps:\n  - chat: k\n    times: 200\n";
    let huge = "name: b\nprice: 0.02\nsystem_prompt: 200000\ngiven:\n  - key: k\n    max_budget: 1\nsteps:\n  - chat: k\n    times: 60\n";
    let more = format!("{huge}# {}\n", "ü".repeat(90_000));
    for (name, text) in [("long.yaml", long), ("huge.yaml", huge), ("more.yaml", more.as_str())] {
        let scenario = write(folder.path(), name, text);
        let out = folder.path().join(name.replace(".yaml", ""));
        let run = ["run", &scenario, "--target", "builtin@fault:key-budget-ignored", "--evidence"];
        let (code, ..) = answer(gatecrash(&[&run[..], &[out.to_str().unwrap()]].concat()));
        let files = files(&out);
        let issue = &files["issue.md"];
        assert_eq!(
            (code, issue.len() < 60_000, issue.matches("```").count() % 2),
            (1, true, 0),
            "{name}: {}",
            issue.len()
        );
        assert!(issue.contains("more, which are in") || issue.contains("characters, and is in"), "{issue}");
        assert!(issue.contains("- database: in memory"), "{issue}");
    }
}

#[test]
fn only_a_new_or_empty_folder_is_written_to_and_that_is_known_before_anything_is_launched() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "mine.txt", "mine");
    for (out, why) in [
        (folder.path().to_path_buf(), "there is something in it\n  help: name a new folder, or an empty one"),
        (folder.path().join("mine.txt"), "File exists"),
        (folder.path().join("mine.txt/out"), "Not a directory"),
    ] {
        let run = ["run", &case("good.yaml"), "--evidence", out.to_str().unwrap()];
        let (code, stdout, stderr) = answer(gatecrash(&run));
        assert_eq!((code, stdout.as_str()), (2, ""));
        assert!(stderr.contains(&format!("{}: {why}", out.display())), "{stderr}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
}

#[test]
fn without_a_failure_there_is_no_text_to_paste() {
    let out = tempfile::tempdir().unwrap();
    let run = ["run", &case("good.yaml"), "--target", "builtin", "--quiet", "--evidence", out.path().to_str().unwrap()];
    let (code, _, stderr) = answer(gatecrash(&run));
    assert_eq!((code, stderr), (0, format!("nothing failed: there is no {}\n", out.path().join("issue.md").display())));
    assert_eq!(files(out.path()).into_keys().collect::<Vec<_>>(), ["builtin/config.yaml", "report.json"]);
}

/// A full disk, as close as we get without one: no file may be longer than this.
#[test]
fn on_a_full_disk_there_is_no_half_text() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut shell = Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    shell.args(["-c", limited, env!("CARGO_BIN_EXE_gatecrash"), "run", &case("good.yaml"), "--quiet", "--evidence"]);
    shell.arg(&out).args(["--target", "builtin@fault:key-budget-ignored"]);
    let (code, stdout, stderr) = answer(shell);
    assert!(code == 1 && stdout.contains("1 failed") && stderr.contains("File too large"), "{stdout}{stderr}");
    assert!(files(&out).is_empty());
}
