//! A gateway with its database and, if a scenario wants one, a Redis, wherever they run: what is launched when, what
//! stops, starts and is asked, over a [`Site`]. More gateways on the same database, and Redis, are launched when a
//! scenario first wants them, and kept until the target stops.

mod begin;
mod disturb;
mod gateways;
mod rollout;
mod schema;
mod stores;

use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::OnceCell;

use super::template::Tables;
use super::{Held, LaunchError, Live, Target, Topology, Undisturbed};
use crate::gateway::Gateway;
use crate::gateway::recipe::{How, Recipe, Schema};
use crate::scenario::{Instance, Part};
use crate::secret::Secret;
use crate::upstream::Upstream;
use begin::{Begun, begin};
pub use gateways::config;
pub(super) use gateways::{Common, Edition};
use gateways::{Generations, Node};
use stores::launch_redis;
pub(super) use stores::{Database, Postgres, USER};

/// Where the parts of a target run: how one is started there, stopped, asked and looked at. Not: which there are.
#[async_trait]
pub(super) trait Site: Sized + Send + Sync {
    /// What keeps a part alive: the part ends at the latest when this is dropped.
    type Guard: Send + Sync;
    /// What the gateways of one version are made of.
    type Build: Send + Sync;

    /// How gateways are launched here, and what to tell others who launch the same.
    const HOW: How;
    const TOLD: (How, &str, u16);
    /// The name of the database in its PostgreSQL.
    const DATABASE: &str;
    /// How often to ask whether a part is ready.
    const LOOK: Duration;

    fn target(&self) -> &Target;

    /// What the gateways of a target are made of.
    ///
    /// # Errors
    /// When the target is launched in another way.
    fn build(&self, target: &Target) -> Result<Self::Build, LaunchError>;

    /// The same, for people.
    fn gateway(&self, build: &Self::Build) -> String;

    /// What the database is, for people.
    async fn database(&self, postgres: &Postgres<Self>) -> String;

    /// All that decides which tables a gateway makes, except what it is told.
    ///
    /// # Errors
    /// Why that is not known.
    async fn decisive(&self, build: &Self::Build) -> Result<Vec<String>, String>;

    /// The error where a gateway says that it is of another version.
    fn is_another(&self, edition: &Edition<Self>, said: &str, wanted: &str) -> LaunchError;

    /// Whether a Redis can be launched.
    fn has_redis(&self) -> Result<(), Undisturbed> {
        Ok(())
    }

    /// A database that is up before we know what it begins with; what gateways need is made meanwhile. None where a
    /// database fills itself before it listens: a gateway can then be launched at the same time.
    async fn empty_database(
        &self,
        _build: &Self::Build,
        _limit: Duration,
    ) -> Result<Option<Database<Self>>, LaunchError> {
        Ok(None)
    }

    /// Where a part will be started: known in advance, so that others can be told.
    fn spot(&self, part: Part) -> Result<Spot, LaunchError>;

    async fn start_gateway(
        &self,
        edition: &Edition<Self>,
        spot: &Spot,
        recipe: Recipe,
        schema: Schema,
    ) -> Result<Self::Guard, LaunchError>;

    /// Starts a PostgreSQL, which fills itself with these tables if it can.
    async fn start_database(
        &self,
        spot: &Spot,
        password: &Secret,
        tables: Option<&Tables>,
        limit: Duration,
    ) -> Result<Self::Guard, LaunchError>;

    /// Fills a PostgreSQL that could not do so itself.
    async fn fill(&self, _postgres: &Postgres<Self>, _tables: &Tables) -> Result<(), LaunchError> {
        Ok(())
    }

    async fn start_redis(&self, spot: &Spot) -> Result<Self::Guard, LaunchError>;

    /// Starts a part that was stopped; does nothing if it runs.
    async fn start_again(&self, launched: &Launched<Self>) -> Result<(), LaunchError>;

    /// Stops a part as an operator does: it is told, and has some time to end.
    async fn stop(&self, launched: &Launched<Self>) -> Result<(), LaunchError>;

    /// Stops a part that may not hear that it should end.
    async fn end(&self, launched: &Launched<Self>) -> Result<(), LaunchError> {
        self.stop(launched).await
    }

    /// Takes a part away. The sweep finds again whatever cannot be removed.
    async fn discard(&self, launched: Launched<Self>);

    /// Removes what the parts shared, once they are gone.
    async fn remove(self);

    /// How a part stopped; none while it runs.
    async fn stopped(&self, launched: &Launched<Self>) -> Option<String>;

    /// The end of what a part said.
    async fn log_tail(&self, launched: &Launched<Self>) -> Vec<String>;

    /// Where this machine reaches a gateway; the address may change with each start.
    async fn url(&self, gateway: &Launched<Self>) -> Result<String, LaunchError>;

    /// Whether a PostgreSQL listens for good.
    async fn is_ready(&self, database: &Launched<Self>) -> Result<(), String>;

    /// What one of PostgreSQL's clients prints; it has to end well.
    async fn run(&self, postgres: &Postgres<Self>, client: &str, arguments: &[&str]) -> Result<String, String>;

    /// What a Redis answers to a command of one word.
    async fn ask_redis(&self, redis: &Launched<Self>, word: &str) -> Result<String, String>;

    fn failed(&self, what: impl Into<String>) -> LaunchError {
        LaunchError::new(self.target(), what)
    }
}

/// Where a part is: the address at which the others reach it, and the folder of its files.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub host: String,
    pub port: u16,
    pub home: PathBuf,
}

/// A part that was started.
pub(super) struct Launched<S: Site> {
    pub part: Part,
    pub spot: Spot,
    pub guard: S::Guard,
}

impl<S: Site> Launched<S> {
    pub(super) fn name(&self) -> &'static str {
        name(self.part)
    }
}

/// What a part is called.
pub(super) fn name(part: Part) -> &'static str {
    match part {
        Part::Gateway => "the gateway",
        Part::Database => "its database",
        Part::Redis => "its Redis",
    }
}

/// Asks until there is an answer, the part has stopped, or the limit has passed.
async fn until<S: Site, T, E: Display, F: Future<Output = Result<T, E>>>(
    site: &S,
    launched: &Launched<S>,
    limit: Duration,
    ask: impl Fn() -> F,
) -> Result<T, LaunchError> {
    let name = launched.name();
    let began = Instant::now();
    loop {
        let answer = ask().await;
        // Even after a good answer: it may come from another process that has taken the port.
        if let Some(how) = site.stopped(launched).await {
            return Err(site.failed(format!("{name} {how}")).log(site.log_tail(launched).await));
        }
        match answer {
            Ok(answer) => return Ok(answer),
            Err(last) if began.elapsed() > limit => {
                let what = format!("{name} was not ready within {} s: {last}", limit.as_secs());
                return Err(site.failed(what).log(site.log_tail(launched).await));
            }
            Err(_) => tokio::time::sleep(S::LOOK).await,
        }
    }
}

/// What belongs to one launched target.
pub(super) struct Stack<S: Site> {
    site: S,
    common: Common,
    database: Database<S>,
    /// The version it was launched with.
    old: Edition<S>,
    /// The version that it can be moved to.
    new: Option<Edition<S>>,
    gateways: Generations<Node<S>>,
    redis: OnceCell<Launched<S>>,
}

/// Launches a target, with one gateway, on a site of its own. `to` is the target that it can be moved to.
pub(super) async fn launch<S: Site>(
    target: &Target,
    to: Option<&Target>,
    site: S,
    upstream: Upstream,
    common: Common,
    kept: fn(Box<Stack<S>>) -> Held,
) -> Result<Live, LaunchError> {
    let (old, new) = (Edition::of(&site, target)?, to.map(|to| Edition::of(&site, to)).transpose()?);
    // Their configuration may name one; else it is launched for the first scenario that wants it.
    let redis = match old.has_redis() || new.as_ref().is_some_and(Edition::has_redis) {
        true => {
            site.has_redis().map_err(|lacks| match lacks {
                Undisturbed::Lacks(why) | Undisturbed::Failed(why) => {
                    site.failed(format!("its configuration names a Redis: {why}"))
                }
            })?;
            Some(launch_redis(&site, common.limits.launch).await?)
        }
        false => None,
    };
    let spot = redis.as_ref().map(|redis| &redis.spot).filter(|_| old.has_redis());
    let Begun { database, first, said, remark } = Box::pin(begin(&old, &site, &common, spot)).await?;
    let at = spot.map(|spot| (spot.host.as_str(), spot.port));
    let setup = common.setup(&old, site.gateway(&old.build), &database.about(&site).await, database.url(), at);
    let wrong = old.contradicts(&site, said.as_deref());
    let stack = Stack {
        site,
        common,
        database,
        old,
        new,
        gateways: Generations::begun_with(first),
        redis: redis.map_or_else(OnceCell::new, |redis| OnceCell::new_with(Some(redis))),
    };
    let own = target.own.as_ref().map(|own| own.to_string());
    let remark = Some([own, remark].into_iter().flatten().collect::<Vec<_>>().join("; ")).filter(|all| !all.is_empty());
    let mut live = Live { remark, setup: Some(setup), ..Live::new(target, upstream, kept(Box::new(stack))) };
    // A name in harness.toml may leave it to the gateway.
    live.target.version = live.target.version.or(said);
    match wrong {
        Some(wrong) => {
            live.stop().await;
            Err(wrong)
        }
        None => Ok(live),
    }
}

impl<S: Site> Stack<S> {
    /// An instance of the gateway. The whole set-up is launched first if it is not there yet: a trial that waited for
    /// its second instance in the middle would find another minute, and colder caches, than it left.
    pub(super) async fn node(&self, topology: Topology, instance: Instance) -> Result<Gateway, Undisturbed> {
        if topology.redis {
            self.site.has_redis()?;
        }
        try_join_all(topology.each().map(|instance| self.gateway(topology, instance))).await?;
        Ok(self.gateway(topology, instance).await?.client())
    }

    async fn gateway(&self, topology: Topology, instance: Instance) -> Result<&Node<S>, LaunchError> {
        let (generation, instance, edition) = self.edition(instance)?;
        let redis = self.redis_of(edition, topology.redis).await?;
        let launch = || async {
            // The first gateway has made the tables.
            let launched = Node::launch(&self.site, &self.common, edition, self.database.url(), redis, Schema::Leave);
            launched.await.map(|(node, _)| node)
        };
        self.gateways.of(generation, topology, instance).get_or_try_init(launch).await
    }

    /// The Redis of a gateway that wants one. One that its own configuration names is there for all of them.
    async fn redis_of(&self, edition: &Edition<S>, wanted: bool) -> Result<Option<&Spot>, LaunchError> {
        match wanted || edition.has_redis() {
            true => Ok(Some(&self.redis().await?.spot)),
            false => Ok(None),
        }
    }

    async fn redis(&self) -> Result<&Launched<S>, LaunchError> {
        self.redis.get_or_try_init(|| launch_redis(&self.site, self.common.limits.launch)).await
    }

    /// The parts launched so far that keep something: the database, and Redis if there is one.
    fn stores(&self) -> impl Iterator<Item = &Launched<S>> {
        self.database.launched().into_iter().chain(self.redis.get())
    }

    pub(super) fn clients(&self) -> Vec<Gateway> {
        self.gateways.running().map(Node::client).collect()
    }

    /// How one of its parts died, if one did.
    pub(super) async fn dead(&self) -> Option<String> {
        let gateways = self.gateways.running().map(|node| &node.launched);
        for launched in gateways.chain(self.stores()) {
            if let Some(how) = self.site.stopped(launched).await {
                return Some(format!("{} {how}", launched.name()));
            }
        }
        match &self.database {
            Database::Launched(_) => None,
            Database::InServer(own) => {
                own.answers().await.err().map(|why| format!("its database does not answer: {why}"))
            }
        }
    }

    /// The end of each gateway's log.
    pub(super) async fn log_tail(&self) -> Vec<String> {
        let logs = self.gateways.running().map(|node| self.site.log_tail(&node.launched));
        join_all(logs).await.concat()
    }

    pub(super) async fn remove(self) {
        let Stack { site, database, gateways, redis, .. } = self;
        let gateways = gateways.into_launched().map(|node| node.launched);
        let (postgres, own) = match database {
            Database::Launched(postgres) => (Some(postgres.launched), None),
            Database::InServer(own) => (None, Some(*own)),
        };
        join_all(gateways.chain(postgres).chain(redis.into_inner()).map(|launched| site.discard(launched))).await;
        if let Some(own) = own {
            // If it cannot be dropped now, the sweep finds it again, and says so.
            let _ = own.drop().await;
        }
        site.remove().await;
    }
}
