//! A scenario against a live target: one [`Trial`] to its [`TrialResult`].
//!
//! Here is the frame: limits of time, what a broken environment makes of a trial. The steps themselves begin in
//! `steps`, waiting for recorded spend is in `settle`, many trials at once in [`schedule`].

pub mod again;
mod ask;
mod books;
mod change;
mod convoy;
mod doubt;
mod evidence;
pub mod jobs;
mod ledger;
pub mod lengths;
mod own;
pub mod published;
mod request;
pub mod rollout;
pub mod schedule;
pub mod select;
pub mod session;
mod settle;
mod steps;
mod told;
pub mod under;
mod world;

use std::time::{Duration, Instant};

use crate::config::Limits;
use crate::gateway::AdminError;
use crate::host::gate::Gate;
use crate::launch::{Health, Live, Share, Turn};
use crate::outcome::{Answer, Broken, Evidence, Exchange, Finding, FindingKind, Outcome, TrialResult};
use crate::scenario::{Alone, Place, Scenario, Trial};
use convoy::Traveller;
use doubt::Doubt;
use steps::Steps;

/// How long it may take to see that a database is gone, after a gateway says so.
const GOING: Duration = Duration::from_secs(10);

/// Why a trial ended before its last step.
enum Stop {
    /// The gateway lacks a capability.
    Lacks(String),
    /// The trial could not be set up or read.
    Failed(String),
    /// The gateway broke off, or broke: its state now tells which.
    Broke(Box<Finding>),
    /// A charge did not come in time, and the trial runs again in quiet whatever else it finds.
    InDoubt,
}

/// What a trial does when a charge has not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InDoubt {
    /// It ends, to run again.
    End,
    GoOn,
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

/// Runs one trial, and takes its result as it is: for callers that try as often as needed, a few trials at a time. `name` is
/// its name on the gateway and the upstream: unique, and without blanks.
///
/// Returns nothing for one whose turn comes when the gate is closed.
pub async fn run_trial(live: &Live, trial: &Trial, name: &str, limits: Limits, gate: &Gate) -> Option<TrialResult> {
    run_once(live, trial, name, limits, gate, InDoubt::GoOn).await.map(|attempt| attempt.result)
}

/// What is told of a trial whose task did not come to its end.
fn panicked(trial: &Trial, target: &str, error: &tokio::task::JoinError) -> TrialResult {
    TrialResult::not_begun(trial, target, format!("gatecrash itself broke: {error}"))
}

/// What came of a trial, tried once.
struct Attempt {
    result: TrialResult,
    end: Ending,
    /// What is left of its turn.
    turn: Option<Turn>,
}

/// Whether what came of it can be told.
enum Ending {
    Certain,
    /// Not before it was tried once more: it may come from how much else was going on.
    InDoubt(Box<Doubt>),
    /// Its gateway hangs.
    Hung,
}

/// Runs one trial among the others, in its turn.
///
/// It always returns, with what is known: a gateway that hangs ends the trial, at the latest at its time limit, and is
/// restarted. Trials that were running then run again, one by one, which shows which of them hangs it. Returns nothing for
/// one whose turn comes when the gate is closed.
async fn run_once(
    live: &Live,
    trial: &Trial,
    name: &str,
    limits: Limits,
    gate: &Gate,
    in_doubt: InDoubt,
) -> Option<Attempt> {
    let alone = trial.file.scenario.alone;
    let share = share_of(trial);
    let turn = live.turn(share).await;
    let certain = |result| Some(Attempt { result, end: Ending::Certain, turn: None });
    if let Some(why) = live.lost().await {
        return certain(TrialResult::not_begun(trial, &live.target.name, why));
    }
    if alone == Some(Alone::First)
        && let Err(why) = live.renew().await
    {
        return certain(TrialResult::not_begun(trial, &live.target.name, why));
    }
    let first = attempt(live, trial, name, limits, gate, Try { turn: Some(turn), in_doubt, convoy: None }).await?;
    if !matches!(first.end, Ending::Hung) {
        return Some(first);
    }
    // One that runs alone keeps its turn: the next must not meet the gateway as it is.
    let _alone = match first.turn.filter(|_| share == Share::Alone) {
        Some(turn) => turn,
        None => live.turn(Share::Alone).await,
    };
    match live.revive().await {
        Ok(_) => {}
        // The trial that hangs it is known already. This one only ran beside it, and is not accused.
        Err(why) if live.restarts() > 0 => return certain(TrialResult::not_begun(trial, &live.target.name, why)),
        Err(_) => return certain(first.result),
    }
    let mut again = attempt(live, trial, &format!("{name}-alone"), limits, gate, Try::LAST).await?;
    again.result.time += first.result.time;
    if matches!(again.end, Ending::Hung) {
        // If that fails, the next trial says so.
        let _ = live.revive().await;
    }
    certain(again.result)
}

/// What a trial takes its turn for.
fn share_of(trial: &Trial) -> Share {
    match trial.file.scenario.alone {
        None => Share::Together,
        // Beside other requests LiteLLM 1.81.0 loses a slot now and then.
        Some(Alone::First) if !limits_slots(&trial.file.scenario) => Share::First,
        Some(Alone::First | Alone::Last) => Share::Alone,
    }
}

/// Whether somebody may have only so many requests at the same time.
fn limits_slots(scenario: &Scenario) -> bool {
    scenario.given.iter().any(|given| given.fields.max_parallel_requests.is_some())
}

/// How a trial has its turn, whether another try comes after it, and with whom its target comes to another version.
struct Try<'a> {
    /// None if its caller has it.
    turn: Option<Turn>,
    in_doubt: InDoubt,
    convoy: Option<&'a Traveller>,
}

impl Try<'_> {
    /// Its caller has the turn, and takes what comes.
    const LAST: Try<'static> = Try { turn: None, in_doubt: InDoubt::GoOn, convoy: None };
}

/// Runs a trial in a turn of its own, or in one that its caller has.
async fn attempt(
    live: &Live,
    trial: &Trial,
    name: &str,
    limits: Limits,
    gate: &Gate,
    Try { turn, in_doubt, convoy }: Try<'_>,
) -> Option<Attempt> {
    let scenario = &trial.file.scenario;
    let _inside = gate.enter()?;
    let began = Instant::now();
    let moves = u32::try_from(scenario.moves().count()).unwrap_or(u32::MAX);
    let of_moves = (limits.launch * 2 + limits.settle + limits.request).saturating_mul(moves);
    let limit = limits.trial.saturating_add(steps::stated_time(scenario)).saturating_add(of_moves);
    // Together, trials may keep it busy for a while; that has to be over before their requests are given up.
    let patience = limits.request.mul_f64(if turn.is_some() { 0.6 } else { 0.3 });
    let hang = async {
        match (scenario.alone, convoy) {
            // It may be meant to be silent.
            (Some(_), _) | (_, Some(_)) => std::future::pending().await,
            (None, None) => live.hang(patience).await,
        }
    };
    let mut steps = Steps::new(live, trial, name, limits, turn);
    (steps.in_doubt, steps.convoy) = (in_doubt, convoy);
    let ended = tokio::select! {
        ended = tokio::time::timeout(limit, steps.run()) => Some(ended),
        () = hang => None,
    };
    if scenario.alone.is_some() {
        live.restore().await;
    }
    let (mut outcome, mut hung) = (Outcome::Pass, false);
    // What could not be made or read among many may be when alone.
    let mut may_come_right = false;
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
        Some(Ok(Err(Stop::Failed(reason)))) => (outcome, may_come_right) = (Outcome::Error { reason }, true),
        Some(Ok(Err(Stop::Broke(finding)))) => steps.findings.push(*finding),
        // The shortage is already a finding.
        Some(Ok(Err(Stop::InDoubt))) => {}
        Some(Err(_)) => steps.findings.push(fault("the trial to end", format!("not done after {} s", limit.as_secs()))),
        None => hung = true,
    }
    if outcome == Outcome::Pass && !steps.findings.is_empty() && !hung {
        match judge_environment(live, &steps).await {
            Environment::IsThere => outcome = Outcome::Fail,
            Environment::Broke(reason) => outcome = Outcome::Error { reason },
            Environment::IsDenied(reason) => (outcome, may_come_right) = (Outcome::Error { reason }, true),
            Environment::Hangs => hung = true,
        }
    }
    if hung {
        let got = "the gateway hangs: its health endpoint does not answer either";
        steps.findings.push(fault("the gateway to answer", got.to_owned()));
        outcome = Outcome::Fail;
    }
    let end = match (&outcome, hung) {
        (_, true) => Ending::Hung,
        (Outcome::Error { .. }, false) if may_come_right => Ending::InDoubt(Box::default()),
        (Outcome::Fail, false) => steps.doubt().await.map_or(Ending::Certain, |doubt| Ending::InDoubt(Box::new(doubt))),
        (_, false) => Ending::Certain,
    };
    let evidence = match steps.findings.is_empty() {
        true => Evidence::default(),
        false => steps.evidence(hung).await,
    };
    let Steps { findings, mut exchanges, moves, mut time, turn, late, .. } = steps;
    if findings.is_empty() {
        exchanges.iter_mut().for_each(|exchange| exchange.sent = None);
    }
    time.whole = began.elapsed();
    let (trial, target, late_ms) = (trial.id.clone(), live.target.name.clone(), late.as_millis() as u64);
    let result = TrialResult { trial, target, outcome, findings, exchanges, moves, evidence, time, late_ms };
    Some(Attempt { result, end, turn })
}

/// Findings count against the gateway only if it, and what it depends on, are there.
enum Environment {
    IsThere,
    /// Something is gone; how that is known.
    Broke(String),
    /// Nothing is, but the gateway says so.
    IsDenied(String),
    /// The gateway hangs.
    Hangs,
}

async fn judge_environment(live: &Live, steps: &Steps<'_>) -> Environment {
    let broke = |finding: &Finding| matches!(finding.kind, FindingKind::Fault | FindingKind::Miscount);
    if !steps.findings.iter().any(broke) {
        return Environment::IsThere;
    }
    let lost = |exchange: &Exchange| matches!(exchange.answer, Answer::Broken { how: Broken::Lost(_) });
    // A part that was just killed may seem alive for a moment: a gateway that says it is gone is believed.
    let says = steps.says_what_is_gone();
    let patience = if says.is_some() { GOING } else { Duration::ZERO };
    match (live.health_within(patience).await, says) {
        (Health::Dead(how), _) => Environment::Broke(how),
        (Health::Well, Some(says)) => Environment::IsDenied(format!("the gateway says: {says}")),
        (Health::Well, None) => Environment::IsThere,
        // A gateway that cuts off and then does not answer is gone; one that never answers is hung.
        (Health::Unresponsive(how), says) if says.is_some() || steps.exchanges.last().is_some_and(lost) => {
            Environment::Broke(how)
        }
        (Health::Unresponsive(_), _) => Environment::Hangs,
    }
}
