//! The deployments that LiteLLM is launched with: one for every pricing path, as data, and the
//! configuration made of them. Not: launching.
//!
//! What each path does on real versions was measured on 1.81.0, 1.82.3 and 1.108.7; the two without any price
//! are the ones on which 1.82.3 skips every budget (BerriAI/litellm#26672: `_is_model_cost_zero` reads a missing
//! price as a free model).

use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::gateway::price::{Cost, Priced, RATE};
use crate::scenario::{Api, PricedBy};

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
    /// A rate of zero in `litellm_params`: free, as its operator says.
    Zero,
    /// Another name, in `model_group_alias`, for the model with this one.
    Named(&'static str),
    /// None, and nothing in the answer.
    Nowhere,
    /// [`IMAGE`] in `litellm_params`. With a rate per token beside it, which no image uses: without one 1.82.3 takes
    /// the model for a free one, and charges nothing either.
    Image,
    /// Its name is dall-e-3, which costs [`KNOWN_IMAGE`] an image. (1.108.7 charges nothing for it.)
    ImageCostMap,
    /// Not in the configuration: the provider's own name for it, on a route that is passed through.
    PassedThrough,
}

/// USD for one image, where the configuration states it.
const IMAGE: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

/// A model of LiteLLM's cost map, and its rates there: 2.5 and 10 USD for a million input and output tokens,
/// the same in 1.81.0, 1.82.3 and 1.108.7. Most prices people choose are whole numbers of such tokens.
const KNOWN_MODEL: &str = "gpt-4o";
const KNOWN_INPUT: Decimal = Decimal::from_parts(25, 0, 0, false, 7);
const KNOWN_OUTPUT: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// USD for one image of the usual size by dall-e-3, in the cost maps of 1.81.0 and 1.82.3: 1024 x 1024 pixels at
/// 3.81469e-08.
const KNOWN_IMAGE: Decimal = Decimal::from_parts(399_999_238, 0, 0, false, 10);

/// The budget object that holds for end users the gateway does not know, or that have no budget of their own: named in
/// the configuration, and made by [`super::LiteLlm`]. (`max_end_user_budget`, an amount, does nothing on 1.81.0,
/// 1.82.3 and 1.108.7.)
pub(super) const DEFAULT_END_USER_BUDGET: &str = "gatecrash-default-end-user";

const fn deployment(path: PricedBy, model: &'static str, provider_model: &'static str, price: Price) -> Deployment {
    Deployment { path, model, provider_model, price }
}

/// All of them: first those of tokens, in the order of [`PricedBy::ALL`].
pub const DEPLOYMENTS: [Deployment; 13] = [
    deployment(PricedBy::Token, "priced-by-token", "openai/fixed-cost", Price::Params),
    deployment(PricedBy::ModelInfo, "priced-by-model-info", "openai/fixed-cost-in-info", Price::ModelInfo),
    deployment(PricedBy::BaseModel, "priced-by-base-model", "openai/a-base-model", Price::BaseModel),
    deployment(PricedBy::CostMap, "priced-by-cost-map", "openai/gpt-4o", Price::CostMap),
    deployment(PricedBy::ParamsBaseModel, "priced-by-params-base-model", "azure/a-deployment", Price::ParamsBaseModel),
    deployment(PricedBy::Alias, "priced-by-alias", "openai/unpriced-alias", Price::AnswerNames),
    deployment(PricedBy::Provider, "priced-by-provider", "openrouter/acme/fixed", Price::AnswerReports),
    deployment(PricedBy::Free, "free", "openai/free-of-charge", Price::Zero),
    deployment(PricedBy::FreeAlias, "free-by-another-name", "openai/free-of-charge", Price::Named("free")),
    deployment(PricedBy::Unpriced, "unpriced", "openai/nobody-knows", Price::Nowhere),
    deployment(PricedBy::Token, "priced-by-image", "openai/fixed-cost-image", Price::Image),
    deployment(PricedBy::CostMap, "image-priced-by-cost-map", "openai/dall-e-3", Price::ImageCostMap),
    deployment(PricedBy::CostMap, KNOWN_MODEL, "openai/gpt-4o", Price::PassedThrough),
];

impl Deployment {
    /// The deployment of a pricing path, for an API; none where that API cannot be priced so. What is passed through
    /// is priced by the cost map, whatever deployments say.
    pub fn of(path: PricedBy, api: Api) -> Option<&'static Deployment> {
        let fits = |deployment: &&Deployment| match (api, deployment.price) {
            (Api::Passthrough, price) => price == Price::PassedThrough,
            (_, Price::PassedThrough) => false,
            (Api::Images, Price::Image | Price::ImageCostMap) => deployment.path == path,
            (Api::Images, _) | (_, Price::Image | Price::ImageCostMap) => false,
            (_, _) => deployment.path == path,
        };
        DEPLOYMENTS.iter().find(fits)
    }

    /// What it is called, and what it costs.
    pub fn priced(&self) -> Priced {
        let known = Cost::Tokens { input: KNOWN_INPUT, output: KNOWN_OUTPUT };
        let cost = match self.price {
            Price::Params | Price::ModelInfo => Cost::Tokens { input: RATE, output: RATE },
            Price::BaseModel | Price::CostMap | Price::ParamsBaseModel | Price::AnswerNames | Price::PassedThrough => {
                known
            }
            Price::AnswerReports => Cost::Reported,
            Price::Zero | Price::Named(_) | Price::Nowhere => Cost::Nothing,
            Price::Image => Cost::Image(IMAGE),
            Price::ImageCostMap => Cost::Image(KNOWN_IMAGE),
        };
        Priced {
            model: self.model,
            upstream_model: self.provider_model.split_once('/').map_or(self.provider_model, |(_, model)| model),
            answer_names: (self.price == Price::AnswerNames).then_some(KNOWN_MODEL),
            cost,
        }
    }

    /// What `litellm_params` holds for it, and its `model_info`: in the configuration and in the admin API alike.
    fn definition(&self, upstream: &str) -> Option<Value> {
        let mut params = json!({ "model": self.provider_model, "api_key": "not-a-real-one" });
        let mut info = json!({});
        let rates = |of: &mut Value, rate: Decimal| {
            of["input_cost_per_token"] = number(rate);
            of["output_cost_per_token"] = number(rate);
        };
        params["api_base"] = format!("{upstream}/v1").into();
        match self.price {
            Price::Params => rates(&mut params, RATE),
            Price::ModelInfo => rates(&mut info, RATE),
            Price::BaseModel => info["base_model"] = KNOWN_MODEL.into(),
            Price::ParamsBaseModel => {
                params["api_base"] = upstream.into();
                params["api_version"] = "2024-06-01".into();
                params["base_model"] = KNOWN_MODEL.into();
            }
            Price::Zero => rates(&mut params, Decimal::ZERO),
            Price::Image => {
                rates(&mut params, RATE);
                params["input_cost_per_image"] = number(IMAGE);
                info["mode"] = "image_generation".into();
            }
            Price::ImageCostMap => info["mode"] = "image_generation".into(),
            Price::CostMap | Price::AnswerNames | Price::AnswerReports | Price::Nowhere => {}
            Price::Named(_) | Price::PassedThrough => return None,
        }
        Some(json!({ "litellm_params": params, "model_info": info }))
    }
}

/// The body that defines a model of a pricing path through the admin API. Unless its provider's name is its price, it has
/// one that no other model has: LiteLLM would find the price of a namesake.
pub(super) fn model_json(name: &str, path: PricedBy, upstream: &str) -> Value {
    let deployment = Deployment::of(path, Api::Chat);
    let definition = deployment.and_then(|deployment| deployment.definition(upstream));
    let mut body = definition.unwrap_or_else(|| json!({}));
    body["model_name"] = name.into();
    if let Some(deployment) = deployment.filter(|deployment| deployment.price != Price::CostMap) {
        let provider = deployment.provider_model.split_once('/').map_or("openai", |(provider, _)| provider);
        body["litellm_params"]["model"] = format!("{provider}/{name}").into();
    }
    body
}

fn number(amount: Decimal) -> Value {
    amount.normalize().to_string().parse().map_or(Value::Null, Value::Number)
}

/// The `config.yaml` that LiteLLM needs, with the upstream at this base URL, and a Redis at this host and port if there is one.
///
/// Spend is written each second (LiteLLM adds up to 5 s) and budgets are reset each second, instead of every
/// 10 s and 10 min, so that a trial need not wait. A failing upstream must not take a deployment away from the
/// other trials: no cooldown, no retries but those that a request asks for. Responses are cached for those that ask;
/// a Redis for them is also the one in which instances share rate limits and, where a version can, spend.
pub fn config_yaml(upstream: &str, redis: Option<(&str, u16)>) -> String {
    let mut yaml = String::from("model_list:\n");
    let mut aliases = String::new();
    for deployment in &DEPLOYMENTS {
        if let Price::Named(model) = deployment.price {
            let _ = writeln!(aliases, "    {}: {model}", deployment.model);
        }
        let Some(definition) = deployment.definition(upstream) else { continue };
        let _ = writeln!(yaml, "  - model_name: {}", deployment.model);
        for part in ["litellm_params", "model_info"] {
            let fields = definition[part].as_object().filter(|fields| !fields.is_empty());
            if fields.is_some() {
                let _ = writeln!(yaml, "    {part}:");
            }
            for (name, value) in fields.into_iter().flatten() {
                let _ = writeln!(yaml, "      {name}: {value}");
            }
        }
    }
    let cache = match redis {
        None => "    type: local\n".to_owned(),
        Some((host, port)) => format!("    type: redis\n    host: {host}\n    port: {port}\n"),
    };
    let _ = write!(
        yaml,
        "
litellm_settings:
  telemetry: false
  max_end_user_budget_id: {DEFAULT_END_USER_BUDGET}
  cache: true
  cache_params:
    mode: default_off
{cache}
router_settings:
  num_retries: 0
  disable_cooldowns: true
  model_group_alias:
{aliases}
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  database_url: os.environ/DATABASE_URL
  store_model_in_db: true
  proxy_batch_write_at: 1
  proxy_budget_rescheduler_min_time: 1
  proxy_budget_rescheduler_max_time: 1
"
    );
    yaml
}

/// A configuration with those of its models only that are asked for in these bodies.
pub(super) fn excerpt(config: &str, bodies: &[&Value]) -> String {
    const ENTRY: &str = "  - model_name: ";
    let is_asked_for = |model: &str| {
        bodies.iter().flat_map(|body| [&body["model"], &body["fallbacks"][0]]).any(|name| name.as_str() == Some(model))
    };
    let mut text = String::new();
    let mut is_told = true;
    for line in config.lines() {
        match line.strip_prefix(ENTRY) {
            Some(model) => is_told = is_asked_for(model),
            None if !line.starts_with(' ') => is_told = true,
            None => {}
        }
        if is_told {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Usd;

    #[test]
    fn a_deployment_stands_for_its_path() {
        for path in PricedBy::ALL {
            assert_eq!(Deployment::of(path, Api::Chat).unwrap().path, path);
        }
        assert_eq!(Deployment::of(PricedBy::Token, Api::Images).unwrap().model, "priced-by-image");
        assert_eq!(Deployment::of(PricedBy::CostMap, Api::Passthrough).unwrap().model, "gpt-4o");
        assert_eq!(Deployment::of(PricedBy::Alias, Api::Images), None);
    }

    #[test]
    fn usage_costs_exactly_the_price() {
        let price: Usd = "0.02".parse().unwrap();
        for path in PricedBy::ALL.into_iter().filter(|path| path.costs()) {
            let deployment = Deployment::of(path, Api::Chat).unwrap();
            let priced = deployment.priced();
            let usage = priced.usage(price, Api::Chat).unwrap();
            let cost = match priced.cost {
                Cost::Tokens { input, output } => {
                    input * Decimal::from(usage.input_tokens) + output * Decimal::from(usage.output_tokens)
                }
                Cost::Reported | Cost::Image(_) | Cost::Nothing => usage.cost.unwrap().0,
            };
            assert_eq!(cost, price.0, "{path:?}");
        }
    }

    #[test]
    fn a_price_that_no_tokens_make_has_no_usage() {
        let by_token = Deployment::of(PricedBy::Token, Api::Chat).unwrap().priced();
        assert_eq!(by_token.usage("0.0123456".parse().unwrap(), Api::Chat), None);
        assert_eq!(by_token.usage("0.02".parse().unwrap(), Api::Embeddings).unwrap().input_tokens, 20);
        let images = Deployment::of(PricedBy::Token, Api::Images).unwrap().priced();
        assert_eq!(images.images("0.06".parse().unwrap()), Some(3));
        assert_eq!(images.usage("0.05".parse().unwrap(), Api::Images), None);
    }
}
