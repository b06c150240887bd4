//! `gatecrash run` and `gatecrash compare`.

use std::path::PathBuf;

use clap::Args;

use super::shared::Common;
use crate::compare::{Compared, RunOrder, two_targets};
use crate::config::Config;
use crate::host::failure::{Exit, Failure};
use crate::host::interrupts;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gatecrash run bug.yaml --target litellm@1.82.3
  gatecrash run bug.yaml --target litellm@1.82.3 --evidence out   # out/issue.md is to be pasted into an issue")]
pub(super) struct RunArgs {
    /// Files and folders. Default: the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// GATEWAY@VERSION (litellm@1.82.3), builtin, builtin@fault:NAME, or a [target.NAME] of harness.toml. Several
    /// targets run side by side.
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    /// For scenarios with an upgrade: the target that each is upgraded from. Default: itself.
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl RunArgs {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let targets = if self.target.is_empty() { config.run.targets.clone() } else { self.target };
        let config = self.common.launching.over(config);
        self.common.order(targets, self.from, self.scenarios, false, &config)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash compare litellm@1.81.0 litellm@1.82.3 scenarios/budget")]
pub(super) struct CompareArgs {
    /// Two targets, baseline first, then files and folders. Defaults: the targets of harness.toml; the
    /// corpus.
    #[arg(value_name = "TARGETS AND SCENARIOS")]
    arguments: Vec<String>,
    /// Find both versions in the changes since a revision, as in a pull request: in images, packages and charts.
    #[arg(long, value_name = "REVISION")]
    from_git: Option<String>,
    /// For scenarios with an upgrade: the target that both are upgraded from. Default: the baseline.
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl CompareArgs {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let mut config = self.common.launching.over(config);
        let compared = two_targets(&mut config, &self.arguments, self.from_git.as_deref())?;
        // The old configuration goes when the rest of this does.
        let Compared { targets, scenarios, before: _before } = compared;
        self.common.order(targets, self.from, scenarios, true, &config)
    }
}

impl Common {
    fn order(
        self,
        targets: Vec<String>,
        from: Option<String>,
        scenarios: Vec<PathBuf>,
        pairs: bool,
        config: &Config,
    ) -> Result<Exit, Failure> {
        let Common { selection, jobs, partition, retry, output, launching, stop_with_stdin } = self;
        if stop_with_stdin {
            interrupts::when_stdin_closes();
        }
        let order = RunOrder {
            targets,
            from,
            scenarios,
            pairs,
            filter: selection.filters(),
            tag: selection.tag,
            jobs,
            partition,
            retries: retry.retries,
            fail_on: retry.fail_on.unwrap_or_default(),
            output: output.into(),
            compromised: launching.compromised(),
        };
        order.carry_out(config)
    }
}
