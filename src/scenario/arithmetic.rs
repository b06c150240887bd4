//! What a reader works out with a pencil: how many requests the budgets of a scenario allow, step by step.
//!
//! Pure: it knows prices and budgets, not gateways. [`super::check`] holds a scenario's own numbers against
//! it, and [`crate::run`] takes its limits from it.

use std::collections::HashMap;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::charge::{Asker, asked_model, bounds, charged, duration_of};
use super::{AskFields, Count, ErrorKind, Expect, Name, Scenario, Spend, State, Step, Usd};

/// Resets that come sooner than this may come within a trial: then nothing can be worked out beforehand.
const NO_RESET_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The most requests that a step without any limit of its own makes.
const MANY: usize = u16::MAX as usize;

/// What the budgets allow in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// How many of the step's requests may be accepted before a refusal: every gateway accepts the least, none accepts more
    /// than the most.
    Requests(Count),
    /// No budget holds.
    Unlimited,
    /// It cannot be worked out: something may intervene, or the key is not let in at all.
    Unknown,
}

/// Works through the steps; one answer for each.
///
/// With price p, budget B and spend s: a request is surely accepted while `s + p <= B` and surely refused
/// once `s >= B`; between the two either is right.
pub fn allowed(scenario: &Scenario) -> Vec<Allowed> {
    let mut spent: HashMap<Name, Spend> = HashMap::new();
    let mut known = true;
    let of_step = |step: &Step| match step {
        Step::Drain { key, fields } => {
            let expected = fields.accepted.as_ref().map(|count| count.value);
            of_requests(scenario, Asker::of(key, fields), fields, MANY, expected, &mut spent, &mut known)
        }
        Step::Chat { key, fields } => {
            let count = fields.count();
            of_requests(scenario, Asker::of(key, fields), fields, count, expected(fields), &mut spent, &mut known)
        }
        // A gateway of another version knows what was spent.
        Step::List { .. } | Step::Move { .. } => Allowed::Unknown,
        // After a stated spend, a change or a disturbance, nobody can foresee the ledger's sums.
        Step::Check { fields, .. } => {
            known &= fields.spend.is_none();
            Allowed::Unknown
        }
        Step::Change { .. } | Step::Disturb { .. } => {
            known = false;
            Allowed::Unknown
        }
    };
    scenario.steps.iter().map(of_step).collect()
}

/// How many requests of a `chat` the scenario itself says are accepted.
fn expected(fields: &AskFields) -> Option<Count> {
    let exactly = |count| Some(Count { least: count, most: count });
    match (&fields.accepted, fields.expect.as_deref()) {
        _ if fields.fails() => exactly(0),
        (Some(accepted), _) => Some(accepted.value),
        (None, Some(Expect::Accepted(_))) => exactly(fields.count()),
        (None, Some(Expect::Refused(_))) => exactly(0),
        (None, None) => None,
    }
}

fn of_requests(
    scenario: &Scenario,
    asker: Asker<'_>,
    fields: &AskFields,
    asked: usize,
    expected: Option<Count>,
    spent: &mut HashMap<Name, Spend>,
    known: &mut bool,
) -> Allowed {
    let given = &scenario.given;
    if scenario.entity(asker.key).is_none_or(|key| key.state() != State::Active) {
        return Allowed::Unknown;
    }
    let charged = charged(given, asker);
    let soon = |duration: &super::Period| duration.duration < NO_RESET_WITHIN;
    let object = |entity: &super::Given| scenario.entity(entity.fields.budget.as_deref()?);
    let unforeseen = charged.iter().any(|entity| {
        entity.fields.is_rate_limited()
            || object(entity).is_some_and(|budget| budget.fields.is_rate_limited())
            || entity.fields.expires.is_some()
            || duration_of(given, entity).is_some_and(soon)
    });
    let price = price_of(scenario, fields);
    let repeated = fields.within.is_some() || fields.cached.is_some();
    *known &= !unforeseen && price.is_some() && !repeated && !fields.is_unforeseen();
    let price = price.unwrap_or(scenario.price.value);
    let nothing = Spend::exactly(Usd::ZERO);
    let room = |bound: super::charge::Bound| {
        let spent = spent.get(&bound.entity).copied().unwrap_or(nothing);
        let left = |spent: Usd| (bound.max_budget.0 - spent.0).max(Decimal::ZERO);
        Count { least: requests_in(left(spent.most), price).0, most: requests_in(left(spent.least), price).1 }
    };
    let rooms = bounds(given, asker).into_iter().map(room);
    let room = rooms.reduce(|a, b| Count { least: a.least.min(b.least), most: a.most.min(b.most) });
    let may = room.map(|room| Count { least: room.least.min(asked), most: room.most.min(asked) });

    let accepted = match (expected, may) {
        (Some(expected), Some(may)) if expected.least <= may.most && may.least <= expected.most => {
            Count { least: expected.least.max(may.least), most: expected.most.min(may.most) }
        }
        (Some(expected), _) => expected,
        (None, Some(may)) => may,
        (None, None) => Count { least: asked, most: asked },
    };
    for entity in charged {
        let total = spent.entry(entity.name.value.clone()).or_insert(nothing);
        let of = |requests: usize| Usd(Decimal::from(requests) * price.0);
        *total = Spend { least: total.least + of(accepted.least), most: total.most + of(accepted.most) };
    }
    match may {
        _ if !*known => Allowed::Unknown,
        Some(may) => Allowed::Requests(may),
        None => Allowed::Unlimited,
    }
}

/// What an accepted request costs, if a reader can know that: the file says so, or has the model's rates.
pub fn price_of(scenario: &Scenario, fields: &AskFields) -> Option<Usd> {
    let rates = || asked_model(&scenario.given, fields)?.fields.rates.as_deref();
    match (&fields.costs, fields.usage(), rates()) {
        _ if fields.priced_by.is_some() || fields.fallback.is_some() => None,
        (Some(costs), _, _) => Some(costs.value),
        (None, Some(usage), Some(rates)) => Some(rates.sum(&usage.tokens(), fields.served()).total()),
        (None, Some(_), None) => None,
        (None, None, _) if fields.model.is_some() => None,
        (None, None, _) => Some(scenario.price.value),
    }
}

/// How many requests of a price fit into what is left of a budget, and how many it takes to reach it.
fn requests_in(left: Decimal, price: Usd) -> (usize, usize) {
    let Some(ratio) = left.checked_div(price.0) else {
        return (MANY, MANY);
    };
    let whole = |number: Decimal| number.to_usize().unwrap_or(MANY);
    (whole(ratio.floor()), whole(ratio.ceil()))
}

/// The refusal that ends a drain or a crowd, if its file does not say: the budget is spent, with any status.
pub fn drains_into(fields: &AskFields) -> super::Refusal {
    match fields.expect.as_deref() {
        Some(Expect::Refused(refusal)) => refusal.clone(),
        Some(Expect::Accepted(_)) | None => super::Refusal::of(ErrorKind::BudgetExceeded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worked_out(given: &str, steps: &str) -> Vec<Allowed> {
        let text = format!("name: a\nprice: 0.02\ngiven:\n{given}\nsteps:\n{steps}\n");
        let scenario: Scenario = serde_saphyr::from_str(&text).unwrap();
        allowed(&scenario)
    }

    fn requests(least: usize, most: usize) -> Allowed {
        Allowed::Requests(Count { least, most })
    }

    #[test]
    fn budgets_allow_what_a_pencil_says() {
        let key = |budget: &str| format!("  - {{ key: k, max_budget: {budget} }}");
        let drain = "  - drain: k";
        assert_eq!(worked_out(&key("0.05"), drain), [requests(2, 3)]);
        assert_eq!(worked_out(&key("0.06"), drain), [requests(3, 3)]);
        assert_eq!(worked_out(&key("0"), drain), [requests(0, 0)]);
        assert_eq!(worked_out("  - key: k", "  - chat: k"), [Allowed::Unlimited]);
        // What is spent is spent; between two and three, nobody knows.
        assert_eq!(worked_out(&key("0.05"), "  - chat: k\n  - drain: k"), [requests(1, 1), requests(1, 2)]);
        assert_eq!(worked_out(&key("0.05"), "  - drain: k\n  - chat: k"), [requests(2, 3), requests(0, 1)]);
    }

    #[test]
    fn the_tightest_budget_holds_and_a_users_does_not_hold_in_a_team() {
        let given = "  - { user: u, max_budget: 0.03 }\n  - { team: t, max_budget: 0.09 }\n";
        let alone = format!("{given}  - {{ key: k, user: u, max_budget: 0.05 }}");
        assert_eq!(worked_out(&alone, "  - drain: k"), [requests(1, 2)]);
        let in_team = format!("{given}  - {{ key: k, user: u, team: t }}");
        assert_eq!(worked_out(&in_team, "  - drain: k"), [requests(4, 5)]);
    }

    #[test]
    fn a_reset_or_a_rate_limit_makes_it_unknown() {
        let reset = "  - { key: k, max_budget: 0.05, budget_duration: 5s }";
        assert_eq!(worked_out(reset, "  - drain: k"), [Allowed::Unknown]);
        let monthly = "  - { key: k, max_budget: 0.05, budget_duration: 30d }";
        assert_eq!(worked_out(monthly, "  - drain: k"), [requests(2, 3)]);
        assert_eq!(worked_out("  - { key: k, max_budget: 1, rpm_limit: 3 }", "  - drain: k"), [Allowed::Unknown]);
        let by_object = "  - { budget: b, max_budget: 1, rpm_limit: 3 }\n  - { key: k, budget: b }";
        assert_eq!(worked_out(by_object, "  - drain: k"), [Allowed::Unknown]);
    }
}
