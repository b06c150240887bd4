//! A run that makes a scenario smaller: its target launched once, versions of it tried round by round, those of a round at
//! the same time. What happens is told as events. Not: what is tried ([`crate::minimize`]).

use std::collections::BTreeSet;

use futures_util::StreamExt as _;

use crate::config::{KnownDeviation, Limits};
use crate::host::gate::Gate;
use crate::launch::{Health, LaunchError, Live, RunId, launch};
use crate::minimize::{Failing, KeptFinding, Reduction, Version, Way, ways};
use crate::outcome::{Finding, FindingKind, Outcome, Rate, TrialResult};
use crate::run::jobs::AT_FIRST;
use crate::run::rollout::Together;
use crate::run::run_trial;
use crate::scenario::{Rollout, Trial};
use crate::target::Target;
use crate::verdict::deviation;

/// What to do.
#[derive(Debug, Clone)]
pub struct ReductionPlan {
    pub target: Target,
    /// All of one scenario.
    pub trials: Vec<Trial>,
    pub limits: Limits,
    pub known: Vec<KnownDeviation>,
    /// What it is upgraded from; from itself, if nothing is named.
    pub from: Option<Target>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum ReductionEvent {
    Launching,
    Launched,
    /// The scenario fails, and this has to stay.
    Fails(Box<Start>),
    /// How many versions are tried now.
    Trying(usize),
    /// A smaller version keeps the finding.
    Smaller(Box<Failing>),
    /// How many more trials were run on the target.
    Ran(usize),
    /// How many more versions were not tried on the target, because a correct gateway fails them.
    Wrong(usize),
    /// How many more versions could not be judged: they could not be set up.
    NotJudged(usize),
    Ended(ReductionEnd),
}

/// What is made smaller.
#[derive(Debug, Clone)]
pub struct Start {
    pub found: Failing,
    /// How often the finding was there.
    pub rate: Rate,
    pub reference: Reference,
}

/// What the built-in gateway, which does all that it should, makes of the scenario: one that it fails is no scenario.
#[derive(Debug, Clone)]
pub enum Reference {
    /// It fails in these ways, as a rule in none, and not in the one that has to stay.
    Fails(BTreeSet<Way>),
    /// It has the finding, too.
    Same,
    /// It could not be asked.
    Silent(String),
}

/// Why it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReductionEnd {
    /// Nothing more can go.
    Smallest,
    NotLaunched(LaunchError),
    /// There is no finding.
    Passes,
    /// The gateway lacks a capability.
    Skipped(String),
    /// The finding was there once, and then not in this many tries.
    NotAgain(usize),
    /// This trial fails, and no scenario can have it alone.
    NotWritable(String),
    /// The environment broke; the end of its log.
    Broke(String, Vec<String>),
    Interrupted,
}

/// How often to try a scenario whose finding comes and goes.
const TRIES: usize = 5;

/// Runs a plan. Once the gate is closed no more trials begin.
pub async fn minimize(plan: &ReductionPlan, run: &RunId, gate: &Gate, tell: &(dyn Fn(ReductionEvent) + Sync)) {
    tell(ReductionEvent::Launching);
    let launched = tokio::select! {
        launched = both(plan, run) => launched,
        () = gate.closed() => return tell(ReductionEvent::Ended(ReductionEnd::Interrupted)),
    };
    let (live, correct) = match launched {
        Ok(both) => both,
        Err(error) => return tell(ReductionEvent::Ended(ReductionEnd::NotLaunched(error))),
    };
    tell(ReductionEvent::Launched);
    let mut bench = Bench { plan, live: &live, correct: &correct, run, gate, tell, number: 0 };
    let end = match bench.minimize().await {
        Ok(()) => ReductionEnd::Smallest,
        Err(ReductionEnd::Broke(how, _)) => ReductionEnd::Broke(how, live.log_tail().await),
        Err(end) => end,
    };
    tell(ReductionEvent::Ended(end));
    live.stop().await;
    correct.stop().await;
}

/// The target, and a gateway that is right.
async fn both(plan: &ReductionPlan, run: &RunId) -> Result<(Live, Live), LaunchError> {
    let correct = launch(&Target::builtin(None), plan.limits, run).await?;
    Ok((launch(&plan.target, plan.limits, run).await?, correct))
}

/// A trial's worst finding: whether it is a known deviation, and its kind.
type Worst = (bool, FindingKind);

fn worst(result: &TrialResult) -> Option<Worst> {
    result.findings.iter().map(|finding| (finding.known.is_some(), finding.kind)).min()
}

struct Bench<'a> {
    plan: &'a ReductionPlan,
    live: &'a Live,
    correct: &'a Live,
    run: &'a RunId,
    gate: &'a Gate,
    tell: &'a (dyn Fn(ReductionEvent) + Sync),
    /// Of the next trial.
    number: usize,
}

impl Bench<'_> {
    async fn minimize(&mut self) -> Result<(), ReductionEnd> {
        let (version, worst) = self.failing().await?;
        let (kept, rate) = self.kept(&version, worst).await?;
        let reference = self.reference(&version, &kept).await?;
        let found = Failing { version, finding: kept.finding.clone() };
        let start = Start { found: found.clone(), rate, reference: reference.clone() };
        (self.tell)(ReductionEvent::Fails(Box::new(start)));
        let tries = if rate.failed == rate.of { 1 } else { TRIES };
        let mut reduction = Reduction::new(found);
        loop {
            let candidates: Vec<Version> = reduction.candidates().cloned().collect();
            if candidates.is_empty() {
                return Ok(());
            }
            (self.tell)(ReductionEvent::Trying(candidates.len()));
            let findings = self.findings(&candidates, &kept, &reference, tries).await;
            let before = reduction.smallest().version.text().to_owned();
            let ended = match findings {
                Ok(findings) => {
                    reduction.tried(findings);
                    None
                }
                Err(end) => Some(end),
            };
            if reduction.smallest().version.text() != before {
                (self.tell)(ReductionEvent::Smaller(Box::new(reduction.smallest().clone())));
            }
            match ended {
                Some(end) => return Err(end),
                None if self.gate.is_closed() => return Err(ReductionEnd::Interrupted),
                None => {}
            }
        }
    }

    /// The trial that fails worst, the first of them that a scenario can have alone.
    async fn failing(&mut self) -> Result<(Version, Worst), ReductionEnd> {
        let trials: Vec<&Trial> = self.plan.trials.iter().collect();
        let results = self.results(&trials).await?;
        let mut failing: Vec<_> =
            trials.iter().zip(&results).filter_map(|(trial, result)| Some((worst(result.as_ref()?)?, trial))).collect();
        failing.sort_by_key(|(worst, _)| *worst);
        if let Some((_, first)) = failing.first() {
            let writable = failing.iter().find_map(|(worst, trial)| Some((Version::of(trial)?, *worst)));
            return writable.ok_or_else(|| ReductionEnd::NotWritable(first.id.clone()));
        }
        if results.iter().any(Option::is_none) {
            return Err(ReductionEnd::Interrupted);
        }
        let outcomes: Vec<&Outcome> = results.iter().flatten().map(|result| &result.outcome).collect();
        let broke = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Error { reason } => Some(ReductionEnd::Broke(reason.clone(), Vec::new())),
            _ => None,
        });
        let skipped = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Skip { reason } => Some(ReductionEnd::Skipped(reason.clone())),
            _ => None,
        });
        let passed = outcomes.iter().any(|outcome| **outcome == Outcome::Pass);
        Err(broke.or(skipped.filter(|_| !passed)).unwrap_or(ReductionEnd::Passes))
    }

    /// Tries it again, and returns what has to stay, and how often it was there.
    async fn kept(&mut self, version: &Version, first: Worst) -> Result<(KeptFinding, Rate), ReductionEnd> {
        let mut kept: Option<KeptFinding> = None;
        let mut rate = Rate { failed: 1, of: 1 };
        for tries in [1, TRIES - 2] {
            let results = self.results(&vec![version.trial(); tries]).await?;
            for result in results.iter().flatten() {
                rate.of += 1;
                let Some(found) = KeptFinding::of(version, result).filter(|_| worst(result) == Some(first)) else {
                    continue;
                };
                rate.failed += 1;
                match &mut kept {
                    Some(kept) => kept.others.extend(found.others),
                    None => kept = Some(found),
                }
            }
            if kept.is_some() && tries == 1 {
                break;
            }
        }
        match kept {
            Some(kept) => Ok((kept, rate)),
            None if self.gate.is_closed() => Err(ReductionEnd::Interrupted),
            None => Err(ReductionEnd::NotAgain(rate.of - 1)),
        }
    }

    /// What a correct gateway makes of it.
    async fn reference(&mut self, version: &Version, kept: &KeptFinding) -> Result<Reference, ReductionEnd> {
        let results = self.run(self.correct, &[version.trial()]).await;
        let Some(result) = results.into_iter().next().flatten() else { return Err(ReductionEnd::Interrupted) };
        Ok(match &result.outcome {
            Outcome::Skip { reason } | Outcome::Error { reason } => Reference::Silent(reason.clone()),
            _ if kept.find(version, &result).is_some() => Reference::Same,
            _ => Reference::Fails(ways(version, &result)),
        })
    }

    /// Which versions keep the finding, of those that a correct gateway does not fail.
    async fn findings(
        &mut self,
        versions: &[Version],
        kept: &KeptFinding,
        reference: &Reference,
        tries: usize,
    ) -> Result<Vec<Option<Finding>>, ReductionEnd> {
        let right = self.right(versions, reference).await;
        let tried: Vec<&Version> =
            versions.iter().zip(&right).filter(|(_, right)| **right).map(|(one, _)| one).collect();
        let trials: Vec<&Trial> = tried.iter().flat_map(|version| vec![version.trial(); tries]).collect();
        let results = self.results(&trials).await?;
        let is_error = |result: &&TrialResult| matches!(result.outcome, Outcome::Error { .. });
        (self.tell)(ReductionEvent::NotJudged(results.iter().flatten().filter(is_error).count()));
        let found = |(version, results): (&&Version, &[Option<TrialResult>])| {
            results.iter().flatten().find_map(|result| kept.find(version, result).cloned())
        };
        let mut findings: Vec<Option<Finding>> = tried.iter().zip(results.chunks(tries)).map(found).collect();
        if tries == 1 {
            // A finding that is there by chance would be so in the smallest, too.
            let again: Vec<usize> = (0..tried.len()).filter(|index| findings[*index].is_some()).collect();
            let trials: Vec<&Trial> = again.iter().map(|index| tried[*index].trial()).collect();
            let results = self.results(&trials).await?;
            for (index, result) in again.into_iter().zip(&results) {
                let is_gone = result.as_ref().is_some_and(|result| kept.find(tried[index], result).is_none());
                findings[index] = findings[index].take().filter(|_| !is_gone);
            }
        }
        let mut findings = findings.into_iter();
        Ok(right.iter().map(|right| if *right { findings.next().flatten() } else { None }).collect())
    }

    /// Which versions a correct gateway fails in no other way than the scenario.
    async fn right(&mut self, versions: &[Version], reference: &Reference) -> Vec<bool> {
        let Reference::Fails(allowed) = reference else { return vec![true; versions.len()] };
        let trials: Vec<&Trial> = versions.iter().map(Version::trial).collect();
        let results = self.run(self.correct, &trials).await;
        let is_right = |(version, result): (&Version, &Option<TrialResult>)| {
            result.as_ref().is_some_and(|result| match result.outcome {
                Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => ways(version, result).is_subset(allowed),
                Outcome::Skip { .. } | Outcome::Error { .. } => false,
            })
        };
        let right: Vec<bool> = versions.iter().zip(&results).map(is_right).collect();
        let wrong = right.iter().zip(&results).filter(|(right, result)| !**right && result.is_some());
        (self.tell)(ReductionEvent::Wrong(wrong.count()));
        right
    }

    /// Runs trials on the target, and again those whose environment broke. If it is still not well, that is the end.
    async fn results(&mut self, trials: &[&Trial]) -> Result<Vec<Option<TrialResult>>, ReductionEnd> {
        let mut results = self.run(self.live, trials).await;
        (self.tell)(ReductionEvent::Ran(results.iter().flatten().count()));
        let is_error = |result: &Option<TrialResult>| {
            result.as_ref().is_some_and(|result| matches!(result.outcome, Outcome::Error { .. }))
        };
        let broken: Vec<usize> = (0..results.len()).filter(|index| is_error(&results[*index])).collect();
        if !broken.is_empty() {
            let again: Vec<&Trial> = broken.iter().map(|index| trials[*index]).collect();
            let again = self.run(self.live, &again).await;
            (self.tell)(ReductionEvent::Ran(again.iter().flatten().count()));
            let is_still = again.iter().any(is_error);
            for (index, result) in broken.into_iter().zip(again) {
                results[index] = result.or(results[index].take());
            }
            if is_still && let Health::Unresponsive(how) | Health::Dead(how) = self.live.health().await {
                return Err(ReductionEnd::Broke(how, Vec::new()));
            }
        }
        let today = jiff::ZonedDateTime::now().date();
        for result in results.iter_mut().flatten() {
            deviation::apply(&self.plan.known, &self.live.target, &[], std::slice::from_mut(result), today);
        }
        Ok(results)
    }

    /// Runs trials, in their order: those with an upgrade go through one together.
    async fn run(&mut self, live: &Live, trials: &[&Trial]) -> Vec<Option<TrialResult>> {
        let rollout_of = |trial: &Trial| trial.file.scenario.rollout();
        let mut results: Vec<Option<TrialResult>> = vec![None; trials.len()];
        let by_itself: Vec<usize> = (0..trials.len()).filter(|at| rollout_of(trials[*at]).is_none()).collect();
        let ran = self.run_by_itself(live, &by_itself.iter().map(|at| trials[*at]).collect::<Vec<_>>()).await;
        for (at, result) in by_itself.into_iter().zip(ran) {
            results[at] = result;
        }
        for rollout in Rollout::ALL {
            let own: Vec<usize> = (0..trials.len()).filter(|at| rollout_of(trials[*at]) == Some(rollout)).collect();
            if own.is_empty() {
                continue;
            }
            let name = &format!("gc-{}-{}", self.run.as_str(), self.number);
            self.number += 1;
            let ReductionPlan { target, limits, from, .. } = self.plan;
            let (from, limits, run, gate) = (from.as_ref(), *limits, self.run, self.gate);
            let trials = own.iter().map(|at| (*at, trials[*at])).collect();
            let together = Together { rollout, from, target, trials, name, limits, run, gate };
            for (at, result) in together.results().await {
                results[at] = Some(result);
            }
        }
        results
    }

    /// Runs trials on a gateway, in their order, as many at a time as the limits say.
    async fn run_by_itself(&mut self, live: &Live, trials: &[&Trial]) -> Vec<Option<TrialResult>> {
        let names = (self.number..).take(trials.len()).map(|number| format!("gc-{}-{number}", self.run.as_str()));
        let names: Vec<String> = names.collect();
        self.number += trials.len();
        let mut each = Vec::new();
        for (trial, name) in trials.iter().zip(&names) {
            each.push(run_trial(live, trial, name, self.plan.limits, self.gate));
        }
        futures_util::stream::iter(each).buffered(self.plan.limits.jobs.unwrap_or(AT_FIRST)).collect().await
    }
}
