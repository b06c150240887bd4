//! `gatecrash adapter-check`: what an adapter promises, tried on its gateway. Each is a scenario ([`promises`]); one that a
//! gateway cannot express is what the adapter, or the gateway, is missing. Not: whether a gateway is right, which the
//! corpus asks.

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
use crate::scenario::promises;

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
        let trials = promises::trials().map_err(|mistakes| WrongInput(shown(&[mistakes])))?;
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
