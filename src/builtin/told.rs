//! What the built-in gateway says in its answers beside what the provider sent: their cost, the requests that are left. And
//! what a faulty one makes of the provider's answer. Not: what is booked, which is `charge`.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::World;
use super::account::AccountKind;
use super::asked::{Asked, Route};
use super::charge::RequestEnd;
use super::faults::Fault;

const COST: HeaderName = HeaderName::from_static("x-litellm-response-cost");

impl World {
    /// The headers of a whole answer that cost this much; `full` is what it would have cost without a cache.
    pub(super) fn tells(&self, asked: &Asked, end: RequestEnd, cost: Decimal, full: Decimal) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let stated = match self.fault {
            Some(Fault::CostMissingOnMessages) if asked.route == Route::Messages => None,
            Some(Fault::CostZeroOnResponses) if asked.route == Route::Responses => Some(Decimal::ZERO),
            Some(Fault::CachedAnswerStatesCost) if end == RequestEnd::Cached => Some(full),
            Some(_) | None => Some(cost),
        };
        let stated = stated.filter(|_| asked.route != Route::Passthrough);
        if let Some(value) = stated.and_then(|cost| HeaderValue::from_str(&cost.normalize().to_string()).ok()) {
            headers.insert(COST, value);
        }
        headers
    }

    /// The header with the requests that an account has left this minute.
    pub(super) fn tells_left(&self, kind: AccountKind, limit: u64, used: u64) -> Option<(HeaderName, HeaderValue)> {
        let left = match self.has(Fault::RemainingNeverFalls) {
            true => limit,
            false => limit.saturating_sub(used),
        };
        let name = format!("x-ratelimit-{}-remaining-requests", scope(kind));
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from(left)))
    }

    /// Under which name the answer to a request is kept for those who may have it: its own key's team, else its user, else the
    /// key alone.
    pub(super) fn cache_key(&self, asked: &Asked) -> Option<String> {
        let key = asked.cache_key.as_deref()?;
        let terms = self.store.key(&asked.key).map(|key| &key.terms);
        let whose = terms.and_then(|terms| terms.team.as_deref().or(terms.user.as_deref())).unwrap_or(&asked.key);
        Some(match self.fault {
            Some(Fault::CacheSharedByAll | Fault::CachedAnswerForAnyone) => key.to_owned(),
            Some(Fault::CacheIgnoresPrompt) => format!("{whose} {}", asked.model),
            Some(_) | None => format!("{whose} {key}"),
        })
    }

    pub(super) fn is_cached(&self, asked: &Asked) -> bool {
        self.cache_key(asked).is_some_and(|key| self.store.cache.contains_key(&key))
    }

    /// Whether streams are not passed on as they are.
    fn alters_streams(&self, route: Route) -> bool {
        match self.fault {
            Some(Fault::ResponsesStreamLosesText) => route == Route::Responses,
            Some(Fault::FinishReasonChanged | Fault::StreamUsageEstimated) => true,
            Some(_) | None => false,
        }
    }

    /// What is passed on of a whole answer.
    pub(super) fn altered(&self, route: Route, body: Bytes) -> Bytes {
        let is_altered = matches!(self.fault, Some(Fault::FinishReasonChanged | Fault::AnswerUsageOfOneToken));
        let Some(mut json) = Some(&body).filter(|_| is_altered).and_then(|body| serde_json::from_slice(body).ok())
        else {
            return body;
        };
        match self.fault {
            Some(Fault::FinishReasonChanged) => finish(&mut json),
            Some(Fault::AnswerUsageOfOneToken) if route == Route::Messages => json["usage"]["output_tokens"] = 1.into(),
            Some(_) | None => {}
        }
        json.to_string().into()
    }

    /// What is passed on of an event of a stream, which has `texts` events with text before it: nothing, if it is lost.
    pub(super) fn altered_event(&self, event: &mut Value, texts: u64) -> bool {
        match self.fault {
            Some(Fault::ResponsesStreamLosesText) => !(event["type"] == "response.output_text.delta" && texts == 0),
            Some(Fault::FinishReasonChanged) => {
                finish(event);
                true
            }
            Some(Fault::StreamUsageEstimated) => {
                if event["usage"]["prompt_tokens"].is_u64() {
                    event["usage"] = json!({ "prompt_tokens": 13, "completion_tokens": 0, "total_tokens": 13 });
                }
                true
            }
            Some(_) | None => true,
        }
    }
}

/// Whether a line may be an event with a usage; most are not, and none of those is looked at closely.
fn has_usage(line: &[u8]) -> bool {
    line.windows(9).any(|part| part == b"\"usage\":{")
}

fn add_cost(event: &mut Value, cost: impl Fn() -> Decimal) {
    for part in ["/usage", "/response/usage"] {
        if let Some(usage) = event.pointer_mut(part).and_then(Value::as_object_mut) {
            let number = cost().normalize().to_string().parse().map_or(Value::Null, Value::Number);
            usage.insert("cost".to_owned(), number);
        }
    }
}

/// As one that knows OpenAI's word for it on no API: a model that has said all was cut off.
fn finish(answer: &mut Value) {
    if answer["choices"][0]["finish_reason"] == "stop" {
        answer["choices"][0]["finish_reason"] = "length".into();
    }
}

/// What an account is called where limits are told of.
pub(super) fn scope(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Key => "api_key",
        AccountKind::User => "user",
        AccountKind::Team => "team",
        AccountKind::Member => "team_member",
        AccountKind::Organisation => "organization",
        AccountKind::EndUser => "end_user",
        AccountKind::Tag | AccountKind::Budget => "tag",
    }
}

/// How a refusal names whose budget is spent; a key by what everybody may know of it.
pub(super) fn named(kind: AccountKind, name: &str) -> String {
    match kind {
        AccountKind::Key => "Key=the one that asks".to_owned(),
        AccountKind::User => format!("User={name}"),
        AccountKind::Team => format!("Team={name}"),
        AccountKind::Member => format!("TeamMember={name}"),
        AccountKind::Organisation => format!("Organization={name}"),
        AccountKind::EndUser => format!("EndUser={name}"),
        AccountKind::Tag | AccountKind::Budget => format!("Tag={name}"),
    }
}

/// What becomes of the events of a stream, which may come in any pieces: where there is a usage, its cost is added.
#[derive(Debug)]
pub(super) struct Rewriting {
    route: Route,
    rest: Vec<u8>,
    texts: u64,
}

impl Rewriting {
    /// For a stream of this API; none for one that is passed on as it is.
    pub(super) fn of(route: Route) -> Option<Rewriting> {
        match route {
            Route::Chat | Route::Completions | Route::Responses => {
                Some(Rewriting { route, rest: Vec::new(), texts: 0 })
            }
            Route::Messages | Route::Embeddings | Route::Images | Route::Passthrough => None,
        }
    }

    /// What is passed on of the next piece; `cost` is asked only where there is something to add it to.
    pub(super) fn piece(&mut self, world: &World, piece: &[u8], cost: impl Fn() -> Decimal) -> Bytes {
        let mut passed = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if !part.ends_with(b"\n") {
                continue;
            }
            let line = std::mem::take(&mut self.rest);
            let is_altered = world.alters_streams(self.route) || has_usage(&line);
            let data = line.strip_prefix(b"data: ").filter(|_| is_altered);
            match data.and_then(|data| serde_json::from_slice::<Value>(data).ok()) {
                None => passed.extend_from_slice(&line),
                Some(mut event) => {
                    add_cost(&mut event, &cost);
                    if world.altered_event(&mut event, self.texts) {
                        passed.extend_from_slice(format!("data: {event}\n").as_bytes());
                    }
                    self.texts += u64::from(event["type"] == "response.output_text.delta");
                }
            }
        }
        passed.into()
    }
}
