//! The model routes of the built-in gateway: who may ask, the call of the provider, and the charge.
//!
//! Every fault of [`super::faults`] that concerns a request is a switch in here, beside the check it breaks.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_decimal::Decimal;
use serde_json::Value;

use super::faults::Fault;
use super::price::Answered;
use super::store::{Account, Holder, Key, Limited};
use super::{Gateway, Refusal, Shared, bearer, refuse};

/// One request of a model.
pub(super) async fn ask(State(shared): Shared, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(json) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "bad_request", "The body is not JSON.").into_response();
    };
    let asked = Asked {
        route: uri.path().to_owned(),
        model: json["model"].as_str().unwrap_or_default().to_owned(),
        stream: json["stream"].as_bool() == Some(true),
    };
    let key = bearer(&headers).to_owned();
    let (admitted, provider) = {
        let mut gateway = shared.lock();
        let admitted = gateway.admit(&key, &asked);
        (admitted, Provider { http: gateway.http.clone(), url: format!("{}{}", gateway.upstream, asked.route) })
    };
    if shared.lock().has(Fault::Hangs) {
        std::future::pending::<()>().await;
    }
    if let Err(refusal) = admitted {
        if shared.lock().has(Fault::RefusedCallReachesUpstream) {
            let _ = provider.call(body).await;
        }
        return refusal.into_response();
    }
    let answered = provider.call(body).await;
    let mut gateway = shared.lock();
    let (status, content_type, body) = match answered {
        Ok(answered) => answered,
        Err(error) => {
            gateway.charge(&key, &asked, 0, Decimal::ZERO);
            return refuse(StatusCode::BAD_GATEWAY, "upstream", error.to_string()).into_response();
        }
    };
    let answer = Answered::read(&body);
    let cost = match status.is_success() {
        true => gateway.prices.of(&asked.model, &answer),
        false if gateway.has(Fault::FailedCallCharged) => Decimal::new(2, 2),
        false => Decimal::ZERO,
    };
    gateway.charge(&key, &asked, answer.input + answer.output, cost);
    (status, [(CONTENT_TYPE, content_type)], body).into_response()
}

/// The provider's route that a request goes on to.
struct Provider {
    http: reqwest::Client,
    url: String,
}

impl Provider {
    async fn call(&self, body: Bytes) -> reqwest::Result<(StatusCode, HeaderValue, String)> {
        let response = self.http.post(&self.url).header(CONTENT_TYPE, "application/json").body(body).send().await?;
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
        Ok((response.status(), content_type, response.text().await?))
    }
}

/// What a request asks for.
struct Asked {
    route: String,
    model: String,
    stream: bool,
}

impl Gateway {
    /// Lets a request in, or says why not.
    fn admit(&mut self, key: &str, asked: &Asked) -> Result<(), Refusal> {
        if self.has(Fault::Answers500) {
            return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", "Something broke inside."));
        }
        match self.store.keys.get(key) {
            None if self.has(Fault::UnknownKeyServed) => return Ok(()),
            None => {
                return Err(refuse(StatusCode::UNAUTHORIZED, "token_not_found_in_db", "Unable to find this key."));
            }
            Some(known) if known.session => {
                return Err(refuse(StatusCode::FORBIDDEN, "auth_error", "A session asks no model."));
            }
            Some(known) if known.blocked && !self.has(Fault::BlockedKeyServed) => {
                return Err(refuse(StatusCode::UNAUTHORIZED, "auth_error", "Authentication Error, Key is blocked."));
            }
            Some(_) => {}
        }
        if !self.prices.has(&asked.model) {
            return Err(refuse(StatusCode::BAD_REQUEST, "bad_request", "There is no such model."));
        }
        self.check_models(key, asked)?;
        self.check_rates(key)?;
        self.check_budgets(key, asked)?;
        self.store.charged(key).into_iter().for_each(|(_, account)| account.begin());
        Ok(())
    }

    fn check_models(&mut self, key: &str, asked: &Asked) -> Result<(), Refusal> {
        if self.has(Fault::ModelListIgnored) {
            return Ok(());
        }
        let allows = |account: &Account| {
            let models = &account.models;
            models.is_empty() || models.iter().any(|model| *model == asked.model || model == "all-team-models")
        };
        match self.store.charged(key).into_iter().all(|(_, account)| allows(account)) {
            true => Ok(()),
            false => Err(refuse(StatusCode::FORBIDDEN, "key_model_access_denied", "This key may not ask this model.")),
        }
    }

    fn check_rates(&mut self, key: &str) -> Result<(), Refusal> {
        if self.has(Fault::RpmIgnored) {
            return Ok(());
        }
        let limited = self.store.charged(key).into_iter().find_map(|(_, account)| account.limited());
        let what = match limited {
            None => return Ok(()),
            Some(Limited::Requests(limit)) => format!("requests. Current limit: {limit}"),
            Some(Limited::Tokens(limit)) => format!("tokens. Current limit: {limit}"),
            Some(Limited::Parallel(limit)) => format!("max_parallel_requests. Current limit: {limit}"),
        };
        let message = format!("Rate limit exceeded. Limit type: {what}");
        Err(refuse(StatusCode::TOO_MANY_REQUESTS, "None", message))
    }

    fn check_budgets(&mut self, key: &str, asked: &Asked) -> Result<(), Refusal> {
        let unpriced = !self.prices.is_known_before(&asked.model);
        let skipped = (unpriced && self.has(Fault::UnpricedModelSkipsBudgets))
            || (asked.stream && self.has(Fault::StreamSkipsBudgets))
            || (asked.route == "/v1/responses" && self.has(Fault::ResponsesSkipBudgets))
            || (asked.route == "/v1/embeddings" && self.has(Fault::EmbeddingsSkipBudgets))
            || (self.has(Fault::AllTeamModelsSkipsBudgets) && self.store.keys.get(key).is_some_and(any_team_model));
        if skipped {
            return Ok(());
        }
        let fault = self.fault;
        let phantom =
            |account: &Account| (fault == Some(Fault::PhantomBudget)).then(|| account.spend + Decimal::new(-2, 2));
        for (holder, account) in self.store.charged(key) {
            account.reset_if_due();
            let Some(budget) = account.max_budget.or_else(|| phantom(account)) else {
                continue;
            };
            let checked = match holder {
                Holder::Key { in_team } => {
                    fault != Some(Fault::KeyBudgetIgnored)
                        && (in_team || fault != Some(Fault::KeyBudgetSkippedWithoutTeam))
                        && (account.reset.is_none() || fault != Some(Fault::BudgetWithDurationIgnored))
                }
                // LiteLLM's rule, kept: the budget of a user does not hold for a key in a team.
                Holder::User { in_team } => !in_team && fault != Some(Fault::UserBudgetIgnored),
                Holder::Team => fault != Some(Fault::TeamBudgetIgnored),
            };
            if checked && account.spend + account.reserved >= budget {
                let status = match fault {
                    Some(Fault::BudgetRefusedWith400) => StatusCode::BAD_REQUEST,
                    _ => StatusCode::TOO_MANY_REQUESTS,
                };
                let message =
                    format!("Budget has been exceeded! Current cost: {}, Max budget: {budget}", account.spend);
                return Err(refuse(status, "budget_exceeded", message));
            }
        }
        Ok(())
    }

    /// Ends a request: its tokens and its cost go to everyone it is charged to.
    fn charge(&mut self, key: &str, asked: &Asked, tokens: u64, cost: Decimal) {
        let cost = match self.fault {
            Some(Fault::SpendDoubled) => cost + cost,
            Some(Fault::StreamNotCharged) if asked.stream => Decimal::ZERO,
            _ => cost,
        };
        let fault = self.fault;
        for (holder, account) in self.store.charged(key) {
            let charged =
                if fault == Some(Fault::TeamSpendNotRecorded) && holder == Holder::Team { Decimal::ZERO } else { cost };
            account.end(tokens, charged);
            if fault == Some(Fault::ReservationNeverReleased) {
                account.reserved += cost * Decimal::from(20);
            }
        }
    }
}

fn any_team_model(key: &Key) -> bool {
    key.account.models.iter().any(|model| model == "all-team-models")
}
