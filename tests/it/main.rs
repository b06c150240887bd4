//! The tests of gatecrash itself, through what it shows to others: its commands, its library, its messages.

// What is printed here is for who runs the tests.
#![allow(clippy::disallowed_macros)]
// Nobody reaches into a test.
#![allow(unreachable_pub)]

#[cfg(unix)]
mod action;
mod adapters;
mod bisect;
mod cache;
mod commands;
mod docker;
#[cfg(unix)]
mod environment;
mod evidence;
mod failures;
mod faults;
mod from_git;
mod fuzz;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod kept;
#[cfg(unix)]
mod killed;
mod layers;
mod matrix;
mod merge;
mod minimize;
mod mistakes;
mod page;
mod process;
#[cfg(unix)]
mod real;
mod reports;
mod reproduce;
mod secrets;
mod upstream;
#[cfg(unix)]
mod walkthrough;

use std::path::Path;
use std::process::{Command, Output};

/// The binary, in the root of the project, without anything of the environment that could change its answer.
fn gatecrash(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrash"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    in_peace(&mut command);
    command
}

/// Keeps away from a command what its user has set or keeps up.
fn in_peace(command: &mut Command) {
    command.env_remove("GATECRASH_CONFIG").env("NO_COLOR", "1");
    command.env("XDG_RUNTIME_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/nothing-is-up"));
}

/// What a command answered: exit code, standard output, standard error.
fn answer(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it answers in UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A file of the tests.
fn case(name: &str) -> String {
    format!("{}/tests/it/cases/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Writes a file into a folder, and gives its path.
fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the temporary folder can be written to");
    path.display().to_string()
}
