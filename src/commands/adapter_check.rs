//! `gatecrash adapter-check`.

use clap::Args;

use super::shared::Launching;
use crate::adapter_check::adapter_check;
use crate::config::Config;
use crate::host::failure::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash adapter-check builtin")]
pub(super) struct AdapterCheck {
    /// A gateway at a version, builtin, or a [target.NAME] of harness.toml.
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    launching: Launching,
}

impl AdapterCheck {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        adapter_check(&self.launching.over(config), &self.target, self.launching.compromised())
    }
}
