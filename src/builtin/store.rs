//! What the built-in gateway remembers: users, teams, keys, what they spent, and their windows of a minute.
//! Not: who may do what.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;

const MINUTE: Duration = Duration::from_secs(60);

/// Everything, in memory.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) users: HashMap<String, Account>,
    pub(super) teams: HashMap<String, Account>,
    pub(super) keys: HashMap<String, Key>,
    pub(super) passwords: HashMap<String, (String, String)>,
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) account: Account,
    pub(super) user: Option<String>,
    pub(super) team: Option<String>,
    pub(super) blocked: bool,
    /// It is a dashboard session's own: it may make keys, and asks no model.
    pub(super) session: bool,
}

/// What has limits and is charged: a user, a team or a key.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) max_budget: Option<Decimal>,
    pub(super) spend: Decimal,
    pub(super) reserved: Decimal,
    pub(super) reset: Option<Reset>,
    pub(super) models: Vec<String>,
    pub(super) rpm_limit: Option<u64>,
    pub(super) tpm_limit: Option<u64>,
    pub(super) max_parallel_requests: Option<u64>,
    pub(super) window: Option<Window>,
    pub(super) running: u64,
}

#[derive(Debug)]
pub(super) struct Reset {
    every: Duration,
    at: Instant,
}

impl Reset {
    pub(super) fn every(every: Duration) -> Option<Reset> {
        Some(Reset { every, at: Instant::now().checked_add(every)? })
    }
}

#[derive(Debug)]
pub(super) struct Window {
    began: Instant,
    requests: u64,
    tokens: u64,
}

/// Why an account's rate limits refuse.
pub(super) enum Limited {
    Requests(u64),
    Tokens(u64),
    Parallel(u64),
}

impl Account {
    /// Forgets what was spent, if the time has come.
    pub(super) fn reset_if_due(&mut self) {
        if let Some(reset) = self.reset.as_mut().filter(|reset| reset.at <= Instant::now()) {
            reset.at += reset.every;
            self.spend = Decimal::ZERO;
        }
    }

    fn window(&mut self) -> &mut Window {
        let fresh = || Window { began: Instant::now(), requests: 0, tokens: 0 };
        let window = self.window.get_or_insert_with(fresh);
        if window.began.elapsed() >= MINUTE {
            *window = fresh();
        }
        window
    }

    pub(super) fn limited(&mut self) -> Option<Limited> {
        let &mut Window { requests, tokens, .. } = self.window();
        let reached = |limit: Option<u64>, used: u64| limit.filter(|limit| used >= *limit);
        reached(self.rpm_limit, requests)
            .map(Limited::Requests)
            .or_else(|| reached(self.tpm_limit, tokens).map(Limited::Tokens))
            .or_else(|| reached(self.max_parallel_requests, self.running).map(Limited::Parallel))
    }

    pub(super) fn begin(&mut self) {
        self.window().requests += 1;
        self.running += 1;
    }

    pub(super) fn end(&mut self, tokens: u64, cost: Decimal) {
        self.window().tokens += tokens;
        self.running = self.running.saturating_sub(1);
        self.spend += cost;
    }
}

impl Store {
    /// Everyone that a request of this key is charged to.
    pub(super) fn charged(&mut self, key: &str) -> Vec<(Holder, &mut Account)> {
        let Some(key) = self.keys.get_mut(key) else {
            return Vec::new();
        };
        let in_team = key.team.is_some();
        let user = key.user.as_deref().and_then(|user| self.users.get_mut(user));
        let team = key.team.as_deref().and_then(|team| self.teams.get_mut(team));
        let mut accounts = vec![(Holder::Key { in_team }, &mut key.account)];
        accounts.extend(user.map(|user| (Holder::User { in_team }, user)));
        accounts.extend(team.map(|team| (Holder::Team, team)));
        accounts
    }
}

/// Whose an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Key { in_team: bool },
    User { in_team: bool },
    Team,
}
