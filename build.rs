//! Puts the corpus into the program: a table of the scenario files, by their names below `scenarios/`. A build script, not
//! `include_dir`: on stable Rust that does not notice an added file.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("scenarios");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?;
        let _ =
            writeln!(table, "    ({:?}, include_str!({:?})),", name.display().to_string(), file.display().to_string());
    }
    table.push(']');
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("corpus.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// The files of a folder. Cargo then watches each of them, and the folder for added ones.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    writeln!(io::stdout(), "cargo:rerun-if-changed={}", folder.display())?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
