//! The adapter for LiteLLM's proxy: its admin API, its OpenAI API, its refusals. The built-in gateway serves the
//! same routes and is driven by it too.
//!
//! Routes and fields were read in the 1.82.3 wheel (`proxy/_types.py`); statuses and bodies of refusals were
//! measured on 1.81.0, 1.82.3 and 1.108.7.

pub mod configured;
pub mod deployments;
mod entities;
mod refusal;
pub mod release;
pub mod requests;
pub mod shown;
pub mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Method, Request, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::books::Books;
use super::{AdminCall, AdminError, Answer, Ask, Broken, Gives, Secret, Sent, redact};
use crate::scenario::Usd;
use crate::scenario::value::shortened;
pub use entities::is_reading;
use stream::Stream;

/// When recorded spend can be expected, after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How often to look.
    pub poll: Duration,
    /// The longest that a charge can be on its way: so long it takes to know that there was none.
    pub behind: Duration,
    /// How many times faster than ours its clock runs: periods of a scenario are divided by it.
    pub clock: u32,
}

impl Pace {
    /// The built-in gateway's: with the answer.
    pub const AT_ONCE: Pace = Pace { poll: Duration::from_millis(5), behind: Duration::ZERO, clock: 20 };
    /// LiteLLM's, as it is launched here: `proxy_batch_write_at: 1` and a random 0 to 5 s (measured: 1 to 6 s).
    /// Asking more often would only load a proxy that needs 10 ms and more for each answer.
    pub const WRITE_BEHIND: Pace =
        Pace { poll: Duration::from_millis(400), behind: Duration::from_millis(6500), clock: 1 };
}

/// The longest body that is read: a gateway that goes on for ever must not fill this machine's memory.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What an end user may spend that the gateway does not know, in USD: scenarios with an unknown end user say the same.
const DEFAULT_END_USER_USD: f64 = 0.05;

/// A LiteLLM proxy, or what speaks like one.
#[derive(Debug, Clone)]
pub struct LiteLlm {
    http: Client,
    base_url: String,
    /// Where the gateway reaches the upstream, for models that are defined through the admin API.
    upstream: String,
    admin_key: Secret,
    /// How long one answer may take.
    limit: Duration,
    pub pace: Pace,
    pub books: Books,
    notes: Option<Notes>,
}

/// What the admin API was asked, in order.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<AdminCall>>>);

impl Notes {
    /// What was noted since it was last taken.
    pub fn take(&self) -> Vec<AdminCall> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, sent: Sent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(AdminCall { sent, gives: None });
    }

    fn last_gives(&self, text: String, field: &str) {
        if let Some(last) = self.0.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
            last.gives = Some(Gives { text, field: field.to_owned() });
        }
    }
}

impl LiteLlm {
    /// `base_url` without a slash at its end; `limit` for each answer.
    pub fn new(
        http: Client,
        base_url: impl Into<String>,
        upstream: impl Into<String>,
        admin_key: Secret,
        limit: Duration,
        pace: Pace,
    ) -> LiteLlm {
        LiteLlm {
            http,
            base_url: base_url.into(),
            upstream: upstream.into(),
            admin_key,
            limit,
            pace,
            books: Books::default(),
            notes: None,
        }
    }

    /// The same, which notes what it asks of the admin API.
    pub fn noting(&self) -> (LiteLlm, Notes) {
        let notes = Notes::default();
        (LiteLlm { notes: Some(notes.clone()), ..self.clone() }, notes)
    }

    fn note(&self, request: &Request) {
        if let Some(notes) = &self.notes {
            notes.add(Sent::of(request));
        }
    }

    /// Notes what the last answer holds.
    fn note_given(&self, text: &str, field: &str) {
        if let Some(notes) = &self.notes {
            notes.last_gives(redact(text), field);
        }
    }

    /// Whether it is up and has its database; its version, as it says itself.
    ///
    /// # Errors
    /// What it answered instead, or how the exchange broke.
    pub async fn ready(&self) -> Result<Option<String>, AdminError> {
        #[derive(Deserialize)]
        struct Readiness {
            #[serde(default)]
            db: Option<String>,
            #[serde(default)]
            litellm_version: Option<String>,
        }
        const ROUTE: &str = "/health/readiness";
        let request =
            self.http.get(format!("{}{ROUTE}", self.base_url)).timeout(self.limit.min(Duration::from_secs(5)));
        let readiness: Readiness = self.exchange("GET /health/readiness", request).await?;
        match readiness.db.as_deref() {
            Some("connected") => Ok(readiness.litellm_version.map(|version| redact(&version))),
            other => Err(AdminError::Body {
                endpoint: "GET /health/readiness".to_owned(),
                message: format!("its database is {}", redact(other.unwrap_or("not there"))),
            }),
        }
    }

    /// Makes what the configuration can only name: the budget of end users that the gateway does not know.
    ///
    /// # Errors
    /// When the admin API refuses it for another reason than that it is there.
    pub async fn prepare(&self) -> Result<(), AdminError> {
        let budget = json!({ "budget_id": deployments::DEFAULT_END_USER_BUDGET, "max_budget": DEFAULT_END_USER_USD });
        match self.admin("/budget/new", &budget).await {
            Ok(_) => Ok(()),
            // One that is there already: 500 on 1.81.0 and 1.82.3, 400 later.
            Err(AdminError::Status { status: 400 | 500, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Where it answers.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where it reaches the upstream.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    pub fn admin_key(&self) -> &Secret {
        &self.admin_key
    }

    /// Opens a dashboard session for a user: gives it a password, logs in, and takes the session's own key out
    /// of the token that the dashboard gets. (On 1.108.7 a password set this way no longer logs in: then this is lacking.)
    pub async fn session_of(&self, user: &str) -> Result<Secret, AdminError> {
        let email = format!("{user}@gatecrash.invalid");
        // As 1.108.7 wants a password to be.
        let password = format!("sk-Session-{user}!");
        let update =
            json!({ "user_id": user, "user_email": email, "password": password, "user_role": "internal_user" });
        self.admin("/user/update", &update).await?;

        const LOGIN: &str = "POST /v2/login";
        let broken = |error| AdminError::Broken { endpoint: LOGIN.into(), how: self.broken(&error) };
        let request = self.http.post(format!("{}/v2/login", self.base_url)).timeout(self.limit);
        let request = request.json(&json!({ "username": email, "password": password })).build().map_err(broken)?;
        self.note(&request);
        let response = self.http.execute(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let cookies = response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let token = cookies
            .filter_map(|cookie| cookie.strip_prefix("token="))
            .find_map(|token| session_key(token.trim_matches('"')))
            .map(|key| Secret::named(key, &format!("session key of {user}")));
        match token {
            Some(key) => Ok(key),
            None => {
                let message = redact(&self.body(response, |_| false).await.unwrap_or_default());
                let endpoint = LOGIN.to_owned();
                match status {
                    400..=499 => Err(AdminError::Lacks { endpoint, message }),
                    _ => Err(AdminError::Status { endpoint, status, message }),
                }
            }
        }
    }

    /// Asks a model with a key; says what it sent, too, unless that could not be sent.
    pub async fn ask(&self, key: &Secret, ask: &Ask) -> (Option<Sent>, Answer) {
        let mut request = self.post(requests::route(ask.api), key).timeout(self.limit + ask.late);
        for (name, value) in requests::headers(ask) {
            request = request.header(name, value);
        }
        match request.json(&requests::body(ask)).build() {
            Ok(request) => (Some(Sent::of(&request)), self.answer(request, ask).await),
            Err(error) => (None, Answer::Broken { how: self.broken(&error) }),
        }
    }

    async fn answer(&self, request: Request, ask: &Ask) -> Answer {
        let response = match self.http.execute(request).await {
            Ok(response) => response,
            Err(error) => return Answer::Broken { how: self.broken(&error) },
        };
        let status = response.status();
        let accepted = Answer::Accepted { status: status.as_u16() };
        let mut stream = Stream::new(ask.api);
        let mut left = false;
        let body = self.body(response, |part| {
            stream.push(part);
            // A client that goes away before the end.
            left = status.is_success() && ask.leave_after.is_some_and(|chunks| stream.chunks() >= usize::from(chunks));
            left
        });
        match body.await {
            _ if left || (status.is_success() && ask.is_broken_off) => accepted,
            Err(how) => Answer::Broken { how },
            Ok(body) if !status.is_success() => refusal::read(status.as_u16(), &body),
            Ok(body) => {
                let is_answer = if ask.stream { stream.is_answer() } else { requests::is_answer(ask.api, &body) };
                if is_answer { accepted } else { no_answer(&body) }
            }
        }
    }

    /// Asks for the list of models with a key, on behalf of an end user if one is named.
    pub async fn list_models(&self, key: &Secret, end_user: Option<&str>) -> (Option<Sent>, Answer) {
        let mut request = self.http.get(format!("{}/v1/models", self.base_url)).bearer_auth(key.reveal());
        if let Some(end_user) = end_user {
            request = request.header(requests::END_USER_HEADER, end_user);
        }
        let request = match request.timeout(self.limit).build() {
            Ok(request) => request,
            Err(error) => return (None, Answer::Broken { how: self.broken(&error) }),
        };
        let sent = Some(Sent::of(&request));
        let answered = async {
            let response = self.http.execute(request).await.map_err(|error| self.broken(&error))?;
            Ok((response.status(), self.body(response, |_| false).await?))
        };
        let answer = match answered.await {
            Ok((status, body)) if status.is_success() => match serde_json::from_str::<Value>(&body) {
                Ok(list) if list["data"].is_array() => Answer::Accepted { status: status.as_u16() },
                Ok(_) | Err(_) => no_answer(&body),
            },
            Ok((status, body)) => refusal::read(status.as_u16(), &body),
            Err(how) => Answer::Broken { how },
        };
        (sent, answer)
    }

    /// The body of a response, until it ends or `is_enough` of its parts.
    async fn body(&self, mut response: Response, mut is_enough: impl FnMut(&[u8]) -> bool) -> Result<String, Broken> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + part.len() > LARGEST_BODY {
                return Err(Broken::Body(format!("it is longer than {} MiB", LARGEST_BODY / 1024 / 1024)));
            }
            body.extend_from_slice(&part);
            if is_enough(&part) {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn post(&self, route: &str, key: &Secret) -> RequestBuilder {
        self.http
            .request(Method::POST, format!("{}{route}", self.base_url))
            .bearer_auth(key.reveal())
            .timeout(self.limit)
    }

    /// Reads from the admin API.
    async fn read<T: DeserializeOwned>(&self, route: &str, query: (&str, &str)) -> Result<T, AdminError> {
        let request = self.http.get(format!("{}{route}", self.base_url)).query(&[query]).timeout(self.limit);
        self.exchange(&format!("GET {route}"), request.bearer_auth(self.admin_key.reveal())).await
    }

    async fn admin(&self, route: &str, body: &Value) -> Result<Value, AdminError> {
        self.admin_by(Method::POST, route, body).await
    }

    async fn admin_by<T: DeserializeOwned>(&self, method: Method, route: &str, body: &Value) -> Result<T, AdminError> {
        let endpoint = format!("{method} {route}");
        let request = self.http.request(method, format!("{}{route}", self.base_url)).timeout(self.limit);
        self.exchange(&endpoint, request.bearer_auth(self.admin_key.reveal()).json(body)).await
    }

    async fn exchange<T: DeserializeOwned>(&self, endpoint: &str, request: RequestBuilder) -> Result<T, AdminError> {
        let endpoint = endpoint.to_owned();
        let broken = |how| AdminError::Broken { endpoint: endpoint.clone(), how };
        let request = request.build().map_err(|error| broken(self.broken(&error)))?;
        self.note(&request);
        let response = self.http.execute(request).await.map_err(|error| broken(self.broken(&error)))?;
        let status = response.status();
        let body = self.body(response, |_| false).await.map_err(broken)?;
        if !status.is_success() {
            return Err(refusal::of_admin(endpoint, status.as_u16(), &body));
        }
        serde_json::from_str(&body).map_err(|error| AdminError::Body { endpoint, message: redact(&error.to_string()) })
    }

    fn broken(&self, error: &reqwest::Error) -> Broken {
        if error.is_timeout() {
            return Broken::Hung { ms: self.limit.as_millis() as u64 };
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Broken::Lost(redact(&cause.to_string()))
    }
}

/// A success whose body is not what was asked for.
fn no_answer(body: &str) -> Answer {
    Answer::Broken { how: Broken::Body(shortened(&redact(body))) }
}

/// A JSON number as an exact amount; LiteLLM writes small ones as `5e-07`.
fn amount(json: &str) -> Option<Usd> {
    use rust_decimal::Decimal;
    let json = if json == "null" { "0" } else { json };
    // A binary float's digits beyond the 28 of a Decimal say nothing.
    Decimal::from_scientific(json).or_else(|_| json.parse()).ok().map(Usd)
}

/// The key inside the token of a dashboard session: a JWT whose second part is JSON. Its signature is the
/// gateway's own affair.
fn session_key(cookie: &str) -> Option<String> {
    let token = cookie.split(';').next()?.trim_matches('"');
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload["key"].as_str().map(str::to_owned)
}
