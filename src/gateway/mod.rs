//! What a gateway can be asked, and what it can answer, in words that are the same for all gateways.
//!
//! All that is peculiar to a gateway (routes, fields, statuses, how it knows a price, how it is launched) stays in its
//! adapter: they are listed in [`ADAPTERS`]. The built-in gateway speaks as LiteLLM does, and is driven by its adapter.

pub mod adapter;
pub mod any_llm;
pub mod books;
pub mod client;
pub mod connection;
pub mod litellm;
pub mod mlflow;
pub mod openai;
pub mod price;
pub mod recipe;
pub mod refusal;
pub mod secret;
pub mod shown;
pub mod stream;
pub mod tempo;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use adapter::{Adapter, Pace};
pub use client::Gateway;
pub use connection::Notes;
use secret::redact_json;
pub use secret::{Secret, redact};

use crate::scenario::{Api, Carrier, ErrorKind, Fields, IncludeUsage, Kind, Usd};

/// The gateways that can be launched, and asked.
pub static ADAPTERS: [&dyn Adapter; 3] = [&litellm::LiteLlm, &any_llm::AnyLlm, &mlflow::Mlflow];

/// The one that the built-in gateway is driven by.
pub static OF_BUILTIN: &dyn Adapter = &litellm::LiteLlm;

/// The adapter of a gateway, by its name.
pub fn adapter(name: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS.into_iter().find(|adapter| adapter.about().name == name)
}

/// A gateway's answer to one request of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "answer", deny_unknown_fields)]
pub enum Answer {
    /// A whole and well-formed answer of the model.
    Accepted { status: u16 },
    /// An error, of the gateway's own or passed on from the provider.
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
    /// A success whose body is not an answer of a model.
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

/// One request of a model.
#[derive(Debug, Clone)]
pub struct Ask {
    pub api: Api,
    /// The model, as the gateway calls it.
    pub model: String,
    pub prompt: String,
    pub stream: bool,
    /// Whether a stream is asked to end with its usage, where the API knows that.
    pub include_usage: IncludeUsage,
    /// How many tools it describes.
    pub tools: u16,
    /// The length of its system prompt, in characters.
    pub system_prompt: u32,
    /// How many images are asked for, where it is about images.
    pub images: u64,
    pub end_user: Option<(String, Carrier)>,
    pub tag: Option<(String, Carrier)>,
    pub max_tokens: Option<u32>,
    /// How often the gateway is asked to try again.
    pub retries: Option<u16>,
    /// The model that the gateway is asked to try when this one fails, as it calls it.
    pub fallback: Option<&'static str>,
    /// Whether it may be answered from a cache.
    pub cached: bool,
    /// The client goes away after so many chunks of a stream.
    pub leave_after: Option<u16>,
    /// Whether the upstream will break the stream off: then nobody can ask for a whole answer.
    pub is_broken_off: bool,
    /// How much later than at once the upstream will answer: the time limit is for the gateway's own part.
    pub late: Duration,
}

/// A request as it went over the wire, redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    pub method: String,
    /// With the slash that it begins with, and the query if there is one.
    pub route: String,
    pub headers: Vec<(String, String)>,
    /// `null` if there is none.
    pub body: Value,
}

impl Sent {
    fn of(request: &reqwest::Request) -> Sent {
        let url = request.url();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        // Whose they are is not seen in base64.
        let plain = |value: String| match value.strip_prefix("Basic ").and_then(|who| STANDARD.decode(who).ok()) {
            Some(who) => format!("Basic {}", String::from_utf8_lossy(&who)),
            None => value,
        };
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), redact(&plain(text(value)))));
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let body = redact_json(&String::from_utf8_lossy(body));
        Sent {
            method: request.method().to_string(),
            route: redact(&format!("{}{query}", url.path())),
            headers: headers.collect(),
            body: serde_json::from_str(&body).unwrap_or(Value::Null),
        }
    }
}

/// A request of the admin API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminCall {
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
pub struct Said {
    pub sent: Sent,
    /// Redacted.
    pub answer: Value,
}

/// An entity on the gateway, by what its admin API calls it.
#[derive(Debug, Clone)]
pub enum Entity {
    Budget(String),
    Organisation(String),
    Team(String),
    User(String),
    Member {
        user: String,
        team: String,
    },
    EndUser(String),
    Tag(String),
    Model {
        /// The name that requests use.
        name: String,
        /// The gateway's own name for this definition of it.
        id: String,
    },
    Key {
        secret: Secret,
        /// The gateway's own name for it; empty where it is known by its secret.
        id: String,
    },
}

impl Entity {
    /// A key that is known by its secret alone.
    pub fn key(secret: Secret) -> Entity {
        Entity::Key { secret, id: String::new() }
    }
}

/// An entity that is to be made, or changed.
#[derive(Debug, Clone, Copy)]
pub struct Definition<'a> {
    pub kind: Kind,
    /// A name that no other entity on the gateway has.
    pub id: &'a str,
    /// Its fields; whom they name is in `owners`.
    pub fields: &'a Fields,
    pub owners: Owners<'a>,
}

/// Whom an entity belongs to, and whose budget object holds for it, by what the gateway calls them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owners<'a> {
    pub user: Option<&'a str>,
    pub team: Option<&'a str>,
    pub organisation: Option<&'a str>,
    pub budget: Option<&'a str>,
}

/// A row of the gateway's spend log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub spend: Usd,
}

/// Why the admin API did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// It says that this gateway, or this edition of it, cannot do it.
    #[error("{endpoint} says: {message}")]
    Lacks { endpoint: String, message: String },
    #[error("{endpoint} answered {status}: {message}")]
    Status { endpoint: String, status: u16, message: String },
    #[error("{endpoint} answered what is not understood: {message}")]
    Body { endpoint: String, message: String },
    #[error("{endpoint}: {how}")]
    Broken { endpoint: String, how: Broken },
}
