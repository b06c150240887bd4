//! The built-in gateway as another version on the same database: what its faults do when it is moved there and back. A
//! healthy one knows all that it knew. Not: starting and stopping instances.

use axum::http::StatusCode;
use rust_decimal::Decimal;

use super::account::{Account, AccountKind, Id};
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
            Move::Upgrade => world.upgrade(),
            Move::Downgrade => world.take_back(coming),
        }
        if to != Move::Downgrade {
            world.store.accounts.values_mut().for_each(|account| account.is_old = true);
        }
    }
}

impl World {
    fn upgrade(&mut self) {
        let Some(fault) = self.fault else { return };
        for account in self.store.accounts.values_mut() {
            match fault {
                Fault::UpgradeForgetsCounters => account.forget_counter(),
                Fault::UpgradeCountsTwice => account.skew = account.spend,
                Fault::UpgradeZeroesSpend => {
                    account.skew += account.spend;
                    account.spend = Decimal::ZERO;
                }
                Fault::UpgradeLosesLastCharge => account.lose_last_charge(),
                Fault::UpgradeDropsBudgets => account.terms.max_budget = None,
                Fault::UpgradeReadsZeroAsNone if account.terms.max_budget == Some(Decimal::ZERO) => {
                    account.terms.max_budget = None;
                }
                Fault::UpgradeUnblocks => account.blocked = false,
                Fault::UpgradeDropsModelLists => account.terms.models.clear(),
                Fault::UpgradeDropsExpiry => account.expires = None,
                Fault::UpgradeStopsResets => (account.terms.every, account.reset) = (None, None),
                Fault::UpgradeDropsRates => (account.terms.rpm, account.terms.tpm) = (None, None),
                Fault::UpgradeEmptiesLog => account.log.clear(),
                Fault::UpgradeDropsLimits => account.drop_limits(),
                // The others do nothing to each account.
                _ => {}
            }
        }
        let accounts = &mut self.store.accounts;
        match fault {
            Fault::UpgradeForgetsBudgetObjects => accounts.retain(|id, _| id.kind != AccountKind::Budget),
            Fault::UpgradeForgetsMembers => accounts.retain(|id, _| id.kind != AccountKind::Member),
            Fault::UpgradeRevivesDeletedKeys => accounts.extend(self.store.revoked.drain(..)),
            Fault::UpgradeForgetsModels => self.models.retain(|model| model.origin == SetBy::Config),
            Fault::UpgradeForgetsModelPrices => self.models.forget_prices_of_admin(),
            _ => {}
        }
    }

    /// Does what the version that goes has left behind.
    fn take_back(&mut self, going: Option<Fault>) {
        let Some(fault) = going else { return };
        match fault {
            Fault::DowngradeForgetsNewKeys => {
                self.store.accounts.retain(|id, account| id.kind != AccountKind::Key || account.is_old);
            }
            Fault::DowngradeForgetsModels => self.models.retain(|model| model.origin == SetBy::Config),
            _ => {}
        }
        for account in self.store.accounts.values_mut() {
            match fault {
                Fault::DowngradeForgetsCounters => account.forget_counter(),
                Fault::DowngradeLosesLastCharge => account.lose_last_charge(),
                Fault::DowngradeUnblocks => account.blocked = false,
                Fault::DowngradeDropsLimits => account.drop_limits(),
                _ => {}
            }
        }
    }

    /// Whether what is changed of a key is taken and not stored.
    pub(super) fn is_frozen(&self, id: &Id) -> bool {
        let is_old = || self.store.accounts.get(id).is_some_and(|account| account.is_old);
        self.has(Fault::UpgradeFreezesOldKeys) && id.kind == AccountKind::Key && is_old()
    }

    /// Whether a key that is deleted stays.
    pub(super) fn outlives_deletion(&self, id: &Id) -> bool {
        let while_both_run = self.moved == Some(Move::Roll) && self.has(Fault::RollingKeepsDeletedKeys);
        self.is_frozen(id) || (id.kind == AccountKind::Key && while_both_run)
    }

    /// Keeps a key that goes, for an upgrade that brings it back.
    pub(super) fn keep_revoked(&mut self, id: &Id) {
        if id.kind == AccountKind::Key && self.has(Fault::UpgradeRevivesDeletedKeys) {
            let said = self.store.accounts.get(id).map(|key| key.said.clone()).unwrap_or_default();
            self.store.revoked.push((id.clone(), Account::new(said)));
        }
    }

    /// Whether a charge for this account is written by this instance.
    pub(super) fn is_written(&self, instance: usize, id: &Id) -> bool {
        let is_old = || self.store.accounts.get(id).is_some_and(|account| account.is_old);
        match (self.fault, self.moved) {
            (Some(Fault::RollingLosesChargesOfOld), Some(Move::Roll)) => instance > 0,
            (Some(Fault::UpgradeChargesKeysOnly), Some(Move::Upgrade)) => id.kind == AccountKind::Key || !is_old(),
            (Some(_) | None, _) => true,
        }
    }

    /// Whether a version refuses what it should know, or breaks on what another one did.
    pub(super) fn check_version(&self, instance: usize, secret: &str) -> Result<(), Refusal> {
        let is_old = self.store.key(secret).is_some_and(|key| key.is_old);
        let unknown = || refuse(StatusCode::UNAUTHORIZED, "token_not_found_in_db", "Unable to find this key.");
        let broken = |status, message: &str| refuse(status, "internal_server_error", message);
        match (self.fault, self.moved) {
            (Some(Fault::RollingBreaksOld), Some(Move::Roll)) if instance == 0 => {
                Err(broken(StatusCode::SERVICE_UNAVAILABLE, "cached plan must not change result type"))
            }
            (Some(Fault::RollingHidesNewKeys), Some(Move::Roll)) if instance == 0 && !is_old => Err(unknown()),
            (Some(Fault::UpgradeRefusesOldKeys), Some(Move::Upgrade)) if is_old => Err(unknown()),
            (Some(Fault::UpgradeRefusesOldKeys), Some(Move::Roll)) if is_old && instance > 0 => Err(unknown()),
            (Some(Fault::DowngradeAnswers500), Some(Move::Downgrade)) => {
                Err(broken(StatusCode::INTERNAL_SERVER_ERROR, "column does not exist"))
            }
            (Some(_) | None, _) => Ok(()),
        }
    }
}

impl Account {
    fn forget_counter(&mut self) {
        self.skew = -self.spend - self.unwritten;
    }

    fn lose_last_charge(&mut self) {
        self.spend -= self.last_cost.unwrap_or_default().min(self.spend);
    }

    fn drop_limits(&mut self) {
        self.said.retain(|name, _| !["rpm_limit", "tpm_limit"].contains(&name.as_str()));
    }
}
