//! The bodies of the upstream's answers, in OpenAI's shapes. Not: when to give which.

use serde_json::{Value, json};

use super::Usage;
use crate::scenario::Api;

/// The answer's text: nobody reads it.
const TEXT: &str = "ok";

/// The message of a failure that was asked for, so that it is known again behind a gateway.
pub(super) const TOLD_TO_FAIL: &str = "gatecrash upstream: told to fail";

pub(super) fn error(message: &str) -> Value {
    json!({ "error": { "message": message, "type": "upstream", "param": null, "code": null } })
}

/// `usage` as chat completions and embeddings report it.
fn usage(usage: &Usage) -> Value {
    let Usage { input_tokens, output_tokens, cost } = usage;
    let total = input_tokens + output_tokens;
    let mut json = json!({ "prompt_tokens": input_tokens, "completion_tokens": output_tokens, "total_tokens": total });
    if let Some(cost) = cost {
        json["cost"] = cost.to_string().parse().map_or(Value::Null, Value::Number);
    }
    json
}

/// The same as the responses API reports it.
fn usage_of_response(usage: &Usage) -> Value {
    let Usage { input_tokens, output_tokens, .. } = usage;
    json!({
        "input_tokens": input_tokens, "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": output_tokens, "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": input_tokens + output_tokens
    })
}

/// An answer in one piece.
pub(super) fn whole(api: Api, model: &str, tokens: &Usage) -> Value {
    match api {
        Api::Chat => json!({
            "id": "chatcmpl-gatecrash", "object": "chat.completion", "created": 0, "model": model,
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": TEXT }, "finish_reason": "stop" }],
            "usage": usage(tokens)
        }),
        Api::Responses => response(model, tokens, "completed"),
        Api::Embeddings => json!({
            "object": "list", "model": model, "usage": usage(tokens),
            "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, 0.25] }]
        }),
    }
}

fn response(model: &str, tokens: &Usage, status: &str) -> Value {
    json!({
        "id": "resp-gatecrash", "object": "response", "created_at": 0, "status": status, "model": model,
        "output": [{
            "id": "msg-gatecrash", "type": "message", "role": "assistant", "status": status,
            "content": [{ "type": "output_text", "text": TEXT, "annotations": [] }]
        }],
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "error": null, "incomplete_details": null,
        "instructions": null, "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        "usage": if status == "completed" { usage_of_response(tokens) } else { Value::Null }
    })
}

/// An answer as server-sent events. Chat sends its usage only when asked to, in a chunk without choices.
pub(super) fn streamed(api: Api, model: &str, tokens: &Usage, with_usage: bool) -> String {
    match api {
        Api::Chat | Api::Embeddings => {
            let chunk = |choices: Value, usage: Value| {
                json!({
                    "id": "chatcmpl-gatecrash", "object": "chat.completion.chunk", "created": 0, "model": model,
                    "choices": choices, "usage": usage
                })
            };
            let delta = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
            let mut chunks = vec![
                chunk(delta(json!({ "role": "assistant", "content": "" }), Value::Null), Value::Null),
                chunk(delta(json!({ "content": TEXT }), Value::Null), Value::Null),
                chunk(delta(json!({}), "stop".into()), Value::Null),
            ];
            if with_usage {
                chunks.push(chunk(json!([]), usage(tokens)));
            }
            let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
            events.chain(["data: [DONE]\n\n".to_owned()]).collect()
        }
        Api::Responses => {
            let events = [
                json!({ "type": "response.created", "sequence_number": 0, "response": response(model, tokens, "in_progress") }),
                json!({
                    "type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg-gatecrash",
                    "output_index": 0, "content_index": 0, "delta": TEXT
                }),
                json!({ "type": "response.completed", "sequence_number": 2, "response": response(model, tokens, "completed") }),
            ];
            let event =
                |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
            events.iter().map(event).collect()
        }
    }
}
