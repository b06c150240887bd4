//! The admin API of the built-in gateway: as much of LiteLLM's as its adapter uses. A table ([`routes`]) lists what
//! there is; what is said of an entity is kept as it was said, and so are fields that nobody knows.

mod change;
mod model;
mod routes;
mod show;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::account::{Account, AccountKind, Id};
use super::refusal::{Refusal, bad, refuse};
use super::{Shared, World, bearer};
use routes::{AdminAct, Matched};

/// What a request of the administrator says: its query and its body, as one.
type Said = Map<String, Value>;

/// Any request that asks no model.
pub(super) async fn administer(State(node): Shared, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(found) = routes::find(uri.path()) else {
        return not_found(uri.path()).into_response();
    };
    let said = match said(&uri, &body) {
        Ok(said) => said,
        Err(refusal) => return refusal.into_response(),
    };
    let mut world = node.lock();
    match world.administer(node.instance, &found, said, bearer(&headers)) {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

fn said(uri: &Uri, body: &Bytes) -> Result<Said, Refusal> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    let query = query.map_err(|_| bad("The query is not understood."))?;
    let mut said: Said = query.0.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    if !body.is_empty() {
        let body: Said = serde_json::from_slice(body).map_err(|_| bad("The body is not a JSON object."))?;
        said.extend(body);
    }
    Ok(said)
}

impl World {
    fn administer(&mut self, instance: usize, found: &Matched, said: Said, by: &str) -> Result<Response, Refusal> {
        if found.act == AdminAct::Readiness {
            return Ok(self.readiness());
        }
        if self.store.is_down {
            let message = "Can't reach database server.";
            return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "no_db_connection", message));
        }
        if found.act == AdminAct::LogIn {
            return self.log_in(&said);
        }
        let by_session = self.store.key(by).is_some_and(|key| key.session);
        let may = by == self.admin_key || (by_session && (found.kind, found.act) == (AccountKind::Key, AdminAct::Make));
        if !may {
            return Err(refuse(StatusCode::UNAUTHORIZED, "auth_error", "Only the administrator may do this."));
        }
        let json = match found.act {
            AdminAct::Make => self.make(found, said, by_session)?,
            AdminAct::Update => self.update(found, said)?,
            AdminAct::Info => self.info(found, &said)?,
            AdminAct::Block => self.block(instance, found, &said, true)?,
            AdminAct::Unblock => self.block(instance, found, &said, false)?,
            AdminAct::Delete => self.delete(found, &said)?,
            AdminAct::Regenerate => self.regenerate(found, said)?,
            AdminAct::ResetSpend => self.reset_spend(found, &said)?,
            AdminAct::AddMember => self.add_members(&said)?,
            AdminAct::UpdateMember => self.update_member(&said)?,
            AdminAct::DeleteMember => self.delete_member(&said)?,
            AdminAct::Logs => self.logs(&said)?,
            AdminAct::MakeModel => self.make_model(said)?,
            AdminAct::UpdateModel => self.update_model(&said)?,
            AdminAct::DeleteModel => self.delete_model(&said)?,
            AdminAct::Readiness | AdminAct::LogIn => Value::Null,
        };
        Ok(Json(json).into_response())
    }

    fn readiness(&self) -> Response {
        match self.store.is_down {
            false => Json(json!({ "status": "healthy", "db": "connected" })).into_response(),
            true => {
                let body = Json(json!({ "status": "unhealthy", "db": "disconnected" }));
                (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
            }
        }
    }

    /// Opens a dashboard session for a user who has a password.
    fn log_in(&mut self, said: &Said) -> Result<Response, Refusal> {
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let user = match self.store.passwords.get(text("username")) {
            Some((password, user)) if password == text("password") => user.clone(),
            Some(_) | None => {
                let message = "Invalid credentials used to access UI.";
                return Err(refuse(StatusCode::UNAUTHORIZED, "auth_error", message));
            }
        };
        let key = self.new_secret();
        let mut session = Account::new(Said::from_iter([("user_id".to_owned(), user.into())]));
        session.session = true;
        self.store.accounts.insert(Id::new(AccountKind::Key, &key), session);
        let payload = URL_SAFE_NO_PAD.encode(json!({ "key": key }).to_string());
        let cookie = format!("token=e30.{payload}.unsigned; Path=/");
        Ok(([(SET_COOKIE, cookie)], Json(json!({}))).into_response())
    }
}

fn not_found(what: &str) -> Refusal {
    refuse(StatusCode::NOT_FOUND, "not_found", format!("There is no {what}."))
}

/// A text that is required.
fn text<'a>(said: &'a Said, name: &str) -> Result<&'a str, Refusal> {
    said.get(name).and_then(Value::as_str).ok_or_else(|| bad(format!("{name} is missing")))
}
