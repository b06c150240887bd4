//! `gatecrash up` and `gatecrash down`.

use std::fmt::Write as _;

use clap::Args;

use super::{BROKE, Launching, WrongInput, print, say};
use crate::config::Config;
use crate::launch::Target;
use crate::launch::keeper::{self, Standby};
use crate::report::console::INTERRUPTED;
use crate::report::progress::time;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash up litellm@1.81.0 litellm@1.82.3\n\n\
                        `run`, `compare`, `cargo test` and `cargo nextest run` use what is up, until \
                        `gatecrash down`.")]
pub struct Up {
    /// GATEWAY@VERSION (litellm@1.82.3), builtin, builtin@fault:NAME, or a [target.NAME] of harness.toml; without any, what is up is
    /// listed.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    launching: Launching,
}

impl Up {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        if self.targets.is_empty() {
            return Ok(print(&list(&keeper::all())));
        }
        let config = &self.launching.over(config);
        let parse = |name: &String| Target::parse(name, config, self.launching.compromised());
        let mut targets = self.targets.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        targets.dedup_by(|a, b| a.name == b.name);
        let runtime = tokio::runtime::Runtime::new()?;
        let launches = targets.iter().map(|target| async {
            say(&format!("launching {}", target.name));
            match keeper::up(target, config.limits).await {
                Ok(standby) => print(&line(&standby)),
                Err(error) => {
                    say(&format!("error: {error}"));
                    if error.was_interrupted() { INTERRUPTED } else { BROKE }
                }
            }
        });
        let codes = runtime.block_on(futures_util::future::join_all(launches));
        Ok(codes.into_iter().max().unwrap_or_default())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash down litellm@1.81.0")]
pub struct Down {
    /// Targets that are up; without any, all of them.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

impl Down {
    pub fn execute(&self) -> Result<u8, WrongInput> {
        let targets = if self.targets.is_empty() { keeper::names() } else { self.targets.clone() };
        if targets.is_empty() {
            say("nothing is up");
        }
        let runtime = tokio::runtime::Runtime::new()?;
        let ended = targets.iter().map(async |target| match keeper::down(target).await {
            Ok(true) => print(&format!("{target} is down\n")),
            Ok(false) => {
                say(&format!("{target} is not up"));
                0
            }
            Err(error) => {
                say(&format!("error: {target} is still up: {error}"));
                BROKE
            }
        });
        let codes = runtime.block_on(futures_util::future::join_all(ended));
        Ok(codes.into_iter().max().unwrap_or_default())
    }
}

fn line(standby: &Standby) -> String {
    let Standby { target, pid, since, took, was_up } = standby;
    let how = match was_up {
        true => format!("was up since {}", time(*since)),
        false => format!("is up after {:.1} s", took.as_secs_f64()),
    };
    format!("{target} {how}, kept by process {pid}; `gatecrash down {target}` takes it away\n")
}

fn list(up: &[Standby]) -> String {
    if up.is_empty() {
        return "nothing is up; `gatecrash up TARGET...` launches targets and keeps them\n".to_owned();
    }
    let mut text = String::new();
    let width = up.iter().map(|standby| standby.target.len()).max().unwrap_or(0);
    for Standby { target, pid, since, .. } in up {
        let _ = writeln!(text, "{target:width$}  since {}, kept by process {pid}", time(*since));
    }
    text
}
