//! Speaking HTTP with a gateway: what all adapters have in common. Requests with limits of time and size, notes of what
//! the admin API was asked, errors in words that are the same for all. Not: any gateway's routes or fields.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Request, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::adapter::StreamEnd;
use super::refusal::Refusals;
use super::stream::Stream;
use super::tempo::Tempo;
use super::told::Tells;
use super::{AdminError, Ask, openai};
use crate::outcome::{AdminCall, Answer, Broken, Gives, Said, Sent};
use crate::scenario::value::shortened;
use crate::scenario::{Budget, Usd};
use crate::secret::{Secret, redact};

/// The longest body to read: a gateway that goes on for ever must not fill this machine's memory.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// How a gateway wants to be told who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A bearer token.
    Bearer,
    /// HTTP Basic; the secret is `name:password`.
    Basic,
}

impl Credential {
    fn put(self, request: RequestBuilder, secret: &Secret) -> RequestBuilder {
        match (self, secret.reveal().split_once(':')) {
            (Credential::Basic, Some((name, password))) => request.basic_auth(name, Some(password)),
            (Credential::Basic, None) => request.basic_auth(secret.reveal(), None::<&str>),
            (Credential::Bearer, _) => request.bearer_auth(secret.reveal()),
        }
    }
}

/// What the admin API was asked, in order.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<AdminCall>>>);

impl Notes {
    /// Takes what was noted since the last time.
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

/// An instance of a gateway: where it answers and who administers it.
#[derive(Debug, Clone)]
pub struct Connection {
    pub http: Client,
    /// Without a slash at its end.
    pub base_url: String,
    /// A service in front of it, which requests of models go to instead, and what they carry for that.
    pub(super) front: Option<(String, HeaderMap)>,
    /// Where the gateway reaches the upstream, for models that are defined through the admin API.
    pub upstream: String,
    pub admin_key: Secret,
    /// How long one answer may take.
    pub limit: Duration,
    pub(super) credential: Credential,
    pub(super) refusals: &'static Refusals,
    pub(super) stream_end: StreamEnd,
    pub(super) tells: &'static Tells,
    pub(super) notes: Option<Notes>,
    pub(super) tempo: Tempo,
}

impl Connection {
    /// The same, but noting what it asks of the admin API.
    pub(super) fn noting(&self) -> (Connection, Notes) {
        let notes = Notes::default();
        (Connection { notes: Some(notes.clone()), ..self.clone() }, notes)
    }

    pub(super) fn note(&self, request: &Request) {
        if let Some(notes) = &self.notes {
            notes.add(Sent::of(request));
        }
    }

    /// Notes what the last answer gives.
    pub(super) fn note_given(&self, text: &str, field: &str) {
        if let Some(notes) = &self.notes {
            notes.last_gives(redact(text), field);
        }
    }

    /// A request with somebody's secret.
    pub(super) fn request(&self, method: Method, route: &str, who: &Secret) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{route}", self.base_url)).timeout(self.limit);
        self.credential.put(request, who)
    }

    pub(super) fn post(&self, route: &str, who: &Secret) -> RequestBuilder {
        self.request(Method::POST, route, who)
    }

    /// Where requests of models go: the gateway itself, or what is in front of it.
    pub(super) fn of_models(&self) -> Cow<'_, Connection> {
        match &self.front {
            Some((url, _)) => Cow::Owned(Connection { base_url: url.clone(), ..self.clone() }),
            None => Cow::Borrowed(self),
        }
    }

    /// A request of a model, with what the service in front wants.
    pub(super) fn to_model(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.front {
            Some((_, headers)) => request.headers(headers.clone()),
            None => request,
        }
    }

    /// A request that no trial makes, such as a health check; it may take only a moment.
    pub(super) fn ask_health(&self, route: &str) -> RequestBuilder {
        self.http.get(format!("{}{route}", self.base_url)).timeout(self.limit.min(Duration::from_secs(5)))
    }

    /// Reads from the admin API.
    pub(super) async fn read<T: DeserializeOwned>(&self, route: &str, query: &[(&str, &str)]) -> Result<T, AdminError> {
        let request = self.request(Method::GET, route, &self.admin_key).query(query);
        self.exchange(&format!("GET {route}"), request).await
    }

    pub(super) async fn admin(&self, route: &str, body: &Value) -> Result<Value, AdminError> {
        self.admin_by(Method::POST, route, body).await
    }

    pub(super) async fn admin_by<T: DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        body: &Value,
    ) -> Result<T, AdminError> {
        let endpoint = format!("{method} {route}");
        self.exchange(&endpoint, self.request(method, route, &self.admin_key).json(body)).await
    }

    pub(super) async fn exchange<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        request: RequestBuilder,
    ) -> Result<T, AdminError> {
        let body = self.text(endpoint, request).await?;
        // Some requests get an empty answer, such as a deletion with 204.
        let read = match body.trim() {
            "" => T::deserialize(Value::Null),
            body => serde_json::from_str(body),
        };
        read.map_err(|error| AdminError::Body { endpoint: endpoint.to_owned(), message: redact(&error.to_string()) })
    }

    /// What the admin API answers, as it is.
    pub(super) async fn text(&self, endpoint: &str, request: RequestBuilder) -> Result<String, AdminError> {
        let broken = |how| AdminError::Broken { endpoint: endpoint.to_owned(), how };
        let request = request.build().map_err(|error| broken(self.broken(&error)))?;
        self.note(&request);
        let began = Instant::now();
        let response = self.http.execute(request).await.map_err(|error| broken(self.broken(&error)))?;
        let status = response.status();
        let body = self.body(response, |_| false).await.map_err(broken)?;
        self.tempo.note(began.elapsed());
        match status.is_success() {
            true => Ok(body),
            false => Err(self.refusals.of_admin(endpoint.to_owned(), status.as_u16(), &body)),
        }
    }

    /// What a model request gets as its answer, and what that says.
    pub(super) async fn answer(&self, request: Request, ask: &Ask) -> (Answer, Said) {
        let began = Instant::now();
        let response = match self.http.execute(request).await {
            Ok(response) => response,
            Err(error) => return (Answer::Broken { how: self.broken(&error) }, Said::default()),
        };
        let status = response.status();
        let accepted = Answer::Accepted { status: status.as_u16() };
        let said = self.tells.in_headers(response.headers());
        let mut stream = Stream::new(ask.api, self.stream_end).after(said.clone(), self.tells.cost_in_streams);
        let mut left = false;
        let body = self.body(response, |part| {
            stream.push(part);
            // The client goes away before the end.
            left = status.is_success() && ask.leave_after.is_some_and(|chunks| stream.chunks() >= usize::from(chunks));
            left
        });
        let body = body.await;
        // The provider's time is not the gateway's.
        self.tempo.note(began.elapsed().saturating_sub(ask.late));
        match body {
            _ if left || (status.is_success() && ask.is_broken_off) => (accepted, said),
            Err(how) => (Answer::Broken { how }, said),
            Ok(body) if !status.is_success() => self.refusal(status.as_u16(), &body, said),
            Ok(body) if ask.stream => match stream.ended() {
                (true, said) => (accepted, said),
                (false, said) => (no_answer(&body), said),
            },
            Ok(body) => match openai::answer(ask.api, &body, said) {
                Some(said) => (accepted, said),
                None => (no_answer(&body), Said::default()),
            },
        }
    }

    fn refusal(&self, status: u16, body: &str, said: Said) -> (Answer, Said) {
        let answer = self.refusals.read(status, body);
        let names = match &answer {
            Answer::Refused { message, .. } => self.tells.named(message),
            Answer::Accepted { .. } | Answer::Broken { .. } => None,
        };
        (answer, Said { names, ..said })
    }

    /// What a request for a list of models gets as its answer.
    pub(super) async fn listed(&self, request: RequestBuilder) -> (Option<Sent>, Answer) {
        let request = match request.build() {
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
            Ok((status, body)) => self.refusals.read(status.as_u16(), &body),
            Err(how) => Answer::Broken { how },
        };
        (sent, answer)
    }

    /// The body of a response, until it ends or `is_enough` says so of a part.
    pub(super) async fn body(
        &self,
        mut response: Response,
        mut is_enough: impl FnMut(&[u8]) -> bool,
    ) -> Result<String, Broken> {
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

    pub(super) fn broken(&self, error: &reqwest::Error) -> Broken {
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

/// A budget as a JSON number; what JSON cannot write as a number, as a text that Python reads.
pub(super) fn number(budget: &Budget) -> Value {
    match budget {
        Budget::Usd(amount) => serde_json::from_str(&amount.to_string()).unwrap_or(Value::Null),
        Budget::NotANumber | Budget::Infinite => budget.to_string().into(),
    }
}

/// A JSON number as an exact amount; Python writes small ones as `5e-07`.
pub(super) fn amount(json: &str) -> Option<Usd> {
    use rust_decimal::Decimal;
    let json = if json == "null" { "0" } else { json };
    // A binary float's digits beyond a Decimal's 28 say nothing.
    Decimal::from_scientific(json).or_else(|_| json.parse()).ok().map(Usd)
}
