//! `gatecrash check`.

use std::path::PathBuf;

use clap::Args;

use crate::host::console::{print, say};
use crate::host::failure::Exit;
use crate::scenario::plan::find;
use crate::scenario::read::{read, shown};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash check bug.yaml")]
pub(super) struct Check {
    /// Files and folders.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    pub(super) fn execute(&self) -> Exit {
        let files: Vec<PathBuf> = self.files.iter().flat_map(|path| find(path)).collect();
        let mistakes: Vec<_> = files.iter().filter_map(|file| read(file).err()).collect();
        if !mistakes.is_empty() {
            say(&shown(&mistakes));
            return Exit::WrongInput;
        }
        match files.len() {
            0 => {
                say("error: there is no scenario in these folders");
                Exit::NothingRun
            }
            1 => print("1 scenario is right\n"),
            count => print(&format!("{count} scenarios are right\n")),
        }
    }
}
