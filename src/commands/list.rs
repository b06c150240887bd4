//! `gatecrash list`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::shared::SelectionArgs;
use crate::builtin::{AboutFault, FAULTS};
use crate::config::Config;
use crate::host::console::{print, print_json};
use crate::host::failure::{Exit, Failure};
use crate::run::select::{Selected, select};
use crate::scenario::Trial;
use crate::target::{Compromised, Target};

/// Grows with every change that could break readers of the JSON.
const FORMAT: u32 = 1;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash list --tag budget")]
pub(super) struct List {
    /// Files and folders. Default: the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    #[arg(long, value_enum, default_value_t = ListFormat::Terminal)]
    format: ListFormat,
    /// List the built-in gateway's faults instead.
    #[arg(long, exclusive = true)]
    faults: bool,
    /// List the targets of `gatecrash run` instead: those of harness.toml, or these, if such targets can exist.
    #[arg(long, value_name = "TARGET", num_args = 0.., conflicts_with_all = ["scenarios", "filter", "tag"])]
    targets: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Terminal,
    Json,
}

/// What is listed. What was not asked for is empty.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Listed {
    /// Grows with every change that could break its readers.
    format: u32,
    /// The version of gatecrash that wrote it.
    gatecrash: &'static str,
    trials: Vec<ListedTrial>,
    targets: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ListedTrial {
    /// Its name.
    trial: String,
    /// What its scenario proves.
    name: String,
    /// The scenario's file.
    file: String,
    /// The scenario's tags.
    tags: Vec<String>,
}

impl ListedTrial {
    fn of(trial: &Trial) -> ListedTrial {
        let scenario = &trial.file.scenario;
        ListedTrial {
            trial: trial.id.clone(),
            name: scenario.name.value.clone(),
            file: trial.file.path.display().to_string(),
            tags: scenario.tags.iter().map(|tag| tag.0.clone()).collect(),
        }
    }
}

impl List {
    pub(super) fn execute(&self, config: &Config) -> Result<Exit, Failure> {
        if self.faults {
            let line =
                |about: &AboutFault| format!("builtin@fault:{:34}  {} ({})\n", about.name, about.what, about.like);
            return Ok(print(&FAULTS.iter().map(line).collect::<String>()));
        }
        let head = || Listed { format: FORMAT, gatecrash: env!("CARGO_PKG_VERSION"), ..Listed::default() };
        if let Some(named) = &self.targets {
            let names = if named.is_empty() { &config.run.targets } else { named };
            let parse = |name: &String| Target::parse(name, config, Compromised::Refuse).map_err(Failure::wrong);
            let targets =
                names.iter().map(|name| parse(name).map(|target| target.name)).collect::<Result<Vec<_>, _>>()?;
            return Ok(match self.format {
                ListFormat::Terminal => print(&targets.iter().map(|target| format!("{target}\n")).collect::<String>()),
                ListFormat::Json => print_json(&Listed { targets, ..head() }, PrettyFormatter::new()),
            });
        }
        let Selected { trials, .. } =
            select(config, &[], &self.scenarios, &self.selection.filters(), &self.selection.tag)?;
        let width = trials.iter().map(|trial| trial.id.len()).max().unwrap_or(0);
        let line = |trial: &Trial| format!("{:width$}  {}\n", trial.id, trial.file.scenario.name.value);
        let printed = match self.format {
            ListFormat::Terminal => print(&trials.iter().map(line).collect::<String>()),
            ListFormat::Json => {
                let listed = Listed { trials: trials.iter().map(ListedTrial::of).collect(), ..head() };
                print_json(&listed, PrettyFormatter::new())
            }
        };
        // Listing nothing is no better an answer than running nothing.
        Ok(if trials.is_empty() { Exit::NothingRun } else { printed })
    }
}

/// The JSON Schema of what is listed.
pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(Listed)
}
