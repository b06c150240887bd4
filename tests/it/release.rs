//! Releases: what the workflows need is there and pinned, and the scripts in `release/` refuse what does not agree.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::{answer, write};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Deserialize)]
struct Workflow {
    jobs: BTreeMap<String, Job>,
}

#[derive(Deserialize)]
struct Job {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Action {
    runs: Job,
}

#[derive(Deserialize)]
struct Step {
    run: Option<String>,
    uses: Option<String>,
}

/// The steps of all workflows, of the action, and of the example that people copy, with the file each is in.
fn steps() -> Vec<(PathBuf, Step)> {
    let folder = Path::new(ROOT).join(".github/workflows");
    let mut workflows: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    workflows.push(Path::new(ROOT).join("docs/examples/github-matrix.yml"));
    let mut steps = Vec::new();
    for path in workflows {
        let workflow: Workflow = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let all = workflow.jobs.into_values().flat_map(|job| job.steps);
        steps.extend(all.map(|step| (path.clone(), step)));
    }
    let path = Path::new(ROOT).join(".github/actions/gate/action.yml");
    let action: Action = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    steps.extend(action.runs.steps.into_iter().map(|step| (path.clone(), step)));
    steps
}

#[test]
fn every_action_is_pinned_by_a_commit() {
    let mut pins: BTreeMap<String, String> = BTreeMap::new();
    for (file, step) in steps() {
        let Some(uses) = step.uses else { continue };
        let (action, commit) = uses.split_once('@').unwrap_or((&uses, ""));
        let is_commit = commit.len() == 40 && commit.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        assert!(is_commit, "{}: {uses} is not pinned", file.display());
        let first = pins.entry(action.to_owned()).or_insert_with(|| commit.to_owned());
        assert_eq!(first, commit, "{}: two commits of {action}", file.display());
        // Its release stands beside it, where dependabot reads it.
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.lines().any(|line| line.contains(&uses) && line.contains(" # v")), "{}: {uses}", file.display());
    }
    assert!(pins.len() >= 5, "{pins:?}");
}

#[test]
fn every_script_that_a_workflow_runs_is_there() {
    let mut scripts = 0;
    for (file, step) in steps() {
        let run = step.run.unwrap_or_default();
        for word in run.split_whitespace().filter(|word| word.starts_with("release/") || word.starts_with("ci/")) {
            let mode = fs::metadata(Path::new(ROOT).join(word)).map(|about| about.permissions().mode());
            assert!(mode.is_ok_and(|mode| mode & 0o111 != 0), "{}: {word} is not a script", file.display());
            scripts += 1;
        }
    }
    assert!(scripts >= 6, "only {scripts} scripts were found");
}

/// A copy of what the scripts read, for changing: `release/`, the action, Cargo.toml, CHANGELOG.md.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut cp = Command::new("cp");
    cp.args(["-R", "release", "Cargo.toml", "CHANGELOG.md", ".github"]).arg(folder.path()).current_dir(ROOT);
    assert_eq!(answer(cp).0, 0);
    folder
}

fn script(folder: &Path, name: &str, arguments: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(folder.join("release").join(name));
    command.args(arguments).current_dir(folder).env_remove("GITHUB_REPOSITORY").envs(env.iter().copied());
    answer(command)
}

/// Replaces a text in a file of the copy.
fn change(folder: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{file} does not say {from}");
    write(folder, file, text.replace(from, to));
}

#[test]
fn a_release_agrees_with_its_tag_its_changelog_and_its_repository() {
    let folder = copy();
    let folder = folder.path();
    let tag = format!("v{VERSION}");
    let wrong = |arguments: &[&str], env: &[(&str, &str)], expected: &str| {
        let (code, stdout, stderr) = script(folder, "check", arguments, env);
        assert!(code == 1 && stdout.is_empty() && stderr.contains(expected), "{code}: {stdout}{stderr}");
    };
    wrong(&["v0.0.1"], &[], "the tag is v0.0.1");
    let owned = "github.com/somebody/gatecrash";
    if fs::read_to_string(folder.join("Cargo.toml")).unwrap().contains("github.com/OWNER/") {
        wrong(&[&tag], &[], "write the owner instead of OWNER");
        change(folder, "Cargo.toml", "github.com/OWNER/gatecrash", owned);
    }
    wrong(&[&tag], &[("GITHUB_REPOSITORY", "else/where")], "this is else/where");
    let (code, notes, stderr) = script(folder, "check", &[&tag], &[]);
    assert_eq!(code, 0, "{stderr}");
    // The section of this version, without the heading of any other and without the links at the end.
    assert!(notes.contains("### Added") && !notes.contains("\n## ") && !notes.contains("]: https"), "{notes}");
    change(folder, "CHANGELOG.md", &format!("## [{VERSION}]"), "## [0.0.0]");
    wrong(&[&tag], &[], "has no section");
}

#[test]
fn checksums_are_of_what_is_there_and_the_gate_is_pinned_to_them() {
    let folder = copy();
    let folder = folder.path();
    let dist = folder.join("dist");
    fs::create_dir(&dist).unwrap();
    let (code, _, stderr) = script(folder, "sums", &["dist"], &[]);
    assert!(code == 1 && stderr.contains("neither an archive nor a wheel"), "{stderr}");
    for name in ["gatecrash-1.2.3-x86_64-unknown-linux-musl.tar.gz", "gatecrash-1.2.3-aarch64-apple-darwin.tar.gz"] {
        write(&dist, name, name);
    }
    write(&dist, "gatecrash-1.2.3-py3-none-any.whl", "a wheel");
    assert_eq!(script(folder, "sums", &["dist"], &[]).0, 0);
    let sums = fs::read_to_string(dist.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 3, "{sums}");

    let pinned = || fs::read_to_string(folder.join(".github/actions/gate/release")).unwrap();
    assert_eq!(script(folder, "pin", &["dist/SHA256SUMS"], &[]).0, 0);
    let text = pinned();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "1.2.3"), "{text}");
    assert!(lines[1..].iter().all(|line| sums.contains(line)), "{text}");
    // A list for no release, or for two, changes nothing.
    write(&dist, "none", "nothing\n");
    write(&dist, "two", format!("{sums}{}", sums.replace("1.2.3", "1.2.4")));
    for (file, expected) in [("dist/none", "names no archive"), ("dist/two", "is of several versions")] {
        let (code, _, stderr) = script(folder, "pin", &[file], &[]);
        assert!(code == 1 && stderr.contains(expected) && pinned() == text, "{stderr}");
    }
}

#[test]
fn an_image_is_built_only_of_a_program_that_runs_here() {
    let folder = copy();
    let broken = write(folder.path(), "broken", "no program");
    for program in [broken.as_str(), "no-such-program"] {
        let (code, stdout, stderr) = script(folder.path(), "image", &[program], &[]);
        assert!(code == 1 && stdout.is_empty() && stderr.contains("does not run here"), "{stdout}{stderr}");
    }
}

/// Whatever tells people a version tells this one.
#[test]
fn what_is_written_down_is_of_this_version() {
    for file in [
        "docs/scale.md",
        "docs/gate.md",
        "docs/examples/github-matrix.yml",
        "docs/examples/gitlab-parallel.yml",
        "docs/examples/kubernetes-indexed-job.yml",
        "docs/examples/remote-engines.sh",
        "docs/examples/pre-commit-config.yaml",
        "ci/gitlab.yml",
    ] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        let mut found = 0;
        for named in ["gatecrash==", "OWNER/gatecrash:", "OWNER/gatecrash/v"] {
            for (at, _) in text.match_indices(named) {
                assert!(text[at + named.len()..].starts_with(VERSION), "{file}: {named} is not followed by {VERSION}");
                found += 1;
            }
        }
        assert!(found > 0, "{file} names no version");
    }
    let changelog = fs::read_to_string(Path::new(ROOT).join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(&format!("## [{VERSION}]")));
}

/// The format numbers in the changelog are those that the program writes.
#[test]
fn the_changelog_says_which_formats_are_written() {
    let changelog = fs::read_to_string(Path::new(ROOT).join("CHANGELOG.md")).unwrap();
    let number = |arguments: &[&str], field: &str| {
        let (_, stdout, stderr) = answer(super::gatecrash(arguments));
        let document: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_else(|why| panic!("{why}: {stderr}"));
        document[field].as_u64().unwrap()
    };
    let good = super::case("good.yaml");
    let report = number(&["run", &good, "--format", "json"], "format");
    let matrix = number(&["matrix", "builtin", &good, "--format", "json"], "matrix");
    let versions = "builtin,builtin@fault:key-budget-ignored";
    let key = "scenarios/budget/key.yaml";
    let bisection = number(&["bisect", key, "--versions", versions, "--format", "json"], "format");
    for (schema, written) in [("--report", report), ("--matrix", matrix), ("--bisection", bisection)] {
        let row = format!("`gatecrash schema {schema}` | {written} |");
        assert!(changelog.contains(&row), "CHANGELOG.md does not say {row}");
    }
}
