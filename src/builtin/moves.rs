//! The built-in gateway as another version on the same database: what its faults do when it is moved there and back. A
//! healthy one knows all that it knew. Not: starting and stopping instances.

use rust_decimal::Decimal;

use super::account::{AccountKind, Id};
use super::faults::Fault;
use super::price::SetBy;
use super::refusal::{Refusal, refuse};
use super::{Builtin, World};
use crate::scenario::Move;

impl Builtin {
    /// Goes on as another version, with the fault of that one.
    pub fn moves(&self, to: Move, fault: Option<Fault>) {
        let mut world = self.node.lock();
        let coming = world.fault;
        world.fault = fault;
        world.moved = Some(to);
        match to {
            Move::Roll => {}
            Move::Upgrade => world.is_upgraded(),
            // What the version that goes has left behind.
            Move::Downgrade if coming == Some(Fault::DowngradeForgetsNewKeys) => {
                world.store.accounts.retain(|id, account| id.kind != AccountKind::Key || account.is_old);
            }
            Move::Downgrade => {}
        }
        if to != Move::Downgrade {
            world.store.accounts.values_mut().for_each(|account| account.is_old = true);
        }
    }
}

impl World {
    fn is_upgraded(&mut self) {
        let Some(fault) = self.fault else { return };
        for account in self.store.accounts.values_mut() {
            match fault {
                Fault::UpgradeForgetsCounters => account.skew = -account.spend - account.unwritten,
                Fault::UpgradeCountsTwice => account.skew = account.spend,
                Fault::UpgradeZeroesSpend => {
                    account.skew += account.spend;
                    account.spend = Decimal::ZERO;
                }
                Fault::UpgradeDropsBudgets => account.terms.max_budget = None,
                Fault::UpgradeUnblocks => account.blocked = false,
                Fault::UpgradeDropsModelLists => account.terms.models.clear(),
                Fault::UpgradeDropsExpiry => account.expires = None,
                Fault::UpgradeStopsResets => (account.terms.every, account.reset) = (None, None),
                Fault::UpgradeForgetsRates => account.rate = Default::default(),
                Fault::UpgradeEmptiesLog => account.log.clear(),
                Fault::UpgradeDropsLimits => {
                    account.said.retain(|name, _| !["rpm_limit", "tpm_limit"].contains(&name.as_str()));
                }
                // The others do nothing to what is there.
                _ => {}
            }
        }
        match fault {
            Fault::UpgradeForgetsModels => self.models.retain(|model| model.origin == SetBy::Config),
            Fault::UpgradeForgetsModelPrices => self.models.forget_prices_of_admin(),
            _ => {}
        }
    }

    /// Whether a version refuses what it should know, or breaks on what another one did.
    pub(super) fn check_version(&self, instance: usize, secret: &str) -> Result<(), Refusal> {
        use axum::http::StatusCode;
        if self.has(Fault::RollingBreaksOld) && self.moved == Some(Move::Roll) && instance == 0 {
            let message = "cached plan must not change result type";
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "internal_server_error", message));
        }
        let is_old = self.store.accounts.get(&Id::new(AccountKind::Key, secret)).is_some_and(|key| key.is_old);
        let has_moved = match self.moved {
            Some(Move::Roll) => instance > 0,
            Some(Move::Upgrade) => true,
            Some(Move::Downgrade) | None => false,
        };
        if self.has(Fault::UpgradeRefusesOldKeys) && is_old && has_moved {
            return Err(refuse(StatusCode::UNAUTHORIZED, "token_not_found_in_db", "Unable to find this key."));
        }
        Ok(())
    }
}
