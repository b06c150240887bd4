//! The deployments that LiteLLM is launched with: one for every pricing path, API and provider, as data, and how LiteLLM is
//! told of each. Not: the configuration made of them ([`super::config_yaml`]).
//!
//! No API shares a deployment with another: from 1.93.2 to 1.108.7 a request may cost nothing while its deployment is
//! asked on another API (docs/findings.md, 16), and a trial would be judged for what its neighbour asks.
//!
//! What each path does on real versions was measured on 1.81.0, 1.82.3 and 1.108.7; the two without any price
//! are the ones on which 1.82.3 skips every budget (BerriAI/litellm#26672: `_is_model_cost_zero` reads a missing
//! price as a free model).

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::gateway::price::{Cost, KNOWN, KNOWN_MODEL, Parts, Priced, RATE};
use crate::scenario::{Api, PartRates, PricedBy, Provider, Rates, Tier, TokenKind};

/// A model of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// The pricing path that it stands for.
    pub path: PricedBy,
    /// Where it is asked.
    pub api: Api,
    /// Who answers.
    pub provider: Provider,
    /// The name that requests use.
    pub model: &'static str,
    /// LiteLLM's own name for what is behind it: provider and model.
    provider_model: &'static str,
    pub(super) price: Price,
}

/// How LiteLLM knows the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Price {
    /// [`RATE`] in `litellm_params`.
    Params,
    /// [`RATE`] in `model_info`.
    ModelInfo,
    /// [`KNOWN_MODEL`] as `base_model` in `model_info`.
    BaseModel,
    /// Its name is [`KNOWN_MODEL`], or [`KNOWN_OF_ANTHROPIC`].
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
    /// Another name, in `model_group_alias`, for the free model of the same API.
    AnotherName,
    /// None, nor anything in the answer.
    Nowhere,
    /// [`IMAGE`] in `litellm_params`. With a rate per token beside it, which no image uses: without one 1.82.3 takes
    /// the model for a free one, and charges nothing either.
    Image,
    /// Its name is recraftv3, which costs [`KNOWN_IMAGE`] an image. Its provider's API is like OpenAI's.
    ImageCostMap,
    /// Not in the configuration: the provider's own name for it, on a route that is passed through.
    PassedThrough,
}

/// USD for one image, where the configuration states it.
const IMAGE: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

/// USD for one token of each part, where the configuration states it: not in the proportions of any provider, so that one
/// taken for another shows.
const PARTS: Parts = Parts {
    cached: Some(Decimal::from_parts(1, 0, 0, false, 4)),
    written: Some(Decimal::from_parts(125, 0, 0, false, 5)),
    written_1h: Some(Decimal::from_parts(2, 0, 0, false, 3)),
    reasoning: Some(Decimal::from_parts(3, 0, 0, false, 3)),
};

/// A model of Anthropic's in LiteLLM's cost map, and its rates there, the same in 1.81.0, 1.82.3, 1.108.7 and 1.110.2.
const KNOWN_OF_ANTHROPIC: Cost = Cost::Tokens {
    input: Decimal::from_parts(1, 0, 0, false, 6),
    output: Decimal::from_parts(5, 0, 0, false, 6),
    parts: Parts {
        cached: Some(Decimal::from_parts(1, 0, 0, false, 7)),
        written: Some(Decimal::from_parts(125, 0, 0, false, 8)),
        written_1h: Some(Decimal::from_parts(2, 0, 0, false, 6)),
        reasoning: None,
    },
};

/// USD for one image by Recraft V3, the same in the cost maps of 1.81.0, 1.82.3, 1.108.7 and 1.110.2. OpenAI's
/// dall-e-3, which was asked before, is only in the first two.
const KNOWN_IMAGE: Decimal = Decimal::from_parts(4, 0, 0, false, 2);

/// A pricing path on every API that is paid by the token: for each a deployment with a name of its own, and behind it a
/// model of its own. With `as is` the provider's name is the same everywhere, because that name is the price. LiteLLM's
/// registry of prices then shares it, without harm: each request registers anew only what a deployment's
/// `litellm_params` say of a price, and here they say nothing.
macro_rules! on_each_api {
    ($path:ident, $model:literal, as is $provider_model:literal, $price:ident) => {
        [
            Deployment::new(PricedBy::$path, Api::Chat, $model, $provider_model, Price::$price),
            on_each_api!(@ $path, Completions, $model, "-on-completions", $provider_model, "", $price),
            on_each_api!(@ $path, Messages, $model, "-on-messages", $provider_model, "", $price),
            on_each_api!(@ $path, Responses, $model, "-on-responses", $provider_model, "", $price),
            on_each_api!(@ $path, Embeddings, $model, "-on-embeddings", $provider_model, "", $price),
        ]
    };
    ($path:ident, $model:literal, $provider_model:literal, $price:ident) => {
        [
            Deployment::new(PricedBy::$path, Api::Chat, $model, $provider_model, Price::$price),
            on_each_api!(@ $path, Completions, $model, "-on-completions", $provider_model, "-on-completions", $price),
            on_each_api!(@ $path, Messages, $model, "-on-messages", $provider_model, "-on-messages", $price),
            on_each_api!(@ $path, Responses, $model, "-on-responses", $provider_model, "-on-responses", $price),
            on_each_api!(@ $path, Embeddings, $model, "-on-embeddings", $provider_model, "-on-embeddings", $price),
        ]
    };
    (@ $path:ident, $api:ident, $model:literal, $on:literal, $provider_model:literal, $behind:literal, $price:ident) => {
        Deployment::new(
            PricedBy::$path,
            Api::$api,
            concat!($model, $on),
            concat!($provider_model, $behind),
            Price::$price,
        )
    };
}

/// Those paid by the token, in the order of [`PricedBy::ALL`].
static OF_TOKENS: [[Deployment; 5]; 10] = [
    on_each_api!(Token, "priced-by-token", "openai/fixed-cost", Params),
    on_each_api!(ModelInfo, "priced-by-model-info", "openai/fixed-cost-in-info", ModelInfo),
    on_each_api!(BaseModel, "priced-by-base-model", "openai/a-base-model", BaseModel),
    on_each_api!(CostMap, "priced-by-cost-map", as is "openai/gpt-4o", CostMap),
    on_each_api!(ParamsBaseModel, "priced-by-params-base-model", "azure/a-deployment", ParamsBaseModel),
    on_each_api!(Alias, "priced-by-alias", "openai/unpriced-alias", AnswerNames),
    on_each_api!(Provider, "priced-by-provider", "openrouter/acme/fixed", AnswerReports),
    on_each_api!(Free, "free", "openai/free-of-charge", Zero),
    on_each_api!(FreeAlias, "free-by-another-name", "openai/free-of-charge", AnotherName),
    on_each_api!(Unpriced, "unpriced", "openai/nobody-knows", Nowhere),
];

/// Those that Anthropic answers: LiteLLM has to translate what is asked on chat.
static OF_ANTHROPIC: [Deployment; 6] = [
    Deployment::of_anthropic(PricedBy::Token, Api::Chat, "anthropic-by-token", "anthropic/fixed-cost", Price::Params),
    Deployment::of_anthropic(
        PricedBy::Token,
        Api::Messages,
        "anthropic-by-token-on-messages",
        "anthropic/fixed-cost-on-messages",
        Price::Params,
    ),
    Deployment::of_anthropic(
        PricedBy::ModelInfo,
        Api::Chat,
        "anthropic-by-model-info",
        "anthropic/fixed-cost-in-info",
        Price::ModelInfo,
    ),
    Deployment::of_anthropic(
        PricedBy::ModelInfo,
        Api::Messages,
        "anthropic-by-model-info-on-messages",
        "anthropic/fixed-cost-in-info-on-messages",
        Price::ModelInfo,
    ),
    Deployment::of_anthropic(
        PricedBy::CostMap,
        Api::Chat,
        "anthropic-by-cost-map",
        "anthropic/claude-haiku-4-5",
        Price::CostMap,
    ),
    Deployment::of_anthropic(
        PricedBy::CostMap,
        Api::Messages,
        "anthropic-by-cost-map-on-messages",
        "anthropic/claude-haiku-4-5",
        Price::CostMap,
    ),
];

static OTHERS: [Deployment; 3] = [
    Deployment::new(PricedBy::Token, Api::Images, "priced-by-image", "openai/fixed-cost-image", Price::Image),
    Deployment::new(
        PricedBy::CostMap,
        Api::Images,
        "image-priced-by-cost-map",
        "recraft/recraftv3",
        Price::ImageCostMap,
    ),
    Deployment::new(PricedBy::CostMap, Api::Passthrough, KNOWN_MODEL, "openai/gpt-4o", Price::PassedThrough),
];

impl Deployment {
    const fn new(
        path: PricedBy,
        api: Api,
        model: &'static str,
        provider_model: &'static str,
        price: Price,
    ) -> Deployment {
        Deployment { path, api, provider: Provider::Openai, model, provider_model, price }
    }

    const fn of_anthropic(
        path: PricedBy,
        api: Api,
        model: &'static str,
        provider_model: &'static str,
        price: Price,
    ) -> Deployment {
        Deployment { path, api, provider: Provider::Anthropic, model, provider_model, price }
    }

    pub(super) fn all() -> impl Iterator<Item = &'static Deployment> {
        OF_TOKENS.iter().flatten().chain(&OTHERS).chain(&OF_ANTHROPIC)
    }

    /// The deployment of a pricing path, for an API and a provider; none if that API cannot be priced that way. What is
    /// passed through is priced by the cost map, whatever deployments say.
    pub fn of(path: PricedBy, api: Api, provider: Provider) -> Option<&'static Deployment> {
        let is_it = |of: &&Deployment| of.api == api && (of.path == path || api == Api::Passthrough);
        Deployment::all().find(|of| of.provider == provider && is_it(of))
    }

    /// The names of a pricing path, for those who may ask its models and no others.
    pub(super) fn names(path: PricedBy) -> impl Iterator<Item = &'static str> {
        let of_tokens = OF_TOKENS.iter().flatten().chain(&OF_ANTHROPIC);
        of_tokens.filter(move |of| of.path == path).map(|of| of.model)
    }

    /// What it is called, and what it costs.
    pub fn priced(&self) -> Priced {
        let known = match self.provider {
            Provider::Openai => KNOWN,
            Provider::Anthropic => KNOWN_OF_ANTHROPIC,
        };
        let cost = match self.price {
            Price::Params | Price::ModelInfo => Cost::Tokens { input: RATE, output: RATE, parts: PARTS },
            Price::BaseModel | Price::CostMap | Price::ParamsBaseModel | Price::AnswerNames | Price::PassedThrough => {
                known
            }
            Price::AnswerReports => Cost::Reported,
            Price::Zero | Price::AnotherName | Price::Nowhere => Cost::Nothing,
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

    /// What `litellm_params` and `model_info` hold for it: the same in the configuration and in the admin API.
    pub(super) fn definition(&self, upstream: &str) -> Option<Value> {
        let mut params = json!({ "model": self.provider_model, "api_key": "not-a-real-one" });
        let mut info = json!({});
        let flat = |of: &mut Value, rate: Decimal| {
            of["input_cost_per_token"] = number(rate);
            of["output_cost_per_token"] = number(rate);
        };
        params["api_base"] = match self.provider {
            Provider::Openai => format!("{upstream}/v1").into(),
            Provider::Anthropic => upstream.into(),
        };
        let stated = self.priced().cost.rates().unwrap_or_default();
        match self.price {
            Price::Params => state(&mut params, &stated),
            Price::ModelInfo => state(&mut info, &stated),
            Price::BaseModel => info["base_model"] = KNOWN_MODEL.into(),
            Price::ParamsBaseModel => {
                params["api_base"] = upstream.into();
                params["api_version"] = "2024-06-01".into();
                params["base_model"] = KNOWN_MODEL.into();
            }
            Price::Zero => flat(&mut params, Decimal::ZERO),
            Price::Image => {
                flat(&mut params, RATE);
                params["input_cost_per_image"] = number(IMAGE);
                info["mode"] = "image_generation".into();
            }
            Price::ImageCostMap => {
                params["api_base"] = upstream.into();
                info["mode"] = "image_generation".into();
            }
            Price::CostMap | Price::AnswerNames | Price::AnswerReports | Price::Nowhere => {}
            Price::AnotherName | Price::PassedThrough => return None,
        }
        Some(json!({ "litellm_params": params, "model_info": info }))
    }
}

/// Writes rates under LiteLLM's names for them.
fn state(of: &mut Value, rates: &Rates) {
    let each = |of: &mut Value, parts: &PartRates, suffix: &str| {
        for (kind, rate) in parts.stated() {
            let name = match kind {
                TokenKind::Input => "input_cost_per_token",
                TokenKind::Cached => "cache_read_input_token_cost",
                TokenKind::Written => "cache_creation_input_token_cost",
                TokenKind::WrittenForAnHour => "cache_creation_input_token_cost_above_1hr",
                TokenKind::AudioInput => "input_cost_per_audio_token",
                TokenKind::Output => "output_cost_per_token",
                TokenKind::Reasoning => "output_cost_per_reasoning_token",
                TokenKind::AudioOutput => "output_cost_per_audio_token",
            };
            of[format!("{name}{suffix}")] = number(rate.0);
        }
    };
    each(of, &rates.parts(), "");
    for (tokens, parts) in &rates.above {
        each(of, parts, &format!("_above_{}k_tokens", tokens / 1000));
    }
    for tier in Tier::ALL {
        if let Some(parts) = rates.tier.of(tier) {
            each(of, parts, &format!("_{}", tier.word()));
        }
    }
}

/// The body that defines a model of a pricing path through the admin API, with these rates instead of the path's if there
/// are any. Unless its provider's name is its price, that name is one no other model has: LiteLLM would find the price of
/// a namesake.
pub(super) fn model_json(
    name: &str,
    path: PricedBy,
    provider: Provider,
    rates: Option<&Rates>,
    upstream: &str,
) -> Value {
    let deployment = Deployment::of(path, Api::Chat, provider);
    let definition = deployment.and_then(|deployment| deployment.definition(upstream));
    let mut body = definition.unwrap_or_else(|| json!({}));
    body["model_name"] = name.into();
    if let Some(rates) = rates {
        // What the path itself says of other parts is not said of this model.
        for part in ["litellm_params", "model_info"] {
            if let Some(fields) = body[part].as_object_mut() {
                fields.retain(|name, _| !name.contains("_cost"));
            }
        }
        let part = if path == PricedBy::ModelInfo { "model_info" } else { "litellm_params" };
        state(&mut body[part], rates);
    }
    if let Some(deployment) = deployment.filter(|deployment| deployment.price != Price::CostMap) {
        let provider = deployment.provider_model.split_once('/').map_or("openai", |(provider, _)| provider);
        body["litellm_params"]["model"] = format!("{provider}/{name}").into();
    }
    body
}

fn number(amount: Decimal) -> Value {
    amount.normalize().to_string().parse().map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Usd;

    #[test]
    fn a_deployment_stands_for_its_path_and_api() {
        for path in PricedBy::ALL {
            for api in [Api::Chat, Api::Completions, Api::Messages, Api::Responses, Api::Embeddings] {
                let deployment = Deployment::of(path, api, Provider::Openai).unwrap();
                assert_eq!((deployment.path, deployment.api), (path, api));
            }
        }
        assert_eq!(Deployment::of(PricedBy::Token, Api::Images, Provider::Openai).unwrap().model, "priced-by-image");
        assert_eq!(Deployment::of(PricedBy::CostMap, Api::Passthrough, Provider::Openai).unwrap().model, "gpt-4o");
        assert_eq!(Deployment::of(PricedBy::Alias, Api::Images, Provider::Openai), None);
    }

    #[test]
    fn no_deployment_is_asked_on_two_apis() {
        for deployment in Deployment::all() {
            let namesakes = Deployment::all().filter(|other| other.model == deployment.model);
            assert_eq!(namesakes.count(), 1, "{}", deployment.model);
            let is_registered = matches!(deployment.price, Price::Params | Price::Zero | Price::Image);
            let behind = Deployment::all().filter(|other| other.provider_model == deployment.provider_model);
            let behind = behind.filter(|other| other.api != deployment.api).count();
            assert!(!is_registered || behind == 0, "{} is another's, too", deployment.provider_model);
        }
    }

    #[test]
    fn usage_costs_exactly_the_price() {
        let price: Usd = "0.02".parse().unwrap();
        for path in PricedBy::ALL.into_iter().filter(|path| path.costs()) {
            let deployment = Deployment::of(path, Api::Chat, Provider::Openai).unwrap();
            let priced = deployment.priced();
            let usage = priced.usage(price, Api::Chat).unwrap();
            let cost = match priced.cost {
                Cost::Tokens { input, output, .. } => {
                    input * Decimal::from(usage.tokens.input) + output * Decimal::from(usage.tokens.output)
                }
                Cost::Reported | Cost::Image(_) | Cost::Nothing => usage.cost.unwrap().0,
            };
            assert_eq!(cost, price.0, "{path:?}");
        }
    }

    #[test]
    fn a_price_that_no_tokens_make_has_no_usage() {
        let by_token = Deployment::of(PricedBy::Token, Api::Chat, Provider::Openai).unwrap().priced();
        assert_eq!(by_token.usage("0.0123456".parse().unwrap(), Api::Chat), None);
        assert_eq!(by_token.usage("0.02".parse().unwrap(), Api::Embeddings).unwrap().tokens.input, 20);
        let images = Deployment::of(PricedBy::Token, Api::Images, Provider::Openai).unwrap().priced();
        assert_eq!(images.images("0.06".parse().unwrap()), Some(3));
        assert_eq!(images.usage("0.05".parse().unwrap(), Api::Images), None);
    }
}
