//! A provider that speaks Anthropic's Messages API alone, asked by a client of chat completions: the request, the answer
//! and the stream translated, as gateways do. Not: what anything costs, which is read from the provider's own words.

use axum::body::Bytes;
use serde_json::{Value, json};

/// How much an answer may have, if the client does not say: Anthropic has to be told.
const MOST_TOKENS: u64 = 4096;

/// A request of chat completions as one of messages.
pub(super) fn request(chat: &Value) -> Value {
    let messages = chat["messages"].as_array().cloned().unwrap_or_default();
    let (system, others): (Vec<Value>, Vec<Value>) =
        messages.into_iter().partition(|message| message["role"] == "system");
    let most = chat["max_tokens"].as_u64().unwrap_or(MOST_TOKENS);
    let mut body = json!({ "model": chat["model"], "messages": others, "max_tokens": most });
    if let Some(text) = system.first() {
        body["system"] = text["content"].clone();
    }
    for field in ["stream", "service_tier"] {
        if !chat[field].is_null() {
            body[field] = chat[field].clone();
        }
    }
    body
}

/// A message as a chat completion; what is none stays as it is.
pub(super) fn answer(body: &Bytes) -> Bytes {
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    let said = if message["type"] == "error" {
        json!({ "error": { "message": message["error"]["message"], "type": message["error"]["type"] } })
    } else {
        let text: String =
            message["content"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect();
        let finish = finish(&message["stop_reason"]);
        json!({
            "id": message["id"], "object": "chat.completion", "created": 0, "model": message["model"],
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": finish }],
            "usage": usage(&message["usage"])
        })
    };
    said.to_string().into()
}

/// Why it stopped, in OpenAI's words.
fn finish(reason: &Value) -> Value {
    match reason.as_str() {
        Some("max_tokens") => "length".into(),
        Some("tool_use") => "tool_calls".into(),
        Some(_) => "stop".into(),
        None => Value::Null,
    }
}

/// The usage in OpenAI's words: what was read from the cache or written to it is a part of the input.
fn usage(said: &Value) -> Value {
    let count = |name: &str| said[name].as_u64().unwrap_or(0);
    let (read, created) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    let (input, output) = (count("input_tokens") + read + created, count("output_tokens"));
    let mut usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    if read + created > 0 {
        usage["prompt_tokens_details"] = json!({ "cached_tokens": read, "cache_creation_tokens": created });
    }
    usage
}

/// A stream of messages, translated as it passes.
#[derive(Debug, Default)]
pub(super) struct Translated {
    rest: Vec<u8>,
    with_usage: bool,
    id: Value,
    model: Value,
    usage: Value,
}

impl Translated {
    pub(super) fn new(with_usage: bool) -> Translated {
        Translated { with_usage, usage: json!({}), ..Translated::default() }
    }

    /// What this part of the stream is to the client.
    pub(super) fn push(&mut self, part: &[u8]) -> Bytes {
        let mut out = String::new();
        for line in part.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(line);
            if line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                if let Some(data) = line.trim_ascii().strip_prefix(b"data:")
                    && let Ok(event) = serde_json::from_slice::<Value>(data.trim_ascii())
                {
                    self.event(&event, &mut out);
                }
            }
        }
        out.into()
    }

    fn event(&mut self, event: &Value, out: &mut String) {
        for usage in [&event["usage"], &event["message"]["usage"]] {
            for (name, count) in usage.as_object().into_iter().flatten() {
                self.usage[name.as_str()] = count.clone();
            }
        }
        match event["type"].as_str() {
            Some("message_start") => {
                (self.id, self.model) = (event["message"]["id"].clone(), event["message"]["model"].clone());
                self.delta(json!({ "role": "assistant", "content": "" }), &Value::Null, out);
            }
            Some("content_block_delta") => {
                self.delta(json!({ "content": event["delta"]["text"] }), &Value::Null, out);
            }
            Some("message_delta") => self.delta(json!({}), &finish(&event["delta"]["stop_reason"]), out),
            Some("message_stop") => {
                if self.with_usage {
                    self.chunk(&json!([]), &usage(&self.usage), out);
                }
                out.push_str("data: [DONE]\n\n");
            }
            _ => {}
        }
    }

    fn delta(&self, delta: Value, finish: &Value, out: &mut String) {
        self.chunk(&json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), &Value::Null, out);
    }

    fn chunk(&self, choices: &Value, usage: &Value, out: &mut String) {
        let chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": 0, "model": self.model, "choices": choices,
            "usage": usage
        });
        out.push_str(&format!("data: {chunk}\n\n"));
    }
}
