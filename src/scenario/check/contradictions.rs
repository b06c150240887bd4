//! The scenario's own numbers against its own budgets.

use super::Checked;
use crate::scenario::arithmetic::{Allowed, allowed, price_of};
use crate::scenario::{Count, ErrorKind, Expect, Settle, Step};

impl Checked<'_> {
    /// The scenario's own numbers against its own budgets.
    pub(super) fn contradictions(&mut self) {
        let scenario = self.scenario;
        for (step, allowed) in scenario.steps.iter().zip(allowed(scenario)) {
            match (step, allowed) {
                (Step::Drain { key, fields }, Allowed::Unlimited) if fields.accepted.is_none() => {
                    self.mistake(
                        key.place,
                        format!("no budget applies to `{}`, so a drain would never end", key.value),
                        "give it a budget, or say how many are `accepted`",
                    );
                }
                (Step::Drain { fields, .. } | Step::Chat { fields, .. }, Allowed::Requests(allowed))
                    if fields.accepted.is_some() =>
                {
                    // Where spend is not waited for, more may get through: that is what the scenario says.
                    let more_may = fields.at_once.is_some() || scenario.settle == Settle::AtCheck;
                    let wrong = |count: &Count| (count.least > allowed.most && !more_may) || count.most < allowed.least;
                    if let Some(accepted) = fields.accepted.as_ref().filter(|count| wrong(count)) {
                        let price = price_of(scenario, fields).unwrap_or(scenario.price.value);
                        let title = format!(
                            "{} requests of {price} cannot be right: the budgets allow {allowed}",
                            accepted.value
                        );
                        self.mistake(accepted.place, title, &format!("expected {allowed}"));
                    }
                }
                (Step::Chat { fields, .. }, Allowed::Requests(allowed)) => {
                    let Some(expect) = &fields.expect else { continue };
                    match &expect.value {
                        Expect::Accepted(_) if allowed.most < fields.count() => {
                            let title = format!("this cannot be accepted: the budgets allow {allowed}");
                            self.mistake(expect.place, title, "a budget is spent by then");
                        }
                        Expect::Refused(refusal)
                            if refusal.error == Some(ErrorKind::BudgetExceeded) && allowed.least > 0 =>
                        {
                            let title = "this cannot be refused: no budget is spent by then";
                            self.mistake(expect.place, title, &format!("the budgets allow {allowed}"));
                        }
                        Expect::Accepted(_) | Expect::Refused(_) => {}
                    }
                }
                (
                    Step::Drain { .. }
                    | Step::Chat { .. }
                    | Step::List { .. }
                    | Step::Check { .. }
                    | Step::Change { .. }
                    | Step::Disturb { .. }
                    | Step::Move { .. },
                    _,
                ) => {}
            }
        }
    }
}
