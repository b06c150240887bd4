//! The commands: their arguments, and one call each.

mod adapter_check;
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
/// Launches gateways, runs scenarios of budgets and limits against them, and says to the cent whether they enforced
/// what they promised; against two versions, whether anything that used to be refused gets through.
#[derive(Debug, Parser)]
#[command(name = "gatecrash", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The settings file; without it, ./harness.toml, or the settings that ship with gatecrash.
    #[arg(long, global = true, value_name = "FILE", env = "GATECRASH_CONFIG")]
    config: Option<PathBuf>,
    /// No colours.
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
    Run(run::Run),
    /// Run scenarios on two targets, and say what regressed.
    #[command(override_usage = "gatecrash compare [OPTIONS] [BASELINE CANDIDATE] [SCENARIO]...")]
    Compare(run::Compare),
    /// Run scenarios on many versions, and show what each does on each, since when and until when.
    Matrix(matrix::MatrixCommand),
    /// Find the release that broke a scenario, or mended it.
    Bisect(bisect::Bisect),
    /// Make a scenario smaller that fails, and keep its finding.
    Minimize(minimize::Minimize),
    /// Launch targets and keep them running between runs; without any, list what is up.
    Up(up::Up),
    /// Take away what `gatecrash up` keeps.
    Down(up::Down),
    /// Join the reports of the partitions of a run.
    Merge(merge::Merge),
    /// Write a commented scenario to start from.
    New(new::New),
    /// Write a scenario from what a report shows of a key.
    Reproduce(reproduce::Reproduce),
    /// List trials, or the faults of the built-in gateway.
    List(list::List),
    /// Run scenarios on every fault of the built-in gateway, and say which catches which.
    Faults(faults::Faults),
    /// Read scenario files, and say what is wrong with them.
    Check(check::Check),
    /// Try what an adapter promises on its gateway, and say what is lacking.
    AdapterCheck(adapter_check::AdapterCheck),
    /// List what is kept from one run to the next, or remove it.
    Cache(cache::CacheCommand),
    /// Say what this machine can launch, what is missing, and the command that mends it.
    Doctor(doctor::Doctor),
    /// Print the JSON Schema of scenario files, for editors.
    Schema(print::Schema),
    /// Print the configuration that a gateway of your own needs.
    Config(print::GatewayConfig),
    /// Print completions for a shell.
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
        Command::Config(command) => Ok(command.execute()),
        Command::Completions(command) => Ok(command.execute(&mut Cli::command())),
        Command::Man => Ok(print::man(Cli::command())),
    };
    let exit = ended.unwrap_or_else(|failure| {
        let said = failure.to_string();
        // Who was interrupted knows it.
        if !said.is_empty() {
            say(&said);
        }
        failure.exit()
    });
    exit.into()
}
