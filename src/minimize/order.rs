//! From what a user names to the smallest scenario.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::run::{ReductionEvent, ReductionPlan, minimize};
use super::tell::Minimized;
use crate::config::Config;
use crate::host::console::{Overwrite, can_write_new, print, say, write_new};
use crate::host::failure::{Exit, Failure};
use crate::launch::{on_stage, settled};
use crate::run::select::{Selected, models_of, select};
use crate::target::{Compromised, Target};

/// What to make smaller, as its user says it.
#[derive(Debug, Clone)]
pub struct MinimizeOrder {
    /// One file.
    pub scenario: PathBuf,
    /// The target on which it fails.
    pub target: String,
    /// What it is upgraded from, in a scenario with an upgrade.
    pub from: Option<String>,
    /// Where the smallest scenario goes. Default: standard output.
    pub output: Option<PathBuf>,
    /// Whether it may replace an existing file.
    pub overwrite: Overwrite,
    /// Whether releases that are known to be compromised are launched, too.
    pub compromised: Compromised,
}

impl MinimizeOrder {
    /// Makes it smaller, and tells what has gone.
    ///
    /// # Errors
    /// When what is named is not there, or nothing can be run on this machine.
    pub fn carry_out(&self, config: &Config) -> Result<Exit, Failure> {
        if self.scenario.is_dir() {
            let folder = self.scenario.display();
            let help = format!("name one scenario; `gatecrash run {folder} --target {}` says which fail", self.target);
            return Err(Failure::wrong(format!("{folder} is a folder")).help(help));
        }
        let parse = |name: &String| Target::parse(name, config, self.compromised).map_err(Failure::wrong);
        let target = parse(&self.target)?;
        let Selected { trials, .. } =
            select(config, &models_of([&target]), std::slice::from_ref(&self.scenario), &[], &[])?;
        if let Some(file) = &self.output {
            can_write_new(file, self.overwrite)?;
        }
        let shown = self.output.as_ref().map_or("standard output".to_owned(), |file| file.display().to_string());
        let known = config.known_deviations.clone();
        let from = self.from.as_ref().map(parse).transpose()?;
        let plan = ReductionPlan { target: settled(&target), trials, limits: config.limits, known, from };
        let minimized = Arc::new(Mutex::new(Minimized::new(&self.target, &shown)));
        let told = Arc::clone(&minimized);
        let mut ended = on_stage(say, |run, gate| async move {
            let tell = |event: ReductionEvent| {
                let line = told.lock().unwrap_or_else(PoisonError::into_inner).add(event);
                line.iter().for_each(|line| say(line));
            };
            minimize(&plan, &run, &gate, &tell).await;
        })?;
        let mut minimized = minimized.lock().unwrap_or_else(PoisonError::into_inner);
        minimized.left_behind(ended.left_behind.take());
        let written = match (minimized.smallest(), &self.output) {
            (None, _) => Exit::Fine,
            (Some(text), None) => print(text),
            (Some(text), Some(file)) => match write_new(file, text, self.overwrite) {
                Ok(()) => Exit::Fine,
                Err(failure) => {
                    say(&failure.to_string());
                    // What was found must not be lost.
                    print(text).worst(Exit::Broke)
                }
            },
        };
        say(minimized.render().trim_end());
        ended.resume();
        Ok(minimized.exit().worst(written))
    }
}
