//! The bodies of the upstream's answers, in the shapes of OpenAI and, for messages, of Anthropic. Not: when to give which.

mod streamed;
mod whole;

use serde_json::{Value, json};

use super::Usage;
use crate::scenario::Api;

pub(super) use streamed::{Event, broken_off, streamed};
pub(super) use whole::whole;

/// What an answer says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerHead<'a> {
    /// Different for every answer: gateways know rows of their logs by it.
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) usage: &'a Usage,
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

/// `usage` as chat completions, completions and embeddings report it.
fn usage(usage: &Usage) -> Value {
    let Usage { input_tokens, output_tokens, cost } = usage;
    let total = input_tokens + output_tokens;
    let mut json = json!({ "prompt_tokens": input_tokens, "completion_tokens": output_tokens, "total_tokens": total });
    if let Some(cost) = cost {
        json["cost"] = cost.to_string().parse().map_or(Value::Null, Value::Number);
    }
    json
}

/// A response, as it is when it begins, or when it is whole with this text.
fn response(said: AnswerHead<'_>, text: Option<&str>) -> Value {
    let Usage { input_tokens, output_tokens, .. } = said.usage;
    let (status, output, usage) = match text {
        None => ("in_progress", json!([]), Value::Null),
        Some(text) => (
            "completed",
            json!([response_item(said, Some(text))]),
            json!({
                "input_tokens": input_tokens, "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": output_tokens, "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": input_tokens + output_tokens
            }),
        ),
    };
    json!({
        "id": format!("resp-{}", said.id), "object": "response", "created_at": 0, "status": status, "model": said.model,
        "output": output, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {}, "temperature": 1.0, "top_p": 1.0, "usage": usage
    })
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
        Some(_) => (said.usage.output_tokens, "end_turn".into()),
    };
    json!({
        "id": format!("msg_{}", said.id), "type": "message", "role": "assistant", "model": said.model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": { "input_tokens": said.usage.input_tokens, "output_tokens": output_tokens }
    })
}
