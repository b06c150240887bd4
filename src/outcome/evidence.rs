//! What is kept of a trial that failed, beside its requests: what who reads of it asks for next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Sent};

/// Of a trial without findings it is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The trial's own name on the gateway: that of each of its entities begins so, with a `-` after it.
    pub name: String,
    /// What it did beside asking, in order.
    pub acts: Vec<Acted>,
    /// What the admin API said of each entity that has books, when the trial had ended: `key laptop` and that.
    pub said: Vec<(String, AdminAnswer)>,
    /// What the gateway had logged last when the first finding was made. Other trials may have run then.
    pub log: Vec<String>,
}

/// What a trial did beside asking: it made or changed an entity, or disturbed a part of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acted {
    /// After so many requests of the trial.
    pub after: usize,
    /// The line of its step, or of what is given, in the scenario's file.
    pub line: usize,
    /// `make key laptop`, `restart gateway`
    pub what: String,
    /// What the admin API was asked for that, in order.
    pub calls: Vec<AdminCall>,
    /// What the scenario expects of it, if it is a change, and what the gateway answered.
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
    /// What its answer holds, and later requests are sent with.
    pub gives: Option<Gives>,
}

/// Something that only the gateway's answer says, such as a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gives {
    /// As it is in what was sent later: a key is `<key laptop>` there.
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
