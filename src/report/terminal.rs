//! The report as people read it: one line for each trial, then each failure in full, the answer last.
//!
//! Colours are always in the text; whoever prints it takes them out where nobody would see them.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Snippet};
use anstyle::{AnsiColor, Style};

use super::{Report, TargetReport, TrialReport, answer, rollout, transcript};
use crate::outcome::{Finding, Outcome, OutcomeKind, TrialResult};
use crate::scenario::diagnostic::Style as Colours;
use crate::target::LauncherKind;
use crate::verdict::Verdict;
use crate::verdict::deviation::{Deviation, DeviationState};
use crate::verdict::fail_on::FailOn;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every trial has its line.
    All,
    /// Only what is not as it should be, and the answer.
    Quiet,
}

pub fn render(report: &Report, detail: Detail) -> String {
    let mut text = String::new();
    let width = report.trials.iter().map(|trial| trial.trial.len()).max().unwrap_or(0);
    for trial in report.trials.iter().filter(|trial| detail == Detail::All || is_worth_a_line(trial)) {
        let _ = writeln!(text, "{}", line(trial, width));
    }
    for trial in report.trials.iter().filter(|trial| is_shown_in_full(trial, report.compares)) {
        text.push_str(&in_full(report, trial));
    }
    text + &below_trials(report, detail)
}

/// What is said below the trials, the answer last.
pub(super) fn below_trials(report: &Report, detail: Detail) -> String {
    let mut text = environment(report);
    let is_told = |deviation: &&Deviation| detail == Detail::All || deviation.state != DeviationState::NotTried;
    text.push_str(&deviations(report.deviations.iter().filter(is_told)));
    for target in &report.targets {
        for remark in remarks(report, target) {
            let _ = writeln!(text, "\n{} {remark}", painted(ODD, &target.name));
        }
    }
    for line in rollout::lines(report) {
        let _ = writeln!(text, "\n{}", painted(FAINT, line));
    }
    text.push_str(&launchers(report));
    if let Some(line) = answer::of_rollouts(report) {
        let _ = writeln!(text, "\n{}", painted(BAD, line));
    }
    text.push_str(&answer(report));
    text
}

/// Whether it is not as it should be.
pub fn is_worth_a_line(trial: &TrialReport) -> bool {
    match trial.verdict {
        Some(verdict) => verdict != Verdict::Same && verdict != Verdict::Fixed,
        None => trial.results.iter().any(|result| result.outcome != Outcome::Pass),
    }
}

/// A comparison shows what got worse in full, and what fails in another way; a run, what failed.
pub fn is_shown_in_full(trial: &TrialReport, compares: bool) -> bool {
    match trial.verdict {
        Some(Verdict::Regression) => true,
        Some(Verdict::Changed) => trial.results.iter().any(|result| result.outcome.has_failed()),
        Some(Verdict::Same | Verdict::Fixed | Verdict::StillFailing | Verdict::NotComparable) => false,
        None => !compares && trial.results.iter().any(|result| result.outcome.has_failed()),
    }
}

pub(crate) fn painted(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

fn of_outcome(outcome: &Outcome) -> Style {
    match outcome {
        Outcome::Pass => GOOD,
        Outcome::Fail => BAD,
        Outcome::Skip { .. } => FAINT,
        Outcome::Unsteady { .. } | Outcome::Error { .. } => ODD,
    }
}

fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Same | Verdict::Fixed => GOOD,
        Verdict::Regression => BAD,
        Verdict::StillFailing | Verdict::Changed | Verdict::NotComparable => ODD,
    }
}

/// One line for a trial: its verdict, if any, its name, and its outcome on each target.
pub fn line(trial: &TrialReport, width: usize) -> String {
    let id = &trial.trial;
    let outcomes = trial.results.iter().map(outcome).collect::<Vec<_>>().join("  ");
    match trial.verdict {
        Some(verdict) => {
            let change = match (verdict, trial.results.as_slice()) {
                (Verdict::Changed, [baseline, candidate]) => change(baseline, candidate),
                _ => String::new(),
            };
            format!("{}  {id:width$}  {outcomes}{change}", painted(of_verdict(verdict), format!("{verdict:14}")))
        }
        None => format!("{id:width$}  {outcomes}"),
    }
}

/// The first answer that differs: `400 budget_exceeded -> 422 budget_exceeded`.
fn change(baseline: &TrialResult, candidate: &TrialResult) -> String {
    let answers = |result: &TrialResult| result.behaviour().into_values().flatten().collect::<Vec<_>>();
    let (before, after) = (answers(baseline), answers(candidate));
    let other = before.iter().zip(&after).find(|(before, after)| before != after);
    let other = other.map(|(before, after)| format!("{before} -> {after}"));
    let count = || format!("{} answers -> {}", before.len(), after.len());
    painted(FAINT, format!("  {}", other.unwrap_or_else(count)))
}

/// `pass`, `FAIL bypass`, `skip (why)`.
pub fn outcome(result: &TrialResult) -> String {
    let outcome = &result.outcome;
    let word = match outcome {
        Outcome::Pass if result.findings.iter().any(|finding| finding.known.is_some()) => "pass*".to_owned(),
        Outcome::Pass => "pass".to_owned(),
        Outcome::Fail => {
            format!("FAIL {}", result.worst_finding().map_or("", |finding| finding.kind.word()))
        }
        Outcome::Unsteady { rate } => {
            format!("unsteady {} ({rate})", result.worst_finding().map_or("", |finding| finding.kind.word()))
        }
        Outcome::Skip { reason } => format!("skip ({})", answer::in_short(reason)),
        Outcome::Error { .. } => "ERROR".to_owned(),
    };
    painted(of_outcome(outcome), format!("{word:6}"))
}

/// Everything about a trial that failed or changed.
pub fn in_full(report: &Report, trial: &TrialReport) -> String {
    let mut text = String::from("\n");
    let heading = match trial.verdict {
        Some(verdict) => verdict.word().to_uppercase(),
        None if trial.results.iter().any(|result| result.outcome == Outcome::Fail) => "FAILED".to_owned(),
        None => "UNSTEADY".to_owned(),
    };
    let issue = trial.issue.as_ref().map(|issue| format!(" ({issue})")).unwrap_or_default();
    let _ = writeln!(text, "{} {}", painted(BAD, heading), painted(BOLD, &trial.trial));
    let _ = writeln!(text, "{}{issue}", trial.name);
    for result in &trial.results {
        for finding in result.new_findings() {
            let _ = writeln!(
                text,
                "\n{}",
                pointed_at(
                    report.line(trial, finding.place.line),
                    &trial.file,
                    rollout::who(report, trial, result, finding),
                    finding
                )
            );
        }
    }
    let _ = writeln!(text, "\n{}", transcript::as_text(&trial.results));
    let _ = writeln!(text, "  repeat: {}", painted(BOLD, repeat(report, trial)));
    text
}

/// The same, for where there are no colours.
pub fn in_full_without_colours(report: &Report, trial: &TrialReport) -> String {
    without_colours(&in_full(report, trial))
}

pub fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// A finding, pointing into a line of its scenario's file.
pub(crate) fn pointed_at(line: &str, file: &str, target: &str, finding: &Finding) -> String {
    let title = format!("{target} {}", finding.kind.sentence());
    let label = finding.to_string();
    let start = line.char_indices().nth(finding.place.column.saturating_sub(1)).map_or(0, |(byte, _)| byte);
    let word = line[start..].split([' ', ',']).next().unwrap_or_default().len();
    let annotation = AnnotationKind::Primary.span(start..start + word.max(1)).label(label.as_str());
    let snippet = Snippet::source(line).line_start(finding.place.line).path(file).annotation(annotation);
    let level = Level::ERROR.with_name(finding.kind.word());
    let group: Group<'_> = level.primary_title(title.as_str()).element(snippet);
    Colours::Coloured.renderer().render(&[group])
}

/// The one command that repeats just this trial.
pub fn repeat(report: &Report, trial: &TrialReport) -> String {
    let path = &trial.file;
    let targets: Vec<_> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let mut of_many = if trial.trial.contains('/') { format!(" --filter {}", trial.trial) } else { String::new() };
    // One with a name of its own in harness.toml names its configuration there.
    let with_own = report.targets.iter().filter(|target| target.name.contains('@'));
    if let Some(own) = with_own.filter_map(|target| target.own_config.as_ref()).next() {
        let _ = write!(of_many, " --gateway-config {own}");
    }
    match (report.compares, targets.as_slice()) {
        (true, [baseline, candidate]) => format!("gatecrash compare {baseline} {candidate} {path}{of_many}"),
        _ => {
            let froms = report.targets.iter().flat_map(|target| target.rollouts.iter().map(move |own| (target, own)));
            let other = froms.filter(|_| trial.rollout.is_some()).find(|(target, own)| own.from != target.name);
            let from = other.map(|(_, own)| format!(" --from {}", own.from)).unwrap_or_default();
            format!("gatecrash run {path} --target {}{from}{of_many}", targets.join(" --target "))
        }
    }
}

/// What broke through no fault of the gateway.
pub fn environment(report: &Report) -> String {
    let mut text = String::new();
    for error in report.targets.iter().flat_map(|target| &target.errors) {
        let _ = writeln!(text, "\n{}: {error}", painted(ODD, "error"));
    }
    for target in &report.targets {
        let of_target = |trial: &TrialReport| trial.results.iter().find(|result| result.target == target.name).cloned();
        let reasons = report.trials.iter().filter_map(of_target).filter_map(|result| match result.outcome {
            Outcome::Error { reason } => Some(reason),
            Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } | Outcome::Skip { .. } => None,
        });
        let mut reasons: Vec<String> = reasons.collect();
        let count = reasons.len();
        reasons.sort();
        reasons.dedup();
        if count > 0 {
            let _ = writeln!(
                text,
                "\n{}: {} on {} could not be judged:",
                painted(ODD, "error"),
                answer::trials(count),
                target.name
            );
        }
        for reason in reasons.iter().take(5) {
            let _ = writeln!(text, "  {reason}");
        }
        for (index, line) in target.log.iter().enumerate() {
            let _ = writeln!(text, "{}  | {line}", if index == 0 { "  the end of its log:\n" } else { "" });
        }
    }
    for left_behind in &report.left_behind {
        let _ = writeln!(text, "\n{}: {left_behind}", painted(ODD, "error"));
    }
    text
}

/// What became of known deviations, a line for each.
pub fn deviations<'a>(deviations: impl IntoIterator<Item = &'a Deviation>) -> String {
    let mut text = String::new();
    for deviation in deviations {
        if text.is_empty() {
            text.push_str("\nknown deviations (harness.toml), marked * above:\n");
        }
        let Deviation { target, scenario, finding, reason, issue, state, got: _ } = deviation;
        let state = match state {
            DeviationState::Seen { .. } => state.to_string(),
            DeviationState::NotTried => painted(FAINT, state),
            DeviationState::Stale | DeviationState::Expired { .. } => painted(BAD, state),
        };
        let _ =
            writeln!(text, "  {target}  {scenario}  {}: {reason}; {state}  {}", finding.word(), painted(FAINT, issue));
    }
    text
}

/// How often a target hung, if it did.
pub fn hung(times: usize) -> Option<String> {
    match times {
        0 => None,
        1 => Some("hung and was restarted".to_owned()),
        times => Some(format!("hung {times} times and was restarted each time")),
    }
}

/// What else there is to say about a target, each as a sentence without its subject.
pub fn remarks(report: &Report, target: &TargetReport) -> impl Iterator<Item = String> {
    let own = target.own_config.as_ref().map(|own| format!("was launched with {own}"));
    [own, target.asked_of.clone(), hung(target.restarts), late(report, target)].into_iter().flatten()
}

/// How much later than usual charges were in a target's books, if they were.
fn late(report: &Report, target: &TargetReport) -> Option<String> {
    /// Less goes unsaid: the books are not looked at all the time.
    const SOME: u64 = 3000;
    let of_target = report.results().filter(|result| result.target == target.name);
    let late = of_target.map(|result| result.late_ms).max().filter(|ms| *ms >= SOME)?;
    Some(format!(
        "was busy, or is slow: charges came up to {} s later than usual, and were waited for",
        late.div_ceil(1000)
    ))
}

/// How a target came to be there.
pub fn ran(target: &TargetReport) -> &'static str {
    match target.launcher {
        _ if !target.errors.is_empty() => "could not be launched",
        LauncherKind::External => "ran already",
        launcher => how(launcher).unwrap_or("in gatecrash's own process"),
    }
}

/// How a launcher launches real gateways.
fn how(launcher: LauncherKind) -> Option<&'static str> {
    match launcher {
        LauncherKind::Docker => Some("in Docker"),
        LauncherKind::Process => Some("as processes"),
        LauncherKind::Either | LauncherKind::External | LauncherKind::Builtin => None,
    }
}

/// How real gateways were launched, if there are any.
fn launchers(report: &Report) -> String {
    let mut text = String::new();
    let mut said = Vec::new();
    for TargetReport { name, launcher, launcher_because, errors, .. } in &report.targets {
        let Some(how) = how(*launcher) else { continue };
        let because = launcher_because.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let was = if errors.is_empty() { "was launched" } else { "was to be launched" };
        let line = painted(FAINT, format!("{name} {was} {how}{because}"));
        if !said.contains(&line) {
            let _ = writeln!(text, "{}{line}", if said.is_empty() { "\n" } else { "" });
            said.push(line);
        }
    }
    text
}

/// The last line: the answer.
fn answer(report: &Report) -> String {
    let seconds = report.spent.wall_ms as f64 / 1000.0;
    let count = |kind| report.with_outcome(kind);
    let counts = match report.compares {
        true => {
            let verdicts =
                Verdict::ALL.map(|verdict| (report.with_verdict(verdict).count(), verdict.word(), of_verdict(verdict)));
            counted(verdicts.into_iter().chain([(count(OutcomeKind::Unsteady), "unsteady", ODD)]))
        }
        false => counted([
            (count(OutcomeKind::Fail), "failed", BAD),
            (count(OutcomeKind::Unsteady), "unsteady", ODD),
            (count(OutcomeKind::Error), "could not be judged", ODD),
            (count(OutcomeKind::Skip), "skipped", FAINT),
            (count(OutcomeKind::Pass), "passed", GOOD),
        ]),
    };
    let failing = report.trials.iter().filter(|trial| report.failed(trial)).count();
    let fail_on = match report.fail_on == FailOn::default() {
        true => String::new(),
        false => format!("; {failing} fail the run, which fails on {}", report.fail_on),
    };
    let interrupted = match (report.interrupted, report.not_run.len()) {
        (false, _) => String::new(),
        (true, 0) => "interrupted; until then: ".to_owned(),
        (true, 1) => "interrupted, 1 trial was not run; results so far: ".to_owned(),
        (true, count) => format!("interrupted, {count} trials were not run; results so far: "),
    };
    let counts = match report.selected.len() {
        _ if !counts.is_empty() => counts,
        _ if !report.is_left_without_trials() => "nothing was run".to_owned(),
        1 => "nothing to do: the one selected trial is in another partition".to_owned(),
        selected => format!("nothing to do: the {selected} selected trials are in other partitions"),
    };
    let partition = report.partition.map(|partition| format!("partition {partition}: ")).unwrap_or_default();
    let least = answer::least(report).map(|least| format!("; {least}")).unwrap_or_default();
    format!(
        "\n{}: {partition}{interrupted}{counts}{fail_on} ({seconds:.1} s{least})\n",
        painted(BOLD, report.of_targets())
    )
}

fn counted<'a>(counts: impl IntoIterator<Item = (usize, &'a str, Style)>) -> String {
    let named = counts.into_iter().filter(|(count, ..)| *count > 0);
    let plural = |count: usize, word: &str| if word == "regression" && count > 1 { "s" } else { "" };
    let named = named.map(|(count, word, style)| painted(style, format!("{count} {word}{}", plural(count, word))));
    named.collect::<Vec<_>>().join(", ")
}
