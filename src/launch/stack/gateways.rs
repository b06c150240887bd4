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
use crate::target::Target;

/// What all gateways of a target are launched with.
pub(in super::super) struct Common {
    pub adapter: &'static dyn Adapter,
    /// The operator's own configuration.
    pub own: Option<Box<OwnConfig>>,
    /// More environment, as harness.toml names it; it comes last.
    pub env: Vec<(String, String)>,
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
        env: &[(String, String)],
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
        let own = target.own.clone();
        Ok(Common { adapter, own, env: env.to_vec(), upstream, upstream_port, admin_key, http: http(target)?, limits })
    }

    /// What an instance is started with, except what harness.toml adds.
    pub(in super::super) fn recipe(
        &self,
        (how, home, port): (How, &str, u16),
        database_url: &str,
        redis: Option<(&str, u16)>,
        schema: Schema,
    ) -> Recipe {
        let Common { adapter, own, upstream, upstream_port, admin_key, .. } = self;
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
            own: own.as_deref(),
        })
    }

    /// What the first of them is launched with, on an empty database.
    pub(in super::super) fn setup(
        &self,
        gateway: String,
        database: &str,
        database_url: &str,
        redis: Option<(&str, u16)>,
        at: (How, &str, u16),
    ) -> Setup {
        let recipe = self.recipe(at, database_url, redis, Schema::Make);
        let config = recipe.config();
        let environment = recipe.environment.into_iter();
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).chain(self.env.clone());
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

    /// Names and values, in one row: what decides which tables a gateway makes.
    pub(in super::super) fn decisive(&self) -> impl Iterator<Item = &str> {
        self.env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()])
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
        database_url: &str,
        redis: Option<&Spot>,
        schema: Schema,
    ) -> Result<(Node<S>, Option<String>), LaunchError> {
        let spot = site.spot(Part::Gateway)?;
        let home = format!("{}/", spot.home.display());
        let redis = redis.map(|redis| (redis.host.as_str(), redis.port));
        let recipe = common.recipe((S::HOW, &home, spot.port), database_url, redis, schema);
        let guard = site.start_gateway(&spot, common, recipe, schema).await?;
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
pub(super) struct Gateways<N>([[OnceCell<N>; 2]; 2]);

impl<N> Gateways<N> {
    pub(super) fn begun_with(first: N) -> Gateways<N> {
        let first = OnceCell::new_with(Some(first));
        Gateways([[first, OnceCell::new()], [OnceCell::new(), OnceCell::new()]])
    }

    pub(super) fn of(&self, topology: Topology, instance: Instance) -> &OnceCell<N> {
        let [first, second] = &self.0[usize::from(topology.redis)];
        match instance {
            Instance::First => first,
            Instance::Second => second,
        }
    }

    pub(super) fn launched(&self) -> impl Iterator<Item = &N> {
        self.0.iter().flatten().filter_map(OnceCell::get)
    }

    pub(super) fn into_launched(self) -> impl Iterator<Item = N> {
        self.0.into_iter().flatten().filter_map(OnceCell::into_inner)
    }
}
