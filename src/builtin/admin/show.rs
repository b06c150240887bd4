//! What the administrator is told: about an entity, in the shape of its own route, and the spend log.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::routes::Matched;
use super::{Said, not_found, text};
use crate::builtin::World;
use crate::builtin::account::{Account, AccountKind, Id};
use crate::builtin::faults::Fault;
use crate::builtin::refusal::{Refusal, bad};

/// What is said of an entity but not for anybody to read.
const SECRET: [&str; 2] = ["key", "password"];

/// The fields of a budget table.
const OF_BUDGETS: [&str; 6] =
    ["max_budget", "soft_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests"];

/// The limits that LiteLLM names in every answer, even if nobody set them.
const ALWAYS: [&str; 8] = [
    "max_budget",
    "budget_duration",
    "rpm_limit",
    "tpm_limit",
    "max_parallel_requests",
    "user_id",
    "team_id",
    "expires",
];

impl World {
    /// The entities that a request names: by its path, or by one of its route's fields.
    pub(super) fn named(&self, found: &Matched, said: &Said) -> Vec<Id> {
        let texts = |value: &Value| -> Vec<String> {
            match value {
                Value::String(text) => vec![text.clone()],
                Value::Array(texts) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
            }
        };
        let in_fields = || found.names.iter().filter_map(|name| said.get(*name)).map(texts).find(|all| !all.is_empty());
        let names = found.in_path.clone().map(|name| vec![name]).or_else(in_fields).unwrap_or_default();
        names.into_iter().map(|name| Id::new(found.kind, name)).collect()
    }

    pub(super) fn info(&mut self, found: &Matched, said: &Said) -> Result<Value, Refusal> {
        let ids = self.named(found, said);
        let Some(first) = ids.first() else { return Err(bad("which one?")) };
        for id in &ids {
            self.reset_if_due(id);
        }
        let mut shown = ids.iter().filter_map(|id| Some((id, self.shown(id)?))).collect::<Vec<_>>();
        let name = &first.name;
        match found.kind {
            AccountKind::Budget => return Ok(shown.into_iter().map(|(_, shown)| shown).collect()),
            AccountKind::Tag => return Ok(shown.into_iter().map(|(id, shown)| (id.name.clone(), shown)).collect()),
            AccountKind::Key
            | AccountKind::User
            | AccountKind::Team
            | AccountKind::Member
            | AccountKind::Organisation
            | AccountKind::EndUser => {}
        }
        if shown.is_empty() {
            return Err(not_found("such one"));
        }
        let (_, info) = shown.swap_remove(0);
        Ok(match found.kind {
            AccountKind::Key => json!({ "key": name, "info": info }),
            AccountKind::User => json!({ "user_id": name, "user_info": info, "keys": [], "teams": [] }),
            AccountKind::Team => {
                let memberships = self.memberships(name);
                json!({ "team_id": name, "team_info": info, "keys": [], "team_memberships": memberships })
            }
            AccountKind::Organisation
            | AccountKind::EndUser
            | AccountKind::Member
            | AccountKind::Tag
            | AccountKind::Budget => info,
        })
    }

    /// All that is known of an entity.
    pub(super) fn shown(&self, id: &Id) -> Option<Value> {
        let account = self.store.accounts.get(id)?;
        let mut said = account.said.clone();
        SECRET.iter().for_each(|name| drop(said.remove(*name)));
        for name in ALWAYS {
            said.entry(name).or_insert(Value::Null);
        }
        said.insert("spend".to_owned(), number(account.spend));
        said.insert("blocked".to_owned(), account.blocked.into());
        said.insert("litellm_budget_table".to_owned(), self.budget_table(id, account));
        if self.has(Fault::LimitNotReadBack) {
            OF_BUDGETS.iter().for_each(|name| drop(said.insert((*name).to_owned(), Value::Null)));
            said.insert("litellm_budget_table".to_owned(), Value::Null);
        }
        Some(Value::Object(said))
    }

    /// The budget that holds for an entity, in a table of its own: its budget object's, else its own.
    fn budget_table(&self, id: &Id, account: &Account) -> Value {
        let said = self.object_of(id).map_or(&account.said, |object| &object.said);
        let with = |name: &str| (name.to_owned(), said.get(name).cloned().unwrap_or(Value::Null));
        let id = ("budget_id".to_owned(), account.terms.budget.clone().into());
        Value::Object(OF_BUDGETS.into_iter().map(with).chain([id]).collect())
    }

    fn memberships(&mut self, team: &str) -> Value {
        let of_team = |(id, account): (&Id, &Account)| {
            (id.kind == AccountKind::Member && account.terms.team.as_deref() == Some(team)).then(|| id.clone())
        };
        let members: Vec<Id> = self.store.accounts.iter().filter_map(of_team).collect();
        let shown = members.iter().filter_map(|id| {
            let account = self.store.accounts.get(id)?;
            let max_budget = self.budget_of(id).map_or(Value::Null, number);
            Some(json!({
                "user_id": account.terms.user, "team_id": team, "spend": number(account.spend),
                "litellm_budget_table": { "max_budget": max_budget }
            }))
        });
        shown.collect()
    }

    pub(super) fn logs(&self, said: &Said) -> Result<Value, Refusal> {
        let key = text(said, "api_key")?;
        let account = self.store.key(key).ok_or_else(|| not_found("such key"))?;
        let rows = account.log.iter().map(|row| {
            json!({
                "request_id": format!("req-{}", row.id), "api_key": "hashed", "spend": number(row.spend),
                "model": row.model, "status": row.status, "call_type": row.call_type
            })
        });
        Ok(rows.collect())
    }
}

/// An amount as a JSON number.
fn number(amount: Decimal) -> Value {
    amount.normalize().to_string().parse().map_or(Value::Null, Value::Number)
}
