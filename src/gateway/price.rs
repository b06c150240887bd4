//! Models whose price is known, by how a gateway comes to know it: what they cost, and the usage that costs exactly a
//! price. Not: how to tell a gateway of them.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::scenario::{Api, Usd};
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
    },
    /// USD for one image.
    Image(Decimal),
    /// What the upstream's answer says.
    Reported,
    Nothing,
}

/// USD for one token, input or output, where we state a rate.
pub const RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// A model whose rates everybody knows, for gateways that list prices by name: 2.5 and 10 USD for a million input and
/// output tokens.
pub const KNOWN_MODEL: &str = "gpt-4o";
pub const KNOWN: Cost =
    Cost::Tokens { input: Decimal::from_parts(25, 0, 0, false, 7), output: Decimal::from_parts(1, 0, 0, false, 5) };

impl Priced {
    /// The usage that costs exactly this price, or, if nothing costs anything, some usage; none if no whole number of
    /// tokens or images costs that.
    pub fn usage(&self, price: Usd, api: Api) -> Option<Usage> {
        let some = Usage { input_tokens: 10, output_tokens: 10, cost: None };
        let (input, output) = match self.cost {
            Cost::Tokens { input, output } => (input, output),
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
        Some(Usage { input_tokens, output_tokens, cost: None })
    }

    /// How many images cost exactly this price.
    pub fn images(&self, price: Usd) -> Option<u64> {
        let Cost::Image(each) = self.cost else { return None };
        let images = price.0 / each;
        images.fract().is_zero().then(|| images.to_u64()).flatten().filter(|images| (1..=10).contains(images))
    }
}
