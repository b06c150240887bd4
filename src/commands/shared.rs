//! Arguments that several commands have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::partition;
use crate::config::{Config, LAUNCHER, LauncherName};
use crate::report::output::{self, Format};
use crate::scenario::Partition;
use crate::scenario::plan::Filter;
use crate::target::Compromised;
use crate::verdict::fail_on::FailOn;

/// Which trials.
#[derive(Debug, Args)]
pub(super) struct SelectionArgs {
    /// Only trials with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,
    /// Take each --filter as the whole name of a trial.
    #[arg(long, requires = "filter")]
    pub exact: bool,
    /// Only trials with this tag; may be repeated.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

impl SelectionArgs {
    /// What trials' names must match.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let filter = if self.exact { Filter::Whole } else { Filter::Part };
        self.filter.iter().cloned().map(filter).collect()
    }
}

/// How often to retry, and what then counts.
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// Retry a failing trial up to this many times. One that then passes is `unsteady`: it is reported with its rate and
    /// does not fail the run.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u8,
    /// What fails the run: bypass, leak, overrun, miscount, false-refusal, wrong-refusal, fault, unsteady. Default: all
    /// except unsteady.
    #[arg(long, value_name = "KIND,...")]
    pub fail_on: Option<FailOn>,
}

/// What `run` and `compare` share.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How many trials run at the same time, across all targets. Without it: as many as the gateways' answers stay
    /// quick for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Run one of several parts of the trials, for example each on its own machine; `gatecrash merge` joins their
    /// reports. `auto` asks GitLab, CircleCI or Buildkite which part this job is; `auto/N` also an indexed Job of
    /// Kubernetes, which does not say how many there are.
    #[arg(long, value_name = "M/N|auto|auto/N", value_parser = partition::read)]
    pub partition: Option<Partition>,
    #[command(flatten)]
    pub retry: Retry,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub launching: Launching,
    /// Stop at once, and remove everything that was launched, when standard input is closed: for programs that start
    /// gatecrash and may be killed.
    #[arg(long)]
    pub stop_with_stdin: bool,
}

/// How a report is shown.
#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Print only what went wrong and the answer.
    #[arg(long)]
    quiet: bool,
    #[arg(long, value_enum, default_value_t = FormatName::Terminal)]
    format: FormatName,
    #[command(flatten)]
    files: FileArgs,
}

impl From<OutputArgs> for output::Output {
    fn from(OutputArgs { quiet, format, files }: OutputArgs) -> output::Output {
        let format = match format {
            FormatName::Terminal => Format::Terminal,
            FormatName::Json => Format::Json,
            FormatName::JsonLines => Format::JsonLines,
            FormatName::Github => Format::Github,
        };
        let FileArgs { json, junit, markdown, html, evidence } = files;
        output::Output { quiet, format, files: output::Files { json, junit, markdown, html, evidence } }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Terminal,
    Json,
    /// A JSON document on a line of its own for each event, as soon as it happens.
    JsonLines,
    /// Annotations, as workflow commands of GitHub Actions.
    Github,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
struct FileArgs {
    /// Write the report as JSON, for scripts and for `gatecrash merge`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML, for CI systems.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as Markdown, for a job summary or a comment.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the report as one self-contained HTML page: the answer, each trial with its spend, and what the gateway
    /// said.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write evidence of the failures into a new folder: `issue.md`, a text to paste into an issue, with each request as
    /// `curl`; the scenario, the gateway's configuration and log, and the report. Secrets are replaced by names.
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,
}

/// What all commands that launch share.
#[derive(Debug, Args)]
pub(super) struct Launching {
    /// How to launch `GATEWAY@VERSION`. Default: as harness.toml says, or else in Docker if an engine answers, and as
    /// processes otherwise.
    #[arg(long, value_enum, value_name = "LAUNCHER", env = LAUNCHER)]
    launcher: Option<LauncherName>,
    /// The gateway's own configuration, to launch it with (LiteLLM: a `config.yaml`). `gatecrash config litellm --from FILE`
    /// prints what is made of it.
    #[arg(long, value_name = "FILE")]
    gateway_config: Option<PathBuf>,
    /// Also launch releases that are known to be compromised.
    #[arg(long)]
    allow_compromised: bool,
}

impl Launching {
    /// The settings, changed by what is said here.
    pub(super) fn over(&self, config: &Config) -> Config {
        let mut config = config.clone();
        if let Some(launcher) = self.launcher {
            config.launch_by(launcher);
        }
        config.gateway_config.clone_from(&self.gateway_config);
        config
    }

    pub(super) fn compromised(&self) -> Compromised {
        match self.allow_compromised {
            true => Compromised::Allow,
            false => Compromised::Refuse,
        }
    }
}
