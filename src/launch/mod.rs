//! Bringing a target to life, and taking it away again without leaving anything behind.
//!
//! One file for each launcher. What they share is here, and why a target could not be launched ([`LaunchError`]). What runs
//! is a [`Live`] target.

mod attached;
mod builtin;
pub mod cache;
mod choice;
mod disturb;
mod docker;
pub mod doctor;
mod external;
pub mod keeper;
mod live;
mod process;
mod pulse;
pub mod reaper;
mod server;
mod setup;
mod stack;
mod sweep;
mod template;
mod turns;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Limits;
use crate::gateway::ADAPTERS;
use crate::host::failure::Failure;
use crate::host::gate::Gate;
use crate::host::stage::{Ended, play};
use crate::secret::redact;
use crate::target::{GatewayName, Launcher, Target};
use crate::upstream::Upstream;
pub use choice::settled;
pub use disturb::{Topology, Undisturbed};
use keeper::Lookup;
pub use keeper::Origin;
use live::{Calls, Held};
pub use live::{Health, Live};
pub use pulse::Revived;
pub use setup::Setup;
pub use stack::config;
pub use sweep::{LeftBehind, MARK};
pub use turns::{Share, Turn};

/// What the key that administers a gateway is called.
const ADMIN_KEY: &str = "master key";

/// How many lines count as the end of a log.
const LOG_LINES: usize = 30;

fn is_reading(line: &str) -> bool {
    ADAPTERS.iter().any(|adapter| adapter.is_reading(line))
}

/// The last lines of a log that say something, redacted. What gatecrash itself reads again and again is left out.
fn end_of_log(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !is_reading(line));
    let lines: Vec<&str> = lines.collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| redact(line)).collect()
}

/// A run's own mark, which tells all it made from what others made, so that it can be taken away.
#[derive(Debug, Clone)]
pub struct RunId {
    mark: String,
    made: Arc<Mutex<reaper::Made>>,
}

impl RunId {
    pub fn new() -> RunId {
        RunId { mark: random_hex(), made: Arc::default() }
    }

    /// The run that a mark names, if it is a mark.
    fn of(mark: &str) -> Option<RunId> {
        let is_mark = mark.len() == 8 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_mark.then(|| RunId { mark: mark.to_owned(), ..RunId::new() })
    }

    pub fn as_str(&self) -> &str {
        &self.mark
    }

    /// Where all files of the run are, once there are any.
    pub fn folder(&self) -> PathBuf {
        std::env::temp_dir().join(format!("gatecrash-{}", self.mark))
    }
}

impl Default for RunId {
    fn default() -> RunId {
        RunId::new()
    }
}

/// Plays something that launches: everything its run made is taken away when it ends, however it ends.
///
/// # Errors
/// When nothing can be run on this machine; nothing was done then.
pub fn on_stage<W: Future<Output = ()> + Send + 'static>(
    say: impl Fn(&str),
    work: impl FnOnce(RunId, Gate) -> W,
) -> Result<Ended, Failure> {
    let (run, gate) = (RunId::new(), Gate::default());
    play(work(run.clone(), gate.clone()), run.sweep(), &gate, say)
}

/// Eight hexadecimal digits: they may be guessed, but are unlikely to repeat.
fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:08x}", hasher.finish() as u32)
}

/// Why a target could not be brought to life: what happened, the end of its log, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, JsonSchema)]
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

/// Brings a target to life, or takes the one that `gatecrash up` keeps.
///
/// # Errors
/// When it cannot be started, dies, or is not ready within the limit. [`RunId::sweep`] takes away what was made until
/// then. Also when the one that is kept is broken.
pub async fn launch(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let target = &settled(target);
    let live = match keeper::find(target, limits).await? {
        Lookup::Kept(live) => *live,
        Lookup::Other(why) => launch_beside(target, limits, run, why).await?,
        Lookup::Nothing => launch_anew(target, limits, run).await?,
    };
    Ok(live.with_own().await)
}

/// The same, for one of many processes that launch: the processes of one run of nextest share a target, if nothing is
/// kept. Not worth it for what is launched in no time.
///
/// # Errors
/// As [`launch`].
pub async fn launch_shared(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let target = &settled(target);
    let nextest_run =
        std::env::var("NEXTEST_RUN_ID").ok().filter(|_| !matches!(target.launcher, Launcher::Builtin { .. }));
    let live = match (nextest_run, keeper::find(target, limits).await?) {
        (_, Lookup::Kept(live)) => *live,
        (Some(nextest_run), Lookup::Nothing | Lookup::Other(_)) => keeper::share(target, limits, &nextest_run).await?,
        (None, Lookup::Nothing) => launch_anew(target, limits, run).await?,
        (None, Lookup::Other(why)) => launch_beside(target, limits, run, why).await?,
    };
    Ok(live.with_own().await)
}

/// The published versions of a target's gateway, in no particular order: those of its package, whose numbers its images
/// share.
///
/// # Errors
/// When the package tool, or its index, does not answer; and for a gateway that was never published.
pub async fn published(target: &Target, run: &RunId) -> Result<Vec<String>, LaunchError> {
    if target.gateway == GatewayName::BUILTIN {
        let what = "the built-in gateway has no versions that are published";
        return Err(LaunchError::new(target, what).help("name targets, in order: --versions A,B,C"));
    }
    process::published(target, run).await
}

/// Fetches in advance what a launch will need: an image, or a package with all its dependencies.
///
/// # Errors
/// When it cannot be fetched. A launch would say so, too.
pub async fn prepare(target: &Target, run: &RunId) -> Result<(), LaunchError> {
    let target = &settled(target);
    match &target.launcher {
        Launcher::Docker { image, .. } => docker::prepare(target, image).await,
        Launcher::Process { package, .. } => process::prepare(target, package, run).await,
        Launcher::Either { .. } | Launcher::External { .. } | Launcher::Builtin { .. } => Ok(()),
    }
}

/// What identifies the content of an image that only has a name: it can be built anew under the same one. Nothing for what
/// is launched at a version, which is published once.
pub async fn content(target: &Target) -> Option<String> {
    let target = settled(target);
    match &target.launcher {
        Launcher::Docker { image, .. } if target.version.is_none() => docker::image_id(image).await,
        Launcher::Docker { .. }
        | Launcher::Process { .. }
        | Launcher::Either { .. }
        | Launcher::External { .. }
        | Launcher::Builtin { .. } => None,
    }
}

/// Launches a target although one is up, because that is a different one.
async fn launch_beside(target: &Target, limits: Limits, run: &RunId, why: String) -> Result<Live, LaunchError> {
    match launch_anew(target, limits, run).await {
        Ok(live) => Ok(Live { origin: Origin::LaunchedBeside { why }, ..live }),
        Err(error) => {
            let help =
                error.help.iter().map(String::as_str).chain([why.as_str()]).collect::<Vec<_>>().join("\n  help: ");
            Err(error.help(help))
        }
    }
}

/// Launches a version of a gateway that can be moved to another one: to that of `target`, under whose name it goes.
///
/// # Errors
/// As [`launch`]. What is kept is not used: nobody else's gateway is moved.
pub async fn launch_from(from: &Target, target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let (from, target) = (settled(from), settled(target));
    let mut live = launch_new(&from, Some(&target), limits, run).await?;
    live.target = target;
    Ok(live)
}

async fn launch_anew(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    launch_new(target, None, limits, run).await
}

async fn launch_new(target: &Target, to: Option<&Target>, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let began = Instant::now();
    // Boxed: what a launch holds on to is large, and its callers are deep.
    let live = match &target.launcher {
        Launcher::Builtin { fault } => builtin::launch(target, to, *fault, limits).await,
        Launcher::External { url, admin_key_env, upstream, front } => {
            external::attach(target, url, admin_key_env, *upstream, front.as_ref(), limits).await
        }
        Launcher::Docker { .. } => Box::pin(docker::launch(target, to, limits, run)).await,
        // Every caller has chosen one.
        Launcher::Either { .. } => Err(LaunchError::new(target, "nobody has chosen its launcher")),
        Launcher::Process { .. } => Box::pin(process::launch(target, to, limits, run)).await,
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
        // uvicorn closes a connection that was idle for 5 s, but when busy it does so seconds late, before it reads what
        // has come since: to reuse such a connection would look like a lost gateway (seen once, idle for 2 s at most).
        .pool_idle_timeout(Duration::from_millis(250))
        .build();
    client.map_err(|error| LaunchError::new(target, format!("there is no HTTP client: {error}")))
}

async fn upstream(target: &Target, address: SocketAddr) -> Result<Upstream, LaunchError> {
    Upstream::start(address).await.map_err(|error| {
        LaunchError::new(target, format!("the upstream cannot listen on {address}: {error}"))
            .help("is the port in use? set another one as `upstream` in harness.toml")
    })
}
