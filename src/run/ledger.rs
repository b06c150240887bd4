//! The ledger: what the harness knows was spent, by entity, in exact decimals. Pure.

use std::collections::HashMap;

use crate::scenario::{Name, Usd};

#[derive(Debug, Default)]
pub(super) struct Ledger(HashMap<Name, Usd>);

impl Ledger {
    /// An accepted request costs everyone that it is charged to.
    pub(super) fn charge<'a>(&mut self, charged: impl IntoIterator<Item = &'a Name>, price: Usd) {
        for name in charged {
            let spent = self.0.entry(name.clone()).or_default();
            *spent = *spent + price;
        }
    }

    /// From now on, this much was spent: the scenario says so.
    pub(super) fn state(&mut self, name: &Name, spent: Usd) {
        self.0.insert(name.clone(), spent);
    }

    pub(super) fn spent(&self, name: &Name) -> Usd {
        self.0.get(name).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_requests_of_two_cents_are_exactly_six() {
        let (alice, laptop) = (Name("alice".into()), Name("laptop".into()));
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            ledger.charge([&alice, &laptop], "0.02".parse().unwrap());
        }
        ledger.charge([&alice], "0.0009".parse().unwrap());
        assert_eq!(ledger.spent(&laptop), "0.06".parse().unwrap());
        assert_eq!(ledger.spent(&alice), "0.0609".parse().unwrap());
        assert_eq!(ledger.spent(&Name("bob".into())), Usd::ZERO);
    }
}
