//! What a gateway can be asked, and what it can answer, in words that are the same for all gateways.
//!
//! All that is peculiar to a gateway (routes, fields, statuses, how it knows a price, how it is launched) stays in its
//! adapter; [`ADAPTERS`] lists them. The built-in gateway speaks as LiteLLM does, and LiteLLM's adapter drives it.

pub mod adapter;
pub mod any_llm;
pub mod books;
pub mod client;
pub mod connection;
pub mod litellm;
pub mod mlflow;
pub mod openai;
pub mod own;
pub mod price;
pub mod recipe;
pub mod refusal;
pub mod shown;
pub mod stream;
pub mod tempo;
pub mod told;
pub mod yaml;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub use adapter::{Adapter, Pace};
pub use client::Gateway;
pub use connection::Notes;

use crate::outcome::{Broken, Sent};
use crate::scenario::{Api, Carrier, Fields, IncludeUsage, Kind, Tier, Usd};
use crate::secret::{Secret, redact, redact_json};

/// The gateways that can be launched and asked.
pub static ADAPTERS: [&dyn Adapter; 3] = [&litellm::LiteLlm, &any_llm::AnyLlm, &mlflow::Mlflow];

/// The adapter that drives the built-in gateway.
pub static OF_BUILTIN: &dyn Adapter = &litellm::LiteLlm;

/// The adapter of a gateway, by its name.
pub fn adapter(name: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS.into_iter().find(|adapter| adapter.about().name == name)
}

/// One model request.
#[derive(Debug, Clone)]
pub struct Ask {
    pub api: Api,
    /// The model, as the gateway calls it.
    pub model: String,
    pub prompt: String,
    pub stream: bool,
    /// Whether to ask that a stream end with its usage, where the API has that.
    pub include_usage: IncludeUsage,
    /// How many tools it describes.
    pub tools: u16,
    /// The length of its system prompt, in characters.
    pub system_prompt: u32,
    /// How many images to ask for, if it is about images.
    pub images: u64,
    pub end_user: Option<(String, Carrier)>,
    pub tag: Option<(String, Carrier)>,
    /// The service that it asks for.
    pub tier: Option<Tier>,
    pub max_tokens: Option<u32>,
    /// How often to ask the gateway to try again.
    pub retries: Option<u16>,
    /// The model to ask the gateway to try when this one fails, by the gateway's name for it.
    pub fallback: Option<&'static str>,
    /// Whether it may be answered from a cache.
    pub cached: bool,
    /// After how many chunks of a stream the client goes away.
    pub leave_after: Option<u16>,
    /// Whether the upstream will break the stream off: then nobody can ask for a whole answer.
    pub is_broken_off: bool,
    /// How much later than at once the upstream will answer: the time limit is for the gateway's own part.
    pub late: Duration,
}

impl Sent {
    fn of(request: &reqwest::Request) -> Sent {
        let url = request.url();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        // Base64 hides whose they are.
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

/// An entity on the gateway, by the names its admin API uses.
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

/// An entity to make, or to change.
#[derive(Debug, Clone, Copy)]
pub struct Definition<'a> {
    pub kind: Kind,
    /// A name that no other entity on the gateway has.
    pub id: &'a str,
    /// Its fields; `owners` holds those it belongs to.
    pub fields: &'a Fields,
    pub owners: Owners<'a>,
}

/// Those that an entity belongs to, and whose budget object holds for it, by the gateway's names for them.
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

/// A field that reads back differently from what was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Differing {
    pub field: &'static str,
    pub sent: serde_json::Value,
    pub got: serde_json::Value,
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
