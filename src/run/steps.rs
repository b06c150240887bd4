//! The steps of a scenario, one after the other: make who is given, ask, judge, settle, check.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::settle::{Settled, moves, settle, stays};
use super::{Exchange, Stop, Time};
use crate::config::Limits;
use crate::gateway::litellm::Owner;
use crate::gateway::litellm::deployments::Deployment;
use crate::gateway::{Answer, Ask, Entity, Secret};
use crate::launch::Live;
use crate::scenario::arithmetic::{Allowed, allowed, drains_into};
use crate::scenario::{
    At, ChatFields, Count, DrainFields, Expect, Given, KeyFields, KeyState, MadeBy, Name, Place, Scenario, Settle,
    Step, Trial, UpstreamDoes, Usd,
};
use crate::upstream::{Marker, Usage};
use crate::verdict::oracle::{Standing, Wanted, Zone, broken, judge, zone};
use crate::verdict::{Finding, FindingKind};

/// How many requests a drain goes on after the one that had to be refused: enough to see that spend climbs.
const BEYOND: usize = 3;

/// A drain that no budget ends asks this often.
const ENDLESS: usize = 20;

/// The most requests that a scenario can make.
pub(super) fn most_requests(scenario: &Scenario) -> usize {
    let of_step = |(step, allowed): (&Step, Allowed)| match step {
        Step::Drain { fields, .. } => drain_range(fields, allowed).most + BEYOND + 1,
        Step::Chat { fields, .. } => times(fields),
        Step::Check { .. } => 0,
    };
    scenario.steps.iter().zip(allowed(scenario)).map(of_step).sum()
}

/// How many requests of a drain are accepted: as the scenario says, else as its budgets allow.
fn drain_range(fields: &DrainFields, allowed: Allowed) -> Count {
    match (&fields.accepted, allowed) {
        (Some(accepted), _) => accepted.value,
        (None, Allowed::Requests(count)) => count,
        (None, Allowed::Unlimited | Allowed::Unknown) => Count { least: 0, most: ENDLESS },
    }
}

fn times(fields: &ChatFields) -> usize {
    fields.times.as_ref().map_or(1, |times| usize::from(times.value))
}

/// A trial on its way.
pub(super) struct Steps<'a> {
    live: &'a Live,
    trial: &'a Trial,
    scenario: &'a Scenario,
    /// The trial's own name on the gateway and the upstream.
    name: &'a str,
    limits: Limits,
    entities: HashMap<&'a Name, Entity>,
    ledger: Ledger,
    /// What was recorded last for those whose recorded spend went wrong.
    miscounted: HashMap<&'a Name, Usd>,
    /// Who was refused since something was last charged: a charge of it may be on its way.
    refused: HashSet<&'a Name>,
    last_request: Option<Instant>,
    pub(super) findings: Vec<Finding>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) time: Time,
}

impl<'a> Steps<'a> {
    pub(super) fn new(live: &'a Live, trial: &'a Trial, name: &'a str, limits: Limits) -> Steps<'a> {
        Steps {
            live,
            trial,
            scenario: &trial.file.scenario,
            name,
            limits,
            entities: HashMap::new(),
            ledger: Ledger::default(),
            miscounted: HashMap::new(),
            refused: HashSet::new(),
            last_request: None,
            findings: Vec::new(),
            exchanges: Vec::new(),
            time: Time::default(),
        }
    }

    pub(super) async fn run(&mut self) -> Result<(), Stop> {
        let scenario = self.scenario;
        let began = Instant::now();
        let made = self.make_given().await;
        self.time.requests += began.elapsed();
        made?;
        for (step, allowed) in scenario.steps.iter().zip(allowed(scenario)) {
            match step {
                Step::Drain { key, fields } => self.drain(key, fields, allowed).await?,
                Step::Chat { key, fields } => self.chat(key, fields).await?,
                Step::Check { entity } => self.check(entity).await?,
            }
        }
        Ok(())
    }

    /// Makes users and teams, then the keys that belong to them.
    async fn make_given(&mut self) -> Result<(), Stop> {
        let gateway = &self.live.gateway;
        let scenario = self.scenario;
        for given in &scenario.given {
            let id = self.id(given.name());
            let (made, entity) = match given {
                Given::User { limits, .. } => (gateway.create_user(&id, limits).await, Entity::User(id)),
                Given::Team { limits, .. } => (gateway.create_team(&id, limits).await, Entity::Team(id)),
                Given::Key { .. } => continue,
            };
            let what = || format!("making {} `{}`", given.what(), given.name().value);
            made.map_err(|error| Stop::admin(&what(), error, given.name().place))?;
            self.entities.insert(given.name(), entity);
        }
        for given in &scenario.given {
            if let Given::Key { name, key } = given {
                let secret = self.make_key(name, key).await?;
                self.entities.insert(name, Entity::Key(secret));
            }
        }
        Ok(())
    }

    async fn make_key(&self, name: &At<Name>, key: &KeyFields) -> Result<Secret, Stop> {
        let gateway = &self.live.gateway;
        if key.state == KeyState::Unknown {
            return Ok(Secret::new(format!("sk-unknown-{}", self.id(name))));
        }
        let failed = |error| Stop::admin(&format!("making key `{}`", name.value), error, name.place);
        let user = key.user.as_ref().map(|user| self.id(user));
        let team = key.team.as_ref().map(|team| self.id(team));
        let owner = Owner { user: user.as_deref(), team: team.as_deref() };
        let maker = match (key.made_by, &user) {
            (MadeBy::Session, Some(user)) => gateway.session_of(user).await.map_err(failed)?,
            (MadeBy::Session, None) | (MadeBy::Admin, _) => gateway.admin_key().clone(),
        };
        let secret = gateway.create_key(&self.id(name), owner, key, &maker).await.map_err(failed)?;
        if key.state == KeyState::Blocked {
            gateway.block_key(&secret).await.map_err(failed)?;
        }
        Ok(secret)
    }

    /// An entity whose spend the gateway can be asked for: all but a key that was never made.
    fn recorded(&self, name: &Name) -> Option<&Entity> {
        let is_made = self.scenario.key(name).is_none_or(|key| key.state != KeyState::Unknown);
        self.entities.get(name).filter(|_| is_made)
    }

    /// What the gateway calls an entity: no two trials share a name.
    fn id(&self, name: &Name) -> String {
        format!("{}-{name}", self.name)
    }

    /// Asks until refused.
    async fn drain(&mut self, key: &'a At<Name>, fields: &DrainFields, allowed: Allowed) -> Result<(), Stop> {
        let range = drain_range(fields, allowed);
        let refusal = drains_into(fields);
        let mut accepted = 0;
        let mut too_many: Option<Finding> = None;
        let mut ended = false;
        while !ended && accepted < range.most + BEYOND + 1 {
            let before = self.standing(key);
            let answer = self.ask(key, &UpstreamDoes::default()).await?;
            let request = self.exchanges.len();
            let must_refuse = self.zone(&before) == Zone::MustRefuse;
            let wanted = match must_refuse || accepted >= range.most {
                true => Wanted::Refused(refusal.clone()),
                false if accepted < range.least => Wanted::Accepted,
                false => Wanted::Either(refusal.clone()),
            };
            ended = !matches!(answer, Answer::Accepted { .. });
            accepted += usize::from(!ended);
            match judge(&wanted, &answer, key.place, request) {
                // The first one says it; those after it only make it more.
                Some(finding) if finding.kind == FindingKind::Bypass => {
                    let kind = if must_refuse { FindingKind::Bypass } else { FindingKind::Overrun };
                    too_many.get_or_insert(Finding { kind, ..finding });
                }
                Some(finding) => self.findings.push(finding),
                None => {}
            }
        }
        if let Some(mut finding) = too_many {
            let more = self.exchanges.len() - finding.request.unwrap_or_default() - usize::from(ended);
            if more > 0 {
                finding.got = format!("{}, and {more} more after it", finding.got);
            }
            self.findings.push(finding);
        }
        Ok(())
    }

    async fn chat(&mut self, key: &'a At<Name>, fields: &ChatFields) -> Result<(), Stop> {
        let upstream = fields.upstream.clone().unwrap_or_default();
        let expect: Option<&Expect> = fields.expect.as_deref();
        for _ in 0..times(fields) {
            let zone = self.zone(&self.standing(key));
            let answer = self.ask(key, &upstream).await?;
            let wanted = Wanted::of(expect, zone, upstream.status.is_some());
            self.findings.extend(judge(&wanted, &answer, key.place, self.exchanges.len()));
        }
        Ok(())
    }

    /// One request: paced, asked, recorded, and settled if it was accepted.
    async fn ask(&mut self, key: &'a At<Name>, upstream: &UpstreamDoes) -> Result<Answer, Stop> {
        self.wait_for_pace().await;
        let scenario = self.scenario;
        let number = self.exchanges.len() + 1;
        let ask = self.request(number, upstream)?;
        let Some(Entity::Key(secret)) = self.entities.get(&key.value).cloned() else {
            return Err(Stop::Failed(format!("there is no key `{}`", key.value)));
        };
        let before = self.standing(key);
        let began = Instant::now();
        let answer = self.live.gateway.ask(&secret, &ask).await;
        let took = began.elapsed();
        self.time.requests += took;
        let calls = self.live.upstream.calls(self.name, number);
        self.exchanges.push(Exchange {
            request: number,
            line: key.place.line,
            key: key.value.to_string(),
            before,
            answer: answer.clone(),
            upstream_calls: calls,
            ms: took.as_millis() as u64,
        });
        let charged = scenario.charged(key);
        match &answer {
            Answer::Accepted { .. } => {
                self.ledger.charge(charged.iter().copied(), scenario.price.value);
                if scenario.settle == Settle::Each {
                    self.refused.retain(|name| !charged.contains(name));
                    self.settle(&charged, key.place).await?;
                }
            }
            Answer::Refused { .. } => {
                self.refused.extend(charged);
                if calls > 0 && upstream.status.is_none() {
                    self.findings.push(Finding {
                        kind: FindingKind::Leak,
                        place: key.place,
                        request: Some(number),
                        expected: "a refused request stays inside the gateway".to_owned(),
                        got: format!("{answer}, and {calls} calls of the provider"),
                        known: None,
                    });
                }
            }
            Answer::Broken { .. } => return Err(Stop::Broke(Box::new(broken(&answer, key.place, number)))),
        }
        Ok(answer)
    }

    async fn wait_for_pace(&mut self) {
        if let (Some(pace), Some(last)) = (&self.scenario.pace, self.last_request) {
            let wait = pace.duration.saturating_sub(last.elapsed());
            tokio::time::sleep(wait).await;
            self.time.pace += wait;
        }
        self.last_request = Some(Instant::now());
    }

    fn request(&self, number: usize, upstream: &UpstreamDoes) -> Result<Ask, Stop> {
        let scenario = self.scenario;
        let case = self.trial.case;
        let deployment = Deployment::of(case.priced_by);
        let price = scenario.price.value;
        let no_tokens = || {
            let path = case.priced_by.word();
            Stop::Lacks(format!("no whole number of tokens costs {price} where a model is priced by `{path}`"))
        };
        let usage: Usage = deployment.usage(price, case.api).ok_or_else(no_tokens)?;
        let late = upstream.late.as_ref().map_or(Duration::ZERO, |late| late.duration);
        let marker = Marker {
            trial: self.name.to_owned(),
            request: number,
            usage,
            model: deployment.answer_names().map(str::to_owned),
            fail_with: upstream.status.as_ref().map(|status| status.value),
            late,
        };
        Ok(Ask {
            api: case.api,
            model: deployment.model,
            prompt: format!("{marker} What is new?"),
            stream: case.stream,
            tools: scenario.tools.as_ref().map_or(0, |tools| tools.value),
            system_prompt: scenario.system_prompt.as_ref().map_or(0, |characters| characters.value),
            late,
        })
    }

    /// The budgets that hold for a key, and what the ledger says was spent of them.
    fn standing(&self, key: &Name) -> Vec<Standing> {
        let bounds = self.scenario.bounds(key).into_iter();
        let standing = bounds.map(|bound| Standing {
            whose: format!("{} {}", bound.what, bound.entity),
            spent: self.ledger.spent(bound.entity),
            max_budget: bound.max_budget,
        });
        standing.collect()
    }

    /// What the budgets ask of the next request. Where spend is not waited for, one that is spent in the ledger may
    /// not be on the gateway.
    fn zone(&self, standing: &[Standing]) -> Zone {
        match (zone(standing, self.scenario.price.value), self.scenario.settle) {
            (Zone::MustRefuse, Settle::AtCheck) => Zone::Either,
            (zone, Settle::Each | Settle::AtCheck) => zone,
        }
    }

    /// Waits for everyone that was charged, with one limit for all of them.
    async fn settle(&mut self, charged: &[&'a Name], place: Place) -> Result<(), Stop> {
        let since = Instant::now();
        for name in charged {
            self.settle_one(name, place, since).await?;
        }
        Ok(())
    }

    async fn settle_one(&mut self, name: &'a Name, place: Place, since: Instant) -> Result<(), Stop> {
        let Some(entity) = self.recorded(name) else { return Ok(()) };
        let gateway = &self.live.gateway;
        let expected = self.ledger.spent(name);
        let began = Instant::now();
        let settled = match self.miscounted.get(name) {
            // It was wrong before, so it will not be equal; waiting for that would only take long.
            Some(recorded) => moves(gateway, entity, *recorded, since + gateway.pace.behind).await,
            None => settle(gateway, entity, expected, since + self.limits.settle).await,
        };
        self.time.settle += began.elapsed();
        let settled = settled.map_err(|error| Stop::admin(&format!("reading the spend of `{name}`"), error, place))?;
        self.note(name, place, expected, settled);
        Ok(())
    }

    /// Checks that recorded spend equals the ledger, and that a refused request costs nothing later either.
    async fn check(&mut self, name: &'a At<Name>) -> Result<(), Stop> {
        self.settle(&[&name.value], name.place).await?;
        let Some(entity) = self.recorded(name) else { return Ok(()) };
        let may_be_late = !self.live.gateway.pace.behind.is_zero() && self.refused.contains(&name.value);
        if may_be_late && !self.miscounted.contains_key(&name.value) {
            let began = Instant::now();
            let expected = self.ledger.spent(name);
            let stayed = stays(&self.live.gateway, entity, expected).await;
            self.time.settle += began.elapsed();
            let failed = |error| Stop::admin(&format!("reading the spend of `{}`", name.value), error, name.place);
            let stayed = stayed.map_err(failed)?;
            self.note(name, name.place, expected, stayed);
        }
        Ok(())
    }

    /// A recorded spend that differs is a finding once for each entity.
    fn note(&mut self, name: &'a Name, place: Place, expected: Usd, settled: Settled) {
        if let Settled::Differs(recorded) = settled
            && self.miscounted.insert(name, recorded).is_none()
        {
            self.findings.push(Finding {
                kind: FindingKind::Miscount,
                place,
                request: Some(self.exchanges.len()).filter(|request| *request > 0),
                expected: format!("{expected} recorded for {name}"),
                got: format!("{recorded}"),
                known: None,
            });
        }
    }
}
