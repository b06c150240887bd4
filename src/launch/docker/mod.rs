//! The `docker` launcher: a gateway's own image and PostgreSQL, on a network of their own, through
//! testcontainers. More gateways on the same database, and Redis, are launched when a scenario first wants them, and
//! kept until the target stops.
//!
//! Everything it makes carries the run's label, so that the sweep finds it also when a guard never came to be:
//! testcontainers 0.28 has no reaper, and loses a container whose start was interrupted.

mod begin;
mod disturb;
mod gateways;
mod site;
mod stores;

use std::net::SocketAddr;

use futures_util::future::{join_all, try_join_all};
use tokio::sync::OnceCell;

use super::gateways::{Common, Gateways};
use super::template::Begun;
use super::{Kept, LaunchError, Live, RunId, Topology};
use crate::config::Limits;
use crate::gateway::Gateway;
use crate::gateway::recipe::Schema;
use crate::scenario::Instance;
use crate::target::{Launcher, Target};
use crate::upstream::Upstream;
use begin::begin;
use gateways::{Node, Recipe};
use site::{Container, Site};
pub(super) use site::{answers, prepare, remove, remove_by_hand};
use stores::{Database, Redis};

/// What belongs to one launched target.
pub(super) struct Containers {
    site: Site,
    limits: Limits,
    recipe: Recipe,
    redis_image: String,
    database: Database,
    gateways: Gateways<Node>,
    redis: OnceCell<Redis>,
}

pub(super) async fn launch(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let Launcher::Docker { image, database_image, redis_image, egress, env } = &target.launcher else {
        return Err(LaunchError::new(target, "it is not launched in Docker"));
    };
    let site = Site::new(target, run, *egress).await?;
    let upstream = Upstream::start(SocketAddr::from((site.here().await, 0)))
        .await
        .map_err(|error| site.failed(format!("the upstream cannot listen where containers reach it: {error}")))?;
    let port = upstream.address().port();
    let common = Common::new(target, env, format!("http://host.docker.internal:{port}"), port, limits)?;
    let recipe = Recipe { image: image.clone(), common };
    let Begun { database, first, said, remark } = begin(target, &site, &recipe, database_image).await?;
    let postgres = database.version(&site).await.unwrap_or_else(|| "PostgreSQL".to_owned());
    let setup = recipe.common.setup(
        format!("image {image}"),
        &format!("{postgres}, image {database_image}"),
        &database.url,
        gateways::PLACE,
    );
    let containers = Containers {
        site,
        limits,
        recipe,
        redis_image: redis_image.clone(),
        database,
        gateways: Gateways::begun_with(first),
        redis: OnceCell::new(),
    };
    let kept = Kept::Docker(Box::new(containers));
    let live = Live { remark, setup: Some(setup), ..Live::new(target, upstream, kept) };
    match (said, &target.version) {
        (Some(said), Some(wanted)) if said != *wanted => {
            let what = format!("the image {image} holds version {said}, not {wanted}");
            live.stop().await;
            Err(LaunchError::new(target, what)
                .help(format!("name the right image in harness.toml, under [gateway.{}]", target.gateway.name())))
        }
        _ => Ok(live),
    }
}

impl Containers {
    /// An instance of the gateway. The whole set-up is launched first if it is not there yet: a trial that waited for
    /// its second instance in the middle would find another minute, and colder caches, than it left.
    pub(super) async fn node(&self, topology: Topology, instance: Instance) -> Result<Gateway, LaunchError> {
        try_join_all(topology.each().map(|instance| self.gateway(topology, instance))).await?;
        Ok(self.gateway(topology, instance).await?.client())
    }

    async fn gateway(&self, topology: Topology, instance: Instance) -> Result<&Node, LaunchError> {
        let redis = match topology.redis {
            false => None,
            true => Some(self.redis().await?.host.as_str()),
        };
        let launch = || async {
            // The first gateway has made the tables.
            self.recipe.launch(&self.site, &self.database.url, redis, Schema::Leave).await.map(|(node, _)| node)
        };
        self.gateways.of(topology, instance).get_or_try_init(launch).await
    }

    async fn redis(&self) -> Result<&Redis, LaunchError> {
        let launch = || Redis::launch(&self.site, &self.redis_image, self.limits.launch);
        self.redis.get_or_try_init(launch).await
    }

    fn launched(&self) -> impl Iterator<Item = &Node> {
        self.gateways.launched()
    }

    pub(super) fn clients(&self) -> Vec<Gateway> {
        self.launched().map(Node::client).collect()
    }

    /// The containers of what keeps something: the database, and Redis if there is one.
    fn stores(&self) -> impl Iterator<Item = (&Container, &'static str)> {
        let database = (&self.database.container, Database::NAME);
        [database].into_iter().chain(self.redis.get().map(|redis| (&redis.container, Redis::NAME)))
    }

    /// How a part of it died, if one did.
    pub(super) async fn dead(&self) -> Option<String> {
        let gateways = self.launched().map(|node| (&node.container, Node::NAME));
        for (container, name) in gateways.chain(self.stores()) {
            if let Some(how) = self.site.stopped(container).await {
                return Some(format!("{name} {how}"));
            }
        }
        None
    }

    /// The end of each gateway's log.
    pub(super) async fn log_tail(&self) -> Vec<String> {
        let logs = self.launched().map(|node| self.site.log_tail(&node.container));
        join_all(logs).await.concat()
    }

    pub(super) async fn remove(self) {
        let gateways = self.gateways.into_launched().map(|node| node.container);
        let stores = [self.database.container].into_iter().chain(self.redis.into_inner().map(|redis| redis.container));
        // Whatever cannot be removed now is found again by the sweep.
        join_all(gateways.chain(stores).map(Container::rm)).await;
        self.site.remove().await;
    }
}
