//! What is told of a run: one [`Report`], made from its events, or from the reports of its parts ([`merge`]); every format
//! is a pure function of it.

pub mod answer;
pub mod evidence;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod merge;
pub mod output;
pub mod progress;
mod rollout;
pub mod stream;
pub mod terminal;
pub mod transcript;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::host::failure::Exit;
use crate::launch::{LaunchError, Origin, Setup};
use crate::outcome::{Finding, Outcome, OutcomeKind, RolledOut, Time, TrialResult};
use crate::run::session::{Event, Plan};
use crate::scenario::{Partition, Rollout, Trial, TrialId, Usd};
use crate::target::{GatewayName, LauncherKind, Target};
use crate::verdict::deviation::{Deviation, apply, join};
use crate::verdict::fail_on::FailOn;
use crate::verdict::{Verdict, verdict};

/// A whole run, or one of its parts, judged. It is all that any format tells.
#[derive(Debug, Clone)]
pub struct Report {
    /// The version of gatecrash that made it.
    pub gatecrash: String,
    /// In the order they were named; in a comparison, the baseline first.
    pub targets: Vec<TargetReport>,
    /// In the order of the plan.
    pub trials: Vec<TrialReport>,
    /// The texts of the trials' scenarios, by their files.
    pub scenarios: BTreeMap<String, String>,
    /// What became of known deviations.
    pub deviations: Vec<Deviation>,
    /// Where the time went.
    pub spent: Spent,
    /// Whether it is a comparison of two targets.
    pub compares: bool,
    /// What fails it.
    pub fail_on: FailOn,
    /// Whether it was interrupted, so that trials may be missing.
    pub interrupted: bool,
    /// The trials that an interruption left without a result on every target.
    pub not_run: Vec<TrialId>,
    /// What could not be removed, and what to do; of a merged run, in each of its parts.
    pub left_behind: Vec<String>,
    /// Which part of the run it is, if the others were for other machines.
    pub partition: Option<Partition>,
    /// The names of all trials that were selected, in whichever part.
    pub selected: Vec<TrialId>,
    /// The names of all trials of an ordinary run.
    pub corpus: Vec<TrialId>,
}

/// A target, and how its launch went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetReport {
    /// As it was named.
    pub name: String,
    /// Which gateway it is.
    pub gateway: GatewayName,
    /// As the gateway itself says, if it does.
    pub version: Option<String>,
    /// How it was launched.
    pub launcher: LauncherKind,
    /// Why it was launched in that way, if nobody said so.
    pub launcher_because: Option<String>,
    /// The operator's own configuration that it was launched with, by its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_config: Option<String>,
    /// Which models of it scenarios were asked of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_of: Option<String>,
    /// How long it took, in milliseconds.
    pub launched_in_ms: Option<u64>,
    /// Whether it was launched for this run.
    pub origin: Option<Origin>,
    /// What it was launched with, where that is known.
    pub setup: Option<Setup>,
    /// How often it hung for good and was restarted.
    #[serde(default)]
    pub restarts: usize,
    /// Why it could not be launched; of a merged run, in each of its parts.
    pub errors: Vec<LaunchError>,
    /// The end of its log, if its environment broke.
    pub log: Vec<String>,
    /// How it was brought from another version to its own, for trials with an upgrade.
    #[serde(default)]
    pub rollouts: Vec<RolledOut>,
}

/// A trial, with its results in the order of the targets; missing where it has not run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialReport {
    /// Its name.
    pub trial: TrialId,
    /// What its scenario proves.
    pub name: String,
    /// The scenario's file.
    pub file: String,
    /// Where the bug was reported.
    pub issue: Option<String>,
    /// The scenario's tags.
    pub tags: Vec<String>,
    /// How its target comes to another version in it, if it does.
    #[serde(default)]
    pub rollout: Option<Rollout>,
    /// What one accepted request costs, in USD, where a step says nothing else.
    #[schemars(with = "String")]
    pub price: Usd,
    /// Only in a comparison.
    pub verdict: Option<Verdict>,
    /// In the order of the targets.
    pub results: Vec<TrialResult>,
}

impl TrialReport {
    fn of(trial: &Trial, results: Vec<TrialResult>, verdict: Option<Verdict>) -> TrialReport {
        let scenario = &trial.file.scenario;
        TrialReport {
            trial: trial.id.clone(),
            name: scenario.name.value.clone(),
            file: trial.file.path.display().to_string(),
            issue: scenario.issue.as_ref().map(|issue| issue.value.clone()),
            tags: scenario.tags.iter().map(|tag| tag.0.clone()).collect(),
            rollout: scenario.rollout(),
            price: scenario.price.value,
            verdict,
            results,
        }
    }
}

/// Where the wall time of a run went. Trials run at the same time; their phase is split as the sum of their own times
/// is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// All of it, in milliseconds, like all here.
    pub wall_ms: u64,
    /// Launching targets.
    pub launch_ms: u64,
    /// Waiting for answers of gateways.
    pub requests_ms: u64,
    /// Waiting for recorded spend.
    pub settle_ms: u64,
    /// Waiting because scenarios state a pace.
    pub pace_ms: u64,
    /// What is left.
    pub rest_ms: u64,
}

#[derive(Debug)]
struct LaunchedTarget {
    target: Target,
    took: Duration,
    origin: Origin,
    setup: Option<Setup>,
    asked_of: Option<String>,
}

/// What is kept of a run's events: the input of its report.
#[derive(Debug, Default)]
pub struct Record {
    launched: Vec<LaunchedTarget>,
    not_launched: Vec<LaunchError>,
    results: Vec<TrialResult>,
    logs: Vec<(String, Vec<String>)>,
    restarts: Vec<(String, usize)>,
    rolled_out: Vec<(String, RolledOut)>,
    begun: Option<std::time::Instant>,
    ended: Option<std::time::Instant>,
}

impl Record {
    /// Keeps what a report will say of an event.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Launching { .. } => {}
            Event::Launched { target, took, origin, setup, asked_of, remark: _ } => {
                let (target, origin, setup) = (target.clone(), origin.clone(), setup.clone());
                let asked_of = asked_of.clone();
                self.launched.push(LaunchedTarget { target, took: *took, origin, setup, asked_of });
            }
            Event::NotLaunched(error) => self.not_launched.push(error.clone()),
            Event::Begun => self.begun = Some(std::time::Instant::now()),
            Event::Finished(result) => self.results.push(result.clone()),
            Event::Log { target, lines } => self.logs.push((target.clone(), lines.clone())),
            Event::RolledOut { target, rolled_out } => self.rolled_out.push((target.clone(), rolled_out.clone())),
            Event::Restarted { target, times } => self.restarts.push((target.clone(), *times)),
            Event::Ended => self.ended = Some(std::time::Instant::now()),
        }
    }

    /// The rollouts of a target, by its place among those of the plan: a comparison of a target with itself has two of each.
    fn rollouts(&self, targets: &[Target], index: usize) -> Vec<RolledOut> {
        let name = &targets[index].name;
        let before = targets[..index].iter().filter(|target| target.name == *name).count();
        let of_kind = |rollout| {
            let own = self.rolled_out.iter().filter(move |(of, known)| of == name && known.rollout == rollout);
            own.map(|(_, known)| known.clone()).nth(before)
        };
        Rollout::ALL.into_iter().filter_map(of_kind).collect()
    }

    fn launched(&self, target: &Target) -> Option<&LaunchedTarget> {
        self.launched.iter().find(|launched| launched.target.name == target.name)
    }
}

/// The context in which a record is judged.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// What fails it.
    pub fail_on: &'a FailOn,
    /// The names of all trials of an ordinary run.
    pub corpus: &'a [TrialId],
    /// Which part of the selected trials the plan is, if it is not the whole.
    pub partition: Option<Partition>,
    /// The names of all selected trials, in whichever part.
    pub selected: &'a [TrialId],
    /// When the command began.
    pub began: std::time::Instant,
    /// Known deviations end on a day.
    pub today: jiff::civil::Date,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// What could not be removed, and what to do.
    pub left_behind: Option<String>,
}

impl Report {
    /// Judges a record: known deviations, outcomes, verdicts.
    pub fn of(mut record: Record, context: &Judged<'_>) -> Report {
        let Judged { plan, fail_on, corpus, partition, selected, began, today, interrupted, left_behind } = context;
        let spent = spent(&record, *began);
        let mut deviations = Vec::new();
        let mut by_target: Vec<Vec<TrialResult>> = vec![Vec::new(); plan.targets.len()];
        // What ran on one target of a comparison while the other was being launched means nothing without the other.
        let in_vain = plan.pairs && !record.not_launched.is_empty();
        for result in std::mem::take(&mut record.results).into_iter().filter(|_| !in_vain) {
            if let Some(index) = plan.targets.iter().position(|target| target.name == result.target) {
                // A comparison of a target with itself has two of each: they go to one side each.
                let taken = |results: &Vec<TrialResult>| results.iter().any(|own| own.trial == result.trial);
                let same = (index..plan.targets.len()).filter(|i| plan.targets[*i].name == result.target);
                let free = same.clone().find(|i| !taken(&by_target[*i])).unwrap_or(index);
                by_target[free].push(result);
            }
        }
        for (index, target) in plan.targets.iter().enumerate() {
            let target = record.launched(target).map_or(target, |launched| &launched.target);
            deviations.extend(apply(&plan.known, target, corpus, &mut by_target[index], *today));
        }
        // A comparison of a target with itself has two of each.
        let deviations = join(deviations, corpus, by_target.iter().flatten());
        let mut by_trial: HashMap<TrialId, Vec<TrialResult>> = HashMap::new();
        for result in by_target.into_iter().flatten() {
            by_trial.entry(result.trial.clone()).or_default().push(result);
        }
        let trials = plan.trials.iter().map(|trial| {
            let results = by_trial.remove(&trial.id).unwrap_or_default();
            let verdict = match results.as_slice() {
                [baseline, candidate] if plan.pairs => Some(verdict(baseline, candidate)),
                _ => None,
            };
            TrialReport::of(trial, results, verdict)
        });
        let trials: Vec<TrialReport> = trials.filter(|trial| !trial.results.is_empty()).collect();
        let has_run = |trial: &Trial| {
            let of = trials.iter().find(|of| of.trial == trial.id);
            of.is_some_and(|of| of.results.len() == plan.targets.len())
        };
        let of_report = |trial: &&Trial| trials.iter().any(|of| of.trial == trial.id);
        let text = |trial: &Trial| (trial.file.path.display().to_string(), trial.file.text.clone());
        let scenarios = plan.trials.iter().filter(of_report).map(text).collect();
        let not_run = plan.trials.iter().filter(|trial| *interrupted && !has_run(trial)).map(|trial| trial.id.clone());
        let not_run = not_run.collect();
        let targets = plan.targets.iter().enumerate().map(|(index, target)| {
            let launched = record.launched(target);
            TargetReport {
                name: target.name.clone(),
                gateway: target.gateway,
                version: launched.and_then(|launched| launched.target.version.clone()),
                launcher: target.launcher.kind(),
                launcher_because: target.chosen.clone(),
                own_config: target.own.as_ref().map(|own| own.file.display().to_string()),
                asked_of: launched.and_then(|launched| launched.asked_of.clone()),
                launched_in_ms: launched.map(|launched| launched.took.as_millis() as u64),
                origin: launched.map(|launched| launched.origin.clone()),
                setup: launched.and_then(|launched| launched.setup.clone()),
                restarts: record.restarts.iter().find(|(name, _)| *name == target.name).map_or(0, |(_, times)| *times),
                errors: record
                    .not_launched
                    .iter()
                    .find(|error| error.target == target.name)
                    .cloned()
                    .into_iter()
                    .collect(),
                log: record
                    .logs
                    .iter()
                    .find(|(name, _)| *name == target.name)
                    .map(|(_, log)| log.clone())
                    .unwrap_or_default(),
                rollouts: record.rollouts(&plan.targets, index),
            }
        });
        Report {
            gatecrash: env!("CARGO_PKG_VERSION").to_owned(),
            targets: targets.collect(),
            trials,
            scenarios,
            deviations,
            spent,
            compares: plan.pairs,
            fail_on: (*fail_on).clone(),
            interrupted: *interrupted,
            not_run,
            left_behind: left_behind.iter().cloned().collect(),
            partition: *partition,
            selected: selected.to_vec(),
            corpus: corpus.to_vec(),
        }
    }

    /// How the command ends (docs/design.md, decision 6); nothing else decides it. A partition with no trial left is as it
    /// should be: the others have them, and whoever merges the reports sees if none has.
    pub fn exit(&self) -> Exit {
        let failed = self.trials.iter().any(|trial| self.failed(trial));
        let broke = !self.left_behind.is_empty()
            || self.targets.iter().any(|target| !target.errors.is_empty())
            || self.results().any(|result| matches!(result.outcome, Outcome::Error { .. }));
        let ran = self.results().any(|result| !matches!(result.outcome, Outcome::Skip { .. }));
        if self.interrupted {
            Exit::Interrupted
        } else if failed || self.deviations.iter().any(|deviation| deviation.state.fails_the_run()) {
            Exit::Failed
        } else if broke {
            Exit::Broke
        } else if !ran && !self.is_left_without_trials() {
            Exit::NothingRun
        } else {
            Exit::Fine
        }
    }

    /// Whether it is a partition that got no trial, because there are fewer trials than partitions.
    pub fn is_left_without_trials(&self) -> bool {
        self.partition.is_some_and(|partition| partition.is_left_without(self.selected.len()))
    }

    /// Whether a trial fails the run: in a comparison by a regression, else by failing on a target; only for what the run is
    /// told to fail on.
    pub fn failed(&self, trial: &TrialReport) -> bool {
        let closes = |finding: &Finding| finding.known.is_none() && self.fail_on.is_kind(finding.kind);
        self.may_fail(trial).iter().any(|result| match result.outcome {
            Outcome::Fail => self.has_regressed(trial) && result.findings.iter().any(closes),
            Outcome::Unsteady { .. } => self.fail_on.is_unsteady(),
            Outcome::Pass | Outcome::Skip { .. } | Outcome::Error { .. } => false,
        })
    }

    /// Whether it got worse: what fails in a comparison may have failed before.
    fn has_regressed(&self, trial: &TrialReport) -> bool {
        !self.compares || trial.verdict == Some(Verdict::Regression)
    }

    /// The results that can fail a run: in a comparison, the candidate's.
    fn may_fail<'a>(&self, trial: &'a TrialReport) -> &'a [TrialResult] {
        match (self.compares, trial.results.as_slice()) {
            (true, [_, candidate @ ..]) => candidate,
            (true, []) => &[],
            (false, results) => results,
        }
    }

    /// The most severe finding that can fail a run.
    pub fn worst_finding<'a>(&self, trial: &'a TrialReport) -> Option<&'a Finding> {
        self.may_fail(trial).iter().filter_map(TrialResult::worst_finding).min_by_key(|finding| finding.kind)
    }

    /// A line of a trial's scenario, by its number from 1.
    pub fn line(&self, trial: &TrialReport, number: usize) -> &str {
        let text = self.scenarios.get(&trial.file).map(String::as_str).unwrap_or_default();
        text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
    }

    /// Those of all trials on all targets.
    pub fn results(&self) -> impl Iterator<Item = &TrialResult> {
        self.trials.iter().flat_map(|trial| &trial.results)
    }

    /// How many of them have an outcome of this kind.
    pub fn with_outcome(&self, kind: OutcomeKind) -> usize {
        self.results().filter(|result| result.outcome.kind() == kind).count()
    }

    /// What it is of: `litellm@1.81.0 -> litellm@1.82.3`.
    pub fn of_targets(&self) -> String {
        let names: Vec<_> = self.targets.iter().map(|target| target.name.as_str()).collect();
        names.join(if self.compares { " -> " } else { ", " })
    }

    /// The trials that have a verdict.
    pub fn with_verdict(&self, verdict: Verdict) -> impl Iterator<Item = &TrialReport> {
        self.trials.iter().filter(move |trial| trial.verdict == Some(verdict))
    }
}

fn spent(record: &Record, began: std::time::Instant) -> Spent {
    let wall = began.elapsed();
    let begun = record.begun.unwrap_or_else(std::time::Instant::now);
    let launch = begun.duration_since(began);
    let trials = record.ended.unwrap_or_else(std::time::Instant::now).saturating_duration_since(begun);
    let sum = |part: fn(&Time) -> Duration| record.results.iter().map(|result| part(&result.time)).sum::<Duration>();
    let whole = sum(|time| time.whole).as_secs_f64();
    let share = |part: fn(&Time) -> Duration| match whole {
        0.0 => Duration::ZERO,
        whole => trials.mul_f64((sum(part).as_secs_f64() / whole).min(1.0)),
    };
    let (requests, settle, pace) = (share(|time| time.requests), share(|time| time.settle), share(|time| time.pace));
    let rest = wall.saturating_sub(launch + requests + settle + pace);
    let ms = |duration: Duration| duration.as_millis() as u64;
    Spent {
        wall_ms: ms(wall),
        launch_ms: ms(launch),
        requests_ms: ms(requests),
        settle_ms: ms(settle),
        pace_ms: ms(pace),
        rest_ms: ms(rest),
    }
}
