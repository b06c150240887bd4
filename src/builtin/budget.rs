//! Which budget holds for an account, what is held against it, and when that is forgotten. Not: the comparison.

use rust_decimal::Decimal;

use super::World;
use super::account::{Account, AccountKind, Id, Reset, Terms};
use super::faults::Fault;

impl World {
    /// The budget of an account: its own, else its budget object's, else the one for all of its kind.
    pub(super) fn budget_of(&self, id: &Id) -> Option<Decimal> {
        let account = self.store.accounts.get(id)?;
        let of_object = || self.named_object(account)?.terms.max_budget;
        let of_all = || match id.kind {
            AccountKind::Member => {
                let team = Id::new(AccountKind::Team, account.terms.team.as_deref()?);
                self.store.accounts.get(&team)?.terms.member_budget
            }
            AccountKind::EndUser => self.default_object(id)?.terms.max_budget,
            AccountKind::Key
            | AccountKind::User
            | AccountKind::Team
            | AccountKind::Organisation
            | AccountKind::Tag
            | AccountKind::Budget => None,
        };
        let own = account.terms.max_budget;
        let objects = Some(of_object).filter(|_| !self.has(Fault::BudgetObjectIgnored));
        let of_all = Some(of_all).filter(|_| match id.kind {
            AccountKind::Member => !self.has(Fault::LateMemberBudgetIgnored),
            AccountKind::EndUser => !self.has(Fault::DefaultEndUserBudgetIgnored),
            AccountKind::Key
            | AccountKind::User
            | AccountKind::Team
            | AccountKind::Organisation
            | AccountKind::Tag
            | AccountKind::Budget => true,
        });
        let budget = own.or_else(|| objects?()).or_else(|| of_all?());
        match self.fault {
            Some(Fault::PhantomBudget) if id.kind == AccountKind::Key => {
                budget.or(Some(account.spend + Decimal::new(-2, 2)))
            }
            Some(Fault::ZeroBudgetIsUnlimited) => budget.filter(|budget| !budget.is_zero()),
            // A healthy gateway has no negative budget.
            Some(Fault::NegativeBudgetAccepted) => budget.filter(|budget| !budget.is_sign_negative()),
            Some(_) | None => budget,
        }
    }

    /// The budget object that holds for an account.
    pub(super) fn object_of(&self, id: &Id) -> Option<&Account> {
        self.named_object(self.store.accounts.get(id)?).or_else(|| self.default_object(id))
    }

    fn named_object(&self, account: &Account) -> Option<&Account> {
        self.store.accounts.get(&Id::new(AccountKind::Budget, account.terms.budget.as_deref()?))
    }

    /// The budget object for all end users that have no budget of their own.
    fn default_object(&self, id: &Id) -> Option<&Account> {
        let has_own = self.store.accounts.get(id)?.terms.max_budget.is_some();
        let default =
            self.models.default_end_user_budget.as_deref().filter(|_| id.kind == AccountKind::EndUser && !has_own)?;
        self.store.accounts.get(&Id::new(AccountKind::Budget, default))
    }

    /// Whether the check of this account's budget is left out: by LiteLLM's own rule, which we keep, for a user whose
    /// key is in a team; else by a fault.
    pub(super) fn is_overlooked(&self, id: &Id, in_team: bool) -> bool {
        let ignored = match id.kind {
            AccountKind::Key => Fault::KeyBudgetIgnored,
            AccountKind::User => Fault::UserBudgetIgnored,
            AccountKind::Team => Fault::TeamBudgetIgnored,
            AccountKind::Member => Fault::MemberBudgetIgnored,
            AccountKind::Organisation => Fault::OrganisationBudgetIgnored,
            AccountKind::EndUser => Fault::EndUserBudgetIgnored,
            AccountKind::Tag | AccountKind::Budget => Fault::TagBudgetIgnored,
        };
        let is_key = id.kind == AccountKind::Key;
        let is_reset = || self.store.accounts.get(id).is_some_and(|account| account.reset.is_some());
        (id.kind == AccountKind::User && in_team)
            || self.has(ignored)
            || (is_key && !in_team && self.has(Fault::KeyBudgetSkippedWithoutTeam))
            || (is_key && self.has(Fault::BudgetWithDurationIgnored) && is_reset())
    }

    /// The budget that an instance believes in, if it has seen it before.
    pub(super) fn as_cached(&mut self, instance: usize, id: &Id, budget: Decimal) -> Decimal {
        let (low, high) = (self.has(Fault::LoweredBudgetSeenLate), self.has(Fault::RaisedBudgetSeenLate));
        if !low && !high {
            return budget;
        }
        let seen = *self.memories[instance].budgets.entry(id.clone()).or_insert(budget);
        match (seen > budget && low) || (seen < budget && high) {
            true => seen,
            false => budget,
        }
    }

    /// What is held against a budget.
    pub(super) fn enforced(&self, instance: usize, id: &Id, charged: &[Id]) -> Decimal {
        let of = |kind: AccountKind| charged.iter().find(|id| id.kind == kind);
        let counted = match (self.fault, id.kind) {
            (Some(Fault::TeamBudgetPerKey), AccountKind::Team) | (Some(Fault::UserBudgetPerKey), AccountKind::User) => {
                of(AccountKind::Key)
            }
            (Some(Fault::OrganisationBudgetPerTeam), AccountKind::Organisation) => of(AccountKind::Team),
            (Some(_) | None, _) => None,
        };
        let counted = counted.unwrap_or(id);
        if self.has(Fault::SpendPerInstance) {
            return self.memories[instance].spent.get(counted).copied().unwrap_or_default();
        }
        self.store.accounts.get(counted).map_or(Decimal::ZERO, Account::enforced)
    }

    /// Forgets what was spent, if the time has come.
    pub(super) fn reset_if_due(&mut self, id: &Id) {
        let Some(account) = self.store.accounts.get(id).filter(|_| !self.store.is_down) else { return };
        let of_object = || self.object_of(id)?.terms.every;
        let every = account.terms.every.or_else(of_object);
        let Some(account) = self.store.accounts.get_mut(id) else { return };
        if !Reset::is_due(&mut account.reset, every) {
            return;
        }
        let never = self.has(Fault::BudgetNeverReset)
            || (self.has(Fault::EndUserBudgetNeverReset) && id.kind == AccountKind::EndUser);
        if never {
            return;
        }
        self.reset(id, Decimal::ZERO);
    }

    /// Sets what was spent.
    pub(super) fn reset(&mut self, id: &Id, to: Decimal) {
        let stale = self.has(Fault::ResetLeavesCounter);
        let Some(account) = self.store.accounts.get_mut(id) else { return };
        let before = account.enforced();
        (account.spend, account.unwritten) = (to, Decimal::ZERO);
        account.skew = if stale { before - to } else { Decimal::ZERO };
        let Terms { user, team, .. } = account.terms.clone();
        if self.has(Fault::ResetTakesOthers) && id.kind == AccountKind::Key {
            user.iter().for_each(|user| self.reset(&Id::new(AccountKind::User, user), to));
            team.iter().for_each(|team| self.reset(&Id::new(AccountKind::Team, team), to));
        }
    }
}
