//! What the built-in gateway remembers: its database, which all instances share, and each instance's own memory. A
//! healthy one decides by the database alone. Not: who may do what.

use std::collections::{HashMap, HashSet};

use axum::body::Bytes;
use axum::http::HeaderValue;
use rust_decimal::Decimal;

use super::account::{Account, AccountKind, Id, RateCount};
use super::asked::Route;
use super::usage::Tally;

/// Everything, in memory.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) accounts: HashMap<Id, Account>,
    /// E-mail address to password and user.
    pub(super) passwords: HashMap<String, (String, String)>,
    /// Answers that may be given again.
    pub(super) cache: HashMap<String, Cached>,
    /// In a faulty one: the last answer of each model.
    pub(super) last_answers: HashMap<String, Bytes>,
    /// In a faulty one: keys that were deleted, or given another secret.
    pub(super) revoked: Vec<(Id, Account)>,
    /// Nobody can reach the database.
    pub(super) is_down: bool,
    /// How many keys and rows were made: their names are counted, because nobody has to guess them.
    made: usize,
}

/// An answer that may be given again.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) content_type: HeaderValue,
    pub(super) body: Bytes,
    pub(super) usage: Tally,
}

/// An instance's own memory, which ends with it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The keys that it has let in.
    pub(super) known: HashSet<String>,
    /// In a faulty one: the budgets, as it saw them first.
    pub(super) budgets: HashMap<Id, Decimal>,
    /// In a faulty one: what was blocked through it.
    pub(super) blocked: HashSet<Id>,
    /// In a faulty one: what was spent through it.
    pub(super) spent: HashMap<Id, Decimal>,
    /// In a faulty one: what was asked through it.
    pub(super) rates: HashMap<Id, RateCount>,
    /// In a faulty one: the API on which each model was asked last.
    pub(super) asked_on: HashMap<String, Route>,
    /// In a faulty one: the keys that are asking, and whether it is stuck for good.
    pub(super) asking: HashSet<String>,
    pub(super) is_stuck: bool,
}

impl Store {
    pub(super) fn next(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    pub(super) fn key(&self, secret: &str) -> Option<&Account> {
        self.accounts.get(&Id::new(AccountKind::Key, secret))
    }

    /// Every account that a request is charged to, if it exists: the key, its user, its team, that user as a member of
    /// it, the organisation, the end user and the tags that the request names.
    pub(super) fn charged(&self, secret: &str, end_user: Option<&str>, tags: &[String]) -> Vec<Id> {
        let mut charged = vec![Id::new(AccountKind::Key, secret)];
        let Some(key) = self.key(secret) else { return Vec::new() };
        let (user, team) = (key.terms.user.as_deref(), key.terms.team.as_deref());
        charged.extend(user.map(|user| Id::new(AccountKind::User, user)));
        charged.extend(team.map(|team| Id::new(AccountKind::Team, team)));
        charged.extend(user.zip(team).map(|(user, team)| Id::member(user, team)));
        let of_team = || self.accounts.get(&Id::new(AccountKind::Team, team?))?.terms.organisation.as_deref();
        let organisation = key.terms.organisation.as_deref().or_else(of_team);
        charged.extend(organisation.map(|organisation| Id::new(AccountKind::Organisation, organisation)));
        charged.extend(end_user.map(|end_user| Id::new(AccountKind::EndUser, end_user)));
        charged.extend(tags.iter().map(|tag| Id::new(AccountKind::Tag, tag)));
        charged.retain(|id| self.accounts.contains_key(id));
        charged
    }
}
