//! Targets that are kept between runs: `gatecrash up` and `gatecrash down`. Not: keeping them
//! ([`crate::launch::keeper`]).

use std::fmt::Write as _;

use crate::config::Config;
use crate::host::console::{print, say};
use crate::host::failure::{Exit, Failure};
use crate::host::stage::runtime;
use crate::launch::keeper::{self, Standby};
use crate::report::progress::time;
use crate::target::{Compromised, Target};

/// Has targets launched and kept; lists what is up, if none is named.
///
/// # Errors
/// When there is no such target.
pub fn up(config: &Config, targets: &[String], compromised: Compromised) -> Result<Exit, Failure> {
    if targets.is_empty() {
        return Ok(print(&list(&keeper::all())));
    }
    let parse = |name: &String| Target::parse(name, config, compromised).map_err(Failure::wrong);
    let mut targets = targets.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    targets.dedup_by(|a, b| a.name == b.name);
    let launches = targets.iter().map(|target| async {
        say(&format!("launching {}", target.name));
        match keeper::up(target, config.limits).await {
            Ok(standby) => print(&line(&standby)),
            Err(error) => {
                say(&format!("error: {error}"));
                if error.was_interrupted() { Exit::Interrupted } else { Exit::Broke }
            }
        }
    });
    Ok(Exit::worst_of(runtime()?.block_on(futures_util::future::join_all(launches))))
}

/// Removes kept targets; all of them, if none is named.
///
/// # Errors
/// When nothing can be run on this machine.
pub fn down(targets: Vec<String>) -> Result<Exit, Failure> {
    let targets = if targets.is_empty() { keeper::names() } else { targets };
    if targets.is_empty() {
        say("nothing is up");
    }
    let ended = targets.iter().map(async |target| match keeper::down(target).await {
        Ok(true) => print(&format!("{target} is down\n")),
        Ok(false) => {
            say(&format!("{target} is not up"));
            Exit::Fine
        }
        Err(error) => {
            say(&format!("error: {target} is still up: {error}"));
            Exit::Broke
        }
    });
    Ok(Exit::worst_of(runtime()?.block_on(futures_util::future::join_all(ended))))
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
