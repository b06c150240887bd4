//! The upstream: a fake model provider whose every answer has a known price.
//!
//! It speaks as much of OpenAI's and Anthropic's APIs as gateways need, whole and streamed; takes from the [`Marker`] in
//! the prompt what to answer; and counts the calls each request of each trial really caused. It knows nothing of budgets.
//!
//! It is wiremock, behind a front for the streams that wiremock cannot send: slow ones, and those that break.

mod answer;
mod behind;
mod call;
mod front;
pub mod marker;
pub mod provided;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use behind::Behind;
use call::{Call, CallCounts, Reply, api_at};
use front::Front;
pub use marker::{Marker, Usage};
pub use provided::{Mark, Provided};

use crate::scenario::Api;

/// A running upstream. Dropping it stops it.
pub struct Upstream {
    address: SocketAddr,
    calls: Arc<CallCounts>,
    _front: oneshot::Sender<()>,
}

impl Upstream {
    /// Starts it on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on: the port is taken, or the address is not this machine's.
    pub async fn start(address: SocketAddr) -> io::Result<Upstream> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let calls = Arc::new(CallCounts::default());
        let behind = Behind::start(Arc::clone(&calls)).await?;
        let front = Front::new(behind, Arc::clone(&calls)).map_err(io::Error::other)?;
        Ok(Upstream { address, calls, _front: front.serve(listener) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often this request of this trial has reached the upstream.
    pub fn calls(&self, trial: &str, request: usize) -> usize {
        self.calls_of(trial, [request])
    }

    /// How often these requests of this trial have reached it, together.
    pub fn calls_of(&self, trial: &str, requests: impl IntoIterator<Item = usize>) -> usize {
        self.calls.of(trial, requests)
    }
}

/// What the upstream answered in one piece, and would answer again.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// Its `id`, if it has one, differs each time.
    pub body: Value,
    /// Whether its `model` is the one that was asked for.
    pub names_model_asked_for: bool,
}

/// What the upstream answers to a request that a gateway passes on as it is; nothing if that is an error or a stream,
/// or the gateway makes another request of it.
pub fn answered(route: &str, body: &Value) -> Option<Answered> {
    const MODEL: &str = "the model asked for";
    let api = api_at(route).filter(|api| *api != Api::Messages)?;
    let asked = serde_json::json!({ "model": MODEL });
    let mut body = body.clone();
    body.as_object_mut()?.extend(asked.as_object().cloned()?);
    let call = Call::read(api, body.to_string().as_bytes()).ok()?;
    match call.answer(&CallCounts::default()) {
        Reply::Whole { status: 200, body } => {
            // The mark means something only where it is looked at.
            let body = body.to_string().replace(&format!("{} ", call.marker.mark()), "");
            let mut body: Value = serde_json::from_str(&body).ok()?;
            let names_model_asked_for = body["model"] == MODEL;
            if body["id"].is_string() {
                body["id"] = "".into();
            }
            Some(Answered { body, names_model_asked_for })
        }
        Reply::Whole { .. } | Reply::Streamed { .. } => None,
    }
}

/// Whether a gateway's error is the one the upstream was told to answer.
pub fn told_to_fail(message: &str) -> bool {
    message.contains(answer::TOLD_TO_FAIL)
}
