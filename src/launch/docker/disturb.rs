//! Stopping, starting, restarting and flushing the parts of a target in Docker, and putting them right again.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use super::super::disturb::Deed;
use super::super::{LaunchError, Topology, Undisturbed};
use super::Containers;
use super::gateways::Node;
use super::site::Site;
use super::stores::{Database, Redis};
use crate::scenario::{Disturbance, Part};

/// What the engine may take for a disturbance, beyond the time in which something has to be ready.
const ENGINE: Duration = Duration::from_secs(60);

impl Containers {
    pub(in super::super) async fn disturb(
        &self,
        topology: Topology,
        act: Disturbance,
        part: Part,
    ) -> Result<(), Undisturbed> {
        let limit = self.limits.launch + ENGINE;
        let too_late = |_| Undisturbed::Failed(format!("not done after {} s", limit.as_secs()));
        tokio::time::timeout(limit, self.do_disturb(topology, act, part)).await.map_err(too_late)?
    }

    async fn do_disturb(&self, topology: Topology, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        let Containers { site, database, .. } = self;
        let limit = self.limits.launch;
        match Deed::on(topology, act, part)? {
            Deed::RestartGateway => self.restart(topology).await?,
            Deed::StopDatabase => site.stop(&database.container, Database::NAME).await?,
            Deed::StartDatabase => database.start_again(site, limit).await?,
            Deed::StopRedis => site.stop(&self.redis().await?.container, Redis::NAME).await?,
            Deed::StartRedis => self.redis().await?.start_again(site, limit).await?,
            Deed::FlushRedis => self.redis().await?.flush(site).await?,
        }
        Ok(())
    }

    /// All instances at once, as if the machine they are on had been.
    async fn restart(&self, topology: Topology) -> Result<(), LaunchError> {
        let restart = async |instance| self.restart_one(self.gateway(topology, instance).await?).await;
        try_join_all(topology.each().map(restart)).await.map(|_| ())
    }

    /// Every gateway that there is, where one hangs: the engine kills what does not end.
    pub(in super::super) async fn restart_all(&self) -> Result<(), LaunchError> {
        try_join_all(self.launched().map(|node| self.restart_one(node))).await.map(|_| ())
    }

    async fn restart_one(&self, node: &Node) -> Result<(), LaunchError> {
        self.site.stop(&node.container, Node::NAME).await?;
        self.recipe.start_again(&self.site, node).await
    }

    /// Starts again what is stopped, and waits until every gateway is ready.
    pub(in super::super) async fn restore(&self) -> Result<(), LaunchError> {
        let Containers { site, database, .. } = self;
        let limit = self.limits.launch;
        if site.stopped(&database.container).await.is_some() {
            database.start_again(site, limit).await?;
        }
        if let Some(redis) = self.redis.get()
            && site.stopped(&redis.container).await.is_some()
        {
            redis.start_again(site, limit).await?;
        }
        let restored = join_all(self.launched().map(|node| self.restore_gateway(site, node))).await;
        restored.into_iter().collect()
    }

    async fn restore_gateway(&self, site: &Site, node: &Node) -> Result<(), LaunchError> {
        match site.stopped(&node.container).await {
            Some(_) => self.recipe.start_again(site, node).await,
            None => self.recipe.until_ready(site, node).await.map(|_| ()),
        }
    }
}
