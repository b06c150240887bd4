//! The built-in gateway: in-process, correct unless it is given a fault (DESIGN, decision 4).
//!
//! It speaks LiteLLM's HTTP over a real socket, so that the same adapter drives it. It is for speed and for
//! testing the tests; it is not the product, and not the oracle: it shares no code with the harness's ledger.

mod admin;
pub mod faults;
mod price;
mod serve;
mod store;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::gateway::Secret;
pub use faults::{FAULTS, Fault};
use price::Prices;
use store::Store;

/// A running built-in gateway. Dropping it stops it.
pub struct Builtin {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Builtin {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be listened on, or the configuration is not understood.
    pub async fn start(
        config: &str,
        upstream: String,
        admin_key: &Secret,
        fault: Option<Fault>,
    ) -> std::io::Result<Builtin> {
        let prices = Prices::read(config).map_err(std::io::Error::other)?;
        let http = reqwest::Client::builder().no_proxy().build().map_err(std::io::Error::other)?;
        let admin_key = admin_key.reveal().to_owned();
        let gateway = Gateway { prices, http, upstream, admin_key, fault, store: Store::default(), made: 0 };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = router(Locked(Arc::new(Mutex::new(gateway))));
        let task = tokio::spawn(async move {
            // axum's server ends only with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Builtin { address, task })
    }

    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Builtin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(gateway: Locked) -> Router {
    Router::new()
        .route("/health/readiness", get(admin::readiness))
        .route("/user/new", post(admin::new_user))
        .route("/user/update", post(admin::update_user))
        .route("/user/info", get(admin::info))
        .route("/team/new", post(admin::new_team))
        .route("/team/info", get(admin::info))
        .route("/key/generate", post(admin::new_key))
        .route("/key/info", get(admin::info))
        .route("/key/block", post(admin::block_key))
        .route("/v2/login", post(admin::login))
        .route("/v1/chat/completions", post(serve::ask))
        .route("/v1/responses", post(serve::ask))
        .route("/v1/embeddings", post(serve::ask))
        .with_state(gateway)
}

type Shared = State<Locked>;

/// The gateway behind its lock, which is never held across a wait.
#[derive(Clone)]
struct Locked(Arc<Mutex<Gateway>>);

impl Locked {
    fn lock(&self) -> MutexGuard<'_, Gateway> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Gateway {
    prices: Prices,
    http: reqwest::Client,
    upstream: String,
    admin_key: String,
    fault: Option<Fault>,
    store: Store,
    /// How many keys were made: their names are counted, for nobody has to guess them.
    made: usize,
}

impl Gateway {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn new_secret(&mut self) -> String {
        self.made += 1;
        format!("sk-builtin-{}", self.made)
    }
}

/// The key that a request carries.
fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get("authorization").and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}

/// A refusal.
struct Refusal {
    status: StatusCode,
    error_type: &'static str,
    message: String,
}

fn refuse(status: StatusCode, error_type: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, error_type, message: message.into() }
}

impl IntoResponse for Refusal {
    /// In LiteLLM's shape.
    fn into_response(self) -> Response {
        let Refusal { status, error_type, message } = self;
        let code = status.as_u16().to_string();
        let error = json!({ "message": message, "type": error_type, "param": null, "code": code });
        (status, Json(json!({ "error": error }))).into_response()
    }
}
