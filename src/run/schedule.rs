//! Many trials at once on one live target. Not: which (that is the plan), nor what they do.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{self, JoinError, JoinSet};

use super::run_trial;
use super::steps::length;
use crate::config::{KnownDeviation, Limits};
use crate::host::gate::Gate;
use crate::launch::Live;
use crate::outcome::{Outcome, Rate, TrialResult};
use crate::scenario::{Alone, Trial};
use crate::verdict::deviation::is_known;

/// How often a trial that fails is tried again, unless what it finds is known.
#[derive(Debug, Clone, Default)]
pub struct Retries {
    pub times: usize,
    pub known: Arc<[KnownDeviation]>,
}

impl Retries {
    /// Runs a trial until it passes. Of one that failed before, the first time is what is told.
    async fn run_trial(
        &self,
        live: &Live,
        trial: &Trial,
        name: &str,
        limits: Limits,
        gate: &Gate,
    ) -> Option<TrialResult> {
        let mut first = run_trial(live, trial, name, limits, gate).await?;
        let is_known =
            |result: &TrialResult| is_known(&self.known, &live.target, result, jiff::ZonedDateTime::now().date());
        let passes = |result: &TrialResult| match result.outcome {
            Outcome::Pass => true,
            Outcome::Fail => is_known(result),
            Outcome::Flaky { .. } | Outcome::Skip { .. } | Outcome::Error { .. } => false,
        };
        if first.outcome != Outcome::Fail || passes(&first) {
            return Some(first);
        }
        for time in 1..=self.times {
            let Some(again) = run_trial(live, trial, &format!("{name}-again-{time}"), limits, gate).await else {
                break;
            };
            first.time += again.time;
            if passes(&again) {
                first.outcome = Outcome::Flaky { rate: Rate { failed: time, of: time + 1 } };
                break;
            }
        }
        Some(first)
    }
}

/// Runs trials on a target, as many at a time as the limits say; each result is sent as soon as there is one, until
/// the gate is closed. Each has this name and its number. A panic in a trial is an `error` of that trial.
pub async fn run_all(
    live: Arc<Live>,
    trials: &[Trial],
    name: &str,
    limits: Limits,
    retries: &Retries,
    gate: &Gate,
    results: mpsc::UnboundedSender<TrialResult>,
) {
    let numbered = || trials.iter().enumerate();
    for phase in Alone::PHASES {
        let mut of_phase: Vec<_> = numbered().filter(|(_, trial)| trial.file.scenario.alone == phase).collect();
        // The longest first: one that waits for a minute must not begin when the others have ended.
        of_phase.sort_by_key(|(_, trial)| std::cmp::Reverse(length(trial)));
        run_phase(&live, of_phase.into_iter(), name, limits, retries, gate, &results).await;
    }
}

async fn run_phase<'a>(
    live: &Arc<Live>,
    trials: impl Iterator<Item = (usize, &'a Trial)>,
    name: &str,
    limits: Limits,
    retries: &Retries,
    gate: &Gate,
    results: &mpsc::UnboundedSender<TrialResult>,
) {
    let free = Arc::new(Semaphore::new(limits.jobs));
    let mut running = JoinSet::new();
    let mut trial_of = HashMap::new();
    let ended = |ended: Result<(task::Id, ()), JoinError>, trial_of: &mut HashMap<task::Id, &Trial>| {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        if let (Some(trial), Err(error)) = (trial_of.remove(&id), ended) {
            let reason = format!("gatecrash itself broke: {error}");
            let _ = results.send(TrialResult::not_begun(trial, &live.target.name, reason));
        }
    };
    for (number, trial) in trials {
        // Taken here, in their order: tasks that wait for it would take it in any.
        let Ok(turn) = Arc::clone(&free).acquire_owned().await else { break };
        // What has ended would be kept until it is asked for.
        while let Some(task) = running.try_join_next_with_id() {
            ended(task, &mut trial_of);
        }
        let (live, retries, gate, results) = (Arc::clone(live), retries.clone(), gate.clone(), results.clone());
        let name = format!("{name}-{number}");
        let of_task = trial.clone();
        let task = running.spawn(async move {
            let _turn = turn;
            if let Some(result) = retries.run_trial(&live, &of_task, &name, limits, &gate).await {
                // Nobody listens any more if the run was aborted.
                let _ = results.send(result);
            }
        });
        trial_of.insert(task.id(), trial);
    }
    while let Some(task) = running.join_next_with_id().await {
        ended(task, &mut trial_of);
    }
}
