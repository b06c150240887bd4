//! The trials of one rollout on a target of their own: all up to their move, then the target moves once, then all go on.
//! What is in doubt afterwards goes through another rollout, with little else going on. Not: what a move does to a target.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{self, JoinSet};

use super::convoy::Convoy;
use super::{Attempt, Ending, InDoubt, Try, attempt, panicked};
use crate::config::Limits;
use crate::host::gate::Gate;
use crate::launch::{LaunchError, Live, RunId, launch_from};
use crate::outcome::{Outcome, Rate, RolledOut, TrialResult};
use crate::scenario::{Move, Rollout, Trial};
use crate::target::{Launcher, Target};

/// Trials that share a rollout of a target.
#[derive(Clone)]
pub struct Together<'a> {
    pub rollout: Rollout,
    /// The version that it begins with; its own, if nothing is named.
    pub from: Option<&'a Target>,
    pub target: &'a Target,
    /// Each with its number.
    pub trials: Vec<(usize, &'a Trial)>,
    /// The start of each trial's name, which ends with its number.
    pub name: &'a str,
    pub limits: Limits,
    pub run: &'a RunId,
    pub gate: &'a Gate,
}

/// What is told of them.
pub enum Told {
    /// The version that it begins with is there.
    Launched(Arc<Live>),
    /// It is not, and this is the end of its log.
    NotLaunched(Vec<String>),
    /// The trial with this number.
    Finished(usize, Box<TrialResult>),
    /// All moves of the first time were made, or could not be.
    RolledOut(RolledOut),
}

impl Together<'_> {
    /// Runs them, and returns their results, each with the trial's number.
    pub async fn results(&self) -> Vec<(usize, TrialResult)> {
        let results = Mutex::new(Vec::new());
        let tell = |told: Told| {
            if let Told::Finished(number, result) = told {
                results.lock().unwrap_or_else(PoisonError::into_inner).push((number, *result));
            }
        };
        self.run(&tell).await;
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs them. Every trial has a result at the end, unless the gate is closed.
    pub async fn run(&self, tell: &(dyn Fn(Told) + Sync)) {
        if let Some(why) = self.impossible() {
            for (number, trial) in &self.trials {
                let skipped = TrialResult::skipped(trial, &self.target.name, why.clone());
                tell(Told::Finished(*number, Box::new(skipped)));
            }
            return;
        }
        let (tried, rolled_out) = match Box::pin(self.once(&self.trials, "", InDoubt::End, tell)).await {
            Some(Ok(done)) => done,
            Some(Err(error)) => {
                for (number, trial) in &self.trials {
                    let reason = format!("{} could not be launched: {}", error.target, error.what);
                    let not_begun = TrialResult::not_begun(trial, &self.target.name, reason);
                    tell(Told::Finished(*number, Box::new(not_begun)));
                }
                return tell(Told::NotLaunched(error.log));
            }
            None => return,
        };
        let was_moved = rolled_out.error.is_none();
        tell(Told::RolledOut(rolled_out));
        let mut again = Vec::new();
        for (index, attempt) in tried {
            match attempt.end {
                Ending::InDoubt(_) if was_moved => again.push((index, attempt.result)),
                Ending::InDoubt(_) | Ending::Hung | Ending::Certain => {
                    tell(Told::Finished(index, Box::new(attempt.result)));
                }
            }
        }
        if again.is_empty() || self.gate.is_closed() {
            return;
        }
        let of_again = self.trials.iter().filter(|(index, _)| again.iter().any(|(other, _)| other == index));
        let of_again: Vec<(usize, &Trial)> = of_again.copied().collect();
        let quiet = Box::pin(self.once(&of_again, "-again", InDoubt::GoOn, &|_| {})).await;
        let mut results = match quiet {
            Some(Ok((results, _))) => results,
            Some(Err(_)) | None => Vec::new(),
        };
        for (index, first) in again {
            let second =
                results.iter().position(|(other, _)| *other == index).map(|at| results.swap_remove(at).1.result);
            tell(Told::Finished(index, Box::new(of_both(first, second))));
        }
    }

    fn from(&self) -> &Target {
        self.from.unwrap_or(self.target)
    }

    /// Why this target cannot be moved, if it cannot.
    fn impossible(&self) -> Option<String> {
        let (from, target) = (self.from(), self.target);
        if from.gateway != target.gateway {
            let (from, to) = (from.gateway.name(), target.gateway.name());
            return Some(format!("an upgrade is from one version of a gateway to another, not from {from} to {to}"));
        }
        let external = [from, target].into_iter().find(|one| matches!(one.launcher, Launcher::External { .. }))?;
        Some(format!("{} was not launched by gatecrash: nobody here can bring it to another version", external.name))
    }

    /// Launches a target, and runs these trials through its rollout. None if the gate was closed before.
    async fn once(
        &self,
        trials: &[(usize, &Trial)],
        suffix: &str,
        in_doubt: InDoubt,
        tell: &(dyn Fn(Told) + Sync),
    ) -> Option<Result<(Vec<(usize, Attempt)>, RolledOut), LaunchError>> {
        let Together { rollout, target, name, limits, run, gate, .. } = *self;
        let launched = tokio::select! {
            launched = Box::pin(launch_from(self.from(), target, limits, run)) => launched,
            () = gate.closed() => return None,
        };
        let live = match launched {
            Ok(live) => Arc::new(live),
            Err(error) => return Some(Err(error)),
        };
        tell(Told::Launched(Arc::clone(&live)));
        let convoy = Convoy::of(trials.len());
        let mut running = JoinSet::new();
        let mut trial_of = HashMap::new();
        for (index, trial) in trials {
            let (live, gate, place, of_task) = (Arc::clone(&live), gate.clone(), convoy.place(), (*trial).clone());
            let name = format!("{name}-{index}-{}{suffix}", rollout as u8);
            let task = running.spawn(async move {
                let how = Try { turn: None, in_doubt, convoy: Some(&place) };
                attempt(&live, &of_task, &name, limits, &gate, how).await
            });
            trial_of.insert(task.id(), (*index, *trial));
        }
        let rolled_out = self.moves(&live, &convoy).await;
        let tried = ended(running, &trial_of, &target.name).await;
        if let Some(live) = Arc::into_inner(live) {
            live.stop().await;
        }
        Some(Ok((tried, rolled_out)))
    }

    /// Moves the target whenever all that have not ended wait for it.
    async fn moves(&self, live: &Live, convoy: &Convoy) -> RolledOut {
        let Together { rollout, limits, .. } = self;
        let from = self.from().name.clone();
        let mut rolled_out = RolledOut { rollout: *rollout, from, moves: Vec::new(), error: None, log: Vec::new() };
        let trials = || self.trials.iter().map(|(_, trial)| trial);
        for to in Move::ALL {
            if trials().all(|trial| trial.file.scenario.moves().all(|own| own != to)) {
                continue;
            }
            let waiting = convoy.assembled(limits.request + limits.settle).await;
            if waiting == 0 {
                break;
            }
            match live.move_to(to).await {
                Ok(moved) => {
                    rolled_out.moves.push(crate::outcome::Moved { trials: waiting, ..moved });
                    convoy.has_moved(to, Ok(()));
                }
                Err(error) => {
                    let why = format!("`{}: gateway` could not be done: {}", to.word(), error.what);
                    (rolled_out.error, rolled_out.log) = (Some(why.clone()), error.log);
                    convoy.has_moved(to, Err(why));
                    break;
                }
            }
        }
        rolled_out
    }
}

/// Waits for the trials' tasks. A panic in one is an `error` of its trial.
async fn ended(
    mut running: JoinSet<Option<Attempt>>,
    trial_of: &HashMap<task::Id, (usize, &Trial)>,
    target: &str,
) -> Vec<(usize, Attempt)> {
    let mut tried = Vec::new();
    while let Some(ended) = running.join_next_with_id().await {
        let id = ended.as_ref().map_or_else(task::JoinError::id, |(id, _)| *id);
        let Some((index, trial)) = trial_of.get(&id) else { continue };
        match ended {
            Ok((_, attempt)) => tried.extend(attempt.map(|attempt| (*index, attempt))),
            Err(error) => {
                let result = panicked(trial, target, &error);
                tried.push((*index, Attempt { result, end: Ending::Certain, turn: None }));
            }
        }
    }
    tried
}

/// What is told of a trial that was tried twice: what does not come again is unsteady.
fn of_both(mut first: TrialResult, second: Option<TrialResult>) -> TrialResult {
    let Some(second) = second else { return first };
    match (&first.outcome, &second.outcome) {
        (Outcome::Error { .. }, _) | (_, Outcome::Fail) => second,
        (_, Outcome::Pass) => {
            first.outcome = Outcome::Unsteady { rate: Rate { failed: 1, of: 2 } };
            first
        }
        (_, Outcome::Unsteady { .. } | Outcome::Skip { .. } | Outcome::Error { .. }) => first,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::plan::multiply;
    use crate::scenario::read::understand;

    #[tokio::test]
    async fn a_trial_that_panics_is_an_error_and_the_others_have_their_results() {
        let text = "name: A\nprice: 0.02\ngiven:\n  - key: laptop\nsteps:\n  - chat: laptop\n  - upgrade: gateway\n";
        let file = understand(Path::new("a.yaml"), text.into()).unwrap();
        let trial = multiply("a", file, true).remove(0);
        let mut running = JoinSet::new();
        let of_trial = TrialResult::skipped(&trial, "builtin", "because".to_owned());
        let goes_on =
            running.spawn(async move { Some(Attempt { result: of_trial, end: Ending::Certain, turn: None }) });
        let panics = running.spawn(async { panic!("on purpose") });
        let interrupted = running.spawn(async { None });
        let trial_of = [(goes_on.id(), (0, &trial)), (panics.id(), (1, &trial)), (interrupted.id(), (2, &trial))];
        let mut tried = ended(running, &HashMap::from(trial_of), "builtin").await;
        tried.sort_by_key(|(index, _)| *index);
        let outcome = |(index, attempt): &(usize, Attempt)| (*index, attempt.result.outcome.word());
        assert_eq!(tried.iter().map(outcome).collect::<Vec<_>>(), [(0, "skip"), (1, "ERROR")]);
        let Outcome::Error { reason } = &tried[1].1.result.outcome else { panic!("it is an error") };
        assert!(reason.starts_with("gatecrash itself broke: "), "{reason}");
    }
}
