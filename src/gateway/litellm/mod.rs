//! The adapter for LiteLLM's proxy: its admin API, its OpenAI API, its refusals. The built-in gateway serves the
//! same routes and is driven by it too.
//!
//! Routes and fields were read in the 1.82.3 wheel (`proxy/_types.py`); statuses and bodies of refusals were
//! measured on 1.81.0, 1.82.3 and 1.108.7.

pub mod config_yaml;
pub mod configured;
pub mod deployments;
mod entities;
mod launched;
mod own;
mod refusal;
pub mod release;
pub mod requests;
mod session;
pub mod shown;
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{About, Adapter, Charged, Feature, Pace, Statuses, StreamEnd};
use super::connection::{Connection, Credential};
use super::own::{OwnConfig, OwnPriced, load};
use super::price::Priced;
use super::recipe::{Recipe, Surroundings};
use super::{AdminError, Ask, Definition, Differing, Entity, LogRow};
use crate::scenario::read::Mistakes;
use crate::scenario::{Api, Fields, PricedBy, Provider, Usd};
use crate::secret::{Secret, redact};
use deployments::Deployment;

/// Its name in targets.
pub const NAME: &str = "litellm";

/// What an end user that the gateway does not know may spend, in USD: scenarios with an unknown end user say the same.
const DEFAULT_END_USER_USD: f64 = 0.05;

/// LiteLLM's proxy, or whatever speaks like it.
#[derive(Debug)]
pub struct LiteLlm;

static ABOUT: About = About {
    name: NAME,
    title: "LiteLLM",
    example: "litellm@1.82.3",
    credential: Credential::Bearer,
    refusals: &refusal::REFUSALS,
    statuses: Statuses::OfScenarios,
    fields: |kind| Some(kind.fields()),
    apis: &Api::ALL,
    features: &[Feature::Retries, Feature::Fallback, Feature::Cached, Feature::List, Feature::AdminKey],
    // Since 1.83 it reserves first, if it knows the price before the call.
    charged: Charged::After,
    stream_end: StreamEnd::Done,
    tells: &told::TELLS,
    // As launched here: `proxy_batch_write_at: 1` and a random 0 to 5 s (measured: 1 to 6 s). Asking more often would
    // only load a proxy that needs 10 ms and more for each answer.
    pace: Pace { poll: Duration::from_millis(400), behind: Duration::from_millis(6500), clock: 1 },
    package: launched::PACKAGE,
    image: Some(launched::IMAGE),
    redis: true,
    order: release::order,
    compromised: |version| {
        release::is_compromised(version).then_some("was published by an attacker and steals credentials")
    },
    changes: release::changes,
};

#[async_trait]
impl Adapter for LiteLlm {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn priced(&self, path: PricedBy, api: Api, provider: Provider) -> Option<Priced> {
        Deployment::of(path, api, provider).map(Deployment::priced)
    }

    fn recipe(&self, place: &Surroundings<'_>) -> Recipe {
        launched::recipe(place)
    }

    fn own(
        &self,
        file: &Path,
        env: &BTreeMap<String, String>,
        files: &[PathBuf],
    ) -> Option<Result<OwnConfig, Vec<Mistakes>>> {
        Some(own::read(file, env, files, &load))
    }

    async fn price_own(&self, to: &Connection, own: &OwnConfig) -> Result<Vec<OwnPriced>, AdminError> {
        let shown = to.read("/model/info", &[]).await?;
        Ok(own::prices::of(own, &shown))
    }

    fn excerpt(&self, config: &str, bodies: &[&Value]) -> String {
        config_yaml::excerpt(config, bodies)
    }

    fn is_reading(&self, line: &str) -> bool {
        entities::is_reading(line)
    }

    async fn ready(&self, to: &Connection) -> Result<Option<String>, AdminError> {
        #[derive(Deserialize)]
        struct Readiness {
            #[serde(default)]
            db: Option<String>,
            #[serde(default)]
            litellm_version: Option<String>,
        }
        const ROUTE: &str = "/health/readiness";
        let readiness: Readiness = to.exchange("GET /health/readiness", to.ask_health(ROUTE)).await?;
        match readiness.db.as_deref() {
            Some("connected") => Ok(readiness.litellm_version.map(|version| redact(&version))),
            other => Err(AdminError::Body {
                endpoint: "GET /health/readiness".to_owned(),
                message: format!("its database is {}", redact(other.unwrap_or("not there"))),
            }),
        }
    }

    async fn prepare(&self, to: &Connection) -> Result<(), AdminError> {
        let budget = json!({ "budget_id": config_yaml::DEFAULT_END_USER_BUDGET, "max_budget": DEFAULT_END_USER_USD });
        match to.admin("/budget/new", &budget).await {
            Ok(_) => Ok(()),
            // It is there already: 500 on 1.81.0 and 1.82.3, 400 later.
            Err(AdminError::Status { status: 400 | 500, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn ask(&self, to: &Connection, key: &Secret, ask: &Ask) -> RequestBuilder {
        let request = to.post(requests::route(ask.api), key);
        let request = requests::headers(ask).fold(request, |request, (name, value)| request.header(name, value));
        request.json(&requests::body(ask))
    }

    fn list(&self, to: &Connection, key: &Secret, end_user: Option<&str>) -> RequestBuilder {
        let request = to.request(Method::GET, "/v1/models", key);
        match end_user {
            Some(end_user) => request.header(requests::END_USER_HEADER, end_user),
            None => request,
        }
    }

    async fn create(
        &self,
        to: &Connection,
        definition: Definition<'_>,
        as_whom: &Secret,
    ) -> Result<Entity, AdminError> {
        entities::create(to, definition, as_whom).await
    }

    async fn update(&self, to: &Connection, entity: &Entity, fields: Definition<'_>) -> Result<(), AdminError> {
        entities::update(to, entity, fields).await
    }

    async fn set_blocked(&self, to: &Connection, entity: &Entity, blocked: bool) -> Result<(), AdminError> {
        entities::set_blocked(to, entity, if blocked { "block" } else { "unblock" }).await
    }

    async fn delete(&self, to: &Connection, entity: &Entity) -> Result<(), AdminError> {
        entities::delete(to, entity).await
    }

    async fn regenerate(&self, to: &Connection, entity: &Entity, id: &str) -> Result<Secret, AdminError> {
        entities::regenerate(to, entity, id).await
    }

    async fn reset_spend(&self, to: &Connection, entity: &Entity) -> Result<(), AdminError> {
        entities::reset_spend(to, entity).await
    }

    async fn session_of(&self, to: &Connection, user: &str) -> Result<Secret, AdminError> {
        session::session_of(to, user).await
    }

    async fn spend(&self, to: &Connection, entity: &Entity) -> Result<Option<Usd>, AdminError> {
        entities::spend(to, entity).await
    }

    async fn info(&self, to: &Connection, entity: &Entity) -> Result<Value, AdminError> {
        entities::info(to, entity).await
    }

    async fn differing(&self, to: &Connection, entity: &Entity, sent: &Fields) -> Result<Vec<Differing>, AdminError> {
        entities::differing(to, entity, sent).await
    }

    async fn log(&self, to: &Connection, key: &Entity) -> Result<Vec<LogRow>, AdminError> {
        entities::log(to, key).await
    }
}
