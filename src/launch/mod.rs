//! Bringing a target to life, and taking it away again without leaving anything behind.
//!
//! One file for each launcher. What they share is here: a [`Live`] target, why there is none ([`LaunchError`]),
//! and whether it still lives ([`Health`]). What else can be done with one is in `disturb`.

mod builtin;
mod disturb;
mod docker;
mod external;
pub mod target;

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{RwLock, Semaphore};

use crate::config::Limits;
use crate::gateway::litellm::{LiteLlm, Pace};
use crate::gateway::{AdminError, Broken, redact};
use crate::upstream::Upstream;
pub use disturb::{Topology, Undisturbed};
pub use docker::sweep;
pub use target::{Compromised, GatewayName, Launcher, Target, TargetError};

/// A target that runs, with its own upstream.
pub struct Live {
    pub target: Target,
    pub upstream: Upstream,
    /// How long it took from the first step to readiness.
    pub took: Duration,
    /// Held by trials while they run: together, or alone if they have to be.
    pub turn: RwLock<()>,
    /// Held while a trial makes its entities.
    pub making: Semaphore,
    kept: Kept,
}

/// So many trials make their entities at the same time: they all begin with that at once, and a gateway's transactions
/// end by their own limits (LiteLLM 1.108.7 gave up `/team/new` after 5 s behind a hundred others).
const MAKING: usize = 4;

/// What has to be kept, and given back, for a target to run.
enum Kept {
    Builtin(builtin::InProcess),
    Docker(Box<docker::Containers>),
    External(LiteLlm),
}

/// A run's own mark, by which all it made can be told from what others made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    pub fn new() -> RunId {
        RunId(random_hex())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> RunId {
        RunId::new()
    }
}

/// Eight hexadecimal digits that nobody has to be unable to guess, only unlikely to repeat.
fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:08x}", hasher.finish() as u32)
}

/// Why a target could not be brought to life: what happened, the end of its log, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
pub struct LaunchError {
    pub target: String,
    pub what: String,
    pub log: Vec<String>,
    pub help: Option<String>,
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be launched: {}", self.target, self.what)?;
        if !self.log.is_empty() {
            write!(f, "\n  the end of its log:")?;
        }
        for line in &self.log {
            write!(f, "\n  | {line}")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl LaunchError {
    fn new(target: &Target, what: impl Into<String>) -> LaunchError {
        LaunchError { target: target.name.clone(), what: redact(&what.into()), log: Vec::new(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> LaunchError {
        self.help = Some(help.into());
        self
    }

    fn log(mut self, log: Vec<String>) -> LaunchError {
        self.log = log;
        self
    }
}

/// How a live target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Well,
    /// It runs, but does not answer on its health endpoint.
    Unresponsive(String),
    /// It, or its database, is gone; what is known of it.
    Dead(String),
}

/// Brings a target to life.
///
/// # Errors
/// When it cannot be started, dies, or is not ready within the limit. What was made until then is taken away by
/// [`sweep`].
pub async fn launch(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let began = Instant::now();
    let live = match &target.launcher {
        Launcher::Builtin { fault } => builtin::launch(target, *fault, limits).await,
        Launcher::External { url, admin_key_env, upstream } => {
            external::attach(target, url, admin_key_env, *upstream, limits).await
        }
        Launcher::Docker { .. } => docker::launch(target, limits, run).await,
    };
    let live = live?;
    if let Err(error) = live.prepare().await {
        live.stop().await;
        return Err(LaunchError::new(target, format!("it could not be prepared: {error}")));
    }
    Ok(Live { took: began.elapsed(), ..live })
}

/// The HTTP client for gateways, which are never behind a proxy.
fn http(target: &Target) -> Result<reqwest::Client, LaunchError> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // uvicorn closes a connection that was idle for 5 s; one taken up at that moment would look like a lost gateway.
        .pool_idle_timeout(Duration::from_secs(2))
        .build();
    client.map_err(|error| LaunchError::new(target, format!("there is no HTTP client: {error}")))
}

async fn upstream(target: &Target, address: SocketAddr) -> Result<Upstream, LaunchError> {
    Upstream::start(address).await.map_err(|error| {
        LaunchError::new(target, format!("the upstream cannot listen on {address}: {error}"))
            .help("is the port taken? name another one as `upstream` in harness.toml")
    })
}

impl Live {
    fn new(target: &Target, upstream: Upstream, kept: Kept) -> Live {
        Live {
            target: target.clone(),
            upstream,
            took: Duration::ZERO,
            turn: RwLock::new(()),
            making: Semaphore::new(MAKING),
            kept,
        }
    }

    /// How it is, all instances together, asked when something broke. A container that was just killed counts as
    /// running for a moment, so this looks more than once before it says so.
    pub async fn health(&self) -> Health {
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            let dead = match &self.kept {
                Kept::Builtin(in_process) => (!in_process.is_running()).then(|| "it has stopped".to_owned()),
                Kept::Docker(containers) => containers.dead().await,
                Kept::External(_) => None,
            };
            if let Some(how) = dead {
                return Health::Dead(how);
            }
            match self.all_ready().await {
                Ok(()) => return Health::Well,
                Err(error) if Instant::now() >= limit => return self.not_ready(&error),
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }

    async fn prepare(&self) -> Result<(), AdminError> {
        for gateway in self.clients() {
            gateway.prepare().await?;
        }
        Ok(())
    }

    async fn all_ready(&self) -> Result<(), AdminError> {
        for gateway in self.clients() {
            gateway.ready().await?;
        }
        Ok(())
    }

    /// Of every instance that there is now.
    fn clients(&self) -> Vec<LiteLlm> {
        match &self.kept {
            Kept::Builtin(in_process) => in_process.clients(),
            Kept::Docker(containers) => containers.clients(),
            Kept::External(gateway) => vec![gateway.clone()],
        }
    }

    fn not_ready(&self, error: &AdminError) -> Health {
        match (&self.kept, error) {
            // Nothing is known of an external gateway's process: who refuses connections is gone.
            (Kept::External(_), AdminError::Broken { how: Broken::Lost(how), .. }) => {
                Health::Dead(format!("it is gone: {how}"))
            }
            _ => Health::Unresponsive(error.to_string()),
        }
    }

    /// When the gateway's books can be expected, and how fast its clock runs.
    pub fn pace(&self) -> Pace {
        match &self.kept {
            Kept::Builtin(_) => Pace::AT_ONCE,
            Kept::Docker(_) => Pace::WRITE_BEHIND,
            Kept::External(gateway) => gateway.pace,
        }
    }

    /// The end of its log, as far as there is one.
    pub async fn log_tail(&self) -> Vec<String> {
        match &self.kept {
            Kept::Docker(containers) => containers.log_tail().await,
            Kept::Builtin(_) | Kept::External(_) => Vec::new(),
        }
    }

    /// Takes away all that was made for it.
    pub async fn stop(self) {
        match self.kept {
            Kept::Docker(containers) => containers.remove().await,
            Kept::Builtin(in_process) => drop(in_process),
            Kept::External(_) => {}
        }
    }
}
