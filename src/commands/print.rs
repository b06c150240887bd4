//! The commands that only print: the schema, a gateway's configuration, completions, the manual page.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::config::Config;
use crate::gateway::own::told;
use crate::gateway::{ADAPTERS, adapter};
use crate::host::console::{print, say};
use crate::host::failure::{Exit, Failure};
use crate::launch::config;
use crate::scenario::read::shown;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash schema > scenario.schema.json")]
pub(super) struct SchemaArgs {
    /// Print the schema of the JSON report instead.
    #[arg(long)]
    report: bool,
    /// Print the schema of the JSON of `gatecrash matrix` instead.
    #[arg(long, conflicts_with = "report")]
    matrix: bool,
    /// Print the schema of the JSON of `gatecrash bisect` instead.
    #[arg(long, conflicts_with_all = ["report", "matrix"])]
    bisection: bool,
    /// Print the schema of a line of `--format json-lines` instead.
    #[arg(long, conflicts_with_all = ["report", "matrix", "bisection"])]
    lines: bool,
    /// Print the schema of `gatecrash list --format json` instead.
    #[arg(long, conflicts_with_all = ["report", "matrix", "bisection", "lines"])]
    list: bool,
}

impl SchemaArgs {
    pub(super) fn execute(&self) -> Exit {
        let schema = match self {
            SchemaArgs { report: true, .. } => crate::report::json::schema(),
            SchemaArgs { matrix: true, .. } => crate::matrix::tell::json::schema(),
            SchemaArgs { bisection: true, .. } => crate::bisect::tell::schema(),
            SchemaArgs { lines: true, .. } => crate::report::stream::schema(),
            SchemaArgs { list: true, .. } => super::list::schema(),
            SchemaArgs { .. } => crate::scenario::schema(),
        };
        print(&format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()))
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash config litellm --from config.yaml > launched.yaml")]
pub(super) struct GatewayConfig {
    #[arg(value_parser = PossibleValuesParser::new(ADAPTERS.iter().map(|adapter| adapter.about().name)))]
    gateway: String,
    /// The address at which the gateway reaches gatecrash's upstream. The port is that of `upstream` under
    /// [target.NAME] in harness.toml.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9099")]
    upstream: String,
    /// Make it of a configuration of yours. All that is changed is said on standard error.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

impl GatewayConfig {
    /// `settings` are read only if a configuration is named: its variables may be set there.
    pub(super) fn execute(&self, settings: impl FnOnce() -> Result<Config, Failure>) -> Result<Exit, Failure> {
        // clap lets no other value through.
        let Some(adapter) = adapter(&self.gateway) else { return Ok(Exit::WrongInput) };
        let upstream = self.upstream.trim_end_matches('/');
        let Some(file) = &self.from else { return Ok(print(&config(adapter, None, upstream))) };
        let title = adapter.about().title;
        let settings = settings()?;
        let of_gateway = settings.gateways.of(adapter);
        let own = match adapter.own(file, &of_gateway.env, &of_gateway.files) {
            None => return Err(Failure::wrong(format!("{title} cannot be launched with a configuration of yours"))),
            Some(own) => own.map_err(|mistakes| Failure::mistakes(shown(&mistakes)))?,
        };
        say(&format!("{own}:\n  {}", told(&own.changes).join("\n  ")));
        Ok(print(&config(adapter, Some(&own), upstream)))
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash completions bash > /etc/bash_completion.d/gatecrash")]
pub(super) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(&self, command: &mut Command) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "gatecrash", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

pub(super) fn man(command: Command) -> Exit {
    let mut page = Vec::new();
    // Writing to a vector never fails.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    print(&String::from_utf8_lossy(&page))
}
