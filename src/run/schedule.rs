//! Many trials at once on one live target. Not: which (that is the plan), nor what they do.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{self, JoinError, JoinSet};

use super::TrialResult;
use super::again::Retries;
use super::gate::Gate;
use super::jobs::Jobs;
use super::steps::length;
use crate::config::Limits;
use crate::launch::Live;
use crate::scenario::{Alone, Trial};

/// Runs trials on a target, one of so many; each result is sent as soon as there is one, until the gate is closed. Each has this name and its number. A panic in a trial is an `error` of that trial.
pub async fn run_all(
    live: Arc<Live>,
    trials: &[Trial],
    name: &str,
    limits: Limits,
    retries: &Retries,
    gate: &Gate,
    targets: usize,
    results: mpsc::UnboundedSender<TrialResult>,
) {
    let jobs = Jobs::new(limits.jobs, targets);
    let numbered = || trials.iter().enumerate();
    for phase in Alone::PHASES {
        let mut of_phase: Vec<_> = numbered().filter(|(_, trial)| trial.file.scenario.alone == phase).collect();
        // The longest first: one that waits for a minute must not begin when the others have ended.
        of_phase.sort_by_cached_key(|(_, trial)| Reverse(length(trial)));
        let phase = Phase { live: &live, name, limits, retries, gate, jobs: &jobs, results: &results };
        tokio::select! {
            () = phase.run(of_phase.into_iter()) => {}
            () = jobs.follow(&live, limits.request) => {}
        }
    }
}

/// What the trials of a phase have in common.
struct Phase<'a> {
    live: &'a Arc<Live>,
    name: &'a str,
    limits: Limits,
    retries: &'a Retries,
    gate: &'a Gate,
    jobs: &'a Jobs,
    results: &'a mpsc::UnboundedSender<TrialResult>,
}

impl Phase<'_> {
    async fn run(&self, trials: impl Iterator<Item = (usize, &Trial)>) {
        let mut running = JoinSet::new();
        let mut trial_of = HashMap::new();
        for (number, trial) in trials {
            // Taken here, in their order: tasks that wait for it would take it in any.
            let job = self.jobs.next().await;
            // What has ended would be kept until it is asked for.
            while let Some(task) = running.try_join_next_with_id() {
                self.ended(task, &mut trial_of);
            }
            let (live, retries, gate, results) =
                (Arc::clone(self.live), self.retries.clone(), self.gate.clone(), self.results.clone());
            let (name, limits, of_task) = (format!("{}-{number}", self.name), self.limits, trial.clone());
            let task = running.spawn(async move {
                if let Some(result) = retries.run_trial(&live, &of_task, &name, limits, &gate, job).await {
                    // Nobody listens any more if the run was aborted.
                    let _ = results.send(result);
                }
            });
            trial_of.insert(task.id(), trial);
        }
        while let Some(task) = running.join_next_with_id().await {
            self.ended(task, &mut trial_of);
        }
    }

    fn ended(&self, ended: Result<(task::Id, ()), JoinError>, trial_of: &mut HashMap<task::Id, &Trial>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        if let (Some(trial), Err(error)) = (trial_of.remove(&id), ended) {
            let reason = format!("gatecrash itself broke: {error}");
            let _ = self.results.send(TrialResult::not_begun(trial, &self.live.target.name, reason));
        }
    }
}
