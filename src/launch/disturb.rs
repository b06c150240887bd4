//! What a scenario may ask of a live target beyond requests: more instances, Redis, and parts that stop, start, restart
//! or forget. Which of these it can have depends on the launcher.

use serde::{Deserialize, Serialize};

use super::{Held, LaunchError, Live};
use crate::gateway::Gateway;
use crate::gateway::adapter::About;
use crate::outcome::Moved;
use crate::scenario::{Disturbance, Instance, Move, Part};

/// Which instances of a gateway a scenario wants, and whether they share a Redis. All are on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topology {
    pub instances: u16,
    pub redis: bool,
}

impl Topology {
    /// What a target is launched as.
    pub const ONE: Topology = Topology { instances: 1, redis: false };

    /// Its instances, in their order.
    pub(super) fn each(self) -> impl Iterator<Item = Instance> {
        [Instance::First, Instance::Second].into_iter().take(self.instances.into())
    }
}

/// Why a target could not be disturbed, or set up differently.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Undisturbed {
    /// This launcher cannot do it.
    Lacks(String),
    /// It went wrong.
    Failed(String),
}

/// A disturbance that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    RestartGateway,
    StopDatabase,
    StartDatabase,
    StopRedis,
    StartRedis,
    FlushRedis,
}

impl Deed {
    pub(super) fn of(act: Disturbance, part: Part) -> Result<Deed, Undisturbed> {
        match (part, act) {
            (Part::Gateway, Disturbance::Restart) => Ok(Deed::RestartGateway),
            (Part::Database, Disturbance::Stop) => Ok(Deed::StopDatabase),
            (Part::Database, Disturbance::Start) => Ok(Deed::StartDatabase),
            (Part::Redis, Disturbance::Stop) => Ok(Deed::StopRedis),
            (Part::Redis, Disturbance::Start) => Ok(Deed::StartRedis),
            (Part::Redis, Disturbance::Flush) => Ok(Deed::FlushRedis),
            (Part::Gateway, Disturbance::Stop | Disturbance::Start | Disturbance::Flush)
            | (Part::Database, Disturbance::Restart | Disturbance::Flush)
            | (Part::Redis, Disturbance::Restart) => {
                Err(Undisturbed::Lacks(format!("there is no way to {} the {}", act.word(), part.word())))
            }
        }
    }

    /// The same, for gateways that have a Redis only if they were launched with one.
    pub(super) fn on(topology: Topology, act: Disturbance, part: Part) -> Result<Deed, Undisturbed> {
        match Deed::of(act, part)? {
            Deed::StopRedis | Deed::StartRedis | Deed::FlushRedis if !topology.redis => {
                Err(Undisturbed::Lacks("these gateways have no Redis".to_owned()))
            }
            deed => Ok(deed),
        }
    }
}

impl From<LaunchError> for Undisturbed {
    fn from(error: LaunchError) -> Undisturbed {
        Undisturbed::Failed(match error.log.last() {
            Some(last) => format!("{}; the end of its log: {last}", error.what),
            None => error.what,
        })
    }
}

impl Live {
    /// An instance of the gateway, in the set-up that a scenario wants; launched if it is not there yet. A restart may
    /// change where it answers: ask for it again then.
    ///
    /// # Errors
    /// When the launcher cannot do that, or it could not be launched.
    pub async fn node(&self, topology: Topology, instance: Instance) -> Result<Gateway, Undisturbed> {
        let About { name, redis, .. } = self.target.gateway.adapter().about();
        if topology.redis && !redis {
            return Err(Undisturbed::Lacks(format!("instances of {name} share no Redis")));
        }
        match (&self.kept, topology, instance) {
            (Held::Builtin(in_process), _, _) => in_process.node(instance).await,
            (Held::Docker(containers), _, _) => containers.node(topology, instance).await,
            (Held::Process(processes), _, _) => processes.node(topology, instance).await,
            (Held::Attached(attached), _, _) => attached.node(topology, instance).await,
            (Held::External(gateway), Topology::ONE, Instance::First) => Ok((**gateway).clone()),
            (Held::External(_), Topology { redis: true, .. }, _) => {
                Err(self.lacks("whether it has a Redis is not known"))
            }
            (Held::External(_), Topology { .. }, _) => Err(self.lacks("it has one address")),
        }
    }

    /// Stops, starts, restarts or flushes a part; returns when that is done and any part it started is ready.
    ///
    /// # Errors
    /// When the launcher cannot do that, or it went wrong.
    pub async fn disturb(&self, topology: Topology, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        match &self.kept {
            Held::Builtin(in_process) => in_process.disturb(act, part),
            Held::Docker(containers) => containers.disturb(topology, act, part).await,
            Held::Process(processes) => processes.disturb(topology, act, part).await,
            Held::Attached(attached) => attached.disturb(topology, act, part).await,
            Held::External(_) => Err(self.lacks(&format!("nobody here can {} its {}", act.word(), part.word()))),
        }
    }

    /// Moves the target to another version; returns when that is ready.
    ///
    /// # Errors
    /// When the other version does not start, or the launcher has only one.
    pub async fn move_to(&self, to: Move) -> Result<Moved, LaunchError> {
        match &self.kept {
            Held::Builtin(in_process) => {
                in_process.move_to(to).await.map_err(|why| LaunchError::new(&self.target, why))
            }
            Held::Docker(containers) => containers.move_to(to).await,
            Held::Process(processes) => processes.move_to(to).await,
            Held::Attached(_) | Held::External(_) => {
                Err(LaunchError::new(&self.target, "it was not launched to be moved to another version"))
            }
        }
    }

    /// Starts again what a trial has left stopped, and waits until every gateway is ready. What cannot be put right
    /// shows in its health.
    pub async fn restore(&self) {
        match &self.kept {
            Held::Builtin(in_process) => in_process.restore(),
            Held::Docker(containers) => drop(containers.restore().await),
            Held::Process(processes) => drop(processes.restore().await),
            Held::Attached(attached) => attached.restore().await,
            Held::External(_) => {}
        }
    }

    fn lacks(&self, why: &str) -> Undisturbed {
        Undisturbed::Lacks(format!("{} was not launched by gatecrash: {why}", self.target.name))
    }
}
