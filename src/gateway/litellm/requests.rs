//! What LiteLLM is asked in a model request beyond what the APIs say: routes, headers, and fields for the gateway
//! itself. Not: its refusals, nor its admin API.

use serde_json::{Value, json};

use crate::gateway::{Ask, openai};
use crate::scenario::{Api, Carrier};

/// The header in which a request names its end user.
pub const END_USER_HEADER: &str = "x-litellm-end-user-id";
/// The header in which a request carries its tags.
pub const TAGS_HEADER: &str = "x-litellm-tags";

/// The route of an API.
pub fn route(api: Api) -> &'static str {
    match api {
        Api::Chat => "/v1/chat/completions",
        Api::Completions => "/v1/completions",
        Api::Messages => "/v1/messages",
        Api::Responses => "/v1/responses",
        Api::Embeddings => "/v1/embeddings",
        Api::Images => "/v1/images/generations",
        Api::Passthrough => "/openai/v1/chat/completions",
    }
}

/// The headers of a model request, except the key.
pub(super) fn headers(ask: &Ask) -> impl Iterator<Item = (&'static str, &str)> {
    let carried = [(END_USER_HEADER, &ask.end_user), (TAGS_HEADER, &ask.tag)];
    carried.into_iter().filter_map(|(name, carried)| match carried {
        Some((value, Carrier::Header)) => Some((name, value.as_str())),
        Some((_, Carrier::Body)) | None => None,
    })
}

pub(super) fn body(ask: &Ask) -> Value {
    let mut body = openai::body(ask);
    if let Some((tag, Carrier::Body)) = &ask.tag {
        let field = if ask.api == Api::Messages { "litellm_metadata" } else { "metadata" };
        body[field]["tags"] = json!([tag]);
    }
    if let Some(retries) = ask.retries {
        body["num_retries"] = retries.into();
    }
    if let Some(model) = ask.fallback {
        body["fallbacks"] = json!([model]);
    }
    if ask.cached {
        body["cache"] = json!({ "use-cache": true });
    }
    body
}
