//! What each part of a usage costs. Pure: the arithmetic that a reader does with a pencil and that the ledger does in a run.
//! Not: how a gateway is told of a rate, which is its adapter's.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::money::Usd;
use super::present;
use super::usage::{Tier, TokenKind, Tokens};

/// USD for one token of each kind. A kind without a rate of its own costs as what it is a part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartRates {
    /// The prompt, in USD for one token.
    #[serde(default, deserialize_with = "a_rate")]
    pub input: Option<Usd>,
    /// Of the input: read from the provider's prompt cache.
    #[serde(default, deserialize_with = "a_rate")]
    pub cached: Option<Usd>,
    /// Of the input: written to that cache for five minutes.
    #[serde(default, deserialize_with = "a_rate")]
    pub written: Option<Usd>,
    /// Of the input: written to that cache for an hour. Without it, as `written`.
    #[serde(default, deserialize_with = "a_rate")]
    pub written_1h: Option<Usd>,
    /// Of the input: sound.
    #[serde(default, deserialize_with = "a_rate")]
    pub audio_input: Option<Usd>,
    /// The answer, in USD for one token.
    #[serde(default, deserialize_with = "a_rate")]
    pub output: Option<Usd>,
    /// Of the output: thought, and not shown.
    #[serde(default, deserialize_with = "a_rate")]
    pub reasoning: Option<Usd>,
    /// Of the output: sound.
    #[serde(default, deserialize_with = "a_rate")]
    pub audio_output: Option<Usd>,
}

impl PartRates {
    /// Each rate that is stated.
    pub fn stated(&self) -> impl Iterator<Item = (TokenKind, Usd)> {
        let all = [
            (TokenKind::Input, self.input),
            (TokenKind::Cached, self.cached),
            (TokenKind::Written, self.written),
            (TokenKind::WrittenForAnHour, self.written_1h),
            (TokenKind::AudioInput, self.audio_input),
            (TokenKind::Output, self.output),
            (TokenKind::Reasoning, self.reasoning),
            (TokenKind::AudioOutput, self.audio_output),
        ];
        all.into_iter().filter_map(|(kind, rate)| Some((kind, rate?)))
    }

    /// These, and where they say nothing, the others.
    fn or(&self, other: &PartRates) -> PartRates {
        PartRates {
            input: self.input.or(other.input),
            cached: self.cached.or(other.cached),
            written: self.written.or(other.written),
            written_1h: self.written_1h.or(other.written_1h),
            audio_input: self.audio_input.or(other.audio_input),
            output: self.output.or(other.output),
            reasoning: self.reasoning.or(other.reasoning),
            audio_output: self.audio_output.or(other.audio_output),
        }
    }
}

/// What a model costs: its rates, and those that take their place for long prompts and other services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// The prompt, in USD for one token.
    #[serde(deserialize_with = "rate")]
    pub input: Usd,
    /// Of the input: read from the provider's prompt cache.
    #[serde(default, deserialize_with = "a_rate")]
    pub cached: Option<Usd>,
    /// Of the input: written to that cache for five minutes.
    #[serde(default, deserialize_with = "a_rate")]
    pub written: Option<Usd>,
    /// Of the input: written to that cache for an hour. Without it, as `written`.
    #[serde(default, deserialize_with = "a_rate")]
    pub written_1h: Option<Usd>,
    /// Of the input: sound.
    #[serde(default, deserialize_with = "a_rate")]
    pub audio_input: Option<Usd>,
    /// The answer, in USD for one token.
    #[serde(deserialize_with = "rate")]
    pub output: Usd,
    /// Of the output: thought, and not shown.
    #[serde(default, deserialize_with = "a_rate")]
    pub reasoning: Option<Usd>,
    /// Of the output: sound.
    #[serde(default, deserialize_with = "a_rate")]
    pub audio_output: Option<Usd>,
    /// The rates of all tokens of a request whose input is above so many tokens.
    #[serde(default)]
    pub above: BTreeMap<u64, PartRates>,
    /// The rates of another service.
    #[serde(default)]
    pub tier: Tiers,
}

/// The rates of services other than the usual one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// For answers that may take long.
    #[serde(default, deserialize_with = "present")]
    pub flex: Option<PartRates>,
    /// For answers that come first.
    #[serde(default, deserialize_with = "present")]
    pub priority: Option<PartRates>,
}

impl Tiers {
    /// The rates of a service, if there are any.
    pub fn of(&self, tier: Tier) -> Option<&PartRates> {
        match tier {
            Tier::Default => None,
            Tier::Flex => self.flex.as_ref(),
            Tier::Priority => self.priority.as_ref(),
        }
    }
}

impl Rates {
    /// The same rate for input and output, and nothing else.
    pub fn flat(input: Usd, output: Usd) -> Rates {
        Rates { input, output, ..Rates::default() }
    }

    /// Without what depends on a request.
    pub fn parts(&self) -> PartRates {
        PartRates {
            input: Some(self.input),
            cached: self.cached,
            written: self.written,
            written_1h: self.written_1h,
            audio_input: self.audio_input,
            output: Some(self.output),
            reasoning: self.reasoning,
            audio_output: self.audio_output,
        }
    }

    /// What this many tokens cost, served so.
    pub fn sum(&self, tokens: &Tokens, tier: Tier) -> Sum {
        let long = self.above.range(..tokens.input).next_back().map(|(_, rates)| *rates).unwrap_or_default();
        let served = self.tier.of(tier).copied().unwrap_or_default();
        let rates = served.or(&long).or(&self.parts());
        let input = rates.input.unwrap_or_default();
        let output = rates.output.unwrap_or_default();
        let written = rates.written.unwrap_or(input);
        Sum(vec![
            (tokens.plain_input(), input),
            (tokens.cached, rates.cached.unwrap_or(input)),
            (tokens.written, written),
            (tokens.written_1h, rates.written_1h.unwrap_or(written)),
            (tokens.audio_input, rates.audio_input.unwrap_or(input)),
            (tokens.plain_output(), output),
            (tokens.reasoning, rates.reasoning.unwrap_or(output)),
            (tokens.audio_output, rates.audio_output.unwrap_or(output)),
        ])
    }
}

/// What a usage costs, as a sum that can be read: how many, and for how much each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum(Vec<(u64, Usd)>);

impl Sum {
    pub fn total(&self) -> Usd {
        let terms = self.0.iter().map(|(count, rate)| Decimal::from(*count) * rate.0);
        Usd(terms.sum::<Decimal>().normalize())
    }
}

impl fmt::Display for Sum {
    /// `100 × 0.001 + 900 × 0.0001 + 10 × 0.002`; each rate with all its digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut terms = self.0.iter().filter(|(count, _)| *count > 0).peekable();
        if terms.peek().is_none() {
            return f.write_str("0");
        }
        for (at, (count, rate)) in terms.enumerate() {
            let plus = if at > 0 { " + " } else { "" };
            write!(f, "{plus}{count} × {}", rate.0.normalize())?;
        }
        Ok(())
    }
}

/// Reads a rate.
fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
    let rate = Usd::deserialize(deserializer)?;
    match rate < Usd::ZERO {
        true => Err(D::Error::custom(format!("the rate is {rate}: it cannot be negative"))),
        false => Ok(rate),
    }
}

/// The same where it may be left out, but not be empty.
fn a_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usd>, D::Error> {
    rate(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn the_sum_reads_as_a_pencil_writes_it() {
        let rates = Rates { cached: Some(usd("0.0001")), ..Rates::flat(usd("0.001"), usd("0.002")) };
        let tokens = Tokens { cached: 900, ..Tokens::plain(1000, 10) };
        let sum = rates.sum(&tokens, Tier::Default);
        assert_eq!(sum.to_string(), "100 × 0.001 + 900 × 0.0001 + 10 × 0.002");
        assert_eq!(sum.total(), usd("0.21"));
        assert_eq!(rates.sum(&Tokens::default(), Tier::Default).to_string(), "0");
    }

    #[test]
    fn a_part_without_a_rate_costs_as_its_whole() {
        let rates = Rates { written: Some(usd("0.003")), ..Rates::flat(usd("0.001"), usd("0.002")) };
        let tokens = Tokens { cached: 1, written: 1, written_1h: 1, reasoning: 2, ..Tokens::plain(4, 3) };
        assert_eq!(rates.sum(&tokens, Tier::Default).total(), usd("0.014"));
    }

    #[test]
    fn long_prompts_and_services_have_rates_of_their_own_from_the_first_token() {
        let long = PartRates { input: Some(usd("0.0002")), ..PartRates::default() };
        let flex = PartRates { output: Some(usd("0.5")), ..PartRates::default() };
        let rates = Rates {
            above: BTreeMap::from([(128_000, long)]),
            tier: Tiers { flex: Some(flex), priority: None },
            ..Rates::flat(usd("0.0001"), usd("1"))
        };
        let cost = |input, tier| rates.sum(&Tokens::plain(input, 1), tier).total();
        assert_eq!(cost(128_000, Tier::Default), usd("13.8"));
        assert_eq!(cost(128_001, Tier::Default), usd("26.6002"));
        assert_eq!(cost(128_000, Tier::Flex), usd("13.3"));
    }
}
