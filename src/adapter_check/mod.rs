//! What an adapter promises, tried on its gateway. Each promise is a scenario ([`promises`]); one that cannot be expressed
//! shows what the adapter, or the gateway, lacks. Not: whether a gateway is right, which the corpus asks.

pub mod tell;

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::host::console::{print, say};
use crate::host::failure::{Exit, Failure};
use crate::host::stage::Ended;
use crate::launch::{on_stage, settled};
use crate::run::session::{Event, Plan, execute};
use crate::scenario::promises;
use crate::scenario::read::shown;
use crate::target::{Compromised, Target};
use tell::Checked;

/// Tries all promises on a target, and says which are kept.
///
/// # Errors
/// When there is no such target, or nothing can be run on this machine.
pub fn adapter_check(config: &Config, target: &str, compromised: Compromised) -> Result<Exit, Failure> {
    let target = Target::parse(target, config, compromised).map_err(Failure::wrong)?;
    let adapter = target.gateway.adapter();
    let trials = promises::trials().map_err(|mistakes| Failure::mistakes(shown(&[mistakes])))?;
    let checked = Arc::new(Mutex::new(Checked::new(adapter.about(), &trials)));
    let (targets, known) = (vec![settled(&target)], Vec::new());
    let plan = Plan { targets, trials, pairs: false, limits: config.limits, retries: 0, known, from: None };
    let told = Arc::clone(&checked);
    let ended = on_stage(say, |run, gate| async move {
        let tell = |event: Event| {
            let line = told.lock().unwrap_or_else(PoisonError::into_inner).add(event);
            line.iter().for_each(|line| say(line));
        };
        execute(&plan, &run, &gate, &tell).await;
    })?;
    let Ended { interrupted, left_behind, .. } = &ended;
    let stage = if *interrupted { Exit::Interrupted } else { Exit::Fine };
    let swept = left_behind.as_ref().map_or(Exit::Fine, |left| {
        say(&format!("error: {left}"));
        Exit::Broke
    });
    ended.resume();
    let checked = checked.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Exit::worst_of([stage, swept, print(&checked.render()), checked.exit()]))
}
