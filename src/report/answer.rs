//! The answer of a report, as a sentence for whoever reads nothing else. Not: the exit code, though both say the same.

use std::fmt::Write as _;

use super::rollout::doing;
use super::{Report, TargetReport, TrialReport};
use crate::outcome::{FindingKind, Outcome, OutcomeKind, TrialResult};
use crate::scenario::Rollout;
use crate::verdict::Verdict;

/// `Do not upgrade to litellm@1.82.3: 22 bypasses and 3 miscounts are new.`
pub fn answer(report: &Report) -> String {
    let mut answer = String::new();
    if report.interrupted {
        let _ = match report.not_run.len() {
            0 => write!(answer, "Interrupted. "),
            1 => write!(answer, "Interrupted before 1 trial was run. "),
            count => write!(answer, "Interrupted before {} were run. ", trials(count)),
        };
    }
    answer.push_str(&of_trials(report));
    match report.deviations.iter().filter(|deviation| deviation.state.fails_the_run()).count() {
        0 => {}
        1 => answer.push_str(" A known deviation no longer happens, or is past its date: look at it."),
        count => {
            let _ =
                write!(answer, " {count} known deviations no longer happen, or are past their dates: look at them.");
        }
    }
    match report.with_outcome(OutcomeKind::Error) {
        0 => {}
        broke => {
            let _ = write!(answer, " The environment broke in {}.", trials(broke));
        }
    }
    answer
}

fn of_trials(report: &Report) -> String {
    let names: Vec<_> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let failed: Vec<_> = report.trials.iter().filter(|trial| report.failed(trial)).collect();
    let not_launched: Vec<_> = report.targets.iter().filter(|target| !target.errors.is_empty()).collect();
    let ran = report.results().filter(|result| has_run(result)).count();
    if let [first, ..] = not_launched.as_slice()
        && failed.is_empty()
    {
        return format!("No answer: {} could not be launched.", first.name);
    }
    match (report.compares, names.as_slice(), failed.is_empty()) {
        _ if ran == 0 && report.is_left_without_trials() => "This part of the run had no trials.".to_owned(),
        _ if ran == 0 => "Nothing was run, so there is no answer.".to_owned(),
        (true, [.., candidate], false) => {
            let by_itself: Vec<_> = failed.iter().copied().filter(|trial| trial.rollout.is_none()).collect();
            let by_itself = (!by_itself.is_empty()).then(|| format!("{} new", are(&kinds(report, &by_itself))));
            let parts: Vec<String> = by_itself.into_iter().chain(of_rollouts(report)).collect();
            format!("Do not upgrade to {candidate}: {}.", parts.join("; "))
        }
        (true, [baseline, candidate], true) => match report.with_verdict(Verdict::Regression).count() {
            0 => {
                let changed = report.with_verdict(Verdict::Changed).count();
                let look = match changed {
                    0 => String::new(),
                    1 => ", but 1 trial changed: look at it".to_owned(),
                    count => format!(", but {count} trials changed: look at them"),
                };
                format!("Nothing regressed from {baseline} to {candidate}{look}.")
            }
            regressed => format!(
                "{} regressed from {baseline} to {candidate}, none in a way that fails this run ({}).",
                trials(regressed),
                report.fail_on
            ),
        },
        (_, names, false) => {
            let kinds = listed(&kinds(report, &failed));
            format!("{} failed {} of {} trials: {kinds}.", names.join(", "), failed.len(), report.trials.len())
        }
        (_, names, true) => {
            let names = names.join(", ");
            let skipped = match report.with_outcome(OutcomeKind::Skip) {
                0 => String::new(),
                skipped => format!(", {skipped} skipped"),
            };
            let unsteady = match report.with_outcome(OutcomeKind::Unsteady) {
                0 => String::new(),
                unsteady => format!(", {unsteady} of them not each time"),
            };
            match report.with_outcome(OutcomeKind::Fail) {
                0 => format!("{names} passed {}{unsteady}{skipped}.", trials(ran)),
                some => {
                    let fail_on = &report.fail_on;
                    format!("{names} failed {}, none in a way that fails this run ({fail_on}).", trials(some))
                }
            }
        }
    }
}

/// What the upgrade itself adds to a comparison: `upgrading in place: 3 bypasses are new`
pub(super) fn of_rollouts(report: &Report) -> Option<String> {
    let part = |rollout: Rollout| {
        let failed = report.trials.iter().filter(|trial| trial.rollout == Some(rollout) && report.failed(trial));
        let failed: Vec<_> = failed.filter(|_| report.compares).collect();
        (!failed.is_empty()).then(|| format!("{}: {} new", doing(rollout), are(&kinds(report, &failed))))
    };
    let parts: Vec<String> = Rollout::ALL.into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `1 trial`, `3 trials`
pub(super) fn trials(count: usize) -> String {
    format!("{count} trial{}", if count == 1 { "" } else { "s" })
}

fn has_run(result: &TrialResult) -> bool {
    !matches!(result.outcome, Outcome::Skip { .. } | Outcome::Error { .. })
}

/// How many trials failed in which way, each by its worst finding; the most severe first.
fn kinds(report: &Report, failed: &[&TrialReport]) -> Vec<(FindingKind, usize)> {
    let mut worst: Vec<FindingKind> =
        failed.iter().filter_map(|trial| report.worst_finding(trial)).map(|finding| finding.kind).collect();
    worst.sort_unstable();
    let of_kind = worst.chunk_by(|one, other| one == other);
    of_kind.map(|of_kind| (of_kind[0], of_kind.len())).collect()
}

/// `22 bypasses and 3 miscounts`
fn listed(kinds: &[(FindingKind, usize)]) -> String {
    let each: Vec<String> = kinds.iter().map(|(kind, count)| kind.counted(*count)).collect();
    match each.as_slice() {
        [but_last @ .., last] if !but_last.is_empty() => format!("{} and {last}", but_last.join(", ")),
        all => all.concat(),
    }
}

/// `22 bypasses and 3 miscounts are`, `1 bypass is`
fn are(kinds: &[(FindingKind, usize)]) -> String {
    let is = if kinds.iter().map(|(_, count)| count).sum::<usize>() == 1 { "is" } else { "are" };
    format!("{} {is}", listed(kinds))
}

/// The beginning of a reason that a gateway gives, which may be as long as a letter: its first sentence.
pub(super) fn in_short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let sentence = line.find(". ").map_or(line, |end| &line[..end]);
    match sentence.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

/// A run this long should say where the time went.
const LONG: u64 = 10_000;

/// Of fewer trials everybody sees it.
const MANY: usize = 20;

/// The shortest that a run could have been, with everything at once: a launch, and then the longest trial.
pub(super) fn least(report: &Report) -> Option<String> {
    let chain = |target: &TargetReport| {
        let results = report.results().filter(|result| result.target == target.name);
        let longest = results.max_by_key(|result| result.time.whole)?;
        let (launch, trial) = (target.launched_in_ms?, longest.time.whole.as_millis() as u64);
        Some((launch + trial, launch, trial, longest.trial.clone()))
    };
    let (least, launch, trial, name) = report.targets.iter().filter_map(chain).max()?;
    let (wall, seconds) = (report.spent.wall_ms, |ms: u64| ms as f64 / 1000.0);
    (wall >= LONG && report.trials.len() >= MANY && least > 0).then(|| {
        format!(
            "at least {:.1} s: launch {:.1} s, then {name} {:.1} s; took {:.1} times that",
            seconds(least),
            seconds(launch),
            seconds(trial),
            wall as f64 / least as f64
        )
    })
}
