//! One model request, understood. Not: whether it is let in.

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::bearer;
use super::refusal::{Refusal, bad};

/// The headers that name the end user, and the tags.
const END_USER_HEADER: &str = "x-litellm-end-user-id";
const TAGS_HEADER: &str = "x-litellm-tags";

/// Fields of a request's body for the gateway alone: the provider does not see them.
const FOR_THE_GATEWAY: [&str; 5] = ["num_retries", "fallbacks", "cache", "tags", "litellm_metadata"];

/// Where models are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Completions,
    Messages,
    Responses,
    Embeddings,
    Images,
    Passthrough,
}

impl Route {
    pub(super) const ALL: [Route; 7] = [
        Route::Chat,
        Route::Completions,
        Route::Messages,
        Route::Responses,
        Route::Embeddings,
        Route::Images,
        Route::Passthrough,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Route::Chat => "/v1/chat/completions",
            Route::Completions => "/v1/completions",
            Route::Messages => "/v1/messages",
            Route::Responses => "/v1/responses",
            Route::Embeddings => "/v1/embeddings",
            Route::Images => "/v1/images/generations",
            Route::Passthrough => "/openai/v1/chat/completions",
        }
    }

    /// The provider's path behind it.
    pub(super) fn behind(self) -> &'static str {
        self.path().strip_prefix("/openai").unwrap_or(self.path())
    }

    /// Its name in LiteLLM's spend log.
    pub(super) fn call_type(self) -> &'static str {
        match self {
            Route::Chat => "acompletion",
            Route::Completions => "atext_completion",
            Route::Messages => "anthropic_messages",
            Route::Responses => "aresponses",
            Route::Embeddings => "aembedding",
            Route::Images => "aimage_generation",
            Route::Passthrough => "pass_through_endpoint",
        }
    }

    /// Whether its whole answers say what is left of limits.
    pub(super) fn tells_left(self) -> bool {
        match self {
            Route::Chat | Route::Completions | Route::Responses | Route::Embeddings | Route::Images => true,
            Route::Messages | Route::Passthrough => false,
        }
    }

    /// Whether its streams end with their usage only when asked to.
    fn asks_for_usage(self) -> bool {
        match self {
            Route::Chat | Route::Completions | Route::Passthrough => true,
            Route::Messages | Route::Responses | Route::Embeddings | Route::Images => false,
        }
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) route: Route,
    pub(super) model: String,
    pub(super) stream: bool,
    /// Its stream would not end with its usage, because it does not ask for that.
    pub(super) hides_usage: bool,
    pub(super) end_user: Option<String>,
    pub(super) tags: Vec<String>,
    /// Whether the end user and the tags are in the body, not in headers.
    pub(super) end_user_in_body: bool,
    pub(super) tags_in_body: bool,
    pub(super) has_max_tokens: bool,
    /// The service that it asks for.
    pub(super) tier: String,
    pub(super) retries: u64,
    pub(super) fallbacks: Vec<String>,
    /// Its key in the response cache, if it may be answered from there: the same for all who ask.
    pub(super) cache_key: Option<String>,
    body: Value,
}

impl Asked {
    pub(super) fn read(route: Route, headers: &HeaderMap, bytes: &Bytes) -> Result<Asked, Refusal> {
        let mut body: Value = serde_json::from_slice(bytes).map_err(|_| bad("The body is not JSON."))?;
        if !body.is_object() {
            return Err(bad("The body is not an object."));
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let in_body = body["user"].as_str().or(body["metadata"]["user_id"].as_str()).map(str::to_owned);
        let mut tags = words(&body["metadata"]["tags"]);
        tags.extend(words(&body["tags"]));
        tags.extend(words(&body["litellm_metadata"]["tags"]));
        let tags_in_body = !tags.is_empty();
        let in_header = header(TAGS_HEADER).into_iter().flat_map(|tags| tags.split(','));
        tags.extend(in_header.map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()));
        let has_max_tokens =
            ["max_tokens", "max_completion_tokens", "max_output_tokens"].iter().any(|name| body[*name].is_u64());
        let stream = body["stream"].as_bool() == Some(true);
        let with_usage = body["stream_options"]["include_usage"].as_bool() == Some(true);
        let retries = body["num_retries"].as_u64().unwrap_or(0);
        let fallbacks = words(&body["fallbacks"]);
        let cached = body["cache"]["use-cache"].as_bool() == Some(true);
        if let Some(fields) = body.as_object_mut() {
            FOR_THE_GATEWAY.iter().for_each(|name| drop(fields.remove(*name)));
        }
        Ok(Asked {
            key: bearer(headers).to_owned(),
            route,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream,
            hides_usage: stream && route.asks_for_usage() && !with_usage,
            end_user_in_body: in_body.is_some(),
            end_user: in_body.or_else(|| header(END_USER_HEADER).map(str::to_owned)),
            tags,
            tags_in_body,
            has_max_tokens,
            tier: body["service_tier"].as_str().unwrap_or_default().to_owned(),
            retries,
            fallbacks,
            cache_key: cached.then(|| format!("{} {body}", route.path())),
            body,
        })
    }

    /// The end user that a header names, for a request without a body.
    pub(super) fn end_user_in(headers: &HeaderMap) -> Option<String> {
        headers.get(END_USER_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// What the provider is asked: the model by the provider's name for it, and the usage at the end of a stream.
    pub(super) fn for_provider(&self, model: &str, with_usage: bool) -> Value {
        let mut body = self.body.clone();
        body["model"] = model.into();
        if self.hides_usage && with_usage {
            body["stream_options"] = json!({ "include_usage": true });
        }
        body
    }
}
