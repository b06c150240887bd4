//! A scenario against a live target: one [`Trial`] to its [`TrialResult`].
//!
//! Here is the frame: limits of time, what a broken environment makes of a trial. The steps themselves begin in
//! `steps`, waiting for recorded spend is in `settle`, many trials at once in [`schedule`].

mod ask;
mod books;
mod change;
mod evidence;
mod ledger;
pub mod published;
pub mod schedule;
pub mod select;
pub mod session;
mod settle;
mod steps;
pub mod under;
mod world;

use std::time::Instant;

use crate::config::Limits;
use crate::gateway::AdminError;
use crate::host::gate::Gate;
use crate::launch::{self, Health, Live, Share};
use crate::outcome::{Answer, Broken, Evidence, Exchange, Finding, FindingKind, Outcome, TrialResult};
use crate::scenario::{Place, Trial};
use steps::Steps;

/// Why a trial ended before its last step.
enum Stop {
    /// The gateway lacks a capability.
    Lacks(String),
    /// The trial could not be set up or read.
    Failed(String),
    /// The gateway broke off, or broke: it depends on how it is now.
    Broke(Box<Finding>),
}

impl Stop {
    /// What an error of the admin API does to a trial.
    fn admin(what: &str, error: AdminError, place: Place) -> Stop {
        let broke = |got: String| {
            let expected = format!("{what} to be answered");
            let kind = FindingKind::Fault;
            Stop::Broke(Box::new(Finding { kind, place, request: None, expected, got, known: None }))
        };
        match error {
            AdminError::Lacks { message, .. } => Stop::Lacks(format!("{what}: {message}")),
            AdminError::Broken { .. } | AdminError::Status { status: 500.., .. } => broke(error.to_string()),
            AdminError::Status { .. } | AdminError::Body { .. } => Stop::Failed(format!("{what}: {error}")),
        }
    }
}

/// Runs one trial. `name` is its name on the gateway and the upstream: unique, and without blanks.
///
/// It always comes back, with what is known: a gateway that hangs ends the trial, at the latest by its limit of time, and is
/// started again. Trials that were on their way then run again, one by one: so it is seen by which of them it hangs. Nothing
/// is known of one whose turn comes when the gate is closed.
pub async fn run_trial(live: &Live, trial: &Trial, name: &str, limits: Limits, gate: &Gate) -> Option<TrialResult> {
    let share = if trial.file.scenario.alone.is_some() { Share::Alone } else { Share::Together };
    let turn = live.turn(share).await;
    if let Some(why) = live.lost().await {
        return Some(TrialResult::not_begun(trial, &live.target.name, why));
    }
    let Tried { result: first, hung, turn } = try_once(live, trial, name, limits, gate, Some(turn)).await?;
    if !hung {
        return Some(first);
    }
    // Who has it alone keeps it: the next one must not meet it as it is.
    let _alone = match turn.filter(|_| share == Share::Alone) {
        Some(turn) => turn,
        None => live.turn(Share::Alone).await,
    };
    match live.revive().await {
        Ok(_) => {}
        // It is known by whom it hangs: who was only there is not accused.
        Err(why) if live.restarts() > 0 => return Some(TrialResult::not_begun(trial, &live.target.name, why)),
        Err(_) => return Some(first),
    }
    let mut again = try_once(live, trial, &format!("{name}-alone"), limits, gate, None).await?;
    again.result.time += first.time;
    if again.hung {
        // If it cannot be, the next trial says so.
        let _ = live.revive().await;
    }
    Some(again.result)
}

/// What came of a trial, once.
struct Tried {
    result: TrialResult,
    /// Whether its gateway hangs.
    hung: bool,
    /// What is left of its turn.
    turn: Option<launch::Turn>,
}

/// Runs a trial in a turn of its own, or in one that its caller has alone.
async fn try_once(
    live: &Live,
    trial: &Trial,
    name: &str,
    limits: Limits,
    gate: &Gate,
    turn: Option<launch::Turn>,
) -> Option<Tried> {
    let scenario = &trial.file.scenario;
    let _inside = gate.enter()?;
    let began = Instant::now();
    let limit = limits.trial.saturating_add(steps::stated_time(scenario));
    // Together, trials may keep it busy for a while; all of it has to be over before their requests are given up.
    let patience = limits.request.mul_f64(if turn.is_some() { 0.6 } else { 0.3 });
    let hang = async {
        match scenario.alone {
            // It may be meant to be silent.
            Some(_) => std::future::pending().await,
            None => live.hang(patience).await,
        }
    };
    let mut steps = Steps::new(live, trial, name, limits, turn);
    let ended = tokio::select! {
        ended = tokio::time::timeout(limit, steps.run()) => Some(ended),
        () = hang => None,
    };
    if scenario.alone.is_some() {
        live.restore().await;
    }
    let (mut outcome, mut hung) = (Outcome::Pass, false);
    let place = steps.at;
    let fault = |expected: &str, got: String| {
        let (kind, expected) = (FindingKind::Fault, expected.to_owned());
        Finding { kind, place, request: None, expected, got, known: None }
    };
    match ended {
        Some(Ok(Ok(()))) => {}
        // What was found before stays found.
        Some(Ok(Err(Stop::Lacks(_) | Stop::Failed(_)))) if !steps.findings.is_empty() => {}
        Some(Ok(Err(Stop::Lacks(reason)))) => outcome = Outcome::Skip { reason },
        Some(Ok(Err(Stop::Failed(reason)))) => outcome = Outcome::Error { reason },
        Some(Ok(Err(Stop::Broke(finding)))) => steps.findings.push(*finding),
        Some(Err(_)) => steps.findings.push(fault("the trial to end", format!("not done after {} s", limit.as_secs()))),
        None => hung = true,
    }
    if outcome == Outcome::Pass && !steps.findings.is_empty() && !hung {
        (outcome, hung) = judge_environment(live, &steps).await;
    }
    if hung {
        let got = "the gateway hangs: its health endpoint gives no answer either";
        steps.findings.push(fault("the gateway to answer", got.to_owned()));
        outcome = Outcome::Fail;
    }
    let evidence = match steps.findings.is_empty() {
        true => Evidence::default(),
        false => steps.evidence(hung).await,
    };
    let Steps { findings, mut exchanges, mut time, turn, .. } = steps;
    if findings.is_empty() {
        exchanges.iter_mut().for_each(|exchange| exchange.sent = None);
    }
    time.whole = began.elapsed();
    let (trial, target) = (trial.id.clone(), live.target.name.clone());
    Some(Tried { result: TrialResult { trial, target, outcome, findings, exchanges, evidence, time }, hung, turn })
}

/// Findings count against the gateway only if it, and its database, are there. And whether it hangs.
async fn judge_environment(live: &Live, steps: &Steps<'_>) -> (Outcome, bool) {
    let broke = steps.findings.iter().any(|finding| finding.kind == FindingKind::Fault);
    if !broke && steps.findings.iter().all(|finding| finding.kind != FindingKind::Miscount) {
        return (Outcome::Fail, false);
    }
    let lost = |exchange: &Exchange| matches!(exchange.answer, Answer::Broken { how: Broken::Lost(_) });
    match live.health().await {
        Health::Well => (Outcome::Fail, false),
        Health::Dead(how) => (Outcome::Error { reason: how }, false),
        // Who is cut off and then not answered is gone; who is not answered at all is hung.
        Health::Unresponsive(how) if steps.exchanges.last().is_some_and(lost) => {
            (Outcome::Error { reason: how }, false)
        }
        Health::Unresponsive(_) => (Outcome::Fail, true),
    }
}
