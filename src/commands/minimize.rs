//! `gatecrash minimize`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::guarded::{Ended, guarded};
use super::select::{Selected, select};
use super::{Launching, WrongInput, print, say};
use crate::config::Config;
use crate::launch::{RunId, Target};
use crate::report::console::{BROKE, Overwrite, can_write_new, write_new};
use crate::report::minimize::Minimized;
use crate::run::gate::Gate;
use crate::run::minimize::{Event, Plan, minimize};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash minimize bug.yaml --target litellm@1.82.3 -o smaller.yaml")]
pub struct Minimize {
    /// One file; of its axes, the values of the trial that fails worst stay.
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// GATEWAY@VERSION (litellm@1.82.3), builtin@fault:NAME, or a [target.NAME] of harness.toml.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// Write the smallest scenario to this file, instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write it even if there is such a file.
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    launching: Launching,
}

impl Minimize {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        if self.scenario.is_dir() {
            let folder = self.scenario.display();
            return Err(WrongInput(format!(
                "error: {folder} is a folder\n  help: name one scenario; `gatecrash run {folder} --target {}` says which fail",
                self.target
            )));
        }
        let config = &self.launching.over(config);
        let target = Target::parse(&self.target, config, self.launching.compromised())?;
        let Selected { trials, .. } = select(config, std::slice::from_ref(&self.scenario), &[], &[])?;
        let overwrite = Overwrite::forced(self.force);
        if let Some(file) = &self.output {
            can_write_new(file, overwrite).map_err(WrongInput)?;
        }
        let shown = self.output.as_ref().map_or("standard output".to_owned(), |file| file.display().to_string());
        let known = config.known_deviations.clone();
        let plan = Plan { target, trials, limits: config.limits, known };
        let minimized = Arc::new(Mutex::new(Minimized::new(&self.target, &shown)));
        let runtime = tokio::runtime::Runtime::new()?;
        let Ended { interrupted: _, left_behind, panic } = runtime.block_on(ended(plan, Arc::clone(&minimized)))?;
        runtime.shutdown_background();
        let mut minimized = minimized.lock().unwrap_or_else(PoisonError::into_inner);
        minimized.left_behind(left_behind);
        let written = match (minimized.smallest(), &self.output) {
            (None, _) => 0,
            (Some(text), None) => print(text),
            (Some(text), Some(file)) => match write_new(file, text, overwrite) {
                Ok(()) => 0,
                Err(error) => {
                    say(&error);
                    // What was found is not to be lost.
                    print(text).max(BROKE)
                }
            },
        };
        say(minimized.render().trim_end());
        match (panic, minimized.exit_code()) {
            (Some(panic), _) => std::panic::resume_unwind(panic),
            (None, 0) => Ok(written),
            (None, code) => Ok(code),
        }
    }
}

async fn ended(plan: Plan, minimized: Arc<Mutex<Minimized>>) -> std::io::Result<Ended> {
    let (run, gate) = (RunId::new(), Gate::default());
    let work = {
        let (run, gate) = (run.clone(), gate.clone());
        async move {
            let tell = |event: Event| {
                let line = minimized.lock().unwrap_or_else(PoisonError::into_inner).add(event);
                line.iter().for_each(|line| say(line));
            };
            minimize(&plan, &run, &gate, &tell).await;
        }
    };
    guarded(work, &run, &gate, say).await
}
