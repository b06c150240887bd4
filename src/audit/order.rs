//! From what a user names to the answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::page;
use super::run::{AuditPlan, Audited, audit};
use super::tell::AuditReport;
use crate::config::Config;
use crate::gateway::own::told;
use crate::host::console::{print, save_redacted, say};
use crate::host::failure::{Exit, Failure};
use crate::launch::{on_stage, settled};
use crate::report::output::check_files;
use crate::target::{Compromised, Target};

/// What to audit, as its user says it.
#[derive(Debug, Clone)]
pub struct AuditOrder {
    pub target: String,
    /// Whether JSON is printed instead of a table.
    pub json: bool,
    /// Where to write it as a page.
    pub html: Option<PathBuf>,
    /// Whether releases that are known to be compromised are launched, too.
    pub compromised: Compromised,
}

impl AuditOrder {
    /// Asks each model of the target's own configuration, and prints what is known.
    ///
    /// # Errors
    /// When the target is none, or has no configuration of its own, and when nothing can be run on this machine.
    pub fn carry_out(&self, config: &Config) -> Result<Exit, Failure> {
        check_files(self.html.iter().map(PathBuf::as_path))?;
        let target = Target::parse(&self.target, config, self.compromised).map_err(Failure::wrong)?;
        let Some(own) = target.own.as_deref().cloned() else {
            let what = format!("{} has no configuration of yours, so there are no models to ask", target.name);
            return Err(Failure::wrong(what).help("name one: --gateway-config FILE, or `config` in harness.toml"));
        };
        let (file, changes) = (own.file.display().to_string(), told(&own.changes));
        say(&format!("{own}: `gatecrash config {} --from {file}` tells them", target.gateway.name()));
        let plan =
            AuditPlan { target: settled(&target), limits: config.limits, known: config.known_deviations.clone() };
        let done = Arc::new(Mutex::new(None));
        let into = Arc::clone(&done);
        let mut ended = on_stage(say, |run, gate| async move {
            let audited = audit(&plan, &run, &gate, &say).await;
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(audited);
        })?;
        let left = ended.left_behind.take();
        let done = done.lock().unwrap_or_else(PoisonError::into_inner).take();
        let exit = match done {
            Some(Audited::Done(version, models)) => {
                let report = AuditReport::new(target.name, version, file, changes, models);
                let printed = match self.json {
                    true => print(&format!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default())),
                    false => print(&report.table()),
                };
                let written = self.html.as_ref().map(|file| save_redacted(file, &page::render(&report)));
                report.exit().worst(printed).worst(written.unwrap_or(Exit::Fine))
            }
            Some(Audited::NotLaunched(error)) => {
                say(&format!("error: {error}"));
                Exit::Broke
            }
            Some(Audited::Silent(why)) => {
                say(&format!("error: the gateway does not say how its models are priced: {why}"));
                Exit::Broke
            }
            Some(Audited::Interrupted) | None => Exit::Interrupted,
        };
        let exit = match left {
            Some(left) => {
                say(&format!("error: {left}"));
                exit.worst(Exit::Broke)
            }
            None => exit,
        };
        ended.resume();
        Ok(exit)
    }
}
