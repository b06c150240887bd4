//! The bodies of the upstream's answers, in the shapes of OpenAI and, for messages, of Anthropic. Not: when to give which.

mod streamed;
mod whole;

use serde_json::{Value, json};

use super::Usage;
use crate::scenario::{Api, Shape, Tier, Tokens};

pub(super) use streamed::{Event, broken_off, streamed};
pub(super) use whole::whole;

/// What an answer says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerHead<'a> {
    /// Different for every answer: gateways know rows of their logs by it.
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) usage: &'a Usage,
    pub(super) shape: Shape,
    /// The service that it says it was.
    pub(super) tier: Option<Tier>,
}

/// The message of a failure that was asked for, which makes it recognisable behind a gateway.
pub(super) const TOLD_TO_FAIL: &str = "gatecrash upstream: told to fail";

pub(super) fn error(api: Api, message: &str) -> Value {
    match api {
        Api::Messages => json!({ "type": "error", "error": { "type": "api_error", "message": message } }),
        Api::Chat | Api::Completions | Api::Responses | Api::Embeddings | Api::Images | Api::Passthrough => {
            json!({ "error": { "message": message, "type": "upstream", "param": null, "code": null } })
        }
    }
}

/// `usage` as chat completions, completions and embeddings report it; none if it is not there. Its details are there if
/// they say anything.
fn usage(said: AnswerHead<'_>) -> Option<Value> {
    let Usage { tokens, cost } = said.usage;
    let Tokens { input, output, .. } = *tokens;
    let mut json = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    if tokens.plain_input() != input {
        json["prompt_tokens_details"] = json!({ "cached_tokens": tokens.cached, "audio_tokens": tokens.audio_input });
    }
    if tokens.plain_output() != output {
        json["completion_tokens_details"] =
            json!({ "reasoning_tokens": tokens.reasoning, "audio_tokens": tokens.audio_output });
    }
    if let Some(cost) = cost {
        json["cost"] = cost.0.normalize().to_string().parse().map_or(Value::Null, Value::Number);
    }
    shaped(said.shape, json)
}

/// What a shape makes of a usage, in whichever API's words; none if it leaves it out.
fn shaped(shape: Shape, mut usage: Value) -> Option<Value> {
    let each = |usage: &mut Value, of: fn(i64) -> i64| {
        for count in usage.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            if let Some(number) = count.as_i64() {
                *count = of(number).into();
            }
        }
    };
    match shape {
        Shape::Nowhere => return None,
        Shape::Null => return Some(Value::Null),
        Shape::Zero => each(&mut usage, |_| 0),
        Shape::Negative => each(&mut usage, |count| -count),
        Shape::AsDocumented | Shape::WithFinish | Shape::AfterFinish | Shape::InEveryChunk | Shape::Twice => {}
    }
    Some(usage)
}

/// `usage` as messages report it: what was read from the cache or written to it stands beside the rest of the input.
fn message_usage(usage: &Usage, output: u64) -> Value {
    let tokens = &usage.tokens;
    let mut json = json!({ "input_tokens": tokens.plain_input(), "output_tokens": output });
    if tokens.plain_input() != tokens.input {
        json["cache_read_input_tokens"] = tokens.cached.into();
        json["cache_creation_input_tokens"] = (tokens.written + tokens.written_1h).into();
        json["cache_creation"] = json!({
            "ephemeral_5m_input_tokens": tokens.written, "ephemeral_1h_input_tokens": tokens.written_1h
        });
    }
    json
}

/// A response, as it is when it begins, or when it is whole with this text.
fn response(said: AnswerHead<'_>, text: Option<&str>) -> Value {
    let Tokens { input, cached, output, reasoning, .. } = said.usage.tokens;
    let (status, items, usage) = match text {
        None => ("in_progress", json!([]), Value::Null),
        Some(text) => {
            let usage = json!({
                "input_tokens": input, "input_tokens_details": { "cached_tokens": cached },
                "output_tokens": output, "output_tokens_details": { "reasoning_tokens": reasoning },
                "total_tokens": input + output
            });
            let usage = shaped(said.shape, usage).unwrap_or_default();
            ("completed", json!([response_item(said, Some(text))]), usage)
        }
    };
    let mut json = json!({
        "id": format!("resp-{}", said.id), "object": "response", "created_at": 0, "status": status, "model": said.model,
        "output": items, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {}, "temperature": 1.0, "top_p": 1.0, "usage": usage
    });
    name_tier(&mut json, said);
    json
}

/// Names the service in an answer that says which it was.
fn name_tier(json: &mut Value, said: AnswerHead<'_>) {
    if let Some(tier) = said.tier {
        json["service_tier"] = tier.word().into();
    }
}

/// The one message of a response, as it is when it begins, or when it is whole with this text.
fn response_item(said: AnswerHead<'_>, text: Option<&str>) -> Value {
    let status = if text.is_some() { "completed" } else { "in_progress" };
    let content: Vec<Value> = text.map(response_part).into_iter().collect();
    json!({ "id": item_id(said), "type": "message", "role": "assistant", "status": status, "content": content })
}

fn item_id(said: AnswerHead<'_>) -> String {
    format!("msg-{}", said.id)
}

fn response_part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [] })
}

/// A message of Anthropic's, as it is when it begins, or when it is whole with this text.
fn message(said: AnswerHead<'_>, text: Option<&str>) -> Value {
    let content: Vec<Value> = text.map(|text| json!({ "type": "text", "text": text })).into_iter().collect();
    let (output_tokens, stop_reason) = match text {
        None => (0, Value::Null),
        Some(_) => (said.usage.tokens.output, "end_turn".into()),
    };
    json!({
        "id": format!("msg_{}", said.id), "type": "message", "role": "assistant", "model": said.model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": shaped(said.shape, message_usage(said.usage, output_tokens)).unwrap_or_default()
    })
}
