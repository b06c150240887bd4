//! The models of the built-in gateway and how it prices a request: from the same `config.yaml` as LiteLLM, from what
//! its admin API is told, and from a small cost map.
//!
//! On purpose it shares no code with the harness's ledger, which it would otherwise prove right by itself.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::account::exact;
use super::usage::Tally;

/// USD for one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates {
    input: Decimal,
    output: Decimal,
}

/// Where a model's rates come from, if they are known before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Params,
    ModelInfo,
    CostMap,
}

/// Who defined a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetBy {
    Config,
    Admin,
    /// The admin API, in a later update.
    Updated,
}

/// A model that can be asked.
#[derive(Debug, Clone)]
pub(super) struct PricedModel {
    pub(super) id: String,
    /// All that was said of it.
    pub(super) said: Value,
    /// What the provider calls it.
    pub(super) provider_model: String,
    pub(super) before: Option<(Rates, Source)>,
    /// As in LiteLLM: a base model in `litellm_params` is looked at only after the call.
    after: Option<Rates>,
    per_image: Option<Decimal>,
    pub(super) origin: SetBy,
}

/// Every model that can be asked, by the name that requests use.
#[derive(Debug, Default)]
pub(super) struct PricedModels {
    known: HashMap<String, PricedModel>,
    aliases: HashMap<String, String>,
    /// The budget object for end users that have no budget of their own.
    pub(super) default_end_user_budget: Option<String>,
}

/// The fields that hold a price for an image.
const PER_IMAGE: [&str; 2] = ["output_cost_per_image", "input_cost_per_image"];

impl PricedModels {
    pub(super) fn read(config: &str) -> Result<PricedModels, String> {
        let config: Value = serde_saphyr::from_str(config).map_err(|error| error.to_string())?;
        let mut models = PricedModels::default();
        let list = config["model_list"].as_array().ok_or("there is no model_list")?;
        for (number, said) in list.iter().enumerate() {
            let id = said["model_info"]["id"].as_str().map_or_else(|| format!("config-{number}"), str::to_owned);
            let name = said["model_name"].as_str().ok_or("a model has no name")?;
            models.known.insert(name.to_owned(), PricedModel::new(id, said.clone(), SetBy::Config));
        }
        let aliases = config["router_settings"]["model_group_alias"].as_object().into_iter().flatten();
        let target = |alias: &Value| alias.as_str().or(alias["model"].as_str()).map(str::to_owned);
        models.aliases = aliases.filter_map(|(name, alias)| Some((name.clone(), target(alias)?))).collect();
        let budget = config["litellm_settings"]["max_end_user_budget_id"].as_str();
        models.default_end_user_budget = budget.map(str::to_owned);
        Ok(models)
    }

    /// A model by its name, or by another name for it.
    pub(super) fn get(&self, name: &str) -> Option<&PricedModel> {
        self.known.get(self.aliases.get(name).map_or(name, String::as_str))
    }

    pub(super) fn is_alias(&self, name: &str) -> bool {
        self.aliases.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.known.keys().chain(self.aliases.keys())
    }

    pub(super) fn add(&mut self, name: &str, model: PricedModel) {
        self.known.insert(name.to_owned(), model);
    }

    /// The name and the model with an id.
    pub(super) fn of_id(&self, id: &str) -> Option<(String, &PricedModel)> {
        self.known.iter().find(|(_, model)| model.id == id).map(|(name, model)| (name.clone(), model))
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&PricedModel) -> bool) {
        self.known.retain(|_, model| stays(model));
    }

    /// Leaves those that the admin API has made without a price.
    pub(super) fn forget_prices_of_admin(&mut self) {
        for model in self.known.values_mut().filter(|model| model.origin != SetBy::Config) {
            (model.before, model.after, model.per_image) = (None, None, None);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// What an answer costs: by what is known of the model, else by what the answer itself says.
    pub(super) fn cost(&self, name: &str, usage: &Tally) -> Decimal {
        let by_rates =
            |rates: Rates| rates.input * Decimal::from(usage.input) + rates.output * Decimal::from(usage.output);
        let model = self.get(name);
        if let Some(per_image) = model.and_then(|model| model.per_image).filter(|_| usage.images > 0) {
            return per_image * Decimal::from(usage.images);
        }
        let known = model.and_then(|model| model.before.map(|(rates, _)| rates).or(model.after));
        known.map(by_rates).or(usage.cost).or_else(|| cost_map(&usage.model).map(by_rates)).unwrap_or_default()
    }
}

impl PricedModel {
    pub(super) fn new(id: String, said: Value, origin: SetBy) -> PricedModel {
        let (params, info) = (&said["litellm_params"], &said["model_info"]);
        let behind = params["model"].as_str().unwrap_or_default();
        let provider_model = behind.split_once('/').map_or(behind, |(_, model)| model).to_owned();
        let stated = |part: &Value| {
            let rate = |name: &str| exact(&part[name]);
            Some(Rates { input: rate("input_cost_per_token")?, output: rate("output_cost_per_token")? })
        };
        let named = |model: &Value| cost_map(model.as_str()?);
        let before = stated(params)
            .map(|rates| (rates, Source::Params))
            .or_else(|| stated(info).map(|rates| (rates, Source::ModelInfo)))
            .or_else(|| named(&info["base_model"]).map(|rates| (rates, Source::CostMap)))
            .or_else(|| cost_map(behind.strip_prefix("openai/")?).map(|rates| (rates, Source::CostMap)));
        let after = named(&params["base_model"]);
        let stated_per_image = PER_IMAGE.iter().find_map(|name| exact(&params[*name]).or_else(|| exact(&info[*name])));
        let per_image = stated_per_image.or_else(|| (behind == "recraft/recraftv3").then(|| Decimal::new(4, 2)));
        PricedModel { id, provider_model, before, after, per_image, origin, said }
    }

    /// Whether it is stated to cost nothing.
    pub(super) fn is_free(&self) -> bool {
        let free = |(rates, _): (Rates, Source)| rates.input.is_zero() && rates.output.is_zero();
        self.before.is_some_and(free) && self.per_image.is_none_or(|price| price.is_zero())
    }
}

fn cost_map(model: &str) -> Option<Rates> {
    (model == "gpt-4o").then(|| Rates { input: Decimal::new(25, 7), output: Decimal::new(1, 5) })
}
