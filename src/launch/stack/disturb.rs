//! Stopping, starting, restarting and flushing the parts of a target, and putting them right again.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use super::super::disturb::Deed;
use super::super::server::VARIABLE;
use super::super::{LaunchError, Topology, Undisturbed};
use super::gateways::Node;
use super::stores::{flush, start_again};
use super::{Launched, Site, Stack};
use crate::scenario::{Disturbance, Part};

/// How long a site may take for a disturbance, beyond the time a part has to become ready.
const BEYOND: Duration = Duration::from_secs(60);

impl<S: Site> Stack<S> {
    pub(in super::super) async fn disturb(
        &self,
        topology: Topology,
        act: Disturbance,
        part: Part,
    ) -> Result<(), Undisturbed> {
        let limit = self.common.limits.launch + BEYOND;
        let too_late = |_| Undisturbed::Failed(format!("not done after {} s", limit.as_secs()));
        tokio::time::timeout(limit, self.do_disturb(topology, act, part)).await.map_err(too_late)?
    }

    async fn do_disturb(&self, topology: Topology, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        let (site, limit) = (&self.site, self.common.limits.launch);
        match Deed::on(topology, act, part)? {
            Deed::RestartGateway => self.restart(topology).await?,
            Deed::StopDatabase => site.stop(self.postgres()?).await?,
            Deed::StartDatabase => start_again(site, self.postgres()?, limit).await?,
            Deed::StopRedis => site.stop(self.redis().await?).await?,
            Deed::StartRedis => start_again(site, self.redis().await?, limit).await?,
            Deed::FlushRedis => flush(site, self.redis().await?).await?,
        }
        Ok(())
    }

    /// The database, if it is one that can be stopped.
    fn postgres(&self) -> Result<&Launched<S>, Undisturbed> {
        let lacks = || Undisturbed::Lacks(format!("its database is in the server of {VARIABLE}, which runs on"));
        self.database.launched().ok_or_else(lacks)
    }

    /// Restarts all instances at once, as if their machine had restarted.
    async fn restart(&self, topology: Topology) -> Result<(), LaunchError> {
        let restart = async |instance| {
            let node = self.gateway(topology, instance).await?;
            self.site.stop(&node.launched).await?;
            node.start_again(&self.site, &self.common).await
        };
        try_join_all(topology.each().map(restart)).await.map(|_| ())
    }

    /// Every gateway that there is, where one hangs.
    pub(in super::super) async fn restart_all(&self) -> Result<(), LaunchError> {
        let restart = async |node: &Node<S>| {
            self.site.end(&node.launched).await?;
            node.start_again(&self.site, &self.common).await
        };
        try_join_all(self.gateways.running().map(restart)).await.map(|_| ())
    }

    /// Starts again what is stopped, and waits until every gateway is ready.
    pub(in super::super) async fn restore(&self) -> Result<(), LaunchError> {
        let Stack { site, common, .. } = self;
        for store in self.stores() {
            if site.stopped(store).await.is_some() {
                start_again(site, store, common.limits.launch).await?;
            }
        }
        let restore = async |node: &Node<S>| match site.stopped(&node.launched).await {
            Some(_) => node.start_again(site, common).await,
            None => node.until_ready(site, common).await.map(|_| ()),
        };
        join_all(self.gateways.running().map(restore)).await.into_iter().collect()
    }
}
