//! Many trials at once on one live target. Not: which (that is the plan), nor what they do.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{self, JoinError, JoinSet};

use super::again::Retries;
use super::jobs::Jobs;
use super::lengths::Lengths;
use super::panicked;
use crate::config::Limits;
use crate::host::gate::Gate;
use crate::launch::Live;
use crate::outcome::TrialResult;
use crate::scenario::{Alone, Trial};

/// How trials run on a target.
#[derive(Debug)]
pub struct Schedule<'a> {
    /// The start of each name, which ends with its number.
    pub name: &'a str,
    /// Of time, and how many run at once.
    pub limits: Limits,
    /// How many targets share this machine.
    pub targets: usize,
    /// What becomes of a trial that fails.
    pub retries: &'a Retries,
    /// How long trials are known to take.
    pub lengths: &'a Lengths,
    /// Until it is closed, trials begin.
    pub gate: &'a Gate,
    /// Takes each result as soon as there is one.
    pub results: mpsc::UnboundedSender<TrialResult>,
}

impl Schedule<'_> {
    /// Runs trials, each with its number, on a target. A panic in a trial is an `error` of that trial.
    pub async fn run_all(self, live: Arc<Live>, trials: &[(usize, &Trial)]) {
        let jobs = Jobs::new(self.limits.jobs, self.targets);
        let phases = async {
            for alone in Alone::PHASES {
                let of_phase = trials.iter().copied().filter(|(_, trial)| trial.file.scenario.alone == alone);
                let mut of_phase: Vec<_> = of_phase.collect();
                // The longest first: one that waits for a minute must not begin when the others have ended.
                of_phase.sort_by_cached_key(|(_, trial)| Reverse(self.lengths.about(trial)));
                self.run_phase(&live, &jobs, of_phase).await;
            }
        };
        tokio::select! {
            () = phases => {}
            never = jobs.follow(&live, self.limits.request) => match never {},
        }
    }

    async fn run_phase(&self, live: &Arc<Live>, jobs: &Jobs, trials: Vec<(usize, &Trial)>) {
        let mut running = JoinSet::new();
        let mut trial_of = HashMap::new();
        for (number, trial) in trials {
            // Taken here, in order: tasks that wait for it would take it in any order.
            let job = jobs.next().await;
            // Finished tasks would be kept until they are asked for.
            while let Some(task) = running.try_join_next_with_id() {
                self.ended(live, task, &mut trial_of);
            }
            let (live, retries, gate, results) =
                (Arc::clone(live), self.retries.clone(), self.gate.clone(), self.results.clone());
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
            self.ended(live, task, &mut trial_of);
        }
    }

    fn ended(&self, live: &Live, ended: Result<(task::Id, ()), JoinError>, trial_of: &mut HashMap<task::Id, &Trial>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        if let (Some(trial), Err(error)) = (trial_of.remove(&id), ended) {
            let _ = self.results.send(panicked(trial, &live.target.name, &error));
        }
    }
}
