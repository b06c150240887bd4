//! Who may ask: the key, what it may call, budgets, rates. Each fault that lets somebody in, or keeps somebody out, is
//! a switch in here, beside the check it breaks.

use std::time::Instant;

use axum::http::{HeaderMap, StatusCode};
use rust_decimal::Decimal;
use tokio::sync::futures::OwnedNotified;

use super::World;
use super::account::{Account, AccountKind, Id};
use super::asked::{Asked, Route};
use super::faults::Fault;
use super::price::{PricedModel, SetBy, Source};
use super::refusal::{Form, Refusal, bad, refuse};
use super::told::named;
use crate::scenario::Move;

/// What becomes of a request.
pub(super) enum Admission {
    In(Admitted),
    Refused(Refusal),
    /// It depends on requests that are still on their way: ask again when one has ended.
    Wait(OwnedNotified),
}

/// A request that was let in.
#[derive(Debug)]
pub(super) struct Admitted {
    /// Every account that it is charged to.
    pub(super) charged: Vec<Id>,
    /// Whether budgets hold for it.
    pub(super) on_budget: bool,
    /// What its answer says is left of limits.
    pub(super) left: HeaderMap,
}

impl World {
    /// Lets a request in, or says why not.
    pub(super) fn admit(&mut self, instance: usize, asked: &Asked) -> Admission {
        let mut admitted = match self.check(instance, asked) {
            Ok(Ok(admitted)) => admitted,
            Ok(Err(wait)) => return Admission::Wait(wait),
            Err(refusal) => return Admission::Refused(self.disguised(refusal)),
        };
        for id in &admitted.charged {
            self.count_request(instance, id);
            if let Some(account) = self.store.accounts.get_mut(id) {
                account.in_flight += u64::from(admitted.on_budget);
            }
        }
        self.memories[instance].known.insert(asked.key.clone());
        self.memories[instance].asked_on.insert(asked.model.clone(), asked.route);
        admitted.left = self.left(instance, &admitted.charged);
        Admission::In(admitted)
    }

    fn check(&mut self, instance: usize, asked: &Asked) -> Result<Result<Admitted, OwnedNotified>, Refusal> {
        if self.has(Fault::Answers500) {
            return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", "Something broke inside."));
        }
        if self.has(Fault::UnknownKeyServed) && self.store.key(&asked.key).is_none() {
            return Ok(Ok(Admitted { charged: Vec::new(), on_budget: false, left: HeaderMap::new() }));
        }
        self.check_version(instance, &asked.key)?;
        self.check_key(instance, &asked.key)?;
        self.check_route(asked)?;
        let charged = self.charged(asked);
        for id in &charged {
            self.reset_if_due(id);
        }
        self.check_blocks(instance, &charged)?;
        if !(self.has(Fault::CachedAnswerForAnyone) && self.is_cached(asked)) {
            self.check_models(asked, &charged)?;
        }
        let on_budget = self.is_on_budget(asked);
        if on_budget && let Some(wait) = self.check_budgets(instance, asked, &charged)? {
            return Ok(Err(wait));
        }
        if let Some(wait) = self.check_rates(instance, &charged)? {
            return Ok(Err(wait));
        }
        Ok(Ok(Admitted { charged, on_budget, left: HeaderMap::new() }))
    }

    /// Whether this key is let in.
    pub(super) fn check_key(&self, instance: usize, secret: &str) -> Result<(), Refusal> {
        let known = self.memories[instance].known.contains(secret);
        if self.store.is_down && !known {
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "no_db_connection", "The database cannot be reached."));
        }
        let Some(key) = self.store.key(secret) else {
            return Err(refuse(StatusCode::UNAUTHORIZED, "token_not_found_in_db", "Unable to find this key."));
        };
        if key.session {
            return Err(refuse(StatusCode::FORBIDDEN, "auth_error", "A session asks no model."));
        }
        let is_expired = key.expires.is_some_and(|end| end <= Instant::now());
        if is_expired && !self.has(Fault::ExpiredKeyServed) {
            let status = match self.has(Fault::ExpiredKeyRefusedWith400) {
                true => StatusCode::BAD_REQUEST,
                false => StatusCode::UNAUTHORIZED,
            };
            return Err(refuse(status, "expired_key", "Authentication Error - Expired Key."));
        }
        Ok(())
    }

    fn check_route(&self, asked: &Asked) -> Result<(), Refusal> {
        let routes = self.store.key(&asked.key).map(|key| &key.terms.routes);
        let is_llm_route = asked.route == Route::Chat || !self.has(Fault::LlmRoutesLeaveSomeOut);
        let allows = |routes: &Vec<String>| {
            let named = |route: &String| (route == "llm_api_routes" && is_llm_route) || route == asked.route.path();
            routes.is_empty() || routes.iter().any(named)
        };
        match routes.is_none_or(allows) {
            true => Ok(()),
            false => Err(refuse(StatusCode::FORBIDDEN, "auth_error", "Virtual key is not allowed to call this route.")),
        }
    }

    /// Every account that a request is charged to. An end user that is still unknown is made.
    fn charged(&mut self, asked: &Asked) -> Vec<Id> {
        let read = |in_body: bool, fault: Fault| in_body || !self.has(fault);
        let end_user =
            asked.end_user.as_deref().filter(|_| read(asked.end_user_in_body, Fault::EndUserInHeaderIgnored));
        let tags: &[String] = match read(asked.tags_in_body, Fault::TagInHeaderIgnored) {
            true => &asked.tags,
            false => &[],
        };
        if let Some(end_user) = end_user {
            self.store.accounts.entry(Id::new(AccountKind::EndUser, end_user)).or_default();
        }
        let beside = end_user.is_some() && self.has(Fault::TagUnchargedBesideEndUser);
        self.store.charged(&asked.key, end_user, if beside { &[] } else { tags })
    }

    fn check_blocks(&self, instance: usize, charged: &[Id]) -> Result<(), Refusal> {
        let key = charged.first().map_or("", |id| id.name.as_str());
        let is_cached = self.memories[instance].known.contains(key);
        for id in charged {
            let through_this = self.memories[instance].blocked.contains(id);
            let is_blocked = through_this || self.store.accounts.get(id).is_some_and(|account| account.blocked);
            let is_overlooked = match id.kind {
                AccountKind::Key => {
                    self.has(Fault::BlockedKeyServed) || (is_cached && self.has(Fault::KeyBlockSeenLate))
                }
                AccountKind::Team => {
                    self.has(Fault::BlockedTeamServed) || (is_cached && self.has(Fault::TeamBlockSeenLate))
                }
                AccountKind::EndUser => self.has(Fault::BlockedEndUserServed),
                AccountKind::User
                | AccountKind::Member
                | AccountKind::Organisation
                | AccountKind::Tag
                | AccountKind::Budget => false,
            };
            if !is_blocked || is_overlooked {
                continue;
            }
            let message = match id.kind {
                AccountKind::Key => {
                    "Authentication Error, Key is blocked. Update via `/key/unblock` if you're admin.".to_owned()
                }
                AccountKind::Team => {
                    format!(
                        "Authentication Error, Team={} is blocked. Update via `/team/unblock` if your admin.",
                        id.name
                    )
                }
                AccountKind::EndUser => format!("User blocked from making LLM API Calls. End user={}", id.name),
                AccountKind::User
                | AccountKind::Member
                | AccountKind::Organisation
                | AccountKind::Tag
                | AccountKind::Budget => {
                    format!("{} is blocked.", id.name)
                }
            };
            return Err(refuse(StatusCode::UNAUTHORIZED, "auth_error", message));
        }
        Ok(())
    }

    fn check_models(&self, asked: &Asked, charged: &[Id]) -> Result<(), Refusal> {
        // A route that is passed through asks for the provider's own models.
        if self.models.get(&asked.model).is_none() && asked.route != Route::Passthrough {
            return Err(bad(format!("There are no healthy deployments for this model: {}", asked.model)));
        }
        for id in charged {
            let Some(account) = self.store.accounts.get(id) else { continue };
            let allows = |model: &String| *model == asked.model || model.starts_with("all-");
            let error_type = match id.kind {
                AccountKind::Team => "team_model_access_denied",
                AccountKind::User | AccountKind::Member => "user_model_access_denied",
                AccountKind::Key
                | AccountKind::Organisation
                | AccountKind::EndUser
                | AccountKind::Tag
                | AccountKind::Budget => "key_model_access_denied",
            };
            let is_overlooked = self.has(Fault::ModelListIgnored)
                || (asked.route == Route::Passthrough && self.has(Fault::PassthroughIgnoresModelList))
                || (id.kind == AccountKind::Team && self.has(Fault::TeamModelListIgnored));
            let models = &account.terms.models;
            if !models.is_empty() && !models.iter().any(allows) && !is_overlooked {
                let status = match self.has(Fault::ModelRefusedWith401) {
                    true => StatusCode::UNAUTHORIZED,
                    false => StatusCode::FORBIDDEN,
                };
                return Err(refuse(status, error_type, "This key may not ask this model."));
            }
        }
        Ok(())
    }

    /// Whether budgets hold for a request: not if its model is free.
    fn is_on_budget(&self, asked: &Asked) -> bool {
        let model = self.models.get(&asked.model);
        let is_free = model.is_some_and(PricedModel::is_free)
            && !self.has(Fault::FreeModelRefused)
            && !(self.has(Fault::FreeAliasRefused) && self.models.is_alias(&asked.model));
        let source = model.and_then(|model| model.before.as_ref()).map(|(_, source)| *source);
        let origin = model.map(|model| model.origin);
        let by_admin = matches!(origin, Some(SetBy::Admin | SetBy::Updated));
        let is_skipped = match self.fault {
            Some(Fault::UnpricedModelSkipsBudgets) => model.is_some() && source.is_none(),
            Some(Fault::UpgradeTakesUnpricedForFree) => self.moved == Some(Move::Upgrade) && source.is_none(),
            Some(Fault::ModelInfoPriceSkipsBudgets) => source == Some(Source::ModelInfo),
            Some(Fault::AdminModelSkipsBudgets) => by_admin,
            Some(Fault::UpdatedModelSkipsBudgets) => origin == Some(SetBy::Updated),
            Some(Fault::StreamSkipsBudgets) => asked.stream,
            Some(Fault::CompletionsSkipBudgets) => asked.route == Route::Completions,
            Some(Fault::MessagesSkipBudgets) => asked.route == Route::Messages,
            Some(Fault::ResponsesSkipBudgets) => asked.route == Route::Responses,
            Some(Fault::EmbeddingsSkipBudgets) => asked.route == Route::Embeddings,
            Some(Fault::ImagesSkipBudgets) => asked.route == Route::Images,
            Some(Fault::PassthroughSkipsBudgets) => asked.route == Route::Passthrough,
            Some(Fault::AllTeamModelsSkipsBudgets) => self.store.key(&asked.key).is_some_and(is_any_team_model),
            // The others do not skip budgets as a whole.
            Some(_) | None => false,
        };
        !is_free && !is_skipped
    }

    fn check_budgets(
        &mut self,
        instance: usize,
        asked: &Asked,
        charged: &[Id],
    ) -> Result<Option<OwnedNotified>, Refusal> {
        let in_team = charged.iter().any(|id| id.kind == AccountKind::Team);
        let mut wait = None;
        for id in charged {
            let beside_key = id.kind == AccountKind::User && self.has(Fault::UserBudgetSkippedBesideKeyBudget);
            let without_team = id.kind == AccountKind::Organisation
                && !in_team
                && self.has(Fault::OrganisationBudgetSkippedWithoutTeam);
            let is_overlooked = without_team
                || self.is_overlooked(id, in_team)
                || (beside_key && charged.first().is_some_and(|key| self.budget_of(key).is_some()));
            let Some(budget) = self.budget_of(id).filter(|_| !is_overlooked) else { continue };
            let budget = self.as_cached(instance, id, budget);
            let used = self.enforced(instance, id, charged);
            let used = if self.has(Fault::BudgetComparedInCents) { used.trunc_with_scale(2) } else { used };
            let Some(account) = self.store.accounts.get(id) else { continue };
            let is_spent = match self.has(Fault::ReachedBudgetNotRefused) {
                true => used > budget,
                false => used >= budget,
            };
            let held = self.has(Fault::ReservationTakesAll) && account.in_flight > 0 && !asked.has_max_tokens;
            if is_spent || held {
                return Err(self.over_budget(id, if held { budget } else { used }, budget));
            }
            let is_raced = self.has(Fault::CrowdOverruns)
                || (self.has(Fault::NewEndUserCrowdOverruns) && id.kind == AccountKind::EndUser);
            let each = account.last_cost.unwrap_or(budget - used);
            let expected = each * Decimal::from(account.in_flight);
            if account.in_flight > 0 && used + expected >= budget && !is_raced {
                wait = wait.or_else(|| Some(account.ended.clone().notified_owned()));
            }
        }
        Ok(wait)
    }

    fn over_budget(&self, id: &Id, used: Decimal, budget: Decimal) -> Refusal {
        let status = match self.has(Fault::BudgetRefusedWith400) {
            true => StatusCode::BAD_REQUEST,
            false => StatusCode::TOO_MANY_REQUESTS,
        };
        let error_type = match self.has(Fault::BudgetRefusedAsRateLimit) {
            true => "rate_limit_error",
            false => "budget_exceeded",
        };
        let name = match self.has(Fault::RefusalNamesNobody) {
            true => String::new(),
            false => format!(" {}", named(id.kind, &id.name)),
        };
        let message = format!("Budget has been exceeded!{name} Current cost: {used}, Max budget: {budget}");
        refuse(status, error_type, message)
    }

    /// A refusal, in the look that a fault may give it.
    fn disguised(&self, mut refusal: Refusal) -> Refusal {
        if self.has(Fault::RefusedWithHtml) {
            refusal.form = Form::Html;
        }
        refusal
    }
}

fn is_any_team_model(key: &Account) -> bool {
    key.terms.models.iter().any(|model| model == "all-team-models")
}
