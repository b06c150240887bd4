//! What tests stand on: the binary and what it answers, and files. A test of one subject imports from here, and never
//! from the test of another.

pub mod engine;
pub mod external;
pub mod running;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// The binary, in the root of the project, without any environment that could change its answer.
pub fn gatecrash(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrash"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    in_peace(&mut command);
    command
}

/// Hides from a command what its user has set or keeps up.
pub fn in_peace(command: &mut Command) {
    command.env_remove("GATECRASH_CONFIG").env("NO_COLOR", "1");
    command.env("XDG_RUNTIME_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/nothing-is-up"));
}

/// What a command answered: exit code, standard output, standard error.
pub fn answer(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it answers in UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A file of the tests.
pub fn case(name: &str) -> String {
    format!("{}/tests/it/cases/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Writes a file into a folder, and gives its path.
pub fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the temporary folder can be written to");
    path.display().to_string()
}

/// All files below a folder, by their paths in it.
pub fn files(folder: &Path) -> BTreeMap<String, String> {
    fn add(all: &mut BTreeMap<String, String>, folder: &Path, within: &str) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{within}{}", entry.file_name().display());
            match entry.file_type().unwrap().is_dir() {
                true => add(all, &entry.path(), &format!("{name}/")),
                false => drop(all.insert(name, std::fs::read_to_string(entry.path()).unwrap())),
            }
        }
    }
    let mut all = BTreeMap::new();
    add(&mut all, folder, "");
    all
}

/// Says what this machine lacks for a test, which then proves nothing: seen only with `cargo test -- --show-output`.
pub fn not_tested(why: &str) {
    println!("not tested: {why}");
}
