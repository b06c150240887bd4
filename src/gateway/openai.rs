//! What is asked of models through the APIs that gateways share, OpenAI's and Anthropic's, and what counts as an answer.
//! Not: the routes, nor a gateway's own additions, which its adapter knows; streams are read in [`super::stream`].

use serde_json::{Value, json};

use super::told::read_whole;
use crate::gateway::Ask;
use crate::outcome::Said;
use crate::scenario::{Api, Carrier, IncludeUsage};

/// The body of a request, as its API wants it.
pub(super) fn body(ask: &Ask) -> Value {
    let mut body = match ask.api {
        Api::Chat | Api::Passthrough => json!({ "messages": [{ "role": "user", "content": ask.prompt }] }),
        // Anthropic's API wants to be told how much it may answer.
        Api::Messages => json!({ "messages": [{ "role": "user", "content": ask.prompt }], "max_tokens": 4096 }),
        Api::Completions => json!({ "prompt": ask.prompt }),
        Api::Images => json!({ "prompt": ask.prompt, "n": ask.images }),
        Api::Responses | Api::Embeddings => json!({ "input": ask.prompt }),
    };
    body["model"] = ask.model.as_str().into();
    let system = (ask.system_prompt > 0).then(|| system_prompt(ask.system_prompt));
    match (ask.api, system) {
        (Api::Chat | Api::Passthrough, Some(text)) => {
            if let Some(messages) = body["messages"].as_array_mut() {
                messages.insert(0, json!({ "role": "system", "content": text }));
            }
        }
        (Api::Messages, Some(text)) => body["system"] = text.into(),
        (Api::Responses, Some(text)) => body["instructions"] = text.into(),
        (Api::Completions | Api::Embeddings | Api::Images, Some(_)) | (_, None) => {}
    }
    if ask.tools > 0 {
        body["tools"] = (1..=ask.tools).map(|number| tool(ask.api, number)).collect();
    }
    if ask.stream {
        body["stream"] = true.into();
        match ask.api {
            Api::Chat | Api::Completions | Api::Passthrough if ask.include_usage != IncludeUsage::Unsaid => {
                let is_asked = ask.include_usage == IncludeUsage::Asked;
                body["stream_options"] = json!({ "include_usage": is_asked });
            }
            Api::Chat
            | Api::Completions
            | Api::Passthrough
            | Api::Messages
            | Api::Responses
            | Api::Embeddings
            | Api::Images => {}
        }
    }
    if let Some((id, Carrier::Body)) = &ask.end_user {
        match ask.api {
            Api::Messages => body["metadata"] = json!({ "user_id": id }),
            Api::Chat | Api::Completions | Api::Responses | Api::Embeddings | Api::Images | Api::Passthrough => {
                body["user"] = id.as_str().into()
            }
        }
    }
    if let Some(tier) = ask.tier {
        body["service_tier"] = tier.word().into();
    }
    if let Some(tokens) = ask.max_tokens {
        let field = if ask.api == Api::Responses { "max_output_tokens" } else { "max_tokens" };
        body[field] = tokens.into();
    }
    body
}

fn system_prompt(characters: u32) -> String {
    "You are a careful agent. Read before you write. ".chars().cycle().take(characters as usize).collect()
}

fn tool(api: Api, number: u16) -> Value {
    let name = format!("tool_{number}");
    let description = "Reads a file of the project and returns its text.";
    let parameters = json!({ "type": "object", "properties": { "path": { "type": "string" } }, "required": ["path"] });
    match api {
        Api::Responses => {
            json!({ "type": "function", "name": name, "description": description, "parameters": parameters })
        }
        Api::Messages => json!({ "name": name, "description": description, "input_schema": parameters }),
        Api::Chat | Api::Completions | Api::Embeddings | Api::Images | Api::Passthrough => {
            json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
        }
    }
}

/// What a successful body that is not a stream says, after its headers; nothing if it is no answer of a model.
pub(super) fn answer(api: Api, body: &str, mut said: Said) -> Option<Said> {
    let body = serde_json::from_str::<Value>(body).ok()?;
    let list = match api {
        Api::Chat | Api::Completions | Api::Passthrough => &body["choices"],
        Api::Messages => &body["content"],
        Api::Responses => &body["output"],
        Api::Embeddings | Api::Images => &body["data"],
    };
    list.as_array().filter(|items| !items.is_empty())?;
    read_whole(api, &body, &mut said);
    Some(said)
}
