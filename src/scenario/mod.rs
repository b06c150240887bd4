//! What a scenario is: the types of its YAML file, which are also its JSON Schema.
//!
//! Its entities are in [`entity`], its steps in [`step`]. Not here: reading a file ([`read`]), what a file may not say
//! ([`check`]), how a mistake looks ([`diagnostic`]), which trials follow from it ([`plan`]), and what happens at run
//! time ([`crate::run`]).

pub mod arithmetic;
pub mod charge;
pub mod check;
pub mod corpus;
pub mod diagnostic;
pub mod entity;
pub mod expect;
pub mod item;
mod money;
pub mod outline;
pub mod plan;
pub mod promises;
pub mod rates;
pub mod read;
pub mod step;
pub mod usage;
pub mod value;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use diagnostic::Diagnostic;
pub use entity::{Fields, Given, Kind, MadeBy, State};
pub use expect::{Expect, Named, Refusal, Stated};
pub use money::{Budget, Spend, Usd};
pub use plan::{Case, Partition, Trial, TrialId};
pub use rates::{PartRates, Rates};
pub use read::ScenarioFile;
pub use step::{
    Act, AskFields, ChangeFields, CheckFields, Disturbance, Instance, ListFields, Move, Part, Step, UpstreamDoes,
};
pub use usage::{Shape, Tier, TokenKind, Tokens};
pub use value::{At, Axis, Count, Name, Period, Place};
pub use words::{Api, AskedModels, Carrier, ErrorKind, IncludeUsage, Model, PricedBy, Provider, Routes};

/// One scenario: who exists, what they ask, and what the gateway must answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it proves, as a sentence.
    pub name: At<String>,
    /// The report it comes from: a link, or `owner/repository#number`.
    #[serde(default, deserialize_with = "present")]
    pub issue: Option<At<String>>,
    /// Words by which `--tag` selects it.
    #[serde(default)]
    pub tags: Vec<At<Name>>,
    /// What one accepted request costs, in USD.
    pub price: At<Usd>,
    /// How the gateway learns that price; one trial for each value. Default: `token`.
    #[serde(default = "by_token")]
    pub priced_by: At<Axis<PricedBy>>,
    /// `own`: one trial for each model of the configuration of its own that a target is launched with; skipped on a target
    /// without one. Default: the model of the pricing path.
    #[serde(default, deserialize_with = "present")]
    pub model: Option<At<AskedModels>>,
    /// The API that requests use; one trial for each value. Default: `chat`.
    #[serde(default = "by_chat")]
    pub api: At<Axis<Api>>,
    /// The provider behind the gateway; one trial for each value. Default: `openai`.
    #[serde(default = "by_openai")]
    pub provider: At<Axis<Provider>>,
    /// Whether answers are streamed; one trial for each value. Default: `false`.
    #[serde(default = "whole")]
    pub stream: At<Axis<bool>>,
    /// Whether streams are asked to end with their usage, or say that they want none (`declined`); one trial for each
    /// value. Default: `true`.
    #[serde(default = "with_usage")]
    pub include_usage: At<Axis<IncludeUsage>>,
    /// Where requests name their end user; one trial for each value. Default: `body`.
    #[serde(default = "in_body")]
    pub end_user_in: At<Axis<Carrier>>,
    /// Where requests carry their tag; one trial for each value. Default: `body`.
    #[serde(default = "in_body")]
    pub tag_in: At<Axis<Carrier>>,
    /// Instances of the gateway on one database, `1` or `2`. Default: `1`.
    #[serde(default, deserialize_with = "present")]
    pub instances: Option<At<u16>>,
    /// Whether they share a Redis; one trial for each value. Default: `false`.
    #[serde(default = "without_redis")]
    pub redis: At<Axis<bool>>,
    /// How many tools each request describes, as an agent does. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub tools: Option<At<u16>>,
    /// The length of each request's system prompt, in characters. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub system_prompt: Option<At<u32>>,
    /// The minimum time between two requests. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub pace: Option<At<Period>>,
    /// Whether it runs alone, before or after all other trials. Default: beside the others.
    #[serde(default, deserialize_with = "present")]
    pub alone: Option<Alone>,
    /// When to wait for recorded spend. Default: `each`.
    #[serde(default)]
    pub settle: Settle,
    /// The entities that exist on the gateway before the first step.
    pub given: Vec<Given>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// An optional field that is named must have a value: `max_budget:` with nothing after it is a mistake: it would silently
/// mean "no budget".
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
fn by_openai() -> At<Axis<Provider>> {
    unplaced(Axis(vec![Provider::Openai]))
}
fn whole() -> At<Axis<bool>> {
    unplaced(Axis(vec![false]))
}
fn with_usage() -> At<Axis<IncludeUsage>> {
    unplaced(Axis(vec![IncludeUsage::Asked]))
}
fn in_body() -> At<Axis<Carrier>> {
    unplaced(Axis(vec![Carrier::Body]))
}
fn without_redis() -> At<Axis<bool>> {
    unplaced(Axis(vec![false]))
}

impl Scenario {
    /// Whether the right answer depends on timing: limits within a time, periods that end, requests at once, parts that come
    /// and go.
    pub fn depends_on_time(&self) -> bool {
        let of_fields =
            |fields: &Fields| fields.is_rate_limited() || fields.budget_duration.is_some() || fields.expires.is_some();
        let of_step = |step: &Step| match step {
            Step::Drain { fields, .. } | Step::Chat { fields, .. } => {
                fields.within.is_some() || fields.at_once.is_some()
            }
            Step::Check { fields, .. } => fields.within.is_some(),
            Step::Change { fields, .. } => fields.to.as_deref().is_some_and(of_fields),
            Step::List { .. } => false,
            Step::Disturb { .. } | Step::Move { .. } => true,
        };
        self.alone.is_some()
            || self.settle == Settle::AtCheck
            || self.given.iter().any(|given| of_fields(&given.fields))
            || self.steps.iter().any(of_step)
    }
}

impl Scenario {
    /// The moves of its target from one version to another, in their order.
    pub fn moves(&self) -> impl Iterator<Item = Move> {
        self.steps.iter().filter_map(|step| match step {
            Step::Move { to, .. } => Some(*to),
            Step::Drain { .. }
            | Step::Chat { .. }
            | Step::List { .. }
            | Step::Check { .. }
            | Step::Change { .. }
            | Step::Disturb { .. } => None,
        })
    }

    /// How its target is brought to another version; `None` if it is not.
    pub fn rollout(&self) -> Option<Rollout> {
        self.moves().next().map(|first| if first == Move::Roll { Rollout::Rolling } else { Rollout::InPlace })
    }
}

/// How a target is brought from one version to another. Scenarios with the same rollout share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// The old version stops before the new one starts.
    InPlace,
    /// Both run beside one another for a while.
    Rolling,
}

impl Rollout {
    pub const ALL: [Rollout; 2] = [Rollout::InPlace, Rollout::Rolling];

    /// For people: `upgraded in place`
    pub fn word(self) -> &'static str {
        match self {
            Rollout::InPlace => "in place",
            Rollout::Rolling => "rolling",
        }
    }
}

/// When to run a scenario that runs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alone {
    /// Before all others: hundreds of them would disturb it. A few of these run at the same time.
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
    /// After each accepted request: the scenario tests enforcement, not how far the gateway's records lag behind.
    #[default]
    Each,
    /// At `check` only: requests follow one another at once, and `accepted` says how many may get through.
    AtCheck,
}

/// The JSON Schema of a scenario, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Scenario)
}
