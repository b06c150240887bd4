//! `compare --from-git`: it finds the two versions in real repositories, made from the cases in `from-git`; and what it
//! says if it does not. Nothing is launched: no trial is selected.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{answer, case, gatecrash, write};

/// A repository in a temporary folder, with a `main` and a branch that is checked out.
pub struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { folder: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    /// The repository of a case: `before` is on main, `after` on the branch.
    pub fn of(case_name: &str) -> Repository {
        let (repository, case) = (Repository::new(), PathBuf::from(case(&format!("from-git/{case_name}"))));
        repository.commit(&case.join("before"));
        repository.git(&["checkout", "--quiet", "-b", "renovate/litellm"]);
        repository.commit(&case.join("after"));
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            git.env_remove(name);
        }
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"]);
        let output = git.args(arguments).current_dir(self.path()).output().expect("the tests need git");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits the files of a folder, and no others.
    fn commit(&self, files: &Path) {
        for entry in fs::read_dir(self.path()).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != ".git")
        {
            match entry.file_type().unwrap().is_dir() {
                true => fs::remove_dir_all(entry.path()).unwrap(),
                false => fs::remove_file(entry.path()).unwrap(),
            }
        }
        copy(files, self.path());
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "a change"]);
    }

    /// What `compare` says of it: exit code 4 if it found two versions and then no trial.
    fn compare(&self, more: &[&str]) -> (i32, String) {
        compare(self.path(), more)
    }
}

fn compare(folder: &Path, more: &[&str]) -> (i32, String) {
    let good = case("good.yaml");
    let arguments = ["compare", "--launcher", "process", "--filter", "no-such-trial", &good];
    let mut command = gatecrash(&[&arguments[..], more].concat());
    command.current_dir(folder).env("GIT_CEILING_DIRECTORIES", std::env::temp_dir());
    let (code, _, stderr) = answer(command);
    (code, stderr)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => {
                fs::create_dir_all(&to).unwrap();
                copy(&entry.path(), &to);
            }
            false => {
                fs::copy(entry.path(), &to).unwrap();
            }
        }
    }
}

/// Commits differ from run to run.
fn without_commits(text: &str) -> String {
    let is_commit = |word: &str| word.len() == 10 && word.chars().all(|c| c.is_ascii_hexdigit());
    let parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|part| {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_commit(word) { part.replace(word, "COMMIT") } else { part.to_owned() }
    });
    parts.collect()
}

#[test]
fn each_case_is_one_upgrade_or_says_why_not() {
    let folder = case("from-git");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    cases.sort();
    let shown = cases.iter().map(|case| {
        let name = case.to_str().unwrap();
        let (code, said) = Repository::of(name).compare(&["--from-git", "main"]);
        format!("# {name}: {code}\n{}", without_commits(&said))
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_main_did_meanwhile_is_not_the_change() {
    let repository = Repository::of("renovate-compose");
    repository.git(&["checkout", "--quiet", "main"]);
    write(repository.path(), "other.yaml", "image: litellm/litellm:v1.80.0\n");
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--message", "meanwhile"]);
    repository.git(&["checkout", "--quiet", "renovate/litellm"]);
    let (code, said) = repository.compare(&["--from-git", "main"]);
    assert!(code == 4 && said.contains("litellm 1.81.0 -> 1.82.3") && !said.contains("other.yaml"), "{said}");
    // As GitHub checks out a pull request: merged into main.
    repository.git(&["checkout", "--quiet", "--detach", "main"]);
    repository.git(&["merge", "--quiet", "--no-edit", "renovate/litellm"]);
    let (code, said) = repository.compare(&["--from-git", "main"]);
    assert!(code == 4 && said.contains("litellm 1.81.0 -> 1.82.3") && !said.contains("other.yaml"), "{said}");
}

#[test]
fn the_files_count_as_they_are_committed_or_not_and_from_any_folder() {
    let repository = Repository::of("renovate-helm");
    let chart = repository.path().join("charts/gateway");
    fs::remove_file(chart.join("Chart.yaml")).unwrap();
    write(&chart, "values.yaml", "image:\n  repository: litellm/litellm\n  tag: v1.108.7\n");
    let (code, said) = compare(&chart, &["--from-git=main~0"]);
    assert_eq!(code, 4, "{said}");
    insta::assert_snapshot!(without_commits(&said));
}

#[test]
fn settings_of_git_do_not_hide_a_change() {
    let repository = Repository::of("renovate-compose");
    for (name, value) in [
        ("diff.external", "false"),
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("diff.renames", "false"),
        ("color.ui", "always"),
        ("diff.interHunkContext", "100"),
        ("core.pager", "false"),
    ] {
        repository.git(&["config", name, value]);
    }
    let (code, said) = repository.compare(&["--from-git", "main"]);
    assert!(code == 4 && said.contains("litellm 1.81.0 -> 1.82.3"), "{said}");
}

#[test]
fn what_git_does_not_know_is_said_with_what_to_do() {
    let repository = Repository::of("renovate-compose");
    let other = Repository::of("downgrade");
    repository.git(&["fetch", "--quiet", other.path().to_str().unwrap(), "main:unrelated"]);
    let shallow = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repository.path().display());
    let to = shallow.path().join("clone");
    repository.git(&["clone", "--quiet", "--depth", "1", &from, to.to_str().unwrap()]);
    let outside = tempfile::tempdir().unwrap();
    let empty = Repository::new();
    let marker = repository.path().join("written");
    let output = format!("--from-git=--output={}", marker.display());
    let cases: [(&Path, &[&str], &[&str]); 8] = [
        (repository.path(), &["--from-git", "origin/mian"], &["`origin/mian` is not a revision", "git fetch origin"]),
        (repository.path(), &["--from-git="], &["no revision is named", "for example --from-git origin/main"]),
        (repository.path(), &[&output], &["is not a revision of this repository"]),
        (repository.path(), &["--from-git", "main:compose.yaml"], &["is not a revision of this repository"]),
        (repository.path(), &["--from-git", "unrelated"], &["have no commit in common", "name the two targets"]),
        (&to, &["--from-git", "origin/main"], &["shallow", "fetch-depth: 0", "git fetch --unshallow"]),
        (outside.path(), &["--from-git", "main"], &["not a git repository", "name the two targets"]),
        (empty.path(), &["--from-git", "main"], &["`main` is not a revision"]),
    ];
    for (folder, arguments, expected) in cases {
        let (code, said) = compare(folder, arguments);
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
    }
    assert!(!marker.exists(), "a revision was taken for an option of git");
}

#[test]
fn targets_and_a_revision_are_too_much() {
    let arguments = ["compare", "--from-git", "main", "litellm@1.82.3", "scenarios/budget"];
    let (code, _, stderr) = answer(gatecrash(&arguments));
    assert_eq!((code, stderr.contains("`litellm@1.82.3` is named as well")), (2, true), "{stderr}");
}

#[test]
fn without_git_it_says_so() {
    let repository = Repository::of("renovate-compose");
    let mut command = gatecrash(&["compare", "--from-git", "main", &case("good.yaml")]);
    command.current_dir(repository.path()).env("PATH", "");
    let (code, _, stderr) = answer(command);
    assert!(code == 2 && stderr.contains("git cannot be run"), "{stderr}");
}
