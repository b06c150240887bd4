//! The steps of a scenario: what happens, in which order, and what is expected of each. Not: doing it
//! ([`crate::run`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entity::Fields;
use super::expect::Expect;
use super::money::{Spend, Usd};
use super::present;
use super::usage::{Shape, Tier, UsageFields};
use super::value::{At, Axis, Count, Name, Period};
use super::words::{Api, PricedBy};

/// One step. Its first key names what happens, and to whom.
#[derive(Debug, Clone)]
pub enum Step {
    /// Send requests with a key until one is refused.
    Drain { key: At<Name>, fields: AskFields },
    /// Ask with a key.
    Chat { key: At<Name>, fields: AskFields },
    /// Ask with a key for the list of models, which costs nothing.
    List { key: At<Name>, fields: ListFields },
    /// The gateway's figures for an entity must match the ledger.
    Check { entity: At<Name>, fields: CheckFields },
    /// Change an entity through the admin API.
    Change { act: Act, entity: At<Name>, fields: ChangeFields },
    /// Disturb a part of the target.
    Disturb { act: Disturbance, part: At<Part> },
    /// Bring the gateway to another version, on the same database.
    Move { to: Move, part: At<Part> },
}

/// What can be done to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Make one that is `later`.
    Make,
    /// Set some of its fields.
    Update,
    Block,
    Unblock,
    Delete,
    /// Give a key a new secret.
    Regenerate,
    /// Set its recorded spend to zero.
    Reset,
}

impl Act {
    pub const ALL: [Act; 7] =
        [Act::Make, Act::Update, Act::Block, Act::Unblock, Act::Delete, Act::Regenerate, Act::Reset];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Act::Make => "make",
            Act::Update => "update",
            Act::Block => "block",
            Act::Unblock => "unblock",
            Act::Delete => "delete",
            Act::Regenerate => "regenerate",
            Act::Reset => "reset",
        }
    }
}

/// What can be done to a part of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disturbance {
    Stop,
    Start,
    /// Stop it the way an operator does, and start it again.
    Restart,
    /// Delete everything stored there.
    Flush,
}

impl Disturbance {
    pub const ALL: [Disturbance; 4] = [Disturbance::Stop, Disturbance::Start, Disturbance::Restart, Disturbance::Flush];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Disturbance::Stop => "stop",
            Disturbance::Start => "start",
            Disturbance::Restart => "restart",
            Disturbance::Flush => "flush",
        }
    }
}

/// How a gateway comes to another version, as operators do it. There are two: the one that the target is upgraded from, and
/// its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// An instance of the new version is started beside the old one.
    Roll,
    /// The old version is stopped, and the new one started.
    Upgrade,
    /// The new version is stopped, and the old one started again.
    Downgrade,
}

impl Move {
    /// In the order in which they can follow one another.
    pub const ALL: [Move; 3] = [Move::Roll, Move::Upgrade, Move::Downgrade];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Move::Roll => "roll",
            Move::Upgrade => "upgrade",
            Move::Downgrade => "downgrade",
        }
    }
}

/// A part of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Gateway,
    Database,
    Redis,
}

impl Part {
    pub fn word(self) -> &'static str {
        match self {
            Part::Gateway => "gateway",
            Part::Database => "database",
            Part::Redis => "redis",
        }
    }
}

/// Which of a target's instances is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Instance {
    #[default]
    First,
    Second,
}

/// Requests with a key, and how they are answered.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskFields {
    /// How many requests, one after the other. Default: 1.
    #[serde(default, deserialize_with = "present")]
    pub times: Option<At<u16>>,
    /// How many requests at the same time.
    #[serde(default, deserialize_with = "present")]
    pub at_once: Option<At<u16>>,
    /// How many are accepted: for a drain, before the refusal that ends it; for `at_once`, in total.
    #[serde(default, deserialize_with = "present")]
    pub accepted: Option<At<Count>>,
    /// What each answer must be; for a drain and for `at_once`, how refused requests are refused. Default: what the budgets
    /// demand, with any status.
    #[serde(default, deserialize_with = "present")]
    pub expect: Option<At<Expect>>,
    /// Repeat the request until the answer is as expected, for at most this long.
    #[serde(default, deserialize_with = "present")]
    pub within: Option<At<Period>>,
    /// The API of these requests, instead of the scenario's; several of a crowd, whose requests take turns.
    #[serde(default, deserialize_with = "present")]
    pub api: Option<At<Axis<Api>>>,
    /// Whether these are streamed, overriding the scenario.
    #[serde(default, deserialize_with = "present")]
    pub stream: Option<At<bool>>,
    /// The pricing path of these requests, instead of the scenario's.
    #[serde(default, deserialize_with = "present")]
    pub priced_by: Option<At<PricedBy>>,
    /// The given model to use instead of the pricing path's.
    #[serde(default, deserialize_with = "present")]
    pub model: Option<At<Name>>,
    /// The end user that the requests name.
    #[serde(default, deserialize_with = "present")]
    pub end_user: Option<At<Name>>,
    /// The tag that the requests carry.
    #[serde(default, deserialize_with = "present")]
    pub tag: Option<At<Name>>,
    /// The instance of the gateway that is asked. Default: `first`.
    #[serde(default, deserialize_with = "present")]
    pub on: Option<At<Instance>>,
    /// The longest answer that the requests allow, in tokens. Default: left out.
    #[serde(default, deserialize_with = "present")]
    pub max_tokens: Option<At<u32>>,
    /// The key whose last request these repeat, word for word.
    #[serde(default, deserialize_with = "present")]
    pub repeats: Option<At<Name>>,
    /// How often the gateway is asked to try again when the provider fails.
    #[serde(default, deserialize_with = "present")]
    pub retries: Option<At<u16>>,
    /// What the gateway is asked to try when the provider fails for good.
    #[serde(default, deserialize_with = "present")]
    pub fallback: Option<At<Fallback>>,
    /// Whether the gateway may answer from its cache; all requests of the step are then the same. Default: `false`.
    #[serde(default, deserialize_with = "present")]
    pub cached: Option<At<bool>>,
    /// The client disconnects after this many chunks of the stream.
    #[serde(default, deserialize_with = "present")]
    pub leave_after: Option<At<u16>>,
    /// The service that the requests ask for. Default: left out.
    #[serde(default, deserialize_with = "present")]
    pub tier: Option<At<Tier>>,
    /// What an accepted request costs, in USD. Default: what its usage costs at the model's rates, or, if no usage is
    /// said, the scenario's price.
    #[serde(default, deserialize_with = "present")]
    pub costs: Option<At<Usd>>,
    /// What the upstream does instead of answering promptly and correctly.
    #[serde(default, deserialize_with = "present")]
    pub upstream: Option<UpstreamDoes>,
}

impl AskFields {
    /// How many requests these are, unless asked until refused.
    pub fn count(&self) -> usize {
        let many = self.times.as_ref().or(self.at_once.as_ref());
        many.map_or(1, |many| usize::from(many.value))
    }

    /// The API of the request with this number, if it is not the scenario's.
    pub fn api_of(&self, number: usize) -> Option<Api> {
        let Axis(apis) = &self.api.as_ref()?.value;
        apis.get(number % apis.len().max(1)).copied()
    }

    /// Whether the upstream fails for good.
    pub fn fails(&self) -> bool {
        let upstream = self.upstream.as_ref();
        let forever = upstream.is_some_and(|does| does.status.is_some() && does.calls.is_none());
        forever && self.fallback.is_none()
    }

    /// Whether the answer is broken off.
    pub fn is_broken_off(&self) -> bool {
        self.leave_after.is_some() || self.upstream.as_ref().is_some_and(|does| does.break_after.is_some())
    }

    /// Whether nobody can foresee what is charged: the answer is broken off, or does not say what it consumed.
    pub fn is_unforeseen(&self) -> bool {
        let is_unsaid = self.shape().is_some_and(|shape| !shape.says_usage());
        self.is_broken_off() || (is_unsaid && self.costs.is_none())
    }

    /// How the upstream tells its usage, if that is said.
    pub fn shape(&self) -> Option<Shape> {
        self.upstream.as_ref()?.shape.as_deref().copied()
    }

    /// The usage that the upstream reports, if that is said.
    pub fn usage(&self) -> Option<&UsageFields> {
        self.upstream.as_ref()?.usage.as_deref()
    }

    /// The service that the upstream says it gave: the one asked for, if nothing else is said.
    pub fn served(&self) -> Tier {
        let served = self.upstream.as_ref().and_then(|does| does.tier.as_deref());
        served.or(self.tier.as_deref()).copied().unwrap_or(Tier::Default)
    }
}

/// Another model to try, and what an answer of it costs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The pricing path of the model that is tried then.
    pub priced_by: At<PricedBy>,
    /// What an answer from it costs, in USD.
    pub price: At<Usd>,
}

/// What the upstream does with a request.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamDoes {
    /// It fails with this HTTP status.
    #[serde(default, deserialize_with = "present")]
    pub status: Option<At<u16>>,
    /// How many of the calls that each request causes fail, counted from the first. Default: all.
    #[serde(default, deserialize_with = "present")]
    pub calls: Option<At<u16>>,
    /// It reports this usage. Default: as many tokens as cost the price.
    #[serde(default, deserialize_with = "present")]
    pub usage: Option<At<UsageFields>>,
    /// It tells its usage in this way. Default: as its API is documented.
    #[serde(default, deserialize_with = "present")]
    pub shape: Option<At<Shape>>,
    /// It says that it gave this service. Default: the one that is asked for.
    #[serde(default, deserialize_with = "present")]
    pub tier: Option<At<Tier>>,
    /// All its answers to this trial have one id. Default: `false`.
    #[serde(default, deserialize_with = "present")]
    pub same_id: Option<At<bool>>,
    /// It waits this long before it answers.
    #[serde(default, deserialize_with = "present")]
    pub late: Option<At<Period>>,
    /// It streams its text in this many chunks. Default: 1.
    #[serde(default, deserialize_with = "present")]
    pub chunks: Option<At<u16>>,
    /// It waits this long before each chunk of a stream.
    #[serde(default, deserialize_with = "present")]
    pub pause: Option<At<Period>>,
    /// It breaks off the stream after this many chunks.
    #[serde(default, deserialize_with = "present")]
    pub break_after: Option<At<u16>>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFields {
    /// Default: `accepted`.
    #[serde(default, deserialize_with = "present")]
    pub expect: Option<At<Expect>>,
    /// The end user that the request names.
    #[serde(default, deserialize_with = "present")]
    pub end_user: Option<At<Name>>,
}

/// What the gateway must say about an entity. Recorded spend is always checked.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckFields {
    /// The recorded spend, or a range, in USD. The ledger continues from it. Default: what the ledger
    /// says was spent.
    #[serde(default, deserialize_with = "present")]
    pub spend: Option<At<Spend>>,
    /// How long that may take. Default: the limit of harness.toml.
    #[serde(default, deserialize_with = "present")]
    pub within: Option<At<Period>>,
    /// How many calls of this key have reached the upstream.
    #[serde(default, deserialize_with = "present")]
    pub calls: Option<At<Count>>,
    /// How many rows with a price the spend log has for this key. They must add up to what it spent.
    #[serde(default, deserialize_with = "present")]
    pub log: Option<At<Count>>,
    /// The gateway must return its values as they were sent.
    #[serde(default, deserialize_with = "present")]
    pub values: Option<At<Values>>,
}

/// How values are read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    AsSent,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFields {
    /// For `update`: the fields to set.
    #[serde(default, deserialize_with = "present")]
    pub to: Option<At<Fields>>,
    /// The instance of the gateway whose admin API is used. Default: `first`.
    #[serde(default, deserialize_with = "present")]
    pub on: Option<At<Instance>>,
    /// For `regenerate`: the given key with `state: later` that stands for the new secret. The old name keeps the old secret.
    #[serde(default, deserialize_with = "present")]
    pub into: Option<At<Name>>,
    /// Default: `accepted`.
    #[serde(default, deserialize_with = "present")]
    pub expect: Option<At<Expect>>,
}

impl Step {
    /// The place of what the step is about.
    pub fn place(&self) -> super::Place {
        match self {
            Step::Drain { key, .. } | Step::Chat { key, .. } | Step::List { key, .. } => key.place,
            Step::Check { entity, .. } | Step::Change { entity, .. } => entity.place,
            Step::Disturb { part, .. } | Step::Move { part, .. } => part.place,
        }
    }
}
