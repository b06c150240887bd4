//! How a keeper is asked, by HTTP on loopback, and what it answers. Whoever asks shows the token from its record.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::super::turns::{Share, Turn};
use super::super::{Live, Topology, Undisturbed};
use super::place::Up;
use crate::scenario::{Disturbance, Instance, Part};
use crate::secret::Secret;

/// What a keeper is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) enum Asked {
    /// How often these requests of this trial have reached the upstream.
    Calls {
        trial: String,
        requests: Vec<usize>,
    },
    Node {
        topology: Topology,
        instance: Instance,
    },
    Disturb {
        topology: Topology,
        act: Disturbance,
        part: Part,
    },
    Restore,
    /// Ask it only with the target held alone.
    Revive,
    /// The same.
    Renew,
    Health,
    LogTail,
    /// Answered when it is the trial's turn, which lasts as long as the answer does.
    Turn(Share),
}

/// An instance of the gateway.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct Node {
    pub(in super::super) url: String,
    pub(in super::super) upstream: String,
    pub(in super::super) admin_key: String,
    /// How many trials run on the target, or wait to.
    pub(in super::super) trials: usize,
}

/// A keeper of a target, seen from a run.
#[derive(Debug, Clone)]
pub(in super::super) struct Keeper {
    http: reqwest::Client,
    url: String,
    token: Secret,
}

/// Why a keeper did not answer.
#[derive(Debug, thiserror::Error)]
#[error("its keeper does not answer: {0}")]
pub(in super::super) struct Gone(String);

/// The longest that anything but a turn takes: a gateway that is restarted has to become ready.
const LIMIT: Duration = Duration::from_secs(600);

impl Keeper {
    pub(super) fn new(http: reqwest::Client, up: &Up) -> Keeper {
        Keeper { http, url: up.url.clone(), token: up.token.clone() }
    }

    pub(in super::super) async fn ask<T: DeserializeOwned>(&self, asked: &Asked) -> Result<T, Gone> {
        let request = self.request(asked).timeout(LIMIT);
        let answered = async { request.send().await?.error_for_status()?.json().await };
        answered.await.map_err(|error| Gone(root_of(&error)))
    }

    pub(in super::super) async fn turn(&self, share: Share) -> Result<Lease, Gone> {
        let answered = async { self.request(&Asked::Turn(share)).send().await?.error_for_status() };
        answered.await.map(|held| Lease { _held: held }).map_err(|error| Gone(root_of(&error)))
    }

    fn request(&self, asked: &Asked) -> reqwest::RequestBuilder {
        self.http.post(&self.url).bearer_auth(self.token.reveal()).json(asked)
    }
}

fn root_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// A turn that the keeper gave: its answer stays open, and ends when nobody waits for the rest.
#[derive(Debug)]
pub struct Lease {
    _held: reqwest::Response,
}

/// What a keeper answers from.
pub(super) struct Keeping {
    pub(super) live: Arc<Live>,
    pub(super) token: Secret,
}

pub(super) async fn serve(listener: TcpListener, keeping: Keeping) -> std::io::Result<()> {
    let routes = Router::new().route("/", post(answer)).with_state(Arc::new(keeping));
    axum::serve(listener, routes).await
}

async fn answer(State(keeping): State<Arc<Keeping>>, headers: HeaderMap, body: Bytes) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if token != Some(keeping.token.reveal()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(asked) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let live = &keeping.live;
    match asked {
        Asked::Calls { trial, requests } => Json(live.calls(&trial, &requests).await).into_response(),
        Asked::Node { topology, instance } => Json(node(live, topology, instance).await).into_response(),
        Asked::Disturb { topology, act, part } => Json(live.disturb(topology, act, part).await).into_response(),
        Asked::Restore => {
            live.restore().await;
            Json(()).into_response()
        }
        Asked::Revive => Json(live.revive().await).into_response(),
        Asked::Renew => Json(live.renew().await).into_response(),
        Asked::Health => Json(live.health().await).into_response(),
        Asked::LogTail => Json(live.log_tail().await).into_response(),
        Asked::Turn(share) => {
            let turn = live.turn(share).await;
            lease(Loan { turn: Some(turn), live: Arc::clone(live) })
        }
    }
}

async fn node(live: &Live, topology: Topology, instance: Instance) -> Result<Node, Undisturbed> {
    let gateway = live.node(topology, instance).await?;
    Ok(Node {
        url: gateway.base_url().to_owned(),
        upstream: gateway.upstream().to_owned(),
        admin_key: gateway.admin_key().reveal().to_owned(),
        trials: live.turns.running(),
    })
}

/// A turn that was given to a trial elsewhere.
struct Loan {
    turn: Option<Turn>,
    live: Arc<Live>,
}

impl Drop for Loan {
    /// A trial that was killed while it had the target alone may have left it disturbed: the next one must not find it so.
    fn drop(&mut self) {
        if let Some(turn @ Turn::Alone { .. }) = self.turn.take() {
            let live = Arc::clone(&self.live);
            // When the keeper itself ends, there is nothing to put right any more.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    live.restore().await;
                    drop(turn);
                });
            }
        }
    }
}

/// An answer that begins now, and ends when nobody waits for it any more.
fn lease(given: Loan) -> Response {
    let endless = futures_util::stream::unfold(given, |given| async {
        std::future::pending::<()>().await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::new()), given))
    });
    Body::from_stream(endless).into_response()
}
