//! Money, exact to the last digit: amounts, budgets, and spend that a scenario states. Never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};

use super::value::{from_text, shortened};

/// An amount in US dollars: an exact decimal, never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Usd(pub Decimal);

/// The largest amount, and the most decimals of one: sums and quotients of such amounts stay exact.
const LARGEST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
const FINEST: u32 = 12;

impl Usd {
    pub const ZERO: Usd = Usd(Decimal::ZERO);

    /// The same amount to the last digit a gateway could have kept: gateways add in binary floats, so
    /// `0.06` comes back as `0.060000000000000005`. A millionth of a cent is far below any price.
    pub fn agrees_with(self, other: Usd) -> bool {
        self.0.checked_sub(other.0).is_some_and(|difference| difference.abs() < Decimal::new(1, 8))
    }
}

impl std::ops::Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0 + other.0)
    }
}

impl FromStr for Usd {
    type Err = String;
    fn from_str(text: &str) -> Result<Usd, String> {
        let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
        let amount = plain.then(|| Decimal::from_str_exact(text).ok()).flatten().ok_or_else(|| {
            format!("`{}` is not an amount in USD: write a plain decimal such as 0.05", shortened(text))
        })?;
        match amount.abs() <= LARGEST && amount.scale() <= FINEST {
            true => Ok(Usd(amount)),
            false => {
                Err(format!("`{}` is out of range: at most a billion USD, and {FINEST} decimals", shortened(text)))
            }
        }
    }
}

impl fmt::Display for Usd {
    /// At least cents, at most ten decimals: `0.10`, `0.0009`, `0.0600000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.0.round_dp(10).normalize();
        if amount.scale() < 2 {
            amount.rescale(2);
        }
        fmt::Display::fmt(&amount, f)
    }
}

impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        from_text(deserializer)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "an amount in US dollars, as a plain decimal", "type": "number", "minimum": 0 })
    }
}

/// What is set as a budget: an amount, or what must not be taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    Usd(Usd),
    /// `NaN`: no comparison with it is ever true.
    NotANumber,
    /// `Infinity`.
    Infinite,
}

impl Budget {
    /// The amount, if it is one.
    pub fn usd(self) -> Option<Usd> {
        match self {
            Budget::Usd(amount) => Some(amount),
            Budget::NotANumber | Budget::Infinite => None,
        }
    }
}

impl FromStr for Budget {
    type Err = String;
    fn from_str(text: &str) -> Result<Budget, String> {
        match text {
            "NaN" => Ok(Budget::NotANumber),
            "Infinity" => Ok(Budget::Infinite),
            amount => amount.parse().map(Budget::Usd),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::Usd(amount) => amount.fmt(f),
            Budget::NotANumber => f.write_str("NaN"),
            Budget::Infinite => f.write_str("Infinity"),
        }
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
        from_text(deserializer)
    }
}

impl JsonSchema for Budget {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Budget".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "an amount in US dollars; NaN and Infinity where a gateway has to refuse them",
            "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity"] }]
        })
    }
}

/// What is recorded as spent: `0.06`, or a range with both ends included, `0.00..0.02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    pub least: Usd,
    pub most: Usd,
}

impl Spend {
    pub fn exactly(amount: Usd) -> Spend {
        Spend { least: amount, most: amount }
    }

    /// Whether a recorded amount is in it, to the last digit a gateway could have kept.
    pub fn holds(self, recorded: Usd) -> bool {
        let inside = self.least <= recorded && recorded <= self.most;
        inside || self.least.agrees_with(recorded) || self.most.agrees_with(recorded)
    }

    /// Whether a recorded amount is above everything in it.
    pub fn is_exceeded_by(self, recorded: Usd) -> bool {
        recorded > self.most && !self.holds(recorded)
    }
}

impl FromStr for Spend {
    type Err = String;
    fn from_str(text: &str) -> Result<Spend, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let spend = Spend { least: least.parse()?, most: most.parse()? };
        match spend.least <= spend.most {
            true => Ok(spend),
            false => Err(format!("`{}` is an empty range: the first amount must be the smaller one", shortened(text))),
        }
    }
}

impl fmt::Display for Spend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => self.least.fmt(f),
            false => write!(f, "{}..{}", self.least, self.most),
        }
    }
}

impl<'de> Deserialize<'de> for Spend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Spend, D::Error> {
        from_text(deserializer)
    }
}

impl JsonSchema for Spend {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Spend".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "an amount in US dollars, or a range with both ends included",
            "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": "^[0-9.]+\\.\\.[0-9.]+$" }]
        })
    }
}
