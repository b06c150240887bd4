//! A search among versions: each is launched, tried and taken away again, one after the other, the two ends first. What
//! the next one needs is fetched while one runs. What happens is told as events. Not: which version is next ([`crate::bisect`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use tokio::task::{AbortHandle, JoinSet};

use super::learned::{Learned, Results};
use crate::bisect::{Between, Search, Side, Sought, Told};
use crate::config::{KnownDeviation, Limits};
use crate::host::gate::Gate;
use crate::launch::{LaunchError, Live, RunId, launch, prepare};
use crate::outcome::{Outcome, TrialResult};
use crate::run::jobs::AT_FIRST;
use crate::run::rollout::{self, Together};
use crate::run::run_trial;
use crate::scenario::{Rollout, Trial, TrialId};
use crate::target::Target;
use crate::verdict::deviation;

/// What to do.
#[derive(Debug, Clone)]
pub struct SearchPlan {
    /// In their order: the change is between the first and the last.
    pub targets: Vec<Target>,
    /// All from one scenario.
    pub trials: Vec<Trial>,
    /// Whether the first is the bad one, and the search is for a good one after it.
    pub fixed: bool,
    pub limits: Limits,
    pub known: Vec<KnownDeviation>,
    /// What each version is upgraded from; each from itself, if nothing is named.
    pub from: Option<Target>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum SearchEvent {
    /// A search that was stopped had tried this many targets already.
    Resumed(usize),
    Launching(String),
    Launched {
        target: String,
        seconds: f64,
    },
    NotLaunched(LaunchError),
    /// This trial is followed, because one end has this finding and the other has not; these others could be followed, too.
    Follows {
        trial: TrialId,
        sought: Box<Sought>,
        others: Vec<TrialId>,
    },
    Told {
        target: usize,
        told: Told,
        results: Vec<TrialResult>,
    },
    /// What is learned is not kept, for this reason.
    Forgets(String),
    Ended(SearchEnd),
}

/// Why it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchEnd {
    /// No other version can tell more.
    Found {
        last_before: usize,
        first_after: usize,
    },
    /// An end could not be launched.
    NotLaunched(LaunchError),
    /// The bad one passes all trials.
    Passes,
    /// The good one has whatever the bad one has.
    BothFail,
    /// An end could not be judged.
    Broke {
        target: String,
        reason: String,
    },
    Interrupted,
}

/// How often a trial is run on each version, at the same time; and how often more if its results differ.
const TRIES: usize = 2;
const MORE: usize = 3;

/// Runs a plan. Once the gate is closed, no more trials begin.
pub async fn bisect(plan: &SearchPlan, run: &RunId, gate: &Gate, tell: &(dyn Fn(SearchEvent) + Sync)) {
    let state = Learned::of(plan).unwrap_or_else(|why| {
        tell(SearchEvent::Forgets(why));
        Learned::default()
    });
    if !state.kept.is_empty() {
        tell(SearchEvent::Resumed(state.kept.len()));
    }
    let mut work = SearchWork {
        plan,
        run,
        gate,
        tell,
        state,
        number: 0,
        tries: TRIES,
        ahead: BTreeMap::new(),
        fetching: JoinSet::new(),
    };
    let end = work.bisect().await.unwrap_or_else(|end| end);
    if matches!(end, SearchEnd::Found { .. } | SearchEnd::Passes | SearchEnd::BothFail) {
        work.state.forget();
    }
    tell(SearchEvent::Ended(end));
}

/// Whether a trial's results differ.
fn differs(results: &[TrialResult], has: impl Fn(&TrialResult) -> bool) -> bool {
    results.iter().any(&has) && !results.iter().all(has)
}

struct SearchWork<'a> {
    plan: &'a SearchPlan,
    run: &'a RunId,
    gate: &'a Gate,
    tell: &'a (dyn Fn(SearchEvent) + Sync),
    state: Learned,
    /// The number of the last target that was launched.
    number: usize,
    /// How often each trial is run.
    tries: usize,
    /// What is being fetched, by its target.
    ahead: BTreeMap<usize, AbortHandle>,
    fetching: JoinSet<()>,
}

impl SearchWork<'_> {
    async fn bisect(&mut self) -> Result<SearchEnd, SearchEnd> {
        let last = self.plan.targets.len() - 1;
        let mut search = Search::new(self.plan.targets.len());
        let (bad, good) = if self.plan.fixed { (0, last) } else { (last, 0) };
        let all: Vec<&Trial> = self.plan.trials.iter().collect();
        let middle: Vec<usize> = search.next().into_iter().collect();
        let of_bad = self.results(bad, &all, None, &[good]).await?.map_err(SearchEnd::NotLaunched)?;
        // A failure that comes and goes: two passes say little.
        if of_bad.values().any(|own| differs(own, |result| result.outcome.has_failed())) {
            self.tries = TRIES + MORE;
        }
        let of_good = self.results(good, &all, None, &middle).await?.map_err(SearchEnd::NotLaunched)?;
        let (trial, sought, others) = self.followed(bad, &of_bad, &of_good)?;
        let follows = SearchEvent::Follows { trial: trial.id.clone(), sought: Box::new(sought.clone()), others };
        (self.tell)(follows);
        for (end, results) in [(bad, &of_bad), (good, &of_good)] {
            let results = results.get(&trial.id).cloned().unwrap_or_default();
            match self.told(end, &sought, results) {
                Told::Nothing(reason) => {
                    return Err(SearchEnd::Broke { target: self.plan.targets[end].name.clone(), reason });
                }
                Told::Has(_) if end == good => return Err(SearchEnd::BothFail),
                Told::Has(_) | Told::HasNot(_) => {}
            }
        }
        while let Some(version) = search.next() {
            let ahead = search.after(version);
            let told = match self.results(version, &[&trial], Some(&sought), &ahead).await? {
                Ok(mut results) => {
                    let results = results.remove(&trial.id).unwrap_or_default();
                    self.told(version, &sought, results)
                }
                Err(error) => {
                    let told = Told::Nothing(error.what.clone());
                    (self.tell)(SearchEvent::NotLaunched(error));
                    (self.tell)(SearchEvent::Told { target: version, told: told.clone(), results: Vec::new() });
                    told
                }
            };
            let has = if self.plan.fixed { [Side::Before, Side::After] } else { [Side::After, Side::Before] };
            search.tell(
                version,
                match told {
                    Told::Has(_) => Some(has[0]),
                    Told::HasNot(_) => Some(has[1]),
                    Told::Nothing(_) => None,
                },
            );
        }
        let Between { last_before, first_after } = search.between();
        Ok(SearchEnd::Found { last_before, first_after })
    }

    fn told(&self, target: usize, sought: &Sought, results: Vec<TrialResult>) -> Told {
        let told = sought.told(&results);
        (self.tell)(SearchEvent::Told { target, told: told.clone(), results });
        told
    }

    /// The trial to follow: the one with the worst finding on the bad end that the good end does not have. Also the
    /// names of the others that could be followed.
    fn followed(
        &self,
        bad: usize,
        of_bad: &Results,
        of_good: &Results,
    ) -> Result<(Trial, Sought, Vec<TrialId>), SearchEnd> {
        let results = |of: &Results, trial: &Trial| of.get(&trial.id).cloned().unwrap_or_default();
        let worst = |trial: &Trial| {
            let results = results(of_bad, trial);
            let findings = results.iter().flat_map(|result| &result.findings);
            findings.min_by_key(|finding| (finding.known.is_some(), finding.kind)).cloned()
        };
        let failing: Vec<(&Trial, Sought)> = self
            .plan
            .trials
            .iter()
            .filter_map(|trial| Some((trial, Sought::new(worst(trial)?, &trial.file.scenario))))
            .collect();
        let is_good =
            |(trial, sought): &&(&Trial, Sought)| matches!(sought.told(&results(of_good, trial)), Told::HasNot(_));
        let mut differing: Vec<&(&Trial, Sought)> = failing.iter().filter(is_good).collect();
        differing.sort_by_key(|(_, Sought { finding, .. })| (finding.known.is_some(), finding.kind));
        match (differing.as_slice(), failing.is_empty()) {
            ([(trial, sought), others @ ..], _) => {
                let others = others.iter().map(|(trial, _)| trial.id.clone()).collect();
                Ok(((*trial).clone(), sought.clone(), others))
            }
            ([], false) => Err(SearchEnd::BothFail),
            ([], true) => {
                let outcomes = of_bad.values().flatten().map(|result| &result.outcome);
                let mut broke = outcomes.filter_map(|outcome| match outcome {
                    Outcome::Error { reason } | Outcome::Skip { reason } => Some(reason.clone()),
                    Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => None,
                });
                let target = self.plan.targets[bad].name.clone();
                Err(broke.next().map_or(SearchEnd::Passes, |reason| SearchEnd::Broke { target, reason }))
            }
        }
    }

    /// What a target does in these trials: known already, or launched and run.
    async fn results(
        &mut self,
        target: usize,
        trials: &[&Trial],
        sought: Option<&Sought>,
        ahead: &[usize],
    ) -> Result<Result<Results, LaunchError>, SearchEnd> {
        let name = &self.plan.targets[target].name;
        let is_enough =
            |kept: &&Results| trials.iter().all(|trial| kept.get(&trial.id).is_some_and(|own| own.len() >= self.tries));
        if let Some(kept) = self.state.kept.get(name).filter(is_enough) {
            return Ok(Ok(kept.clone()));
        }
        self.number += 1;
        let prefix = format!("gc-{}-{}", self.run.as_str(), self.number);
        self.fetch(target, ahead);
        let results = self.run(target, trials, sought, &prefix).await?;
        if let Ok(results) = &results {
            self.state.kept.insert(name.clone(), results.clone());
            if let Err(why) = self.state.keep() {
                (self.tell)(SearchEvent::Forgets(why));
                self.state.file = None;
            }
        }
        Ok(results)
    }

    /// Fetches what may be launched next, while something else goes on; gives up what can no longer be wanted. A target
    /// launched meanwhile waits for its own fetch.
    fn fetch(&mut self, target: usize, versions: &[usize]) {
        self.ahead.retain(|version, fetching| {
            let is_wanted = *version == target || versions.contains(version);
            if !is_wanted {
                fetching.abort();
            }
            is_wanted
        });
        for version in versions {
            let (target, run) = (self.plan.targets[*version].clone(), self.run.clone());
            // If it cannot be had, its launch will say so.
            let fetch = async move { drop(prepare(&target, &run).await) };
            self.ahead.entry(*version).or_insert_with(|| self.fetching.spawn(fetch));
        }
    }

    async fn run(
        &self,
        target: usize,
        trials: &[&Trial],
        sought: Option<&Sought>,
        prefix: &str,
    ) -> Result<Result<Results, LaunchError>, SearchEnd> {
        let target = &self.plan.targets[target];
        if let Some(rollout) = trials.first().and_then(|trial| trial.file.scenario.rollout()) {
            return self.rolled_out(rollout, target, trials, prefix).await.map(Ok);
        }
        (self.tell)(SearchEvent::Launching(target.name.clone()));
        let launched = tokio::select! {
            launched = launch(target, self.plan.limits, self.run) => launched,
            () = self.gate.closed() => return Err(SearchEnd::Interrupted),
        };
        let live = match launched {
            Ok(live) => live,
            Err(error) => return Ok(Err(error)),
        };
        (self.tell)(SearchEvent::Launched { target: target.name.clone(), seconds: live.took.as_secs_f64() });
        let mut results = Results::new();
        self.tries(&live, trials, self.tries, prefix, &mut results).await;
        // A trial whose results differ is asked more often.
        let has = |result: &TrialResult| match sought {
            Some(sought) => sought.find(result).is_some(),
            None => result.outcome.has_failed(),
        };
        let again: Vec<&Trial> = trials
            .iter()
            .copied()
            .filter(|trial| results.get(&trial.id).is_some_and(|own| differs(own, has)))
            .collect();
        self.tries(&live, &again, (TRIES + MORE).saturating_sub(self.tries), prefix, &mut results).await;
        live.stop().await;
        let is_whole = |trial: &&Trial| results.get(&trial.id).is_some_and(|own| own.len() >= self.tries);
        match trials.iter().all(is_whole) {
            true => Ok(Ok(results)),
            // The missing ones never began.
            false => Err(SearchEnd::Interrupted),
        }
    }

    /// Trials with an upgrade: each try is a rollout of its own.
    async fn rolled_out(
        &self,
        rollout: Rollout,
        target: &Target,
        trials: &[&Trial],
        prefix: &str,
    ) -> Result<Results, SearchEnd> {
        let SearchPlan { limits, known, from, .. } = self.plan;
        let (limits, from) = (*limits, from.as_ref());
        let (run, gate) = (self.run, self.gate);
        let mut results = Results::new();
        for number in 0..self.tries {
            let trials: Vec<(usize, &Trial)> = trials.iter().copied().enumerate().collect();
            let name = &format!("{prefix}-{number}");
            (self.tell)(SearchEvent::Launching(target.name.clone()));
            let ran = Mutex::new(Vec::new());
            let tell = |told: rollout::Told| match told {
                rollout::Told::Launched(live) => {
                    let (target, seconds) = (target.name.clone(), live.took.as_secs_f64());
                    (self.tell)(SearchEvent::Launched { target, seconds });
                }
                rollout::Told::Finished(_, result) => ran.lock().unwrap_or_else(PoisonError::into_inner).push(*result),
                rollout::Told::NotLaunched(_) | rollout::Told::RolledOut(_) => {}
            };
            Together { rollout, from, target, trials, name, limits, run, gate }.run(&tell).await;
            let mut ran = ran.into_inner().unwrap_or_else(PoisonError::into_inner);
            let today = jiff::ZonedDateTime::now().date();
            deviation::apply(known, target, &[], &mut ran, today);
            for result in ran {
                results.entry(result.trial.clone()).or_default().push(result);
            }
        }
        let is_whole = |trial: &&Trial| results.get(&trial.id).is_some_and(|own| own.len() >= self.tries);
        if trials.iter().all(is_whole) { Ok(results) } else { Err(SearchEnd::Interrupted) }
    }

    async fn tries(&self, live: &Live, trials: &[&Trial], times: usize, prefix: &str, results: &mut Results) {
        let mut each = Vec::new();
        for trial in trials {
            let before = results.get(&trial.id).map_or(0, Vec::len);
            for number in before..before + times {
                let name = format!(
                    "{prefix}-{}-{number}",
                    self.plan.trials.iter().position(|own| own.id == trial.id).unwrap_or(0)
                );
                each.push(async move { run_trial(live, trial, &name, self.plan.limits, self.gate).await });
            }
        }
        let all = futures_util::stream::iter(each).buffered(self.plan.limits.jobs.unwrap_or(AT_FIRST));
        let mut ran: Vec<TrialResult> = all.filter_map(std::future::ready).collect().await;
        let today = jiff::ZonedDateTime::now().date();
        for result in &mut ran {
            deviation::apply(&self.plan.known, &live.target, &[], std::slice::from_mut(result), today);
        }
        for result in ran {
            results.entry(result.trial.clone()).or_default().push(result);
        }
    }
}
