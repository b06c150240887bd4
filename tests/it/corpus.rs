//! The corpus inside the program: what runs where there are no scenarios.

use std::path::Path;
use std::process::Command;

use crate::support::{answer, files, gatecrash, write};

/// gatecrash in a folder of its own.
fn within(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = gatecrash(arguments);
    command.current_dir(folder);
    command
}

#[test]
fn an_empty_folder_is_enough_and_what_failed_can_be_repeated_there() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = answer(within(folder.path(), &["compare", "--filter", "budget/key"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains(&format!("scenarios of gatecrash {}", env!("CARGO_PKG_VERSION"))), "{stderr}");
    assert!(stdout.contains("corpus:budget/key.yaml:"), "{stdout}");
    let repeat = stdout.lines().find_map(|line| line.trim().strip_prefix("repeat: gatecrash ")).unwrap();
    assert!(repeat.contains(" corpus:budget/"), "{repeat}");
    let words: Vec<&str> = repeat.split(' ').collect();
    let (code, stdout, stderr) = answer(within(folder.path(), &words));
    assert_eq!((code, stdout.contains("1 regression")), (1, true), "{stdout}{stderr}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn embedded_files_are_named_wherever_a_path_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| answer(within(folder.path(), arguments));
    let (code, stdout, _) = run(&["check", "corpus:", "corpus:promises"]);
    assert_eq!((code, stdout.contains("scenarios are right")), (0, true), "{stdout}");
    let (code, stdout, _) = run(&["list", "corpus:budget/key.yaml"]);
    assert_eq!((code, stdout.lines().all(|line| line.starts_with("budget/key/"))), (0, true), "{stdout}");
    let (code, stdout, stderr) = run(&["run", "corpus:promises/budget-of-a-key.yaml"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    for wrong in ["corpus:budget/kee.yaml", "corpus:budgt"] {
        let (code, _, stderr) = run(&["run", wrong]);
        assert_eq!((code, stderr.contains("the corpus has no")), (2, true), "{stderr}");
    }
}

#[test]
fn a_folder_of_scenarios_comes_first_and_one_that_is_not_there_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| answer(within(folder.path(), arguments));
    std::fs::create_dir(folder.path().join("scenarios")).unwrap();
    let (code, _, stderr) = run(&["run"]);
    assert_eq!((code, stderr.contains("there is no scenario in this folder")), (2, true), "{stderr}");
    write(
        folder.path(),
        "scenarios/mine.yaml",
        "name: Mine\nprice: 0.02\ngiven: [key: k]\nsteps: [{chat: k, expect: accepted}]\n",
    );
    let (_, stdout, stderr) = run(&["list"]);
    assert!(stdout.starts_with("mine ") && stdout.lines().count() == 1, "{stdout}{stderr}");
    write(folder.path(), "harness.toml", "scenarios = \"elsewhere\"\n");
    let (code, _, stderr) = run(&["run"]);
    assert_eq!((code, stderr.contains("elsewhere is not a folder")), (2, true), "{stderr}");
}

#[test]
fn the_corpus_is_written_out_as_it_is_and_nothing_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| answer(within(folder.path(), arguments));
    let before = run(&["list"]).1;
    let (code, _, stderr) = run(&["new", "--corpus", "scenarios"]);
    assert_eq!(code, 0, "{stderr}");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    assert_eq!(files(&folder.path().join("scenarios")), files(&own));
    assert_eq!(run(&["list"]).1, before);
    let (code, _, stderr) = run(&["new", "--corpus", "scenarios"]);
    assert_eq!((code, stderr.contains("nothing was written")), (2, true), "{stderr}");
    assert_eq!(run(&["new", "--corpus", "scenarios", "--force"]).0, 0);
}
