//! What a scenario is: the types of its YAML file, which are also its JSON Schema.
//!
//! Not here: reading a file ([`read`]), what a file may not say ([`check`]), how a mistake looks
//! ([`diagnostic`]), which trials follow from it ([`plan`]), and what happens at run time ([`crate::run`]).

pub mod arithmetic;
pub mod check;
pub mod diagnostic;
pub mod item;
pub mod plan;
pub mod read;
pub mod value;
mod words;

use schemars::JsonSchema;
use serde::Deserialize;

pub use diagnostic::Diagnostic;
pub use plan::{Case, Trial, TrialId};
pub use read::ScenarioFile;
pub use value::{At, Axis, Count, Name, Period, Place, Usd};
pub use words::{Api, ErrorKind, Model, PricedBy, Routes};

/// One scenario: who is given, what they ask, and what the gateway has to answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it proves, as a sentence.
    pub name: At<String>,
    /// The report it comes from: a link, or `owner/repository#number`.
    #[serde(default, deserialize_with = "present")]
    pub issue: Option<At<String>>,
    /// Words to select it by.
    #[serde(default)]
    pub tags: Vec<At<Name>>,
    /// What one accepted request costs, in USD.
    pub price: At<Usd>,
    /// How the gateway learns that price; one trial for each value. Default: `token`.
    #[serde(default = "by_token")]
    pub priced_by: At<Axis<PricedBy>>,
    /// The API that requests use; one trial for each value. Default: `chat`.
    #[serde(default = "by_chat")]
    pub api: At<Axis<Api>>,
    /// Whether answers are streamed; one trial for each value. Default: `false`.
    #[serde(default = "whole")]
    pub stream: At<Axis<bool>>,
    /// How many tools each request describes, as an agent does. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub tools: Option<At<u16>>,
    /// The length of each request's system prompt, in characters. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub system_prompt: Option<At<u32>>,
    /// The least time from one request to the next. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub pace: Option<At<Period>>,
    /// Whether it runs while no other trial does, before or after them. Default: beside the others.
    #[serde(default, deserialize_with = "present")]
    pub alone: Option<Alone>,
    /// When recorded spend is waited for. Default: `each`.
    #[serde(default)]
    pub settle: Settle,
    /// The entities that exist on the gateway before the first step.
    pub given: Vec<Given>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// An optional field that is named has a value: `max_budget:` with nothing behind it is a mistake, for it would
/// silently mean "no budget".
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn unplaced<T>(value: T) -> At<T> {
    At { value, place: Place::default() }
}
fn by_token() -> At<Axis<PricedBy>> {
    unplaced(Axis(vec![PricedBy::Token]))
}
fn by_chat() -> At<Axis<Api>> {
    unplaced(Axis(vec![Api::Chat]))
}
fn whole() -> At<Axis<bool>> {
    unplaced(Axis(vec![false]))
}

/// When a scenario runs that runs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alone {
    /// Before all others: they would disturb it.
    First,
    /// After all others: it would disturb them.
    Last,
}

impl Alone {
    /// The order in which scenarios run, by what they say.
    pub const PHASES: [Option<Alone>; 3] = [Some(Alone::First), None, Some(Alone::Last)];
}

/// When to wait until the gateway's recorded spend equals the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settle {
    /// After each accepted request: the scenario tests enforcement, not the delay of the gateway's books.
    #[default]
    Each,
    /// At `check` only: requests follow one another at once, and `accepted` says how many may get through.
    AtCheck,
}

/// An entity that exists before the first step. Its first key names what it is.
#[derive(Debug, Clone)]
pub enum Given {
    User { name: At<Name>, limits: Limits },
    Team { name: At<Name>, limits: Limits },
    Key { name: At<Name>, key: KeyFields },
}

impl Given {
    pub fn name(&self) -> &At<Name> {
        match self {
            Given::User { name, .. } | Given::Team { name, .. } | Given::Key { name, .. } => name,
        }
    }

    pub fn max_budget(&self) -> Option<Usd> {
        match self {
            Given::User { limits, .. } | Given::Team { limits, .. } => limits.max_budget.as_ref().map(|b| b.value),
            Given::Key { key, .. } => key.max_budget.as_ref().map(|b| b.value),
        }
    }

    /// What it is, in one word.
    pub fn what(&self) -> &'static str {
        match self {
            Given::User { .. } => "user",
            Given::Team { .. } => "team",
            Given::Key { .. } => "key",
        }
    }
}

/// What a user or a team is limited to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// In USD. Without it there is no budget.
    #[serde(default, deserialize_with = "present")]
    pub max_budget: Option<At<Usd>>,
    /// When the spend is reset. Without it: never.
    #[serde(default, deserialize_with = "present")]
    pub budget_duration: Option<At<Period>>,
    /// The models that may be asked. Without it: all.
    #[serde(default, deserialize_with = "present")]
    pub models: Option<Vec<Model>>,
    /// Requests a minute.
    #[serde(default, deserialize_with = "present")]
    pub rpm_limit: Option<u32>,
    /// Tokens a minute.
    #[serde(default, deserialize_with = "present")]
    pub tpm_limit: Option<u32>,
    /// Requests at the same time.
    #[serde(default, deserialize_with = "present")]
    pub max_parallel_requests: Option<u32>,
}

/// A key: who it belongs to, its limits, how it came to be, and its state.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyFields {
    /// The user it belongs to.
    #[serde(default, deserialize_with = "present")]
    pub user: Option<At<Name>>,
    /// The team it belongs to.
    #[serde(default, deserialize_with = "present")]
    pub team: Option<At<Name>>,
    /// In USD. Without it the key has no budget of its own.
    #[serde(default, deserialize_with = "present")]
    pub max_budget: Option<At<Usd>>,
    /// When its spend is reset. Without it: never.
    #[serde(default, deserialize_with = "present")]
    pub budget_duration: Option<At<Period>>,
    /// The models that may be asked. Without it: all.
    #[serde(default, deserialize_with = "present")]
    pub models: Option<Vec<Model>>,
    /// The routes that may be called. Without it: all.
    #[serde(default, deserialize_with = "present")]
    pub allowed_routes: Option<Vec<Routes>>,
    /// Requests a minute.
    #[serde(default, deserialize_with = "present")]
    pub rpm_limit: Option<u32>,
    /// Tokens a minute.
    #[serde(default, deserialize_with = "present")]
    pub tpm_limit: Option<u32>,
    /// Requests at the same time.
    #[serde(default, deserialize_with = "present")]
    pub max_parallel_requests: Option<u32>,
    /// Who made it. Default: `admin`.
    #[serde(default)]
    pub made_by: MadeBy,
    /// Default: `active`.
    #[serde(default)]
    pub state: KeyState,
}

/// Who made a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MadeBy {
    /// The gateway's administrator, through the admin API.
    #[default]
    Admin,
    /// Its user, in a session of the gateway's dashboard.
    Session,
}

/// The state of a key before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    #[default]
    Active,
    /// Made, then blocked.
    Blocked,
    /// Never made: the gateway has not heard of it.
    Unknown,
}

/// One step. Its first key names what happens, and to whom.
#[derive(Debug, Clone)]
pub enum Step {
    /// Ask with a key until it is refused.
    Drain { key: At<Name>, fields: DrainFields },
    /// Ask with a key.
    Chat { key: At<Name>, fields: ChatFields },
    /// The recorded spend of a key, user or team equals the ledger.
    Check { entity: At<Name> },
}

impl Step {
    /// The name that the step is about, and its place.
    pub fn subject(&self) -> &At<Name> {
        match self {
            Step::Drain { key, .. } | Step::Chat { key, .. } => key,
            Step::Check { entity } => entity,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainFields {
    /// How many requests are accepted before the refusal. Default: what the budgets allow.
    #[serde(default, deserialize_with = "present")]
    pub accepted: Option<At<Count>>,
    /// The refusal that ends it. Default: any status with `error: budget_exceeded`.
    #[serde(default, deserialize_with = "present")]
    pub expect: Option<At<Refusal>>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatFields {
    /// How many requests, one after the other. Default: 1.
    #[serde(default, deserialize_with = "present")]
    pub times: Option<At<u16>>,
    /// What each is answered. Default: what the budgets allow.
    #[serde(default, deserialize_with = "present")]
    pub expect: Option<At<Expect>>,
    /// What the upstream does, when it is not to answer at once and well.
    #[serde(default, deserialize_with = "present")]
    pub upstream: Option<UpstreamDoes>,
}

/// What the upstream does with a request.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamDoes {
    /// It fails with this HTTP status.
    #[serde(default, deserialize_with = "present")]
    pub status: Option<At<u16>>,
    /// It answers this late.
    #[serde(default, deserialize_with = "present")]
    pub late: Option<At<Period>>,
}

/// What a request is expected to be answered: `accepted`, or a refusal.
#[derive(Debug, Clone)]
pub enum Expect {
    Accepted,
    Refused(Refusal),
}

/// What a refusal is expected to look like; what is left out may be anything.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Its HTTP status.
    #[serde(default, deserialize_with = "present")]
    pub status: Option<u16>,
    /// Its reason.
    #[serde(default, deserialize_with = "present")]
    pub error: Option<ErrorKind>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.status, self.error) {
            (Some(status), Some(error)) => write!(f, "{status} {}", error.word()),
            (Some(status), None) => write!(f, "{status}"),
            (None, Some(error)) => write!(f, "{}", error.word()),
            (None, None) => write!(f, "a refusal"),
        }
    }
}

/// The JSON Schema of a scenario, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Scenario)
}
