//! What answers say, against what the provider sent and what the step expects. Not: whether they were right to come, which is
//! `ask`.

use super::Stop;
use super::steps::Steps;
use crate::outcome::{Answer, Exchange, Finding, FindingKind};
use crate::scenario::charge::may_share;
use crate::scenario::{Api, AskFields, Expect, IncludeUsage, Name, Place, Refusal, Stated};
use crate::upstream::Provided;
use crate::verdict::fidelity::{self, Wrong};

impl Steps<'_> {
    /// How an accepted answer differs from the provider's; nobody can say of one that was broken off.
    pub(super) fn altered(&self, provided: &Provided, fields: &AskFields, exchange: &Exchange) -> Option<Wrong> {
        if fields.is_broken_off() || !matches!(exchange.answer, Answer::Accepted { .. }) {
            return None;
        }
        let (api, streamed) = self.form(exchange.request, fields);
        let tells_usage = !streamed
            || match api {
                Api::Chat | Api::Completions | Api::Passthrough => self.trial.case.include_usage == IncludeUsage::Asked,
                Api::Messages | Api::Responses | Api::Embeddings | Api::Images => true,
            };
        fidelity::altered(provided, &exchange.said, tells_usage)
    }

    /// Whether an accepted request got what somebody else was answered, who is not of its team.
    pub(super) fn shared(&self, key: &Name, fields: &AskFields, exchange: &Exchange) -> Option<Wrong> {
        let other = fields.repeats.as_deref()?;
        let is_accepted = matches!(exchange.answer, Answer::Accepted { .. });
        let is_shared = is_accepted && exchange.upstream_calls == 0 && !may_share(&self.world.given, key, other);
        is_shared.then(|| Wrong {
            kind: FindingKind::Leak,
            expected: format!("an answer of the provider for {key}"),
            got: format!("what {other} was answered, and no call of the provider"),
        })
    }

    /// The API of a request, and whether its answer is streamed.
    pub(super) fn form(&self, number: usize, fields: &AskFields) -> (Api, bool) {
        let api = fields.api_of(number).unwrap_or(self.trial.case.api);
        (api, api.streams() && fields.stream.as_deref().copied().unwrap_or(self.trial.case.stream))
    }

    /// Notes what is wrong with an answer: of each kind once for a step.
    pub(super) fn note_wrong(&mut self, wrong: Option<Wrong>, place: Place, request: usize) {
        let Some(Wrong { kind, expected, got }) = wrong else { return };
        let is_new =
            |finding: &Finding| (finding.kind, finding.place.line, &finding.expected) != (kind, place.line, &expected);
        if self.findings.iter().all(is_new) {
            // A figure that an answer states does not come later.
            self.exceeded += usize::from(kind == FindingKind::Miscount);
            self.findings.push(Finding { kind, place, request: Some(request), expected, got, known: None });
        }
    }

    /// Holds what an answer says against what its step expects, if it was as wanted otherwise.
    pub(super) fn hold(&mut self, expect: &Expect, fields: &AskFields, exchange: &Exchange) -> Result<(), Stop> {
        let place = self.at;
        match (expect, &exchange.answer) {
            (Expect::Accepted(stated), Answer::Accepted { .. }) => self.hold_stated(stated, fields, exchange, place),
            (Expect::Refused(refusal), Answer::Refused { .. }) => self.hold_refusal(refusal, exchange, place),
            (Expect::Accepted(_) | Expect::Refused(_), _) => Ok(()),
        }
    }

    fn hold_stated(
        &mut self,
        stated: &Stated,
        fields: &AskFields,
        exchange: &Exchange,
        place: Place,
    ) -> Result<(), Stop> {
        let Stated { cost, usage, remaining } = stated;
        let about = self.live.target.gateway.adapter().about();
        let (api, streamed) = self.form(exchange.request, fields);
        let said = &exchange.said;
        let of = || format!("{} {}", if streamed { "a streamed answer of" } else { "an answer of" }, api.word());
        let lacks = |what: &str| Stop::Lacks(format!("{} of {} says nothing of {what}", of(), about.name));
        if cost.is_some() {
            if said.cost.is_none() && !(about.tells.costs)(api, streamed) {
                return Err(lacks("its cost"));
            }
            self.note_wrong(fidelity::cost(self.booked(fields, exchange), said), place, exchange.request);
        }
        if let Some(remaining) = remaining {
            if said.remaining_requests.is_none() && !(about.tells.remains)(api, streamed) {
                return Err(lacks("the requests that are left"));
            }
            self.note_wrong(fidelity::remaining(remaining.requests, said), place, exchange.request);
        }
        if usage.is_some() && said.usage.is_none() {
            match api {
                Api::Images => return Err(lacks("its usage")),
                // What it says, and where it has to say it, was judged before.
                Api::Chat | Api::Completions | Api::Messages | Api::Responses | Api::Embeddings | Api::Passthrough => {}
            }
        }
        Ok(())
    }

    fn hold_refusal(&mut self, refusal: &Refusal, exchange: &Exchange, place: Place) -> Result<(), Stop> {
        let about = self.live.target.gateway.adapter().about();
        let is_silent = |what: &str| Stop::Lacks(format!("a refusal of {} does not say {what}", about.name));
        if refusal.names.is_some() && about.tells.names.is_empty() {
            return Err(is_silent("whom it is about"));
        }
        if refusal.retry_after.is_some() && !about.tells.retry_after {
            return Err(is_silent("when to ask again"));
        }
        self.note_wrong(fidelity::refusal(refusal, &exchange.said), place, exchange.request);
        Ok(())
    }
}
