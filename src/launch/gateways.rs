//! What the gateways of a target have in common, whoever launches them: what each is told, who makes their tables, which
//! of them there are. Not: starting one.

use tokio::sync::OnceCell;

use super::{Setup, Topology};
use crate::config::Limits;
use crate::gateway::Secret;
use crate::gateway::litellm::deployments::{config_yaml, passed_through};
use crate::gateway::litellm::{LiteLlm, Pace};
use crate::scenario::Instance;

/// What all gateways of a target are launched with.
pub(super) struct Common {
    /// More environment, as harness.toml names it; it comes last.
    pub env: Vec<(String, String)>,
    /// Where they reach the upstream.
    pub upstream: String,
    pub upstream_port: u16,
    pub admin_key: Secret,
    pub http: reqwest::Client,
    pub limits: Limits,
}

/// Who makes the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    Make,
    /// They are there.
    Leave,
}

impl Common {
    /// The environment of each, but for what harness.toml and the launcher add.
    pub(super) fn environment(&self, database_url: &str, schema: Schema) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("LITELLM_MASTER_KEY", self.admin_key.reveal().to_owned()),
            ("LITELLM_SALT_KEY", self.admin_key.reveal().to_owned()),
            // Its cost map is the one of its release, not the one of the day; there may be no network to ask.
            ("LITELLM_LOCAL_MODEL_COST_MAP", "True".to_owned()),
        ];
        environment.extend(passed_through(self.upstream_port));
        match schema {
            Schema::Make => {}
            Schema::Leave => environment.push(("DISABLE_SCHEMA_UPDATE", "true".to_owned())),
        }
        environment
    }

    /// What the first of them is launched with, by an empty database.
    pub(super) fn setup(&self, gateway: String, database: &str, database_url: &str, command: &[&str]) -> Setup {
        let environment = self.environment(database_url, Schema::Make).into_iter();
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).chain(self.env.clone());
        let setup = Setup {
            gateway,
            database: database.to_owned(),
            upstream: self.upstream.clone(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            environment: environment.collect(),
            config: config_yaml(&self.upstream, None),
        };
        setup.redacted()
    }

    /// Who asks the one that answers at this address.
    pub(super) fn client(&self, url: String) -> LiteLlm {
        let (http, upstream, admin_key) = (self.http.clone(), self.upstream.clone(), self.admin_key.clone());
        LiteLlm::new(http, url, upstream, admin_key, self.limits.request, Pace::WRITE_BEHIND)
    }

    /// Names and values, in one row: what decides which tables a gateway makes.
    pub(super) fn decisive(&self) -> impl Iterator<Item = &str> {
        self.env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()])
    }
}

/// The gateways of a target, as far as they are launched.
pub(super) struct Gateways<N> {
    without_redis: Instances<N>,
    with_redis: Instances<N>,
}

struct Instances<N> {
    first: OnceCell<N>,
    second: OnceCell<N>,
}

impl<N> Gateways<N> {
    pub(super) fn begun_with(first: N) -> Gateways<N> {
        let without_redis = Instances { first: OnceCell::new_with(Some(first)), second: OnceCell::new() };
        Gateways { without_redis, with_redis: Instances { first: OnceCell::new(), second: OnceCell::new() } }
    }

    pub(super) fn of(&self, topology: Topology, instance: Instance) -> &OnceCell<N> {
        let instances = if topology.redis { &self.with_redis } else { &self.without_redis };
        match instance {
            Instance::First => &instances.first,
            Instance::Second => &instances.second,
        }
    }

    pub(super) fn launched(&self) -> impl Iterator<Item = &N> {
        let all = [&self.without_redis, &self.with_redis].into_iter();
        all.flat_map(|instances| [&instances.first, &instances.second]).filter_map(OnceCell::get)
    }

    pub(super) fn into_launched(self) -> impl Iterator<Item = N> {
        let all = [self.without_redis, self.with_redis].into_iter();
        all.flat_map(|instances| [instances.first, instances.second]).filter_map(OnceCell::into_inner)
    }
}
