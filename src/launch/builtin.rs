//! The `builtin` launcher: the built-in gateway, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::disturb::Deed;
use super::stack::config;
use super::{ADMIN_KEY, Held, LaunchError, Live, Setup, Undisturbed, http, random_hex, upstream};
use crate::builtin::{Builtin, Fault};
use crate::config::Limits;
use crate::gateway::{Gateway, OF_BUILTIN, Pace};
use crate::outcome::Moved;
use crate::scenario::{Disturbance, Instance, Move, Part};
use crate::secret::Secret;
use crate::target::{Launcher, Target};

/// Spend shows up with the answer, and a fast clock makes periods short.
pub(super) const PACE: Pace = Pace { poll: Duration::from_millis(5), behind: Duration::ZERO, clock: 20 };

/// A gateway in this process. Its instances share what they know, with Redis or without.
pub(super) struct InProcess {
    first: BuiltinInstance,
    second: OnceCell<BuiltinInstance>,
    /// The fault of the version that it was launched with, and of the one that it can be moved to.
    faults: [Option<Fault>; 2],
}

/// An instance, and how it is asked: all trials share one client, and what they see in its books.
struct BuiltinInstance {
    builtin: Builtin,
    client: Gateway,
}

pub(super) async fn launch(
    target: &Target,
    to: Option<&Target>,
    fault: Option<Fault>,
    limits: Limits,
) -> Result<Live, LaunchError> {
    let upstream = upstream(target, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let url = format!("http://{}", upstream.address());
    let admin_key = Secret::named(format!("sk-gatecrash-{}", random_hex()), ADMIN_KEY);
    let config = config(OF_BUILTIN, None, &url);
    let first = Builtin::start(&config, url.clone(), &admin_key, fault)
        .await
        .map_err(|error| LaunchError::new(target, format!("it cannot listen: {error}")))?;
    let (http, limit) = (http(target)?, limits.request);
    let setup = Setup {
        gateway: format!("the built-in gateway of gatecrash {}", env!("CARGO_PKG_VERSION")),
        database: "in memory".to_owned(),
        upstream: url.clone(),
        command: Vec::new(),
        environment: Vec::new(),
        config,
    };
    let client = Gateway::new(OF_BUILTIN, http, address(&first), url, admin_key, limit).at(PACE);
    let fault_of = |target: &Target| match target.launcher {
        Launcher::Builtin { fault } => fault,
        _ => None,
    };
    let faults = [fault, to.map_or(fault, fault_of)];
    let in_process = InProcess { first: BuiltinInstance { builtin: first, client }, second: OnceCell::new(), faults };
    let setup = Some(setup.redacted());
    Ok(Live { setup, ..Live::new(target, upstream, Held::Builtin(Box::new(in_process))) })
}

impl InProcess {
    pub(super) async fn node(&self, instance: Instance) -> Result<Gateway, Undisturbed> {
        let node = match instance {
            Instance::First => &self.first,
            Instance::Second => self
                .second
                .get_or_try_init(|| self.first.second())
                .await
                .map_err(|error| Undisturbed::Failed(format!("the second instance cannot listen: {error}")))?,
        };
        Ok(node.client.clone())
    }

    pub(super) fn clients(&self) -> Vec<Gateway> {
        self.nodes().map(|node| node.client.clone()).collect()
    }

    pub(super) fn is_running(&self) -> bool {
        self.nodes().all(|node| node.builtin.is_running())
    }

    fn nodes(&self) -> impl Iterator<Item = &BuiltinInstance> {
        [&self.first].into_iter().chain(self.second.get())
    }

    pub(super) fn disturb(&self, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        match Deed::of(act, part)? {
            Deed::RestartGateway => self.restart(),
            Deed::StopDatabase => self.first.builtin.stop_database(),
            Deed::StartDatabase => self.first.builtin.start_database(),
            Deed::FlushRedis => self.first.builtin.flush_redis(),
            // It is right without a Redis, so it is right while one is away.
            Deed::StopRedis | Deed::StartRedis => {}
        }
        Ok(())
    }

    /// Its versions differ in their faults only. The second instance is the new version while both run.
    pub(super) async fn move_to(&self, to: Move) -> Result<Moved, String> {
        let began = Instant::now();
        if to == Move::Roll {
            let second = self.second.get_or_try_init(|| self.first.second()).await;
            second.map_err(|error| format!("the new version cannot listen: {error}"))?;
        }
        let [old, new] = self.faults;
        self.first.builtin.moves(to, if to == Move::Downgrade { old } else { new });
        if to != Move::Roll {
            self.restart();
        }
        let took_ms = began.elapsed().as_millis() as u64;
        Ok(Moved { to, took_ms, away_ms: 0, trials: 0, database: None })
    }

    pub(super) fn restart(&self) {
        self.nodes().for_each(|node| node.builtin.restart());
    }

    pub(super) fn restore(&self) {
        self.first.builtin.start_database();
    }
}

impl BuiltinInstance {
    async fn second(&self) -> std::io::Result<BuiltinInstance> {
        let builtin = self.builtin.second().await?;
        let client = self.client.elsewhere(address(&builtin));
        Ok(BuiltinInstance { builtin, client })
    }
}

fn address(builtin: &Builtin) -> String {
    format!("http://{}", builtin.address)
}
