//! The smallest scenario that still has its finding: what goes, what stays, and what is said when nothing can be kept.

use std::path::{Path, PathBuf};

use gatecrash::builtin::Fault;
use gatecrash::minimize::{Failing, Reduction, Subject, Version};
use gatecrash::outcome::{Finding, FindingKind};
use gatecrash::scenario::plan::{find, multiply};
use gatecrash::scenario::read::{read, understand};
use gatecrash::scenario::{Place, Step};

use super::support::external::{ADMIN_KEY, External};
use super::{answer, case, gatecrash, write};

/// A finding that does not come is not waited for long.
fn settings(folder: &Path) -> String {
    write(folder, "harness.toml", "[limits]\nsettle = \"300ms\"\n")
}

/// The last part of the output, which is the result, without times and numbers of trials.
fn report(stderr: &str) -> String {
    let report = stderr.split_once("\n\n").map_or(stderr, |(_, report)| report);
    let line = |line: &&str| !line.ends_with(" s)") && !line.contains(" smaller version");
    report.lines().filter(line).map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_case_becomes_the_smallest_scenario_with_its_finding() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let mut all = String::new();
    for file in find(Path::new(&case("minimize"))) {
        let text = std::fs::read_to_string(&file).unwrap();
        let target = text.split(['.', '\n']).next().unwrap().trim_start_matches("# On ");
        let path = file.display().to_string();
        let (code, stdout, stderr) = answer(gatecrash(&["minimize", &path, "--target", target, "--config", &settings]));
        assert_eq!(code, 0, "{path}: {stderr}");
        let name = file.file_name().unwrap().display();
        all.push_str(&format!("==> {name}\n{stdout}\n{}\n", report(&stderr)));
        // It says what it was made from.
        let smaller = write(folder.path(), "smaller.yaml", &stdout);
        let (code, ..) = answer(gatecrash(&["run", &smaller, "--target", target, "--config", &settings]));
        assert_eq!(code, 1, "{path}: {stdout}");
        let (code, ..) = answer(gatecrash(&["run", &smaller, "--config", &settings]));
        assert_eq!(code, 0, "a correct gateway fails the smallest of {path}: {stdout}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn it_is_written_to_a_file_and_over_none_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(case("minimize/wrong-refusal.yaml")).unwrap();
    let bug = write(folder.path(), "bug.yaml", &text);
    let target = "builtin@fault:budget-refused-with-400";
    let (code, _, stderr) = answer(gatecrash(&["minimize", &bug, "--target", target, "-o", &bug]));
    assert_eq!((code, stderr.contains("already exists")), (2, true), "{stderr}");
    assert_eq!(std::fs::read_to_string(&bug).unwrap(), text);
    let smaller = folder.path().join("smaller.yaml").display().to_string();
    let (code, stdout, stderr) = answer(gatecrash(&["minimize", &bug, "--target", target, "-o", &smaller]));
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert!(stderr.contains(&format!("--> {smaller}:")), "{stderr}");
    assert!(std::fs::read_to_string(&smaller).unwrap().len() < text.len());
    let nowhere = folder.path().join("none/smaller.yaml").display().to_string();
    let (code, _, stderr) = answer(gatecrash(&["minimize", &bug, "--target", target, "-o", &nowhere]));
    assert_eq!((code, stderr.contains("cannot be written")), (2, true), "{stderr}");
}

#[test]
fn without_a_finding_there_is_nothing_to_keep() {
    let folder = tempfile::tempdir().unwrap();
    let smaller = folder.path().join("smaller.yaml");
    let good = case("good.yaml");
    let arguments = ["minimize", &good, "--target", "builtin", "-o", &smaller.display().to_string()];
    let (code, stdout, stderr) = answer(gatecrash(&arguments));
    assert_eq!((code, stdout.as_str(), smaller.exists()), (4, "", false));
    assert!(stderr.contains("builtin passes it: there is no finding to keep"), "{stderr}");
    let text = "name: a\nprice: 0.0123456\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let odd = write(folder.path(), "odd.yaml", text);
    let (code, _, stderr) = answer(gatecrash(&["minimize", &odd, "--target", "builtin"]));
    assert_eq!((code, stderr.contains("builtin skips it: no whole number of tokens")), (4, true), "{stderr}");
}

#[test]
fn wrong_input_is_said_before_anything_is_launched() {
    let wrong = |arguments: &[&str], said: &str| {
        let (code, stdout, stderr) = answer(gatecrash(&[&["minimize"], arguments].concat()));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    };
    let mistake = find(Path::new(&case("mistakes")))[0].display().to_string();
    wrong(&[&mistake, "--target", "builtin"], "1 mistake in 1 file");
    wrong(&["scenarios", "--target", "builtin"], "scenarios is a folder");
    wrong(&["no-such-file.yaml", "--target", "builtin"], "cannot be read");
    wrong(&[&case("good.yaml"), "--target", "litellm"], "which version?");
    wrong(&[&case("good.yaml")], "--target");
}

#[test]
fn a_scenario_that_a_correct_gateway_fails_is_doubted() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: a\nprice: 0.02\ngiven:\n  - key: k\nsteps:\n  - chat: k\n    expect: refused\n";
    let (code, _, stderr) =
        answer(gatecrash(&["minimize", &write(folder.path(), "bug.yaml", text), "--target", "builtin"]));
    assert_eq!((code, stderr.contains("has this finding, too: is the scenario right?")), (0, true), "{stderr}");
}

#[test]
fn a_known_deviation_is_kept_only_if_there_is_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let external = External::start(Some(Fault::BudgetRefusedWith400));
    let known = "[[known_deviation]]\ngateway = \"litellm\"\nversions = \">=1\"\nscenario = \"*\"\n\
                 finding = \"wrong refusal\"\nreason = \"of old\"\nissue = \"an issue\"\n";
    let settings = external.settings(folder.path(), known);
    let run = |steps: &str| {
        let text = format!(
            "name: a\nprice: 0.02\ngiven:\n  - key: k\n    max_budget: 0.02\n  - key: free\nsteps:\n  - chat: k\n  - chat: k\n    \
             expect: {{ status: 429 }}\n{steps}"
        );
        let bug = write(folder.path(), "bug.yaml", text);
        let mut command = gatecrash(&["minimize", &bug, "--target", "mine", "--config", &settings]);
        command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
        answer(command)
    };
    let (code, stdout, stderr) = run("  - chat: free\n");
    assert_eq!((code, stderr.contains("it is a known deviation: of old")), (0, true), "{stderr}");
    assert!(stdout.contains("status: 429") && !stdout.contains("free"), "{stdout}");
    let (code, stdout, stderr) = run("  - chat: free\n    expect: refused\n");
    assert_eq!((code, stderr.contains("known deviation")), (0, false), "{stderr}");
    assert!(stdout.contains("free") && !stdout.contains("status: 429"), "{stdout}");
}

/// Every scenario of the corpus and of the cases, and the fuzzer's finds that are scenarios.
fn scenarios() -> Vec<PathBuf> {
    let folders = ["scenarios".to_owned(), case("minimize")];
    folders.iter().flat_map(|folder| find(Path::new(folder))).collect()
}

/// A number that depends on a text and nothing else.
fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The subject of a step, and its place.
fn subject(step: &Step) -> (String, Place) {
    let name = match step {
        Step::Drain { key, .. } | Step::Chat { key, .. } | Step::List { key, .. } => key.0.clone(),
        Step::Check { entity, .. } | Step::Change { entity, .. } => entity.0.clone(),
        Step::Disturb { act, part } => format!("{} {}", act.word(), part.value.word()),
        Step::Move { to, part } => format!("{} {}", to.word(), part.value.word()),
    };
    (name, step.place())
}

#[test]
fn whatever_keeps_the_finding_every_version_is_a_scenario_and_an_end_comes() {
    let finding = Finding {
        kind: FindingKind::Bypass,
        place: Place::default(),
        request: None,
        expected: String::new(),
        got: String::new(),
        known: None,
    };
    for path in scenarios() {
        let file = read(&path).unwrap_or_else(|_| panic!("{} is a scenario", path.display()));
        let head: String = file.text.lines().take_while(|line| line.starts_with('#')).collect();
        let trials = multiply("a", file, true);
        // Not every value of an axis makes a scenario by itself.
        let versions: Vec<Version> = trials.iter().filter_map(Version::of).collect();
        let is_of_file = |version: &Version| trials.iter().any(|trial| trial.case == version.trial().case);
        assert!(!versions.is_empty() && versions.iter().all(is_of_file), "{}", path.display());
        let original: Vec<_> = trials[0].file.scenario.steps.iter().map(subject).collect();
        // One in this many versions keeps it.
        for one_in in [1, 3] {
            let version = versions[one_in as usize % versions.len()].clone();
            let mut reduction = Reduction::new(Failing { version, finding: finding.clone() });
            let mut rounds = 0;
            loop {
                let versions: Vec<Version> = reduction.candidates().cloned().collect();
                if versions.is_empty() {
                    break;
                }
                for version in &versions {
                    let text = version.text();
                    assert!(understand(&path, text.into()).is_ok(), "{}:\n{text}", path.display());
                    let own: String = text.lines().take_while(|line| line.starts_with('#')).collect();
                    assert_eq!(own, head, "{}:\n{text}", path.display());
                    assert!(!text.contains("\n\n\n"), "{}:\n{text}", path.display());
                    for (name, place) in version.trial().file.scenario.steps.iter().map(subject) {
                        let Some(Subject::Step(number)) = version.origin(place) else {
                            panic!("{}: where is {name} from?\n{text}", path.display())
                        };
                        assert_eq!(original[number].0, name, "{}:\n{text}", path.display());
                    }
                }
                let keeps = |version: &Version| number_of(version.text()).is_multiple_of(one_in);
                reduction.tried(versions.iter().map(|version| keeps(version).then(|| finding.clone())).collect());
                rounds += 1;
                assert!(rounds < 200, "{} does not end", path.display());
            }
            if one_in == 1 {
                let smallest = reduction.smallest().version.text();
                assert!(reduction.smallest().version.lines() <= 12, "{}:\n{smallest}", path.display());
            }
        }
    }
}
