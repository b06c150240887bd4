//! docs/walkthrough.md, walked: its commands run in one folder, one after the other, and say what the page says. `[..]`
//! stands for what differs from run to run, `...` for lines that are left out. Blocks called `console` run everywhere;
//! those called `console real` need gateways in Docker.

use std::path::Path;
use std::process::Command;

use snapbox::Assert;
use snapbox::assert::DEFAULT_ACTION_ENV;

use super::support::engine::{IMAGE, turn_with};
use super::support::in_peace;

const PAGE: &str = "docs/walkthrough.md";

/// A command on the page.
struct Step {
    line: usize,
    command: String,
    /// What it says, and its exit code in a last line `? 1` if that is not 0.
    says: String,
    is_real: bool,
}

fn steps() -> Vec<Step> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut block = None;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), block, line.strip_prefix("$ ")) {
            (Some(info), None, _) => block = Some(info),
            (Some(_), Some(_), _) => block = None,
            (None, Some("console" | "console real"), Some(command)) => steps.push(Step {
                line: number + 1,
                command: command.to_owned(),
                says: String::new(),
                is_real: block == Some("console real"),
            }),
            (None, Some("console" | "console real"), None) => {
                let step = steps.last_mut().expect("a block begins with a command");
                step.says.push_str(line);
                step.says.push('\n');
            }
            (None, ..) => {}
        }
    }
    steps
}

/// What a command said on both streams, as a terminal would show it.
fn walk(command: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_gatecrash"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = program.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(folder);
    shell.env("PATH", std::env::join_paths(path).unwrap());
    in_peace(&mut shell);
    let output = shell.output().unwrap();
    let mut said = String::from_utf8(output.stdout).unwrap();
    if !said.is_empty() && !said.ends_with('\n') {
        said.push('\n');
    }
    match output.status.code() {
        Some(0) => said,
        code => format!("{said}? {}\n", code.unwrap_or(-1)),
    }
}

/// Walks these steps in a folder of their own.
fn walk_all(steps: &[Step]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("scenarios"), folder.path().join("scenarios")).unwrap();
    for file in std::fs::read_dir(root.join("docs/walkthrough")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let mut wrong = Vec::new();
    for step in steps {
        let said = walk(&step.command, folder.path());
        let compared = Assert::new().action_env(DEFAULT_ACTION_ENV).normalize_paths(false).try_eq(
            Some(&step.command),
            said.into(),
            step.says.as_str().into(),
        );
        wrong.extend(compared.err().map(|why| format!("{PAGE}:{}: $ {}\n{why}", step.line, step.command)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_command_of_the_walkthrough_says_what_the_page_says() {
    let mut steps = steps();
    steps.retain(|step| !step.is_real);
    walk_all(&steps);
}

/// The whole page, in order: what is asked of a real gateway builds on files that the other steps wrote.
#[test]
fn so_do_those_that_launch_gateways_in_docker() {
    let Some(_turn) = turn_with(&["ghcr.io/berriai/litellm:v1.81.0", IMAGE]) else { return };
    walk_all(&steps());
}
