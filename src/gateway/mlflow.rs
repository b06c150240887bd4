//! The adapter for the AI Gateway of MLflow: the one in `mlflow server`, with a database.
//!
//! Routes and fields were read in the 3.17.2 wheel (`mlflow/server/handlers.py`, `gateway_api.py`); statuses and bodies
//! were measured on it. A budget is a policy whose target is a user; there are no keys: a user with a password asks, so
//! a scenario's key is its user's name and password, and two keys of one user are the same. A model's price is in a
//! catalogue file, for a million tokens. A request is charged when the provider has answered. Windows follow the
//! calendar: none is as short as those of scenarios that wait for a reset.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::adapter::{About, Adapter, Charged, Feature, Pace, Statuses, StreamEnd, lacks};
use super::connection::{Connection, Credential, amount, number};
use super::price::{Cost, KNOWN, KNOWN_MODEL, Parts, Priced, RATE};
use super::recipe::{Package, Recipe, Surroundings};
use super::refusal::{KnownRefusal, Refusals};
use super::told::TELLS_NOTHING;
use super::{AdminError, Ask, Definition, Differing, Entity, openai};
use crate::scenario::{Api, Budget, ErrorKind, Fields, Kind, PricedBy, Provider, Usd};
use crate::secret::{Secret, know, redact};

/// `mlflow server`, with its gateway and HTTP Basic.
#[derive(Debug)]
pub struct Mlflow;

/// Bodies: `{"detail": "..."}` from the gateway, `{"error_code", "message"}` from the admin API.
static REFUSALS: Refusals = Refusals {
    rows: &[
        KnownRefusal {
            statuses: &[429],
            error_type: "",
            says: "Budget limit exceeded",
            means: ErrorKind::BudgetExceeded,
        },
        KnownRefusal { statuses: &[401], error_type: "", says: "", means: ErrorKind::KeyUnknown },
    ],
    own_type: None,
    lacks: |status, message| match status {
        404 => message.contains("The requested URL was not found"),
        // Budgets for users came with 3.16.0 (measured: 3.15.2 has none).
        400 => message.contains("Invalid target_scope"),
        _ => false,
    },
    // SQLAlchemy's.
    gone: &["connection to server at", "server closed the connection unexpectedly"],
};

static ABOUT: About = About {
    name: "mlflow",
    title: "MLflow AI Gateway",
    example: "mlflow@3.17.2",
    credential: Credential::Basic,
    refusals: &REFUSALS,
    statuses: Statuses::OfItsTable,
    fields: |kind| match kind {
        Kind::User => Some(&["max_budget"]),
        Kind::Key => Some(&["user"]),
        Kind::Budget | Kind::Organisation | Kind::Team | Kind::Member | Kind::EndUser | Kind::Tag | Kind::Model => None,
    },
    apis: &[Api::Chat, Api::Responses, Api::Embeddings, Api::Passthrough],
    features: &[Feature::List],
    charged: Charged::After,
    // Seen on 3.11.1 to 3.17.2: its unified API leaves out `[DONE]`.
    stream_end: StreamEnd::FinishReason,
    tells: &TELLS_NOTHING,
    pace: Pace { poll: Duration::from_millis(100), behind: Duration::ZERO, clock: 1 },
    package: Package {
        name: "mlflow",
        with_extras: "mlflow[auth]",
        beside: &["psycopg2-binary"],
        program: "mlflow",
        prisma: None,
    },
    image: None,
    redis: false,
    order: |version| version.parse().ok(),
    compromised: |_| None,
    changes: |_, _| None,
};

const fn model(model: &'static str, cost: Cost) -> Priced {
    Priced { model, upstream_model: model, answer_names: None, cost }
}

/// One endpoint each, of the same name.
const MODELS: [(PricedBy, Priced); 3] = [
    (PricedBy::Token, model("fixed-cost", Cost::Tokens { input: RATE, output: RATE, parts: Parts::NONE })),
    (PricedBy::CostMap, model(KNOWN_MODEL, KNOWN)),
    (PricedBy::Unpriced, model("nobody-knows", Cost::Nothing)),
];

const GATEWAY: &str = "/api/3.0/mlflow/gateway";
const USERS: &str = "/api/2.0/mlflow/users";

#[async_trait]
impl Adapter for Mlflow {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn priced(&self, path: PricedBy, _: Api, provider: Provider) -> Option<Priced> {
        if provider != Provider::Openai {
            return None;
        }
        MODELS.iter().find(|(of, _)| *of == path).map(|(_, priced)| *priced)
    }

    fn recipe(&self, place: &Surroundings<'_>) -> Recipe {
        let Surroundings { home, port, database_url, admin_key, .. } = *place;
        let text = str::to_owned;
        // It does not know the connection parameters that others put in a URL.
        let database_url = database_url.split('?').next().unwrap_or_default();
        let database_url = database_url.replacen("postgresql://", "postgresql+psycopg2://", 1);
        let (name, password) = admin_key.reveal().split_once(':').unwrap_or(("admin", admin_key.reveal()));
        let auth = format!(
            "[mlflow]\ndefault_permission = MANAGE\ndatabase_uri = {database_url}\nadmin_username = {name}\n\
             admin_password = {password}\n\
             authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        );
        let per_million = |rate: Decimal| (rate * Decimal::from(1_000_000)).normalize().to_string();
        let priced = MODELS.iter().filter_map(|(_, Priced { model, cost, .. })| match cost {
            Cost::Tokens { input, output, .. } => Some(format!(
                "\"{model}\":{{\"mode\":\"chat\",\"context_window\":{{\"max_input\":128000,\"max_output\":128000,\
                 \"max_tokens\":128000}},\"pricing\":{{\"input_per_million_tokens\":{},\"output_per_million_tokens\":{}}},\
                 \"capabilities\":{{}}}}",
                per_million(*input),
                per_million(*output)
            )),
            Cost::Image(_) | Cost::Reported | Cost::Nothing => None,
        });
        let catalogue =
            format!("{{\"schema_version\":\"1.0\",\"models\":{{{}}}}}\n", priced.collect::<Vec<_>>().join(","));
        let arguments = ["server", "--host", "127.0.0.1", "--port", &port.to_string(), "--workers", "1"];
        let stores = ["--app-name", "basic-auth", "--backend-store-uri", &database_url, "--default-artifact-root"];
        let arguments = arguments.into_iter().chain(stores).map(text).chain([format!("{home}artifacts")]).collect();
        // A long key, the same for all instances.
        let key = digest(admin_key, "server");
        know(&key);
        Recipe {
            files: vec![("auth.ini", auth), ("openai.json", catalogue)],
            beside: Vec::new(),
            arguments,
            environment: vec![
                ("MLFLOW_MODEL_CATALOG_URI", format!("file://{}", home.trim_end_matches('/'))),
                ("MLFLOW_AUTH_CONFIG_PATH", format!("{home}auth.ini")),
                ("MLFLOW_FLASK_SERVER_SECRET_KEY", key.clone()),
                ("MLFLOW_CRYPTO_KEK_PASSPHRASE", key),
                // The upstream is on this machine.
                ("MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS", text("true")),
                ("MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES", text("http,https")),
                // Jobs would take another gigabyte.
                ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", text("false")),
                ("MLFLOW_DISABLE_TELEMETRY", text("true")),
            ],
        }
    }

    fn is_reading(&self, line: &str) -> bool {
        const ROUTES: [&str; 3] = ["\"GET /health", "/gateway/budgets/windows", "/gateway/budgets/list"];
        line.ends_with("\" 200 OK") && ROUTES.iter().any(|route| line.contains(route))
    }

    async fn ready(&self, to: &Connection) -> Result<Option<String>, AdminError> {
        to.text("GET /health", to.ask_health("/health")).await?;
        let version = to.text("GET /version", to.request(Method::GET, "/version", &to.admin_key)).await?;
        Ok(Some(redact(version.trim())))
    }

    /// A provider's secret, and for each model its definition and endpoint: the configuration cannot name them.
    async fn prepare(&self, to: &Connection) -> Result<(), AdminError> {
        let listed: Value = to.read(&format!("{GATEWAY}/endpoints/list"), &[]).await?;
        let is_there = |model: &str| {
            listed["endpoints"].as_array().is_some_and(|all| all.iter().any(|endpoint| endpoint["name"] == model))
        };
        let missing: Vec<&str> = MODELS.iter().map(|(_, of)| of.model).filter(|model| !is_there(model)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let provider = json!({
            "secret_name": "upstream",
            "provider": "openai",
            "secret_value": { "api_key": "not-a-real-one" },
            "auth_config": { "api_base": format!("{}/v1", to.upstream) },
        });
        let secret = to.admin(&format!("{GATEWAY}/secrets/create"), &provider).await?;
        for name in missing {
            let definition = json!({
                "name": name,
                "secret_id": secret["secret"]["secret_id"],
                "provider": "openai",
                "model_name": name,
            });
            let made = to.admin(&format!("{GATEWAY}/model-definitions/create"), &definition).await?;
            let definition = &made["model_definition"]["model_definition_id"];
            let config = json!({ "model_definition_id": definition, "linkage_type": "PRIMARY", "weight": 1.0 });
            let endpoint = json!({ "name": name, "model_configs": [config], "usage_tracking": true });
            to.admin(&format!("{GATEWAY}/endpoints/create"), &endpoint).await?;
        }
        Ok(())
    }

    fn ask(&self, to: &Connection, key: &Secret, ask: &Ask) -> RequestBuilder {
        let route = match ask.api {
            Api::Responses => "/gateway/openai/v1/responses",
            Api::Embeddings => "/gateway/openai/v1/embeddings",
            Api::Passthrough => "/gateway/openai/v1/chat/completions",
            Api::Chat | Api::Completions | Api::Messages | Api::Images => "/gateway/mlflow/v1/chat/completions",
        };
        to.post(route, key).json(&openai::body(ask))
    }

    fn list(&self, to: &Connection, key: &Secret, _: Option<&str>) -> RequestBuilder {
        to.request(Method::GET, "/gateway/mlflow/v1/models", key)
    }

    fn unknown_key(&self, id: &str) -> String {
        format!("{id}:sk-nobody-knows-{id}")
    }

    async fn create(&self, to: &Connection, definition: Definition<'_>, _: &Secret) -> Result<Entity, AdminError> {
        let Definition { kind, id, fields, owners } = definition;
        match kind {
            Kind::User => {
                self.make_user(to, id).await?;
                if let Some(budget) = fields.max_budget.as_deref() {
                    self.make_policy(to, id, budget).await?;
                }
                Ok(Entity::User(id.to_owned()))
            }
            Kind::Key => {
                if owners.user.is_none() {
                    self.make_user(to, id).await?;
                }
                let user = owners.user.unwrap_or(id);
                let secret = Secret::named(format!("{user}:{}", password(to, user)), &format!("key {id}"));
                Ok(Entity::Key { secret, id: user.to_owned() })
            }
            _ => Err(lacks("make", "there is no such entity")),
        }
    }

    async fn update(&self, to: &Connection, entity: &Entity, definition: Definition<'_>) -> Result<(), AdminError> {
        let Entity::User(id) = entity else { return Err(lacks("update", "only users have budgets")) };
        let Some(budget) = definition.fields.max_budget.as_deref() else { return Ok(()) };
        match self.policy(to, id).await? {
            None => self.make_policy(to, id, budget).await,
            Some(policy) => {
                let body = json!({ "budget_policy_id": policy, "budget_amount": number(budget) });
                to.admin(&format!("{GATEWAY}/budgets/update"), &body).await.map(drop)
            }
        }
    }

    async fn set_blocked(&self, _: &Connection, _: &Entity, _: bool) -> Result<(), AdminError> {
        Err(lacks("block", "nobody can be blocked"))
    }

    async fn delete(&self, to: &Connection, entity: &Entity) -> Result<(), AdminError> {
        let Entity::User(id) = entity else { return Err(lacks("delete", "only users can be deleted")) };
        to.admin_by::<Value>(Method::DELETE, &format!("{USERS}/delete"), &json!({ "username": id })).await.map(drop)
    }

    async fn spend(&self, to: &Connection, entity: &Entity) -> Result<Option<Usd>, AdminError> {
        #[derive(Deserialize)]
        struct BudgetWindow {
            budget_policy_id: String,
            #[serde(default)]
            current_spend: Option<Box<RawValue>>,
        }
        #[derive(Deserialize)]
        struct Windows {
            #[serde(default)]
            windows: Vec<BudgetWindow>,
        }
        // Others have no figure of their own; nor does a user without a budget.
        let Entity::User(id) = entity else { return Ok(None) };
        let Some(policy) = self.policy(to, id).await? else { return Ok(None) };
        let Windows { windows } = to.read(&format!("{GATEWAY}/budgets/windows"), &[]).await?;
        let own = windows.into_iter().find(|window| window.budget_policy_id == policy);
        Ok(own.map(|window| window.current_spend.and_then(|spend| amount(spend.get())).unwrap_or_default()))
    }

    async fn info(&self, to: &Connection, entity: &Entity) -> Result<Value, AdminError> {
        match entity {
            Entity::User(id) | Entity::Key { id, .. } => {
                to.read(&format!("{USERS}/get"), &[("username", id.as_str())]).await
            }
            _ => Err(lacks("info", "there is no such entity")),
        }
    }

    async fn differing(&self, to: &Connection, entity: &Entity, sent: &Fields) -> Result<Vec<Differing>, AdminError> {
        let (Entity::User(id), Some(sent)) = (entity, sent.max_budget.as_deref()) else { return Ok(Vec::new()) };
        let sent = number(sent);
        let got = self.policies(to).await?.into_iter().find(|policy| policy["target_value"] == id.as_str());
        let got = got.map_or(Value::Null, |policy| policy["budget_amount"].clone());
        let differs = sent.as_f64() != got.as_f64();
        Ok(differs.then_some(Differing { field: "max_budget", sent, got }).into_iter().collect())
    }
}

/// A user's password: the same each time, and only the holder of the admin key can derive it.
fn password(to: &Connection, user: &str) -> String {
    format!("sk-{}", digest(&to.admin_key, user))
}

fn digest(admin_key: &Secret, of: &str) -> String {
    format!("{:x}", Sha256::new().chain_update(admin_key.reveal()).chain_update(of).finalize())
}

impl Mlflow {
    async fn make_user(&self, to: &Connection, id: &str) -> Result<(), AdminError> {
        let body = json!({ "username": id, "password": password(to, id) });
        to.admin(&format!("{USERS}/create"), &body).await.map(drop)
    }

    /// A budget for a user that nothing resets while we look: windows of ten years.
    async fn make_policy(&self, to: &Connection, user: &str, budget: &Budget) -> Result<(), AdminError> {
        let body = json!({
            "budget_unit": "USD",
            "budget_amount": number(budget),
            "duration": { "unit": "MONTHS", "value": 120 },
            "target_scope": "USER",
            "target_value": user,
            "budget_action": "REJECT",
        });
        to.admin(&format!("{GATEWAY}/budgets/create"), &body).await.map(drop)
    }

    async fn policy(&self, to: &Connection, user: &str) -> Result<Option<String>, AdminError> {
        let own = self.policies(to).await?.into_iter().find(|policy| policy["target_value"] == user);
        Ok(own.and_then(|policy| policy["budget_policy_id"].as_str().map(str::to_owned)))
    }

    async fn policies(&self, to: &Connection) -> Result<Vec<Value>, AdminError> {
        let mut listed: Value = to.read(&format!("{GATEWAY}/budgets/list"), &[("max_results", "1000")]).await?;
        match listed["budget_policies"].take() {
            Value::Array(policies) => Ok(policies),
            _ => Ok(Vec::new()),
        }
    }
}
