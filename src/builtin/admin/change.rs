//! What the administrator changes: entities are made, updated, blocked and deleted, and keys get new secrets.

use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::routes::Matched;
use super::{Said, not_found, text};
use crate::builtin::World;
use crate::builtin::account::{Account, AccountKind, Id, exact};
use crate::builtin::faults::Fault;
use crate::builtin::refusal::{Refusal, bad, refuse};

/// The fields that hold an amount of money.
const AMOUNTS: [&str; 4] = ["max_budget", "soft_budget", "team_member_budget", "max_budget_in_team"];

impl World {
    pub(super) fn make(&mut self, found: &Matched, mut said: Said, by_session: bool) -> Result<Value, Refusal> {
        self.check_amounts(&mut said)?;
        let id = match self.named(found, &said).into_iter().next() {
            Some(id) => id,
            None if found.kind == AccountKind::Key => Id::new(AccountKind::Key, self.new_secret()),
            None => Id::new(found.kind, format!("made-{}", self.store.next())),
        };
        if self.store.accounts.contains_key(&id) {
            return Err(bad("There is one with this name already."));
        }
        if by_session && self.has(Fault::SessionKeyWithoutBudget) {
            said.remove("max_budget");
        }
        if let Some(name) = found.names.first() {
            said.insert((*name).to_owned(), id.name.clone().into());
        }
        if found.kind == AccountKind::Key && self.has(Fault::MemberStartsAfreshWithNewKey) {
            let owner = |name: &str| said.get(name).and_then(Value::as_str);
            let member = owner("user_id").zip(owner("team_id")).map(|(user, team)| Id::member(user, team));
            if let Some(member) = member.and_then(|member| self.store.accounts.get_mut(&member)) {
                member.skew = -member.spend;
            }
        }
        let mut account = Account::new(said);
        // A customer is known by `user_id`, and belongs to no user.
        if found.kind == AccountKind::EndUser {
            account.said.insert("user_id".to_owned(), id.name.clone().into());
        }
        self.store.accounts.insert(id.clone(), account);
        self.reset_if_due(&id);
        let mut made = self.shown(&id).unwrap_or_default();
        if found.kind == AccountKind::Key {
            made["key"] = id.name.clone().into();
            made["token"] = "hashed".into();
        }
        Ok(made)
    }

    pub(super) fn update(&mut self, found: &Matched, mut said: Said) -> Result<Value, Refusal> {
        self.check_amounts(&mut said)?;
        let id = self.named(found, &said).into_iter().next().ok_or_else(|| bad("which one?"))?;
        if let (Some(Value::String(email)), Some(Value::String(password))) =
            (said.get("user_email"), said.get("password"))
        {
            self.store.passwords.insert(email.clone(), (password.clone(), id.name.clone()));
        }
        if self.has(Fault::BudgetUpdateNotStored) {
            said.remove("max_budget");
        }
        let said = if self.is_frozen(&id) { Said::default() } else { said };
        let account = self.store.accounts.get_mut(&id).ok_or_else(|| not_found("such one"))?;
        account.say(said);
        self.reset_if_due(&id);
        Ok(self.shown(&id).unwrap_or_default())
    }

    /// An amount of money is a number, and not below zero.
    fn check_amounts(&self, said: &mut Said) -> Result<(), Refusal> {
        for name in AMOUNTS {
            let Some(value) = said.get(name).filter(|value| !value.is_null()) else { continue };
            match exact(value) {
                Some(amount) if amount < Decimal::ZERO && !self.has(Fault::NegativeBudgetAccepted) => {
                    return Err(bad(format!("{name} cannot be negative. Received: {amount}")));
                }
                Some(_) => {}
                None if self.has(Fault::NanBudgetAccepted) => {}
                None => return Err(bad(format!("{name} is not a number."))),
            }
        }
        Ok(())
    }

    pub(super) fn block(
        &mut self,
        instance: usize,
        found: &Matched,
        said: &Said,
        block: bool,
    ) -> Result<Value, Refusal> {
        let ids = self.named(found, said);
        if ids.is_empty() {
            return Err(bad("which one?"));
        }
        for id in &ids {
            if self.is_frozen(id) {
                continue;
            }
            let account = match found.kind {
                AccountKind::EndUser => Some(self.store.accounts.entry(id.clone()).or_default()),
                AccountKind::Key
                | AccountKind::User
                | AccountKind::Team
                | AccountKind::Member
                | AccountKind::Organisation
                | AccountKind::Tag
                | AccountKind::Budget => self.store.accounts.get_mut(id),
            };
            let account = account.ok_or_else(|| not_found("such one"))?;
            match self.fault {
                Some(Fault::BlockPerInstance) if block => drop(self.memories[instance].blocked.insert(id.clone())),
                Some(Fault::BlockPerInstance) => drop(self.memories[instance].blocked.remove(id)),
                Some(Fault::UnblockedKeyRefused) if !block => {}
                Some(_) | None => account.blocked = block,
            }
        }
        Ok(json!({ "blocked": block }))
    }

    pub(super) fn delete(&mut self, found: &Matched, said: &Said) -> Result<Value, Refusal> {
        let ids = self.named(found, said);
        if ids.is_empty() {
            return Err(bad("which one?"));
        }
        for id in &ids {
            if !self.store.accounts.contains_key(id) {
                return Err(not_found("such one"));
            }
            self.remove(id);
        }
        let names: Vec<String> = ids.into_iter().map(|id| id.name).collect();
        Ok(json!({ "deleted": names, "deleted_keys": names }))
    }

    /// Removes an entity, and those that cannot exist without it.
    fn remove(&mut self, id: &Id) {
        if (id.kind == AccountKind::Key && self.has(Fault::DeletedKeyServed)) || self.outlives_deletion(id) {
            return;
        }
        self.keep_revoked(id);
        let Some(account) = self.store.accounts.remove(id) else { return };
        account.ended.notify_waiters();
        let name = Some(id.name.as_str());
        let is_his = |other: &Id, of: &Account| match id.kind {
            AccountKind::User => {
                matches!(other.kind, AccountKind::Key | AccountKind::Member) && of.terms.user.as_deref() == name
            }
            AccountKind::Team => {
                let is_kept = other.kind == AccountKind::Key && self.fault == Some(Fault::KeyOfDeletedTeamServed);
                matches!(other.kind, AccountKind::Key | AccountKind::Member)
                    && of.terms.team.as_deref() == name
                    && !is_kept
            }
            AccountKind::Organisation => {
                matches!(other.kind, AccountKind::Key | AccountKind::Team) && of.terms.organisation.as_deref() == name
            }
            AccountKind::Key | AccountKind::Member | AccountKind::EndUser | AccountKind::Tag | AccountKind::Budget => {
                false
            }
        };
        let his = self.store.accounts.iter().filter(|(other, of)| is_his(other, of));
        let his: Vec<Id> = his.map(|(other, _)| other.clone()).collect();
        his.iter().for_each(|other| self.remove(other));
    }

    /// Gives a key a new secret. All else stays as it was; its lifetime begins again.
    pub(super) fn regenerate(&mut self, found: &Matched, said: Said) -> Result<Value, Refusal> {
        let old = self.named(found, &said).into_iter().next().ok_or_else(|| bad("which one?"))?;
        self.keep_revoked(&old);
        let mut key = self.store.accounts.remove(&old).ok_or_else(|| not_found("such key"))?;
        if self.has(Fault::RegeneratedOldKeyServed) {
            let kept = Account::new(key.said.clone());
            self.store.accounts.insert(old.clone(), kept);
        }
        if self.has(Fault::RegeneratedKeyStartsAfresh) {
            key.skew = -key.spend;
        }
        let period = key.said.get("duration").and_then(Value::as_str).map(str::to_owned);
        if let Some(period) = period {
            key.expire_after(&period);
        }
        let said = said.into_iter().filter(|(name, _)| name != "key").collect();
        key.say(said);
        let secret = self.new_secret();
        let new = Id::new(AccountKind::Key, &secret);
        if !self.has(Fault::RegeneratedKeyRefused) {
            self.store.accounts.insert(new.clone(), key);
        }
        let mut made = self.shown(&new).unwrap_or_else(|| json!({}));
        made["key"] = secret.into();
        Ok(made)
    }

    pub(super) fn reset_spend(&mut self, found: &Matched, said: &Said) -> Result<Value, Refusal> {
        let id = self.named(found, said).into_iter().next().ok_or_else(|| bad("which one?"))?;
        let to = said.get("reset_to").and_then(exact).unwrap_or_default();
        let spend = self.store.accounts.get(&id).map(|account| account.spend).ok_or_else(|| not_found("such one"))?;
        if to < Decimal::ZERO || to > spend {
            return Err(bad("reset_to must be from 0 to what was spent."));
        }
        if !self.has(Fault::ManualResetIgnored) {
            self.reset(&id, to);
        }
        Ok(self.shown(&id).unwrap_or_default())
    }

    pub(super) fn add_members(&mut self, said: &Said) -> Result<Value, Refusal> {
        let team = text(said, "team_id")?.to_owned();
        let Some(of_team) = self.store.accounts.get(&Id::new(AccountKind::Team, &team)) else {
            return Err(not_found("such team"));
        };
        let default = of_team.said.get("team_member_budget").cloned();
        let members = match said.get("member") {
            Some(Value::Array(members)) => members.clone(),
            Some(member) => vec![member.clone()],
            None => return Err(bad("member is missing")),
        };
        self.check_amounts(&mut said.clone())?;
        for member in &members {
            let user = member["user_id"].as_str().ok_or_else(|| bad("user_id is missing"))?;
            let own = said.get("max_budget_in_team").filter(|budget| !budget.is_null()).cloned();
            let copied = default.clone().filter(|_| self.has(Fault::LateMemberBudgetIgnored));
            let mut terms = json!({ "user_id": user, "team_id": team });
            if let Some(budget) = own.or(copied) {
                terms["max_budget"] = budget;
            }
            let Value::Object(terms) = terms else { continue };
            self.store.accounts.entry(Id::member(user, &team)).or_default().say(terms);
            self.store.accounts.entry(Id::new(AccountKind::User, user)).or_default();
        }
        Ok(json!({ "team_id": team }))
    }

    pub(super) fn update_member(&mut self, said: &Said) -> Result<Value, Refusal> {
        self.check_amounts(&mut said.clone())?;
        let (user, team) = (text(said, "user_id")?, text(said, "team_id")?);
        let stored = !self.has(Fault::BudgetUpdateNotStored);
        let member = self.store.accounts.get_mut(&Id::member(user, team)).ok_or_else(|| not_found("such member"))?;
        if let Some(budget) = said.get("max_budget_in_team").filter(|_| stored) {
            member.say(Said::from_iter([("max_budget".to_owned(), budget.clone())]));
        }
        Ok(json!({ "user_id": user, "team_id": team, "max_budget_in_team": said.get("max_budget_in_team") }))
    }

    pub(super) fn delete_member(&mut self, said: &Said) -> Result<Value, Refusal> {
        let (user, team) = (text(said, "user_id")?, text(said, "team_id")?);
        match self.store.accounts.remove(&Id::member(user, team)) {
            Some(_) => Ok(json!({ "team_id": team })),
            None => Err(refuse(StatusCode::BAD_REQUEST, "bad_request", "There is no such member.")),
        }
    }
}
