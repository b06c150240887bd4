//! `gatecrash new`.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use crate::host::console::{Overwrite, print, say, write_new};
use crate::host::failure::{Exit, Failure};
use crate::scenario::corpus;

/// The scenario to start from: it runs as it is.
const START: &str = include_str!("new.yaml");

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("written").args(["file", "corpus"]))]
#[command(after_help = "Examples:\n  gatecrash new bug.yaml\n  gatecrash new --corpus scenarios")]
pub(super) struct New {
    /// The file. Default: standard output.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Overwrite files that exist.
    #[arg(long, requires = "written")]
    force: bool,
    /// Write gatecrash's own scenarios into this folder instead, to be read or changed.
    #[arg(long, value_name = "FOLDER")]
    corpus: Option<PathBuf>,
}

impl New {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        if let Some(folder) = &self.corpus {
            return self.corpus(folder);
        }
        let Some(file) = &self.file else { return Ok(print(START)) };
        write_new(file, START, Overwrite::forced(self.force))?;
        say(&format!("next: gatecrash run {}", file.display()));
        Ok(Exit::Fine)
    }

    /// Writes the corpus out, or nothing if one of its files exists already.
    fn corpus(&self, folder: &Path) -> Result<Exit, Failure> {
        let files = || corpus::files().map(|(name, text)| (folder.join(name), text));
        if let Some((there, _)) = files().find(|(file, _)| !self.force && file.exists()) {
            let what = format!("{} already exists; nothing was written", there.display());
            return Err(Failure::wrong(what).help("write to another folder, or use --force"));
        }
        for (file, text) in files() {
            let parent = file.parent().unwrap_or(folder);
            let made = std::fs::create_dir_all(parent);
            made.map_err(|error| Failure::broke(format!("{} cannot be made: {error}", parent.display())))?;
            write_new(&file, text, Overwrite::forced(self.force))?;
        }
        say(&format!("{} are in {}", corpus::described(), folder.display()));
        Ok(Exit::Fine)
    }
}
