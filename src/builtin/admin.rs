//! The admin API of the built-in gateway: as much of LiteLLM's as its adapter uses.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::Fault;
use super::store::{Account, Key, Reset};
use super::{Gateway, Shared, bearer, refuse};
use crate::scenario::Period;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Fields {
    user_id: Option<String>,
    team_id: Option<String>,
    #[serde(default, deserialize_with = "amount")]
    max_budget: Option<Decimal>,
    budget_duration: Option<String>,
    #[serde(default)]
    models: Vec<String>,
    rpm_limit: Option<u64>,
    tpm_limit: Option<u64>,
    max_parallel_requests: Option<u64>,
}

fn amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    let exact =
        |number: serde_json::Number| Decimal::from_str_exact(&number.to_string()).map_err(serde::de::Error::custom);
    number.map(exact).transpose()
}

impl Fields {
    fn account(&self) -> Account {
        let period = self.budget_duration.as_deref().and_then(|text| text.parse::<Period>().ok());
        Account {
            max_budget: self.max_budget,
            reset: period.and_then(|period| Reset::every(period.duration)),
            models: self.models.clone(),
            rpm_limit: self.rpm_limit,
            tpm_limit: self.tpm_limit,
            max_parallel_requests: self.max_parallel_requests,
            ..Account::default()
        }
    }
}

pub(super) async fn readiness() -> Json<Value> {
    Json(json!({ "status": "healthy", "db": "connected" }))
}

pub(super) async fn new_user(State(shared): Shared, headers: HeaderMap, Json(fields): Json<Fields>) -> Response {
    let Some(mut gateway) = admin(&shared, &headers) else {
        return not_admin();
    };
    let Some(id) = fields.user_id.clone() else {
        return bad("user_id is missing");
    };
    gateway.store.users.insert(id.clone(), fields.account());
    Json(json!({ "user_id": id })).into_response()
}

pub(super) async fn new_team(State(shared): Shared, headers: HeaderMap, Json(fields): Json<Fields>) -> Response {
    let Some(mut gateway) = admin(&shared, &headers) else {
        return not_admin();
    };
    let Some(id) = fields.team_id.clone() else {
        return bad("team_id is missing");
    };
    gateway.store.teams.insert(id.clone(), fields.account());
    Json(json!({ "team_id": id })).into_response()
}

/// A user's e-mail address and password, with which a dashboard session is opened.
#[derive(Debug, Deserialize)]
pub(super) struct Credentials {
    #[serde(alias = "user_email")]
    username: String,
    password: String,
    user_id: Option<String>,
}

pub(super) async fn update_user(
    State(shared): Shared,
    headers: HeaderMap,
    Json(fields): Json<Credentials>,
) -> Response {
    let Some(mut gateway) = admin(&shared, &headers) else {
        return not_admin();
    };
    let Some(id) = fields.user_id else {
        return bad("user_id is missing");
    };
    gateway.store.passwords.insert(fields.username, (fields.password, id.clone()));
    Json(json!({ "user_id": id })).into_response()
}

pub(super) async fn login(State(shared): Shared, Json(fields): Json<Credentials>) -> Response {
    let mut gateway = shared.lock();
    let user = match gateway.store.passwords.get(&fields.username) {
        Some((password, user)) if *password == fields.password => user.clone(),
        _ => {
            return refuse(StatusCode::UNAUTHORIZED, "auth_error", "Invalid credentials used to access UI.")
                .into_response();
        }
    };
    let key = gateway.new_secret();
    let session = Key { account: Account::default(), user: Some(user), team: None, blocked: false, session: true };
    gateway.store.keys.insert(key.clone(), session);
    let payload = URL_SAFE_NO_PAD.encode(json!({ "key": key }).to_string());
    ([("set-cookie", format!("token=e30.{payload}.unsigned; Path=/"))], Json(json!({}))).into_response()
}

pub(super) async fn new_key(State(shared): Shared, headers: HeaderMap, Json(fields): Json<Fields>) -> Response {
    let mut gateway = shared.lock();
    let by_admin = bearer(&headers) == gateway.admin_key;
    let by_session = gateway.store.keys.get(bearer(&headers)).is_some_and(|key| key.session);
    if !by_admin && !by_session {
        return not_admin();
    }
    let mut account = fields.account();
    if by_session && gateway.has(Fault::SessionKeyWithoutBudget) {
        account.max_budget = None;
    }
    let secret = gateway.new_secret();
    let key = Key { account, user: fields.user_id, team: fields.team_id, blocked: false, session: false };
    gateway.store.keys.insert(secret.clone(), key);
    Json(json!({ "key": secret })).into_response()
}

#[derive(Debug, Deserialize)]
pub(super) struct WhichKey {
    key: String,
}

pub(super) async fn block_key(State(shared): Shared, headers: HeaderMap, Json(which): Json<WhichKey>) -> Response {
    let Some(mut gateway) = admin(&shared, &headers) else {
        return not_admin();
    };
    match gateway.store.keys.get_mut(&which.key) {
        Some(key) => {
            key.blocked = true;
            Json(json!({ "blocked": true })).into_response()
        }
        None => not_found(),
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    key: Option<String>,
    user_id: Option<String>,
    team_id: Option<String>,
}

/// `/key/info`, `/user/info` and `/team/info`: they differ in what they are asked and how they answer.
pub(super) async fn info(State(shared): Shared, headers: HeaderMap, Query(which): Query<Which>) -> Response {
    let Some(mut gateway) = admin(&shared, &headers) else {
        return not_admin();
    };
    let store = &mut gateway.store;
    let (name, account) = match &which {
        Which { key: Some(key), .. } => ("info", store.keys.get_mut(key).map(|key| &mut key.account)),
        Which { user_id: Some(user), .. } => ("user_info", store.users.get_mut(user)),
        Which { team_id: Some(team), .. } => ("team_info", store.teams.get_mut(team)),
        Which { .. } => return bad("which one?"),
    };
    let Some(account) = account else { return not_found() };
    account.reset_if_due();
    let number = |amount: Decimal| amount.normalize().to_string().parse::<serde_json::Number>().ok();
    let shown = json!({ "spend": number(account.spend), "max_budget": account.max_budget.and_then(number) });
    Json(json!({ name: shown })).into_response()
}

fn admin<'a>(shared: &'a super::Locked, headers: &HeaderMap) -> Option<std::sync::MutexGuard<'a, Gateway>> {
    Some(shared.lock()).filter(|gateway| bearer(headers) == gateway.admin_key)
}

fn not_admin() -> Response {
    refuse(StatusCode::UNAUTHORIZED, "auth_error", "Only the administrator may do this.").into_response()
}

fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, "not_found", "There is no such one.").into_response()
}

fn bad(message: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, "bad_request", message).into_response()
}
