//! What the answers of a gateway tell beside a model's text: where, as data of its adapter, and reading it. An answer is
//! read as it comes, event by event; of a text only the beginning is kept.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::connection::amount;
use crate::outcome::{Said, SaidUsage, Text};
use crate::scenario::{Api, Named, Usd};

/// Where a gateway says what an answer cost, what is left of limits, and whom it refuses.
#[derive(Debug)]
pub struct Tells {
    /// The header with the cost in USD.
    pub cost: Option<&'static str>,
    /// Whether the usage at the end of a stream may have the cost.
    pub cost_in_streams: bool,
    /// Whether an answer of this API, streamed or whole, has its cost. Where it has not, one that is there counts.
    pub costs: fn(Api, bool) -> bool,
    /// How the headers with the requests that are left begin and end.
    pub remaining: Option<(&'static str, &'static str)>,
    /// Whether an answer of this API, streamed or whole, has them.
    pub remains: fn(Api, bool) -> bool,
    /// Whether it says when to ask again.
    pub retry_after: bool,
    /// What its refusals contain when they name somebody; the first that is there counts.
    pub names: &'static [(&'static str, Named)],
}

/// A gateway of which nobody knows that it says anything.
pub const TELLS_NOTHING: Tells = Tells {
    cost: None,
    cost_in_streams: false,
    costs: |_, _| false,
    remaining: None,
    remains: |_, _| false,
    retry_after: false,
    names: &[],
};

impl Tells {
    /// What the headers say.
    pub(super) fn in_headers(&self, headers: &HeaderMap) -> Said {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let remaining = self.remaining.and_then(|(begins, ends)| {
            let left = headers.iter().filter(|(name, _)| {
                let name = name.as_str();
                name.starts_with(begins) && name.ends_with(ends)
            });
            left.filter_map(|(_, value)| value.to_str().ok()?.parse().ok()).min()
        });
        Said {
            cost: self.cost.and_then(text).and_then(amount_said),
            remaining_requests: remaining,
            retry_after: text(RETRY_AFTER.as_str()).map(str::to_owned),
            ..Said::default()
        }
    }

    /// Whom a refusal names.
    pub(super) fn named(&self, message: &str) -> Option<Named> {
        self.names.iter().find(|(says, _)| message.contains(says)).map(|(_, named)| *named)
    }
}

/// An amount, if it is one: Python writes `None` where there is none.
fn amount_said(text: &str) -> Option<Usd> {
    (text != "null").then(|| amount(text)).flatten()
}

/// Reads an answer in one piece.
pub(super) fn read_whole(api: Api, body: &Value, said: &mut Said) {
    match api {
        Api::Chat | Api::Passthrough => {
            text(&body["choices"][0]["message"]["content"], &mut said.text);
            finish(&body["choices"][0]["finish_reason"], said);
        }
        Api::Completions => {
            text(&body["choices"][0]["text"], &mut said.text);
            finish(&body["choices"][0]["finish_reason"], said);
        }
        Api::Messages => {
            items(&body["content"]).for_each(|part| text(&part["text"], &mut said.text));
            finish(&body["stop_reason"], said);
        }
        Api::Responses => {
            let parts = items(&body["output"]).flat_map(|item| items(&item["content"]));
            parts.for_each(|part| text(&part["text"], &mut said.text));
            finish(&body["status"], said);
        }
        Api::Embeddings | Api::Images => {}
    }
    usage(api, &body["usage"], said);
}

/// Reads an event of a stream; says whether it had text.
pub(super) fn read_event(api: Api, event: &Value, with_cost: bool, said: &mut Said) -> bool {
    let before = said.text.len();
    match api {
        Api::Chat | Api::Passthrough => {
            text(&event["choices"][0]["delta"]["content"], &mut said.text);
            finish(&event["choices"][0]["finish_reason"], said);
            usage(api, &event["usage"], said);
        }
        Api::Completions => {
            text(&event["choices"][0]["text"], &mut said.text);
            finish(&event["choices"][0]["finish_reason"], said);
            usage(api, &event["usage"], said);
        }
        Api::Messages => {
            text(&event["delta"]["text"], &mut said.text);
            finish(&event["delta"]["stop_reason"], said);
            usage(api, &event["message"]["usage"], said);
            usage(api, &event["usage"], said);
        }
        Api::Responses => {
            if event["type"] == "response.output_text.delta" {
                text(&event["delta"], &mut said.text);
            }
            if event["type"] == "response.completed" {
                finish(&event["response"]["status"], said);
            }
            usage(api, &event["response"]["usage"], said);
        }
        Api::Embeddings | Api::Images => {}
    }
    let stated = [&event["usage"]["cost"], &event["response"]["usage"]["cost"]];
    if let Some(cost) = stated.into_iter().find(|cost| cost.is_number()).filter(|_| with_cost && said.cost.is_none()) {
        said.cost = amount_said(&cost.to_string());
    }
    said.text.len() > before
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(piece: &Value, to: &mut Text) {
    if let Some(piece) = piece.as_str() {
        to.push(piece);
    }
}

fn finish(reason: &Value, said: &mut Said) {
    if let Some(reason) = reason.as_str() {
        said.finish = Some(reason.to_owned());
    }
}

/// Takes in a usage: what a later one does not say stays, for Anthropic's streams say it in two parts.
fn usage(api: Api, usage: &Value, said: &mut Said) {
    let (input, output) = match api {
        Api::Messages | Api::Responses => ("input_tokens", "output_tokens"),
        Api::Chat | Api::Completions | Api::Passthrough | Api::Embeddings | Api::Images => {
            ("prompt_tokens", "completion_tokens")
        }
    };
    // What was read from a cache or written to it stands beside the input on messages, and within it elsewhere.
    let beside = |name: &str| usage[name].as_u64().filter(|_| api == Api::Messages).unwrap_or(0);
    let beside = beside("cache_read_input_tokens") + beside("cache_creation_input_tokens");
    let (input, output) = (usage[input].as_u64().map(|input| input + beside), usage[output].as_u64());
    if input.is_some() || output.is_some() {
        let before = said.usage.unwrap_or_default();
        said.usage = Some(SaidUsage { input: input.unwrap_or(before.input), output: output.unwrap_or(before.output) });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Events and bodies as LiteLLM 1.82.3 and 1.110.2 sent them, shortened.
    #[test]
    fn each_api_says_it_in_its_own_shape() {
        let whole = [
            (
                Api::Chat,
                json!({ "choices": [{ "finish_reason": "stop", "message": { "content": "a ok" } }],
                        "usage": { "completion_tokens": 19, "prompt_tokens": 1 } }),
                "stop",
            ),
            (
                Api::Messages,
                json!({ "content": [{ "type": "text", "text": "a " }, { "type": "text", "text": "ok" }],
                        "stop_reason": "end_turn", "usage": { "input_tokens": 1, "output_tokens": 19, "total_tokens": 20 } }),
                "end_turn",
            ),
            (
                Api::Responses,
                json!({ "output": [{ "type": "message", "content": [{ "type": "output_text", "text": "a ok" }] }],
                        "status": "completed", "usage": { "input_tokens": 1, "output_tokens": 19 } }),
                "completed",
            ),
        ];
        for (api, body, finish) in whole {
            let mut said = Said::default();
            read_whole(api, &body, &mut said);
            is_as_sent(&said, finish, None);
        }
        let streams = [
            (
                Api::Chat,
                vec![
                    json!({ "choices": [{ "delta": { "content": "", "role": "assistant" } }] }),
                    json!({ "choices": [{ "delta": { "content": "a" } }] }),
                    json!({ "choices": [{ "delta": { "content": " ok" } }] }),
                    json!({ "choices": [{ "finish_reason": "stop", "delta": {} }] }),
                    json!({ "choices": [], "usage": { "completion_tokens": 19, "prompt_tokens": 1, "cost": 0.02 } }),
                ],
                "stop",
                Some("0.02"),
            ),
            (
                Api::Messages,
                vec![
                    json!({ "type": "message_start", "message": { "usage": { "input_tokens": 0, "output_tokens": 0 } } }),
                    json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": "a ok" } }),
                    json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
                            "usage": { "input_tokens": 1, "output_tokens": 19 } }),
                ],
                "end_turn",
                None,
            ),
            (
                Api::Messages,
                vec![
                    json!({ "type": "message_start", "message": { "usage": { "input_tokens": 1, "output_tokens": 1 } } }),
                    json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": "a ok" } }),
                    json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 19 } }),
                ],
                "end_turn",
                None,
            ),
            (
                Api::Responses,
                vec![
                    json!({ "type": "response.output_text.delta", "delta": "a ok" }),
                    json!({ "type": "response.output_text.done", "text": "a ok" }),
                    json!({ "type": "response.completed", "response": { "status": "completed",
                            "usage": { "input_tokens": 1, "output_tokens": 19 } } }),
                ],
                "completed",
                None,
            ),
        ];
        for (api, events, finish, cost) in streams {
            let mut said = Said::default();
            let texts = events.iter().filter(|event| read_event(api, event, true, &mut said)).count();
            assert!(texts > 0, "{api:?}");
            is_as_sent(&said, finish, cost);
        }
    }

    fn is_as_sent(said: &Said, finish: &str, cost: Option<&str>) {
        let usage = Some(SaidUsage { input: 1, output: 19 });
        assert_eq!((said.text.head(), said.finish.as_deref(), said.usage), ("a ok", Some(finish), usage));
        assert_eq!(said.cost, cost.map(|cost| cost.parse().unwrap()));
    }

    #[test]
    fn headers_are_read_where_the_adapter_says_they_are() {
        let tells =
            Tells { cost: Some("x-cost"), remaining: Some(("x-ratelimit-", "-remaining-requests")), ..TELLS_NOTHING };
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-cost", "1.25e-05"),
            ("x-ratelimit-api_key-remaining-requests", "2"),
            ("x-ratelimit-team-remaining-requests", "7"),
            ("llm_provider-x-ratelimit-remaining-requests", "0"),
            ("retry-after", "60"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let said = tells.in_headers(&headers);
        assert_eq!((said.cost, said.remaining_requests), (Some("0.0000125".parse().unwrap()), Some(2)));
        assert_eq!(said.retry_after.as_deref(), Some("60"));
        headers.insert("x-cost", "None".parse().unwrap());
        assert_eq!(tells.in_headers(&headers).cost, None);
        assert_eq!(TELLS_NOTHING.in_headers(&headers).cost, None);
    }
}
