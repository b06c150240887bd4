//! The `builtin` launcher: the built-in gateway, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::disturb::Deed;
use super::stack::config;
use super::{ADMIN_KEY, Kept, LaunchError, Live, Setup, Target, Undisturbed, http, random_hex, upstream};
use crate::builtin::{Builtin, Fault};
use crate::config::Limits;
use crate::gateway::{Gateway, OF_BUILTIN, Pace, Secret};
use crate::scenario::{Disturbance, Instance, Part};

/// With the answer, and on a clock that makes periods short.
pub(super) const PACE: Pace = Pace { poll: Duration::from_millis(5), behind: Duration::ZERO, clock: 20 };

/// A gateway in this process. Its instances share what they know, with Redis or without.
pub(super) struct InProcess {
    first: Builtin,
    second: OnceCell<Builtin>,
    http: reqwest::Client,
    upstream: String,
    admin_key: Secret,
    limit: Duration,
}

pub(super) async fn launch(target: &Target, fault: Option<Fault>, limits: Limits) -> Result<Live, LaunchError> {
    let upstream = upstream(target, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let url = format!("http://{}", upstream.address());
    let admin_key = Secret::named(format!("sk-gatecrash-{}", random_hex()), ADMIN_KEY);
    let config = config(OF_BUILTIN, &url);
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
    let in_process = InProcess { first, second: OnceCell::new(), http, upstream: url, admin_key, limit };
    let setup = Some(setup.redacted());
    Ok(Live { setup, ..Live::new(target, upstream, Kept::Builtin(in_process)) })
}

impl InProcess {
    pub(super) async fn node(&self, instance: Instance) -> Result<Gateway, Undisturbed> {
        let builtin = match instance {
            Instance::First => &self.first,
            Instance::Second => self
                .second
                .get_or_try_init(|| self.first.second())
                .await
                .map_err(|error| Undisturbed::Failed(format!("the second instance cannot listen: {error}")))?,
        };
        Ok(self.client(builtin))
    }

    pub(super) fn clients(&self) -> Vec<Gateway> {
        self.instances().map(|builtin| self.client(builtin)).collect()
    }

    pub(super) fn is_running(&self) -> bool {
        self.instances().all(Builtin::is_running)
    }

    fn instances(&self) -> impl Iterator<Item = &Builtin> {
        [&self.first].into_iter().chain(self.second.get())
    }

    fn client(&self, builtin: &Builtin) -> Gateway {
        let url = format!("http://{}", builtin.address);
        let (http, upstream, admin_key) = (self.http.clone(), self.upstream.clone(), self.admin_key.clone());
        Gateway::new(OF_BUILTIN, http, url, upstream, admin_key, self.limit).at(PACE)
    }

    pub(super) fn disturb(&self, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        match Deed::of(act, part)? {
            Deed::RestartGateway => self.restart(),
            Deed::StopDatabase => self.first.stop_database(),
            Deed::StartDatabase => self.first.start_database(),
            Deed::FlushRedis => self.first.flush_redis(),
            // It is right without one, so it is right with one that is away.
            Deed::StopRedis | Deed::StartRedis => {}
        }
        Ok(())
    }

    pub(super) fn restart(&self) {
        self.instances().for_each(Builtin::restart);
    }

    pub(super) fn restore(&self) {
        self.first.start_database();
    }
}
