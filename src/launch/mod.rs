//! Bringing a target to life, and taking it away again without leaving anything behind.
//!
//! One file for each launcher. What they share is here: a [`Live`] target, why there is none ([`LaunchError`]),
//! and whether it still lives ([`Health`]).

mod docker;
pub mod target;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::RwLock;

use crate::builtin::Builtin;
use crate::config::Limits;
use crate::gateway::litellm::{LiteLlm, Pace, deployments::config_yaml};
use crate::gateway::{AdminError, Secret, redact};
use crate::scenario::{Disturbance, Instance, Part};
use crate::upstream::Upstream;
pub use docker::sweep;
pub use target::{Compromised, GatewayName, Launcher, Target, TargetError};

/// A target that runs, with its own upstream.
pub struct Live {
    pub target: Target,
    pub gateway: LiteLlm,
    pub upstream: Upstream,
    /// How long it took from the first step to readiness.
    pub took: Duration,
    /// Held by trials while they run: together, or alone if they have to be.
    pub turn: RwLock<()>,
    kept: Kept,
}

/// What has to be kept, and given back, for a target to run.
enum Kept {
    Builtin(Builtin),
    Docker(Box<docker::Containers>),
    External,
}

/// Which instances of a gateway a scenario wants, and whether they share a Redis. All are on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Topology {
    pub instances: u16,
    pub redis: bool,
}

impl Topology {
    /// What a target is launched as.
    pub const ONE: Topology = Topology { instances: 1, redis: false };
}

/// Why a target could not be disturbed, or set up differently.
#[derive(Debug, Clone)]
pub enum Undisturbed {
    /// This launcher cannot do it.
    Lacks(String),
    /// It went wrong.
    Failed(String),
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
#[derive(Debug, Clone, Serialize, thiserror::Error)]
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
        Launcher::Builtin { fault } => launch_builtin(target, *fault, limits).await,
        Launcher::External { url, admin_key_env, upstream } => {
            attach(target, url, admin_key_env, *upstream, limits).await
        }
        Launcher::Docker { .. } => docker::launch(target, limits, run).await,
    };
    let live = live?;
    if let Err(error) = live.gateway.prepare().await {
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

async fn launch_builtin(
    target: &Target,
    fault: Option<crate::builtin::Fault>,
    limits: Limits,
) -> Result<Live, LaunchError> {
    let upstream = upstream(target, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let url = format!("http://{}", upstream.address());
    let admin_key = Secret::new(format!("sk-gatecrash-{}", random_hex()));
    let builtin = Builtin::start(&config_yaml(&url, None), url.clone(), &admin_key, fault)
        .await
        .map_err(|error| LaunchError::new(target, format!("it cannot listen: {error}")))?;
    let gateway = format!("http://{}", builtin.address);
    let gateway = LiteLlm::new(http(target)?, gateway, url, admin_key, limits.request, Pace::AT_ONCE);
    Ok(Live::new(target, gateway, upstream, Kept::Builtin(builtin)))
}

async fn attach(
    target: &Target,
    url: &str,
    admin_key_env: &str,
    address: SocketAddr,
    limits: Limits,
) -> Result<Live, LaunchError> {
    let admin_key = std::env::var(admin_key_env).map_err(|_| {
        LaunchError::new(target, format!("the environment variable {admin_key_env} is not set"))
            .help("it has to hold the admin key of the gateway")
    })?;
    let upstream = upstream(target, address).await?;
    let gateway = LiteLlm::new(
        http(target)?,
        url,
        format!("http://{address}"),
        Secret::new(admin_key),
        limits.request,
        Pace::WRITE_BEHIND,
    );
    let mut live = Live::new(target, gateway, upstream, Kept::External);
    match live.gateway.ready().await {
        Ok(version) => {
            live.target.version = live.target.version.or(version);
            Ok(live)
        }
        Err(error) => Err(LaunchError::new(target, format!("it is not ready: {error}"))
            .help(format!("does it run at {url}, with the configuration of `gatecrash config litellm`?"))),
    }
}

impl Live {
    fn new(target: &Target, gateway: LiteLlm, upstream: Upstream, kept: Kept) -> Live {
        Live { target: target.clone(), gateway, upstream, took: Duration::ZERO, turn: RwLock::new(()), kept }
    }

    /// How it is, asked when something broke. A container that was just killed counts as running for a moment, so
    /// this looks more than once before it says so.
    pub async fn health(&self) -> Health {
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            let dead = match &self.kept {
                Kept::Builtin(builtin) => (!builtin.is_running()).then(|| "it has stopped".to_owned()),
                Kept::Docker(containers) => containers.dead().await,
                Kept::External => None,
            };
            if let Some(how) = dead {
                return Health::Dead(how);
            }
            match self.gateway.ready().await {
                Ok(_) => return Health::Well,
                Err(error) if Instant::now() >= limit => return self.not_ready(&error),
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }

    fn not_ready(&self, error: &AdminError) -> Health {
        match (&self.kept, error) {
            // Nothing is known of an external gateway's process: who refuses connections is gone.
            (Kept::External, AdminError::Broken { how: crate::gateway::Broken::Lost(how), .. }) => {
                Health::Dead(format!("it is gone: {how}"))
            }
            _ => Health::Unresponsive(error.to_string()),
        }
    }

    /// When the gateway's books can be expected, and how fast its clock runs.
    pub fn pace(&self) -> Pace {
        self.gateway.pace
    }

    /// An instance of the gateway, in the set-up that a scenario wants; launched if it is not there yet.
    ///
    /// # Errors
    /// When the launcher cannot do that, or it could not be launched.
    pub async fn node(&self, topology: Topology, instance: Instance) -> Result<LiteLlm, Undisturbed> {
        match (topology, instance) {
            (Topology::ONE, Instance::First) => Ok(self.gateway.clone()),
            _ => Err(Undisturbed::Lacks("there is one instance".to_owned())),
        }
    }

    /// Stops, starts, restarts or flushes a part; returns when that is done, and, of what was started, when it is
    /// ready.
    ///
    /// # Errors
    /// When the launcher cannot do that, or it went wrong.
    pub async fn disturb(&self, _topology: Topology, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        Err(Undisturbed::Lacks(format!("this launcher cannot {} the {}", act.word(), part.word())))
    }

    /// Starts again what a trial has stopped and left so.
    pub async fn restore(&self) {}

    /// The end of its log, as far as there is one.
    pub async fn log_tail(&self) -> Vec<String> {
        match &self.kept {
            Kept::Docker(containers) => containers.log_tail().await,
            Kept::Builtin(_) | Kept::External => Vec::new(),
        }
    }

    /// Takes away all that was made for it.
    pub async fn stop(self) {
        match self.kept {
            Kept::Docker(containers) => containers.remove().await,
            Kept::Builtin(builtin) => drop(builtin),
            Kept::External => {}
        }
    }
}
