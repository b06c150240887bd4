//! What a scenario made from a report asks, and with which amounts: pure, and no YAML yet.
//!
//! Amounts are the report's own if a few requests reach them; else all budgets are ten, a hundred or more times as
//! large or as small, in proportion.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::pricing::Pricing;
use crate::gateway::litellm::deployments::Deployment;
use crate::gateway::shown::{Expiry, Seen, Shown};
use crate::scenario::{Api, Count, Kind, PricedBy, Provider, Usd};

/// What is put to the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asks {
    /// Whoever is blocked is refused.
    Blocked(Kind),
    /// A key is refused once its time is over.
    Expired,
    /// A budget of zero lets nobody in.
    Zero(Kind),
    /// A key with a negative budget is not made.
    Negative,
    /// Budgets hold: this many requests fit, or cross.
    Budgets { of: Vec<Kind>, accepted: Count, smallest: Usd, reset: Option<Kind> },
    /// This many requests a minute.
    Requests { of: Kind, limit: u64 },
    /// Tokens a minute: this many requests fit.
    Tokens { of: Kind, accepted: Count },
    /// This many at the same time.
    Parallel { of: Kind, limit: u64 },
    /// Nobody is refused: there is no limit, or what is asked is free.
    Nobody { priced_by: Option<PricedBy> },
}

impl Asks {
    /// Whether it matters how a request is priced.
    fn is_about_money(&self) -> bool {
        matches!(self, Asks::Budgets { .. } | Asks::Zero(_) | Asks::Nobody { .. })
    }

    /// Whether it is about what happens within a minute, or at the same time.
    pub(super) fn is_about_rates(&self) -> bool {
        matches!(self, Asks::Requests { .. } | Asks::Tokens { .. } | Asks::Parallel { .. })
    }
}

/// A scenario, except its text.
#[derive(Debug)]
pub(super) struct Draft {
    pub asks: Asks,
    pub price: Usd,
    pub paths: Vec<PricedBy>,
    pub api: Api,
    /// What every budget is multiplied by.
    pub scale: Decimal,
    /// The least seconds from one request to the next.
    pub pace: Option<u64>,
    /// The limits of requests, tokens and parallel requests, by kind, as they are written; `lost` has those left out.
    pub limits: Vec<(Kind, &'static str, u64)>,
    /// What is left out although a scenario could say it, and why.
    pub lost: Vec<String>,
}

/// A reset that comes sooner could come in the middle.
const SHORT: u64 = 60 * 60;

/// The most requests that a test of budgets makes if they do not hold.
const REQUESTS: u64 = 10;

/// The most requests with which a limit of requests is tested.
const MANY: u64 = 20;

/// The largest amount that a scenario can say, and the decimals of the smallest.
const LARGEST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
const FINEST: u32 = 12;

/// The most simultaneous requests with which a limit of those is tested.
const CROWD: u64 = 5;

/// The price if nothing asks for another.
const USUAL: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

const ONE_TENTH: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// The prices that every pricing path can make from whole tokens, without needing millions of them.
const PRICES: std::ops::RangeInclusive<Decimal> =
    Decimal::from_parts(1, 0, 0, false, 3)..=Decimal::from_parts(100, 0, 0, false, 0);

/// A budget that holds for the key's requests.
#[derive(Debug, Clone, Copy)]
struct Budgeted {
    kind: Kind,
    amount: Usd,
    is_spent: bool,
}

/// The budgets that hold: those of the key or its budget object, its team, membership and organisation, and its user if
/// it has no team.
fn bounds(shown: &Shown) -> Vec<Budgeted> {
    let holds = |kind: Kind| match kind {
        Kind::User => shown.of(Kind::Team).is_none(),
        Kind::Key | Kind::Budget | Kind::Team | Kind::Member | Kind::Organisation | Kind::EndUser => true,
        Kind::Tag | Kind::Model => false,
    };
    let spent = |seen: &Seen| match seen.kind {
        Kind::Budget => shown.of(Kind::Key).and_then(|key| key.spend),
        _ => seen.spend,
    };
    let bound = |seen: &Seen| {
        let of_team = || shown.of(Kind::Team).filter(|_| seen.kind == Kind::Member)?.member_budget;
        let amount = seen.max_budget.or_else(of_team).filter(|amount| *amount >= Usd::ZERO)?;
        Some(Budgeted { kind: seen.kind, amount, is_spent: spent(seen).is_some_and(|spent| spent >= amount) })
    };
    let mut bounds: Vec<Budgeted> = shown.entities.iter().filter(|seen| holds(seen.kind)).filter_map(bound).collect();
    bounds.sort_by_key(|bound| bound.amount);
    bounds
}

/// A limit for a minute, or for requests at the same time.
#[derive(Debug, Clone, Copy)]
struct Limit {
    kind: Kind,
    field: &'static str,
    amount: u64,
}

fn limits(shown: &Shown, lost: &mut Vec<String>) -> Vec<Limit> {
    let mut limits = Vec::new();
    for seen in &shown.entities {
        let fields = [
            ("rpm_limit", seen.rpm_limit),
            ("tpm_limit", seen.tpm_limit),
            ("max_parallel_requests", seen.max_parallel_requests),
        ];
        for (field, amount) in fields {
            let Some(amount) = amount else { continue };
            if !seen.kind.fields().contains(&field) {
                lost.push(format!("{field} of the {}: there is nothing like it in a scenario", seen.kind));
            } else if amount == 0 || u32::try_from(amount).is_err() {
                lost.push(format!("{field} of the {}: {amount} is no limit that could be reached", seen.kind));
            } else {
                limits.push(Limit { kind: seen.kind, field, amount });
            }
        }
    }
    limits.sort_by_key(|limit| limit.amount);
    limits
}

/// Plans the scenario of a report.
pub(super) fn plan(shown: &Shown, pricing: &Pricing) -> Draft {
    let mut lost = Vec::new();
    let limits = limits(shown, &mut lost);
    let bounds = bounds(shown);
    let smallest = bounds.iter().find(|bound| bound.amount > Usd::ZERO).map(|bound| bound.amount.0);
    let mut plan = Draft {
        asks: Asks::Nobody { priced_by: None },
        price: Usd(USUAL),
        paths: pricing.paths.clone(),
        api: pricing.api,
        scale: Decimal::ONE,
        pace: None,
        limits: Vec::new(),
        lost,
    };
    if let Some(smallest) = smallest {
        (plan.price, plan.scale) = priced(smallest);
    }
    let is_blocked = |kind: &Kind| shown.of(*kind).is_some_and(|seen| seen.is_blocked);
    let blocked = [Kind::Key, Kind::Team, Kind::EndUser].into_iter().find(is_blocked);
    let expiry = shown.of(Kind::Key).and_then(|key| key.expiry);
    let is_negative =
        shown.of(Kind::Key).and_then(|key| key.max_budget).is_some_and(|budget| budget.0.round_dp(10) < Decimal::ZERO);
    let limit = limits.first().filter(|_| !bounds.iter().any(|bound| bound.is_spent));
    plan.asks = match (blocked, bounds.first()) {
        _ if is_negative => {
            plan.scale = Decimal::ONE;
            Asks::Negative
        }
        (Some(kind), _) => Asks::Blocked(kind),
        (None, Some(bound)) if bound.amount == Usd::ZERO && !plan.paths.is_empty() => Asks::Zero(bound.kind),
        (None, _) if expiry == Some(Expiry::Over) => Asks::Expired,
        _ if plan.paths.is_empty() => {
            plan.paths = vec![PricedBy::Token];
            Asks::Nobody { priced_by: Some(PricedBy::Free) }
        }
        (None, Some(_)) if limit.is_none() => plan.budgets(shown, &bounds),
        (None, _) => match limit {
            None => Asks::Nobody { priced_by: None },
            Some(limit) => {
                if let Some(smallest) = smallest {
                    plan.far_below(smallest);
                }
                plan.limit(*limit, &limits)
            }
        },
    };
    if !plan.asks.is_about_money() {
        // It does not matter how a model is priced.
        plan.paths.truncate(1);
    }
    plan.carry(&limits);
    plan
}

/// A price that crosses a budget in few requests, and what the budget is multiplied by for that: two fifths of it, cut
/// to the first digit.
fn priced(budget: Decimal) -> (Usd, Decimal) {
    let price = two_fifths(budget);
    if PRICES.contains(&price) {
        return (Usd(price), Decimal::ONE);
    }
    let scale = to_cents(budget);
    (Usd(two_fifths(budget * scale)), scale)
}

fn two_fifths(budget: Decimal) -> Decimal {
    let price = budget * Decimal::from_parts(4, 0, 0, false, 1);
    let mut unit = Decimal::ONE;
    while unit > price {
        unit *= ONE_TENTH;
    }
    while unit * Decimal::TEN <= price {
        unit *= Decimal::TEN;
    }
    ((price / unit).floor() * unit).normalize()
}

/// The power of ten that turns a budget into some cents.
fn to_cents(budget: Decimal) -> Decimal {
    let mut scale = Decimal::ONE;
    while budget * scale >= ONE_TENTH {
        scale *= ONE_TENTH;
    }
    while budget * scale < Decimal::from_parts(1, 0, 0, false, 2) {
        scale *= Decimal::TEN;
    }
    scale.normalize()
}

impl Draft {
    /// A budget as it is written. One that is far from what is tested may stop at the largest that a scenario can say.
    pub(super) fn scaled(&self, budget: Usd) -> Usd {
        let scaled = budget.0.checked_mul(self.scale).unwrap_or(LARGEST).min(LARGEST);
        Usd(scaled.round_dp_with_strategy(FINEST, RoundingStrategy::ToZero).normalize())
    }

    fn budgets(&mut self, shown: &Shown, bounds: &[Budgeted]) -> Asks {
        let tokens = |shown: &Shown| shown.entities.iter().filter_map(|seen| seen.tpm_limit).min();
        if tokens(shown).is_some_and(|limit| limit < self.tokens() * REQUESTS) {
            // Fewer tokens cost less, so the budgets have to be smaller, too.
            self.scale = to_cents(bounds[0].amount.0);
            self.price = Usd(two_fifths(bounds[0].amount.0 * self.scale));
        }
        let smallest = bounds[0].amount;
        let ratio = self.scaled(smallest).0 / self.price.0;
        let whole = |number: Decimal| number.to_usize().unwrap_or(usize::MAX);
        let accepted = Count { least: whole(ratio.floor()), most: whole(ratio.ceil()) };
        Asks::Budgets {
            of: bounds.iter().map(|bound| bound.kind).collect(),
            accepted,
            smallest,
            reset: self.reset(shown, bounds),
        }
    }

    /// The reset that comes soon, if it lets the key in again; others that come soon are left out.
    fn reset(&self, shown: &Shown, bounds: &[Budgeted]) -> Option<Kind> {
        let room = |bound: &Budgeted| bound.amount.0 - bounds[0].amount.0;
        let is_alone = bounds[1..].iter().all(|bound| room(bound) * self.scale > self.price.0 * Decimal::from(3));
        let seen = shown.of(bounds[0].kind).filter(|seen| is_alone && is_short(seen))?;
        matches!(seen.kind, Kind::Key | Kind::User | Kind::Team).then_some(seen.kind)
    }

    /// Prices requests so that a test of a limit does not reach a budget.
    fn far_below(&mut self, smallest: Decimal) {
        (self.price, self.scale) = (Usd(USUAL), Decimal::ONE);
        while smallest * self.scale < USUAL * Decimal::ONE_HUNDRED {
            self.scale *= Decimal::TEN;
        }
    }

    fn limit(&mut self, limit: Limit, all: &[Limit]) -> Asks {
        let of = limit.kind;
        // Requests are easier to count than tokens, and both than a crowd.
        let first = |field: &str| all.iter().find(|limit| limit.field == field).copied();
        if let Some(Limit { kind, amount, .. }) = first("rpm_limit") {
            return Asks::Requests { of: kind, limit: if amount <= MANY { amount } else { MANY / 2 } };
        }
        if let Some(Limit { kind, amount, .. }) = first("tpm_limit") {
            // Tokens differ: what fits into the limit depends on the pricing path.
            self.paths.truncate(1);
            let fit = amount / self.tokens().max(1);
            let fit = if (2..=MANY).contains(&fit) { fit } else { 2 };
            let fit = usize::try_from(fit).unwrap_or(usize::MAX);
            return Asks::Tokens { of: kind, accepted: Count { least: fit, most: fit + 2 } };
        }
        Asks::Parallel { of, limit: if limit.amount <= CROWD { limit.amount } else { 2 } }
    }

    /// The most tokens that a request has.
    fn tokens(&self) -> u64 {
        let of =
            |path: &PricedBy| Deployment::of(*path, self.api, Provider::Openai)?.priced().usage(self.price, self.api);
        let usages = self.paths.iter().filter_map(of);
        usages.map(|usage| usage.tokens.input + usage.tokens.output).max().unwrap_or_default()
    }

    /// Writes down the limits: the tested ones so that they are reached, the others so that they are not.
    fn carry(&mut self, all: &[Limit]) {
        let requests = match &self.asks {
            Asks::Requests { limit, .. } | Asks::Parallel { limit, .. } => limit + 3,
            Asks::Tokens { accepted, .. } => accepted.most as u64 + 3,
            Asks::Budgets { .. } => REQUESTS,
            Asks::Blocked(_) | Asks::Expired | Asks::Zero(_) | Asks::Negative | Asks::Nobody { .. } => 3,
        };
        let tokens = self.tokens();
        for Limit { kind, field, amount } in all.iter().copied() {
            let (written, is_enough) = match (&self.asks, field) {
                (Asks::Requests { of, limit }, "rpm_limit") => {
                    (if *of == kind { *limit } else { amount }, *of == kind || amount >= requests)
                }
                (Asks::Parallel { of, limit }, "max_parallel_requests") => {
                    (if *of == kind { *limit } else { amount }, *of == kind || amount >= requests + 8)
                }
                (Asks::Tokens { of, accepted }, "tpm_limit") if *of == kind => {
                    let fits = amount / tokens.max(1) == accepted.least as u64;
                    (if fits { amount } else { tokens * 5 / 2 }, true)
                }
                (Asks::Parallel { .. } | Asks::Tokens { .. }, "rpm_limit") => (amount, amount >= requests),
                (_, "rpm_limit") => {
                    if amount < requests {
                        let pace = 60 / amount + 1;
                        self.pace = Some(self.pace.map_or(pace, |other| other.max(pace)));
                    }
                    (amount, true)
                }
                (_, "tpm_limit") => (amount, amount >= tokens * requests),
                (_, _) => (amount, true),
            };
            match is_enough {
                true => self.limits.push((kind, field, written)),
                false => self.lost.push(format!("{field} of the {kind}: {amount} would refuse before what is tested")),
            }
        }
    }
}

/// Whether its spend is reset within the time that a trial may take.
pub(super) fn is_short(seen: &Seen) -> bool {
    seen.budget_duration.as_ref().is_some_and(|(_, period)| period.duration.as_secs() < SHORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_crosses_its_budget_in_few_requests() {
        let of = |budget: &str| {
            let (price, scale) = priced(budget.parse().unwrap());
            (price.0.to_string(), scale.to_string())
        };
        for (budget, price, scale) in [
            ("0.05", "0.02", "1"),
            ("0.10", "0.04", "1"),
            ("1", "0.4", "1"),
            ("25", "10", "1"),
            ("100", "40", "1"),
            ("0.0333", "0.01", "1"),
            ("0.0005", "0.02", "100"),
            ("0.000000000001", "0.004", "10000000000"),
            ("1000", "0.004", "0.00001"),
            ("500", "0.02", "0.0001"),
            ("999999999", "0.03", "0.0000000001"),
        ] {
            assert_eq!(of(budget), (price.to_owned(), scale.to_owned()), "{budget}");
        }
    }
}
