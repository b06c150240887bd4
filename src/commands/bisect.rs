//! `gatecrash bisect`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::Launching;
use crate::bisect::order::BisectOrder;
use crate::config::Config;
use crate::host::failure::{Exit, Failure};
use crate::scenario::plan::Filter;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gatecrash bisect bug.yaml --good litellm@1.81.0 --bad litellm@1.82.3
  gatecrash bisect bug.yaml --fixed --bad litellm@1.82.3 --good litellm@1.108.7   # which release mended it")]
pub(super) struct Bisect {
    /// One file. If it has several trials, bisect follows the one that fails worst on the bad version and does not
    /// fail on the good one.
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// A version without the bug; by default the first of --versions.
    #[arg(long, value_name = "TARGET", required_unless_present = "versions")]
    good: Option<String>,
    /// A version with the bug; by default the last of --versions.
    #[arg(long, value_name = "TARGET", required_unless_present = "versions")]
    bad: Option<String>,
    /// The bad version comes first: find the first good one after it.
    #[arg(long)]
    fixed: bool,
    /// Search these versions, in this order, instead of every release between the good and the bad one:
    /// versions of the gateway, or targets.
    #[arg(long, value_name = "VERSION,...", value_delimiter = ',')]
    versions: Vec<String>,
    /// Also try pre-releases, post-releases and development releases.
    #[arg(long, conflicts_with = "versions")]
    pre: bool,
    /// For a scenario with an upgrade: the target that each version is upgraded from. Default: that version itself.
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
    /// Only trials with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    #[arg(long, value_enum, default_value_t = BisectFormat::Terminal)]
    format: BisectFormat,
    /// Also write the answer as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    launching: Launching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BisectFormat {
    Terminal,
    Json,
}

impl Bisect {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let (config, compromised) = (self.launching.over(config), self.launching.compromised());
        let Bisect { scenario, good, bad, fixed, versions, pre, from, filter, format, json, launching: _ } = self;
        let prints_json = format == BisectFormat::Json;
        let filter = filter.into_iter().map(Filter::Part).collect();
        BisectOrder { scenario, good, bad, fixed, versions, pre, from, filter, prints_json, json, compromised }
            .carry_out(&config)
    }
}
