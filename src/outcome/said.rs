//! What an answer says beside its status: of what it cost, what it consumed, how it ended, what is left, whom it names.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Named, Usd};

/// What was read in an answer; what is absent was not there, or not looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Whether its step says what it has to state: then reports show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_asked: bool,
    /// What it states as its cost, in USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub cost: Option<Usd>,
    /// What it states as its usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<SaidUsage>,
    /// Why it ended, in its API's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// How many requests a minute are left, by the tightest limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_requests: Option<i64>,
    /// When to ask again, as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// Whom a refusal names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Named>,
    /// The model's text.
    #[serde(skip)]
    pub text: Text,
}

impl fmt::Display for Said {
    /// `states 0.02, 3 + 4 tokens`; nothing if there is nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.cost.map(|cost| format!("states {cost}")),
            self.usage.map(|SaidUsage { input, output }| format!("{input} + {output} tokens")),
            self.remaining_requests.map(|left| format!("{left} left")),
            self.retry_after.as_ref().map(|when| format!("retry-after {when}")),
            self.names.map(|named| format!("names {}", named.phrase())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// The tokens that an answer states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaidUsage {
    /// Of the request.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
}

/// A text of which only the beginning is kept, however long it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    head: String,
    bytes: usize,
}

impl Text {
    /// Longer than all that the upstream is asked for.
    const KEPT: usize = 4096;

    pub fn of(text: &str) -> Text {
        let mut all = Text::default();
        all.push(text);
        all
    }

    pub fn push(&mut self, text: &str) {
        self.bytes += text.len();
        let mut left = Text::KEPT.saturating_sub(self.head.len()).min(text.len());
        while !text.is_char_boundary(left) {
            left -= 1;
        }
        self.head.push_str(&text[..left]);
    }

    /// How it begins.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Of all of it, in bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_differs_in_its_length_alone() {
        let long = "é".repeat(Text::KEPT);
        let (one, more) = (Text::of(&long), Text::of(&format!("{long} ok")));
        assert_eq!(one.head(), more.head());
        assert_ne!(one, more);
        let mut in_parts = Text::default();
        long.split_inclusive('é').for_each(|part| in_parts.push(part));
        assert_eq!(in_parts, one);
    }
}
