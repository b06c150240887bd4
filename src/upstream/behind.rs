//! wiremock, which gives the answers it can send. It is behind the front, which passes requests on to it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::answer::{self, Event};
use super::call::{Call, CallCounts, Reply, api_at};

/// After this many requests wiremock forgets them: each of its mocks keeps every request that it has matched, with the
/// buffer that it was read into (5 KB each; half the memory of 2,000 trials).
const KEPT: usize = 500;

pub(super) struct Behind {
    server: MockServer,
    calls: Arc<CallCounts>,
    asked: AtomicUsize,
}

impl Behind {
    pub(super) async fn start(calls: Arc<CallCounts>) -> io::Result<Behind> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = MockServer::builder().listener(listener).disable_request_recording().start().await;
        let behind = Behind { server, calls, asked: AtomicUsize::new(0) };
        behind.mount().await;
        Ok(behind)
    }

    pub(super) fn uri(&self) -> String {
        self.server.uri()
    }

    /// Counts a request that is about to be passed on. Now and then there is no mock for a moment: then all get 404.
    pub(super) async fn count(&self) {
        if self.asked.fetch_add(1, Ordering::Relaxed) % KEPT == KEPT - 1 {
            self.server.reset().await;
            self.mount().await;
        }
    }

    async fn mount(&self) {
        let of_an_api = |request: &Request| api_at(request.url.path()).is_some();
        let provider = Provider { calls: Arc::clone(&self.calls) };
        Mock::given(method("POST")).and(of_an_api).respond_with(provider).mount(&self.server).await;
    }
}

/// What wiremock answers.
struct Provider {
    calls: Arc<CallCounts>,
}

impl Respond for Provider {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Some(api) = api_at(request.url.path()) else {
            return ResponseTemplate::new(404);
        };
        let call = match Call::read(api, &request.body) {
            Ok(call) => call,
            Err(wrong) => return ResponseTemplate::new(400).set_body_json(answer::error(api, wrong)),
        };
        let response = match call.answer(&self.calls) {
            Reply::Whole { status, body } => ResponseTemplate::new(status).set_body_json(body),
            Reply::Streamed { events, .. } => {
                let events: String = events.into_iter().map(Event::into_wire).collect();
                ResponseTemplate::new(200).set_body_raw(events, "text/event-stream")
            }
        };
        match call.marker.late {
            Duration::ZERO => response,
            late => response.set_delay(late),
        }
    }
}
