//! What has limits and is charged, and its books: a key, user, team, member, organisation, end user or tag. A budget
//! object is one too, but nobody charges it. Not: who may do what.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::SPEED;
use crate::scenario::Period;

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AccountKind {
    Key,
    User,
    Team,
    /// A user in a team.
    Member,
    Organisation,
    EndUser,
    Tag,
    Budget,
}

/// Which account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) kind: AccountKind,
    pub(super) name: String,
}

impl Id {
    pub(super) fn new(kind: AccountKind, name: impl Into<String>) -> Id {
        Id { kind, name: name.into() }
    }

    pub(super) fn member(user: &str, team: &str) -> Id {
        Id::new(AccountKind::Member, format!("{user} in {team}"))
    }
}

/// What was said of an account, once understood.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) max_budget: Option<Decimal>,
    /// A team's budget for members that have none of their own.
    pub(super) member_budget: Option<Decimal>,
    /// The budget object that holds for it.
    pub(super) budget: Option<String>,
    /// The spend is reset after this long on the built-in gateway's clock.
    pub(super) every: Option<Duration>,
    pub(super) models: Vec<String>,
    pub(super) routes: Vec<String>,
    pub(super) rpm: Option<u64>,
    pub(super) tpm: Option<u64>,
    pub(super) parallel: Option<u64>,
    pub(super) user: Option<String>,
    pub(super) team: Option<String>,
    pub(super) organisation: Option<String>,
}

impl Terms {
    pub(super) fn read(said: &Map<String, Value>) -> Terms {
        let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| said.get(name).and_then(Value::as_u64);
        let words = |name: &str| -> Vec<String> {
            let words = said.get(name).and_then(Value::as_array).into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Terms {
            max_budget: said.get("max_budget").and_then(exact),
            member_budget: said.get("team_member_budget").and_then(exact),
            budget: text("budget_id"),
            every: text("budget_duration").and_then(|period| lasting(&period)),
            models: words("models"),
            routes: words("allowed_routes"),
            rpm: number("rpm_limit"),
            tpm: number("tpm_limit"),
            parallel: number("max_parallel_requests"),
            user: text("user_id"),
            team: text("team_id"),
            organisation: text("organization_id"),
        }
    }
}

/// How long a period lasts here.
pub(super) fn lasting(period: &str) -> Option<Duration> {
    period.parse::<Period>().ok().map(|period| period.duration / SPEED)
}

/// A JSON number, or one written as a string, as an exact amount; none if it is not a number.
pub(super) fn exact(value: &Value) -> Option<Decimal> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// An account.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// All that was said of it, for those who ask.
    pub(super) said: Map<String, Value>,
    pub(super) terms: Terms,
    pub(super) blocked: bool,
    /// It was there when the gateway came to another version.
    pub(super) is_old: bool,
    /// It is a dashboard session's own key: it may make keys, and asks no model.
    pub(super) session: bool,
    pub(super) expires: Option<Instant>,
    /// What the database says was spent.
    pub(super) spend: Decimal,
    /// Charged, but not yet in the database.
    pub(super) unwritten: Decimal,
    /// How much more is enforced than was spent: nothing, unless there is a fault.
    pub(super) skew: Decimal,
    pub(super) reset: Option<Reset>,
    pub(super) rate: RateCount,
    /// Requests let in on its budget that have no price yet.
    pub(super) in_flight: u64,
    pub(super) last_cost: Option<Decimal>,
    pub(super) last_tokens: Option<u64>,
    /// Notified when one of its requests has ended.
    pub(super) ended: Arc<Notify>,
    pub(super) log: Vec<SpendLogRow>,
    /// The ids of the answers that it was charged for.
    pub(super) answers: HashSet<String>,
}

/// A row of the spend log.
#[derive(Debug, Clone)]
pub(super) struct SpendLogRow {
    pub(super) id: usize,
    pub(super) model: String,
    pub(super) spend: Decimal,
    pub(super) status: &'static str,
    pub(super) call_type: &'static str,
}

impl Account {
    pub(super) fn new(said: Map<String, Value>) -> Account {
        let mut account = Account::default();
        account.say(said);
        account
    }

    /// Replaces what was said of it before.
    pub(super) fn say(&mut self, said: Map<String, Value>) {
        if let Some(blocked) = said.get("blocked").and_then(Value::as_bool) {
            self.blocked = blocked;
        }
        if said.contains_key("budget_duration") {
            self.reset = None;
        }
        if let Some(spend) = said.get("spend").and_then(exact) {
            (self.spend, self.unwritten) = (spend, Decimal::ZERO);
        }
        if let Some(period) = said.get("duration").and_then(Value::as_str).map(str::to_owned) {
            self.expire_after(&period);
        }
        self.said.extend(said);
        self.terms = Terms::read(&self.said);
    }

    /// Its life begins now, and lasts this long.
    pub(super) fn expire_after(&mut self, period: &str) {
        let Ok(period) = period.parse::<Period>() else { return };
        self.expires = Instant::now().checked_add(period.duration / SPEED);
        let shown = jiff::Timestamp::now().checked_add(period.duration).ok();
        self.said.insert("expires".to_owned(), shown.map(|at| at.to_string()).into());
    }

    /// What is held against its budget.
    pub(super) fn enforced(&self) -> Decimal {
        self.spend + self.unwritten + self.skew
    }
}

/// When spend is reset.
#[derive(Debug)]
pub(super) struct Reset {
    every: Duration,
    at: Instant,
}

impl Reset {
    /// Whether a reset is due, for an account whose spend is reset this often.
    pub(super) fn is_due(reset: &mut Option<Reset>, every: Option<Duration>) -> bool {
        let Some(every) = every else {
            *reset = None;
            return false;
        };
        let now = Instant::now();
        match reset {
            Some(known) if known.every == every => {
                let due = known.at <= now;
                while known.at <= now && !every.is_zero() {
                    known.at += every;
                }
                due
            }
            _ => {
                *reset = now.checked_add(every).map(|at| Reset { every, at });
                false
            }
        }
    }
}

/// What was asked for in the current minute, and what is running now.
#[derive(Debug, Default)]
pub(super) struct RateCount {
    began: Option<Instant>,
    pub(super) requests: u64,
    pub(super) tokens: u64,
    pub(super) running: u64,
}

const MINUTE: Duration = Duration::from_secs(60);

impl RateCount {
    /// How many seconds of its own clock the minute still has, at least one.
    pub(super) fn left(&self) -> u64 {
        let passed = self.began.map_or(Duration::ZERO, |began| began.elapsed() * SPEED);
        MINUTE.saturating_sub(passed).as_secs().max(1)
    }

    /// Begins a new minute when the last one is over.
    pub(super) fn roll(&mut self) {
        if self.began.is_none_or(|began| began.elapsed() >= MINUTE / SPEED) {
            (self.began, self.requests, self.tokens) = (Some(Instant::now()), 0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_and_what_is_no_number_is_none() {
        for (value, expected) in [(json!(0.05), "0.05"), (json!(1e-9), "0.000000001"), (json!("0.1"), "0.1")] {
            assert_eq!(exact(&value), expected.parse().ok(), "{value}");
        }
        for value in [json!("NaN"), json!("Infinity"), json!(null), json!([1])] {
            assert_eq!(exact(&value), None, "{value}");
        }
    }

    #[test]
    fn a_reset_is_due_once_its_time_has_come_and_not_again_before_the_next() {
        let every = Some(Duration::from_millis(20));
        let mut reset = None;
        assert!(!Reset::is_due(&mut reset, every));
        std::thread::sleep(Duration::from_millis(25));
        assert!(Reset::is_due(&mut reset, every));
        assert!(!Reset::is_due(&mut reset, Some(Duration::from_secs(60))), "another duration begins anew");
        assert!(!Reset::is_due(&mut reset, None) && reset.is_none());
    }
}
