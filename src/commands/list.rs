//! `gatecrash list`.

use std::path::PathBuf;

use clap::Args;

use super::shared::SelectionArgs;
use crate::builtin::{AboutFault, FAULTS};
use crate::config::Config;
use crate::host::console::print;
use crate::host::failure::{Exit, Failure};
use crate::run::select::{Selected, select};
use crate::scenario::Trial;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash list --tag budget")]
pub(super) struct List {
    /// Files and folders. Default: the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// List the built-in gateway's faults instead.
    #[arg(long, exclusive = true)]
    faults: bool,
}

impl List {
    pub(super) fn execute(&self, config: &Config) -> Result<Exit, Failure> {
        if self.faults {
            let line =
                |about: &AboutFault| format!("builtin@fault:{:34}  {} ({})\n", about.name, about.what, about.like);
            return Ok(print(&FAULTS.iter().map(line).collect::<String>()));
        }
        let Selected { trials, .. } = select(config, &self.scenarios, &self.selection.filter, &self.selection.tag)?;
        let width = trials.iter().map(|trial| trial.id.len()).max().unwrap_or(0);
        let line = |trial: &Trial| format!("{:width$}  {}\n", trial.id, trial.file.scenario.name.value);
        // A list of nothing is as little a good answer as a run of nothing.
        Ok(if trials.is_empty() { Exit::NothingRun } else { print(&trials.iter().map(line).collect::<String>()) })
    }
}
