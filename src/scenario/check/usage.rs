//! What the provider reports, and what it costs: counts that can be, in words that the provider has, at rates that there
//! are.

use super::Checked;
use crate::scenario::charge::asked_model;
use crate::scenario::usage::UsageFields;
use crate::scenario::{Api, AskFields, At, Given, PricedBy, Provider, Rates, Tier, TokenKind};

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
        let scenario = self.scenario;
        let model = asked_model(&scenario.given, fields);
        let rates = model.and_then(|model| model.fields.rates.as_ref());
        self.tier(fields, rates);
        let apis: Vec<Api> = match &fields.api {
            Some(apis) => apis.0.clone(),
            None => self.scenario.api.0.clone(),
        };
        let on_messages = apis.contains(&Api::Messages);
        if let Some(tier) = fields.tier.as_ref().filter(|_| on_messages) {
            self.mistake(tier.place, "a request of messages asks for no such service", "expected chat or responses");
        }
        let Some(usage) = fields.upstream.as_ref().and_then(|does| does.usage.as_ref()) else { return };
        let out_of_range: Vec<_> = usage.said().filter(|(_, at)| at.value > MOST_TOKENS).collect();
        for (kind, at) in &out_of_range {
            let title = format!("`{}` is out of range", kind.word());
            self.mistake(at.place, title, &format!("expected at most {MOST_TOKENS}"));
        }
        if !out_of_range.is_empty() {
            return;
        }
        self.counts(usage);
        for api in apis.iter().filter(|api| matches!(api, Api::Images | Api::Embeddings)) {
            let title = format!("{} have no such usage", api.word());
            self.mistake(usage.place, title, "this is for APIs that answer with text");
        }
        let providers = match model.and_then(|model| model.fields.provider.as_ref()) {
            Some(provider) => vec![provider.value],
            None => self.scenario.provider.0.clone(),
        };
        let of_openai =
            |kind: TokenKind| matches!(kind, TokenKind::Reasoning | TokenKind::AudioInput | TokenKind::AudioOutput);
        let lacks = |provider: Provider, kind: TokenKind| match provider {
            Provider::Openai => matches!(kind, TokenKind::Written | TokenKind::WrittenForAnHour),
            Provider::Anthropic => of_openai(kind),
        };
        let reported: Vec<_> = usage.said().filter(|(_, at)| at.value > 0).collect();
        if on_messages && let Some((kind, at)) = reported.iter().find(|(kind, _)| of_openai(*kind)) {
            let title = format!("an answer of messages does not report `{}`", kind.word());
            self.mistake(at.place, title, "expected chat or responses");
        }
        let is_sound = |kind: TokenKind| matches!(kind, TokenKind::AudioInput | TokenKind::AudioOutput);
        if apis.contains(&Api::Responses)
            && let Some((kind, at)) = reported.iter().find(|(kind, _)| is_sound(*kind))
        {
            let title = format!("an answer of responses does not report `{}`", kind.word());
            self.mistake(at.place, title, "expected chat");
        }
        for provider in providers {
            for (kind, at) in reported.iter().filter(|(kind, _)| lacks(provider, *kind)) {
                let (who, label) = match provider {
                    Provider::Openai => ("OpenAI", "say `provider: anthropic`, or leave it out"),
                    Provider::Anthropic => ("Anthropic", "leave it out"),
                };
                self.mistake(at.place, format!("{who} does not report `{}`", kind.word()), label);
            }
        }
        self.costs(fields, usage, rates);
    }

    /// No part is more than its whole.
    fn counts(&mut self, usage: &At<UsageFields>) {
        for whole in [TokenKind::Input, TokenKind::Output] {
            let is_part = |(kind, at): &(TokenKind, &At<u64>)| kind.whole() == whole && *kind != whole && at.value > 0;
            let parts: Vec<_> = usage.said().filter(is_part).map(|(_, at)| at).collect();
            let (all, sum) = (usage.tokens().of(whole), parts.iter().map(|at| at.value).sum::<u64>());
            if let Some(last) = parts.last().filter(|_| sum > all) {
                let whole = whole.word();
                let title = format!("the parts of `{whole}` are {sum} tokens, but all of it is {all}");
                let label = format!("`{whole}` counts all tokens, those of its parts, too");
                self.mistake(last.place, title, &label);
            }
        }
    }

    /// A service that the model has no price for, if its rates are said.
    fn tier(&mut self, fields: &AskFields, rates: Option<&At<Rates>>) {
        let Some(rates) = rates else { return };
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
