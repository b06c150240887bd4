//! A target that a keeper in another process keeps: what a run has of it. The keeper says where the gateway answers,
//! which may change; a run asks the gateway itself directly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::keeper::{Asked, Gone, Keeper, Lease, Node};
use super::turns::Share;
use super::{ADMIN_KEY, Health, Revived, Topology, Undisturbed};
use crate::gateway::{Adapter, Gateway, Pace};
use crate::scenario::{Disturbance, Instance, Part};
use crate::secret::Secret;

pub(super) struct Attached {
    pub(super) keeper: Keeper,
    adapter: &'static dyn Adapter,
    pub(super) pace: Pace,
    http: reqwest::Client,
    /// How long one answer of the gateway may take.
    limit: Duration,
    /// What launches it anew once it is broken.
    help: Option<String>,
    /// As they were last: all in this process who wait for the books of an instance share one look at them.
    nodes: Mutex<HashMap<(Topology, Instance), Gateway>>,
    /// Held by every trial of this process that runs on it.
    own: Arc<()>,
}

impl Attached {
    pub(super) fn new(
        keeper: Keeper,
        adapter: &'static dyn Adapter,
        pace: Pace,
        http: reqwest::Client,
        limit: Duration,
        help: Option<String>,
    ) -> Attached {
        Attached { keeper, adapter, pace, http, limit, help, nodes: Mutex::default(), own: Arc::default() }
    }

    async fn asked<T: serde::de::DeserializeOwned>(&self, asked: &Asked) -> Result<T, Undisturbed> {
        self.keeper.ask(asked).await.map_err(|gone| Undisturbed::Failed(self.with_help(gone.to_string())))
    }

    fn with_help(&self, what: String) -> String {
        match &self.help {
            Some(help) => format!("{what}; {help}"),
            None => what,
        }
    }

    pub(super) async fn calls(&self, trial: &str, requests: &[usize]) -> Result<usize, Undisturbed> {
        let asked = Asked::Calls { trial: trial.to_owned(), requests: requests.to_vec() };
        self.asked::<Result<usize, Undisturbed>>(&asked).await?
    }

    pub(super) async fn node(&self, topology: Topology, instance: Instance) -> Result<Gateway, Undisturbed> {
        let node: Node = self.asked::<Result<Node, Undisturbed>>(&Asked::Node { topology, instance }).await??;
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = nodes.get(&(topology, instance)).filter(|known| known.base_url() == node.url).cloned();
        let gateway = known.unwrap_or_else(|| {
            let (http, admin_key) = (self.http.clone(), Secret::named(node.admin_key, ADMIN_KEY));
            Gateway::new(self.adapter, http, node.url, node.upstream, admin_key, self.limit).at(self.pace)
        });
        gateway.books.others_wait(node.trials.saturating_sub(Arc::strong_count(&self.own) - 1));
        nodes.insert((topology, instance), gateway.clone());
        Ok(gateway)
    }

    pub(super) async fn disturb(&self, topology: Topology, act: Disturbance, part: Part) -> Result<(), Undisturbed> {
        self.asked::<Result<(), Undisturbed>>(&Asked::Disturb { topology, act, part }).await?
    }

    /// Of every instance that this process has asked for.
    pub(super) fn clients(&self) -> Vec<Gateway> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) async fn revive(&self) -> Result<Revived, String> {
        match self.keeper.ask(&Asked::Revive).await {
            Ok(revived) => revived,
            Err(gone) => Err(self.with_help(gone.to_string())),
        }
    }

    pub(super) async fn renew(&self) -> Result<(), String> {
        match self.keeper.ask(&Asked::Renew).await {
            Ok(renewed) => renewed,
            Err(gone) => Err(self.with_help(gone.to_string())),
        }
    }

    pub(super) async fn restore(&self) {
        // What could not be put right shows in its health.
        let _ = self.keeper.ask::<()>(&Asked::Restore).await;
    }

    pub(super) async fn health(&self) -> Health {
        match self.keeper.ask(&Asked::Health).await {
            Ok(Health::Dead(how)) => Health::Dead(self.with_help(how)),
            Ok(health) => health,
            Err(gone) => Health::Dead(self.with_help(gone.to_string())),
        }
    }

    pub(super) async fn log_tail(&self) -> Vec<String> {
        self.keeper.ask(&Asked::LogTail).await.unwrap_or_default()
    }

    pub(super) async fn turn(&self, share: Share) -> Result<(Lease, Option<Arc<()>>), Gone> {
        let own = (share != Share::Making).then(|| Arc::clone(&self.own));
        Ok((self.keeper.turn(share).await?, own))
    }
}
