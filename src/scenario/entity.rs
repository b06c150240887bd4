//! The entities of a scenario: who has a key, a budget or a limit on the gateway. Not: what they do ([`super::step`]),
//! nor whom a request is charged to ([`super::charge`]).

use schemars::JsonSchema;
use serde::Deserialize;

use super::money::{Budget, Usd};
use super::present;
use super::rates::Rates;
use super::value::{At, Name, Period, Place};
use super::words::{Model, PricedBy, Provider, Routes};

/// What an entity is: the first key of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A budget with its own name, for others to refer to.
    Budget,
    Organisation,
    Team,
    User,
    /// A user in a team.
    Member,
    /// A customer of the keys' owners, named by requests.
    EndUser,
    /// A label that requests carry.
    Tag,
    Key,
    /// A model, defined through the admin API.
    Model,
}

impl Kind {
    /// In an order in which they can be made: none refers to a later one.
    pub const ALL: [Kind; 9] = [
        Kind::Budget,
        Kind::Organisation,
        Kind::Team,
        Kind::User,
        Kind::Member,
        Kind::EndUser,
        Kind::Tag,
        Kind::Model,
        Kind::Key,
    ];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Budget => "budget",
            Kind::Organisation => "organisation",
            Kind::Team => "team",
            Kind::User => "user",
            Kind::Member => "member",
            Kind::EndUser => "end_user",
            Kind::Tag => "tag",
            Kind::Key => "key",
            Kind::Model => "model",
        }
    }

    pub fn named(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The words of all kinds, in the order of [`Kind::ALL`].
    pub const WORDS: [&'static str; 9] =
        ["budget", "organisation", "team", "user", "member", "end_user", "tag", "model", "key"];

    /// The fields that it can have.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Kind::Budget => {
                &["max_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests", "state"]
            }
            Kind::Organisation | Kind::Tag => &["budget", "max_budget", "budget_duration", "models", "state"],
            Kind::Team => &[
                "organisation",
                "max_budget",
                "member_budget",
                "budget_duration",
                "models",
                "rpm_limit",
                "tpm_limit",
                "max_parallel_requests",
                "state",
            ],
            Kind::User => {
                &["max_budget", "budget_duration", "models", "rpm_limit", "tpm_limit", "max_parallel_requests", "state"]
            }
            Kind::Member => &["user", "team", "max_budget", "state"],
            Kind::EndUser => &["budget", "max_budget", "budget_duration", "state"],
            Kind::Model => &["priced_by", "provider", "rates", "state"],
            Kind::Key => &[
                "user",
                "team",
                "organisation",
                "budget",
                "max_budget",
                "budget_duration",
                "models",
                "allowed_routes",
                "rpm_limit",
                "tpm_limit",
                "max_parallel_requests",
                "expires",
                "made_by",
                "state",
            ],
        }
    }

    /// Whether the gateway records what it spent.
    pub fn spends(self) -> bool {
        match self {
            Kind::Organisation | Kind::Team | Kind::User | Kind::Member | Kind::EndUser | Kind::Tag | Kind::Key => true,
            Kind::Budget | Kind::Model => false,
        }
    }
}

impl std::fmt::Display for Kind {
    /// For people: `end user`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.word().replace('_', " "))
    }
}

/// An entity that exists before the first step. Its first key names what it is.
#[derive(Debug, Clone)]
pub struct Given {
    pub kind: Kind,
    pub name: At<Name>,
    pub fields: Fields,
}

impl Given {
    pub fn state(&self) -> State {
        self.fields.state.as_ref().map_or(State::Active, |state| state.value)
    }
}

/// What can be said of an entity. [`Kind::fields`] says which fields a kind can have.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The user it belongs to.
    #[serde(default, deserialize_with = "present")]
    pub user: Option<At<Name>>,
    /// The team it belongs to.
    #[serde(default, deserialize_with = "present")]
    pub team: Option<At<Name>>,
    /// The organisation it belongs to.
    #[serde(default, deserialize_with = "present")]
    pub organisation: Option<At<Name>>,
    /// The budget object that applies to it, instead of a budget of its own.
    #[serde(default, deserialize_with = "present")]
    pub budget: Option<At<Name>>,
    /// In USD. Default: no budget.
    #[serde(default, deserialize_with = "present")]
    pub max_budget: Option<At<Budget>>,
    /// In USD, for each member of the team that has no budget of its own.
    #[serde(default, deserialize_with = "present")]
    pub member_budget: Option<At<Budget>>,
    /// How often the spend is reset. Default: never.
    #[serde(default, deserialize_with = "present")]
    pub budget_duration: Option<At<Period>>,
    /// The models that may be used. Default: all.
    #[serde(default, deserialize_with = "present")]
    pub models: Option<At<Vec<Model>>>,
    /// The routes that may be called. Default: all.
    #[serde(default, deserialize_with = "present")]
    pub allowed_routes: Option<At<Vec<Routes>>>,
    /// Requests per minute.
    #[serde(default, deserialize_with = "present")]
    pub rpm_limit: Option<At<u32>>,
    /// Tokens per minute.
    #[serde(default, deserialize_with = "present")]
    pub tpm_limit: Option<At<u32>>,
    /// Requests at the same time.
    #[serde(default, deserialize_with = "present")]
    pub max_parallel_requests: Option<At<u32>>,
    /// How long after its creation it expires. Default: never.
    #[serde(default, deserialize_with = "present")]
    pub expires: Option<At<Period>>,
    /// How the gateway knows the price of this model. Default: `token`.
    #[serde(default, deserialize_with = "present")]
    pub priced_by: Option<At<PricedBy>>,
    /// Who answers for this model. Default: the scenario's provider.
    #[serde(default, deserialize_with = "present")]
    pub provider: Option<At<Provider>>,
    /// What this model costs, in USD for one token. Default: the rates of its pricing path.
    #[serde(default, deserialize_with = "present")]
    pub rates: Option<At<Rates>>,
    /// Who creates it. Default: `admin`.
    #[serde(default, deserialize_with = "present")]
    pub made_by: Option<At<MadeBy>>,
    /// Default: `active`.
    #[serde(default, deserialize_with = "present")]
    pub state: Option<At<State>>,
}

impl Fields {
    /// The fields that are set, by their names.
    pub fn present(&self) -> Vec<(&'static str, Place)> {
        fn at<T>(name: &'static str, field: &Option<At<T>>) -> Option<(&'static str, Place)> {
            field.as_ref().map(|field| (name, field.place))
        }
        let all = [
            at("user", &self.user),
            at("team", &self.team),
            at("organisation", &self.organisation),
            at("budget", &self.budget),
            at("max_budget", &self.max_budget),
            at("member_budget", &self.member_budget),
            at("budget_duration", &self.budget_duration),
            at("models", &self.models),
            at("allowed_routes", &self.allowed_routes),
            at("rpm_limit", &self.rpm_limit),
            at("tpm_limit", &self.tpm_limit),
            at("max_parallel_requests", &self.max_parallel_requests),
            at("expires", &self.expires),
            at("priced_by", &self.priced_by),
            at("provider", &self.provider),
            at("rates", &self.rates),
            at("made_by", &self.made_by),
            at("state", &self.state),
        ];
        all.into_iter().flatten().collect()
    }

    /// These fields, with those that an update sets in their place.
    pub fn updated(&self, by: &Fields) -> Fields {
        fn of<T: Clone>(old: &Option<T>, new: &Option<T>) -> Option<T> {
            new.clone().or_else(|| old.clone())
        }
        Fields {
            user: of(&self.user, &by.user),
            team: of(&self.team, &by.team),
            organisation: of(&self.organisation, &by.organisation),
            budget: of(&self.budget, &by.budget),
            max_budget: of(&self.max_budget, &by.max_budget),
            member_budget: of(&self.member_budget, &by.member_budget),
            budget_duration: of(&self.budget_duration, &by.budget_duration),
            models: of(&self.models, &by.models),
            allowed_routes: of(&self.allowed_routes, &by.allowed_routes),
            rpm_limit: of(&self.rpm_limit, &by.rpm_limit),
            tpm_limit: of(&self.tpm_limit, &by.tpm_limit),
            max_parallel_requests: of(&self.max_parallel_requests, &by.max_parallel_requests),
            expires: of(&self.expires, &by.expires),
            priced_by: of(&self.priced_by, &by.priced_by),
            provider: of(&self.provider, &by.provider),
            rates: of(&self.rates, &by.rates),
            made_by: of(&self.made_by, &by.made_by),
            state: of(&self.state, &by.state),
        }
    }

    /// Its budget in USD, if it is an amount.
    pub fn max_usd(&self) -> Option<Usd> {
        self.max_budget.as_ref().and_then(|budget| budget.usd())
    }

    /// Whether its requests are limited in number or size.
    pub fn is_rate_limited(&self) -> bool {
        self.rpm_limit.is_some() || self.tpm_limit.is_some() || self.max_parallel_requests.is_some()
    }
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

/// The state of an entity before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Active,
    /// Made, then blocked.
    Blocked,
    /// Never created: the gateway does not know it.
    Unknown,
    /// Not created yet: a `make` step creates it.
    Later,
    /// Not created: it is the gateway's own admin key.
    AdminKey,
}
