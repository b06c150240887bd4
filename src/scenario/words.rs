//! The words that scenarios and gateways share: pricing paths, APIs, models, routes, reasons of refusals. Only a gateway's
//! adapter knows what that gateway calls them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

/// The pricing paths: how a gateway can know what a request costs (docs/design.md, decision 1).
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
    /// No price at all: the upstream's answer reports what it cost.
    Provider,
    /// An explicit price of zero: it costs nothing.
    Free,
    /// Another name for the free model.
    FreeAlias,
    /// No price at all, and nothing in the answer: the price is never known, so nothing is charged.
    Unpriced,
}

impl PricedBy {
    pub const ALL: [PricedBy; 10] = [
        PricedBy::Token,
        PricedBy::ModelInfo,
        PricedBy::BaseModel,
        PricedBy::CostMap,
        PricedBy::ParamsBaseModel,
        PricedBy::Alias,
        PricedBy::Provider,
        PricedBy::Free,
        PricedBy::FreeAlias,
        PricedBy::Unpriced,
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
            PricedBy::Free => "free",
            PricedBy::FreeAlias => "free_alias",
            PricedBy::Unpriced => "unpriced",
        }
    }

    /// Whether an answer costs anything.
    pub fn costs(self) -> bool {
        !matches!(self, PricedBy::Free | PricedBy::FreeAlias | PricedBy::Unpriced)
    }
}

/// The API that a request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/messages`, Anthropic's
    Messages,
    /// `/v1/responses`
    Responses,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/images/generations`
    Images,
    /// A route that the gateway forwards to the provider unchanged.
    Passthrough,
}

impl Api {
    pub const ALL: [Api; 7] =
        [Api::Chat, Api::Completions, Api::Messages, Api::Responses, Api::Embeddings, Api::Images, Api::Passthrough];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Api::Chat => "chat",
            Api::Completions => "completions",
            Api::Messages => "messages",
            Api::Responses => "responses",
            Api::Embeddings => "embeddings",
            Api::Images => "images",
            Api::Passthrough => "passthrough",
        }
    }

    /// Whether its answers can be streamed.
    pub fn streams(self) -> bool {
        !matches!(self, Api::Embeddings | Api::Images)
    }
}

/// Who answers behind the gateway, and so in which API's words the gateway has to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// OpenAI, or one that is compatible with it.
    Openai,
    /// Anthropic, by its Messages API alone.
    Anthropic,
}

impl Provider {
    pub const ALL: [Provider; 2] = [Provider::Openai, Provider::Anthropic];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Provider::Openai => "openai",
            Provider::Anthropic => "anthropic",
        }
    }
}

/// A model that a key, user or team may ask: the one of a pricing path, or a gateway's word for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Of(PricedBy),
    /// Every model of the key's team; without a team, every model. Written `all-team-models`.
    AllTeamModels,
}

impl Model {
    const ALL_TEAM_MODELS: &'static str = "all-team-models";
    const WORDS: [&'static str; 11] = [
        "token",
        "model_info",
        "base_model",
        "cost_map",
        "params_base_model",
        "alias",
        "provider",
        "free",
        "free_alias",
        "unpriced",
        Model::ALL_TEAM_MODELS,
    ];
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Model, D::Error> {
        use serde::de::Error as _;
        let word = String::deserialize(deserializer)?;
        match PricedBy::ALL.into_iter().find(|path| path.word() == word) {
            Some(path) => Ok(Model::Of(path)),
            None if word == Model::ALL_TEAM_MODELS => Ok(Model::AllTeamModels),
            None => Err(D::Error::unknown_variant(&word, &Model::WORDS)),
        }
    }
}

impl JsonSchema for Model {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Model".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "the model of a pricing path, or every model of the key's team",
            "enum": Model::WORDS
        })
    }
}

/// Which models are asked instead of those that stand for pricing paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskedModels {
    /// Each model of the operator's own configuration.
    Own,
}

/// Where a request carries something: in its body, or in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    Body,
    Header,
}

impl Carrier {
    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Carrier::Body => "body",
            Carrier::Header => "header",
        }
    }
}

/// Whether to ask a stream to end with its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncludeUsage {
    Asked,
    Unsaid,
    /// `include_usage: false`: the client says that it wants none.
    Declined,
}

impl IncludeUsage {
    /// As it is in the name of a trial.
    pub fn word(self) -> &'static str {
        match self {
            IncludeUsage::Asked => "with-usage",
            IncludeUsage::Unsaid => "without-usage",
            IncludeUsage::Declined => "usage-declined",
        }
    }
}

impl<'de> Deserialize<'de> for IncludeUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<IncludeUsage, D::Error> {
        struct Word;

        impl de::Visitor<'_> for Word {
            type Value = IncludeUsage;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or `declined`")
            }

            fn visit_bool<E: de::Error>(self, is_asked: bool) -> Result<IncludeUsage, E> {
                Ok(if is_asked { IncludeUsage::Asked } else { IncludeUsage::Unsaid })
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<IncludeUsage, E> {
                match word {
                    "true" => Ok(IncludeUsage::Asked),
                    "false" => Ok(IncludeUsage::Unsaid),
                    "declined" => Ok(IncludeUsage::Declined),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }

        deserializer.deserialize_any(Word)
    }
}

impl JsonSchema for IncludeUsage {
    fn schema_name() -> Cow<'static, str> {
        "IncludeUsage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether to ask a stream to end with its usage; `declined` says that the client wants none.",
            "enum": [true, false, "declined"],
        })
    }
}

/// A group of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routes {
    /// Only the routes that call a model.
    LlmApiRoutes,
}

/// Why a gateway refused, in words that are the same for all gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The budget of the key or of its owner is spent.
    BudgetExceeded,
    /// Too many requests or tokens in a window of time.
    RateLimited,
    /// The key or its owner is blocked.
    Blocked,
    /// The gateway does not know the key.
    KeyUnknown,
    /// The key has expired.
    KeyExpired,
    /// The key, user or team may not use this model.
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
            ErrorKind::Blocked => "blocked",
            ErrorKind::KeyUnknown => "key_unknown",
            ErrorKind::KeyExpired => "key_expired",
            ErrorKind::ModelDenied => "model_denied",
            ErrorKind::UpstreamFailed => "upstream_failed",
        }
    }
}
