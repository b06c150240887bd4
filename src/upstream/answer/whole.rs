//! Answers in one piece.

use serde_json::{Value, json};

use super::{TEXT, message, response, usage};
use crate::scenario::Api;
use crate::upstream::Usage;

/// The answer of an API; `images` are how many it was asked for, where it is about images.
pub(in crate::upstream) fn whole(api: Api, model: &str, tokens: &Usage, images: u64) -> Value {
    match api {
        Api::Chat | Api::Passthrough => json!({
            "id": "chatcmpl-gatecrash", "object": "chat.completion", "created": 0, "model": model,
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": TEXT }, "finish_reason": "stop" }],
            "usage": usage(tokens)
        }),
        Api::Completions => json!({
            "id": "cmpl-gatecrash", "object": "text_completion", "created": 0, "model": model,
            "choices": [{ "index": 0, "text": TEXT, "logprobs": null, "finish_reason": "stop" }],
            "usage": usage(tokens)
        }),
        Api::Messages => message(model, tokens, Some(TEXT)),
        Api::Responses => response(model, Some((TEXT, tokens))),
        Api::Embeddings => json!({
            "object": "list", "model": model, "usage": usage(tokens),
            "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, 0.25] }]
        }),
        Api::Images => {
            let image = json!({ "url": "https://gatecrash.invalid/image.png" });
            json!({ "created": 0, "data": (0..images).map(|_| image.clone()).collect::<Vec<_>>() })
        }
    }
}
