//! The gateways of a target: what each is told, who makes their tables, where each answers now, which there are.

use std::sync::{PoisonError, RwLock};

use tokio::sync::OnceCell;

use super::super::{ADMIN_KEY, LaunchError, Setup, Topology, http, random_hex};
use super::{Launched, Site, Spot, until};
use crate::config::Limits;
use crate::gateway::connection::Credential;
use crate::gateway::own::OwnConfig;
use crate::gateway::recipe::{How, Recipe, Schema, Surroundings};
use crate::gateway::{Adapter, Gateway};
use crate::scenario::{Instance, Part};
use crate::secret::Secret;
use crate::target::{Launcher, Target};

/// What all gateways of a target are launched with.
pub(in super::super) struct Common {
    pub adapter: &'static dyn Adapter,
    /// Where they reach the upstream.
    pub upstream: String,
    pub upstream_port: u16,
    pub admin_key: Secret,
    pub http: reqwest::Client,
    pub limits: Limits,
}

impl Common {
    pub(in super::super) fn new(
        target: &Target,
        upstream: String,
        upstream_port: u16,
        limits: Limits,
    ) -> Result<Common, LaunchError> {
        let adapter = target.gateway.adapter();
        let password = format!("sk-gatecrash-{}{}", random_hex(), random_hex());
        let admin_key = match adapter.about().credential {
            Credential::Bearer => password,
            Credential::Basic => format!("admin:{password}"),
        };
        let admin_key = Secret::named(admin_key, ADMIN_KEY);
        Ok(Common { adapter, upstream, upstream_port, admin_key, http: http(target)?, limits })
    }

    /// What an instance is started with, except what harness.toml adds.
    pub(in super::super) fn recipe(
        &self,
        own: Option<&OwnConfig>,
        (how, home, port): (How, &str, u16),
        database_url: &str,
        redis: Option<(&str, u16)>,
        schema: Schema,
    ) -> Recipe {
        let Common { adapter, upstream, upstream_port, admin_key, .. } = self;
        let upstream_port = *upstream_port;
        adapter.recipe(&Surroundings {
            how,
            home,
            port,
            database_url,
            upstream,
            upstream_port,
            admin_key,
            redis,
            schema,
            own,
        })
    }

    /// What the first of them is launched with, on an empty database.
    pub(in super::super) fn setup<S: Site>(
        &self,
        edition: &Edition<S>,
        gateway: String,
        database: &str,
        database_url: &str,
        redis: Option<(&str, u16)>,
    ) -> Setup {
        let at = S::TOLD;
        let recipe = self.recipe(edition.target.own.as_deref(), at, database_url, redis, Schema::Make);
        let config = recipe.config();
        let environment = recipe.environment.into_iter();
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).chain(edition.env.clone());
        let program = (at.0 != How::Docker).then(|| self.adapter.about().package.program.to_owned());
        let setup = Setup {
            gateway,
            database: database.to_owned(),
            upstream: self.upstream.clone(),
            command: program.into_iter().chain(recipe.arguments).collect(),
            environment: environment.collect(),
            config,
        };
        setup.redacted()
    }

    /// The client for the gateway at this address.
    pub(in super::super) fn client(&self, url: String) -> Gateway {
        let (http, upstream, admin_key) = (self.http.clone(), self.upstream.clone(), self.admin_key.clone());
        Gateway::new(self.adapter, http, url, upstream, admin_key, self.limits.request)
    }
}

/// One version of a gateway, as a site can start it.
pub(in super::super) struct Edition<S: Site> {
    pub target: Target,
    pub build: S::Build,
    /// More environment, as harness.toml names it; it comes last.
    pub env: Vec<(String, String)>,
}

impl<S: Site> Edition<S> {
    pub(super) fn of(site: &S, target: &Target) -> Result<Edition<S>, LaunchError> {
        let env = match &target.launcher {
            Launcher::Docker { env, .. } | Launcher::Process { env, .. } => env.clone(),
            Launcher::Either { .. } | Launcher::External { .. } | Launcher::Builtin { .. } => Vec::new(),
        };
        Ok(Edition { target: target.clone(), build: site.build(target)?, env })
    }

    /// Whether the operator's own configuration names a Redis.
    pub(super) fn has_redis(&self) -> bool {
        self.target.own.as_ref().is_some_and(|own| own.redis)
    }

    /// Names and values, in one row: what decides which tables a gateway makes.
    pub(super) fn decisive(&self) -> impl Iterator<Item = &str> {
        self.env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()])
    }

    /// The error if a gateway says that it is of another version.
    pub(super) fn contradicts(&self, site: &S, said: Option<&str>) -> Option<LaunchError> {
        let (said, wanted) = said.zip(self.target.version.as_deref())?;
        (said != wanted).then(|| site.is_another(self, said, wanted))
    }
}

/// The configuration a gateway needs for an upstream at this base URL, made of the operator's own if there is one, for
/// people and for comparing.
pub fn config(adapter: &dyn Adapter, own: Option<&OwnConfig>, upstream: &str) -> String {
    let admin_key = Secret::new("sk-1234");
    let place = Surroundings {
        how: How::Told,
        home: "",
        port: 4000,
        database_url: "",
        upstream,
        upstream_port: 0,
        admin_key: &admin_key,
        redis: own.filter(|own| own.redis).map(|_| ("127.0.0.1", 6379)),
        schema: Schema::Make,
        own,
    };
    adapter.recipe(&place).config()
}

/// A gateway that was launched.
pub(super) struct Node<S: Site> {
    pub launched: Launched<S>,
    /// Its port or address may change with each start.
    client: RwLock<Gateway>,
}

impl<S: Site> Node<S> {
    /// Launches a gateway, and waits until it is ready; also gives the version it reports.
    pub(super) async fn launch(
        site: &S,
        common: &Common,
        edition: &Edition<S>,
        database_url: &str,
        redis: Option<&Spot>,
        schema: Schema,
    ) -> Result<(Node<S>, Option<String>), LaunchError> {
        let spot = site.spot(Part::Gateway)?;
        let home = format!("{}/", spot.home.display());
        let redis = redis.map(|redis| (redis.host.as_str(), redis.port));
        let own = edition.target.own.as_deref();
        let recipe = common.recipe(own, (S::HOW, &home, spot.port), database_url, redis, schema);
        let guard = site.start_gateway(edition, &spot, recipe, schema).await?;
        let launched = Launched { part: Part::Gateway, spot, guard };
        let client = RwLock::new(common.client(site.url(&launched).await?));
        let node = Node { launched, client };
        let said = node.until_ready(site, common).await?;
        Ok((node, said))
    }

    /// Starts a gateway that was stopped, and waits until it is ready.
    pub(super) async fn start_again(&self, site: &S, common: &Common) -> Result<(), LaunchError> {
        site.start_again(&self.launched).await?;
        let client = common.client(site.url(&self.launched).await?);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        self.until_ready(site, common).await.map(|_| ())
    }

    pub(super) async fn until_ready(&self, site: &S, common: &Common) -> Result<Option<String>, LaunchError> {
        let client = self.client();
        until(site, &self.launched, common.limits.launch, || client.ready()).await
    }

    pub(super) fn client(&self) -> Gateway {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The gateways of a target launched so far: without Redis and with it, the first and the second of each.
struct Gateways<N>([[OnceCell<N>; 2]; 2]);

impl<N> Default for Gateways<N> {
    fn default() -> Gateways<N> {
        Gateways(Default::default())
    }
}

/// Which of the versions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Old,
    /// The new one beside the old one.
    Both,
    New,
    /// The new one, as it was started beside the old one.
    Rolled,
    /// The old one, after the new one.
    OldAgain,
}

/// Gateways that were started together: before a target was moved to another version, after, and after it was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    Before,
    After,
    Back,
}

/// All gateways of a target.
pub(super) struct Generations<N> {
    each: [Gateways<N>; 3],
    stage: RwLock<Stage>,
}

impl<N> Generations<N> {
    pub(super) fn begun_with(first: N) -> Generations<N> {
        let before = [OnceCell::new_with(Some(first)), OnceCell::new()];
        let before = Gateways([before, Default::default()]);
        Generations { each: [before, Gateways::default(), Gateways::default()], stage: RwLock::new(Stage::Old) }
    }

    pub(super) fn stage(&self) -> Stage {
        *self.stage.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_now(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    pub(super) fn of(&self, generation: Generation, topology: Topology, instance: Instance) -> &OnceCell<N> {
        let Gateways(gateways) = &self.each[generation as usize];
        let [first, second] = &gateways[usize::from(topology.redis)];
        match instance {
            Instance::First => first,
            Instance::Second => second,
        }
    }

    /// Those of one generation.
    pub(super) fn started(&self, generation: Generation) -> impl Iterator<Item = &N> {
        self.each[generation as usize].0.iter().flatten().filter_map(OnceCell::get)
    }

    /// Those that are meant to run now.
    pub(super) fn running(&self) -> impl Iterator<Item = &N> {
        let run: &[Generation] = match self.stage() {
            Stage::Old => &[Generation::Before],
            Stage::Both => &[Generation::Before, Generation::After],
            Stage::New | Stage::Rolled => &[Generation::After],
            Stage::OldAgain => &[Generation::Back],
        };
        run.iter().flat_map(|generation| self.started(*generation))
    }

    pub(super) fn into_launched(self) -> impl Iterator<Item = N> {
        self.each.into_iter().flat_map(|Gateways(gateways)| gateways).flatten().filter_map(OnceCell::into_inner)
    }
}
