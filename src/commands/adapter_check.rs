//! `gatecrash adapter-check`: what an adapter promises, tried on its gateway. Each promise is a scenario in `promises/`; one
//! that a gateway cannot express is what the adapter, or the gateway, is missing. Not: whether a gateway is right, which the
//! corpus asks.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::guarded::{Ended, guarded};
use super::select::shown;
use super::{Launching, WrongInput, print, say};
use crate::config::Config;
use crate::launch::{RunId, Target};
use crate::report::adapter::Checked;
use crate::report::console::{BROKE, INTERRUPTED};
use crate::run::gate::Gate;
use crate::run::session::{Event, Plan, execute};
use crate::scenario::Trial;
use crate::scenario::plan::multiply;
use crate::scenario::read::understand;

macro_rules! promise {
    ($name:literal) => {
        ($name, include_str!(concat!("promises/", $name, ".yaml")))
    };
}

/// What there is to promise, in the order in which it is told.
const PROMISES: [(&str, &str); 28] = [
    promise!("asked"),
    promise!("streamed"),
    promise!("priced"),
    promise!("budget-of-a-key"),
    promise!("budget-of-a-user"),
    promise!("budget-of-a-team"),
    promise!("budget-of-a-member"),
    promise!("budget-of-an-organisation"),
    promise!("budget-of-end-user"),
    promise!("budget-of-tag"),
    promise!("budget-is-changed"),
    promise!("budget-is-reset"),
    promise!("rate-of-a-key"),
    promise!("rate-of-a-user"),
    promise!("rate-of-a-team"),
    promise!("key-is-unknown"),
    promise!("key-is-blocked"),
    promise!("key-is-deleted"),
    promise!("key-expires"),
    promise!("team-is-blocked"),
    promise!("models-of-a-key"),
    promise!("model-is-made"),
    promise!("log-of-a-key"),
    promise!("upstream-fails"),
    promise!("list"),
    promise!("admin-key"),
    promise!("retries"),
    promise!("fallback"),
];

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash adapter-check builtin")]
pub struct AdapterCheck {
    /// A gateway at a version, builtin, or a [target.NAME] of harness.toml.
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    launching: Launching,
}

impl AdapterCheck {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        let config = &self.launching.over(config);
        let target = Target::parse(&self.target, config, self.launching.compromised())?;
        let adapter = target.gateway.adapter();
        let trials = promised()?;
        let checked = Arc::new(Mutex::new(Checked::new(adapter.about(), &trials)));
        let plan =
            Plan { targets: vec![target], trials, pairs: false, limits: config.limits, retries: 0, known: Vec::new() };
        let runtime = tokio::runtime::Runtime::new()?;
        let Ended { interrupted, left_behind, panic } = runtime.block_on(ended(plan, Arc::clone(&checked)))?;
        runtime.shutdown_background();
        if let Some(panic) = panic {
            std::panic::resume_unwind(panic);
        }
        if let Some(left) = &left_behind {
            say(&format!("error: {left}"));
        }
        let checked = checked.lock().unwrap_or_else(PoisonError::into_inner);
        let printed = print(&checked.render());
        Ok(match (interrupted, left_behind, checked.exit_code()) {
            (true, _, _) => INTERRUPTED,
            (false, Some(_), _) => BROKE,
            (false, None, 0) => printed,
            (false, None, code) => code,
        })
    }
}

/// A trial for each value of each promise.
fn promised() -> Result<Vec<Trial>, WrongInput> {
    let mut trials = Vec::new();
    for (name, text) in PROMISES {
        let file = understand(Path::new(name), text.into()).map_err(|mistakes| WrongInput(shown(&[mistakes])))?;
        trials.extend(multiply(name, file, false));
    }
    Ok(trials)
}

async fn ended(plan: Plan, checked: Arc<Mutex<Checked>>) -> std::io::Result<Ended> {
    let (run, gate) = (RunId::new(), Gate::default());
    let work = {
        let (run, gate) = (run.clone(), gate.clone());
        async move {
            let tell = |event: Event| {
                let line = checked.lock().unwrap_or_else(PoisonError::into_inner).add(event);
                line.iter().for_each(|line| say(line));
            };
            execute(&plan, &run, &gate, &tell).await;
        }
    };
    guarded(work, &run, &gate, say).await
}

#[cfg(test)]
mod tests {
    use super::promised;

    #[test]
    fn every_promise_is_a_scenario() {
        assert!(promised().is_ok_and(|trials| trials.len() > super::PROMISES.len()));
    }
}
