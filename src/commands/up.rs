//! `gatecrash up` and `gatecrash down`.

use clap::Args;

use super::shared::Launching;
use crate::config::Config;
use crate::host::failure::{Exit, Failure};
use crate::standby::{down, up};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash up litellm@1.81.0 litellm@1.82.3\n\n\
                        `run`, `compare`, `cargo test` and `cargo nextest run` use what is up, until \
                        `gatecrash down`.")]
pub(super) struct Up {
    /// GATEWAY@VERSION (litellm@1.82.3), builtin, builtin@fault:NAME, or a [target.NAME] of harness.toml. Default: list what
    /// is up.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    launching: Launching,
}

impl Up {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        up(&self.launching.over(config), &self.targets, self.launching.compromised())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash down litellm@1.81.0")]
pub(super) struct Down {
    /// Targets that are up. Default: all of them.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

impl Down {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        down(self.targets)
    }
}
