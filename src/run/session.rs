//! A whole run: targets launched side by side, trials on each, then everything removed. What happens is told
//! as events; whoever shows or reports something folds them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::again::Retries;
use super::lengths::Lengths;
use super::schedule::Schedule;
use crate::config::{KnownDeviation, Limits};
use crate::host::gate::Gate;
use crate::launch::{LaunchError, Live, Origin, RunId, Setup, launch};
use crate::outcome::TrialResult;
use crate::scenario::Trial;
use crate::target::Target;

/// What is to be done: a value that can be shown before anything starts.
#[derive(Debug, Clone)]
pub struct Plan {
    pub targets: Vec<Target>,
    pub trials: Vec<Trial>,
    /// Whether trials on one target mean nothing without those on the other.
    pub pairs: bool,
    pub limits: Limits,
    /// How often a failing trial is tried again, unless its failure is known.
    pub retries: usize,
    pub known: Vec<KnownDeviation>,
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
        origin: Origin,
        remark: Option<String>,
        setup: Option<Setup>,
    },
    NotLaunched(LaunchError),
    /// Every target is there or will not be. Trials may have begun on those that were there first.
    Begun,
    Finished(TrialResult),
    /// How often it hung for good; it was restarted each time.
    Restarted {
        target: String,
        times: usize,
    },
    /// The end of a target's log, because its environment broke.
    Log {
        target: String,
        lines: Vec<String>,
    },
    /// The last trial has ended; what was launched is removed.
    Ended,
}

/// Runs a plan, and tells what happens: trials on a target begin when it is there. Once the gate is closed nothing more
/// begins: what runs ends, what is still being launched is given up.
pub async fn execute(plan: &Plan, run: &RunId, gate: &Gate, tell: &(dyn Fn(Event) + Sync)) {
    let session = Session { plan, run, gate, tell, launches: watch::Sender::new(Launches::default()) };
    let lives = join(plan.targets.iter().enumerate().map(|(index, target)| session.on_target(index, target))).await;
    tell(Event::Ended);
    join(lives.into_iter().flatten().map(Live::stop)).await;
}

/// How many launches have ended.
#[derive(Debug, Clone, Copy, Default)]
struct Launches {
    ended: usize,
    failed: usize,
}

struct Session<'a> {
    plan: &'a Plan,
    run: &'a RunId,
    gate: &'a Gate,
    tell: &'a (dyn Fn(Event) + Sync),
    launches: watch::Sender<Launches>,
}

impl Session<'_> {
    /// Launches a target and runs the trials on it.
    async fn on_target(&self, index: usize, target: &Target) -> Option<Live> {
        let tell = self.tell;
        tell(Event::Launching { target: target.name.clone() });
        let launched = tokio::select! {
            launched = launch(target, self.plan.limits, self.run) => launched,
            () = self.gate.closed() => return None,
        };
        match &launched {
            Ok(Live { target, took, origin, remark, setup, .. }) => {
                let (target, origin, remark) = (target.clone(), origin.clone(), remark.clone());
                tell(Event::Launched { target, took: *took, origin, remark, setup: setup.clone() });
            }
            Err(error) => tell(Event::NotLaunched(error.clone())),
        }
        self.launches.send_modify(|launches| {
            launches.ended += 1;
            launches.failed += usize::from(launched.is_err());
            if launches.ended == self.plan.targets.len() {
                tell(Event::Begun);
            }
        });
        let live = Arc::new(launched.ok()?);
        tokio::select! {
            () = self.trials(index, &live) => {}
            () = self.in_vain() => {}
        }
        // Every trial has ended, and each held the target only while it ran. If not, the sweep finds it.
        Arc::into_inner(live)
    }

    /// Waits until trials on this target are known to mean nothing, because the other one failed: what ran until then is not
    /// reported.
    async fn in_vain(&self) {
        let mut launches = self.launches.subscribe();
        let without_the_other = |launches: &Launches| self.plan.pairs && launches.failed > 0;
        // It cannot end before we do.
        if launches.wait_for(without_the_other).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn trials(&self, index: usize, live: &Arc<Live>) {
        let tell = self.tell;
        let (sender, mut results) = mpsc::unbounded_channel::<TrialResult>();
        let mut broke = false;
        let lengths = Lengths::of(&live.target);
        let mut now = lengths.clone();
        let tell_all = async {
            while let Some(result) = results.recv().await {
                now.note(&result);
                broke |= matches!(result.outcome, crate::outcome::Outcome::Error { .. });
                tell(Event::Finished(result));
            }
        };
        let Session { plan, run, gate, .. } = self;
        let retries = Retries { times: plan.retries, known: plan.known.clone().into() };
        // Both sides of a comparison may be one gateway, which is kept.
        let name = format!("gc-{}-{index}", run.as_str());
        let schedule = Schedule {
            name: &name,
            limits: plan.limits,
            targets: plan.targets.len(),
            lengths: &lengths,
            retries: &retries,
            gate,
            results: sender,
        };
        tokio::join!(schedule.run_all(Arc::clone(live), &plan.trials), tell_all);
        now.keep();
        let (target, times) = (live.target.name.clone(), live.restarts());
        if times > 0 {
            tell(Event::Restarted { target, times });
        }
        if broke {
            tell(Event::Log { target: live.target.name.clone(), lines: live.log_tail().await });
        }
    }
}

/// Waits for all of some futures, each going on while the others wait.
async fn join<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(futures).await
}
