//! The `process` launcher: a gateway's own Python package, a PostgreSQL and, if a scenario wants one, a Redis, as
//! processes of this machine on loopback. More gateways on the same database, and Redis, are launched when a scenario
//! first wants them, and kept until the target stops.
//!
//! All files are in the run's folder; every process is at home in there and carries the run's mark, so that the sweep
//! finds it. What is made once (packages) is in the cache.

mod begin;
mod disturb;
mod gateways;
mod index;
mod postgres;
mod python;
mod site;
mod stores;
mod system;

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::future::{join_all, try_join, try_join_all};
use tokio::sync::OnceCell;

use super::cache::Cache;
use super::doctor::Machine;
use super::gateways::{Common, Gateways};
use super::server::Server;
use super::template::Begun;
use super::{Kept, LaunchError, Live, RunId, Topology, upstream};
use crate::config::Limits;
use crate::gateway::Gateway;
use crate::gateway::recipe::{How, Schema};
use crate::scenario::Instance;
use crate::target::{Launcher, Target};
use begin::begin;
use gateways::{Node, Recipe};
pub(super) use index::{prepare, published};
use postgres::Programs;
use python::{Environment, Uv};
use site::{Process, Site, is_prismas};
use stores::{Database, Redis};

/// What this machine has of what is needed here; nothing is said of Docker.
pub(super) fn machine() -> Machine {
    Machine {
        docker: Err(String::new()),
        launches_processes: system::SUPPORTED,
        uv: system::on_path(Uv::PROGRAM),
        python: system::on_path("python3"),
        postgres: Programs::of_this_machine().map(Programs::into_folder),
        server: Server::named().is_some_and(|server| server.is_ok()),
        redis: system::on_path(Redis::PROGRAM),
        prisma_is_told: std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_prismas)),
    }
}

/// What belongs to one launched target.
pub(super) struct Processes {
    site: Site,
    limits: Limits,
    recipe: Recipe,
    database: Database,
    gateways: Gateways<Node>,
    redis: OnceCell<Redis>,
}

pub(super) async fn launch(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let Launcher::Process { package, env } = &target.launcher else {
        return Err(LaunchError::new(target, "it is not launched as a process"));
    };
    let site = Site::new(target, run).await?;
    let cache = Cache::find().map_err(|error| site.failed(error.to_string()))?;
    let database = Database::launch(&site, &cache, limits.launch);
    let (environment, database) = try_join(Environment::of(&site, &cache, package), database).await?;
    let upstream = upstream(target, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let (url, port) = (format!("http://{}", upstream.address()), upstream.address().port());
    let common = Common::new(target, env, url, port, limits)?;
    let recipe = Recipe { environment, common };
    let Begun { database, first, said, remark } = begin(target, &site, &recipe, database).await?;
    let postgres = database.version().await.unwrap_or_else(|| "PostgreSQL".to_owned());
    let made_of = format!("package {} of PyPI, and no package of after its release", package.requirement());
    let setup = recipe.common.setup(made_of, &postgres, database.url(), (How::Told, "", gateways::TOLD_PORT));
    let processes =
        Processes { site, limits, recipe, database, gateways: Gateways::begun_with(first), redis: OnceCell::new() };
    let kept = Kept::Process(Box::new(processes));
    let live = Live { remark, setup: Some(setup), ..Live::new(target, upstream, kept) };
    match said {
        Some(said) if said != package.version => {
            live.stop().await;
            let what = format!("the package says that it is version {said}, not {}", package.version);
            Err(LaunchError::new(target, what).help("`gatecrash cache clear`, and try again"))
        }
        _ => Ok(live),
    }
}

impl Processes {
    /// An instance of the gateway. The whole set-up is launched first if it is not there yet: a trial that waited for
    /// its second instance in the middle would find another minute, and colder caches, than it left.
    pub(super) async fn node(&self, topology: Topology, instance: Instance) -> Result<Gateway, LaunchError> {
        try_join_all(topology.each().map(|instance| self.gateway(topology, instance))).await?;
        Ok(self.gateway(topology, instance).await?.client())
    }

    async fn gateway(&self, topology: Topology, instance: Instance) -> Result<&Node, LaunchError> {
        let redis = match topology.redis {
            false => None,
            true => Some(self.redis().await?.port),
        };
        let launch = || async {
            // The first gateway has made the tables.
            self.recipe.launch(&self.site, self.database.url(), redis, Schema::Leave).await.map(|(node, _)| node)
        };
        self.gateways.of(topology, instance).get_or_try_init(launch).await
    }

    async fn redis(&self) -> Result<&Redis, LaunchError> {
        self.redis.get_or_try_init(|| Redis::launch(&self.site, self.limits.launch)).await
    }

    fn launched(&self) -> impl Iterator<Item = &Node> {
        self.gateways.launched()
    }

    pub(super) fn clients(&self) -> Vec<Gateway> {
        self.launched().map(Node::client).collect()
    }

    /// Those of what keeps something, as far as it was launched: the database, and Redis if there is one.
    fn stores(&self) -> impl Iterator<Item = &Process> {
        let database = self.database.launched().map(|postgres| &postgres.process);
        database.into_iter().chain(self.redis.get().map(|redis| &redis.process))
    }

    /// How a part of it died, if one did.
    pub(super) async fn dead(&self) -> Option<String> {
        let mut all = self.launched().map(|node| &node.process).chain(self.stores());
        let stopped = all.find_map(|process| process.stopped().map(|how| format!("{} {how}", process.name())));
        match (&stopped, &self.database) {
            (None, Database::InServer(own)) => {
                own.answers().await.err().map(|why| format!("its database does not answer: {why}"))
            }
            _ => stopped,
        }
    }

    /// The end of each gateway's log.
    pub(super) fn log_tail(&self) -> Vec<String> {
        self.launched().flat_map(|node| node.process.log_tail()).collect()
    }

    pub(super) async fn remove(self) {
        join_all(self.launched().map(|node| node.process.abandon())).await;
        self.database.abandon().await;
        join_all(self.redis.get().map(|redis| redis.process.abandon())).await;
        self.site.remove();
    }
}
