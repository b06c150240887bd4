//! What one request of a step is: its model and price, what rides in its prompt, how it is sent. Not: sending it, which is
//! `ask`.

use std::time::Duration;

use super::Stop;
use super::steps::Steps;
use crate::gateway::own::OwnPriced;
use crate::gateway::price::Priced;
use crate::gateway::{Adapter, Ask, Entity};
use crate::scenario::{Api, AskFields, At, Name, Period, PricedBy, UpstreamDoes, Usd};
use crate::upstream::{Marker, Usage};

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

    /// The request of this number, as its step and its trial say.
    pub(super) fn request(&self, number: usize, fields: &AskFields) -> Result<Ask, Stop> {
        let scenario = self.scenario;
        let case = self.trial.case;
        let api = fields.api_of(number).unwrap_or(case.api);
        let path = self.path(fields);
        let adapter = self.live.target.gateway.adapter();
        // A step may name another.
        let own_model = self.own.filter(|_| fields.priced_by.is_none() && fields.model.is_none());
        let (priced_model, usage) = match own_model {
            Some(model) => own(model, scenario.price.value, api)?,
            None => priced(adapter, path, scenario.price.value, api)?,
        };
        let does = fields.upstream.clone().unwrap_or_default();
        let clock = self.live.pace().clock;
        let on_clock = |period: Option<&At<Period>>| period.map_or(Duration::ZERO, |period| period.duration / clock);
        let UpstreamDoes { status, calls, late, chunks, pause, break_after } = &does;
        let (late, pause) = (on_clock(late.as_ref()), on_clock(pause.as_ref()));
        let chunks = chunks.as_ref().map_or(0, |chunks| chunks.value);
        let fallback = match (&fields.fallback, &self.trial.answered_by) {
            (Some(fallback), Some(name)) => Some(own(self.their(name)?, fallback.price.value, api)?),
            (Some(fallback), None) => Some(priced(adapter, fallback.priced_by.value, fallback.price.value, api)?),
            (None, _) => None,
        };
        let marker = Marker {
            trial: self.name.to_owned(),
            request: number,
            usage: usage.clone(),
            model: priced_model.answer_names.map(str::to_owned),
            fallback: fallback.as_ref().map(|(to, usage)| (to.upstream_model.to_owned(), usage.clone())),
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
        Ok(Ask {
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
            max_tokens: fields.max_tokens.as_deref().copied(),
            retries: fields.retries.as_deref().copied(),
            // Which of theirs answers, their configuration says.
            fallback: fallback.as_ref().filter(|_| self.trial.answered_by.is_none()).map(|(to, _)| to.model),
            cached: fields.cached.as_deref() == Some(&true),
            leave_after: fields.leave_after.as_deref().copied(),
            is_broken_off: fields.is_broken_off(),
            late: late * tries + pause * (u32::from(chunks) + 1),
        })
    }
}

/// A model of the operator's own, and the usage that costs exactly this price there.
fn own(own: &OwnPriced, price: Usd, api: Api) -> Result<(Priced, Usage), Stop> {
    let priced = own.priced.as_ref().map_err(|why| Stop::Lacks(why.clone()))?;
    let none = || Stop::Lacks(format!("no whole number of tokens of `{}` costs {price}", own.model));
    Ok((*priced, priced.usage(price, api).ok_or_else(none)?))
}

/// The model of a pricing path, and the usage that costs exactly this price there.
fn priced(adapter: &dyn Adapter, path: PricedBy, price: Usd, api: Api) -> Result<(Priced, Usage), Stop> {
    let (by, of, about) = (path.word(), api.word(), adapter.about());
    if !about.apis.contains(&api) {
        return Err(Stop::Lacks(format!("{} has no API `{of}`", about.name)));
    }
    let model =
        adapter.priced(path, api).ok_or_else(|| Stop::Lacks(format!("no model of {of} is priced by `{by}`")))?;
    let none =
        || Stop::Lacks(format!("no whole number of tokens costs {price} where a model of {of} is priced by `{by}`"));
    Ok((model, model.usage(price, api).ok_or_else(none)?))
}
