//! A request of a trial, and what the gateway answered.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Said;
use crate::scenario::{ErrorKind, Expect, Instance, Refusal, Usd};

/// One request, and what was known before and after it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Its number in the trial, from 1.
    pub request: usize,
    /// The line of its step in the scenario's file.
    pub line: usize,
    /// The key that asked, as the scenario calls it.
    pub key: String,
    /// The instance of the gateway that was asked.
    pub on: Instance,
    /// What was sent, if the trial failed.
    pub sent: Option<Sent>,
    /// The budgets that hold for it, and what was spent of them.
    pub before: Vec<Standing>,
    /// What the provider's usage costs, as a sum, if the scenario says its parts: `100 × 0.001 + 900 ×
    /// 0.0001 = 0.19`.
    #[serde(default)]
    pub costs: Option<String>,
    /// What the answer had to be: `accepted, or budget_exceeded`. Absent if the trial ended before that was judged.
    pub expected: Option<String>,
    /// What the gateway answered.
    pub answer: Answer,
    /// What its answer says beside that.
    #[serde(default)]
    pub said: Said,
    /// How often it reached the upstream.
    pub upstream_calls: usize,
    /// How long it took.
    pub ms: u64,
    /// Whether it was alone.
    pub company: Company,
    /// Whether its cost was awaited in the gateway's books before anything else was done.
    pub is_settled: bool,
}

impl Exchange {
    /// The answer for a table, with what it says if its step asks for that: `200 (states 0.02)`
    pub fn answered(&self) -> String {
        match self.said.to_string() {
            said if self.said.is_asked && !said.is_empty() => format!("{} ({said})", self.answer),
            _ => self.answer.to_string(),
        }
    }

    /// The key, and where it asked if not at the first instance.
    pub fn whose(&self) -> String {
        match self.on {
            Instance::First => self.key.clone(),
            Instance::Second => format!("{} (second)", self.key),
        }
    }
}

/// Whether a request is by itself, or one of several whose order or number is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Company {
    /// By itself.
    Alone,
    /// One of several at the same time.
    AtOnce,
    /// One of several until the answer was as expected; the first and the last are kept.
    Again,
}

/// A budget that holds for a request, and what was spent of it before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Whose budget: `key laptop`.
    pub whose: String,
    /// What was spent of it, in USD.
    #[schemars(with = "String")]
    pub spent: Usd,
    /// What may be spent, in USD.
    #[schemars(with = "String")]
    pub max_budget: Usd,
}

impl Standing {
    /// Whether nothing is left of it, so that the request has to be refused.
    pub fn is_spent(&self) -> bool {
        self.spent >= self.max_budget
    }
}

/// A gateway's answer to one request to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "answer", deny_unknown_fields)]
pub enum Answer {
    /// A whole and well-formed answer from the model.
    Accepted { status: u16 },
    /// An error, the gateway's own or passed on from the provider.
    Refused {
        status: u16,
        /// Why, if the adapter knows this refusal.
        kind: Option<ErrorKind>,
        /// The gateway's own word for the type of error.
        error_type: Option<String>,
        message: String,
    },
    /// Neither: no answer in time, a lost connection, a body that is no answer.
    Broken { how: Broken },
}

/// How an exchange with a gateway broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Broken {
    /// No answer within this many milliseconds.
    Hung { ms: u64 },
    /// The connection was refused or lost.
    Lost(String),
    /// A success whose body is not a model's answer.
    Body(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Hung { ms } => write!(f, "no answer within {} s", ms / 1000),
            Broken::Lost(how) => write!(f, "the connection was lost: {how}"),
            Broken::Body(what) => write!(f, "the body is broken: {what}"),
        }
    }
}

impl fmt::Display for Answer {
    /// Short, for a table: `200`, `400 budget_exceeded`, `no answer within 30 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Accepted { status } => write!(f, "{status}"),
            Answer::Refused { status, kind: Some(kind), .. } => write!(f, "{status} {}", kind.word()),
            Answer::Refused { status, error_type: Some(error_type), .. } => write!(f, "{status} {error_type}"),
            Answer::Refused { status, .. } => write!(f, "{status}"),
            Answer::Broken { how } => how.fmt(f),
        }
    }
}

impl Answer {
    /// Whether it is a refusal for the expected reason, whatever its status.
    pub fn is_refusal_for(&self, expect: &Expect) -> bool {
        match (expect, self) {
            (Expect::Refused(Refusal { error: Some(error), .. }), Answer::Refused { kind, .. }) => {
                *kind == Some(*error)
            }
            _ => false,
        }
    }
}

/// A request as it went over the wire, redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// `GET`, `POST`
    pub method: String,
    /// With the leading slash, and the query if there is one.
    pub route: String,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// `null` if there is none.
    pub body: Value,
}
