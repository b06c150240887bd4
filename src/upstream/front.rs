//! The front of the upstream: the address that gateways are given. wiremock sends a body whole, so the front itself
//! gives the answers that are slow or lost in mid-stream, and passes on everything else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use futures_util::stream;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::answer::Event;
use super::behind::Behind;
use super::call::{Call, CallCounts, Finish, Reply, api_at};

pub(super) struct Front {
    http: Client,
    behind: Behind,
    calls: Arc<CallCounts>,
}

impl Front {
    pub(super) fn new(behind: Behind, calls: Arc<CallCounts>) -> reqwest::Result<Front> {
        Ok(Front { http: Client::builder().no_proxy().build()?, behind, calls })
    }

    /// Serves until the returned sender is dropped.
    pub(super) fn serve(self, listener: TcpListener) -> oneshot::Sender<()> {
        // Without a limit, like wiremock; and chunks are sent as they are written, not when the last one has arrived.
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::new(self));
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            // Nothing is ever sent: dropping the sender ends the wait, and with it the server.
            let _ = axum::serve(listener, router).with_graceful_shutdown(async { drop(stopped.await) }).await;
        });
        stop
    }

    async fn pass_on(&self, method: Method, uri: &Uri, body: Bytes) -> reqwest::Result<Response> {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let url = format!("{}{path}", self.behind.uri());
        let is_for_a_mock = method == Method::POST && api_at(uri.path()).is_some();
        self.behind.count().await;
        // In the moment without a mock nothing was counted, so we ask again. A 404 that was asked for has a body.
        let has_no_mock = |response: &reqwest::Response| {
            response.status() == StatusCode::NOT_FOUND && !response.headers().contains_key(CONTENT_TYPE)
        };
        let response = loop {
            let response = self.http.request(method.clone(), &url).body(body.clone()).send().await?;
            if !(is_for_a_mock && has_no_mock(&response)) {
                break response;
            }
            tokio::task::yield_now().await;
        };
        let content_type = response.headers().get(CONTENT_TYPE).cloned().map(|value| [(CONTENT_TYPE, value)]);
        Ok((response.status(), content_type, response.bytes().await?).into_response())
    }
}

async fn answer(State(front): State<Arc<Front>>, method: Method, uri: Uri, body: Bytes) -> Response {
    match paced(&uri, &body) {
        Some(call) => {
            let reply = call.answer(&front.calls);
            tokio::time::sleep(call.marker.late).await;
            on_the_wire(reply, call.marker.pause)
        }
        None => {
            let passed_on = front.pass_on(method, &uri, body).await;
            passed_on.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
        }
    }
}

/// The call, if the front itself answers it. Most are not for it, so their JSON is not read twice.
fn paced(uri: &Uri, body: &Bytes) -> Option<Call> {
    let text = std::str::from_utf8(body).ok()?;
    if !text.contains(" pause=") && !text.contains(" break_after=") {
        return None;
    }
    Call::read(api_at(uri.path())?, body).ok().filter(Call::is_paced)
}

fn on_the_wire(reply: Reply, pause: Duration) -> Response {
    match reply {
        Reply::Whole { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, axum::Json(body)).into_response()
        }
        Reply::Streamed { events, end } => {
            ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(timed(events, pause, end))).into_response()
        }
    }
}

/// The events at their times. An error at the end makes hyper drop the connection in the middle of the body.
fn timed(events: Vec<Event>, pause: Duration, end: Finish) -> impl stream::Stream<Item = io::Result<String>> {
    stream::unfold(Some(events.into_iter()), move |left| async move {
        let mut left = left?;
        match (left.next(), end) {
            (Some(event), _) => {
                if matches!(event, Event::Text(_)) {
                    tokio::time::sleep(pause).await;
                }
                Some((Ok(event.into_wire()), Some(left)))
            }
            (None, Finish::Done) => None,
            (None, Finish::Lost) => {
                // hyper writes out what it has when it has to wait; an error would lose it.
                tokio::task::yield_now().await;
                Some((Err(io::ErrorKind::ConnectionAborted.into()), None))
            }
        }
    })
}
