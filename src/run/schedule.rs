//! Many trials at once on one live target. Not: which (that is the plan), nor what they do.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::gate::Gate;
use super::steps::length;
use super::{TrialResult, run_trial};
use crate::config::Limits;
use crate::launch::Live;
use crate::scenario::{Alone, Trial};

/// Runs trials on a target, as many at a time as the limits say; each result is sent as soon as there is one, until
/// the gate is closed. Each has this name and its number. A panic in a trial is an `error` of that trial.
pub async fn run_all(
    live: Arc<Live>,
    trials: &[Trial],
    name: &str,
    limits: Limits,
    gate: &Gate,
    results: mpsc::UnboundedSender<TrialResult>,
) {
    let numbered = || trials.iter().enumerate();
    for phase in Alone::PHASES {
        let mut of_phase: Vec<_> = numbered().filter(|(_, trial)| trial.file.scenario.alone == phase).collect();
        // The longest first: one that waits for a minute must not begin when the others have ended.
        of_phase.sort_by_key(|(_, trial)| std::cmp::Reverse(length(&trial.file.scenario)));
        run_phase(&live, of_phase.into_iter(), name, limits, gate, &results).await;
    }
}

async fn run_phase<'a>(
    live: &Arc<Live>,
    trials: impl Iterator<Item = (usize, &'a Trial)>,
    name: &str,
    limits: Limits,
    gate: &Gate,
    results: &mpsc::UnboundedSender<TrialResult>,
) {
    let free = Arc::new(Semaphore::new(limits.jobs));
    let mut running = JoinSet::new();
    let mut trial_of = HashMap::new();
    for (number, trial) in trials {
        // Taken here, in their order: tasks that wait for it would take it in any.
        let Ok(turn) = Arc::clone(&free).acquire_owned().await else { break };
        let (live, gate, results) = (Arc::clone(live), gate.clone(), results.clone());
        let name = format!("{name}-{number}");
        let of_task = trial.clone();
        let task = running.spawn(async move {
            let _turn = turn;
            if let Some(result) = run_trial(&live, &of_task, &name, limits, &gate).await {
                // Nobody listens any more if the run was aborted.
                let _ = results.send(result);
            }
        });
        trial_of.insert(task.id(), trial);
    }
    while let Some(ended) = running.join_next_with_id().await {
        if let Err(error) = ended
            && let Some(trial) = trial_of.get(&error.id())
        {
            let reason = format!("gatecrash itself broke: {error}");
            let _ = results.send(TrialResult::not_begun(trial, &live.target.name, reason));
        }
    }
}
