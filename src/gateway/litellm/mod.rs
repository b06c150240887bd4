//! The adapter for LiteLLM's proxy: its admin API, its OpenAI API, its refusals. The built-in gateway serves the
//! same routes and is driven by it too.
//!
//! Routes and fields were read in the 1.82.3 wheel (`proxy/_types.py`); statuses and bodies of refusals were
//! measured on 1.81.0, 1.82.3 and 1.108.7.

pub mod deployments;
mod refusal;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{AdminError, Answer, Ask, Broken, Entity, Secret, redact};
use crate::scenario::{Api, KeyFields, Limits, Model, PricedBy, Routes, Usd};
use deployments::Deployment;

/// When recorded spend can be expected, after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How often to look.
    pub poll: Duration,
    /// The longest that a charge can be on its way: so long it takes to know that there was none.
    pub behind: Duration,
}

impl Pace {
    /// The built-in gateway's: with the answer.
    pub const AT_ONCE: Pace = Pace { poll: Duration::from_millis(5), behind: Duration::ZERO };
    /// LiteLLM's, as it is launched here: `proxy_batch_write_at: 1` and a random 0 to 5 s (measured: 1 to 6 s).
    /// Asking more often would only load a proxy that needs 10 ms and more for each answer.
    pub const WRITE_BEHIND: Pace = Pace { poll: Duration::from_millis(400), behind: Duration::from_millis(6500) };
}

/// A LiteLLM proxy, or what speaks like one.
#[derive(Debug, Clone)]
pub struct LiteLlm {
    http: Client,
    base_url: String,
    admin_key: Secret,
    /// How long one answer may take.
    limit: Duration,
    pub pace: Pace,
}

/// Whom a new key belongs to, by what the gateway calls them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owner<'a> {
    pub user: Option<&'a str>,
    pub team: Option<&'a str>,
}

impl LiteLlm {
    /// `base_url` without a slash at its end; `limit` for each answer.
    pub fn new(http: Client, base_url: impl Into<String>, admin_key: Secret, limit: Duration, pace: Pace) -> LiteLlm {
        LiteLlm { http, base_url: base_url.into(), admin_key, limit, pace }
    }

    /// Whether it is up and has its database; its version, as it says itself.
    ///
    /// # Errors
    /// What it answered instead, or how the exchange broke.
    pub async fn ready(&self) -> Result<Option<String>, AdminError> {
        #[derive(Deserialize)]
        struct Readiness {
            #[serde(default)]
            db: Option<String>,
            #[serde(default)]
            litellm_version: Option<String>,
        }
        const ROUTE: &str = "/health/readiness";
        let request =
            self.http.get(format!("{}{ROUTE}", self.base_url)).timeout(self.limit.min(Duration::from_secs(5)));
        let readiness: Readiness = self.exchange("GET /health/readiness", request).await?;
        match readiness.db.as_deref() {
            Some("connected") => Ok(readiness.litellm_version),
            other => Err(AdminError::Body {
                endpoint: "GET /health/readiness".to_owned(),
                message: format!("its database is {}", other.unwrap_or("not there")),
            }),
        }
    }

    /// Makes a user with this id.
    pub async fn create_user(&self, id: &str, limits: &Limits) -> Result<(), AdminError> {
        let mut body = limits_json(limits);
        body["user_id"] = id.into();
        body["auto_create_key"] = false.into();
        self.admin("/user/new", &body).await.map(|_: Value| ())
    }

    /// Makes a team with this id.
    pub async fn create_team(&self, id: &str, limits: &Limits) -> Result<(), AdminError> {
        let mut body = limits_json(limits);
        body["team_id"] = id.into();
        body["team_alias"] = id.into();
        self.admin("/team/new", &body).await.map(|_: Value| ())
    }

    /// Makes a key, as the administrator or in a dashboard session of its user.
    pub async fn create_key(
        &self,
        alias: &str,
        owner: Owner<'_>,
        key: &KeyFields,
        as_whom: &Secret,
    ) -> Result<Secret, AdminError> {
        #[derive(Deserialize)]
        struct Made {
            key: String,
        }
        let body = key_json(alias, owner, key);
        let request = self.post("/key/generate", as_whom).json(&body);
        let made: Made = self.exchange("POST /key/generate", request).await?;
        Ok(Secret::new(made.key))
    }

    pub fn admin_key(&self) -> &Secret {
        &self.admin_key
    }

    /// Opens a dashboard session for a user: gives it a password, logs in, and takes the session's own key out
    /// of the token that the dashboard gets. (On 1.108.7 a password set this way no longer logs in.)
    pub async fn session_of(&self, user: &str) -> Result<Secret, AdminError> {
        let email = format!("{user}@gatecrash.invalid");
        let password = format!("sk-session-{user}");
        let update =
            json!({ "user_id": user, "user_email": email, "password": password, "user_role": "internal_user" });
        self.admin::<Value>("/user/update", &update).await?;

        const LOGIN: &str = "POST /v2/login";
        let request = self.http.post(format!("{}/v2/login", self.base_url)).timeout(self.limit);
        let response = request.json(&json!({ "username": email, "password": password })).send().await;
        let response =
            response.map_err(|error| AdminError::Broken { endpoint: LOGIN.into(), how: self.broken(&error) })?;
        let status = response.status().as_u16();
        let cookies = response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let token = cookies
            .filter_map(|cookie| cookie.strip_prefix("token="))
            .find_map(|token| session_key(token.trim_matches('"')));
        match token {
            Some(key) => Ok(key),
            None => {
                let message = redact(&response.text().await.unwrap_or_default());
                Err(AdminError::Status { endpoint: LOGIN.into(), status, message })
            }
        }
    }

    /// Blocks a key.
    pub async fn block_key(&self, key: &Secret) -> Result<(), AdminError> {
        self.admin("/key/block", &json!({ "key": key.reveal() })).await.map(|_: Value| ())
    }

    /// What the gateway has recorded as spent.
    pub async fn spend(&self, entity: &Entity) -> Result<Usd, AdminError> {
        #[derive(Deserialize)]
        struct Spent {
            spend: Box<RawValue>,
        }
        #[derive(Deserialize)]
        struct Info {
            #[serde(alias = "user_info", alias = "team_info")]
            info: Spent,
        }
        let (route, name, id) = match entity {
            Entity::Key(key) => ("/key/info", "key", key.reveal()),
            Entity::User(id) => ("/user/info", "user_id", id.as_str()),
            Entity::Team(id) => ("/team/info", "team_id", id.as_str()),
        };
        let endpoint = format!("GET {route}");
        let request = self.http.get(format!("{}{route}", self.base_url)).query(&[(name, id)]);
        let request = request.bearer_auth(self.admin_key.reveal()).timeout(self.limit);
        let info: Info = self.exchange(&endpoint, request).await?;
        amount(info.info.spend.get()).ok_or_else(|| AdminError::Body {
            endpoint,
            message: format!("a spend of {}", redact(info.info.spend.get())),
        })
    }

    /// Asks a model with a key.
    pub async fn ask(&self, key: &Secret, ask: &Ask) -> Answer {
        let request = self.post(ask.api.route(), key).timeout(self.limit + ask.late).json(&ask_json(ask));
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Answer::Broken { how: self.broken(&error) };
            }
        };
        let status = response.status();
        let body = match response.text().await {
            Ok(body) => body,
            Err(error) => {
                return Answer::Broken { how: self.broken(&error) };
            }
        };
        if !status.is_success() {
            return refusal::read(status.as_u16(), &body);
        }
        match is_answer(ask, &body) {
            true => Answer::Accepted { status: status.as_u16() },
            false => Answer::Broken { how: Broken::Body(redact(&crate::scenario::value::shortened(&body))) },
        }
    }

    fn post(&self, route: &str, key: &Secret) -> RequestBuilder {
        self.http
            .request(Method::POST, format!("{}{route}", self.base_url))
            .bearer_auth(key.reveal())
            .timeout(self.limit)
    }

    async fn admin<T: serde::de::DeserializeOwned>(&self, route: &str, body: &Value) -> Result<T, AdminError> {
        self.exchange(&format!("POST {route}"), self.post(route, &self.admin_key).json(body)).await
    }

    async fn exchange<T: serde::de::DeserializeOwned>(
        &self,
        endpoint: &str,
        request: RequestBuilder,
    ) -> Result<T, AdminError> {
        let endpoint = endpoint.to_owned();
        let broken =
            |error: reqwest::Error| AdminError::Broken { endpoint: endpoint.clone(), how: self.broken(&error) };
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        let body = response.text().await.map_err(broken)?;
        if !status.is_success() {
            return Err(refusal::of_admin(endpoint, status.as_u16(), &body));
        }
        serde_json::from_str(&body).map_err(|error| AdminError::Body { endpoint, message: error.to_string() })
    }

    fn broken(&self, error: &reqwest::Error) -> Broken {
        if error.is_timeout() {
            return Broken::Hung { ms: self.limit.as_millis() as u64 };
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Broken::Lost(cause.to_string())
    }
}

/// A JSON number as an exact amount; LiteLLM writes small ones as `5e-07`.
fn amount(json: &str) -> Option<Usd> {
    use rust_decimal::Decimal;
    let json = if json == "null" { "0" } else { json };
    // A binary float's digits beyond the 28 of a Decimal say nothing.
    Decimal::from_scientific(json).or_else(|_| json.parse()).ok().map(Usd)
}

/// The key inside the token of a dashboard session: a JWT whose second part is JSON. Its signature is the
/// gateway's own affair.
fn session_key(cookie: &str) -> Option<Secret> {
    let token = cookie.split(';').next()?.trim_matches('"');
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload["key"].as_str().map(Secret::new)
}

fn model_name(model: Model) -> &'static str {
    let path = match model {
        Model::Token => PricedBy::Token,
        Model::ModelInfo => PricedBy::ModelInfo,
        Model::BaseModel => PricedBy::BaseModel,
        Model::CostMap => PricedBy::CostMap,
        Model::ParamsBaseModel => PricedBy::ParamsBaseModel,
        Model::Alias => PricedBy::Alias,
        Model::Provider => PricedBy::Provider,
        Model::AllTeamModels => return "all-team-models",
    };
    Deployment::of(path).model
}

fn usd(amount: Usd) -> Value {
    serde_json::from_str(&amount.to_string()).unwrap_or(Value::Null)
}

fn limits_json(limits: &Limits) -> Value {
    let mut body = json!({});
    let Limits { max_budget, budget_duration, models, rpm_limit, tpm_limit, max_parallel_requests } = limits;
    set(&mut body, "max_budget", max_budget.as_ref().map(|budget| usd(budget.value)));
    set(&mut body, "budget_duration", budget_duration.as_ref().map(|duration| duration.text.as_str().into()));
    set(&mut body, "models", models.as_ref().map(|models| models.iter().map(|model| model_name(*model)).collect()));
    set(&mut body, "rpm_limit", rpm_limit.map(Value::from));
    set(&mut body, "tpm_limit", tpm_limit.map(Value::from));
    set(&mut body, "max_parallel_requests", max_parallel_requests.map(Value::from));
    body
}

fn key_json(alias: &str, owner: Owner<'_>, key: &KeyFields) -> Value {
    let mut body = limits_json(&Limits {
        max_budget: key.max_budget.clone(),
        budget_duration: key.budget_duration.clone(),
        models: key.models.clone(),
        rpm_limit: key.rpm_limit,
        tpm_limit: key.tpm_limit,
        max_parallel_requests: key.max_parallel_requests,
    });
    body["key_alias"] = alias.into();
    set(&mut body, "user_id", owner.user.map(Value::from));
    set(&mut body, "team_id", owner.team.map(Value::from));
    let routes = |routes: &Vec<Routes>| routes.iter().map(|Routes::LlmApiRoutes| "llm_api_routes").collect();
    set(&mut body, "allowed_routes", key.allowed_routes.as_ref().map(routes));
    body
}

fn set(body: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[name] = value;
    }
}

fn ask_json(ask: &Ask) -> Value {
    let mut body = match ask.api {
        Api::Chat => json!({ "messages": [{ "role": "user", "content": ask.prompt }] }),
        Api::Responses | Api::Embeddings => json!({ "input": ask.prompt }),
    };
    body["model"] = ask.model.into();
    let system = (ask.system_prompt > 0).then(|| system_prompt(ask.system_prompt));
    match (ask.api, system) {
        (Api::Chat, Some(text)) => {
            if let Some(messages) = body["messages"].as_array_mut() {
                messages.insert(0, json!({ "role": "system", "content": text }));
            }
        }
        (Api::Responses, Some(text)) => body["instructions"] = text.into(),
        (Api::Chat | Api::Responses | Api::Embeddings, _) => {}
    }
    if ask.tools > 0 {
        body["tools"] = (1..=ask.tools).map(|number| tool(ask.api, number)).collect();
    }
    if ask.stream {
        body["stream"] = true.into();
        if ask.api == Api::Chat {
            body["stream_options"] = json!({ "include_usage": true });
        }
    }
    body
}

fn system_prompt(characters: u32) -> String {
    "You are a careful agent. Read before you write. ".chars().cycle().take(characters as usize).collect()
}

fn tool(api: Api, number: u16) -> Value {
    let name = format!("tool_{number}");
    let description = "Reads a file of the project and returns its text.";
    let parameters = json!({ "type": "object", "properties": { "path": { "type": "string" } }, "required": ["path"] });
    match api {
        Api::Responses => {
            json!({ "type": "function", "name": name, "description": description, "parameters": parameters })
        }
        Api::Chat | Api::Embeddings => {
            json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
        }
    }
}

/// Whether a successful body is an answer of a model, whole to its end.
fn is_answer(ask: &Ask, body: &str) -> bool {
    if ask.stream {
        let events: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
        let failed = events.iter().any(|event| event.starts_with("{\"error\""));
        let ended = match ask.api {
            Api::Chat | Api::Embeddings => events.last() == Some(&"[DONE]"),
            Api::Responses => events.iter().any(|event| event.contains("\"response.completed\"")),
        };
        return ended && !failed && events.len() > 1;
    }
    let Ok(body) = serde_json::from_str::<Value>(body) else {
        return false;
    };
    let list = match ask.api {
        Api::Chat => &body["choices"],
        Api::Responses => &body["output"],
        Api::Embeddings => &body["data"],
    };
    list.as_array().is_some_and(|items| !items.is_empty())
}
