//! `gatecrash faults`.

use std::path::PathBuf;

use clap::Args;

use crate::config::Config;
use crate::faults::{FaultsOrder, faults};
use crate::host::failure::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash faults > docs/data/faults.md")]
pub(super) struct Faults {
    /// Files and folders. Default: the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Only faults with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    fault: Vec<String>,
    /// Instead of trying everything, check this file's claims with one pair for each fault and each scenario.
    #[arg(long, value_name = "FILE", conflicts_with = "fault")]
    check: Option<PathBuf>,
}

impl Faults {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let Faults { scenarios, fault: parts, check } = self;
        faults(config, &FaultsOrder { scenarios, faults: parts, check })
    }
}
