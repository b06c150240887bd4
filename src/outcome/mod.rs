//! What came of a trial: facts, which belong to nobody. The executor writes them down; verdicts, searches and reports read
//! them. Not: judging them ([`crate::verdict`]).

mod evidence;
mod exchange;
mod finding;
mod rollout;
mod said;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Trial, TrialId};
pub use evidence::{Acted, AdminAnswer, AdminCall, Evidence, Gives};
pub use exchange::{Answer, Broken, Company, Exchange, Sent, Standing};
pub use finding::{Finding, FindingKind};
pub use rollout::{Moved, MovedAt, RolledOut, SchemaChange};
pub use said::{Said, SaidUsage, Text};

/// What came of one trial on one target, with all that is known about how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialResult {
    /// The trial's name.
    pub trial: TrialId,
    /// The target's name.
    pub target: String,
    /// What came of it.
    pub outcome: Outcome,
    /// In the order in which they were made.
    pub findings: Vec<Finding>,
    /// All requests, in their order.
    pub exchanges: Vec<Exchange>,
    /// The moves of its target to another version, in their order.
    #[serde(default)]
    pub moves: Vec<MovedAt>,
    /// What else is kept of a trial that failed.
    pub evidence: Evidence,
    /// Where its time went.
    pub time: Time,
    /// How much later than usual the slowest of its charges was in the books, in ms.
    #[serde(default)]
    pub late_ms: u64,
}

impl TrialResult {
    /// The findings that are not known deviations.
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

    /// What a gateway did, request by request: two versions that did the same are equal here, whatever it took. Of requests
    /// whose order or number is random, only which answers there were counts.
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

    /// A trial that never began, because its environment broke first.
    pub fn not_begun(trial: &Trial, target: &str, reason: String) -> TrialResult {
        TrialResult {
            trial: trial.id.clone(),
            target: target.to_owned(),
            outcome: Outcome::Error { reason },
            findings: Vec::new(),
            exchanges: Vec::new(),
            moves: Vec::new(),
            evidence: Evidence::default(),
            time: Time::default(),
            late_ms: 0,
        }
    }

    /// A trial that its target could not be asked.
    pub fn skipped(trial: &Trial, target: &str, reason: String) -> TrialResult {
        TrialResult { outcome: Outcome::Skip { reason }, ..TrialResult::not_begun(trial, target, String::new()) }
    }

    /// The same, with a charge that came this late.
    pub fn late(self, late: Duration) -> TrialResult {
        TrialResult { late_ms: self.late_ms.max(late.as_millis() as u64), ..self }
    }

    /// Notes that some of its findings, by their places, still held after that long, in quiet.
    pub fn is_still_so(&mut self, findings: &[usize], after: Duration) {
        for index in findings {
            if let Some(finding) = self.findings.get_mut(*index) {
                finding.got =
                    format!("{}, still so {} s later with little else going on", finding.got, after.as_secs());
            }
        }
    }
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Outcome {
    /// Nothing was found, or nothing new.
    Pass,
    /// There are findings that are not known deviations.
    Fail,
    /// It failed, and passed when it was tried again. The findings are from the first try.
    Unsteady { rate: Rate },
    /// The gateway lacks a capability.
    Skip { reason: String },
    /// The environment broke: neither the gateway's fault nor a pass.
    Error { reason: String },
}

/// The kinds of outcomes, to be counted and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// [`Outcome::Pass`]
    Pass,
    /// [`Outcome::Fail`]
    Fail,
    /// [`Outcome::Unsteady`]
    Unsteady,
    /// [`Outcome::Skip`]
    Skip,
    /// [`Outcome::Error`]
    Error,
}

impl OutcomeKind {
    /// As it is shown: what nobody should miss is in capitals.
    pub fn word(self) -> &'static str {
        match self {
            OutcomeKind::Pass => "pass",
            OutcomeKind::Fail => "FAIL",
            OutcomeKind::Unsteady => "unsteady",
            OutcomeKind::Skip => "skip",
            OutcomeKind::Error => "ERROR",
        }
    }
}

impl Outcome {
    /// Its kind, without the reason.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Outcome::Pass => OutcomeKind::Pass,
            Outcome::Fail => OutcomeKind::Fail,
            Outcome::Unsteady { .. } => OutcomeKind::Unsteady,
            Outcome::Skip { .. } => OutcomeKind::Skip,
            Outcome::Error { .. } => OutcomeKind::Error,
        }
    }

    /// As it is shown.
    pub fn word(&self) -> &'static str {
        self.kind().word()
    }

    /// Whether it failed, each time or not.
    pub fn has_failed(&self) -> bool {
        matches!(self, Outcome::Fail | Outcome::Unsteady { .. })
    }
}

/// How often a trial failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How often it failed.
    pub failed: usize,
    /// Of how many times.
    pub of: usize,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed {} of {} times", self.failed, self.of)
    }
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

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_millis() as u64)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
