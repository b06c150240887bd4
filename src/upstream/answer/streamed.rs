//! Answers as server-sent events.

use serde_json::{Value, json};

use super::{
    AnswerHead, item_id, message, message_usage, name_tier, response, response_item, response_part, shaped, usage,
};
use crate::scenario::{Api, Shape};

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
    match api {
        Api::Chat | Api::Passthrough => Some(chat(said, texts, with_usage)),
        Api::Completions => Some(completion(said, texts, with_usage)),
        Api::Messages => Some(messages(said, texts)),
        Api::Responses => Some(responses(said, texts)),
        Api::Embeddings | Api::Images => None,
    }
}

/// Where a stream of chat completions, or of completions, tells its usage.
struct UsageTold {
    /// With this chunk of text: the tokens of the output grow.
    beside_text: Vec<Option<Value>>,
    with_finish: Option<Value>,
    /// In a chunk after that, and whether it has an empty choice.
    after: Option<(Value, bool)>,
}

impl UsageTold {
    /// What is as documented has to be asked for.
    fn of(said: AnswerHead<'_>, texts: usize, is_asked: bool) -> UsageTold {
        let whole = usage(said);
        let asked = || whole.clone().filter(|_| is_asked);
        let none = vec![None; texts];
        match said.shape {
            Shape::WithFinish => UsageTold { beside_text: none, with_finish: whole, after: None },
            Shape::AfterFinish => {
                UsageTold { beside_text: none, with_finish: None, after: whole.map(|usage| (usage, true)) }
            }
            Shape::InEveryChunk => {
                let grown = |text: usize| {
                    let mut usage = said.usage.clone();
                    usage.tokens.output = usage.tokens.output * (text as u64 + 1) / texts.max(1) as u64;
                    super::usage(AnswerHead { usage: &usage, ..said })
                };
                UsageTold { beside_text: (0..texts).map(grown).collect(), with_finish: whole, after: None }
            }
            Shape::Twice => {
                UsageTold { beside_text: none, with_finish: asked(), after: asked().map(|usage| (usage, false)) }
            }
            Shape::AsDocumented | Shape::Nowhere | Shape::Null | Shape::Zero | Shape::Negative => {
                UsageTold { beside_text: none, with_finish: None, after: asked().map(|usage| (usage, false)) }
            }
        }
    }
}

fn chat(said: AnswerHead<'_>, texts: &[String], with_usage: bool) -> Vec<Event> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", said.id), "object": "chat.completion.chunk", "created": 0, "model": said.model,
            "choices": choices, "usage": usage
        });
        name_tier(&mut chunk, said);
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value, usage: Option<Value>| {
        chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), usage)
    };
    let UsageTold { beside_text, with_finish, after } = UsageTold::of(said, texts.len(), with_usage);
    let mut events = vec![Event::Around(delta(json!({ "role": "assistant", "content": "" }), Value::Null, None))];
    let texts = texts.iter().zip(beside_text);
    events.extend(texts.map(|(text, usage)| Event::Text(delta(json!({ "content": text }), Value::Null, usage))));
    events.push(Event::Around(delta(json!({}), "stop".into(), with_finish)));
    events.extend(after.map(|(usage, has_choice)| {
        Event::Around(match has_choice {
            true => delta(json!({ "content": "" }), Value::Null, Some(usage)),
            false => chunk(json!([]), Some(usage)),
        })
    }));
    events.push(Event::Around("data: [DONE]\n\n".to_owned()));
    events
}

fn completion(said: AnswerHead<'_>, texts: &[String], with_usage: bool) -> Vec<Event> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let chunk = json!({
            "id": format!("cmpl-{}", said.id), "object": "text_completion", "created": 0, "model": said.model,
            "choices": choices, "usage": usage
        });
        format!("data: {chunk}\n\n")
    };
    let piece = |text: &str, finish: Value, usage: Option<Value>| {
        chunk(json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }]), usage)
    };
    let UsageTold { beside_text, with_finish, after } = UsageTold::of(said, texts.len(), with_usage);
    let texts = texts.iter().zip(beside_text);
    let mut events: Vec<Event> = texts.map(|(text, usage)| Event::Text(piece(text, Value::Null, usage))).collect();
    events.push(Event::Around(piece("", "stop".into(), with_finish)));
    events.extend(after.map(|(usage, has_choice)| {
        Event::Around(match has_choice {
            true => piece("", Value::Null, Some(usage)),
            false => chunk(json!([]), Some(usage)),
        })
    }));
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
    let output = said.usage.tokens.output;
    // Anthropic itself says all of it again at the end of newer streams, as the sum so far.
    let usage = match said.shape {
        Shape::InEveryChunk | Shape::Twice => message_usage(said.usage, output),
        _ => json!({ "output_tokens": output }),
    };
    let usage = shaped(said.shape, usage).unwrap_or_default();
    events.extend([
        around("content_block_stop", json!({ "index": 0 })),
        around("message_delta", json!({ "delta": delta, "usage": usage })),
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
