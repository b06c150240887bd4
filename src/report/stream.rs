//! A run told while it is under way, for programs that start gatecrash: each line is a JSON document. A trial is judged by
//! itself, as the report will judge it; judgements that need the whole run are in the last line.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::ser::CompactFormatter;

use super::terminal::{self, Detail};
use super::{Judged, Record, Report, rollout};
use crate::host::console::print_json;
use crate::host::failure::Exit;
use crate::outcome::{Outcome, TrialResult};
use crate::run::session::{Event, Plan};
use crate::scenario::TrialId;
use crate::verdict::Verdict;
use crate::verdict::fail_on::FailOn;

/// Grows with every change that could break its readers.
const FORMAT: u32 = 1;

/// One line of `--format json-lines`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Told {
    /// The first line.
    Began {
        /// Grows with every change that could break its readers.
        format: u32,
        /// The version of gatecrash.
        gatecrash: String,
        /// In the order they were named; in a comparison, the baseline first.
        targets: Vec<String>,
        /// How many run on each target.
        trials: usize,
    },
    /// A target is being launched.
    Launching { target: String },
    /// A target is there.
    Launched {
        target: String,
        /// As the gateway itself says, if it does.
        version: Option<String>,
        launched_in_ms: u64,
    },
    /// A target could not be launched: no trial runs on it, nor, in a comparison, on the other.
    NotLaunched {
        target: String,
        /// Why, and the end of its log.
        text: String,
    },
    /// A trial has ended on a target; in a comparison, on both.
    Trial(Box<Ended>),
    /// The last line. Without it, the run did not come to its end.
    Ended {
        /// As the command ends; see `gatecrash --help`.
        exit_code: u8,
        /// What the terminal shows below the trials: known deviations, what could not be launched or removed, the answer.
        text: String,
    },
}

/// A trial that has ended, judged by itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ended {
    /// Its name.
    trial: TrialId,
    /// On which targets: one; in a comparison, the baseline and the candidate.
    targets: Vec<String>,
    /// On each of them.
    outcomes: Vec<Outcome>,
    /// Only in a comparison.
    verdict: Option<Verdict>,
    /// Whether it fails the run.
    failed: bool,
    /// The worst finding, if it fails, in one line.
    summary: Option<String>,
    /// What the terminal shows of it, if that is more than a line.
    text: Option<String>,
    /// How long it took, in milliseconds; in a comparison, on the target where it took longer.
    took_ms: u64,
}

/// Prints what happens as it happens.
#[derive(Debug)]
pub struct Stream {
    plan: Plan,
    fail_on: FailOn,
    began: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Launches: an external target says its version itself. And rollouts: what was found may be of the version before.
    launched: Vec<Event>,
    /// Results that wait for the other target of a comparison.
    waiting: HashMap<TrialId, TrialResult>,
}

impl Stream {
    /// Prints the first line.
    pub fn begin(plan: Plan, fail_on: FailOn) -> Stream {
        let targets = plan.targets.iter().map(|target| target.name.clone()).collect();
        let gatecrash = env!("CARGO_PKG_VERSION").to_owned();
        print(&Told::Began { format: FORMAT, gatecrash, targets, trials: plan.trials.len() });
        Stream { plan, fail_on, began: Instant::now(), seen: Mutex::default() }
    }

    /// Prints the line of an event, if there is one.
    pub fn show(&self, event: &Event) {
        if let Some(told) = self.told(event) {
            print(&told);
        }
    }

    fn told(&self, event: &Event) -> Option<Told> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Launching { target } => Some(Told::Launching { target: target.clone() }),
            Event::Launched { target, took, .. } => {
                seen.launched.push(event.clone());
                let (target, version, launched_in_ms) =
                    (target.name.clone(), target.version.clone(), took.as_millis() as u64);
                Some(Told::Launched { target, version, launched_in_ms })
            }
            Event::NotLaunched(error) => {
                Some(Told::NotLaunched { target: error.target.clone(), text: error.to_string() })
            }
            Event::Finished(result) if self.plan.pairs => match seen.waiting.remove(&result.trial) {
                Some(other) => self.judged(&seen.launched, vec![other, result.clone()]),
                None => {
                    seen.waiting.insert(result.trial.clone(), result.clone());
                    None
                }
            },
            Event::Finished(result) => self.judged(&seen.launched, vec![result.clone()]),
            Event::RolledOut { .. } => {
                seen.launched.push(event.clone());
                None
            }
            Event::Begun | Event::Restarted { .. } | Event::Log { .. } | Event::Ended => None,
        }
    }

    /// The report of one trial, in which its results have the order of the targets.
    fn judged(&self, launched: &[Event], results: Vec<TrialResult>) -> Option<Told> {
        let (trial, target) = results.first().map(|result| (result.trial.clone(), result.target.clone()))?;
        let Plan { targets, trials, pairs, limits, retries, known, from } = &self.plan;
        let plan = Plan {
            targets: targets.iter().filter(|own| *pairs || own.name == target).cloned().collect(),
            trials: trials.iter().filter(|own| own.id == trial).cloned().collect(),
            pairs: *pairs,
            limits: *limits,
            retries: *retries,
            known: known.clone(),
            from: from.clone(),
        };
        let mut record = Record::default();
        for event in launched.iter().cloned().chain(results.into_iter().map(Event::Finished)) {
            record.add(&event);
        }
        let report = Report::of(
            record,
            &Judged {
                plan: &plan,
                fail_on: &self.fail_on,
                corpus: &[],
                partition: None,
                selected: &[],
                began: self.began,
                today: jiff::ZonedDateTime::now().date(),
                interrupted: false,
                left_behind: None,
            },
        );
        let of_trial = report.trials.first()?;
        let failed = report.failed(of_trial);
        let in_full = terminal::is_shown_in_full(of_trial, report.compares);
        Some(Told::Trial(Box::new(Ended {
            trial,
            targets: of_trial.results.iter().map(|result| result.target.clone()).collect(),
            outcomes: of_trial.results.iter().map(|result| result.outcome.clone()).collect(),
            verdict: of_trial.verdict,
            failed,
            summary: failed.then(|| summary(&report, &of_trial.results)).flatten(),
            text: in_full.then(|| terminal::in_full_without_colours(&report, of_trial).trim().to_owned()),
            took_ms: of_trial.results.iter().map(|result| result.time.whole.as_millis() as u64).max().unwrap_or(0),
        })))
    }
}

/// The worst finding of the last target, which is the candidate of a comparison.
fn summary(report: &Report, results: &[TrialResult]) -> Option<String> {
    let trial = report.trials.first()?;
    let worst = report.worst_finding(trial)?;
    let who = rollout::who(report, trial, results.last()?, worst);
    Some(format!("{}: {who} {}", worst.kind.word(), worst.kind.sentence()))
}

/// Prints the last line; returns how that went.
#[must_use]
pub fn end(report: &Report) -> Exit {
    let text = terminal::without_colours(&terminal::below_trials(report, Detail::Quiet));
    print_line(&Told::Ended { exit_code: report.exit().code(), text: text.trim().to_owned() })
}

/// A reader that no longer reads is no reason to stop: that is said at the end.
fn print(told: &Told) {
    let _ = print_line(told);
}

fn print_line(told: &Told) -> Exit {
    print_json(told, CompactFormatter)
}

/// The JSON Schema of a line.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Told)
}
