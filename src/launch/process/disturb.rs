//! Stopping, starting, restarting and flushing the parts of a target that are processes, and putting them right again.

use futures_util::future::{join_all, try_join_all};

use super::super::disturb::Deed;
use super::super::server::VARIABLE;
use super::super::{LaunchError, Topology, Undisturbed};
use super::gateways::Node;
use super::stores::{Postgres, Redis};
use super::{Processes, system};
use crate::scenario::{Disturbance, Part};

impl Processes {
    /// Whether this machine has what a set-up wants.
    ///
    /// # Errors
    /// What it lacks.
    pub(in super::super) fn has(&self, topology: Topology) -> Result<(), Undisturbed> {
        match topology.redis && system::on_path(Redis::PROGRAM).is_none() {
            true => Err(Undisturbed::Lacks(format!("this machine has no {} on its PATH", Redis::PROGRAM))),
            false => Ok(()),
        }
    }

    pub(in super::super) async fn disturb(
        &self,
        topology: Topology,
        act: Disturbance,
        part: Part,
    ) -> Result<(), Undisturbed> {
        let (site, limit) = (&self.site, self.limits.launch);
        match Deed::on(topology, act, part)? {
            Deed::RestartGateway => self.restart(topology).await?,
            Deed::StopDatabase => site.stop(&self.postgres()?.process).await?,
            Deed::StartDatabase => self.postgres()?.start_again(site, limit).await?,
            Deed::StopRedis => site.stop(&self.redis().await?.process).await?,
            Deed::StartRedis => self.redis().await?.start_again(site, limit).await?,
            Deed::FlushRedis => self.redis().await?.flush(site).await?,
        }
        Ok(())
    }

    /// The database, where it is one that can be stopped.
    fn postgres(&self) -> Result<&Postgres, Undisturbed> {
        let lacks = || Undisturbed::Lacks(format!("its database is in the server of {VARIABLE}, which runs on"));
        self.database.launched().ok_or_else(lacks)
    }

    /// All instances at once, as if the machine they are on had been.
    async fn restart(&self, topology: Topology) -> Result<(), LaunchError> {
        let restart = async |instance| {
            let node = self.gateway(topology, instance).await?;
            self.site.stop(&node.process).await?;
            self.recipe.start_again(&self.site, node).await
        };
        try_join_all(topology.each().map(restart)).await.map(|_| ())
    }

    /// Every gateway that there is, where one hangs: such a one does not hear that it shall end.
    pub(in super::super) async fn restart_all(&self) -> Result<(), LaunchError> {
        let restart = async |node: &Node| {
            node.process.abandon().await;
            self.recipe.start_again(&self.site, node).await
        };
        try_join_all(self.launched().map(restart)).await.map(|_| ())
    }

    /// Starts again what is stopped, and waits until every gateway is ready.
    pub(in super::super) async fn restore(&self) -> Result<(), LaunchError> {
        let Processes { site, database, .. } = self;
        let limit = self.limits.launch;
        if let Some(postgres) = database.launched()
            && postgres.process.stopped().is_some()
        {
            postgres.start_again(site, limit).await?;
        }
        if let Some(redis) = self.redis.get()
            && redis.process.stopped().is_some()
        {
            redis.start_again(site, limit).await?;
        }
        let restore = async |node: &Node| match node.process.stopped() {
            Some(_) => self.recipe.start_again(site, node).await,
            None => self.recipe.until_ready(site, node).await.map(|_| ()),
        };
        join_all(self.launched().map(restore)).await.into_iter().collect()
    }
}
