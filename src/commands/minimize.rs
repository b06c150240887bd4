//! `gatecrash minimize`.

use std::path::PathBuf;

use clap::Args;

use super::shared::Launching;
use crate::config::Config;
use crate::host::console::Overwrite;
use crate::host::failure::{Exit, Failure};
use crate::minimize::order::MinimizeOrder;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash minimize bug.yaml --target litellm@1.82.3 -o smaller.yaml")]
pub(super) struct Minimize {
    /// One file. Its axes keep the values of the trial that fails worst.
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// GATEWAY@VERSION (litellm@1.82.3), builtin@fault:NAME, or a [target.NAME] of harness.toml.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// For a scenario with an upgrade: the target that it is upgraded from. Default: the target itself.
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
    /// Write the smallest scenario to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file if it exists.
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    launching: Launching,
}

impl Minimize {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let (config, compromised) = (self.launching.over(config), self.launching.compromised());
        let Minimize { scenario, target, from, output, force, launching: _ } = self;
        let overwrite = Overwrite::forced(force);
        MinimizeOrder { scenario, target, from, output, overwrite, compromised }.carry_out(&config)
    }
}
