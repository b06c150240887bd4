//! The report as Markdown: for a job's summary, a pull request's comment, a chat. The answer first, then what is not as it
//! should be, then each of those in full, folded.

use std::fmt::Write as _;

use super::{Report, TargetReport, TrialReport, answer, rollout, terminal};
use crate::host::failure::Exit;
use crate::outcome::{Outcome, OutcomeKind, TrialResult};
use crate::verdict::Verdict;

/// The longest that it gets, in bytes: GitHub shows no summary of over 1 MiB.
const LARGEST: usize = 900 * 1024;

pub fn render(report: &Report) -> String {
    let mut text = String::new();
    let mark = if report.exit() == Exit::Fine { "✅" } else { "❌" };
    let _ = writeln!(text, "## {mark} {}\n", plain(&answer::answer(report)));
    text.push_str(&targets(report));
    text.push_str(&counts(report));
    let odd: Vec<_> = report.trials.iter().filter(|trial| terminal::is_worth_a_line(trial)).collect();
    if !odd.is_empty() {
        text.push_str(&table(report, &odd));
    }
    let mut left_out = 0;
    for trial in report.trials.iter().filter(|trial| terminal::is_shown_in_full(trial, report.compares)) {
        let folded = folded(report, trial);
        match text.len() + folded.len() {
            ..LARGEST => text.push_str(&folded),
            LARGEST.. => left_out += 1,
        }
    }
    if left_out > 0 {
        let _ = writeln!(text, "\n{left_out} more are left out here for lack of space; the other formats have them.");
    }
    text.push_str(&rollout::markdown(report));
    let rest = [terminal::environment(report), terminal::deviations(&report.deviations)].concat();
    let rest = terminal::without_colours(&rest);
    if !rest.trim().is_empty() {
        let _ = writeln!(text, "\n{}", fenced("text", rest.trim()));
    }
    text
}

fn targets(report: &Report) -> String {
    let mut text = String::new();
    for target @ TargetReport { name, version, .. } in &report.targets {
        let version = version.as_ref().map(|version| format!(", says it is {}", plain(version))).unwrap_or_default();
        let remarks: String = terminal::remarks(report, target).map(|remark| format!("; it {remark}")).collect();
        let _ = writeln!(text, "- `{name}`: {}{version}{remarks}", terminal::ran(target));
    }
    text
}

/// How many trials had which verdict, or outcome.
fn counts(report: &Report) -> String {
    let counted = |words: Vec<(usize, &str)>| {
        let some = words.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, word)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
    };
    let counts = match report.compares {
        true => counted(Verdict::ALL.map(|verdict| (report.with_verdict(verdict).count(), verdict.word())).to_vec()),
        false => {
            use OutcomeKind::{Error, Fail, Pass, Skip, Unsteady};
            let kinds = [Fail, Unsteady, Error, Skip, Pass];
            counted(kinds.map(|kind| (report.with_outcome(kind), kind.word())).to_vec())
        }
    };
    format!("- {} trials: {counts}; {:.1} s\n\n", report.trials.len(), report.spent.wall_ms as f64 / 1000.0)
}

fn table(report: &Report, trials: &[&TrialReport]) -> String {
    let mut text = String::new();
    let names: Vec<_> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let verdict = if report.compares { "| verdict " } else { "" };
    let _ = writeln!(text, "{verdict}| trial | {} |", names.join(" | "));
    let columns = names.len() + 1 + usize::from(report.compares);
    let _ = writeln!(text, "{}|", "| --- ".repeat(columns));
    for trial in trials {
        let verdict = trial.verdict.map(|verdict| format!("| {verdict} ")).unwrap_or_default();
        let outcomes = trial.results.iter().map(outcome).collect::<Vec<_>>().join(" | ");
        let _ = writeln!(text, "{verdict}| {} | {outcomes} |", plain(&trial.trial));
        if text.len() > LARGEST / 3 {
            let _ = writeln!(text, "\nThe others have no room here.");
            break;
        }
    }
    text
}

fn outcome(result: &TrialResult) -> String {
    let shown = plain(&terminal::without_colours(&terminal::outcome(result)));
    let mark = match result.outcome {
        Outcome::Pass => "✅",
        Outcome::Fail => "❌",
        Outcome::Unsteady { .. } | Outcome::Error { .. } => "⚠️",
        Outcome::Skip { .. } => "➖",
    };
    format!("{mark} {}", shown.trim())
}

fn folded(report: &Report, trial: &TrialReport) -> String {
    let full = terminal::in_full_without_colours(report, trial);
    let verdict = trial.verdict.map_or("failed", Verdict::word);
    format!(
        "\n<details><summary>{verdict}: {}</summary>\n\n{}\n</details>\n",
        html(&trial.trial),
        fenced("text", full.trim())
    )
}

/// In a fence that is longer than any in the text.
pub(crate) fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{text}\n{fence}")
}

/// A text in which Markdown and HTML mean nothing, on one line.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in html(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => plain.extend(['\\', c]),
            '\n' | '\r' => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
