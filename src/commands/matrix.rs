//! `gatecrash matrix`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::partition;
use super::shared::{Launching, SelectionArgs};
use crate::config::Config;
use crate::host::failure::{Exit, Failure};
use crate::matrix::order::{MatrixFiles, MatrixOrder};
use crate::scenario::Partition;

#[derive(Debug, Args)]
#[command(
    override_usage = "gatecrash matrix [OPTIONS] [TARGET]... [SCENARIO]...",
    after_help = "Examples:
  gatecrash matrix litellm@1.81.0..1.108.7 --every minor --html matrix.html
  gatecrash matrix litellm@1.81.0 litellm@1.82.3 litellm@1.108.7 scenarios/budget
  gatecrash matrix --promises any-llm@1.14.0 litellm@1.108.7 mlflow@3.17.2   # which gateway stops whom
  gatecrash matrix --from part-1.json part-2.json --markdown matrix.md   # of what was run already: matrices, reports

What is run is kept in the cache at once: the same command again goes on where it was stopped."
)]
pub(super) struct MatrixCommand {
    /// Targets, or a range of versions such as litellm@1.81.0..1.108.7, then files and folders. Default: the corpus.
    #[arg(value_name = "TARGETS AND SCENARIOS")]
    arguments: Vec<String>,
    /// Which releases of a range to run: the newest of each minor version and the very first, or every release.
    #[arg(long, value_enum, default_value_t = Every::Release)]
    every: Every,
    /// Include these results, or show only them: JSON written by this command (partitions, other machines), `run` or
    /// `compare`. Or the target that all versions are upgraded from, in scenarios with an upgrade; by default each from
    /// itself.
    #[arg(long, value_name = "FILE|TARGET", num_args = 1..)]
    from: Vec<PathBuf>,
    /// Test what gateways promise instead of the corpus, with one short scenario per promise, to compare different
    /// gateways.
    #[arg(long)]
    promises: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    /// How many targets run at the same time. Default: as many as memory allows, with two cores for each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    at_once: Option<u16>,
    /// How many trials run at the same time, across all targets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Run one of several parts of the targets, for example each on its own machine; --from joins their JSON. `auto`
    /// and `auto/N` are as in `run`.
    #[arg(long, value_name = "M/N|auto|auto/N", value_parser = partition::read)]
    partition: Option<Partition>,
    /// Retry a failing trial up to this many times. One that then passes does not count as a change between versions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    retries: u8,
    /// Run everything again, even if its result is known.
    #[arg(long)]
    fresh: bool,
    /// How it was measured: text to put under the title, such as the machine, the date or the commit.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print only the defects and the answer.
    #[arg(long)]
    quiet: bool,
    #[arg(long, value_enum, default_value_t = MatrixFormat::Terminal)]
    format: MatrixFormat,
    #[command(flatten)]
    files: OutputFiles,
    #[command(flatten)]
    launching: Launching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Every {
    Minor,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MatrixFormat {
    Terminal,
    Json,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
struct OutputFiles {
    /// Write it as compact JSON, for scripts and for --from.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write it as Markdown, for a repository or an issue.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write it as one self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl MatrixCommand {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let (selection, files) = (self.selection, self.files);
        let order = MatrixOrder {
            arguments: self.arguments,
            every_minor: self.every == Every::Minor,
            from: self.from,
            promises: self.promises,
            filter: selection.filters(),
            tag: selection.tag,
            at_once: self.at_once,
            jobs: self.jobs,
            partition: self.partition,
            retries: self.retries,
            fresh: self.fresh,
            note: self.note,
            quiet: self.quiet,
            prints_json: self.format == MatrixFormat::Json,
            files: MatrixFiles { json: files.json, markdown: files.markdown, html: files.html },
            compromised: self.launching.compromised(),
        };
        order.carry_out(&self.launching.over(config))
    }
}
