//! What is expected of an answer: accepted or refused, and what it says. Not: judging it ([`crate::verdict`]).

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::present;
use super::words::ErrorKind;

/// How a request is expected to be answered: `accepted`, `refused`, or what the answer says.
#[derive(Debug, Clone)]
pub enum Expect {
    Accepted(Stated),
    Refused(Refusal),
}

impl Expect {
    /// Accepted, whatever the answer says.
    pub const ACCEPTED: Expect = Expect::Accepted(Stated::NOTHING);

    /// Whether it asks what the answer says, beside its status and reason.
    pub fn asks(&self) -> bool {
        match self {
            Expect::Accepted(stated) => *stated != Stated::NOTHING,
            Expect::Refused(refusal) => refusal.names.is_some() || refusal.retry_after.is_some(),
        }
    }
}

/// What an accepted answer is expected to say of itself; what is left out may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    pub cost: Option<Cost>,
    pub usage: Option<Usage>,
    pub remaining: Option<Remaining>,
}

impl Stated {
    pub const NOTHING: Stated = Stated { cost: None, usage: None, remaining: None };
}

/// What a refusal is expected to look like; what is left out may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Its HTTP status.
    pub status: Option<u16>,
    /// Its reason.
    pub error: Option<ErrorKind>,
    /// Whether it says when to ask again.
    pub retry_after: Option<Presence>,
    /// Whose budget or limit it names.
    pub names: Option<Named>,
}

impl Refusal {
    /// For this reason, with any status.
    pub fn of(error: ErrorKind) -> Refusal {
        Refusal { error: Some(error), ..Refusal::default() }
    }
}

/// The cost that an answer states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// What is booked for the request.
    Booked,
}

/// The usage that an answer states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// What the provider sent.
    AsProvided,
}

/// What an answer says is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remaining {
    /// Of the requests a minute, the fewest that any limit leaves.
    pub requests: u32,
}

/// That something is there, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Present,
}

/// Whom a refusal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    Key,
    User,
    Team,
    Member,
    Organisation,
    EndUser,
    Tag,
}

impl Named {
    /// For people: `the end user`
    pub fn phrase(self) -> &'static str {
        match self {
            Named::Key => "the key",
            Named::User => "the user",
            Named::Team => "the team",
            Named::Member => "the member",
            Named::Organisation => "the organisation",
            Named::EndUser => "the end user",
            Named::Tag => "the tag",
        }
    }
}

impl fmt::Display for Refusal {
    /// `429 budget_exceeded that names the key`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.error) {
            (Some(status), Some(error)) => write!(f, "{status} {}", error.word())?,
            (Some(status), None) => write!(f, "{status}")?,
            (None, Some(error)) => write!(f, "{}", error.word())?,
            (None, None) => write!(f, "a refusal")?,
        }
        if let Some(named) = self.names {
            write!(f, " that names {}", named.phrase())?;
        }
        match self.retry_after {
            Some(Presence::Present) => write!(f, " with a `retry-after`"),
            None => Ok(()),
        }
    }
}

/// All that can be said of an answer, as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Of an accepted answer: the cost that it states is what is `booked`.
    #[serde(default, deserialize_with = "present")]
    cost: Option<Cost>,
    /// Of an accepted answer: the usage that it states is `as_provided`.
    #[serde(default, deserialize_with = "present")]
    usage: Option<Usage>,
    /// Of an accepted answer: what it says is left of limits.
    #[serde(default, deserialize_with = "present")]
    remaining: Option<Remaining>,
    /// Of a refusal: its HTTP status.
    #[serde(default, deserialize_with = "present")]
    status: Option<u16>,
    /// Of a refusal: its reason.
    #[serde(default, deserialize_with = "present")]
    error: Option<ErrorKind>,
    /// Of a refusal: it says when to ask again.
    #[serde(default, deserialize_with = "present")]
    retry_after: Option<Presence>,
    /// Of a refusal: whose budget or limit it names.
    #[serde(default, deserialize_with = "present")]
    names: Option<Named>,
}

impl<'de> Deserialize<'de> for Expect {
    /// Written by hand: serde's `untagged` would lose the places in the file.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Expect, D::Error> {
        struct Expected;
        impl<'de> Visitor<'de> for Expected {
            type Value = Expect;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`accepted`, `refused`, or what the answer says, such as { status: 429, error: budget_exceeded }",
                )
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Expect, E> {
                match text {
                    "accepted" => Ok(Expect::ACCEPTED),
                    "refused" => Ok(Expect::Refused(Refusal::default())),
                    other => Err(E::unknown_variant(other, &["accepted", "refused"])),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expect, A::Error> {
                let Written { cost, usage, remaining, status, error, retry_after, names } =
                    Written::deserialize(MapAccessDeserializer::new(map))?;
                let stated = Stated { cost, usage, remaining };
                let refusal = Refusal { status, error, retry_after, names };
                match (stated == Stated::NOTHING, refusal == Refusal::default()) {
                    (true, _) => Ok(Expect::Refused(refusal)),
                    (false, true) => Ok(Expect::Accepted(stated)),
                    (false, false) => Err(A::Error::custom(
                        "`cost`, `usage` and `remaining` are of an accepted answer, `status`, `error`, `retry_after` and \
                         `names` of a refusal: not both",
                    )),
                }
            }
        }
        deserializer.deserialize_any(Expected)
    }
}

impl JsonSchema for Expect {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expect".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let written = Written::json_schema(generator);
        json_schema!({ "anyOf": [{ "enum": ["accepted", "refused"] }, written] })
    }
}
