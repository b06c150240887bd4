//! What is kept of a failed trial besides its requests: what its reader asks for next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Sent};

/// Empty for a trial without findings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The trial's own name on the gateway. The name of each of its entities begins with it and a `-`.
    pub name: String,
    /// What it did besides asking, in order.
    pub acts: Vec<Acted>,
    /// What the admin API said of each entity that has books, after the trial: `key laptop`, and the answer.
    pub said: Vec<(String, AdminAnswer)>,
    /// The end of the gateway's log when the first finding was made. Other trials may have been running.
    pub log: Vec<String>,
}

/// What a trial did besides asking: it made or changed an entity, or disturbed a part of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acted {
    /// How many requests came before it.
    pub after: usize,
    /// The line of its step, or of the given entity, in the scenario's file.
    pub line: usize,
    /// `make key laptop`, `restart gateway`
    pub what: String,
    /// What it asked of the admin API, in order.
    pub calls: Vec<AdminCall>,
    /// What the scenario expects of it, if it is a change.
    pub expected: Option<String>,
    /// What the gateway answered, if it is a change.
    pub answer: Option<Answer>,
}

/// A request of the admin API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminCall {
    /// What was asked.
    pub sent: Sent,
    /// What its answer holds that later requests send.
    pub gives: Option<Gives>,
}

/// Something that only the gateway's answer says, such as a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gives {
    /// As it appears in later requests: a key is `<key laptop>` there.
    pub text: String,
    /// Where it is in the answer: `model_info.id`
    pub field: String,
}

/// What the admin API said of an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminAnswer {
    /// What was asked.
    pub sent: Sent,
    /// Redacted.
    pub answer: Value,
}
