//! The marker that rides in every prompt: which trial and request it belongs to, and what the upstream is to answer
//! (docs/design.md, decision 1).

use std::fmt;
use std::time::Duration;

use crate::scenario::{Shape, Tier, TokenKind, Tokens, Usd};

/// What one answer consumed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    pub tokens: Tokens,
    /// In USD; reported in `usage.cost` if set.
    pub cost: Option<Usd>,
}

/// What the upstream is to do with one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marker {
    /// The trial, by a name that is unique on the upstream and contains no blank.
    pub trial: String,
    /// The number of the request in its trial, from 1.
    pub request: usize,
    pub usage: Usage,
    /// The model that the answer names, if it is not the one asked for.
    pub model: Option<String>,
    /// What else an answer costs if the gateway falls back: on this model, as the upstream is asked for it. That call
    /// never fails.
    pub fallback: Option<(String, Usage)>,
    /// How the usage is told.
    pub shape: Shape,
    /// The service that the answer says it was; the one asked for, if not set.
    pub tier: Option<Tier>,
    /// All answers to this trial have one id.
    pub same_id: bool,
    /// Fail with this HTTP status.
    pub fail_with: Option<u16>,
    /// Fail only this many calls of this request, the first ones.
    pub fail_calls: Option<usize>,
    /// Answer this much later.
    pub late: Duration,
    /// Stream the text in this many chunks; 0 is the same as one.
    pub chunks: u16,
    /// Wait this long before each chunk of a stream.
    pub pause: Duration,
    /// Break a stream off after this many chunks of text.
    pub break_after: Option<u16>,
}

const OPEN: &str = "[gatecrash ";
const CLOSE: char = ']';

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OPEN}trial={} request={}", self.trial, self.request)?;
        write_usage(f, "", &self.usage)?;
        if self.shape != Shape::default() {
            write!(f, " shape={}", self.shape.word())?;
        }
        if let Some(tier) = self.tier {
            write!(f, " tier={}", tier.word())?;
        }
        if self.same_id {
            write!(f, " same_id=1")?;
        }
        if let Some(model) = &self.model {
            write!(f, " model={model}")?;
        }
        if let Some((model, usage)) = &self.fallback {
            write!(f, " fallback={model}")?;
            write_usage(f, "fallback_", usage)?;
        }
        if let Some(status) = self.fail_with {
            write!(f, " fail={status}")?;
        }
        if let Some(calls) = self.fail_calls {
            write!(f, " fail_calls={calls}")?;
        }
        if !self.late.is_zero() {
            write!(f, " late={}", self.late.as_millis())?;
        }
        if self.chunks > 0 {
            write!(f, " chunks={}", self.chunks)?;
        }
        if !self.pause.is_zero() {
            write!(f, " pause={}", self.pause.as_millis())?;
        }
        if let Some(chunks) = self.break_after {
            write!(f, " break_after={chunks}")?;
        }
        write!(f, "{CLOSE}")
    }
}

/// Each count that is not zero, and the cost.
fn write_usage(f: &mut fmt::Formatter<'_>, prefix: &str, usage: &Usage) -> fmt::Result {
    for kind in TokenKind::ALL {
        let count = usage.tokens.of(kind);
        if count > 0 || kind == kind.whole() {
            write!(f, " {prefix}{}={count}", kind.word())?;
        }
    }
    usage.cost.map_or(Ok(()), |cost| write!(f, " {prefix}cost={}", cost.0.normalize()))
}

/// A text without the markers in it.
pub fn without(text: &str) -> String {
    let mut rest = text;
    let mut without = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(OPEN)
        && let Some((_, after)) = after.split_once(CLOSE)
    {
        without.push_str(before);
        rest = after.trim_start_matches(' ');
    }
    without + rest
}

impl Marker {
    /// The marker in a text, if there is a whole and well-formed one.
    pub fn find(text: &str) -> Option<Marker> {
        let inside = text.split_once(OPEN)?.1.split_once(CLOSE)?.0;
        let mut marker = Marker::default();
        let mut fallback = (String::new(), Usage::default());
        for field in inside.split_ascii_whitespace() {
            let (name, value) = field.split_once('=')?;
            match name {
                "trial" => marker.trial = value.to_owned(),
                "request" => marker.request = value.parse().ok()?,
                "cost" => marker.usage.cost = Some(value.parse().ok()?),
                "model" => marker.model = Some(value.to_owned()),
                "fallback" => fallback.0 = value.to_owned(),
                "shape" => marker.shape = Shape::ALL.into_iter().find(|shape| shape.word() == value)?,
                "tier" => marker.tier = Some(Tier::ALL.into_iter().find(|tier| tier.word() == value)?),
                "same_id" => marker.same_id = value == "1",
                "fallback_cost" => fallback.1.cost = Some(value.parse().ok()?),
                "fail" => marker.fail_with = Some(value.parse().ok()?),
                "fail_calls" => marker.fail_calls = Some(value.parse().ok()?),
                "late" => marker.late = Duration::from_millis(value.parse().ok()?),
                "chunks" => marker.chunks = value.parse().ok()?,
                "pause" => marker.pause = Duration::from_millis(value.parse().ok()?),
                "break_after" => marker.break_after = Some(value.parse().ok()?),
                name => {
                    let (usage, name) = match name.strip_prefix("fallback_") {
                        Some(name) => (&mut fallback.1, name),
                        None => (&mut marker.usage, name),
                    };
                    let kind = TokenKind::ALL.into_iter().find(|kind| kind.word() == name)?;
                    *usage.tokens.of_mut(kind) = value.parse().ok()?;
                }
            }
        }
        marker.fallback = Some(fallback).filter(|(model, _)| !model.is_empty());
        (!marker.trial.is_empty() && marker.request > 0).then_some(marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_the_prompt_it_rides_in() {
        let marker = Marker {
            trial: "r1-t2".into(),
            request: 3,
            usage: Usage {
                tokens: Tokens { cached: 2, reasoning: 7, ..Tokens::plain(4, 1999) },
                cost: Some("0.02".parse().unwrap()),
            },
            model: Some("gpt-4o".into()),
            fallback: Some(("gpt-4o".into(), Usage { tokens: Tokens::plain(1, 2), cost: None })),
            shape: Shape::Twice,
            tier: Some(Tier::Flex),
            same_id: true,
            fail_with: Some(503),
            fail_calls: Some(2),
            late: Duration::from_millis(1500),
            chunks: 10,
            pause: Duration::from_millis(50),
            break_after: Some(3),
        };
        assert_eq!(Marker::find(&format!("Be brief. {marker} What is new?")), Some(marker));
    }

    #[test]
    fn a_broken_marker_is_none() {
        for text in [
            "",
            "[gatecrash ]",
            "[gatecrash trial=a request=1",
            "[gatecrash trial=a request=x]",
            "[gatecrash trial=a request=1 hm=2]",
        ] {
            assert_eq!(Marker::find(text), None, "{text}");
        }
    }
}
