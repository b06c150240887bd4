//! One report from the reports of its parts: what several machines ran, judged as if one had.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::output::{Output, show};
use super::{Report, TargetReport, TrialReport, json};
use crate::host::failure::{Exit, Failure};
use crate::scenario::{Partition, TrialId};
use crate::verdict::deviation::join;

/// A report, and what it is called in messages: its file.
#[derive(Debug, Clone)]
pub struct PartReport {
    pub name: String,
    pub report: Report,
}

/// Why reports do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOneRun {
    #[error("there is no report to merge")]
    Nothing,
    #[error("{one} and {other} are not of one run: {what}")]
    Differ { one: String, other: String, what: String },
    #[error("{one} and {other} are both partition {partition}")]
    Twice { partition: Partition, one: String, other: String },
    #[error("{trial} is in {one} and in {other}, with different results")]
    Contradict { trial: TrialId, one: String, other: String },
    #[error("{} missing: a run is judged when all of its partitions are there", are(.0))]
    Missing(Vec<Partition>),
}

/// `partition 2/4 is`, `partitions 2/4, 3/4 are`.
fn are(partitions: &[Partition]) -> String {
    let names = partitions.iter().map(Partition::to_string).collect::<Vec<_>>().join(", ");
    if partitions.len() == 1 { format!("partition {names} is") } else { format!("partitions {names} are") }
}

/// Merges the reports in some files, and shows the whole.
///
/// # Errors
/// When a file is not a report, or they are not from one run.
pub fn merge_files(files: &[PathBuf], output: &Output) -> Result<Exit, Failure> {
    output.files.check()?;
    let part = |file: &PathBuf| {
        let name = file.display().to_string();
        let wrong = |what: String| Failure::wrong(format!("{name}: {what}"));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        let report = json::read(&text).map_err(|error| wrong(error.to_string()))?;
        Ok(PartReport { name, report })
    };
    let parts = files.iter().map(part).collect::<Result<Vec<_>, Failure>>()?;
    Ok(show(&merge(&parts).map_err(Failure::wrong)?, output))
}

/// Merges reports: all partitions of a run, or runs of different scenarios that are judged together.
///
/// # Errors
/// When they are not of the same targets, gatecrash and corpus; when a partition is missing; when they contradict one
/// another.
pub fn merge(parts: &[PartReport]) -> Result<Report, NotOneRun> {
    let [first, others @ ..] = parts else { return Err(NotOneRun::Nothing) };
    for other in others {
        if let Some(what) = difference(&first.report, &other.report) {
            return Err(NotOneRun::Differ { one: first.name.clone(), other: other.name.clone(), what });
        }
    }
    complete(parts)?;
    let trials = trials(parts)?;
    let reports = || parts.iter().map(|part| &part.report);
    let selected: BTreeSet<&TrialId> = reports().flat_map(|report| &report.selected).collect();
    let found = reports().flat_map(|report| report.deviations.iter().cloned());
    let results = trials.iter().flat_map(|trial| &trial.results);
    Ok(Report {
        gatecrash: first.report.gatecrash.clone(),
        targets: first.report.targets.iter().enumerate().map(|(index, first)| target(parts, first, index)).collect(),
        deviations: join(found, &first.report.corpus, results),
        // They ran at the same time.
        spent: reports().map(|report| report.spent).max_by_key(|spent| spent.wall_ms).unwrap_or_default(),
        compares: first.report.compares,
        fail_on: first.report.fail_on.clone(),
        interrupted: reports().any(|report| report.interrupted),
        not_run: reports().flat_map(|report| report.not_run.clone()).collect(),
        left_behind: reports().flat_map(|report| report.left_behind.clone()).collect(),
        partition: None,
        selected: selected.into_iter().cloned().collect(),
        corpus: first.report.corpus.clone(),
        trials,
        scenarios: reports().flat_map(|report| report.scenarios.clone()).collect(),
    })
}

/// Where two reports of one run differ, and may not.
fn difference(one: &Report, other: &Report) -> Option<String> {
    let differ = |what: &str, one: &str, other: &str| (one != other).then(|| format!("{what} {one}, and {other}"));
    let versions = one.targets.iter().zip(&other.targets).find_map(|(one, other)| {
        let (version, other) = (one.version.as_deref()?, other.version.as_deref()?);
        differ(&format!("{} was", one.name), version, other)
    });
    let of_parts = |report: &Report| report.partition.map_or("the whole run".to_owned(), |own| format!("1/{}", own.of));
    let corpus = || {
        let (one, other): (BTreeSet<_>, BTreeSet<_>) = (one.corpus.iter().collect(), other.corpus.iter().collect());
        let trial = one.symmetric_difference(&other).next()?;
        Some(format!("{trial} is in the corpus of one of them only"))
    };
    let texts = || {
        let differs =
            |(file, text): &(&String, &String)| other.scenarios.get(*file).is_some_and(|other| other != *text);
        let (file, _) = one.scenarios.iter().find(differs)?;
        Some(format!("{file} is not the same in both"))
    };
    let selected = || {
        let in_parts = one.partition.is_some() && one.selected != other.selected;
        in_parts.then(|| "it selects other trials: were the files, --filter and --tag the same?".to_owned())
    };
    differ("they were made by gatecrash", &one.gatecrash, &other.gatecrash)
        .or_else(|| differ("they ran on", &one.of_targets(), &other.of_targets()))
        .or_else(|| {
            let kind = |report: &Report| if report.compares { "a comparison" } else { "a run" };
            differ("they are", kind(one), kind(other))
        })
        .or_else(|| differ("they fail on", &one.fail_on.to_string(), &other.fail_on.to_string()))
        .or(versions)
        .or_else(corpus)
        .or_else(texts)
        .or_else(|| differ("they are parts of different sizes:", &of_parts(one), &of_parts(other)))
        .or_else(selected)
}

/// Each partition has to be there, once.
fn complete(parts: &[PartReport]) -> Result<(), NotOneRun> {
    let mut seen: BTreeMap<usize, &str> = BTreeMap::new();
    let mut of = 0;
    for part in parts {
        let Some(partition) = part.report.partition else { continue };
        of = partition.of;
        if let Some(one) = seen.insert(partition.part, &part.name) {
            return Err(NotOneRun::Twice { partition, one: one.to_owned(), other: part.name.clone() });
        }
    }
    let missing = (1..=of).filter(|part| !seen.contains_key(part)).map(|part| Partition { part, of });
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() { Ok(()) } else { Err(NotOneRun::Missing(missing)) }
}

/// All trials by their names. One may be in several reports, if they say the same of it.
fn trials(parts: &[PartReport]) -> Result<Vec<TrialReport>, NotOneRun> {
    let mut all: BTreeMap<&str, (&PartReport, &TrialReport)> = BTreeMap::new();
    for part in parts {
        for trial in &part.report.trials {
            let (one, earlier) = *all.entry(&trial.trial).or_insert((part, trial));
            if !is_same(earlier, trial) {
                let (one, other) = (one.name.clone(), part.name.clone());
                return Err(NotOneRun::Contradict { trial: trial.trial.clone(), one, other });
            }
        }
    }
    Ok(all.into_values().map(|(_, trial)| trial.clone()).collect())
}

/// The same, except for the time that it took.
fn is_same(one: &TrialReport, other: &TrialReport) -> bool {
    let said = |trial: &TrialReport| -> Vec<_> {
        let results = trial.results.iter();
        results.map(|own| (own.outcome.clone(), own.findings.clone(), own.behaviour())).collect()
    };
    one.verdict == other.verdict && said(one) == said(other)
}

fn target(parts: &[PartReport], first: &TargetReport, index: usize) -> TargetReport {
    let own = || parts.iter().filter_map(|part| part.report.targets.get(index));
    let mut errors = Vec::new();
    for error in own().flat_map(|target| &target.errors) {
        if !errors.contains(error) {
            errors.push(error.clone());
        }
    }
    TargetReport {
        name: first.name.clone(),
        gateway: first.gateway,
        version: own().find_map(|target| target.version.clone()),
        launcher: first.launcher,
        launcher_because: own().find_map(|target| target.launcher_because.clone()),
        own_config: first.own_config.clone(),
        asked_of: first.asked_of.clone(),
        origin: own().find_map(|target| target.origin.clone()),
        setup: own().find_map(|target| target.setup.clone()),
        launched_in_ms: own().filter_map(|target| target.launched_in_ms).max(),
        restarts: own().map(|target| target.restarts).sum(),
        errors,
        log: own().flat_map(|target| target.log.clone()).collect(),
        rollouts: own().flat_map(|target| target.rollouts.clone()).collect(),
    }
}
