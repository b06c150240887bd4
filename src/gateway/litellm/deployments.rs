//! The deployments that LiteLLM is launched with: one for every pricing path, as data, and the
//! configuration made of them. Not: launching.
//!
//! What each path does on real versions was measured on 1.81.0, 1.82.3 and 1.108.7; the two without any price
//! are the ones on which 1.82.3 skips every budget (BerriAI/litellm#26672: `_is_model_cost_zero` reads a missing
//! price as a free model).

use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::scenario::{Api, PricedBy, Usd};
use crate::upstream::Usage;

/// A model of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// The pricing path that it stands for.
    pub path: PricedBy,
    /// The name that requests use.
    pub model: &'static str,
    /// LiteLLM's own name for what is behind it: provider and model.
    provider_model: &'static str,
    price: Price,
}

/// How LiteLLM knows the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Price {
    /// [`RATE`] in `litellm_params`.
    Params,
    /// [`RATE`] in `model_info`.
    ModelInfo,
    /// [`KNOWN_MODEL`] as `base_model` in `model_info`.
    BaseModel,
    /// Its name is [`KNOWN_MODEL`].
    CostMap,
    /// [`KNOWN_MODEL`] as `base_model` in `litellm_params`: how Azure's deployments, which have names of their own, are
    /// often configured. 1.82.3 charges by it, but does not see it before the call.
    ParamsBaseModel,
    /// Not before the call: the upstream's answer names [`KNOWN_MODEL`].
    AnswerNames,
    /// Not before the call: the upstream's answer has `usage.cost`. LiteLLM takes it from OpenRouter.
    AnswerReports,
}

/// USD for one token, input or output, where the configuration states a rate.
const RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// A model of LiteLLM's cost map, and its rates there: 2.5 and 10 USD for a million input and output tokens,
/// the same in 1.81.0, 1.82.3 and 1.108.7. Most prices people choose are whole numbers of such tokens.
const KNOWN_MODEL: &str = "gpt-4o";
const KNOWN_INPUT: Decimal = Decimal::from_parts(25, 0, 0, false, 7);
const KNOWN_OUTPUT: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// All of them, in the order of [`PricedBy::ALL`].
pub const DEPLOYMENTS: [Deployment; 7] = [
    Deployment {
        path: PricedBy::Token,
        model: "priced-by-token",
        provider_model: "openai/fixed-cost",
        price: Price::Params,
    },
    Deployment {
        path: PricedBy::ModelInfo,
        model: "priced-by-model-info",
        provider_model: "openai/fixed-cost-in-info",
        price: Price::ModelInfo,
    },
    Deployment {
        path: PricedBy::BaseModel,
        model: "priced-by-base-model",
        provider_model: "openai/a-base-model",
        price: Price::BaseModel,
    },
    Deployment {
        path: PricedBy::CostMap,
        model: "priced-by-cost-map",
        provider_model: "openai/gpt-4o",
        price: Price::CostMap,
    },
    Deployment {
        path: PricedBy::ParamsBaseModel,
        model: "priced-by-params-base-model",
        provider_model: "azure/a-deployment",
        price: Price::ParamsBaseModel,
    },
    Deployment {
        path: PricedBy::Alias,
        model: "priced-by-alias",
        provider_model: "openai/unpriced-alias",
        price: Price::AnswerNames,
    },
    Deployment {
        path: PricedBy::Provider,
        model: "priced-by-provider",
        provider_model: "openrouter/acme/fixed",
        price: Price::AnswerReports,
    },
];

impl Deployment {
    /// The deployment of a pricing path.
    pub fn of(path: PricedBy) -> &'static Deployment {
        match path {
            PricedBy::Token => &DEPLOYMENTS[0],
            PricedBy::ModelInfo => &DEPLOYMENTS[1],
            PricedBy::BaseModel => &DEPLOYMENTS[2],
            PricedBy::CostMap => &DEPLOYMENTS[3],
            PricedBy::ParamsBaseModel => &DEPLOYMENTS[4],
            PricedBy::Alias => &DEPLOYMENTS[5],
            PricedBy::Provider => &DEPLOYMENTS[6],
        }
    }

    /// The model that the upstream's answer has to name, if not the one asked for.
    pub fn answer_names(&self) -> Option<&'static str> {
        match self.price {
            Price::AnswerNames => Some(KNOWN_MODEL),
            Price::Params
            | Price::ModelInfo
            | Price::BaseModel
            | Price::CostMap
            | Price::ParamsBaseModel
            | Price::AnswerReports => None,
        }
    }

    /// The usage that costs exactly this price; none if no whole number of tokens does.
    pub fn usage(&self, price: Usd, api: Api) -> Option<Usage> {
        let (input, output) = match self.price {
            Price::Params | Price::ModelInfo => (RATE, RATE),
            Price::BaseModel | Price::CostMap | Price::ParamsBaseModel | Price::AnswerNames => {
                (KNOWN_INPUT, KNOWN_OUTPUT)
            }
            Price::AnswerReports => {
                return Some(Usage { input_tokens: 10, output_tokens: 10, cost: Some(price) });
            }
        };
        let whole = |amount: Decimal, rate: Decimal| {
            (amount / rate).fract().is_zero().then(|| (amount / rate).to_u64()).flatten()
        };
        let (input_tokens, output_tokens) = match api {
            // Embeddings have no output to be charged for.
            Api::Embeddings => (whole(price.0, input)?, 0),
            Api::Chat | Api::Responses => (1..=10_000u64)
                .take_while(|tokens| Decimal::from(*tokens) * input <= price.0)
                .find_map(|tokens| Some((tokens, whole(price.0 - Decimal::from(tokens) * input, output)?)))?,
        };
        Some(Usage { input_tokens, output_tokens, cost: None })
    }
}

/// The `config.yaml` that LiteLLM needs, with the upstream at this base URL.
///
/// Spend is written each second (LiteLLM adds up to 5 s) and budgets are reset each second, instead of every
/// 10 s and 10 min, so that a trial need not wait. A failing upstream must not take a deployment away from the
/// other trials: no cooldown, no retries.
pub fn config_yaml(upstream: &str) -> String {
    let mut yaml = String::from("model_list:\n");
    for deployment in &DEPLOYMENTS {
        let Deployment { model, provider_model, price, .. } = deployment;
        let rates =
            |indent: &str| format!("{indent}input_cost_per_token: {RATE}\n{indent}output_cost_per_token: {RATE}\n");
        let _ = write!(
            yaml,
            "  - model_name: {model}\n    litellm_params:\n      model: {provider_model}\n      api_key: not-a-real-one\n"
        );
        let _ = match price {
            Price::ParamsBaseModel => writeln!(yaml, "      api_base: {upstream}\n      api_version: \"2024-06-01\""),
            Price::Params
            | Price::ModelInfo
            | Price::BaseModel
            | Price::CostMap
            | Price::AnswerNames
            | Price::AnswerReports => writeln!(yaml, "      api_base: {upstream}/v1"),
        };
        yaml.push_str(&match price {
            Price::Params => rates("      "),
            Price::ModelInfo => format!("    model_info:\n{}", rates("      ")),
            Price::BaseModel => format!("    model_info:\n      base_model: {KNOWN_MODEL}\n"),
            Price::ParamsBaseModel => format!("      base_model: {KNOWN_MODEL}\n"),
            Price::CostMap | Price::AnswerNames | Price::AnswerReports => String::new(),
        });
    }
    yaml.push_str(
        "\nlitellm_settings:\n  num_retries: 0\n  telemetry: false\n\nrouter_settings:\n  num_retries: 0\n  disable_cooldowns: true\n\n\
         general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n  database_url: os.environ/DATABASE_URL\n  \
         proxy_batch_write_at: 1\n  proxy_budget_rescheduler_min_time: 1\n  proxy_budget_rescheduler_max_time: 1\n",
    );
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_stands_for_its_path() {
        for path in PricedBy::ALL {
            assert_eq!(Deployment::of(path).path, path);
        }
    }

    #[test]
    fn usage_costs_exactly_the_price() {
        let price: Usd = "0.02".parse().unwrap();
        for path in PricedBy::ALL {
            let usage = Deployment::of(path).usage(price, Api::Chat).unwrap();
            let cost = match Deployment::of(path).price {
                Price::Params | Price::ModelInfo => RATE * Decimal::from(usage.input_tokens + usage.output_tokens),
                Price::BaseModel | Price::CostMap | Price::ParamsBaseModel | Price::AnswerNames => {
                    KNOWN_INPUT * Decimal::from(usage.input_tokens) + KNOWN_OUTPUT * Decimal::from(usage.output_tokens)
                }
                Price::AnswerReports => usage.cost.unwrap().0,
            };
            assert_eq!(cost, price.0, "{path:?}");
        }
    }

    #[test]
    fn a_price_that_no_tokens_make_has_no_usage() {
        let price: Usd = "0.0123456".parse().unwrap();
        assert_eq!(Deployment::of(PricedBy::Token).usage(price, Api::Chat), None);
        assert_eq!(
            Deployment::of(PricedBy::Token).usage("0.02".parse().unwrap(), Api::Embeddings).unwrap().input_tokens,
            20
        );
    }
}
