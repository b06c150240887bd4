//! The steps that ask a model: `drain`, `chat` one after the other, again and again, or in a crowd.

use std::time::{Duration, Instant};

use super::Stop;
use super::steps::{ASK_AGAIN, BEYOND, Steps, drain_range, undisturbed};
use crate::gateway::adapter::{Feature, Statuses};
use crate::outcome::{Answer, Company, Exchange, Finding, FindingKind, Said};
use crate::scenario::arithmetic::{Allowed, drains_into};
use crate::scenario::charge::{Asker, charged};
use crate::scenario::{AskFields, At, Count, Expect, Instance, ListFields, Name, Period, Place, Settle, Usd};
use crate::verdict::fidelity::Wrong;
use crate::verdict::oracle::{Wanted, Zone, broken, judge};

impl<'a> Steps<'a> {
    /// Asks until refused.
    pub(super) async fn drain(
        &mut self,
        key: &'a At<Name>,
        fields: &'a AskFields,
        allowed: Allowed,
    ) -> Result<(), Stop> {
        let range = drain_range(fields, allowed);
        let refusal = drains_into(fields);
        let mut accepted = 0;
        let mut too_many: Option<Finding> = None;
        let mut ended = false;
        while !ended && accepted < range.most + BEYOND + 1 {
            let before = self.standing(Asker::of(key, fields), self.path(fields));
            let must_refuse = self.zone(&before, self.price(fields)) == Zone::MustRefuse;
            // It is known to go wrong; how far is not worth waiting for each time.
            let answer = match too_many {
                None => self.ask(key, fields).await?,
                Some(_) => self.ask_unsettled(key, fields, self.requests + 1).await?,
            };
            let wanted = self.wanted(match must_refuse || accepted >= range.most {
                true => Wanted::Refused(refusal.clone()),
                false if accepted < range.least => Wanted::Accepted,
                false => Wanted::Either(refusal.clone()),
            });
            ended = !matches!(answer, Answer::Accepted { .. });
            accepted += usize::from(!ended);
            match self.judge(&wanted, &answer, key.place) {
                // The first is the finding; those after it only add to it.
                Some(finding) if finding.kind == FindingKind::Bypass => {
                    let kind = if must_refuse { FindingKind::Bypass } else { FindingKind::Overrun };
                    too_many.get_or_insert(Finding { kind, ..finding });
                }
                Some(finding) => self.findings.push(finding),
                None => {}
            }
        }
        if let Some(mut finding) = too_many {
            self.settle_charged(key, fields).await?;
            let more = self.requests - finding.request.unwrap_or_default() - usize::from(ended);
            if more > 0 {
                finding.got = format!("{}, and {more} more after it", finding.got);
            }
            self.findings.push(finding);
        }
        self.hold_last(fields)
    }

    /// Asks once, several times in a row, or again and again until the answer is as expected.
    pub(super) async fn chat(&mut self, key: &'a At<Name>, fields: &'a AskFields) -> Result<(), Stop> {
        if let (Some(within), Some(expect)) = (&fields.within, fields.expect.as_deref()) {
            return self.until(key, fields, within, expect).await;
        }
        let repeated = fields.repeats.as_deref().and_then(|other| self.texts_of.get(other)).copied();
        let first = repeated.unwrap_or(self.requests + 1);
        for _ in 0..fields.count() {
            let zone = self.zone(&self.standing(Asker::of(key, fields), self.path(fields)), self.price(fields));
            let answer = match fields.cached.as_deref() {
                _ if repeated.is_some() => self.ask_as(key, fields, first).await?,
                Some(true) => self.ask_as(key, fields, first).await?,
                Some(false) | None => self.ask(key, fields).await?,
            };
            let wanted = self.wanted(Wanted::of(fields.expect.as_deref(), zone, fields.fails()));
            let finding = self.judge(&wanted, &answer, key.place);
            self.findings.extend(finding);
            self.hold_last(fields)?;
        }
        Ok(())
    }

    /// Holds what the last answer says against what its step expects.
    fn hold_last(&mut self, fields: &AskFields) -> Result<(), Stop> {
        let Some(expect) = fields.expect.as_ref().filter(|expect| expect.asks()) else { return Ok(()) };
        let last = self.exchanges.last().cloned();
        last.map_or(Ok(()), |exchange| self.hold(expect, fields, &exchange))
    }

    /// What is wanted, with a status only where scenarios decide it.
    fn wanted(&self, wanted: Wanted) -> Wanted {
        match self.live.target.gateway.adapter().about().statuses {
            Statuses::OfScenarios => wanted,
            Statuses::OfItsTable => wanted.for_its_reason(),
        }
    }

    /// Judges the last answer.
    fn judge(&mut self, wanted: &Wanted, answer: &Answer, place: Place) -> Option<Finding> {
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.expected = Some(wanted.to_string());
        }
        judge(wanted, answer, place, self.requests)
    }

    /// Asks until the answer is as expected, or time is up. Only the first and the last request are kept, and nothing is
    /// settled on the way: how many there are is random.
    async fn until(
        &mut self,
        key: &'a At<Name>,
        fields: &'a AskFields,
        within: &Period,
        expect: &Expect,
    ) -> Result<(), Stop> {
        let limit = self.on_clock(within);
        let began = Instant::now();
        let wanted = self.wanted(Wanted::of(Some(expect), Zone::Either, false));
        let mut kept = 0;
        loop {
            self.requests += 1;
            let (mut exchange, altered) = self.send(key, fields, self.requests, Company::Again).await?;
            self.note_wrong(altered, key.place, self.requests);
            exchange.expected = Some(wanted.to_string());
            let answer = exchange.answer.clone();
            let finding = judge(&wanted, &answer, key.place, self.requests);
            // Refused for the expected reason, with another status: waiting will not change that.
            let is_it = finding
                .as_ref()
                .is_none_or(|finding| finding.kind == FindingKind::WrongRefusal && answer.is_refusal_for(expect));
            let is_last = is_it || began.elapsed() >= limit;
            self.book(key, fields, &exchange)?;
            if kept < 1 || is_last {
                self.exchanges.push(exchange);
                kept += 1;
            }
            if is_last {
                if let Some(finding) = finding {
                    let expected = format!("{} within {} s", finding.expected, within.duration.as_secs());
                    self.findings.push(Finding { expected, ..finding });
                }
                self.hold_last(fields)?;
                return match answer {
                    Answer::Accepted { .. } => self.settle_charged(key, fields).await,
                    Answer::Refused { .. } | Answer::Broken { .. } => Ok(()),
                };
            }
            let again = ASK_AGAIN / self.live.pace().clock;
            tokio::time::sleep(again).await;
            self.time.pace += again;
        }
    }

    /// Asks many times at once, and counts.
    pub(super) async fn crowd(
        &mut self,
        key: &'a At<Name>,
        fields: &'a AskFields,
        allowed: Allowed,
    ) -> Result<(), Stop> {
        let size = fields.count();
        let range = match (&fields.accepted, allowed) {
            (Some(accepted), _) => accepted.value,
            (None, Allowed::Requests(count)) => count,
            (None, Allowed::Unlimited) => Count { least: size, most: size },
            (None, Allowed::Unknown) => Count { least: 0, most: size },
        };
        let first = self.requests + 1;
        self.requests += size;
        let sent = (first..first + size).map(|number| self.send(key, fields, number, Company::AtOnce));
        let answered = futures_util::future::join_all(sent).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (mut exchanges, altered): (Vec<_>, Vec<_>) = answered.into_iter().unzip();
        for (exchange, altered) in exchanges.iter().zip(altered) {
            self.note_wrong(altered, key.place, exchange.request);
        }
        let wanted = self.wanted(Wanted::Either(drains_into(fields)));
        exchanges.iter_mut().for_each(|exchange| exchange.expected = Some(wanted.to_string()));
        let mut odd: Vec<Finding> = Vec::new();
        for exchange in &exchanges {
            self.book(key, fields, exchange)?;
            let finding = judge(&wanted, &exchange.answer, key.place, exchange.request);
            // One of each kind is enough.
            odd.extend(finding.filter(|finding| odd.iter().all(|other| other.kind != finding.kind)));
            if let Some(expect) = &fields.expect {
                self.hold(expect, fields, exchange)?;
            }
        }
        self.findings.extend(odd);
        let is_accepted = |exchange: &&Exchange| matches!(exchange.answer, Answer::Accepted { .. });
        let accepted = exchanges.iter().filter(is_accepted).count();
        self.exchanges.extend(exchanges);
        let kind = match accepted {
            more if more > range.most => Some(FindingKind::Overrun),
            fewer if fewer < range.least => Some(FindingKind::FalseRefusal),
            _ => None,
        };
        if let Some(kind) = kind {
            self.findings.push(Finding {
                kind,
                place: key.place,
                request: None,
                expected: format!("{range} of {size} at once accepted"),
                got: accepted.to_string(),
                known: None,
            });
        }
        match accepted {
            0 => Ok(()),
            _ => self.settle_charged(key, fields).await,
        }
    }

    /// Asks for the list of models, which costs nothing and says nothing of budgets.
    pub(super) async fn list(&mut self, key: &'a At<Name>, fields: &ListFields) -> Result<(), Stop> {
        let gateway = self.node(Instance::First).await?;
        let Some(secret) = self.world.key(key) else {
            return Err(Stop::Failed(format!("there is no key `{}`", key.value)));
        };
        if let Some(why) = gateway.lacks_feature(Feature::List) {
            return Err(Stop::Lacks(why));
        }
        let end_user = self.carried(fields.end_user.as_ref());
        let began = Instant::now();
        let (sent, answer) = gateway.list_models(secret, end_user.as_deref()).await;
        gateway.lacks_route(&answer, Feature::List.word()).map_or(Ok(()), |why| Err(Stop::Lacks(why)))?;
        let took = began.elapsed();
        self.time.requests += took;
        self.requests += 1;
        self.exchanges.push(Exchange {
            request: self.requests,
            line: key.place.line,
            key: format!("{} (list)", key.value),
            on: Instance::First,
            sent,
            before: Vec::new(),
            costs: None,
            expected: None,
            answer: answer.clone(),
            said: Said::default(),
            upstream_calls: 0,
            ms: took.as_millis() as u64,
            company: Company::Alone,
            is_settled: false,
        });
        let wanted = fields.expect.as_deref().or(Some(&Expect::ACCEPTED));
        let wanted = self.wanted(Wanted::of(wanted, Zone::Either, false));
        let finding = self.judge(&wanted, &answer, key.place);
        self.findings.extend(finding);
        Ok(())
    }

    /// One request: paced, asked, recorded, and settled if it was accepted.
    async fn ask(&mut self, key: &'a At<Name>, fields: &'a AskFields) -> Result<Answer, Stop> {
        self.ask_as(key, fields, self.requests + 1).await
    }

    /// The same, with the text of this request number: one that was asked before may be answered from a cache.
    async fn ask_as(&mut self, key: &'a At<Name>, fields: &'a AskFields, text: usize) -> Result<Answer, Stop> {
        let answer = self.ask_unsettled(key, fields, text).await?;
        if matches!(answer, Answer::Accepted { .. }) {
            self.settle_charged(key, fields).await?;
        }
        Ok(answer)
    }

    async fn ask_unsettled(&mut self, key: &'a At<Name>, fields: &'a AskFields, text: usize) -> Result<Answer, Stop> {
        self.wait_for_pace().await;
        self.requests += 1;
        let (mut exchange, altered) = self.send(key, fields, text, Company::Alone).await?;
        exchange.request = self.requests;
        let altered = altered.or_else(|| self.shared(key, fields, &exchange));
        self.texts_of.insert(key.value.clone(), text);
        self.note_wrong(altered, key.place, exchange.request);
        let answer = exchange.answer.clone();
        let booked = self.book(key, fields, &exchange);
        self.exchanges.push(exchange);
        booked?;
        Ok(answer)
    }

    /// Sends one request, and returns what came of it, and how that differs from what the provider sent. Nothing is charged
    /// or judged yet.
    async fn send(
        &self,
        key: &'a At<Name>,
        fields: &'a AskFields,
        number: usize,
        company: Company,
    ) -> Result<(Exchange, Option<Wrong>), Stop> {
        let instance = fields.on.as_deref().copied().unwrap_or_default();
        let gateway = self.node(instance).await?;
        let features = [
            (fields.retries.is_some(), Feature::Retries),
            (fields.fallback.is_some(), Feature::Fallback),
            (fields.cached.is_some(), Feature::Cached),
        ];
        for (_, feature) in features.into_iter().filter(|(is_asked, _)| *is_asked) {
            gateway.lacks_feature(feature).map_or(Ok(()), |why| Err(Stop::Lacks(why)))?;
        }
        let (ask, provided) = self.request(number, fields)?;
        let Some(secret) = self.world.key(key) else {
            return Err(Stop::Failed(format!("there is no key `{}`", key.value)));
        };
        let before = self.standing(Asker::of(key, fields), self.path(fields));
        let calls = || async { self.live.calls(self.name, &[number]).await.map_err(undisturbed) };
        let calls_before = calls().await?;
        let began = Instant::now();
        let (sent, answer, said) = gateway.ask(secret, &ask).await;
        let said = Said { is_asked: fields.expect.as_deref().is_some_and(Expect::asks), ..said };
        gateway.lacks_route(&answer, ask.api.word()).map_or(Ok(()), |why| Err(Stop::Lacks(why)))?;
        let ms = began.elapsed().as_millis() as u64;
        let exchange = Exchange {
            request: number,
            line: key.place.line,
            key: key.value.to_string(),
            on: instance,
            sent,
            before,
            costs: self.sum(fields).map(|sum| format!("{sum} = {}", sum.total())),
            expected: None,
            answer,
            said,
            upstream_calls: calls().await? - calls_before,
            ms,
            company,
            is_settled: false,
        };
        let altered = self.altered(&provided, fields, &exchange);
        Ok((exchange, altered))
    }

    /// Everyone that a request is charged to, as they are now.
    fn charged(&self, key: &Name, fields: &AskFields) -> Vec<Name> {
        let charged = charged(&self.world.given, Asker::of(key, fields));
        charged.into_iter().map(|entity| entity.name.value.clone()).collect()
    }

    /// What an accepted answer costs: nothing, if it came from a cache.
    pub(super) fn booked(&self, fields: &AskFields, exchange: &Exchange) -> Usd {
        match fields.cached.is_some() && exchange.upstream_calls == 0 {
            true => Usd::ZERO,
            false => self.price(fields),
        }
    }

    /// Charges the ledger for an answer, and notes what it must not have done.
    fn book(&mut self, key: &'a At<Name>, fields: &AskFields, exchange: &Exchange) -> Result<(), Stop> {
        self.time.requests += Duration::from_millis(exchange.ms);
        self.requests_of.entry(key.value.clone()).or_default().push(exchange.request);
        let charged = self.charged(key, fields);
        match &exchange.answer {
            Answer::Accepted { .. } if fields.is_unforeseen() => self.uncertain.extend(charged),
            Answer::Accepted { .. } => {
                if let Some(end_user) = fields.end_user.as_deref() {
                    // An unknown end user is made by its first request.
                    self.world.is_known(end_user);
                }
                let price = self.booked(fields, exchange);
                self.ledger.charge(&charged, price);
            }
            Answer::Refused { .. } => {
                let now = Instant::now();
                self.refused.extend(charged.into_iter().map(|name| (name, now)));
                let may_call = fields.upstream.as_ref().is_some_and(|does| does.status.is_some());
                if exchange.upstream_calls > 0 && !may_call {
                    self.findings.push(Finding {
                        kind: FindingKind::Leak,
                        place: key.place,
                        request: Some(exchange.request),
                        expected: "a refused request stays inside the gateway".to_owned(),
                        got: format!("{}, and {} calls of the provider", exchange.answer, exchange.upstream_calls),
                        known: None,
                    });
                }
            }
            Answer::Broken { .. } => {
                return Err(Stop::Broke(Box::new(broken(&exchange.answer, key.place, exchange.request))));
            }
        }
        Ok(())
    }

    /// Waits until an accepted request is recorded for everyone, where the scenario waits for that.
    async fn settle_charged(&mut self, key: &'a At<Name>, fields: &AskFields) -> Result<(), Stop> {
        if self.scenario.settle != Settle::Each || fields.is_unforeseen() {
            return Ok(());
        }
        let names = self.charged(key, fields);
        self.refused.retain(|name, _| !names.contains(name));
        if let Some(last) = self.exchanges.last_mut() {
            last.is_settled = true;
        }
        self.settle(&names, key.place).await
    }

    async fn wait_for_pace(&mut self) {
        if let (Some(pace), Some(last)) = (&self.scenario.pace, self.last_request) {
            let wait = self.on_clock(pace).saturating_sub(last.elapsed());
            tokio::time::sleep(wait).await;
            self.time.pace += wait;
        }
        self.last_request = Some(Instant::now());
    }
}
