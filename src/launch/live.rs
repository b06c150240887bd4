//! A target that runs: who counts its calls, how it is, what its log says, and how it is taken away. Not: how it came to be,
//! nor what else can be done with it, which is in `disturb`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::disturb::Undisturbed;
use super::keeper::Origin;
use super::pulse::Pulse;
use super::setup::Setup;
use super::stack::Stack;
use super::turns::Turns;
use super::{attached, builtin, docker, process};
use crate::gateway::own::OwnPriced;
use crate::gateway::{AdminError, Gateway, Pace};
use crate::outcome::Broken;
use crate::target::Target;
use crate::upstream::Upstream;

/// A target that runs, with its own upstream.
pub struct Live {
    pub target: Target,
    /// Where it came from.
    pub origin: Origin,
    /// How long it took from the first step to readiness.
    pub took: Duration,
    /// Anything worth knowing about how it was launched.
    pub remark: Option<String>,
    /// What it was launched with, where that is known.
    pub setup: Option<Setup>,
    /// The models of the operator's own configuration, as the gateway prices them; or why it does not say.
    pub own: Result<Vec<OwnPriced>, String>,
    pub(super) turns: Turns,
    pub(super) pulse: Pulse,
    pub(super) calls: Calls,
    pub(super) kept: Held,
}

/// Who counts the calls to its upstream.
pub(super) enum Calls {
    Here(Upstream),
    AtKeeper(Arc<attached::Attached>),
}

/// How long an engine may be silent before it counts as gone. On a busy machine it takes seconds for what it does at
/// once elsewhere.
const ENGINE: Duration = Duration::from_secs(30);

/// What to hold for a target to run, and to give back.
pub(super) enum Held {
    Builtin(Box<builtin::InProcess>),
    Docker(Box<Stack<docker::Containers>>),
    External(Box<Gateway>),
    Process(Box<Stack<process::Processes>>),
    /// Another process has it.
    Attached(Arc<attached::Attached>),
}

/// How a live target is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    Well,
    /// It runs, but does not answer on its health endpoint.
    Unresponsive(String),
    /// It, or its database, is gone; this is what is known of it.
    Dead(String),
}

impl Live {
    pub(super) fn new(target: &Target, upstream: Upstream, kept: Held) -> Live {
        Live::with(target, Calls::Here(upstream), kept)
    }

    pub(super) fn with(target: &Target, calls: Calls, kept: Held) -> Live {
        let (origin, turns, pulse) = (Origin::Launched, Turns::new(), Pulse::default());
        let target = target.clone();
        Live {
            target,
            origin,
            took: Duration::ZERO,
            remark: None,
            setup: None,
            own: Ok(Vec::new()),
            turns,
            pulse,
            calls,
            kept,
        }
    }

    /// How often these requests of this trial have reached the upstream, together.
    ///
    /// # Errors
    /// When a keeper counts them and does not answer.
    pub async fn calls(&self, trial: &str, requests: &[usize]) -> Result<usize, Undisturbed> {
        match &self.calls {
            Calls::Here(upstream) => Ok(upstream.calls_of(trial, requests.iter().copied())),
            Calls::AtKeeper(attached) => attached.calls(trial, requests).await,
        }
    }

    /// How it is, all instances together, once something broke. A container that was just killed counts as running for
    /// a moment, so this looks more than once before it says so.
    pub async fn health(&self) -> Health {
        if let Held::Attached(attached) = &self.kept {
            return attached.health().await;
        }
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            let dead = match &self.kept {
                Held::Builtin(in_process) => (!in_process.is_running()).then(|| "it has stopped".to_owned()),
                Held::Docker(containers) => {
                    let silent = format!("its Docker engine has not answered within {} s", ENGINE.as_secs());
                    tokio::time::timeout(ENGINE, containers.dead()).await.unwrap_or(Some(silent))
                }
                Held::External(_) | Held::Attached(_) => None,
                Held::Process(processes) => processes.dead().await,
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

    /// The same, but asks for this long while it seems well: what has just gone may not show at once.
    pub async fn health_within(&self, patience: Duration) -> Health {
        let limit = Instant::now() + patience;
        loop {
            match self.health().await {
                Health::Well if Instant::now() < limit => tokio::time::sleep(Duration::from_millis(250)).await,
                health => return health,
            }
        }
    }

    /// How long its answers took, all instances together, since this was last asked.
    pub fn tempo(&self) -> Vec<Duration> {
        self.clients().iter().flat_map(|gateway| gateway.tempo().take()).collect()
    }

    /// The same, and knows how each model of the operator's own configuration is priced.
    pub(super) async fn with_own(mut self) -> Live {
        if let (Some(own), Some(gateway)) = (&self.target.own, self.clients().first()) {
            self.own = gateway.price_own(own).await.map_err(|error| error.to_string());
        }
        self
    }

    pub(super) async fn prepare(&self) -> Result<(), AdminError> {
        for gateway in self.clients() {
            gateway.prepare().await?;
        }
        Ok(())
    }

    pub(super) async fn all_ready(&self) -> Result<(), AdminError> {
        for gateway in self.clients() {
            gateway.ready().await?;
        }
        Ok(())
    }

    /// The clients of every instance there is now.
    pub(super) fn clients(&self) -> Vec<Gateway> {
        match &self.kept {
            Held::Builtin(in_process) => in_process.clients(),
            Held::Docker(containers) => containers.clients(),
            Held::External(gateway) => vec![(**gateway).clone()],
            Held::Process(processes) => processes.clients(),
            Held::Attached(attached) => attached.clients(),
        }
    }

    fn not_ready(&self, error: &AdminError) -> Health {
        match (&self.kept, error) {
            // We do not see an external gateway's process: if it refuses connections, it is gone.
            (Held::External(_), AdminError::Broken { how: Broken::Lost(how), .. }) => {
                Health::Dead(format!("it is gone: {how}"))
            }
            _ => Health::Unresponsive(error.to_string()),
        }
    }

    /// When the gateway's books can be expected, and how fast its clock runs.
    pub fn pace(&self) -> Pace {
        match &self.kept {
            Held::Builtin(_) => builtin::PACE,
            Held::Docker(_) | Held::Process(_) => self.target.gateway.adapter().about().pace,
            Held::External(gateway) => gateway.pace,
            Held::Attached(attached) => attached.pace,
        }
    }

    /// The end of its log, if it has one.
    pub async fn log_tail(&self) -> Vec<String> {
        match &self.kept {
            Held::Docker(containers) => tokio::time::timeout(ENGINE, containers.log_tail()).await.unwrap_or_default(),
            Held::Process(processes) => processes.log_tail().await,
            Held::Attached(attached) => attached.log_tail().await,
            Held::Builtin(_) | Held::External(_) => Vec::new(),
        }
    }

    /// Takes away all that was made for it; what is kept stays.
    pub async fn stop(self) {
        match self.kept {
            // If the engine is silent, the sweep finds what it leaves, or nobody does.
            Held::Docker(containers) => drop(tokio::time::timeout(ENGINE, containers.remove()).await),
            Held::Process(processes) => processes.remove().await,
            Held::Builtin(in_process) => drop(in_process),
            Held::External(_) | Held::Attached(_) => {}
        }
    }
}
