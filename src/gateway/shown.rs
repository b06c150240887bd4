//! What an admin API has shown of a key, and of those it belongs to, in words that are the same for all gateways: what
//! somebody pastes into a report. Not: reading it, which each adapter does, nor what to make of it ([`crate::reproduce`]).

use std::time::Duration;

use crate::scenario::{Api, Kind, Period, PricedBy, Usd};

/// A key and whom it belongs to: at most one entity of each kind.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    pub entities: Vec<Seen>,
    /// What was left open when it was read, for people.
    pub remarks: Vec<String>,
}

impl Shown {
    pub fn of(&self, kind: Kind) -> Option<&Seen> {
        self.entities.iter().find(|seen| seen.kind == kind)
    }
}

/// What is known of one entity.
#[derive(Debug, Clone)]
pub struct Seen {
    pub kind: Kind,
    /// Whether its own values are shown; otherwise something only refers to it.
    pub is_shown: bool,
    /// What people call it.
    pub alias: Option<String>,
    pub spend: Option<Usd>,
    pub max_budget: Option<Usd>,
    /// For each team member that has no budget of its own.
    pub member_budget: Option<Usd>,
    /// As the gateway writes it, and as a scenario can say it.
    pub budget_duration: Option<(String, Period)>,
    pub models: Vec<String>,
    /// Whether it may ask what its team may.
    pub all_team_models: bool,
    pub rpm_limit: Option<u64>,
    pub tpm_limit: Option<u64>,
    pub max_parallel_requests: Option<u64>,
    pub expiry: Option<Expiry>,
    pub is_blocked: bool,
    /// Whether it may call only the routes that ask a model.
    pub only_model_routes: bool,
    /// What is set on it that no scenario can say.
    pub lost: Vec<Lost>,
}

impl Seen {
    /// An entity that something refers to, but that is not shown itself.
    pub fn referred_to(kind: Kind) -> Seen {
        Seen {
            kind,
            is_shown: false,
            alias: None,
            spend: None,
            max_budget: None,
            member_budget: None,
            budget_duration: None,
            models: Vec::new(),
            all_team_models: false,
            rpm_limit: None,
            tpm_limit: None,
            max_parallel_requests: None,
            expiry: None,
            is_blocked: false,
            only_model_routes: false,
            lost: Vec::new(),
        }
    }
}

/// When a key's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It was over when this was shown.
    Over,
    /// It ends this long after it was made.
    After(Duration),
}

/// A field that no scenario can say, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub field: String,
    /// Empty if a scenario has nothing like it.
    pub why: String,
}

/// A model of a gateway's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The name that requests use.
    pub name: String,
    /// How the gateway may know its price: one way, or several if the configuration alone does not say.
    pub priced_by: Vec<PricedBy>,
    /// Why, for people.
    pub why: String,
    /// The API that asks it.
    pub api: Api,
}
