//! The upstream: a fake model provider whose every answer has a known price.
//!
//! It speaks as much of OpenAI's API as gateways need (chat completions, responses, embeddings; whole and
//! streamed), takes the wanted usage from the [`Marker`] in the prompt, and counts the calls each request
//! of each trial really caused. It knows nothing of budgets.

mod answer;
pub mod marker;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::scenario::Api;
pub use marker::{Marker, Usage};

/// A running upstream. Dropping it stops it.
pub struct Upstream {
    server: MockServer,
    calls: Arc<Calls>,
}

/// How often each request, by its trial and number, has reached the upstream.
#[derive(Debug, Default)]
struct Calls(Mutex<HashMap<(String, usize), usize>>);

impl Calls {
    fn add(&self, marker: &Marker) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((marker.trial.clone(), marker.request)).or_default() += 1;
    }
}

impl Upstream {
    /// Starts it on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on: the port is taken, or the address is not this machine's.
    pub async fn start(address: SocketAddr) -> std::io::Result<Upstream> {
        let listener = TcpListener::bind(address)?;
        let server = MockServer::builder().listener(listener).disable_request_recording().start().await;
        let calls = Arc::new(Calls::default());
        for api in [Api::Chat, Api::Responses, Api::Embeddings] {
            let provider = Provider { api, calls: Arc::clone(&calls) };
            Mock::given(method("POST")).and(path_regex(routes(api))).respond_with(provider).mount(&server).await;
        }
        Ok(Upstream { server, calls })
    }

    pub fn address(&self) -> SocketAddr {
        *self.server.address()
    }

    /// How often this request of this trial has reached the upstream.
    pub fn calls(&self, trial: &str, request: usize) -> usize {
        let calls = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&(trial.to_owned(), request)).copied().unwrap_or(0)
    }
}

/// The routes of an API: OpenAI's own, and Azure's, which name the deployment.
fn routes(api: Api) -> &'static str {
    match api {
        Api::Chat => "^/(v1|openai/deployments/[^/]+)/chat/completions$",
        Api::Responses => "^/(v1|openai)/responses$",
        Api::Embeddings => "^/(v1|openai/deployments/[^/]+)/embeddings$",
    }
}

struct Provider {
    api: Api,
    calls: Arc<Calls>,
}

impl Respond for Provider {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Ok(body) = request.body_json::<Value>() else {
            return ResponseTemplate::new(400).set_body_json(answer::error("the request is not JSON"));
        };
        let Some(marker) = Marker::find(&prompt(self.api, &body)) else {
            return ResponseTemplate::new(400)
                .set_body_json(answer::error("there is no gatecrash marker in the prompt"));
        };
        self.calls.add(&marker);
        let response = match marker.fail_with {
            Some(status) => ResponseTemplate::new(status).set_body_json(answer::error(answer::TOLD_TO_FAIL)),
            None => answered(self.api, &marker, &body),
        };
        match marker.late {
            Duration::ZERO => response,
            late => response.set_delay(late),
        }
    }
}

fn answered(api: Api, marker: &Marker, request: &Value) -> ResponseTemplate {
    let asked_for = request["model"].as_str().unwrap_or_default();
    let model = marker.model.as_deref().unwrap_or(asked_for);
    if request["stream"].as_bool() != Some(true) {
        return ResponseTemplate::new(200).set_body_json(answer::whole(api, model, &marker.usage));
    }
    let with_usage = request["stream_options"]["include_usage"].as_bool() == Some(true);
    let events = answer::streamed(api, model, &marker.usage, with_usage);
    ResponseTemplate::new(200).set_body_raw(events, "text/event-stream")
}

/// Every text of a request that may hold the marker: the messages of a chat, the input of the others.
fn prompt(api: Api, body: &Value) -> String {
    match api {
        Api::Chat => texts(&body["messages"]),
        Api::Responses | Api::Embeddings => texts(&body["input"]),
    }
}

fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => fields.values().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

/// Whether a gateway's error is the one the upstream was told to answer.
pub fn told_to_fail(message: &str) -> bool {
    message.contains(answer::TOLD_TO_FAIL)
}
