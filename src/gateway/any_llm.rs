//! The adapter for Mozilla's any-llm gateway, which is in the package `any-llm-sdk` up to 1.14.0.
//!
//! Routes and fields were read in the 1.14.0 wheel (`any_llm/gateway/api/routes`); statuses and bodies were measured on it.
//! Users carry budgets, keys only say who asks. A price is set for `provider:model` and a million tokens, in the
//! configuration or through the admin API. A model without one is asked, and nothing is charged. A request is charged
//! when the provider has answered, before the gateway's answer ends.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::adapter::{About, Adapter, Charged, Feature, Pace, Statuses, StreamEnd, lacks};
use super::connection::{Connection, Credential, amount, number};
use super::price::{Cost, KNOWN, KNOWN_MODEL, Parts, Priced, RATE};
use super::recipe::{Package, Recipe, Surroundings};
use super::refusal::{KnownRefusal, Refusals};
use super::told::TELLS_NOTHING;
use super::{AdminError, Ask, Definition, Differing, Entity, LogRow, openai};
use crate::scenario::{Api, ErrorKind, Fields, Kind, PricedBy, Provider, Usd};
use crate::secret::{Secret, redact};

/// The gateway, by its command line.
#[derive(Debug)]
pub struct AnyLlm;

const fn row(statuses: &'static [u16], says: &'static str, means: ErrorKind) -> KnownRefusal {
    KnownRefusal { statuses, error_type: "", says, means }
}

/// Bodies: `{"detail": "..."}`; in its Anthropic API, an error within that.
static REFUSALS: Refusals = Refusals {
    rows: &[
        row(&[403], "has exceeded budget limit", ErrorKind::BudgetExceeded),
        row(&[403], "is blocked", ErrorKind::Blocked),
        row(&[401], "API key is inactive", ErrorKind::Blocked),
        row(&[401], "API key has expired", ErrorKind::KeyExpired),
        row(&[401], "Invalid API key", ErrorKind::KeyUnknown),
        row(&[429], "Rate limit exceeded", ErrorKind::RateLimited),
        row(&[500, 502], "could not be completed by the provider", ErrorKind::UpstreamFailed),
    ],
    own_type: None,
    lacks: |status, message| status == 404 && message == "Not Found",
    // SQLAlchemy's.
    gone: &["connection to server at", "server closed the connection unexpectedly"],
};

static ABOUT: About = About {
    name: "any-llm",
    title: "any-llm gateway",
    example: "any-llm@1.14.0",
    credential: Credential::Bearer,
    refusals: &REFUSALS,
    statuses: Statuses::OfItsTable,
    fields: |kind| match kind {
        Kind::User => Some(&["max_budget", "budget_duration"]),
        Kind::Key => Some(&["user", "expires"]),
        Kind::Model => Some(&["priced_by"]),
        Kind::Budget | Kind::Organisation | Kind::Team | Kind::Member | Kind::EndUser | Kind::Tag => None,
    },
    apis: &[Api::Chat, Api::Messages, Api::Embeddings],
    features: &[Feature::List],
    charged: Charged::After,
    stream_end: StreamEnd::Done,
    tells: &TELLS_NOTHING,
    pace: Pace { poll: Duration::from_millis(50), behind: Duration::ZERO, clock: 1 },
    package: Package {
        name: "any-llm-sdk",
        with_extras: "any-llm-sdk[gateway,openai]",
        beside: &[],
        program: "any-llm-gateway",
        prisma: None,
    },
    image: None,
    redis: false,
    order: |version| version.parse().ok(),
    compromised: |_| None,
    changes: |_, _| None,
};

/// What is configured: all prices are in one list, by the names of models. A model of unknown price is not in it.
const MODELS: [(PricedBy, Priced); 4] = [
    (
        PricedBy::Token,
        model("openai:fixed-cost", "fixed-cost", Cost::Tokens { input: RATE, output: RATE, parts: Parts::NONE }),
    ),
    (PricedBy::CostMap, model("openai:gpt-4o", KNOWN_MODEL, KNOWN.without_parts())),
    (PricedBy::Free, model("openai:free-of-charge", "free-of-charge", Cost::Nothing)),
    (PricedBy::Unpriced, model("openai:nobody-knows", "nobody-knows", Cost::Nothing)),
];

/// USD for a million input and output tokens, if there is a price.
fn price(path: PricedBy) -> Option<Value> {
    let Priced { cost, .. } = MODELS.iter().find(|(of, _)| *of == path)?.1;
    let (input, output) = match cost {
        Cost::Tokens { input, output, .. } => (input, output),
        Cost::Nothing if path == PricedBy::Free => (Decimal::ZERO, Decimal::ZERO),
        Cost::Nothing | Cost::Image(_) | Cost::Reported => return None,
    };
    let per_million = |rate: Decimal| {
        (rate * Decimal::from(1_000_000)).normalize().to_string().parse().map_or(Value::Null, Value::Number)
    };
    Some(json!({ "input_price_per_million": per_million(input), "output_price_per_million": per_million(output) }))
}

const fn model(model: &'static str, upstream_model: &'static str, cost: Cost) -> Priced {
    Priced { model, upstream_model, answer_names: None, cost }
}

#[async_trait]
impl Adapter for AnyLlm {
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
        let Surroundings { home, port, database_url, upstream, admin_key, .. } = *place;
        let mut config = format!(
            "host: \"127.0.0.1\"\nport: {port}\nmaster_key: \"${{GATEWAY_MASTER_KEY}}\"\n\
             database_url: \"${{GATEWAY_DATABASE_URL}}\"\nbootstrap_api_key: false\n\
             providers:\n  openai: {{ api_key: \"not-a-real-one\", api_base: \"{upstream}/v1\" }}\npricing:\n"
        );
        for (path, Priced { model, .. }) in MODELS {
            if let Some(price) = price(path) {
                let _ = writeln!(config, "  \"{model}\": {price}");
            }
        }
        // It does not know the connection parameters that others put in a URL.
        let database_url = database_url.split('?').next().unwrap_or_default();
        let database_url = database_url.replacen("postgresql://", "postgresql+psycopg2://", 1);
        Recipe {
            files: vec![("config.yaml", config)],
            beside: Vec::new(),
            arguments: vec!["serve".to_owned(), "--config".to_owned(), format!("{home}config.yaml")],
            environment: vec![
                ("GATEWAY_MASTER_KEY", admin_key.reveal().to_owned()),
                ("GATEWAY_DATABASE_URL", database_url),
            ],
        }
    }

    fn is_reading(&self, line: &str) -> bool {
        const ROUTES: [&str; 3] = ["\"GET /health", "\"GET /v1/users/", "\"GET /v1/keys/"];
        line.ends_with("\" 200 OK") && ROUTES.iter().any(|route| line.contains(route))
    }

    async fn ready(&self, to: &Connection) -> Result<Option<String>, AdminError> {
        #[derive(Deserialize)]
        struct Readiness {
            version: Option<String>,
        }
        const ROUTE: &str = "/health/readiness";
        let readiness: Readiness = to.exchange("GET /health/readiness", to.ask_health(ROUTE)).await?;
        Ok(readiness.version.map(|version| redact(&version)))
    }

    fn ask(&self, to: &Connection, key: &Secret, ask: &Ask) -> RequestBuilder {
        let route = match ask.api {
            Api::Messages => "/v1/messages",
            Api::Embeddings => "/v1/embeddings",
            Api::Chat | Api::Completions | Api::Responses | Api::Images | Api::Passthrough => "/v1/chat/completions",
        };
        to.post(route, key).json(&openai::body(ask))
    }

    fn list(&self, to: &Connection, key: &Secret, _: Option<&str>) -> RequestBuilder {
        to.request(Method::GET, "/v1/models", key)
    }

    fn unknown_key(&self, id: &str) -> String {
        // As long as its own keys.
        format!("gw-{id:0<48}")
    }

    async fn create(&self, to: &Connection, definition: Definition<'_>, _: &Secret) -> Result<Entity, AdminError> {
        let Definition { kind, id, fields, owners } = definition;
        match kind {
            Kind::User => {
                let mut body = json!({ "user_id": id });
                if let Some(budget) = budget(fields) {
                    body["budget_id"] = self.make_budget(to, &budget).await?.into();
                }
                to.admin("/v1/users", &body).await?;
                Ok(Entity::User(id.to_owned()))
            }
            Kind::Key => {
                let mut body = json!({ "key_name": id, "user_id": owners.user });
                if let Some(expires) = &fields.expires {
                    body["expires_at"] = (Timestamp::now() + expires.duration).to_string().into();
                }
                let request = to.post("/v1/keys", &to.admin_key).json(&body);
                let made: MadeKey = to.exchange("POST /v1/keys", request).await?;
                let secret = Secret::named(made.key, &format!("key {id}"));
                to.note_given(secret.reveal(), "key");
                Ok(Entity::Key { secret, id: made.id })
            }
            Kind::Model => {
                let name = format!("openai:{id}");
                self.set_price(to, &name, fields).await?;
                Ok(Entity::Model { name: name.clone(), id: name })
            }
            Kind::Budget | Kind::Organisation | Kind::Team | Kind::Member | Kind::EndUser | Kind::Tag => {
                Err(lacks("make", "there is no such entity"))
            }
        }
    }

    async fn update(&self, to: &Connection, entity: &Entity, definition: Definition<'_>) -> Result<(), AdminError> {
        let fields = definition.fields;
        match entity {
            Entity::User(id) => {
                let Some(budget) = budget(fields) else { return Ok(()) };
                let user: Value = to.read(&format!("/v1/users/{id}"), &[]).await?;
                match user["budget_id"].as_str() {
                    Some(own) => {
                        to.admin_by::<Value>(Method::PATCH, &format!("/v1/budgets/{own}"), &budget).await.map(drop)
                    }
                    None => {
                        let budget = json!({ "budget_id": self.make_budget(to, &budget).await? });
                        to.admin_by::<Value>(Method::PATCH, &format!("/v1/users/{id}"), &budget).await.map(drop)
                    }
                }
            }
            Entity::Model { id, .. } => self.set_price(to, id, fields).await,
            _ => Err(lacks("update", "only users and prices are changed")),
        }
    }

    async fn set_blocked(&self, to: &Connection, entity: &Entity, blocked: bool) -> Result<(), AdminError> {
        let (route, body) = match entity {
            Entity::User(id) => (format!("/v1/users/{id}"), json!({ "blocked": blocked })),
            Entity::Key { id, .. } => (format!("/v1/keys/{id}"), json!({ "is_active": !blocked })),
            _ => return Err(lacks("block", "only users and keys can be blocked")),
        };
        to.admin_by::<Value>(Method::PATCH, &route, &body).await.map(drop)
    }

    async fn delete(&self, to: &Connection, entity: &Entity) -> Result<(), AdminError> {
        let route = match entity {
            Entity::User(id) => format!("/v1/users/{id}"),
            Entity::Key { id, .. } => format!("/v1/keys/{id}"),
            Entity::Model { id, .. } => format!("/v1/pricing/{id}"),
            _ => return Err(lacks("delete", "there is no such entity")),
        };
        let request = to.request(Method::DELETE, &route, &to.admin_key);
        to.exchange::<Value>("DELETE", request).await.map(drop)
    }

    /// A user's own figure; for a key, what its rows of the usage log cost together.
    async fn spend(&self, to: &Connection, entity: &Entity) -> Result<Option<Usd>, AdminError> {
        #[derive(Deserialize)]
        struct UserShown {
            spend: Box<RawValue>,
        }
        match entity {
            Entity::User(id) => {
                let UserShown { spend } = to.read(&format!("/v1/users/{id}"), &[]).await?;
                Ok(amount(spend.get()))
            }
            Entity::Key { id, .. } => {
                let rows = self.rows(to, id).await?;
                Ok(Some(rows.into_iter().fold(Usd::ZERO, |sum, row| sum + row.spend)))
            }
            _ => Ok(None),
        }
    }

    async fn info(&self, to: &Connection, entity: &Entity) -> Result<Value, AdminError> {
        match entity {
            Entity::User(id) => to.read(&format!("/v1/users/{id}"), &[]).await,
            Entity::Key { id, .. } => to.read(&format!("/v1/keys/{id}"), &[]).await,
            Entity::Model { id, .. } => to.read(&format!("/v1/pricing/{id}"), &[]).await,
            _ => Err(lacks("info", "there is no such entity")),
        }
    }

    async fn differing(&self, to: &Connection, entity: &Entity, sent: &Fields) -> Result<Vec<Differing>, AdminError> {
        let user = self.info(to, entity).await?;
        let (Some(sent), Some(own)) = (budget(sent), user["budget_id"].as_str()) else { return Ok(Vec::new()) };
        let got: Value = to.read(&format!("/v1/budgets/{own}"), &[]).await?;
        let fields = [("max_budget", "max_budget"), ("budget_duration", "budget_duration_sec")].into_iter();
        let differs = fields.filter(|(_, own)| sent[*own].is_number() && sent[*own].as_f64() != got[*own].as_f64());
        Ok(differs.map(|(field, own)| Differing { field, sent: sent[own].clone(), got: got[own].clone() }).collect())
    }

    async fn log(&self, to: &Connection, key: &Entity) -> Result<Vec<LogRow>, AdminError> {
        match key {
            Entity::Key { id, .. } => self.rows(to, id).await,
            _ => Ok(Vec::new()),
        }
    }
}

#[derive(Deserialize)]
struct MadeKey {
    id: String,
    key: String,
}

/// A user's limits, as a budget object has them.
fn budget(fields: &Fields) -> Option<Value> {
    let max_budget = fields.max_budget.as_deref().map(number);
    let duration = fields.budget_duration.as_ref().map(|period| period.duration.as_secs());
    (max_budget.is_some() || duration.is_some())
        .then(|| json!({ "max_budget": max_budget, "budget_duration_sec": duration }))
}

impl AnyLlm {
    async fn make_budget(&self, to: &Connection, budget: &Value) -> Result<String, AdminError> {
        let made = to.admin("/v1/budgets", budget).await?;
        let id = made["budget_id"].as_str().unwrap_or_default().to_owned();
        to.note_given(&id, "budget_id");
        Ok(id)
    }

    async fn set_price(&self, to: &Connection, name: &str, fields: &Fields) -> Result<(), AdminError> {
        let path = fields.priced_by.as_deref().copied().unwrap_or(PricedBy::Token);
        let none = || lacks("make", &format!("no model is given a price by `{}`", path.word()));
        let mut body = price(path).ok_or_else(none)?;
        body["model_key"] = name.into();
        to.admin("/v1/pricing", &body).await.map(drop)
    }

    /// The rows of the usage log that a key caused.
    async fn rows(&self, to: &Connection, key: &str) -> Result<Vec<LogRow>, AdminError> {
        #[derive(Deserialize)]
        struct UsageRow {
            api_key_id: Option<String>,
            cost: Option<Box<RawValue>>,
        }
        let info: Value = to.read(&format!("/v1/keys/{key}"), &[]).await?;
        let user = info["user_id"].as_str().unwrap_or_default();
        let rows: Vec<UsageRow> = to.read(&format!("/v1/users/{user}/usage"), &[("limit", "1000")]).await?;
        let own = rows.into_iter().filter(|row| row.api_key_id.as_deref() == Some(key));
        let spend = |row: UsageRow| row.cost.and_then(|cost| amount(cost.get())).unwrap_or_default();
        Ok(own.map(|row| LogRow { spend: spend(row) }).collect())
    }
}
