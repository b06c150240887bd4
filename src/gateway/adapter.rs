//! What a run has to tell a gateway, and what the gateway promises: its [`Adapter`] states or does all that is peculiar
//! to it. Not: what gateways have in common, which is [`super::client`] and [`super::connection`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use pep440_rs::Version;
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connection::{Connection, Credential};
use super::own::{OwnConfig, OwnPriced};
use super::price::Priced;
use super::recipe::{Image, Package, Recipe, Surroundings};
use super::refusal::Refusals;
use super::told::Tells;
use super::{AdminError, Ask, Definition, Differing, Entity, LogRow};
use crate::scenario::read::Mistakes;
use crate::scenario::{Api, Fields, Kind, PricedBy, Provider, Usd};
use crate::secret::Secret;

/// When recorded spend can be expected, after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How often to look.
    pub poll: Duration,
    /// The longest that a charge can be on its way: after that long without one, there was none. Zero: it is written
    /// before the answer ends.
    pub behind: Duration,
    /// How many times faster than ours its clock runs: a scenario's periods are divided by it.
    pub clock: u32,
}

/// Which status a refusal has to have, if its reason is as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statuses {
    /// The one that the scenario names.
    OfScenarios,
    /// One of its own, by which its table of refusals knows the reason.
    OfItsTable,
}

/// When a gateway charges a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// Once the answer is there: the request that crosses the budget is accepted.
    After,
    /// What a request may cost is set aside first: the one that would cross the budget is refused.
    Reserved,
}

/// How a whole stream of chat completions ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// As OpenAI's do: with `[DONE]`.
    Done,
    /// With a chunk that says why the model has stopped, and whatever comes after it.
    FinishReason,
}

/// A feature of requests that not every gateway has, by its word in scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    Retries,
    Fallback,
    Cached,
    List,
    /// The admin key asks models as other keys do.
    AdminKey,
}

impl Feature {
    pub fn word(self) -> &'static str {
        match self {
            Feature::Retries => "retries",
            Feature::Fallback => "fallback",
            Feature::Cached => "cached",
            Feature::List => "list",
            Feature::AdminKey => "admin_key",
        }
    }
}

/// What a gateway is, as data.
#[derive(Debug)]
pub struct About {
    /// Its name in targets.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// An example of a target's name: `litellm@1.82.3`
    pub example: &'static str,
    pub credential: Credential,
    pub refusals: &'static Refusals,
    pub statuses: Statuses,
    /// Which entities it has, and which of their fields can be set.
    pub fields: fn(Kind) -> Option<&'static [&'static str]>,
    pub apis: &'static [Api],
    pub features: &'static [Feature],
    pub charged: Charged,
    pub stream_end: StreamEnd,
    /// What its answers say beside a model's text, and where.
    pub tells: &'static Tells,
    /// How far its books are behind when it is launched here.
    pub pace: Pace,
    pub package: Package,
    /// None if nobody publishes one that can be launched here.
    pub image: Option<Image>,
    /// Whether its instances can share a Redis.
    pub redis: bool,
    /// The order of its versions, for those that have one.
    pub order: fn(&str) -> Option<Version>,
    /// Releases that must not be launched, and what is known of them.
    pub compromised: fn(&str) -> Option<&'static str>,
    /// Where to see what changed from one release to another, if that can be known without asking.
    pub changes: fn(&str, &str) -> Option<String>,
}

/// A gateway.
#[async_trait]
pub trait Adapter: Debug + Send + Sync {
    fn about(&self) -> &'static About;

    /// The model that stands for a pricing path, for an API and the provider behind; none if that cannot be priced that way.
    fn priced(&self, path: PricedBy, api: Api, provider: Provider) -> Option<Priced>;

    /// What an instance is started with.
    fn recipe(&self, place: &Surroundings<'_>) -> Recipe;

    /// An operator's own configuration, with this environment and these files of code that it imports, made ready to be
    /// launched; none if it is not launched with one.
    fn own(
        &self,
        _file: &Path,
        _env: &BTreeMap<String, String>,
        _files: &[PathBuf],
    ) -> Option<Result<OwnConfig, Vec<Mistakes>>> {
        None
    }

    /// How each model of an operator's own configuration is priced, as it says itself.
    async fn price_own(&self, _to: &Connection, _own: &OwnConfig) -> Result<Vec<OwnPriced>, AdminError> {
        Err(lacks("model info", "it does not say how models are priced"))
    }

    /// A configuration with only those of its models that these bodies ask for.
    fn excerpt(&self, config: &str, _bodies: &[&Value]) -> String {
        config.to_owned()
    }

    /// Whether a line of its log only says that somebody read what is recorded, or whether it is ready.
    fn is_reading(&self, line: &str) -> bool;

    /// Whether it is up and has its database; gives the version it reports.
    async fn ready(&self, to: &Connection) -> Result<Option<String>, AdminError>;

    /// Makes what the configuration can only name, or cannot.
    async fn prepare(&self, _to: &Connection) -> Result<(), AdminError> {
        Ok(())
    }

    /// A model request, with a key.
    fn ask(&self, to: &Connection, key: &Secret, ask: &Ask) -> RequestBuilder;

    /// A request for the list of models, with a key, on behalf of an end user if one is named.
    fn list(&self, to: &Connection, key: &Secret, end_user: Option<&str>) -> RequestBuilder;

    /// A key that it does not know.
    fn unknown_key(&self, id: &str) -> String {
        format!("sk-unknown-{id}")
    }

    /// Makes an entity; `as_whom` is the administrator's key, or that of a dashboard session.
    async fn create(&self, to: &Connection, definition: Definition<'_>, as_whom: &Secret)
    -> Result<Entity, AdminError>;

    /// Sets some fields of an entity.
    async fn update(&self, to: &Connection, entity: &Entity, fields: Definition<'_>) -> Result<(), AdminError>;

    async fn set_blocked(&self, to: &Connection, entity: &Entity, blocked: bool) -> Result<(), AdminError>;

    async fn delete(&self, to: &Connection, entity: &Entity) -> Result<(), AdminError>;

    /// Gives a key a new secret, which shows under this name.
    async fn regenerate(&self, _to: &Connection, _entity: &Entity, _id: &str) -> Result<Secret, AdminError> {
        Err(lacks("regenerate", "no key gets a new secret"))
    }

    /// Sets the recorded spend of a key to zero.
    async fn reset_spend(&self, _to: &Connection, _entity: &Entity) -> Result<(), AdminError> {
        Err(lacks("reset", "nobody's spend is reset by hand"))
    }

    /// Opens a dashboard session for a user, and takes the session's own key.
    async fn session_of(&self, _to: &Connection, _user: &str) -> Result<Secret, AdminError> {
        Err(lacks("session", "there are no sessions in which users make keys"))
    }

    /// What it has recorded as spent; none if it keeps no figure for that.
    async fn spend(&self, to: &Connection, entity: &Entity) -> Result<Option<Usd>, AdminError>;

    /// What the admin API says of an entity, as it answers.
    async fn info(&self, to: &Connection, entity: &Entity) -> Result<Value, AdminError>;

    /// The fields that read back differently from what was sent.
    async fn differing(
        &self,
        _to: &Connection,
        _entity: &Entity,
        _sent: &Fields,
    ) -> Result<Vec<Differing>, AdminError> {
        Err(lacks("values", "its values cannot be read back"))
    }

    /// The rows of the spend log for a key.
    async fn log(&self, _to: &Connection, _key: &Entity) -> Result<Vec<LogRow>, AdminError> {
        Err(lacks("log", "it has no spend log of keys"))
    }
}

/// This gateway cannot do it.
pub fn lacks(act: &str, message: &str) -> AdminError {
    AdminError::Lacks { endpoint: act.to_owned(), message: message.to_owned() }
}
