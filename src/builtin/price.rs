//! The models of the built-in gateway and how it prices a request: from the same `config.yaml` as LiteLLM, from what
//! its admin API is told, and from a small cost map.
//!
//! On purpose it shares no code with the harness's ledger, which it would otherwise prove right by itself.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::account::exact;
use super::faults::Fault;
use super::usage::Tally;

/// USD for one token of each kind, under LiteLLM's names for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rates(Value);

impl Rates {
    fn stated(part: &Value) -> Option<Rates> {
        let is_stated = |name: &str| exact(&part[name]).is_some();
        (is_stated("input_cost_per_token") && is_stated("output_cost_per_token")).then(|| Rates(part.clone()))
    }

    /// What one token of a kind costs in a request: by its service, else by its length, else always.
    fn of(&self, name: &str, usage: &Tally, fault: Option<Fault>) -> Option<Decimal> {
        let Rates(stated) = self;
        let by_tier = || exact(&stated[format!("{name}_{}", usage.tier)]);
        let by_length = || {
            let above = |(field, rate): (&String, &Value)| {
                let tokens = field.strip_prefix(name)?.strip_prefix("_above_")?.strip_suffix("k_tokens")?;
                Some((tokens.parse::<u64>().ok()? * 1000, exact(rate)?))
            };
            let reached = |tokens: u64| match fault {
                Some(Fault::LongPromptFromItsEdge) => usage.input >= tokens,
                Some(_) | None => usage.input > tokens,
            };
            let rates = stated.as_object()?.iter().filter_map(above).filter(|(tokens, _)| reached(*tokens));
            rates.max_by_key(|(tokens, _)| *tokens).map(|(_, rate)| rate)
        };
        let by_tier = if fault == Some(Fault::TierIgnored) { None } else { by_tier() };
        let by_length = if fault == Some(Fault::LongPromptAtShortRate) { None } else { by_length() };
        by_tier.or(by_length).or_else(|| exact(&stated[name]))
    }

    /// What an answer costs.
    fn cost(&self, usage: &Tally, fault: Option<Fault>) -> Decimal {
        let of = |name: &str| self.of(name, usage, fault);
        let input = of("input_cost_per_token").unwrap_or_default();
        let output = of("output_cost_per_token").unwrap_or_default();
        let cached = match fault {
            Some(Fault::CachedAtFullRate) => input,
            Some(Fault::CachedCostsNothing) => Decimal::ZERO,
            Some(_) | None => of("cache_read_input_token_cost").unwrap_or(input),
        };
        let written = match fault {
            Some(Fault::WrittenAtReadRate) => cached,
            Some(_) | None => of("cache_creation_input_token_cost").unwrap_or(input),
        };
        let for_an_hour = match fault {
            Some(Fault::WrittenForAnHourAtShortRate) => written,
            Some(_) | None => of("cache_creation_input_token_cost_above_1hr").unwrap_or(written),
        };
        let thought = match fault {
            Some(Fault::ReasoningAtOutputRate) => output,
            Some(_) | None => of("output_cost_per_reasoning_token").unwrap_or(output),
        };
        let (heard, spoken) = match fault {
            Some(Fault::AudioAtTextRate) => (input, output),
            Some(_) | None => {
                let heard = of("input_cost_per_audio_token").unwrap_or(input);
                (heard, of("output_cost_per_audio_token").unwrap_or(output))
            }
        };
        let special = usage.cached + usage.written + usage.written_1h + usage.audio_input;
        let read = match fault {
            Some(Fault::CachedChargedTwice) => usage.input,
            Some(_) | None => usage.input.saturating_sub(special),
        };
        let shown = match fault {
            Some(Fault::ReasoningChargedTwice) => usage.output,
            Some(_) | None => usage.output.saturating_sub(usage.reasoning + usage.audio_output),
        };
        let costs = [
            (read, input),
            (usage.cached, cached),
            (usage.written, written),
            (usage.written_1h, for_an_hour),
            (usage.audio_input, heard),
            (shown, output),
            (usage.reasoning, thought),
            (usage.audio_output, spoken),
        ];
        let cost: Decimal = costs.into_iter().map(|(tokens, rate)| rate * Decimal::from(tokens)).sum();
        if usage.is_negative { -cost } else { cost }
    }

    fn is_free(&self) -> bool {
        let Rates(stated) = self;
        let is_zero = |name: &str| exact(&stated[name]).is_some_and(|rate| rate.is_zero());
        is_zero("input_cost_per_token") && is_zero("output_cost_per_token")
    }
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
    /// Whether it is asked by Anthropic's Messages API.
    pub(super) is_of_anthropic: bool,
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
    pub(super) fn cost(&self, name: &str, usage: &Tally, fault: Option<Fault>) -> Decimal {
        let model = self.get(name);
        if let Some(per_image) = model.and_then(|model| model.per_image).filter(|_| usage.images > 0) {
            return per_image * Decimal::from(usage.images);
        }
        let known = model.and_then(|model| model.before.as_ref().map(|(rates, _)| rates).or(model.after.as_ref()));
        let by_rates = |rates: &Rates| rates.cost(usage, fault);
        known.map(by_rates).or(usage.cost).or_else(|| cost_map(&usage.model).as_ref().map(by_rates)).unwrap_or_default()
    }
}

impl PricedModel {
    pub(super) fn new(id: String, said: Value, origin: SetBy) -> PricedModel {
        let (params, info) = (&said["litellm_params"], &said["model_info"]);
        let behind = params["model"].as_str().unwrap_or_default();
        let named = |model: &Value| cost_map(model.as_str()?);
        let (provider, provider_name) = behind.split_once('/').unwrap_or(("openai", behind));
        let before = Rates::stated(params)
            .map(|rates| (rates, Source::Params))
            .or_else(|| Rates::stated(info).map(|rates| (rates, Source::ModelInfo)))
            .or_else(|| named(&info["base_model"]).map(|rates| (rates, Source::CostMap)))
            .or_else(|| {
                let is_known = matches!(provider, "openai" | "anthropic");
                cost_map(provider_name).filter(|_| is_known).map(|rates| (rates, Source::CostMap))
            });
        let after = named(&params["base_model"]);
        let stated_per_image = PER_IMAGE.iter().find_map(|name| exact(&params[*name]).or_else(|| exact(&info[*name])));
        let per_image = stated_per_image.or_else(|| (behind == "recraft/recraftv3").then(|| Decimal::new(4, 2)));
        let (provider_model, is_of_anthropic) = (provider_name.to_owned(), provider == "anthropic");
        PricedModel { id, provider_model, is_of_anthropic, before, after, per_image, origin, said }
    }

    /// Whether it is stated to cost nothing.
    pub(super) fn is_free(&self) -> bool {
        self.before.as_ref().is_some_and(|(rates, _)| rates.is_free())
            && self.per_image.is_none_or(|price| price.is_zero())
    }
}

fn cost_map(model: &str) -> Option<Rates> {
    let rates = match model {
        "gpt-4o" => {
            r#"{"input_cost_per_token":0.0000025,"cache_read_input_token_cost":0.00000125,
            "output_cost_per_token":0.00001}"#
        }
        "claude-haiku-4-5" => {
            r#"{"input_cost_per_token":0.000001,"cache_read_input_token_cost":0.0000001,
            "cache_creation_input_token_cost":0.00000125,"cache_creation_input_token_cost_above_1hr":0.000002,
            "output_cost_per_token":0.000005}"#
        }
        _ => return None,
    };
    serde_json::from_str(rates).ok().map(Rates)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::scenario::rates::Tiers;
    use crate::scenario::{PartRates, Rates as Ledger, Tier, Tokens, Usd};

    /// Numbers by chance, the same each time: xorshift.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, most: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % most
        }

        /// A rate of up to eight decimals.
        fn rate(&mut self) -> Usd {
            let scale = 3 + self.below(6) as u32;
            Usd(Decimal::new(self.below(100_000) as i64, scale))
        }

        fn maybe(&mut self) -> Option<Usd> {
            (self.below(2) == 0).then(|| self.rate())
        }

        fn parts(&mut self) -> PartRates {
            PartRates {
                input: self.maybe(),
                cached: self.maybe(),
                written: self.maybe(),
                written_1h: self.maybe(),
                audio_input: self.maybe(),
                output: self.maybe(),
                reasoning: self.maybe(),
                audio_output: self.maybe(),
            }
        }

        fn rates(&mut self) -> Ledger {
            let PartRates { cached, written, written_1h, audio_input, reasoning, audio_output, .. } = self.parts();
            let (input, output) = (self.rate(), self.rate());
            let above = if self.below(3) == 0 { BTreeMap::from([(128_000, self.parts())]) } else { BTreeMap::new() };
            let flex = (self.below(3) == 0).then(|| self.parts());
            let tier = Tiers { flex, priority: None };
            Ledger { input, cached, written, written_1h, audio_input, output, reasoning, audio_output, above, tier }
        }

        fn tokens(&mut self) -> Tokens {
            let most = [10, 1_000, 300_000][self.below(3) as usize];
            let mut part = || self.below(most);
            let (cached, written, written_1h, audio_input) = (part(), part(), part(), part());
            let (reasoning, audio_output) = (part(), part());
            let input = cached + written + written_1h + audio_input + part();
            let output = reasoning + audio_output + part();
            Tokens { input, cached, written, written_1h, audio_input, output, reasoning, audio_output }
        }
    }

    /// As a configuration states them.
    fn stated(rates: &Ledger) -> Value {
        let mut all = json!({});
        let mut add = |parts: &PartRates, suffix: &str| {
            for (name, rate) in [
                ("input_cost_per_token", parts.input),
                ("cache_read_input_token_cost", parts.cached),
                ("cache_creation_input_token_cost", parts.written),
                ("cache_creation_input_token_cost_above_1hr", parts.written_1h),
                ("input_cost_per_audio_token", parts.audio_input),
                ("output_cost_per_token", parts.output),
                ("output_cost_per_reasoning_token", parts.reasoning),
                ("output_cost_per_audio_token", parts.audio_output),
            ] {
                if let Some(rate) = rate {
                    all[format!("{name}{suffix}")] = rate.0.to_string().into();
                }
            }
        };
        add(&rates.parts(), "");
        rates.above.values().for_each(|parts| add(parts, "_above_128k_tokens"));
        rates.tier.flex.iter().for_each(|parts| add(parts, "_flex"));
        all
    }

    /// The ledger and this gateway reckon by themselves; what they agree on is no one's slip.
    #[test]
    fn a_hundred_thousand_usages_cost_what_the_ledger_says() {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for _ in 0..1_000 {
            let ledger = dice.rates();
            let rates = Rates::stated(&stated(&ledger)).unwrap();
            for _ in 0..100 {
                let tokens = dice.tokens();
                let tier = if dice.below(2) == 0 { Tier::Flex } else { Tier::Default };
                let usage = Tally {
                    tier: tier.word().to_owned(),
                    input: tokens.input,
                    cached: tokens.cached,
                    written: tokens.written,
                    written_1h: tokens.written_1h,
                    audio_input: tokens.audio_input,
                    output: tokens.output,
                    reasoning: tokens.reasoning,
                    audio_output: tokens.audio_output,
                    ..Tally::default()
                };
                let sum = ledger.sum(&tokens, tier);
                assert_eq!(rates.cost(&usage, None), sum.total().0, "{sum} at {ledger:?}");
            }
        }
    }
}
