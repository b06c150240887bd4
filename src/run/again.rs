//! A trial that failed, once more: what a busy gateway may have caused is a finding only if it comes again when little else
//! is going on. Not: which findings these are, which is `doubt`.

use std::sync::Arc;

use super::doubt::Doubt;
use super::{Attempt, Ending, InDoubt, Try, attempt, run_once, share_of};
use crate::config::{KnownDeviation, Limits};
use crate::host::gate::Gate;
use crate::launch::{Live, Share};
use crate::outcome::{Outcome, Rate, TrialResult};
use crate::scenario::Trial;
use crate::verdict::deviation::is_known;

/// How often a failing trial is tried again, unless its findings are known. One in doubt is tried once in any case.
#[derive(Debug, Clone, Default)]
pub struct Retries {
    pub times: usize,
    pub known: Arc<[KnownDeviation]>,
}

impl Retries {
    /// Runs a trial until its result holds. `name` is its name on the gateway and the upstream: unique, and without blanks.
    /// `job` is dropped as soon as another trial may begin in its place.
    ///
    /// Returns nothing for a trial whose turn comes when the gate is closed, nor for one that is in doubt then.
    pub async fn run_trial<J>(
        &self,
        live: &Live,
        trial: &Trial,
        name: &str,
        limits: Limits,
        gate: &Gate,
        job: J,
    ) -> Option<TrialResult> {
        let Attempt { result: mut told, end, turn } = run_once(live, trial, name, limits, gate, InDoubt::End).await?;
        let today = jiff::ZonedDateTime::now().date();
        let passes = |result: &TrialResult| match result.outcome {
            Outcome::Pass => true,
            Outcome::Fail => is_known(&self.known, &live.target, result, today),
            Outcome::Unsteady { .. } | Outcome::Skip { .. } | Outcome::Error { .. } => false,
        };
        let mut doubt = match end {
            Ending::InDoubt(doubt) if doubt.has_ended_it() || !passes(&told) => Some(doubt),
            Ending::InDoubt(_) | Ending::Hung | Ending::Certain => None,
        };
        let times = match &doubt {
            Some(_) => self.times.max(1),
            None if told.outcome == Outcome::Fail && !passes(&told) => self.times,
            None => return Some(told),
        };
        if times == 0 {
            return Some(told);
        }
        // A trial that runs alone goes on at once: others would disturb it later. In place of any other, another may begin.
        let _turn = match (trial.file.scenario.alone, turn) {
            (Some(_), Some(turn)) => turn,
            (Some(_), None) => live.turn(share_of(trial)).await,
            (None, turn) => {
                drop((turn, job));
                watching(&mut doubt, live.turn(Share::Quiet)).await
            }
        };
        for time in 1..=times {
            let name = format!("{name}-again-{time}");
            let again = watching(&mut doubt, attempt(live, trial, &name, limits, gate, Try::LAST)).await;
            let Some(again) = again else {
                return Some(told).filter(|_| doubt.is_none());
            };
            if matches!(again.end, Ending::Hung) {
                // If that fails, the next trial says so.
                let _ = live.revive().await;
            }
            let mut again = again.result;
            again.time += told.time;
            told.time = again.time;
            if let Some(doubt) = &mut doubt {
                doubt.look().await;
            }
            let late = doubt.as_ref().filter(|doubt| doubt.is_explained()).map(|doubt| doubt.late());
            match (passes(&again), late, &told.outcome, &again.outcome) {
                // Nobody was accused of anything new.
                (_, _, Outcome::Error { .. }, _) => told = again,
                _ if passes(&told) => told = again,
                (true, Some(late), ..) => return Some(again.late(late)),
                (true, None, ..) => {
                    if let Some((findings, longest)) = doubt.as_ref().and_then(|doubt| doubt.still_missing()) {
                        told.is_still_so(findings, longest);
                    }
                    told.outcome = Outcome::Unsteady { rate: Rate { failed: time, of: time + 1 } };
                    return Some(told);
                }
                (false, _, _, Outcome::Error { reason }) if doubt.is_some() => {
                    told.outcome =
                        Outcome::Error { reason: format!("it failed, and could not be tried again: {reason}") };
                }
                // Of two failures, the one in quiet says more.
                (false, ..) if doubt.is_some() => told = again,
                (false, ..) => {}
            }
        }
        Some(told)
    }
}

/// Does something, and meanwhile watches whether what is missing comes: that also tells how long others have to wait.
async fn watching<T>(doubt: &mut Option<Box<Doubt>>, meanwhile: impl Future<Output = T>) -> T {
    let Some(doubt) = doubt else { return meanwhile.await };
    tokio::pin!(meanwhile);
    tokio::select! {
        done = &mut meanwhile => return done,
        () = doubt.until_there() => {}
    }
    meanwhile.await
}
