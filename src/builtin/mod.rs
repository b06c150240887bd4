//! The built-in gateway: in-process, correct unless it is given a fault (docs/design.md, decision 4).
//!
//! It speaks LiteLLM's HTTP over a real socket, so that the same adapter drives it. It is for speed and for
//! testing the tests; it is not the product, and not the oracle: it shares no code with the harness's ledger.
//!
//! A request comes in by `serve`, is let in by `admit`, goes to the provider by `call` and is paid in `charge`;
//! all else is the administrator's (`admin`).

mod account;
mod admin;
mod admit;
mod anthropic;
mod asked;
mod budget;
mod call;
mod charge;
pub mod faults;
mod moves;
mod price;
mod rate;
mod refusal;
mod serve;
mod store;
mod told;
mod usage;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use rust_decimal::Decimal;
use serde_json::Map;
use tokio::task::JoinHandle;

use crate::scenario::Move;
use crate::secret::Secret;
use account::{Account, AccountKind, Id};
pub use faults::{AboutFault, FAULTS, Fault};
use price::PricedModels;
use store::{Memory, Store};

/// How much faster than a real one its clock runs: budgets, keys and the minutes of rate limits end that much sooner.
pub const SPEED: u32 = 20;

/// A running instance of the built-in gateway. Dropping it stops it.
pub struct Builtin {
    pub address: SocketAddr,
    node: RouteState,
    task: JoinHandle<()>,
}

impl Builtin {
    /// Starts one on a free port of the loopback interface, with a database of its own.
    ///
    /// # Errors
    /// When no port can be listened on, or the configuration is not understood.
    pub async fn start(
        config: &str,
        upstream: String,
        admin_key: &Secret,
        fault: Option<Fault>,
    ) -> std::io::Result<Builtin> {
        let models = PricedModels::read(config).map_err(std::io::Error::other)?;
        let http = reqwest::Client::builder().no_proxy().build().map_err(std::io::Error::other)?;
        let admin_key = admin_key.reveal().to_owned();
        let mut store = Store::default();
        store.accounts.insert(Id::new(AccountKind::Key, &admin_key), Account::new(Map::new()));
        let world = World { models, admin_key, fault, moved: None, store, memories: Vec::new() };
        let node = RouteState { world: Arc::new(Mutex::new(world)), instance: 0, http, upstream: upstream.into() };
        Builtin::listen(node).await
    }

    /// Starts another instance on the same database.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn second(&self) -> std::io::Result<Builtin> {
        let instance = self.node.lock().memories.len();
        Builtin::listen(RouteState { instance, ..self.node.clone() }).await
    }

    async fn listen(node: RouteState) -> std::io::Result<Builtin> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        node.lock().memories.push(Memory::default());
        let router = router(node.clone());
        let task = tokio::spawn(async move {
            // axum's server ends only with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Builtin { address, node, task })
    }

    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Stops this instance as an operator does, and starts it again: its memory is empty, its address the same.
    pub fn restart(&self) {
        let mut world = self.node.lock();
        world.memories[self.node.instance] = Memory::default();
        if world.has(Fault::RestartForgetsCounters) {
            world.store.accounts.values_mut().for_each(|account| account.skew = -account.spend - account.unwritten);
        }
        if world.has(Fault::RestartLosesSpend) {
            world.store.accounts.values_mut().for_each(|account| {
                account.spend -= account.last_cost.unwrap_or_default().min(account.spend);
            });
        }
    }

    /// Takes the database away from all instances.
    pub fn stop_database(&self) {
        self.node.lock().store.is_down = true;
    }

    /// Gives it back; what was charged in the meantime is written.
    pub fn start_database(&self) {
        let mut world = self.node.lock();
        world.store.is_down = false;
        let lost = world.has(Fault::SpendLostWhileDatabaseDown);
        let late = world.has(Fault::SpendWrittenLate);
        for account in world.store.accounts.values_mut().filter(|_| !late) {
            let unwritten = std::mem::take(&mut account.unwritten);
            account.spend += if lost { Decimal::ZERO } else { unwritten };
        }
    }

    /// Empties the cache that instances share. A healthy gateway keeps nothing there that it cannot do without.
    pub fn flush_redis(&self) {
        let mut world = self.node.lock();
        world.store.cache.clear();
        if world.has(Fault::RedisFlushForgetsSpend) {
            world.store.accounts.values_mut().for_each(|account| account.skew = -account.spend - account.unwritten);
        }
    }
}

impl Drop for Builtin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(node: RouteState) -> Router {
    let mut router = Router::new().route("/v1/models", get(serve::list));
    for route in asked::Route::ALL {
        router = router.route(route.path(), post(serve::ask));
    }
    let stuck = from_fn_with_state(node.clone(), serve::unless_stuck);
    router.fallback(any(admin::administer)).layer(stuck).layer(DefaultBodyLimit::disable()).with_state(node)
}

/// An instance, as its routes see it.
#[derive(Clone)]
struct RouteState {
    world: Arc<Mutex<World>>,
    instance: usize,
    http: reqwest::Client,
    upstream: Arc<str>,
}

type Shared = State<RouteState>;

impl RouteState {
    /// The world behind its lock, which is never held across a wait.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that the instances have in common, and the memory of each.
struct World {
    models: PricedModels,
    admin_key: String,
    fault: Option<Fault>,
    /// Its last move to another version.
    moved: Option<Move>,
    store: Store,
    memories: Vec<Memory>,
}

impl World {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// A secret that no key had before.
    fn new_secret(&mut self) -> String {
        format!("sk-builtin-{}", self.store.next())
    }
}

/// The key that a request carries: as OpenAI's clients send it, or as Anthropic's do.
fn bearer(headers: &HeaderMap) -> &str {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .or_else(|| text("x-api-key"))
        .unwrap_or_default()
}
