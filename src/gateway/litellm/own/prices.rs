//! How each of their models is priced, as their file says and LiteLLM's own `/model/info` shows. Not: asking them.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::provider;
use crate::gateway::connection::amount;
use crate::gateway::litellm::configured::Models;
use crate::gateway::own::{OwnConfig, OwnModel, OwnPriced};
use crate::gateway::price::{Cost, KNOWN, KNOWN_MODEL, Parts, Priced};
use crate::gateway::yaml::Node;
use crate::scenario::{Api, PricedBy};

/// The answer of `GET /model/info`.
#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct Shown {
    data: Vec<ShownModel>,
}

/// A deployment as LiteLLM shows it; each rate as it is written, so that none passes through a float.
#[derive(Debug, Clone, Deserialize)]
struct ShownModel {
    model_name: String,
    #[serde(default)]
    model_info: ShownInfo,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ShownInfo {
    input_cost_per_token: Option<Box<RawValue>>,
    output_cost_per_token: Option<Box<RawValue>>,
}

/// USD for one input and one output token.
type Rates = (Decimal, Decimal);

impl ShownInfo {
    fn rates(&self) -> Rates {
        let rate = |json: &Option<Box<RawValue>>| {
            json.as_ref().and_then(|json| amount(json.get())).map_or(Decimal::ZERO, |rate| rate.0.normalize())
        };
        (rate(&self.input_cost_per_token), rate(&self.output_cost_per_token))
    }
}

/// Whether one of these deployments states something of this kind.
fn states(items: &[&Node], is: impl Fn(&str) -> bool) -> bool {
    let parts =
        items.iter().flat_map(|item| ["litellm_params", "model_info"].into_iter().filter_map(|part| item.get(part)));
    parts.flat_map(Node::fields).any(|field| is(&field.key))
}

/// The rates of a deployment, as shown; of one that has only the name of a base model, LiteLLM may show none, and they are
/// those of that model if we know it.
fn rates(shown: &ShownModel, item: Option<&&Node>) -> Rates {
    let base = ["model_info", "litellm_params"].iter().find_map(|part| item?.get(part)?.text_of("base_model"));
    let base = base.map(|base| base.rsplit('/').next().unwrap_or(base));
    match (shown.model_info.rates(), KNOWN) {
        ((input, output), Cost::Tokens { input: of_input, output: of_output, .. })
            if input.is_zero() && output.is_zero() && base == Some(KNOWN_MODEL) =>
        {
            (of_input, of_output)
        }
        (rates, _) => rates,
    }
}

/// How each of their models is priced, in the order of the file.
pub(in super::super) fn of(own: &OwnConfig, shown: &Shown) -> Vec<OwnPriced> {
    let Ok(models) = Models::read(&own.tree.written()) else { return Vec::new() };
    own.models.iter().map(|model| priced(model, own, shown, &models)).collect()
}

fn priced(model: &OwnModel, own: &OwnConfig, shown: &Shown, models: &Models) -> OwnPriced {
    let target = model.alias_of.as_ref().unwrap_or(&model.name);
    let behind = own.models.iter().find(|other| other.name == *target).unwrap_or(model);
    let not_asked = |says: String, why: &str| OwnPriced {
        model: model.name.clone(),
        says,
        path: None,
        api: Api::Chat,
        streams: false,
        priced: Err(why.to_owned()),
        stands_in: false,
        alias_of: model.alias_of.clone(),
        fallbacks: model.fallbacks.clone(),
    };
    let (Some(first), None) = (behind.behind.first(), &behind.left_out) else {
        return not_asked(String::new(), behind.left_out.as_deref().unwrap_or("there is no such model"));
    };
    if behind.mocked {
        return not_asked(String::new(), "its answers are made up by the gateway");
    }
    if behind.is_wildcard() {
        return not_asked(
            "by the name that is asked for".to_owned(),
            "it stands for many: name one of them in the file",
        );
    }
    let deployments: Vec<&ShownModel> = shown.data.iter().filter(|of| of.model_name == *target).collect();
    let items = own.tree.get("model_list").map(Node::items).unwrap_or_default().iter();
    let items: Vec<&Node> = items.filter(|item| item.text_of("model_name") == Some(target)).collect();
    let all: Vec<Rates> = deployments.iter().enumerate().map(|(at, shown)| rates(shown, items.get(at))).collect();
    let Some((input, output)) = all.first().copied() else {
        return not_asked(String::new(), "the gateway does not show it");
    };
    if all.iter().any(|other| *other != (input, output)) {
        return not_asked("several".to_owned(), "its deployments have different prices: which is asked, nobody knows");
    }
    if states(&items, |key| key.ends_with("cost_per_second")) {
        return not_asked("by the second".to_owned(), "what is priced by time is not asked");
    }
    let configured = models.named(target);
    let Some(configured) = configured.first() else { return not_asked(String::new(), "it is not in the file") };
    let api = match behind.mode.as_deref() {
        Some("image_generation") => {
            return not_asked("by the image".to_owned(), "what is priced by the image is not asked");
        }
        Some("embedding") => Api::Embeddings,
        Some("completion") => Api::Completions,
        Some("responses") => Api::Responses,
        _ => Api::Chat,
    };
    let stated = configured.priced_by.first().copied().unwrap_or(PricedBy::CostMap);
    let (path, cost, says) = match (stated, input.is_zero() && output.is_zero()) {
        (PricedBy::Free, true) => (PricedBy::Free, Cost::Nothing, "0: free, as the file says".to_owned()),
        (_, false) => {
            let million = Decimal::from(1_000_000);
            let each = |rate: Decimal| (rate * million).normalize();
            let more = match states(&items, |key| key.contains("_above_") || key.starts_with("cache_")) {
                true => "; neither higher tiers nor cached tokens are asked",
                false => "",
            };
            let (input_each, output_each) = (each(input), each(output));
            let says = format!("{input_each} and {output_each} USD for a million tokens, by {}{more}", stated.word());
            (stated, Cost::Tokens { input, output, parts: Parts::NONE }, says)
        }
        (PricedBy::ParamsBaseModel | PricedBy::BaseModel, true) => {
            let why = "its base model's price is not shown, so that it cannot be reckoned";
            return not_asked("not shown: of a base model".to_owned(), why);
        }
        // What it costs can only come from the answer: asked so that it does.
        (_, true) if configured.priced_by.contains(&PricedBy::Provider) => {
            (PricedBy::Provider, Cost::Reported, "none; its provider's answer says the cost".to_owned())
        }
        (_, true) => (PricedBy::Alias, KNOWN, format!("none; asked so that the answer names {KNOWN_MODEL}")),
    };
    // Of the others, some (Mistral) are never asked for the usage of a stream, and say it all the same.
    const ASKED: [&str; 7] = ["openai", "azure", "anthropic", "openrouter", "deepseek", "hosted_vllm", "litellm_proxy"];
    let streams = provider::of(first, None).is_some_and(|(name, model)| {
        ASKED.contains(&name) || matches!(provider::stand_in(name, model), provider::StandIn::Behind(_))
    });
    let upstream = first.split_once('/').map_or(first.as_str(), |(_, rest)| rest);
    let priced = Priced {
        // A name of a model lives as long as the process, as those of ours do.
        model: String::leak(model.name.clone()),
        upstream_model: String::leak(upstream.to_owned()),
        answer_names: (path == PricedBy::Alias).then_some(KNOWN_MODEL),
        cost,
    };
    OwnPriced {
        model: model.name.clone(),
        says,
        path: Some(path),
        api,
        streams,
        priced: Ok(priced),
        stands_in: model.alias_of.is_none() && model.fallbacks.is_empty() && model.limits.is_empty(),
        alias_of: model.alias_of.clone(),
        fallbacks: model.fallbacks.clone(),
    }
}
