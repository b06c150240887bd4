//! The words that scenarios and gateways share: pricing paths, APIs, models, routes, reasons of refusals. What they are
//! called on a gateway is known to its adapter only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pricing paths: how a gateway can know what a request costs (DESIGN, decision 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PricedBy {
    /// A rate per token in the deployment's parameters.
    Token,
    /// The same rate in the deployment's model info.
    ModelInfo,
    /// A base model, named in the deployment's model info.
    BaseModel,
    /// The model's name, which is in the gateway's own cost map.
    CostMap,
    /// A base model, named in the deployment's parameters.
    ParamsBaseModel,
    /// No price at all: the upstream's answer names a model that is in the cost map.
    Alias,
    /// No price at all: the upstream's answer reports its cost.
    Provider,
}

impl PricedBy {
    pub const ALL: [PricedBy; 7] = [
        PricedBy::Token,
        PricedBy::ModelInfo,
        PricedBy::BaseModel,
        PricedBy::CostMap,
        PricedBy::ParamsBaseModel,
        PricedBy::Alias,
        PricedBy::Provider,
    ];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            PricedBy::Token => "token",
            PricedBy::ModelInfo => "model_info",
            PricedBy::BaseModel => "base_model",
            PricedBy::CostMap => "cost_map",
            PricedBy::ParamsBaseModel => "params_base_model",
            PricedBy::Alias => "alias",
            PricedBy::Provider => "provider",
        }
    }
}

/// The OpenAI API that a request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/responses`
    Responses,
    /// `/v1/embeddings`
    Embeddings,
}

impl Api {
    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Api::Chat => "chat",
            Api::Responses => "responses",
            Api::Embeddings => "embeddings",
        }
    }

    /// Its route, on gateways and providers alike.
    pub fn route(self) -> &'static str {
        match self {
            Api::Chat => "/v1/chat/completions",
            Api::Responses => "/v1/responses",
            Api::Embeddings => "/v1/embeddings",
        }
    }
}

/// A model that a key, user or team may ask: the one of a pricing path, or a gateway's word for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    Token,
    ModelInfo,
    BaseModel,
    CostMap,
    ParamsBaseModel,
    Alias,
    Provider,
    /// Every model of the key's team; without a team, every model.
    #[serde(rename = "all-team-models")]
    AllTeamModels,
}

/// A group of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routes {
    /// Every route that asks a model, and no other.
    LlmApiRoutes,
}

/// Why a gateway refused, in words that are the same for all gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The budget of the key, or of who it belongs to, is spent.
    BudgetExceeded,
    /// Too many requests or tokens in a window of time.
    RateLimited,
    /// The key is blocked.
    KeyBlocked,
    /// The gateway does not know the key.
    KeyUnknown,
    /// The key's time is over.
    KeyExpired,
    /// The key, user or team may not ask this model.
    ModelDenied,
    /// The provider behind the gateway failed.
    UpstreamFailed,
}

impl ErrorKind {
    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::BudgetExceeded => "budget_exceeded",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::KeyBlocked => "key_blocked",
            ErrorKind::KeyUnknown => "key_unknown",
            ErrorKind::KeyExpired => "key_expired",
            ErrorKind::ModelDenied => "model_denied",
            ErrorKind::UpstreamFailed => "upstream_failed",
        }
    }
}
