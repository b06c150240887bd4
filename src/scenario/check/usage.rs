//! What the provider reports, and what it costs: counts that can be, in words that the provider has, at rates that there
//! are.

use super::Checked;
use crate::scenario::usage::UsageFields;
use crate::scenario::{Api, AskFields, At, Given, PricedBy, Provider, Rates, Tier};

/// The most tokens of a request: sums of them, at any rate, stay exact.
const MOST_TOKENS: u64 = 100_000_000;

impl Checked<'_> {
    /// The rates of a model, and how the gateway learns of them.
    pub(super) fn rates(&mut self, given: &Given) {
        if let Some(provider) = &given.fields.provider {
            self.provider(provider);
        }
        let Some(rates) = &given.fields.rates else { return };
        if let Some(path) = given.fields.priced_by.as_ref()
            && !matches!(path.value, PricedBy::Token | PricedBy::ModelInfo)
        {
            let title = format!("a model that is priced by `{}` has no rates of its own", path.value.word());
            self.mistake(path.place, title, "expected token or model_info");
        }
        if let Some(tokens) = rates.above.keys().find(|tokens| *tokens % 1000 != 0 || **tokens == 0) {
            let title = format!("`above: {tokens}` is no number of thousands");
            self.mistake(rates.place, title, "gateways know thresholds such as 128000 and 200000");
        }
    }

    /// The usage and the service that requests are answered with.
    pub(super) fn usage(&mut self, fields: &AskFields) {
        self.tier(fields);
        let apis: Vec<Api> = match &fields.api {
            Some(apis) => apis.0.clone(),
            None => self.scenario.api.0.clone(),
        };
        let on_messages = apis.contains(&Api::Messages);
        if let Some(tier) = fields.tier.as_ref().filter(|_| on_messages) {
            self.mistake(tier.place, "a request of messages asks for no such service", "expected chat or responses");
        }
        let Some(usage) = fields.upstream.as_ref().and_then(|does| does.usage.as_ref()) else { return };
        self.counts(usage);
        for api in apis.iter().filter(|api| matches!(api, Api::Images | Api::Embeddings)) {
            let title = format!("{} have no such usage", api.word());
            self.mistake(usage.place, title, "this is for APIs that answer with text");
        }
        let model = fields.model.as_ref().and_then(|name| self.scenario.entity(name));
        let providers = match model.and_then(|model| model.fields.provider.as_ref()) {
            Some(provider) => vec![provider.value],
            None => self.scenario.provider.0.clone(),
        };
        let of_openai = |name: &str| matches!(name, "reasoning" | "audio_input" | "audio_output");
        let lacks = |provider: Provider, name: &str| match provider {
            Provider::Openai => matches!(name, "written" | "written_1h"),
            Provider::Anthropic => of_openai(name),
        };
        if on_messages && let Some((name, at)) = usage.said().find(|(name, at)| of_openai(name) && at.value > 0) {
            let title = format!("an answer of messages does not report `{name}`");
            self.mistake(at.place, title, "expected chat or responses");
        }
        let audio = |(name, at): &(&str, &At<u64>)| name.starts_with("audio") && at.value > 0;
        if apis.contains(&Api::Responses)
            && let Some((name, at)) = usage.said().find(audio)
        {
            let title = format!("an answer of responses does not report `{name}`");
            self.mistake(at.place, title, "expected chat");
        }
        for provider in providers {
            let said: Vec<_> = usage.said().filter(|(name, at)| lacks(provider, name) && at.value > 0).collect();
            for (name, at) in said {
                let who = if provider == Provider::Openai { "OpenAI" } else { "Anthropic" };
                let label = match provider {
                    Provider::Openai => "say `provider: anthropic`, or leave it out",
                    Provider::Anthropic => "leave it out",
                };
                self.mistake(at.place, format!("{who} does not report `{name}`"), label);
            }
        }
        self.costs(fields, usage, model.and_then(|model| model.fields.rates.as_ref()));
    }

    fn counts(&mut self, usage: &At<UsageFields>) {
        let tokens = usage.tokens();
        let parts = |names: [&str; 4]| {
            usage.said().filter(move |(name, at)| names.contains(name) && at.value > 0).last().map(|(_, at)| at.place)
        };
        for (name, at) in usage.said().filter(|(_, at)| at.value > MOST_TOKENS).map(|(name, at)| (name, at.place)) {
            self.mistake(at, format!("`{name}` is out of range"), &format!("expected at most {MOST_TOKENS}"));
        }
        let of_input = tokens.cached + tokens.written + tokens.written_1h + tokens.audio_input;
        for (whole, all, sum, place) in [
            ("input", tokens.input, of_input, parts(["cached", "written", "written_1h", "audio_input"])),
            (
                "output",
                tokens.output,
                tokens.reasoning + tokens.audio_output,
                parts(["reasoning", "audio_output", "", ""]),
            ),
        ] {
            if let Some(place) = place.filter(|_| sum > all) {
                let title = format!("the parts of `{whole}` are {sum} tokens, but all of it is {all}");
                let label = format!("`{whole}` counts all tokens, those of its parts, too");
                self.mistake(place, title, &label);
            }
        }
    }

    /// A service that the model has no price for, if its rates are said.
    fn tier(&mut self, fields: &AskFields) {
        let model = fields.model.as_ref().and_then(|name| self.scenario.entity(name));
        let Some(rates) = model.and_then(|model| model.fields.rates.as_ref()) else { return };
        let served = fields.upstream.as_ref().and_then(|does| does.tier.as_ref());
        for tier in [fields.tier.as_ref(), served].into_iter().flatten() {
            if tier.value != Tier::Default && rates.tier.of(tier.value).is_none() {
                let title = format!("the model has no price for `{}`", tier.value.word());
                let label = format!("give its `rates` a `tier: {{ {}: ... }}`", tier.value.word());
                self.mistake(tier.place, title, &label);
            }
        }
    }

    /// What it is said to cost, against what its usage costs.
    fn costs(&mut self, fields: &AskFields, usage: &At<UsageFields>, rates: Option<&At<Rates>>) {
        let (Some(costs), Some(rates)) = (&fields.costs, rates) else { return };
        let sum = rates.sum(&usage.tokens(), fields.served());
        if fields.shape().is_none_or(|shape| shape.says_usage()) && sum.total() != costs.value {
            let title = format!("`costs` is {}, but the usage costs {}", costs.value, sum.total());
            self.mistake(costs.place, title, &format!("{sum}"));
        }
    }

    /// Who answers, and on which APIs that can be asked: of the scenario, or of one model.
    pub(super) fn provider(&mut self, provider: &At<Provider>) {
        let apis = &self.scenario.api;
        let is_asked = provider.value == Provider::Anthropic;
        let lacks = |api: &&Api| !matches!(api, Api::Chat | Api::Messages | Api::Responses);
        if let Some(api) = apis.0.iter().find(lacks).filter(|_| is_asked) {
            let title = format!("Anthropic does not answer what is asked on {}", api.word());
            self.mistake(provider.place, title, "expected chat, messages or responses");
        }
    }
}
