//! What a reader works out with a pencil: how many requests the budgets of a scenario allow, step by step.
//!
//! Pure: it knows prices and budgets, not gateways. [`super::check`] holds a scenario's own numbers against
//! it, and [`crate::run`] takes its limits from it.

use std::collections::HashMap;
use std::time::Duration;

use rust_decimal::prelude::ToPrimitive;

use super::{Count, ErrorKind, Expect, Given, KeyFields, KeyState, Name, Scenario, Step, Usd};

/// Resets that come sooner than this may come within a trial: then nothing can be worked out beforehand.
const NO_RESET_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The most requests that a step without any limit of its own makes.
const MANY: usize = u16::MAX as usize;

/// An entity whose budget holds for a key, and that budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound<'a> {
    pub entity: &'a Name,
    pub what: &'static str,
    pub max_budget: Usd,
}

impl Scenario {
    /// The given entity of a name.
    pub fn entity(&self, name: &Name) -> Option<&Given> {
        self.given.iter().find(|given| given.name().value == *name)
    }

    /// The fields of a given key.
    pub fn key(&self, name: &Name) -> Option<&KeyFields> {
        match self.entity(name) {
            Some(Given::Key { key, .. }) => Some(key),
            Some(Given::User { .. } | Given::Team { .. }) | None => None,
        }
    }

    /// Everyone an accepted request of this key is charged to: the key, its user, its team.
    pub fn charged<'a>(&'a self, key: &'a Name) -> Vec<&'a Name> {
        let fields = self.key(key);
        let user = fields.and_then(|fields| fields.user.as_deref());
        let team = fields.and_then(|fields| fields.team.as_deref());
        [Some(key), user, team].into_iter().flatten().collect()
    }

    /// The budgets that hold for this key. A user's budget does not hold for a key in a team: gateways
    /// differ in it, and LiteLLM means it so.
    pub fn bounds<'a>(&'a self, key: &'a Name) -> Vec<Bound<'a>> {
        let in_team = self.key(key).is_some_and(|fields| fields.team.is_some());
        self.charged(key)
            .into_iter()
            .filter_map(|name| self.entity(name))
            .filter(|given| !(in_team && matches!(given, Given::User { .. })))
            .filter_map(|given| {
                given.max_budget().map(|max_budget| Bound { entity: given.name(), what: given.what(), max_budget })
            })
            .collect()
    }

    fn resets_soon(&self, key: &Name) -> bool {
        self.charged(key).into_iter().filter_map(|name| self.entity(name)).any(|given| {
            let duration = match given {
                Given::User { limits, .. } | Given::Team { limits, .. } => limits.budget_duration.as_ref(),
                Given::Key { key, .. } => key.budget_duration.as_ref(),
            };
            duration.is_some_and(|duration| duration.duration < NO_RESET_WITHIN)
        })
    }

    fn rate_limited(&self, key: &Name) -> bool {
        self.charged(key).into_iter().filter_map(|name| self.entity(name)).any(|given| match given {
            Given::User { limits, .. } | Given::Team { limits, .. } => {
                limits.rpm_limit.or(limits.tpm_limit).or(limits.max_parallel_requests).is_some()
            }
            Given::Key { key, .. } => key.rpm_limit.or(key.tpm_limit).or(key.max_parallel_requests).is_some(),
        })
    }
}

/// What the budgets allow in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// So many of the step's requests may be accepted before a refusal: every gateway accepts the least,
    /// none accepts more than the most.
    Requests(Count),
    /// No budget holds.
    Unlimited,
    /// It cannot be worked out: a reset or a rate limit may come between, or the key is not let in at all.
    Unknown,
}

/// Works through the steps; one answer for each.
///
/// With price p, budget B and spend s: a request is surely accepted while `s + p <= B` and surely refused
/// once `s >= B`; between the two either is right.
pub fn allowed(scenario: &Scenario) -> Vec<Allowed> {
    let mut spent: HashMap<&Name, Count> = HashMap::new();
    let mut known = true;
    scenario.steps.iter().map(|step| work_through(scenario, step, &mut spent, &mut known)).collect()
}

fn work_through<'a>(
    scenario: &'a Scenario,
    step: &'a Step,
    spent: &mut HashMap<&'a Name, Count>,
    known: &mut bool,
) -> Allowed {
    let (key, asked, expected) = match step {
        Step::Drain { key, fields } => (key, MANY, fields.accepted.as_ref().map(|count| count.value)),
        Step::Chat { key, fields } => {
            let times = fields.times.as_ref().map_or(1, |times| times.value.into());
            let failing = fields.upstream.as_ref().is_some_and(|upstream| upstream.status.is_some());
            let expected = match fields.expect.as_deref() {
                _ if failing => Some(Count { least: 0, most: 0 }),
                Some(Expect::Accepted) => Some(Count { least: times, most: times }),
                Some(Expect::Refused(_)) => Some(Count { least: 0, most: 0 }),
                None => None,
            };
            (key, times, expected)
        }
        Step::Check { .. } => return Allowed::Unknown,
    };
    if scenario.key(key).is_none_or(|fields| fields.state != KeyState::Active) {
        return Allowed::Unknown;
    }
    *known &= !scenario.resets_soon(key) && !scenario.rate_limited(key);
    let bounds = scenario.bounds(key);
    let room = |bound: &Bound<'_>| {
        let spent = spent.get(bound.entity).copied().unwrap_or(Count { least: 0, most: 0 });
        let (fit, crossing) = requests_in(bound.max_budget, scenario.price.value);
        Count { least: fit.saturating_sub(spent.most), most: crossing.saturating_sub(spent.least) }
    };
    let room = bounds.iter().map(room).reduce(|a, b| Count { least: a.least.min(b.least), most: a.most.min(b.most) });
    let may = room.map(|room| Count { least: room.least.min(asked), most: room.most.min(asked) });

    let accepted = match (expected, may) {
        (Some(expected), Some(may)) if expected.least <= may.most && may.least <= expected.most => {
            Count { least: expected.least.max(may.least), most: expected.most.min(may.most) }
        }
        (Some(expected), _) => expected,
        (None, Some(may)) => may,
        (None, None) => Count { least: asked, most: asked },
    };
    for name in scenario.charged(key) {
        let total = spent.entry(name).or_insert(Count { least: 0, most: 0 });
        *total = Count { least: total.least + accepted.least, most: total.most + accepted.most };
    }
    match may {
        _ if !*known => Allowed::Unknown,
        Some(may) => Allowed::Requests(may),
        None => Allowed::Unlimited,
    }
}

/// How many requests of a price fit into a budget, and how many it takes to reach it.
fn requests_in(budget: Usd, price: Usd) -> (usize, usize) {
    let Some(ratio) = budget.0.checked_div(price.0) else {
        return (MANY, MANY);
    };
    let whole = |number: rust_decimal::Decimal| number.to_usize().unwrap_or(MANY);
    (whole(ratio.floor()), whole(ratio.ceil()))
}

/// The refusal that a drain ends with, if its file does not say: the budget is spent, with any status.
pub fn drains_into(step: &super::DrainFields) -> super::Refusal {
    let of_budget = super::Refusal { status: None, error: Some(ErrorKind::BudgetExceeded) };
    step.expect.as_ref().map_or(of_budget, |expect| expect.value.clone())
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
    }
}
