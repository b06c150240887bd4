//! `gatecrash merge`.

use std::path::PathBuf;

use clap::Args;

use super::run::show;
use super::{Shown, WrongInput};
use crate::report::json;
use crate::report::merge::{Part, merge};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash merge part-1.json part-2.json part-3.json part-4.json")]
pub struct Merge {
    /// Reports, as `run` and `compare` write them with --format json.
    #[arg(value_name = "REPORT", required = true)]
    reports: Vec<PathBuf>,
    #[command(flatten)]
    shown: Shown,
}

impl Merge {
    pub fn execute(&self) -> Result<u8, WrongInput> {
        self.shown.files.check()?;
        let part = |file: &PathBuf| {
            let name = file.display().to_string();
            let wrong = |what: String| WrongInput(format!("error: {name}: {what}"));
            let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
            let report = json::read(&text).map_err(|error| wrong(error.to_string()))?;
            Ok(Part { name, report })
        };
        let parts = self.reports.iter().map(part).collect::<Result<Vec<_>, WrongInput>>()?;
        let report = merge(&parts)?;
        Ok(show(&report, &self.shown))
    }
}
