//! How the built-in gateway prices a request: from the same `config.yaml` as LiteLLM, and a small cost map.
//!
//! On purpose it shares no code with the harness's ledger, which it would otherwise prove right by itself.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

/// The part of LiteLLM's configuration that the built-in gateway reads.
#[derive(Debug, Deserialize)]
pub(super) struct Configuration {
    model_list: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    model_name: String,
    litellm_params: Params,
    #[serde(default)]
    model_info: Info,
}

#[derive(Debug, Deserialize)]
struct Params {
    model: String,
    #[serde(default)]
    input_cost_per_token: Option<f64>,
    #[serde(default)]
    output_cost_per_token: Option<f64>,
    #[serde(default)]
    base_model: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Info {
    #[serde(default)]
    input_cost_per_token: Option<f64>,
    #[serde(default)]
    output_cost_per_token: Option<f64>,
    #[serde(default)]
    base_model: Option<String>,
}

/// USD for one token.
#[derive(Debug, Clone, Copy)]
struct Rates {
    input: Decimal,
    output: Decimal,
}

/// Every model that can be asked, and what is known of its price.
#[derive(Debug)]
pub(super) struct Prices(HashMap<String, Known>);

/// As LiteLLM has it: a base model in `litellm_params` is looked at only after the call.
#[derive(Debug, Clone, Copy)]
struct Known {
    before: Option<Rates>,
    after: Option<Rates>,
}

impl Prices {
    pub(super) fn read(config: &str) -> Result<Prices, String> {
        let configuration: Configuration = serde_saphyr::from_str(config).map_err(|error| error.to_string())?;
        let priced = configuration.model_list.into_iter().map(|entry| {
            let after = entry.litellm_params.base_model.as_deref().and_then(cost_map);
            let before = rates_of(&entry);
            (entry.model_name, Known { before, after })
        });
        Ok(Prices(priced.collect()))
    }

    pub(super) fn has(&self, model: &str) -> bool {
        self.0.contains_key(model)
    }

    pub(super) fn is_known_before(&self, model: &str) -> bool {
        self.0.get(model).is_some_and(|known| known.before.is_some())
    }

    /// What an answer costs: by the rates known before, else by what the answer itself says.
    pub(super) fn of(&self, model: &str, answer: &Answered) -> Decimal {
        let by_rates =
            |rates: Rates| rates.input * Decimal::from(answer.input) + rates.output * Decimal::from(answer.output);
        let known = self.0.get(model).and_then(|known| known.before.or(known.after));
        known.map(by_rates).or(answer.cost).or_else(|| cost_map(&answer.model).map(by_rates)).unwrap_or_default()
    }
}

fn rates_of(entry: &Entry) -> Option<Rates> {
    let rates = |input: Option<f64>, output: Option<f64>| {
        let exact = |rate: f64| Decimal::from_str_exact(&rate.to_string()).ok();
        Some(Rates { input: exact(input?)?, output: exact(output?)? })
    };
    let Entry { litellm_params: params, model_info: info, .. } = entry;
    rates(params.input_cost_per_token, params.output_cost_per_token)
        .or_else(|| rates(info.input_cost_per_token, info.output_cost_per_token))
        .or_else(|| cost_map(info.base_model.as_deref()?))
        .or_else(|| cost_map(params.model.strip_prefix("openai/")?))
}

fn cost_map(model: &str) -> Option<Rates> {
    (model == "gpt-4o").then(|| Rates { input: Decimal::new(25, 7), output: Decimal::new(1, 5) })
}

/// What a provider's answer says of its own price.
#[derive(Debug, Default)]
pub(super) struct Answered {
    model: String,
    pub(super) input: u64,
    pub(super) output: u64,
    cost: Option<Decimal>,
}

impl Answered {
    /// From a whole body, or from the last event with a usage of a streamed one.
    pub(super) fn read(body: &str) -> Answered {
        let whole = serde_json::from_str::<Value>(body).ok();
        let events =
            || body.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok());
        let with_usage = |event: &Value| event["usage"].is_object() || event["response"]["usage"].is_object();
        let Some(mut answer) = whole.or_else(|| events().find(with_usage)) else {
            return Answered::default();
        };
        if answer["response"].is_object() {
            answer = answer["response"].take();
        }
        let usage = &answer["usage"];
        let tokens = |a: &str, b: &str| usage[a].as_u64().or_else(|| usage[b].as_u64()).unwrap_or(0);
        Answered {
            model: answer["model"].as_str().unwrap_or_default().to_owned(),
            input: tokens("prompt_tokens", "input_tokens"),
            output: tokens("completion_tokens", "output_tokens"),
            cost: usage["cost"].as_f64().and_then(|cost| Decimal::from_str_exact(&cost.to_string()).ok()),
        }
    }
}
