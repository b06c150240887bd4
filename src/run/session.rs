//! A whole run: targets launched side by side, trials on each, then everything removed. What happens is told
//! as events; whoever shows or reports something folds them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::again::Retries;
use super::lengths::Lengths;
use super::rollout::{Together, Told};
use super::schedule::Schedule;
use crate::config::{KnownDeviation, Limits};
use crate::gateway::own::asked_of;
use crate::host::gate::Gate;
use crate::launch::{LaunchError, Live, Origin, RunId, Setup, launch};
use crate::outcome::{RolledOut, TrialResult};
use crate::scenario::{Rollout, Trial};
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
    /// What targets are upgraded from; each from itself, if nothing is named.
    pub from: Option<Target>,
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
        /// Which models its trials ask, if it has a configuration of an operator's own.
        asked_of: Option<String>,
    },
    NotLaunched(LaunchError),
    /// Every target is there or will not be. Trials may have begun on those that were there first.
    Begun,
    Finished(TrialResult),
    /// Its trials with an upgrade have all ended, or are in doubt.
    RolledOut {
        target: String,
        rolled_out: RolledOut,
    },
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
    join(plan.targets.iter().enumerate().map(|(index, target)| session.on_target(index, target))).await;
    tell(Event::Ended);
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
    /// Runs the trials of a target: those of a version by itself, then those of its rollouts.
    async fn on_target(&self, index: usize, target: &Target) {
        let (by_itself, moved): (Vec<_>, Vec<_>) =
            self.plan.trials.iter().enumerate().partition(|(_, trial)| trial.file.scenario.rollout().is_none());
        let all = async {
            if !by_itself.is_empty() {
                match Box::pin(self.by_itself(index, target, &by_itself)).await {
                    Some(live) => live.stop().await,
                    None => return,
                }
            }
            // Side by side: each mostly waits for what is started, and for the books.
            let has_launched = AtomicBool::new(!by_itself.is_empty());
            let rollouts = Rollout::ALL.into_iter().map(|rollout| {
                let of_rollout = moved.iter().filter(|(_, trial)| trial.file.scenario.rollout() == Some(rollout));
                (rollout, of_rollout.copied().collect::<Vec<_>>())
            });
            let rollouts = rollouts.filter(|(_, trials)| !trials.is_empty() && !self.gate.is_closed());
            join(
                rollouts
                    .map(|(rollout, trials)| Box::pin(self.roll_out(index, target, rollout, trials, &has_launched))),
            )
            .await;
        };
        tokio::select! {
            () = all => {}
            () = self.in_vain() => {}
        }
    }

    /// Takes a target for launched, or not.
    fn has_come(&self, is_there: bool) {
        self.launches.send_modify(|launches| {
            launches.ended += 1;
            launches.failed += usize::from(!is_there);
            if launches.ended == self.plan.targets.len() {
                (self.tell)(Event::Begun);
            }
        });
    }

    /// Runs the trials of a rollout. If the target was not launched before, this is its launch.
    async fn roll_out(
        &self,
        index: usize,
        target: &Target,
        rollout: Rollout,
        trials: Vec<(usize, &Trial)>,
        has_launched: &AtomicBool,
    ) {
        let Session { plan, run, gate, tell, .. } = self;
        let (limits, from, name) = (plan.limits, plan.from.as_ref(), self.name(index));
        let target_name = || target.name.clone();
        let tell_session = |told: Told| match told {
            Told::Launched(live) if !has_launched.swap(true, Ordering::Relaxed) => {
                let (target, origin, setup) = (live.target.clone(), live.origin.clone(), live.setup.clone());
                let (took, remark) = (live.took, live.remark.clone());
                tell(Event::Launched { target, took, origin, remark, setup, asked_of: None });
                self.has_come(true);
            }
            Told::Launched(_) => {}
            Told::NotLaunched(lines) => tell(Event::Log { target: target_name(), lines }),
            Told::Finished(_, result) => tell(Event::Finished(*result)),
            Told::RolledOut(rolled_out) => tell(Event::RolledOut { target: target_name(), rolled_out }),
        };
        let together = Together { rollout, from, target, trials, name: &name, limits, run, gate };
        together.run(&tell_session).await;
    }

    /// The start of the names of a target's trials: both sides of a comparison may be one gateway, which is kept.
    fn name(&self, index: usize) -> String {
        format!("gc-{}-{index}", self.run.as_str())
    }

    /// Launches a target and runs trials on it, in which it stays as it is.
    async fn by_itself(&self, index: usize, target: &Target, trials: &[(usize, &Trial)]) -> Option<Live> {
        let tell = self.tell;
        tell(Event::Launching { target: target.name.clone() });
        let launched = tokio::select! {
            launched = launch(target, self.plan.limits, self.run) => launched,
            () = self.gate.closed() => return None,
        };
        match &launched {
            Ok(Live { target, took, origin, remark, setup, own, .. }) => {
                let asked_of = target.own.as_ref().and(own.as_ref().ok()).map(|models| asked_of(models));
                let (target, origin, remark) = (target.clone(), origin.clone(), remark.clone());
                tell(Event::Launched { target, took: *took, origin, remark, setup: setup.clone(), asked_of });
            }
            Err(error) => tell(Event::NotLaunched(error.clone())),
        }
        self.has_come(launched.is_ok());
        let live = Arc::new(launched.ok()?);
        self.trials(index, &live, trials).await;
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

    async fn trials(&self, index: usize, live: &Arc<Live>, trials: &[(usize, &Trial)]) {
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
        let Session { plan, gate, .. } = self;
        let retries = Retries { times: plan.retries, known: plan.known.clone().into() };
        let name = self.name(index);
        let schedule = Schedule {
            name: &name,
            limits: plan.limits,
            targets: plan.targets.len(),
            lengths: &lengths,
            retries: &retries,
            gate,
            results: sender,
        };
        tokio::join!(schedule.run_all(Arc::clone(live), trials), tell_all);
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
