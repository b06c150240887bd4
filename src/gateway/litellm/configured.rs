//! Somebody else's LiteLLM `config.yaml`: its models, and how LiteLLM may know what each costs. Not: the one that it is
//! launched with here ([`super::config_yaml`]).

use serde_json::Value;

use crate::gateway::shown::Configured;
use crate::scenario::value::shortened;
use crate::scenario::{Api, PricedBy};

/// Models with a price per token in the cost maps of 1.81.0, 1.82.3 and 1.108.7 alike, by their providers' names.
const KNOWN: [&str; 32] = [
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-5",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5",
    "claude-sonnet-4-5-20250929",
    "deepseek-chat",
    "deepseek-reasoner",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gpt-3.5-turbo",
    "gpt-4",
    "gpt-4-turbo",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o-2024-11-20",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5.1",
    "gpt-5.2",
    "o1",
    "o3",
    "o3-mini",
    "o3-pro",
    "o4-mini",
];

/// The providers that use those names for their models.
const NAMING: [(&str, &str); 5] =
    [("openai", "gpt-"), ("openai", "o"), ("anthropic", "claude-"), ("gemini", "gemini-"), ("deepseek", "deepseek-")];

/// All models of a configuration.
#[derive(Debug, Clone)]
pub struct Models {
    list: Vec<Configured>,
    /// Other names for them.
    aliases: Vec<(String, String)>,
    /// What it says that we did not look at, for people.
    pub remarks: Vec<String>,
}

impl Models {
    /// # Errors
    /// Why it is not a configuration, for people.
    pub fn read(yaml: &str) -> Result<Models, String> {
        let config: Value = serde_saphyr::from_str(yaml).map_err(|error| {
            let message = error.to_string();
            let message = message.lines().next().unwrap_or_default();
            message.strip_prefix("error: ").unwrap_or(message).to_owned()
        })?;
        let list = config["model_list"].as_array().ok_or("there is no `model_list` in it")?;
        let named = |model: &Value| model["model_name"].as_str().map(|name| configured(name, model));
        let aliases = config["router_settings"]["model_group_alias"].as_object().into_iter().flatten();
        let target = |alias: &Value| alias.as_str().or(alias["model"].as_str()).map(str::to_owned);
        let aliases = aliases.filter_map(|(name, alias)| Some((name.clone(), target(alias)?))).collect();
        let includes = config["include"]
            .is_array()
            .then(|| "the models of the files that the configuration includes: they are not read".to_owned());
        Ok(Models { list: list.iter().filter_map(named).collect(), aliases, remarks: includes.into_iter().collect() })
    }

    pub fn all(&self) -> &[Configured] {
        &self.list
    }

    /// The deployments of a model: several may share a name, and one may stand for many (`openai/*`).
    pub fn named(&self, name: &str) -> Vec<&Configured> {
        let name = self.aliases.iter().find(|(alias, _)| alias == name).map_or(name, |(_, model)| model);
        let exact: Vec<&Configured> = self.list.iter().filter(|model| model.name == name).collect();
        let stands = |model: &&Configured| model.name.strip_suffix('*').is_some_and(|begin| name.starts_with(begin));
        if exact.is_empty() { self.list.iter().filter(stands).collect() } else { exact }
    }
}

/// What is stated about a price: nothing, that it is free, or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stated {
    Nothing,
    Zero,
    Price,
}

fn stated(part: &Value) -> Stated {
    let rates = ["input_cost_per_token", "output_cost_per_token"].map(|field| &part[field]);
    let is_zero =
        |rate: &Value| rate.as_f64() == Some(0.0) || rate.as_str().and_then(|text| text.parse().ok()) == Some(0.0);
    match rates.iter().filter(|rate| !rate.is_null()).count() {
        0 => Stated::Nothing,
        2 if rates.iter().all(|rate| is_zero(rate)) => Stated::Zero,
        _ => Stated::Price,
    }
}

fn configured(name: &str, model: &Value) -> Configured {
    let (params, info) = (&model["litellm_params"], &model["model_info"]);
    let behind = params["model"].as_str().unwrap_or(name);
    let (priced_by, why) = match (stated(params), stated(info)) {
        (Stated::Zero, _) | (Stated::Nothing, Stated::Zero) => (vec![PricedBy::Free], "has a price of 0".to_owned()),
        (Stated::Price, _) => (vec![PricedBy::Token], "has a price per token in `litellm_params`".to_owned()),
        (Stated::Nothing, Stated::Price) => {
            (vec![PricedBy::ModelInfo], "has a price per token in `model_info`".to_owned())
        }
        (Stated::Nothing, Stated::Nothing) => without_price(params, info, behind),
    };
    let api = match info["mode"].as_str() {
        Some("embedding") => Api::Embeddings,
        Some("image_generation") => Api::Images,
        _ => Api::Chat,
    };
    Configured { name: name.to_owned(), priced_by, why, api }
}

/// No price per token is stated: how it may be known all the same.
fn without_price(params: &Value, info: &Value, behind: &str) -> (Vec<PricedBy>, String) {
    let base = |part: &Value| part["base_model"].as_str().filter(|base| !base.is_empty()).map(str::to_owned);
    if base(info).is_some() {
        return (vec![PricedBy::BaseModel], "has a `base_model` in `model_info`".to_owned());
    }
    if base(params).is_some() {
        return (vec![PricedBy::ParamsBaseModel], "has a `base_model` in `litellm_params`".to_owned());
    }
    let (provider, model) = behind.split_once('/').unwrap_or(("openai", behind));
    let stated = params["custom_llm_provider"].as_str().unwrap_or(provider);
    let is_named_so =
        NAMING.iter().any(|(of, begin)| (*of == stated || !behind.contains('/')) && model.starts_with(begin));
    let behind = shortened(behind);
    if is_named_so && KNOWN.contains(&model) {
        return (vec![PricedBy::CostMap], format!("has no price; `{behind}` is in LiteLLM's cost map"));
    }
    // Only OpenRouter's answers are believed about their own cost.
    let answer = if stated == "openrouter" { PricedBy::Provider } else { PricedBy::Alias };
    let why = format!("has no price; whether `{behind}` is in the cost map of the version is not known");
    (vec![PricedBy::CostMap, answer], why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_on_the_path_by_which_its_price_is_known() {
        use PricedBy::{Alias, BaseModel, CostMap, Free, ModelInfo, ParamsBaseModel, Provider, Token};
        let cases: [(&str, &[PricedBy]); 15] = [
            (
                "litellm_params: { model: openai/a, input_cost_per_token: 1e-6, output_cost_per_token: 0.000002 }",
                &[Token],
            ),
            ("litellm_params: { model: openai/a, input_cost_per_token: 0, output_cost_per_token: 1e-6 }", &[Token]),
            ("litellm_params: { model: openai/a, input_cost_per_token: 0.0, output_cost_per_token: \"0\" }", &[Free]),
            ("litellm_params: { model: openai/a }\n    model_info: { input_cost_per_token: 1e-6 }", &[ModelInfo]),
            ("litellm_params: { model: azure/a }\n    model_info: { base_model: azure/gpt-4o }", &[BaseModel]),
            ("litellm_params: { model: azure/a, base_model: azure/gpt-4o }", &[ParamsBaseModel]),
            ("litellm_params: { model: openai/gpt-4o }", &[CostMap]),
            ("litellm_params: { model: gpt-4o-mini }", &[CostMap]),
            ("litellm_params: { model: anthropic/claude-sonnet-4-5 }", &[CostMap]),
            ("litellm_params: { model: my-proxy/gpt-4o }", &[CostMap, Alias]),
            ("litellm_params: { model: openai/own }", &[CostMap, Alias]),
            ("litellm_params: { model: openrouter/acme/fixed }", &[CostMap, Provider]),
            ("litellm_params: { model: acme/fixed, custom_llm_provider: openrouter }", &[CostMap, Provider]),
            ("litellm_params: {}", &[CostMap, Alias]),
            ("litellm_params: 3", &[CostMap, Alias]),
        ];
        for (model, paths) in cases {
            let models = Models::read(&format!("model_list:\n  - model_name: a\n    {model}\n")).unwrap();
            assert_eq!(models.all()[0].priced_by, paths, "{model}");
        }
    }
}
