//! One call of the upstream, and its answer. Not: how the answer gets onto the wire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::Marker;
use super::answer::{self, Event};
use crate::scenario::{Api, Tier};

/// A call that is understood.
pub(super) struct Call {
    api: Api,
    pub(super) marker: Marker,
    body: Value,
}

/// The answer to a call.
pub(super) enum Reply {
    Whole { status: u16, body: Value },
    Streamed { events: Vec<Event>, end: Finish },
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Done,
    /// The connection is lost before all is sent.
    Lost,
}

/// How often each request, by its trial and number, has reached the upstream.
#[derive(Debug, Default)]
pub(super) struct CallCounts(Mutex<HashMap<(String, usize), usize>>);

impl CallCounts {
    /// Counts a call; says which of its request's calls this is.
    fn add(&self, marker: &Marker) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry((marker.trial.clone(), marker.request)).or_default();
        *count += 1;
        *count
    }

    pub(super) fn of(&self, trial: &str, requests: impl IntoIterator<Item = usize>) -> usize {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |request| calls.get(&(trial.to_owned(), request)).copied().unwrap_or(0);
        requests.into_iter().map(count).sum()
    }
}

impl Call {
    /// Understands a call of this API.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(api: Api, body: &[u8]) -> Result<Call, &'static str> {
        let body = serde_json::from_slice(body).map_err(|_| "the request is not JSON")?;
        let marker = Marker::find(&prompt(api, &body)).ok_or("there is no gatecrash marker in the prompt")?;
        Ok(Call { api, marker, body })
    }

    /// Answers it, and counts it: call this only once.
    pub(super) fn answer(&self, calls: &CallCounts) -> Reply {
        let Call { api, marker, body } = self;
        let number = calls.add(marker);
        let asked_for = body["model"].as_str().unwrap_or_default();
        let fallback = marker.fallback.as_ref().filter(|(model, _)| model == asked_for);
        let fails = fallback.is_none() && marker.fail_calls.is_none_or(|failing| number <= failing);
        if let Some(status) = marker.fail_with.filter(|_| fails) {
            return Reply::Whole { status, body: answer::error(*api, answer::TOLD_TO_FAIL) };
        }
        let (model, usage) = match fallback {
            Some((model, usage)) => (model.as_str(), usage),
            None => (marker.model.as_deref().unwrap_or(asked_for), &marker.usage),
        };
        let id = match marker.same_id {
            true => marker.trial.clone(),
            false => format!("{}-{}-{number}", marker.trial, marker.request),
        };
        let asked_tier = body["service_tier"].as_str();
        let asked_tier = Tier::ALL.into_iter().find(|tier| asked_tier == Some(tier.word()));
        let said = answer::AnswerHead { id: &id, model, usage, shape: marker.shape, tier: marker.tier.or(asked_tier) };
        let with_usage = body["stream_options"]["include_usage"].as_bool() == Some(true);
        let texts = marker.texts(self.is_streamed());
        let streamed = answer::streamed(*api, said, &texts, with_usage);
        match (streamed.filter(|_| self.is_streamed()), marker.break_after.filter(|_| fallback.is_none())) {
            (None, _) => {
                let images = body["n"].as_u64().unwrap_or(1);
                Reply::Whole { status: 200, body: answer::whole(*api, said, &texts.concat(), images) }
            }
            (Some(events), None) => Reply::Streamed { events, end: Finish::Done },
            (Some(events), Some(texts)) => {
                Reply::Streamed { events: answer::broken_off(events, texts), end: Finish::Lost }
            }
        }
    }

    /// Whether its answer is slow, or is lost in mid-stream.
    pub(super) fn is_paced(&self) -> bool {
        self.is_streamed() && (!self.marker.pause.is_zero() || self.marker.break_after.is_some())
    }

    fn is_streamed(&self) -> bool {
        self.api.streams() && self.body["stream"].as_bool() == Some(true)
    }
}

/// The API at a path: OpenAI's, Anthropic's and Azure's own, whose paths may name the deployment.
pub(super) fn api_at(path: &str) -> Option<Api> {
    match path.split('/').skip(1).collect::<Vec<_>>()[..] {
        ["v1", "chat", "completions"] | ["openai", "deployments", _, "chat", "completions"] => Some(Api::Chat),
        ["v1", "completions"] | ["openai", "deployments", _, "completions"] => Some(Api::Completions),
        ["v1", "messages"] => Some(Api::Messages),
        ["v1" | "openai", "responses"] => Some(Api::Responses),
        ["v1", "embeddings"] | ["openai", "deployments", _, "embeddings"] => Some(Api::Embeddings),
        ["v1", "images", "generations"] | ["openai", "deployments", _, "images", "generations"] => Some(Api::Images),
        _ => None,
    }
}

/// All text in a request that may hold the marker.
fn prompt(api: Api, body: &Value) -> String {
    texts(match api {
        Api::Chat | Api::Messages | Api::Passthrough => &body["messages"],
        Api::Responses | Api::Embeddings => &body["input"],
        Api::Completions | Api::Images => &body["prompt"],
    })
}

fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => fields.values().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}
