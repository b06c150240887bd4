//! LiteLLM's admin API: making, changing and reading the entities of a scenario. Routes and fields were read in the
//! 1.81.0, 1.82.3 and 1.108.7 wheels (`proxy/_types.py`, `proxy/management_endpoints`) and measured on all three.
//!
//! Not: model requests, and how a refusal reads.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::deployments::{Deployment, model_json};
use crate::gateway::adapter::lacks;
use crate::gateway::connection::{Connection, amount, number};
use crate::gateway::{AdminError, Definition, Differing, Entity, LogRow};
use crate::scenario::{Fields, Kind, Model, PricedBy, Provider, Routes, Usd};
use crate::secret::{Secret, redact};

/// Makes an entity; `as_whom` is the administrator's key, or that of a dashboard session.
pub(super) async fn create(
    to: &Connection,
    definition: Definition<'_>,
    as_whom: &Secret,
) -> Result<Entity, AdminError> {
    let Definition { kind, id, fields, owners } = definition;
    let mut body = body(definition);
    let own = || id.to_owned();
    match kind {
        Kind::Budget => {
            body["budget_id"] = id.into();
            to.admin("/budget/new", &body).await?;
            Ok(Entity::Budget(own()))
        }
        Kind::Organisation => {
            body["organization_id"] = id.into();
            body["organization_alias"] = id.into();
            to.admin("/organization/new", &body).await?;
            Ok(Entity::Organisation(own()))
        }
        Kind::Team => {
            body["team_id"] = id.into();
            body["team_alias"] = id.into();
            to.admin("/team/new", &body).await?;
            Ok(Entity::Team(own()))
        }
        Kind::User => {
            body["user_id"] = id.into();
            body["auto_create_key"] = false.into();
            to.admin("/user/new", &body).await?;
            Ok(Entity::User(own()))
        }
        Kind::Member => {
            let (user, team) = (owners.user.unwrap_or_default(), owners.team.unwrap_or_default());
            let mut body = json!({ "team_id": team, "member": { "role": "user", "user_id": user } });
            set(&mut body, "max_budget_in_team", fields.max_budget.as_deref().map(number));
            to.admin("/team/member_add", &body).await?;
            Ok(Entity::Member { user: user.to_owned(), team: team.to_owned() })
        }
        Kind::EndUser => {
            body["user_id"] = id.into();
            to.admin("/customer/new", &body).await?;
            Ok(Entity::EndUser(own()))
        }
        Kind::Tag => {
            body["name"] = id.into();
            to.admin("/tag/new", &body).await?;
            Ok(Entity::Tag(own()))
        }
        Kind::Model => {
            let made = to.admin("/model/new", &model(to, id, fields)).await?;
            let (info, own_id) = (made["model_info"]["id"].as_str(), made["model_id"].as_str());
            let model = info.or(own_id).ok_or_else(|| AdminError::Body {
                endpoint: "POST /model/new".into(),
                message: "there is no id of the model".into(),
            })?;
            to.note_given(model, if info.is_some() { "model_info.id" } else { "model_id" });
            Ok(Entity::Model { name: own(), id: model.to_owned() })
        }
        Kind::Key => {
            body["key_alias"] = id.into();
            let request = to.post("/key/generate", as_whom).json(&body);
            let made = made_key(to, "POST /key/generate", request, id).await.map(Entity::key);
            match made {
                // 1.108.7 first wants the user to change a password that an administrator has set.
                Err(AdminError::Status { endpoint, status: 403, message }) if *as_whom != to.admin_key => {
                    Err(AdminError::Lacks { endpoint, message })
                }
                made => made,
            }
        }
    }
}

async fn made_key(
    to: &Connection,
    endpoint: &str,
    request: reqwest::RequestBuilder,
    id: &str,
) -> Result<Secret, AdminError> {
    #[derive(Deserialize)]
    struct GeneratedKey {
        key: String,
    }
    let made: GeneratedKey = to.exchange(endpoint, request).await?;
    let key = Secret::named(made.key, &format!("key {id}"));
    to.note_given(key.reveal(), "key");
    Ok(key)
}

fn model(to: &Connection, name: &str, fields: &Fields) -> Value {
    let path = fields.priced_by.as_deref().copied().unwrap_or(PricedBy::Token);
    let provider = fields.provider.as_deref().copied().unwrap_or(Provider::Openai);
    model_json(name, path, provider, fields.rates.as_deref(), &to.upstream)
}

/// Sets some fields of an entity.
pub(super) async fn update(to: &Connection, entity: &Entity, definition: Definition<'_>) -> Result<(), AdminError> {
    let mut body = body(definition);
    let updated = match entity {
        Entity::Budget(id) => {
            body["budget_id"] = id.as_str().into();
            to.admin("/budget/update", &body).await
        }
        Entity::Organisation(id) => {
            body["organization_id"] = id.as_str().into();
            to.admin_by(Method::PATCH, "/organization/update", &body).await
        }
        Entity::Team(id) => {
            body["team_id"] = id.as_str().into();
            to.admin("/team/update", &body).await
        }
        Entity::User(id) => {
            body["user_id"] = id.as_str().into();
            to.admin("/user/update", &body).await
        }
        Entity::Member { user, team } => {
            let mut body = json!({ "team_id": team, "user_id": user });
            set(&mut body, "max_budget_in_team", definition.fields.max_budget.as_deref().map(number));
            to.admin("/team/member_update", &body).await
        }
        Entity::EndUser(id) => {
            body["user_id"] = id.as_str().into();
            to.admin("/customer/update", &body).await
        }
        Entity::Tag(id) => {
            body["name"] = id.as_str().into();
            to.admin("/tag/update", &body).await
        }
        Entity::Model { name, id } => {
            let mut body = model(to, name, definition.fields);
            body["model_info"]["id"] = id.as_str().into();
            to.admin("/model/update", &body).await
        }
        Entity::Key { secret: key, .. } => {
            body["key"] = key.reveal().into();
            to.admin("/key/update", &body).await
        }
    };
    updated.map(drop)
}

/// Blocks or unblocks a key, a team or an end user; LiteLLM cannot block others.
pub(super) async fn set_blocked(to: &Connection, entity: &Entity, act: &str) -> Result<(), AdminError> {
    let (of, body) = match entity {
        Entity::Key { secret: key, .. } => ("key", json!({ "key": key.reveal() })),
        Entity::Team(id) => ("team", json!({ "team_id": id })),
        Entity::EndUser(id) => ("customer", json!({ "user_ids": [id] })),
        Entity::Budget(_)
        | Entity::Organisation(_)
        | Entity::User(_)
        | Entity::Member { .. }
        | Entity::Tag(_)
        | Entity::Model { .. } => return Err(lacks(act, "only keys, teams and end users can be blocked")),
    };
    to.admin(&format!("/{of}/{act}"), &body).await.map(drop)
}

/// Deletes an entity.
pub(super) async fn delete(to: &Connection, entity: &Entity) -> Result<(), AdminError> {
    let deleted = match entity {
        Entity::Budget(id) => to.admin("/budget/delete", &json!({ "id": id })).await,
        Entity::Organisation(id) => {
            let body = json!({ "organization_ids": [id] });
            to.admin_by(Method::DELETE, "/organization/delete", &body).await
        }
        Entity::Team(id) => to.admin("/team/delete", &json!({ "team_ids": [id] })).await,
        Entity::User(id) => to.admin("/user/delete", &json!({ "user_ids": [id] })).await,
        Entity::Member { user, team } => {
            to.admin("/team/member_delete", &json!({ "team_id": team, "user_id": user })).await
        }
        Entity::EndUser(id) => to.admin("/customer/delete", &json!({ "user_ids": [id] })).await,
        Entity::Tag(id) => to.admin("/tag/delete", &json!({ "name": id })).await,
        Entity::Model { id, .. } => to.admin("/model/delete", &json!({ "id": id })).await,
        Entity::Key { secret: key, .. } => to.admin("/key/delete", &json!({ "keys": [key.reveal()] })).await,
    };
    deleted.map(drop)
}

/// Gives a key a new secret, which shows under this name.
pub(super) async fn regenerate(to: &Connection, entity: &Entity, id: &str) -> Result<Secret, AdminError> {
    let Entity::Key { secret: key, .. } = entity else { return Err(lacks("regenerate", "only keys have secrets")) };
    let request = to.post(&format!("/key/{}/regenerate", key.reveal()), &to.admin_key).json(&json!({}));
    made_key(to, "POST /key/{key}/regenerate", request, id).await
}

/// Sets the recorded spend of a key to zero.
pub(super) async fn reset_spend(to: &Connection, entity: &Entity) -> Result<(), AdminError> {
    let Entity::Key { secret: key, .. } = entity else { return Err(lacks("reset", "only keys are reset by hand")) };
    let request = to.post(&format!("/key/{}/reset_spend", key.reveal()), &to.admin_key);
    let request = request.json(&json!({ "reset_to": 0 }));
    to.exchange::<Value>("POST /key/{key}/reset_spend", request).await.map(drop)
}

/// What the gateway has recorded as spent; none if it keeps no figure for that.
pub(super) async fn spend(to: &Connection, entity: &Entity) -> Result<Option<Usd>, AdminError> {
    /// The figure with all its digits: a float would lose some.
    #[derive(Deserialize)]
    struct SpendShown {
        #[serde(default)]
        user_id: Option<String>,
        #[serde(default)]
        spend: Option<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Info {
        #[serde(alias = "user_info", alias = "team_info")]
        info: SpendShown,
    }
    #[derive(Deserialize)]
    struct Memberships {
        #[serde(default)]
        team_memberships: Vec<SpendShown>,
    }
    let endpoint = format!("GET {}", info_route(entity));
    let read = |spent: Option<Box<RawValue>>| match spent {
        None => Ok(None),
        Some(figure) => amount(figure.get()).map(Some).ok_or_else(|| AdminError::Body {
            endpoint: endpoint.clone(),
            message: format!("a spend of {}", redact(figure.get())),
        }),
    };
    match entity {
        Entity::Key { .. } | Entity::User(_) | Entity::Team(_) => read(info::<Info>(to, entity).await?.info.spend),
        Entity::Organisation(_) => read(info::<SpendShown>(to, entity).await?.spend),
        // An end user is unknown before its first request.
        Entity::EndUser(_) => match info::<SpendShown>(to, entity).await {
            Ok(spent) => read(spent.spend),
            Err(AdminError::Status { status: 400 | 404, .. }) => Ok(Some(Usd::ZERO)),
            Err(error) => Err(error),
        },
        Entity::Member { user, .. } => {
            let of_team = info::<Memberships>(to, entity).await?.team_memberships;
            read(of_team.into_iter().find(|member| member.user_id.as_ref() == Some(user)).and_then(|own| own.spend))
        }
        Entity::Tag(id) => {
            let mut tags = info::<std::collections::HashMap<String, SpendShown>>(to, entity).await?;
            read(tags.remove(id).and_then(|tag| tag.spend))
        }
        Entity::Budget(_) | Entity::Model { .. } => Ok(None),
    }
}

/// What the admin API says of an entity.
pub(super) async fn info<T: DeserializeOwned>(to: &Connection, entity: &Entity) -> Result<T, AdminError> {
    let route = info_route(entity);
    let query: (&str, &str) = match entity {
        Entity::Key { secret: key, .. } => ("key", key.reveal()),
        Entity::User(id) => ("user_id", id),
        Entity::Team(id) | Entity::Member { team: id, .. } => ("team_id", id),
        Entity::Organisation(id) => ("organization_id", id),
        Entity::EndUser(id) => ("end_user_id", id),
        Entity::Model { id, .. } => ("litellm_model_id", id),
        Entity::Tag(id) => return to.admin_by(Method::POST, route, &json!({ "names": [id] })).await,
        Entity::Budget(id) => return to.admin_by(Method::POST, route, &json!({ "budgets": [id] })).await,
    };
    to.read(route, &[query]).await
}

/// The fields that read back differently from what was sent: the name, what was sent, what is read.
pub(super) async fn differing(to: &Connection, entity: &Entity, sent: &Fields) -> Result<Vec<Differing>, AdminError> {
    let info: Value = info(to, entity).await?;
    let of_user = |list: &Value, user: &str| {
        let items = list.as_array().into_iter().flatten();
        items.clone().find(|item| item["user_id"] == user).cloned().unwrap_or(Value::Null)
    };
    let own = match entity {
        Entity::Key { .. } => info["info"].clone(),
        Entity::User(_) => info["user_info"].clone(),
        Entity::Team(_) => info["team_info"].clone(),
        Entity::Member { user, .. } => of_user(&info["team_memberships"], user),
        Entity::Tag(id) => info[id.as_str()].clone(),
        Entity::Budget(_) => info[0].clone(),
        Entity::Organisation(_) | Entity::EndUser(_) | Entity::Model { .. } => info,
    };
    let table = &own["litellm_budget_table"];
    let read = |field: &str| match &own[field] {
        Value::Null => table[field].clone(),
        value => value.clone(),
    };
    let mut differing = Vec::new();
    let mut compare = |field: &'static str, sent: Option<Value>| {
        let Some(sent) = sent else { return };
        let got = read(field);
        let same = match (sent.as_f64(), got.as_f64()) {
            (Some(sent), Some(got)) => (sent - got).abs() < 1e-9,
            _ => sent == got,
        };
        if !same {
            differing.push(Differing { field, sent, got });
        }
    };
    compare("max_budget", sent.max_budget.as_deref().map(number));
    compare("budget_duration", sent.budget_duration.as_ref().map(|period| period.text.as_str().into()));
    compare("models", sent.models.as_deref().map(|models| models_json(models)));
    compare("rpm_limit", sent.rpm_limit.as_deref().map(|limit| (*limit).into()));
    compare("tpm_limit", sent.tpm_limit.as_deref().map(|limit| (*limit).into()));
    compare("max_parallel_requests", sent.max_parallel_requests.as_deref().map(|limit| (*limit).into()));
    Ok(differing)
}

/// The rows of the spend log for a key.
pub(super) async fn log(to: &Connection, key: &Entity) -> Result<Vec<LogRow>, AdminError> {
    let Entity::Key { secret: key, .. } = key else { return Ok(Vec::new()) };
    #[derive(Deserialize)]
    struct SpendRow {
        #[serde(default)]
        spend: Option<Box<RawValue>>,
    }
    let rows: Vec<SpendRow> = to.read("/spend/logs", &[("api_key", key.reveal())]).await?;
    let spend = |row: SpendRow| row.spend.and_then(|figure| amount(figure.get())).unwrap_or_default();
    Ok(rows.into_iter().map(|row| LogRow { spend: spend(row) }).collect())
}

/// Whether a line of its log only says that somebody read what is recorded, or whether it is ready.
pub(super) fn is_reading(line: &str) -> bool {
    const ROUTES: [&str; 9] = [
        "/health/readiness",
        "/key/info",
        "/user/info",
        "/team/info",
        "/organization/info",
        "/customer/info",
        "/tag/info",
        "/budget/info",
        "/spend/logs",
    ];
    line.ends_with("\" 200 OK") && ROUTES.iter().any(|route| line.contains(route))
}

fn info_route(entity: &Entity) -> &'static str {
    match entity {
        Entity::Key { .. } => "/key/info",
        Entity::User(_) => "/user/info",
        Entity::Team(_) | Entity::Member { .. } => "/team/info",
        Entity::Organisation(_) => "/organization/info",
        Entity::EndUser(_) => "/customer/info",
        Entity::Tag(_) => "/tag/info",
        Entity::Budget(_) => "/budget/info",
        Entity::Model { .. } => "/model/info",
    }
}

/// The fields that all entities share, as the admin API names them.
fn body(definition: Definition<'_>) -> Value {
    let Definition { fields, owners, .. } = definition;
    let mut body = json!({});
    set(&mut body, "user_id", owners.user.map(Value::from));
    set(&mut body, "team_id", owners.team.map(Value::from));
    set(&mut body, "organization_id", owners.organisation.map(Value::from));
    set(&mut body, "budget_id", owners.budget.map(Value::from));
    set(&mut body, "max_budget", fields.max_budget.as_deref().map(number));
    set(&mut body, "team_member_budget", fields.member_budget.as_deref().map(number));
    set(&mut body, "budget_duration", fields.budget_duration.as_ref().map(|period| period.text.as_str().into()));
    set(&mut body, "models", fields.models.as_deref().map(|models| models_json(models)));
    let routes = |routes: &[Routes]| routes.iter().map(|Routes::LlmApiRoutes| "llm_api_routes").collect();
    set(&mut body, "allowed_routes", fields.allowed_routes.as_deref().map(|list| routes(list)));
    set(&mut body, "rpm_limit", fields.rpm_limit.as_deref().map(|limit| (*limit).into()));
    set(&mut body, "tpm_limit", fields.tpm_limit.as_deref().map(|limit| (*limit).into()));
    let parallel = fields.max_parallel_requests.as_deref();
    set(&mut body, "max_parallel_requests", parallel.map(|limit| (*limit).into()));
    set(&mut body, "duration", fields.expires.as_ref().map(|period| period.text.as_str().into()));
    body
}

fn set(body: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[name] = value;
    }
}

fn models_json(models: &[Model]) -> Value {
    let names = |model: &Model| match model {
        Model::Of(path) => Deployment::names(*path).collect(),
        Model::AllTeamModels => vec!["all-team-models"],
    };
    models.iter().flat_map(names).collect()
}
