//! `gatecrash merge`.

use std::path::PathBuf;

use clap::Args;

use super::shared::OutputArgs;
use crate::host::failure::{Exit, Failure};
use crate::report::merge::merge_files;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash merge part-1.json part-2.json part-3.json part-4.json")]
pub(super) struct Merge {
    /// JSON reports of `run` or `compare`.
    #[arg(value_name = "REPORT", required = true)]
    reports: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Merge {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        merge_files(&self.reports, &self.output.into())
    }
}
