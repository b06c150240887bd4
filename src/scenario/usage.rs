//! What an answer consumed, part by part, by which service, and how a stream tells it. Not: what it costs ([`super::rates`]), nor
//! the shapes in which providers report it ([`crate::upstream`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::present;
use super::value::At;

/// What a token can be: one of the input or of the output, or of a part of one of the two that has a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    Input,
    Cached,
    Written,
    WrittenForAnHour,
    AudioInput,
    Output,
    Reasoning,
    AudioOutput,
}

impl TokenKind {
    pub const ALL: [TokenKind; 8] = [
        TokenKind::Input,
        TokenKind::Cached,
        TokenKind::Written,
        TokenKind::WrittenForAnHour,
        TokenKind::AudioInput,
        TokenKind::Output,
        TokenKind::Reasoning,
        TokenKind::AudioOutput,
    ];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            TokenKind::Input => "input",
            TokenKind::Cached => "cached",
            TokenKind::Written => "written",
            TokenKind::WrittenForAnHour => "written_1h",
            TokenKind::AudioInput => "audio_input",
            TokenKind::Output => "output",
            TokenKind::Reasoning => "reasoning",
            TokenKind::AudioOutput => "audio_output",
        }
    }

    /// What it is a part of: the input or the output, each of which is all of itself.
    pub fn whole(self) -> TokenKind {
        match self {
            TokenKind::Input
            | TokenKind::Cached
            | TokenKind::Written
            | TokenKind::WrittenForAnHour
            | TokenKind::AudioInput => TokenKind::Input,
            TokenKind::Output | TokenKind::Reasoning | TokenKind::AudioOutput => TokenKind::Output,
        }
    }
}

/// Tokens of one answer, by what they are. `input` and `output` are all of them; every other count is a part of one of
/// the two, whatever a provider's own shape says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    pub input: u64,
    /// Of the input: read from the provider's prompt cache.
    pub cached: u64,
    /// Of the input: written to that cache, for five minutes.
    pub written: u64,
    /// Of the input: written to that cache, for an hour.
    pub written_1h: u64,
    /// Of the input: sound.
    pub audio_input: u64,
    pub output: u64,
    /// Of the output: thought, and not shown.
    pub reasoning: u64,
    /// Of the output: sound.
    pub audio_output: u64,
}

impl Tokens {
    /// So many of input and output, none of a special kind.
    pub fn plain(input: u64, output: u64) -> Tokens {
        Tokens { input, output, ..Tokens::default() }
    }

    /// The input that is no part with a name of its own.
    pub fn plain_input(&self) -> u64 {
        self.input.saturating_sub(self.cached + self.written + self.written_1h + self.audio_input)
    }

    /// The same of the output.
    pub fn plain_output(&self) -> u64 {
        self.output.saturating_sub(self.reasoning + self.audio_output)
    }

    /// How many of a kind.
    pub fn of(mut self, kind: TokenKind) -> u64 {
        *self.of_mut(kind)
    }

    pub fn of_mut(&mut self, kind: TokenKind) -> &mut u64 {
        match kind {
            TokenKind::Input => &mut self.input,
            TokenKind::Cached => &mut self.cached,
            TokenKind::Written => &mut self.written,
            TokenKind::WrittenForAnHour => &mut self.written_1h,
            TokenKind::AudioInput => &mut self.audio_input,
            TokenKind::Output => &mut self.output,
            TokenKind::Reasoning => &mut self.reasoning,
            TokenKind::AudioOutput => &mut self.audio_output,
        }
    }
}

/// The usage that the provider reports, in tokens; what is left out is 0.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageFields {
    /// All tokens of the prompt.
    pub input: Option<At<u64>>,
    /// Of `input`: read from the provider's prompt cache.
    #[serde(default, deserialize_with = "present")]
    pub cached: Option<At<u64>>,
    /// Of `input`: written to that cache for five minutes. Anthropic reports it, OpenAI does not.
    #[serde(default, deserialize_with = "present")]
    pub written: Option<At<u64>>,
    /// Of `input`: written to that cache for an hour. Anthropic reports it, OpenAI does not.
    #[serde(default, deserialize_with = "present")]
    pub written_1h: Option<At<u64>>,
    /// Of `input`: sound. OpenAI reports it, Anthropic does not.
    #[serde(default, deserialize_with = "present")]
    pub audio_input: Option<At<u64>>,
    /// All tokens of the answer.
    #[serde(default, deserialize_with = "present")]
    pub output: Option<At<u64>>,
    /// Of `output`: thought, and not shown. OpenAI reports it, Anthropic does not.
    #[serde(default, deserialize_with = "present")]
    pub reasoning: Option<At<u64>>,
    /// Of `output`: sound. OpenAI reports it, Anthropic does not.
    #[serde(default, deserialize_with = "present")]
    pub audio_output: Option<At<u64>>,
}

impl UsageFields {
    pub fn tokens(&self) -> Tokens {
        let mut tokens = Tokens::default();
        for (kind, count) in self.said() {
            *tokens.of_mut(kind) = count.value;
        }
        tokens
    }

    /// Each count that is said.
    pub fn said(&self) -> impl Iterator<Item = (TokenKind, &At<u64>)> {
        let all = [
            (TokenKind::Input, &self.input),
            (TokenKind::Cached, &self.cached),
            (TokenKind::Written, &self.written),
            (TokenKind::WrittenForAnHour, &self.written_1h),
            (TokenKind::AudioInput, &self.audio_input),
            (TokenKind::Output, &self.output),
            (TokenKind::Reasoning, &self.reasoning),
            (TokenKind::AudioOutput, &self.audio_output),
        ];
        all.into_iter().filter_map(|(kind, at)| Some((kind, at.as_ref()?)))
    }
}

/// Which service a request asks for, or was given: providers charge less for slow answers and more for quick ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Default,
    Flex,
    Priority,
}

impl Tier {
    pub const ALL: [Tier; 3] = [Tier::Default, Tier::Flex, Tier::Priority];

    /// As it is written in a scenario; providers and gateways use the same words.
    pub fn word(self) -> &'static str {
        match self {
            Tier::Default => "default",
            Tier::Flex => "flex",
            Tier::Priority => "priority",
        }
    }
}

/// How a stream tells its usage. OpenAI-compatible providers differ in it, and gateways must count all of them once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// As the API says: for chat, in a chunk of its own without choices, after the one with the finish reason.
    #[default]
    AsDocumented,
    /// In the chunk that has the finish reason.
    WithFinish,
    /// After the chunk with the finish reason, in one that has an empty choice, as OpenRouter does.
    AfterFinish,
    /// In every chunk, growing.
    InEveryChunk,
    /// At the end, two times.
    Twice,
    /// Nowhere, though it was asked for.
    Nowhere,
    /// As `null`.
    Null,
    /// As zero.
    Zero,
    /// Below zero.
    Negative,
}

impl Shape {
    pub const ALL: [Shape; 9] = [
        Shape::AsDocumented,
        Shape::WithFinish,
        Shape::AfterFinish,
        Shape::InEveryChunk,
        Shape::Twice,
        Shape::Nowhere,
        Shape::Null,
        Shape::Zero,
        Shape::Negative,
    ];

    /// As it is written in a scenario.
    pub fn word(self) -> &'static str {
        match self {
            Shape::AsDocumented => "as_documented",
            Shape::WithFinish => "with_finish",
            Shape::AfterFinish => "after_finish",
            Shape::InEveryChunk => "in_every_chunk",
            Shape::Twice => "twice",
            Shape::Nowhere => "nowhere",
            Shape::Null => "null",
            Shape::Zero => "zero",
            Shape::Negative => "negative",
        }
    }

    /// Whether the provider says what was consumed. If not, nobody can foresee what is charged.
    pub fn says_usage(self) -> bool {
        !matches!(self, Shape::Nowhere | Shape::Null | Shape::Zero | Shape::Negative)
    }

    /// Whether only streams can have it.
    pub fn is_of_streams(self) -> bool {
        matches!(self, Shape::WithFinish | Shape::AfterFinish | Shape::InEveryChunk | Shape::Twice)
    }
}
