//! What one request of a step is: its model and price, what rides in its prompt, how it is sent. Not: sending it, which is
//! `ask`.

use std::time::Duration;

use super::Stop;
use super::steps::Steps;
use crate::gateway::own::OwnPriced;
use crate::gateway::price::{Cost, Priced};
use crate::gateway::{Adapter, Ask, Entity};
use crate::scenario::{Api, AskFields, At, Name, Period, PricedBy, Provider, UpstreamDoes, Usd};
use crate::upstream::{Marker, Provided, Usage};

impl Steps<'_> {
    /// What the gateway calls an end user or a tag that a request names.
    pub(super) fn carried(&self, name: Option<&At<Name>>) -> Option<String> {
        match self.world.entity(name?)? {
            Entity::EndUser(id) | Entity::Tag(id) => Some(id.clone()),
            Entity::Budget(_)
            | Entity::Organisation(_)
            | Entity::Team(_)
            | Entity::User(_)
            | Entity::Member { .. }
            | Entity::Model { .. }
            | Entity::Key { .. } => None,
        }
    }

    /// A model of the operator's own configuration.
    fn their(&self, name: &str) -> Result<&OwnPriced, Stop> {
        let models = self.live.own.as_ref().ok();
        let model = models.and_then(|models| models.iter().find(|own| own.model == *name));
        model.ok_or_else(|| Stop::Lacks(format!("its configuration has no model `{name}`")))
    }

    /// Their model that a request asks; a step may name another.
    fn own_model(&self, fields: &AskFields) -> Option<&OwnPriced> {
        self.own.filter(|_| fields.priced_by.is_none() && fields.model.is_none())
    }

    /// The model that a request asks on an API, unless it names one: theirs, or ours of its pricing path.
    pub(super) fn priced_model(&self, api: Api, fields: &AskFields) -> Result<Priced, Stop> {
        match self.own_model(fields) {
            Some(model) => own(model),
            None => {
                let adapter = self.live.target.gateway.adapter();
                priced(adapter, self.path(fields), api, self.provider(fields))
            }
        }
    }

    /// The request of this number, as its step and its trial say, and what the upstream will answer.
    pub(super) fn request(&self, number: usize, fields: &AskFields) -> Result<(Ask, Provided), Stop> {
        let scenario = self.scenario;
        let case = self.trial.case;
        let (api, streamed) = self.form(number, fields);
        let path = self.path(fields);
        let price = fields.costs.as_deref().copied().unwrap_or(scenario.price.value);
        let mut priced_model = self.priced_model(api, fields)?;
        if let Some(rates) = self.rates_of_model(fields) {
            priced_model.cost = Cost::of(rates);
        }
        let usage = match (fields.usage(), self.own_model(fields)) {
            (Some(usage), _) => {
                Usage { tokens: usage.tokens(), cost: (priced_model.cost == Cost::Reported).then_some(price) }
            }
            (None, Some(model)) => usage_of_own(model, &priced_model, price, api)?,
            (None, None) => usage_of(&priced_model, path, price, api)?,
        };
        let does = fields.upstream.clone().unwrap_or_default();
        let clock = self.live.pace().clock;
        let on_clock = |period: Option<&At<Period>>| period.map_or(Duration::ZERO, |period| period.duration / clock);
        let UpstreamDoes { status, calls, late, chunks, pause, break_after, shape, tier, same_id, .. } = &does;
        let (late, pause) = (on_clock(late.as_ref()), on_clock(pause.as_ref()));
        let chunks = chunks.as_ref().map_or(0, |chunks| chunks.value);
        let fallback = match (&fields.fallback, &self.trial.answered_by) {
            (Some(fallback), Some(name)) => {
                let own_model = self.their(name)?;
                let model = own(own_model)?;
                Some((model, usage_of_own(own_model, &model, fallback.price.value, api)?))
            }
            (Some(fallback), None) => {
                let (adapter, path) = (self.live.target.gateway.adapter(), fallback.priced_by.value);
                let model = priced(adapter, path, api, case.provider)?;
                Some((model, usage_of(&model, path, fallback.price.value, api)?))
            }
            (None, _) => None,
        };
        let marker = Marker {
            trial: self.name.to_owned(),
            request: number,
            usage: usage.clone(),
            model: priced_model.answer_names.map(str::to_owned),
            fallback: fallback.as_ref().map(|(to, usage)| (to.upstream_model.to_owned(), usage.clone())),
            shape: shape.as_deref().copied().unwrap_or_default(),
            tier: tier.as_deref().copied(),
            same_id: same_id.as_deref() == Some(&true),
            fail_with: status.as_ref().map(|status| status.value),
            fail_calls: calls.as_ref().map(|calls| usize::from(calls.value)),
            late,
            chunks,
            pause,
            break_after: break_after.as_ref().map(|chunks| chunks.value),
        };
        let model = match fields.model.as_deref().map(|name| self.world.entity(name)) {
            Some(Some(Entity::Model { name, .. })) => name.clone(),
            Some(_) => return Err(Stop::Failed("the model was not made".to_owned())),
            None => priced_model.model.to_owned(),
        };
        let tries = 1 + fields.retries.as_ref().map_or(0, |retries| u32::from(retries.value));
        let provided = marker.provided(api, streamed);
        let ask = Ask {
            api,
            model,
            prompt: format!("{marker} What is new?"),
            stream: fields.stream.as_deref().copied().unwrap_or(case.stream),
            include_usage: case.include_usage,
            tools: scenario.tools.as_ref().map_or(0, |tools| tools.value),
            system_prompt: scenario.system_prompt.as_ref().map_or(0, |characters| characters.value),
            images: priced_model.images(scenario.price.value).unwrap_or(1),
            end_user: self.carried(fields.end_user.as_ref()).map(|id| (id, case.end_user_in)),
            tag: self.carried(fields.tag.as_ref()).map(|id| (id, case.tag_in)),
            tier: fields.tier.as_deref().copied(),
            max_tokens: fields.max_tokens.as_deref().copied(),
            retries: fields.retries.as_deref().copied(),
            // Which of theirs answers, their configuration says.
            fallback: fallback.as_ref().filter(|_| self.trial.answered_by.is_none()).map(|(to, _)| to.model),
            cached: fields.cached.as_deref() == Some(&true),
            leave_after: fields.leave_after.as_deref().copied(),
            is_broken_off: fields.is_broken_off(),
            late: late * tries + pause * (u32::from(chunks) + 1),
        };
        Ok((ask, provided))
    }
}

/// A model of the operator's own.
fn own(own: &OwnPriced) -> Result<Priced, Stop> {
    own.priced.clone().map_err(Stop::Lacks)
}

/// The usage that costs exactly this price there.
fn usage_of_own(own: &OwnPriced, model: &Priced, price: Usd, api: Api) -> Result<Usage, Stop> {
    let none = || Stop::Lacks(format!("no whole number of tokens of `{}` costs {price}", own.model));
    model.usage(price, api).ok_or_else(none)
}

/// The model of a pricing path.
fn priced(adapter: &dyn Adapter, path: PricedBy, api: Api, provider: Provider) -> Result<Priced, Stop> {
    let (by, of, about) = (path.word(), api.word(), adapter.about());
    if !about.apis.contains(&api) {
        return Err(Stop::Lacks(format!("{} has no API `{of}`", about.name)));
    }
    adapter.priced(path, api, provider).ok_or_else(|| {
        Stop::Lacks(match provider {
            Provider::Openai => format!("no model of {of} is priced by `{by}`"),
            Provider::Anthropic => format!("no model of {of} is answered by Anthropic and priced by `{by}`"),
        })
    })
}

/// The usage that costs exactly this price.
fn usage_of(model: &Priced, path: PricedBy, price: Usd, api: Api) -> Result<Usage, Stop> {
    let (by, of) = (path.word(), api.word());
    let none =
        || Stop::Lacks(format!("no whole number of tokens costs {price} where a model of {of} is priced by `{by}`"));
    model.usage(price, api).ok_or_else(none)
}
