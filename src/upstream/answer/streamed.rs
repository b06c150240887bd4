//! Answers as server-sent events.

use serde_json::{Value, json};

use super::{AnswerHead, item_id, message, response, response_item, response_part, usage};
use crate::scenario::Api;

/// One event of a stream, as it is on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::upstream) enum Event {
    /// A piece of the answer's text.
    Text(String),
    /// What is around the text: beginnings, ends, usage.
    Around(String),
}

impl Event {
    pub(in crate::upstream) fn into_wire(self) -> String {
        match self {
            Event::Text(wire) | Event::Around(wire) => wire,
        }
    }
}

/// What is left of a stream that breaks after this many chunks of text, or after its last one if there are fewer.
pub(in crate::upstream) fn broken_off(mut events: Vec<Event>, texts: u16) -> Vec<Event> {
    let is_text = |(_, event): &(usize, &Event)| matches!(event, Event::Text(_));
    let last = events.iter().enumerate().filter(is_text).take(texts.into()).last();
    let left = last.map_or(0, |(at, _)| at + 1);
    events.truncate(left);
    events
}

/// The answer of an API that streams, its text in these chunks. Completions send their usage only when asked to, in
/// a chunk without choices; the others always do.
pub(in crate::upstream) fn streamed(
    api: Api,
    said: AnswerHead<'_>,
    texts: &[String],
    with_usage: bool,
) -> Option<Vec<Event>> {
    let usage = with_usage.then(|| usage(said.usage));
    match api {
        Api::Chat | Api::Passthrough => Some(chat(said, texts, usage)),
        Api::Completions => Some(completion(said, texts, usage)),
        Api::Messages => Some(messages(said, texts)),
        Api::Responses => Some(responses(said, texts)),
        Api::Embeddings | Api::Images => None,
    }
}

fn chat(said: AnswerHead<'_>, texts: &[String], usage: Option<Value>) -> Vec<Event> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": format!("chatcmpl-{}", said.id), "object": "chat.completion.chunk", "created": 0, "model": said.model,
            "choices": choices, "usage": usage
        });
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), Value::Null)
    };
    let mut events = vec![Event::Around(delta(json!({ "role": "assistant", "content": "" }), Value::Null))];
    events.extend(texts.iter().map(|text| Event::Text(delta(json!({ "content": text }), Value::Null))));
    events.push(Event::Around(delta(json!({}), "stop".into())));
    events.extend(usage.map(|usage| Event::Around(chunk(json!([]), usage))));
    events.push(Event::Around("data: [DONE]\n\n".to_owned()));
    events
}

fn completion(said: AnswerHead<'_>, texts: &[String], usage: Option<Value>) -> Vec<Event> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": format!("cmpl-{}", said.id), "object": "text_completion", "created": 0, "model": said.model,
            "choices": choices, "usage": usage
        });
        format!("data: {chunk}\n\n")
    };
    let piece = |text: &str, finish: Value| {
        chunk(json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }]), Value::Null)
    };
    let mut events: Vec<Event> = texts.iter().map(|text| Event::Text(piece(text, Value::Null))).collect();
    events.push(Event::Around(piece("", "stop".into())));
    events.extend(usage.map(|usage| Event::Around(chunk(json!([]), usage))));
    events.push(Event::Around("data: [DONE]\n\n".to_owned()));
    events
}

/// An event that has its type as its name, too.
fn named(kind: &str, mut json: Value) -> String {
    json["type"] = kind.into();
    format!("event: {kind}\ndata: {json}\n\n")
}

fn messages(said: AnswerHead<'_>, texts: &[String]) -> Vec<Event> {
    let around = |kind: &str, json: Value| Event::Around(named(kind, json));
    let mut events = vec![
        around("message_start", json!({ "message": message(said, None) })),
        around("content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } })),
    ];
    events.extend(texts.iter().map(|text| {
        let delta = json!({ "index": 0, "delta": { "type": "text_delta", "text": text } });
        Event::Text(named("content_block_delta", delta))
    }));
    let delta = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    events.extend([
        around("content_block_stop", json!({ "index": 0 })),
        around("message_delta", json!({ "delta": delta, "usage": { "output_tokens": said.usage.output_tokens } })),
        around("message_stop", json!({})),
    ]);
    events
}

fn responses(said: AnswerHead<'_>, texts: &[String]) -> Vec<Event> {
    let text = texts.concat();
    let mut number = 0;
    let mut next = |kind: &str, mut json: Value| {
        json["sequence_number"] = number.into();
        number += 1;
        named(&format!("response.{kind}"), json)
    };
    let of_part = |name: &str, value: Value| {
        let mut json = json!({ "item_id": item_id(said), "output_index": 0, "content_index": 0 });
        json[name] = value;
        json
    };
    let mut events = vec![
        Event::Around(next("created", json!({ "response": response(said, None) }))),
        Event::Around(next("output_item.added", json!({ "output_index": 0, "item": response_item(said, None) }))),
        Event::Around(next("content_part.added", of_part("part", response_part("")))),
    ];
    events.extend(
        texts.iter().map(|text| Event::Text(next("output_text.delta", of_part("delta", text.as_str().into())))),
    );
    events.extend([
        Event::Around(next("output_text.done", of_part("text", text.as_str().into()))),
        Event::Around(next("content_part.done", of_part("part", response_part(&text)))),
        Event::Around(next("output_item.done", json!({ "output_index": 0, "item": response_item(said, Some(&text)) }))),
        Event::Around(next("completed", json!({ "response": response(said, Some(&text)) }))),
    ]);
    events
}
