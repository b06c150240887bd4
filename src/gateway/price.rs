//! Models whose price is known, by how a gateway comes to know it: what they cost, and the usage that costs exactly a
//! price. Not: how to tell a gateway of them.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::scenario::{Api, Rates, Tokens, Usd};
use crate::upstream::Usage;

/// A model of a gateway that stands for a pricing path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced {
    /// The name that requests use.
    pub model: &'static str,
    /// What the upstream is asked for.
    pub upstream_model: &'static str,
    /// The model that the upstream's answer has to name, if it is not the one asked for.
    pub answer_names: Option<&'static str>,
    pub cost: Cost,
}

/// What an answer of a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// USD for one input and one output token.
    Tokens {
        input: Decimal,
        output: Decimal,
        parts: Parts,
    },
    /// USD for one image.
    Image(Decimal),
    /// What the upstream's answer says.
    Reported,
    Nothing,
}

/// USD for one token of the parts that have rates of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    pub cached: Option<Decimal>,
    pub written: Option<Decimal>,
    pub written_1h: Option<Decimal>,
    pub reasoning: Option<Decimal>,
}

impl Parts {
    pub const NONE: Parts = Parts { cached: None, written: None, written_1h: None, reasoning: None };
}

/// USD for one token, input or output, where we state a rate.
pub const RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// A model whose rates everybody knows, for gateways that list prices by name: 2.5 and 10 USD for a million input and
/// output tokens.
pub const KNOWN_MODEL: &str = "gpt-4o";
pub const KNOWN: Cost = Cost::Tokens {
    input: Decimal::from_parts(25, 0, 0, false, 7),
    output: Decimal::from_parts(1, 0, 0, false, 5),
    parts: Parts { cached: Some(Decimal::from_parts(125, 0, 0, false, 8)), ..Parts::NONE },
};

impl Cost {
    /// The same, on a gateway that knows no rates of parts.
    pub const fn without_parts(self) -> Cost {
        match self {
            Cost::Tokens { input, output, .. } => Cost::Tokens { input, output, parts: Parts::NONE },
            other => other,
        }
    }

    /// What a model of these rates costs, for prompts and services without rates of their own.
    pub fn of(rates: &Rates) -> Cost {
        let of = |rate: Option<Usd>| rate.map(|rate| rate.0);
        let parts = Parts {
            cached: of(rates.cached),
            written: of(rates.written),
            written_1h: of(rates.written_1h),
            reasoning: of(rates.reasoning),
        };
        Cost::Tokens { input: rates.input.0, output: rates.output.0, parts }
    }

    /// Its rates, if it has any.
    pub fn rates(&self) -> Option<Rates> {
        let Cost::Tokens { input, output, parts } = *self else { return None };
        let Parts { cached, written, written_1h, reasoning } = parts;
        Some(Rates {
            cached: cached.map(Usd),
            written: written.map(Usd),
            written_1h: written_1h.map(Usd),
            reasoning: reasoning.map(Usd),
            ..Rates::flat(Usd(input), Usd(output))
        })
    }
}

impl Priced {
    /// The usage that costs exactly this price, or, if nothing costs anything, some usage; none if no whole number of
    /// tokens or images costs that.
    pub fn usage(&self, price: Usd, api: Api) -> Option<Usage> {
        let some = Usage { tokens: Tokens::plain(10, 10), cost: None };
        let (input, output) = match self.cost {
            Cost::Tokens { input, output, .. } => (input, output),
            Cost::Reported => return Some(Usage { cost: Some(price), ..some }),
            Cost::Image(_) => return self.images(price).map(|_| some),
            Cost::Nothing => return Some(some),
        };
        let whole = |amount: Decimal, rate: Decimal| {
            (amount / rate).fract().is_zero().then(|| (amount / rate).to_u64()).flatten()
        };
        let (input_tokens, output_tokens) = match api {
            // Embeddings have no output to be charged for.
            Api::Embeddings => (whole(price.0, input)?, 0),
            Api::Chat | Api::Completions | Api::Messages | Api::Responses | Api::Images | Api::Passthrough => (1
                ..=10_000u64)
                .take_while(|tokens| Decimal::from(*tokens) * input <= price.0)
                .find_map(|tokens| Some((tokens, whole(price.0 - Decimal::from(tokens) * input, output)?)))?,
        };
        Some(Usage { tokens: Tokens::plain(input_tokens, output_tokens), cost: None })
    }

    /// How many images cost exactly this price.
    pub fn images(&self, price: Usd) -> Option<u64> {
        let Cost::Image(each) = self.cost else { return None };
        let images = price.0 / each;
        images.fract().is_zero().then(|| images.to_u64()).flatten().filter(|images| (1..=10).contains(images))
    }
}
