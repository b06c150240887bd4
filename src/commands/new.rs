//! `gatecrash new`.

use std::path::PathBuf;

use clap::Args;

use crate::host::console::{Overwrite, print, say, write_new};
use crate::host::failure::{Exit, Failure};

/// The scenario to start from: it runs as it is.
const START: &str = include_str!("new.yaml");

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash new bug.yaml")]
pub(super) struct New {
    /// The file. Default: standard output.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Overwrite the file if it exists.
    #[arg(long, requires = "file")]
    force: bool,
}

impl New {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let Some(file) = &self.file else { return Ok(print(START)) };
        write_new(file, START, Overwrite::forced(self.force))?;
        say(&format!("next: gatecrash run {}", file.display()));
        Ok(Exit::Fine)
    }
}
