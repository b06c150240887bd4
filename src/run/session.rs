//! A whole run: targets launched side by side, trials on each, everything taken away again. What happens is told
//! as events; whoever shows or reports something folds them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::TrialResult;
use super::gate::Gate;
use super::schedule::run_all;
use crate::config::Limits;
use crate::launch::{LaunchError, Live, RunId, Target, launch};
use crate::scenario::Trial;

/// What is to be done: a value that can be shown before anything starts.
#[derive(Debug, Clone)]
pub struct Plan {
    pub targets: Vec<Target>,
    pub trials: Vec<Trial>,
    /// Whether trials on one target mean nothing without those on the other.
    pub pairs: bool,
    pub limits: Limits,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    Launching {
        target: String,
    },
    Launched {
        target: Target,
        took: Duration,
    },
    NotLaunched(LaunchError),
    /// All targets that could be launched are there: trials begin.
    Begun,
    Finished(TrialResult),
    /// The end of a target's log, because its environment broke.
    Log {
        target: String,
        lines: Vec<String>,
    },
    /// The last trial has ended; what was launched is taken away.
    Ended,
}

/// Runs a plan, and tells what happens. Once the gate is closed nothing begins any more: what runs ends, what is still
/// being launched is given up.
pub async fn execute(plan: &Plan, run: &RunId, gate: &Gate, tell: &(dyn Fn(Event) + Sync)) {
    let launches = plan.targets.iter().map(|target| async {
        tell(Event::Launching { target: target.name.clone() });
        let launched = tokio::select! {
            launched = launch(target, plan.limits, run) => launched,
            () = gate.closed() => return None,
        };
        match &launched {
            Ok(live) => tell(Event::Launched { target: live.target.clone(), took: live.took }),
            Err(error) => tell(Event::NotLaunched(error.clone())),
        }
        launched.ok()
    });
    let lives: Vec<Live> = join(launches).await.into_iter().flatten().collect();
    tell(Event::Begun);
    let incomplete = plan.pairs && lives.len() < plan.targets.len();
    let trials = if incomplete { &[] } else { plan.trials.as_slice() };
    // They share this machine.
    let limits = Limits { jobs: (plan.limits.jobs / lives.len().max(1)).max(1), ..plan.limits };
    let lives = join(lives.into_iter().map(|live| on_target(live, trials, limits, run, gate, tell))).await;
    tell(Event::Ended);
    join(lives.into_iter().flatten().map(Live::stop)).await;
}

async fn on_target(
    live: Live,
    trials: &[Trial],
    limits: Limits,
    run: &RunId,
    gate: &Gate,
    tell: &(dyn Fn(Event) + Sync),
) -> Option<Live> {
    let live = Arc::new(live);
    let (sender, mut results) = mpsc::unbounded_channel::<TrialResult>();
    let mut broke = false;
    let tell_all = async {
        while let Some(result) = results.recv().await {
            broke |= matches!(result.outcome, crate::verdict::Outcome::Error { .. });
            tell(Event::Finished(result));
        }
    };
    tokio::join!(run_all(Arc::clone(&live), trials, run, limits, gate, sender), tell_all);
    if broke {
        tell(Event::Log { target: live.target.name.clone(), lines: live.log_tail().await });
    }
    // Every trial has ended, and each held the target only while it ran. If not, the sweep finds it.
    Arc::into_inner(live)
}

/// Waits for all of some futures, each going on while the others wait.
async fn join<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(futures).await
}
