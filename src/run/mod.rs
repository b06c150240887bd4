//! A scenario against a live target: one [`Trial`] to its [`TrialResult`].
//!
//! Here is the frame: limits of time, what a broken environment makes of a trial. The steps themselves begin in
//! `steps`, waiting for recorded spend is in `settle`, many trials at once in [`schedule`].

mod ask;
pub mod bisect;
mod books;
mod change;
mod evidence;
pub mod gate;
mod ledger;
pub mod matrix;
pub mod minimize;
pub mod results;
pub mod schedule;
pub mod session;
mod settle;
mod steps;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Limits;
use crate::gateway::{AdminError, Answer, Broken, Sent};
use crate::launch::{self, Health, Live, Share};
use crate::scenario::{Alone, Instance, Place, Step, Trial, TrialId};
use crate::verdict::oracle::Standing;
use crate::verdict::{Finding, FindingKind, Outcome};
pub use evidence::{Acted, Evidence};
use gate::Gate;
use steps::Steps;

/// What came of one trial on one target, with all that is known of how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialResult {
    pub trial: TrialId,
    pub target: String,
    pub outcome: Outcome,
    pub findings: Vec<Finding>,
    pub exchanges: Vec<Exchange>,
    pub evidence: Evidence,
    pub time: Time,
}

/// One request, and what was known before and after it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Its number in the trial, from 1.
    pub request: usize,
    /// The line of its step in the scenario's file.
    pub line: usize,
    pub key: String,
    /// The instance of the gateway that was asked.
    pub on: Instance,
    /// What was sent, of a trial that failed.
    pub sent: Option<Sent>,
    /// The budgets that hold for it, and what was spent of them.
    pub before: Vec<Standing>,
    /// What the answer had to be: `accepted, or budget_exceeded`. Nothing where the trial had ended before that was judged.
    pub expected: Option<String>,
    pub answer: Answer,
    /// How often it reached the upstream.
    pub upstream_calls: usize,
    /// How long it took.
    pub ms: u64,
    pub company: Company,
    /// Whether what it cost was waited for in the gateway's books before anything else was done.
    pub is_settled: bool,
}

impl Exchange {
    /// The key, and where it asked if not at the first instance.
    pub fn whose(&self) -> String {
        match self.on {
            Instance::First => self.key.clone(),
            Instance::Second => format!("{} (second)", self.key),
        }
    }
}

/// Whether a request is one by itself, or one of several whose order or number is chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Company {
    Alone,
    /// Of several at the same time.
    AtOnce,
    /// Of several until the answer was as expected, of which the first and the last are kept.
    Again,
}

/// Where the time of a trial went.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// From the first exchange to the last.
    #[serde(with = "ms")]
    #[schemars(with = "u64")]
    pub whole: Duration,
    /// Waiting for answers of the gateway.
    #[serde(with = "ms")]
    #[schemars(with = "u64")]
    pub requests: Duration,
    /// Waiting for recorded spend.
    #[serde(with = "ms")]
    #[schemars(with = "u64")]
    pub settle: Duration,
    /// Waiting because the scenario states a pace.
    #[serde(with = "ms")]
    #[schemars(with = "u64")]
    pub pace: Duration,
}

impl std::ops::AddAssign for Time {
    fn add_assign(&mut self, other: Time) {
        let Time { whole, requests, settle, pace } = other;
        self.whole += whole;
        self.requests += requests;
        self.settle += settle;
        self.pace += pace;
    }
}

/// A duration as a number of milliseconds.
mod ms {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_millis() as u64)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

impl TrialResult {
    /// The findings that are no known deviations.
    pub fn new_findings(&self) -> impl Iterator<Item = &Finding> + Clone {
        self.findings.iter().filter(|finding| finding.known.is_none())
    }

    /// The most severe of them.
    pub fn worst_finding(&self) -> Option<&Finding> {
        self.new_findings().min_by_key(|finding| finding.kind)
    }

    /// The first of them that is about this request.
    pub fn found_at(&self, exchange: &Exchange) -> Option<&Finding> {
        self.new_findings().find(|finding| finding.request == Some(exchange.request))
    }

    /// What a gateway did, request by request: two versions that did the same are the same here, whatever it took. Of
    /// requests whose order or number is chance, only which answers there were counts.
    pub fn behaviour(&self) -> BTreeMap<usize, Vec<String>> {
        let mut behaviour: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for exchange in &self.exchanges {
            behaviour.entry(exchange.line).or_default().push(exchange.answer.to_string());
        }
        for exchange in self.exchanges.iter().filter(|exchange| exchange.company != Company::Alone) {
            if let Some(answers) = behaviour.get_mut(&exchange.line) {
                answers.sort_unstable();
                answers.dedup();
            }
        }
        behaviour
    }

    /// A trial that never began, because its environment broke before.
    pub fn not_begun(trial: &Trial, target: &str, reason: String) -> TrialResult {
        TrialResult {
            trial: trial.id.clone(),
            target: target.to_owned(),
            outcome: Outcome::Error { reason },
            findings: Vec::new(),
            exchanges: Vec::new(),
            evidence: Evidence::default(),
            time: Time::default(),
        }
    }
}

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
/// It always comes back, with what is known: a gateway that hangs ends the trial by its limit of time. Nothing is known
/// of one whose turn comes when the gate is closed.
pub async fn run_trial(live: &Live, trial: &Trial, name: &str, limits: Limits, gate: &Gate) -> Option<TrialResult> {
    let scenario = &trial.file.scenario;
    let turn = match scenario.alone {
        Some(alone) => Turn::Alone { alone, _held: live.turn(Share::Alone).await },
        None => Turn::Together { _held: live.turn(Share::Together).await },
    };
    let _inside = gate.enter()?;
    let began = Instant::now();
    let limit = limits.trial.saturating_add(steps::stated_time(scenario));
    let mut steps = Steps::new(live, trial, name, limits, turn);
    let ended = tokio::time::timeout(limit, steps.run()).await;
    if scenario.alone.is_some() {
        live.restore().await;
    }
    let mut result = TrialResult {
        trial: trial.id.clone(),
        target: live.target.name.clone(),
        outcome: Outcome::Pass,
        evidence: match steps.findings.is_empty() {
            true => Evidence::default(),
            false => steps.evidence().await,
        },
        findings: steps.findings,
        exchanges: steps.exchanges,
        time: steps.time,
    };
    match ended {
        Ok(Ok(())) => {}
        // What was found before stays found.
        Ok(Err(Stop::Lacks(_) | Stop::Failed(_))) if !result.findings.is_empty() => {}
        Ok(Err(Stop::Lacks(reason))) => result.outcome = Outcome::Skip { reason },
        Ok(Err(Stop::Failed(reason))) => result.outcome = Outcome::Error { reason },
        Ok(Err(Stop::Broke(finding))) => result.findings.push(*finding),
        Err(_) => {
            let place = scenario.steps.last().map_or(Place::default(), Step::place);
            let got = format!("not done after {} s", limit.as_secs());
            let expected = "the trial to end".to_owned();
            result.findings.push(Finding {
                kind: FindingKind::Fault,
                place,
                request: None,
                expected,
                got,
                known: None,
            });
        }
    }
    if result.outcome == Outcome::Pass && !result.findings.is_empty() {
        result.outcome = judge_environment(live, &result).await;
    }
    if result.findings.is_empty() {
        result.exchanges.iter_mut().for_each(|exchange| exchange.sent = None);
    }
    result.time.whole = began.elapsed();
    Some(result)
}

/// A trial's turn on its target: with others, or alone.
enum Turn {
    Alone {
        alone: Alone,
        _held: launch::Turn,
    },
    Together {
        _held: launch::Turn,
    },
    /// It only looks at books any more, which disturbs nobody.
    Over,
}

impl Turn {
    /// Others would have disturbed it; nothing can any more.
    fn end_if_first(&mut self) {
        if matches!(self, Turn::Alone { alone: Alone::First, .. }) {
            *self = Turn::Over;
        }
    }
}

/// Findings count against the gateway only if it, and its database, are there.
async fn judge_environment(live: &Live, result: &TrialResult) -> Outcome {
    let broke = result.findings.iter().any(|finding| finding.kind == FindingKind::Fault);
    if !broke && result.findings.iter().all(|finding| finding.kind != FindingKind::Miscount) {
        return Outcome::Fail;
    }
    let lost = |exchange: &Exchange| matches!(exchange.answer, Answer::Broken { how: Broken::Lost(_) });
    match live.health().await {
        Health::Well => Outcome::Fail,
        Health::Dead(how) => Outcome::Error { reason: how },
        // Who is cut off and then not answered is gone; who is not answered at all is hung.
        Health::Unresponsive(how) if result.exchanges.last().is_some_and(lost) => Outcome::Error { reason: how },
        Health::Unresponsive(_) => Outcome::Fail,
    }
}
