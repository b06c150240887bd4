//! The call of the provider: retries and fallbacks, whole answers and streams, and that each request that was let in
//! ends, whatever becomes of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use rust_decimal::Decimal;
use serde_json::json;

use super::RouteState;
use super::admit::Admitted;
use super::anthropic::{self, Translated};
use super::asked::{Asked, Route};
use super::charge::{Bill, LATE, RequestEnd};
use super::faults::Fault;
use super::refusal::refuse;
use super::store::Cached;
use super::told::Rewriting;
use super::usage::{Reader, Tally};

/// A request that was let in, until it ends: when this is dropped at the latest.
pub(super) struct Ticket {
    node: RouteState,
    asked: Arc<Asked>,
    admitted: Admitted,
    /// The model that is asked now.
    model: String,
    attempts: u64,
    /// What was charged when the stream began.
    advance: Option<Decimal>,
    is_open: bool,
}

impl Ticket {
    pub(super) fn new(node: RouteState, asked: Arc<Asked>, admitted: Admitted) -> Ticket {
        let model = asked.model.clone();
        Ticket { node, asked, admitted, model, attempts: 0, advance: None, is_open: true }
    }

    /// Ends it; gives the headers in which a whole answer says what it cost, and what is left.
    pub(super) fn close(&mut self, end: RequestEnd, usage: &Tally) -> HeaderMap {
        if !std::mem::take(&mut self.is_open) {
            return HeaderMap::new();
        }
        let Ticket { asked, model, attempts, advance, .. } = self;
        let advance = advance.unwrap_or_default();
        let bill = Bill { asked, end, model, usage, attempts: *attempts, advance };
        let mut world = self.node.lock();
        let cost = world.charge(self.node.instance, &self.admitted, &bill);
        let mut headers = world.tells(asked, end, cost, world.price(model, usage));
        if asked.route.tells_left() {
            headers.extend(self.admitted.left.drain());
        }
        if world.has(Fault::SpendWrittenLate) {
            let node = self.node.clone();
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                node.lock().write_late();
            });
        }
        headers
    }

    /// Charges for a stream that begins: a client that leaves has paid for what it saw before anyone misses it.
    fn begin(&mut self, usage: &Tally) {
        if self.advance.is_none() {
            let advance = self.node.lock().charge_advance(self.node.instance, &self.admitted, &self.model, usage);
            self.advance = Some(advance);
        }
    }

    /// Asks the provider, and passes its answer on.
    pub(super) async fn call(mut self) -> Response {
        let response = match self.answered().await {
            Ok(response) => response,
            Err(error) => {
                self.close(RequestEnd::Failed, &Tally::default());
                return refuse(StatusCode::BAD_GATEWAY, "upstream", error.to_string()).into_response();
            }
        };
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
        let is_broken = self.node.lock().has(Fault::AnswersBroken);
        if status.is_success() && self.asked.stream && !is_broken {
            let inner = Box::pin(response.bytes_stream());
            let reader = Reader::new(self.node.lock().fault);
            let translated = self.is_translated().then(|| Translated::new(!self.asked.hides_usage));
            let rewriting = Rewriting::of(self.asked.route);
            let passing = Passing { inner, reader, translated, seen: Vec::new(), rewriting, ticket: self };
            return (status, [(CONTENT_TYPE, content_type)], Body::from_stream(passing)).into_response();
        }
        match response.bytes().await {
            Err(error) => {
                self.close(RequestEnd::BrokenOff, &Tally::default());
                refuse(StatusCode::BAD_GATEWAY, "upstream", error.to_string()).into_response()
            }
            Ok(body) => {
                let usage = Tally::of_body(&body, self.node.lock().fault);
                let body = if self.is_translated() { anthropic::answer(&body) } else { body };
                let end = if status.is_success() { RequestEnd::Answered } else { RequestEnd::Failed };
                if status.is_success() {
                    self.keep(content_type.clone(), body.clone(), &usage);
                }
                let headers = self.close(end, &usage);
                match (is_broken, status.is_success()) {
                    (true, true) => axum::Json(json!({ "ok": true })).into_response(),
                    (false, true) => {
                        (status, headers, [(CONTENT_TYPE, content_type)], self.passed_on(body)).into_response()
                    }
                    (_, false) => (status, [(CONTENT_TYPE, content_type)], body).into_response(),
                }
            }
        }
    }

    /// Whether its answer comes in another API's words than the client's.
    fn is_translated(&self) -> bool {
        is_translated(&self.node, &self.asked, &self.model)
    }

    /// What the client gets of a whole answer.
    fn passed_on(&self, body: Bytes) -> Bytes {
        let mut world = self.node.lock();
        let body = world.altered(self.asked.route, body);
        if !world.has(Fault::CrowdAnswersMixedUp) {
            return body;
        }
        let is_crowded = self.admitted.charged.first().and_then(|key| world.store.accounts.get(key));
        let is_crowded = is_crowded.is_some_and(|key| key.rate.running > 0);
        let last = world.store.last_answers.insert(self.model.clone(), body.clone());
        last.filter(|_| is_crowded).unwrap_or(body)
    }

    /// The first answer that is not a failure of the provider, else the last failure.
    async fn answered(&mut self) -> reqwest::Result<reqwest::Response> {
        let asked = Arc::clone(&self.asked);
        let models = std::iter::once(&asked.model).chain(&asked.fallbacks);
        let calls: Vec<&String> = models.flat_map(|model| (0..=asked.retries).map(move |_| model)).collect();
        for model in calls.iter().take(calls.len() - 1) {
            let answer = self.one_call(model).await;
            let is_failure = answer.as_ref().map_or(true, |answer| {
                answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS
            });
            if !is_failure {
                return answer;
            }
        }
        self.one_call(calls[calls.len() - 1]).await
    }

    async fn one_call(&mut self, model: &str) -> reqwest::Result<reqwest::Response> {
        model.clone_into(&mut self.model);
        self.attempts += 1;
        call_of(&self.node, &self.asked, model).await
    }

    /// Keeps an answer, if it may be given again.
    fn keep(&self, content_type: HeaderValue, body: Bytes, usage: &Tally) {
        let mut world = self.node.lock();
        if let Some(key) = world.cache_key(&self.asked) {
            let cached = Cached { content_type, body, usage: usage.clone() };
            world.store.cache.insert(key, cached);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close(RequestEnd::Left, &Tally::default());
    }
}

/// One call of the provider.
pub(super) async fn call_of(node: &RouteState, asked: &Asked, model: &str) -> reqwest::Result<reqwest::Response> {
    let (name, with_usage) = {
        let world = node.lock();
        let name = world.models.get(model).map_or_else(|| model.to_owned(), |model| model.provider_model.clone());
        (name, !world.has(Fault::StreamWithoutUsageNotCharged))
    };
    let body = asked.for_provider(&name, with_usage);
    let (route, body) = match is_translated(node, asked, model) {
        true => (Route::Messages.behind(), anthropic::request(&body)),
        false => (asked.route.behind(), body),
    };
    node.http.post(format!("{}{route}", node.upstream)).json(&body).send().await
}

fn is_translated(node: &RouteState, asked: &Asked, model: &str) -> bool {
    asked.route == Route::Chat && node.lock().models.get(model).is_some_and(|model| model.is_of_anthropic)
}

/// A stream on its way through. If it is dropped before its end, the client has gone away.
struct Passing {
    inner: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    reader: Reader,
    /// What makes it a stream of the API that was asked, if it is one of another.
    translated: Option<Translated>,
    /// What has passed, if it may be given again.
    seen: Vec<u8>,
    /// None if it is passed on as it is.
    rewriting: Option<Rewriting>,
    ticket: Ticket,
}

impl Stream for Passing {
    type Item = reqwest::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Poll::Ready(chunk) = self.inner.as_mut().poll_next(context) else { return Poll::Pending };
        let Passing { reader, translated, seen, ticket, rewriting, .. } = &mut *self;
        let mut chunk = chunk;
        match &mut chunk {
            Some(Ok(bytes)) => {
                reader.read(bytes);
                if let Some(translated) = translated {
                    *bytes = translated.push(bytes);
                }
                if ticket.asked.cache_key.is_some() {
                    seen.extend_from_slice(bytes);
                }
                // Before its last event is passed on: whoever has read that may ask at once what it cost.
                if reader.is_whole && ticket.is_open {
                    let usage = reader.usage();
                    ticket.keep(HeaderValue::from_static("text/event-stream"), seen.clone().into(), &usage);
                    ticket.close(RequestEnd::Answered, &usage);
                } else if reader.has_begun && ticket.is_open {
                    ticket.begin(&reader.usage());
                }
            }
            Some(Err(_)) | None => {
                ticket.close(RequestEnd::BrokenOff, &reader.usage());
            }
        }
        let pass = |chunk: Bytes| match rewriting {
            Some(rewriting) => {
                let world = ticket.node.lock();
                rewriting.piece(&world, &chunk, || world.price(&ticket.model, &reader.usage()))
            }
            None => chunk,
        };
        Poll::Ready(chunk.map(|chunk| chunk.map(pass)))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let Passing { reader, ticket, .. } = self;
        ticket.close(RequestEnd::Left, &reader.usage());
    }
}
