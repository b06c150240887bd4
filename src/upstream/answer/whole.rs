//! Answers in one piece.

use serde_json::{Value, json};

use super::{AnswerHead, message, name_tier, response, usage};
use crate::scenario::Api;

/// The answer of an API, with this text; `images` is how many it was asked for, if it is about images.
pub(in crate::upstream) fn whole(api: Api, said: AnswerHead<'_>, text: &str, images: u64) -> Value {
    let AnswerHead { id, model, .. } = said;
    let mut answer = match api {
        Api::Chat | Api::Passthrough => json!({
            "id": format!("chatcmpl-{id}"), "object": "chat.completion", "created": 0, "model": model,
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }]
        }),
        Api::Completions => json!({
            "id": format!("cmpl-{id}"), "object": "text_completion", "created": 0, "model": model,
            "choices": [{ "index": 0, "text": text, "logprobs": null, "finish_reason": "stop" }]
        }),
        Api::Messages => return message(said, Some(text)),
        Api::Responses => return response(said, Some(text)),
        Api::Embeddings => json!({
            "object": "list", "model": model,
            "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, 0.25] }]
        }),
        Api::Images => {
            let image = json!({ "url": "https://gatecrash.invalid/image.png" });
            return json!({ "created": 0, "data": (0..images).map(|_| image.clone()).collect::<Vec<_>>() });
        }
    };
    if let Some(usage) = usage(said) {
        answer["usage"] = usage;
    }
    name_tier(&mut answer, said);
    answer
}
