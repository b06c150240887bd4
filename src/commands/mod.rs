//! The commands: their arguments, and one call each.

mod adapter_check;
mod audit;
mod bisect;
mod cache;
mod check;
mod doctor;
mod faults;
mod list;
mod matrix;
mod merge;
mod minimize;
mod new;
mod partition;
mod print;
mod reproduce;
mod run;
mod shared;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Config;
use crate::host::console::{self, print, say};
use crate::host::failure::{Exit, Failure};
use crate::launch::keeper::keep_if_told;
use crate::launch::reaper;

/// Does your LLM gateway let in what it should have turned away?
///
/// Launches gateways, runs scenarios about budgets and limits against them, and tells to the cent whether they enforced
/// what they promised. Given two versions, it tells whether anything that used to be refused now gets through.
#[derive(Debug, Parser)]
#[command(name = "gatecrash", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The settings file. Default: ./harness.toml, or else the settings that ship with gatecrash.
    #[arg(long, global = true, value_name = "FILE", env = "GATECRASH_CONFIG")]
    config: Option<PathBuf>,
    /// Do not use colours.
    #[arg(long, global = true)]
    no_color: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gatecrash compare                                 the embedded example: finds litellm#26672 in seconds
  gatecrash compare litellm@1.81.0 litellm@1.82.3   two real versions
  gatecrash run bug.yaml --target litellm@1.82.3    one scenario on one version

Exit codes: 0 nothing regressed, 1 a regression or a failed scenario, 2 wrong input, 3 the environment could not be
brought up, 4 nothing was run, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios on a target.
    Run(run::RunArgs),
    /// Run scenarios on two targets and show what regressed.
    #[command(override_usage = "gatecrash compare [OPTIONS] [BASELINE CANDIDATE] [SCENARIO]...")]
    Compare(run::CompareArgs),
    /// Ask each model of your own configuration whether budgets hold on it, and whether what it costs is charged.
    Audit(audit::Audit),
    /// Run scenarios on many versions and show when each defect came and went.
    Matrix(matrix::MatrixCommand),
    /// Find the release that broke a scenario, or fixed it.
    Bisect(bisect::Bisect),
    /// Shrink a failing scenario as far as its finding remains.
    Minimize(minimize::Minimize),
    /// Launch targets and keep them running between runs, or list those that are up.
    Up(up::Up),
    /// Stop and remove targets that `gatecrash up` keeps running.
    Down(up::Down),
    /// Join the reports of a run's partitions.
    Merge(merge::Merge),
    /// Write a commented scenario as a starting point.
    New(new::New),
    /// Write a scenario from what a bug report shows about a key.
    Reproduce(reproduce::Reproduce),
    /// List trials, or the built-in gateway's faults.
    List(list::List),
    /// Run scenarios on every fault of the built-in gateway and show which scenario catches which fault.
    Faults(faults::Faults),
    /// Read scenario files and show the mistakes in them.
    Check(check::Check),
    /// Test an adapter's promises on its gateway and show what is missing.
    AdapterCheck(adapter_check::AdapterCheck),
    /// List what gatecrash keeps between runs, or remove it.
    Cache(cache::CacheCommand),
    /// Show what this machine can launch, what is missing, and the command that installs it.
    Doctor(doctor::Doctor),
    /// Print the JSON Schema of scenario files, for editors.
    Schema(print::SchemaArgs),
    /// Print the configuration that a gateway of your own needs.
    Config(print::GatewayConfig),
    /// Print shell completions.
    Completions(print::Completions),
    /// Print the manual page.
    #[command(after_help = "Example: gatecrash man > gatecrash.1")]
    Man,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    console::guard();
    if reaper::served() {
        return ExitCode::SUCCESS;
    }
    if let Some(ended) = keep_if_told() {
        return ended;
    }
    let parsed = Cli::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches.value_source("config"))));
    let (cli, config_from) = match parsed {
        Ok(parsed) => parsed,
        Err(instead) => {
            let text = instead.render().ansi().to_string();
            if instead.use_stderr() {
                say(text.trim_end());
                return Exit::WrongInput.into();
            }
            return print(&text).into();
        }
    };
    if cli.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let config = || Config::read(cli.config.as_deref()).map_err(Failure::wrong);
    let ended = match cli.command {
        Command::Run(command) => config().and_then(|config| command.execute(&config)),
        Command::Compare(command) => config().and_then(|config| command.execute(&config)),
        Command::Audit(command) => config().and_then(|config| command.execute(&config)),
        Command::Matrix(command) => config().and_then(|config| command.execute(&config)),
        Command::Bisect(command) => config().and_then(|config| command.execute(&config)),
        Command::AdapterCheck(command) => config().and_then(|config| command.execute(&config)),
        Command::Minimize(command) => config().and_then(|config| command.execute(&config)),
        Command::Up(command) => config().and_then(|config| command.execute(&config)),
        Command::Down(command) => command.execute(),
        Command::Merge(command) => command.execute(),
        Command::New(command) => command.execute(),
        Command::Reproduce(command) => command.execute(config_from),
        Command::List(command) => config().and_then(|config| command.execute(&config)),
        Command::Faults(command) => config().and_then(|config| command.execute(&config)),
        Command::Check(command) => Ok(command.execute()),
        Command::Cache(command) => command.execute(),
        Command::Doctor(command) => Ok(command.execute()),
        Command::Schema(command) => Ok(command.execute()),
        Command::Config(command) => command.execute(config),
        Command::Completions(command) => Ok(command.execute(&mut Cli::command())),
        Command::Man => Ok(print::man(Cli::command())),
    };
    let exit = ended.unwrap_or_else(|failure| {
        let said = failure.to_string();
        // Whoever interrupted it knows.
        if !said.is_empty() {
            say(&said);
        }
        failure.exit()
    });
    exit.into()
}
