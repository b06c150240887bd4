//! The steps of a scenario, one after the other. What each does is in `ask` (requests), `change` (entities and parts
//! of the target) and `books` (recorded spend); here is what they share.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::convoy::Traveller;
use super::doubt::Short;
use super::ledger::Ledger;
use super::own::asked;
use super::world::World;
use super::{InDoubt, Stop};
use crate::config::Limits;
use crate::gateway::Gateway;
use crate::gateway::own::OwnPriced;
use crate::launch::{Live, Share, Topology, Turn, Undisturbed};
use crate::outcome::{Acted, Answer, Exchange, Finding, FindingKind, MovedAt, Standing, Time};
use crate::scenario::arithmetic::{Allowed, allowed};
use crate::scenario::charge::{Asker, asked_model, bounds};
use crate::scenario::rates::Sum;
use crate::scenario::{
    Alone, AskFields, Count, Instance, Name, Period, Place, PricedBy, Provider, Rates, Scenario, Settle, Step, Trial,
    Usd,
};
use crate::verdict::oracle::{Zone, zone};

/// How many requests a drain goes on after the one that had to be refused: enough to see that spend climbs.
pub(super) const BEYOND: usize = 3;

/// A drain that no budget ends asks this often.
const ENDLESS: usize = 20;

/// How long before a request `within` is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);

/// About how long a trial takes on a gateway that writes its books some seconds behind: for putting the longest first.
pub(super) fn length(trial: &Trial) -> Duration {
    const BOOKED: Duration = Duration::from_secs(3);
    /// For what does not come.
    const PATIENCE: Duration = Duration::from_secs(30);
    let scenario = &trial.file.scenario;
    let booked = if scenario.settle == Settle::Each { requests(scenario) } else { 1 };
    let booked = BOOKED.saturating_mul(u32::try_from(booked).unwrap_or(u32::MAX));
    let patience = if may_go_uncharged(trial) { PATIENCE } else { Duration::ZERO };
    stated_time(scenario).saturating_add(booked).saturating_add(patience)
}

/// Whether gateways are known to charge nothing for such requests: streams whose price they learn from the answer only, and
/// answers that are broken off.
fn may_go_uncharged(trial: &Trial) -> bool {
    let late_price = matches!(trial.case.priced_by, PricedBy::Alias | PricedBy::Provider);
    let is_broken_off = |step: &Step| match step {
        Step::Drain { fields, .. } | Step::Chat { fields, .. } => fields.is_broken_off(),
        Step::List { .. } | Step::Check { .. } | Step::Change { .. } | Step::Disturb { .. } | Step::Move { .. } => {
            false
        }
    };
    trial.case.stream && late_price || trial.file.scenario.steps.iter().any(is_broken_off)
}

/// The most requests that a scenario asks, one after the other.
fn requests(scenario: &Scenario) -> usize {
    scenario
        .steps
        .iter()
        .zip(allowed(scenario))
        .map(|(step, allowed)| match step {
            Step::Drain { fields, .. } => drain_range(fields, allowed).most + BEYOND + 1,
            Step::Chat { fields, .. } if fields.at_once.is_some() => 1,
            Step::Chat { fields, .. } => fields.count(),
            Step::List { .. } | Step::Check { .. } | Step::Change { .. } | Step::Disturb { .. } | Step::Move { .. } => {
                0
            }
        })
        .sum()
}

/// The longest that a scenario takes by its own words: a pace for each of its requests, and what it waits for.
pub(super) fn stated_time(scenario: &Scenario) -> Duration {
    let pace = scenario.pace.as_ref().map_or(Duration::ZERO, |pace| pace.duration);
    let waits = scenario.steps.iter().filter_map(|step| match step {
        Step::Chat { fields, .. } => fields.within.as_deref(),
        Step::Check { fields, .. } => fields.within.as_deref(),
        Step::Drain { .. } | Step::List { .. } | Step::Change { .. } | Step::Disturb { .. } | Step::Move { .. } => None,
    });
    let waits: Duration = waits.map(|period| period.duration).sum();
    pace.saturating_mul(u32::try_from(requests(scenario)).unwrap_or(u32::MAX)).saturating_add(waits)
}

/// How many requests of a drain are accepted: as the scenario says, else as its budgets allow.
pub(super) fn drain_range(fields: &AskFields, allowed: Allowed) -> Count {
    match (&fields.accepted, allowed) {
        (Some(accepted), _) => accepted.value,
        (None, Allowed::Requests(count)) => count,
        (None, Allowed::Unlimited | Allowed::Unknown) => Count { least: 0, most: ENDLESS },
    }
}

/// A running trial.
pub(super) struct Steps<'a> {
    pub(super) live: &'a Live,
    pub(super) trial: &'a Trial,
    pub(super) scenario: &'a Scenario,
    /// The model of the operator's own configuration that it asks, if it does not ask ours.
    pub(super) own: Option<&'a OwnPriced>,
    /// The trial's own name on the gateway and the upstream.
    pub(super) name: &'a str,
    pub(super) limits: Limits,
    /// None if its caller has one, or none is needed any more: looking at books takes none.
    pub(super) turn: Option<Turn>,
    /// The step that it is at.
    pub(super) at: Place,
    pub(super) topology: Topology,
    pub(super) world: World,
    pub(super) ledger: Ledger,
    /// What was recorded last for those whose recorded spend went wrong.
    pub(super) miscounted: HashMap<Name, Usd>,
    /// Whose books were short of a charge, and how many findings are of more than was spent.
    pub(super) short: Vec<Short>,
    pub(super) exceeded: usize,
    pub(super) in_doubt: InDoubt,
    /// With whom its target comes to another version.
    pub(super) convoy: Option<&'a Traveller>,
    /// How much later than usual the slowest charge was in the books.
    pub(super) late: Duration,
    /// Whose spend nobody knows, until a `check` states it: an answer was broken off.
    pub(super) uncertain: HashSet<Name>,
    /// Who was refused since the last charge, and when last: a charge for it may be on its way.
    pub(super) refused: HashMap<Name, Instant>,
    /// How many requests there were, and which were whose.
    pub(super) requests: usize,
    pub(super) requests_of: HashMap<Name, Vec<usize>>,
    /// The number that each key's last request has in its text.
    pub(super) texts_of: HashMap<Name, usize>,
    pub(super) last_request: Option<Instant>,
    pub(super) findings: Vec<Finding>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) acts: Vec<Acted>,
    pub(super) moves: Vec<MovedAt>,
    /// The end of the gateway's log when the first finding was made.
    pub(super) log: Vec<String>,
    pub(super) time: Time,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        live: &'a Live,
        trial: &'a Trial,
        name: &'a str,
        limits: Limits,
        turn: Option<Turn>,
    ) -> Steps<'a> {
        let scenario = &trial.file.scenario;
        let instances = scenario.instances.as_ref().map_or(1, |instances| instances.value);
        Steps {
            live,
            trial,
            scenario,
            own: None,
            name,
            limits,
            turn,
            at: Place::default(),
            topology: Topology { instances, redis: trial.case.redis },
            world: World::new(&scenario.given, name),
            ledger: Ledger::default(),
            miscounted: HashMap::new(),
            short: Vec::new(),
            exceeded: 0,
            in_doubt: InDoubt::GoOn,
            convoy: None,
            late: Duration::ZERO,
            uncertain: HashSet::new(),
            refused: HashMap::new(),
            requests: 0,
            requests_of: HashMap::new(),
            texts_of: HashMap::new(),
            last_request: None,
            findings: Vec::new(),
            exchanges: Vec::new(),
            acts: Vec::new(),
            moves: Vec::new(),
            log: Vec::new(),
            time: Time::default(),
        }
    }

    pub(super) async fn run(&mut self) -> Result<(), Stop> {
        let scenario = self.scenario;
        let began = Instant::now();
        let live = self.live;
        self.own = asked(live, self.trial).map_err(Stop::Lacks)?;
        let turn = live.turn(Share::Making).await;
        let made = self.make_given().await;
        drop(turn);
        self.time.requests += began.elapsed();
        made?;
        let last_act = scenario.steps.iter().rposition(|step| !matches!(step, Step::Check { .. }));
        for (index, (step, allowed)) in scenario.steps.iter().zip(allowed(scenario)).enumerate() {
            if last_act.is_none_or(|last| index > last) {
                // Others would have disturbed it; nothing can any more.
                self.turn = self.turn.take().filter(|_| scenario.alone != Some(Alone::First));
            }
            self.at = step.place();
            let done = self.step(step, allowed).await;
            if self.log.is_empty() && (!self.findings.is_empty() || done.is_err()) {
                self.log = live.log_tail().await;
            }
            done?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &'a Step, allowed: Allowed) -> Result<(), Stop> {
        match step {
            Step::Drain { key, fields } => self.drain(key, fields, allowed).await,
            Step::Chat { key, fields } if fields.at_once.is_some() => self.crowd(key, fields, allowed).await,
            Step::Chat { key, fields } => self.chat(key, fields).await,
            Step::List { key, fields } => self.list(key, fields).await,
            Step::Check { entity, fields } => self.check(entity, fields).await,
            Step::Change { act, entity, fields } => self.change(*act, entity, fields).await,
            Step::Disturb { act, part } => self.disturb(*act, part).await,
            Step::Move { to, part } => self.move_to(*to, part).await,
        }
    }

    /// The instance of the gateway that a step is about.
    pub(super) async fn node(&self, instance: Instance) -> Result<Gateway, Stop> {
        self.live.node(self.topology, instance).await.map_err(undisturbed)
    }

    /// A period of the scenario on this gateway's clock.
    pub(super) fn on_clock(&self, period: &Period) -> Duration {
        period.duration / self.live.pace().clock
    }

    /// What the gateway said, if it says that its database or Redis is gone; unless the scenario disturbs a part.
    pub(super) fn says_what_is_gone(&self) -> Option<String> {
        if self.scenario.steps.iter().any(|step| matches!(step, Step::Disturb { .. } | Step::Move { .. })) {
            return None;
        }
        let refusals = self.live.target.gateway.adapter().about().refusals;
        let answers = self.exchanges.iter().filter_map(|exchange| match &exchange.answer {
            Answer::Refused { status: 500.., message, .. } => Some(message),
            Answer::Refused { .. } | Answer::Accepted { .. } | Answer::Broken { .. } => None,
        });
        let faults = self.findings.iter().filter(|finding| finding.kind == FindingKind::Fault);
        let mut said = answers.chain(faults.map(|finding| &finding.got));
        said.find(|said| refusals.says_what_is_gone(said)).cloned()
    }

    /// The pricing path of a request: the one it names, else that of the model it names, else the trial's.
    pub(super) fn path(&self, fields: &AskFields) -> PricedBy {
        let of_model = || {
            let model = asked_model(&self.world.given, fields)?;
            Some(model.fields.priced_by.as_deref().copied().unwrap_or(PricedBy::Token))
        };
        let of_trial = || self.own.and_then(|own| own.path).unwrap_or(self.trial.case.priced_by);
        fields.priced_by.as_deref().copied().or_else(of_model).unwrap_or_else(of_trial)
    }

    /// Who answers a request: the provider of the model it names, else the trial's.
    pub(super) fn provider(&self, fields: &AskFields) -> Provider {
        let model = asked_model(&self.world.given, fields);
        model.and_then(|model| model.fields.provider.as_deref().copied()).unwrap_or(self.trial.case.provider)
    }

    /// The rates of the model that a request names, if they are said.
    pub(super) fn rates_of_model(&self, fields: &AskFields) -> Option<&Rates> {
        asked_model(&self.world.given, fields)?.fields.rates.as_deref()
    }

    /// What the usage of a request costs, if it is said and the model has rates.
    pub(super) fn sum(&self, fields: &AskFields) -> Option<Sum> {
        let tokens = fields.usage()?.tokens();
        let rates = match self.rates_of_model(fields) {
            Some(rates) => rates.clone(),
            None => self.priced_model(self.trial.case.api, fields).ok()?.cost.rates()?,
        };
        Some(rates.sum(&tokens, fields.served()))
    }

    /// What an accepted request costs if the upstream answered it.
    pub(super) fn price(&self, fields: &AskFields) -> Usd {
        match (&fields.fallback, &fields.costs) {
            (Some(fallback), _) => fallback.price.value,
            (None, Some(costs)) => costs.value,
            (None, None) if self.path(fields).costs() => {
                self.sum(fields).map_or(self.scenario.price.value, |sum| sum.total())
            }
            (None, None) => Usd::ZERO,
        }
    }

    /// The budgets that hold for a request, and what the ledger says was spent of them. None holds for what is free.
    pub(super) fn standing(&self, asker: Asker<'_>, path: PricedBy) -> Vec<Standing> {
        if matches!(path, PricedBy::Free | PricedBy::FreeAlias) {
            return Vec::new();
        }
        let bounds = bounds(&self.world.given, asker).into_iter();
        let standing = bounds.map(|bound| Standing {
            whose: format!("{} {}", bound.kind.word(), bound.entity),
            spent: self.ledger.spent(&bound.entity),
            max_budget: bound.max_budget,
        });
        standing.collect()
    }

    /// What the budgets ask of the next request. Where spend is not waited for, one that is spent in the ledger may
    /// not be on the gateway.
    pub(super) fn zone(&self, standing: &[Standing], price: Usd) -> Zone {
        match (zone(standing, price), self.scenario.settle) {
            (Zone::MustRefuse, Settle::AtCheck) => Zone::Either,
            (zone, Settle::Each | Settle::AtCheck) => zone,
        }
    }
}

pub(super) fn undisturbed(why: Undisturbed) -> Stop {
    match why {
        Undisturbed::Lacks(reason) => Stop::Lacks(reason),
        Undisturbed::Failed(reason) => Stop::Failed(reason),
    }
}
