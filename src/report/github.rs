//! The report as workflow commands of GitHub Actions: an annotation for each scenario line that there is something to say
//! about. GitHub shows ten errors and ten warnings of a step, so the trials of one line share an annotation.

use std::fmt::Write as _;

use super::{Report, TrialReport, answer};
use crate::host::failure::Exit;
use crate::outcome::Finding;
use crate::verdict::Verdict;

/// How many trials an annotation names.
const NAMED: usize = 10;

pub fn render(report: &Report) -> String {
    let mut text = String::new();
    let mut said: Vec<(Level, &TrialReport, &Finding, Vec<&str>)> = Vec::new();
    for trial in &report.trials {
        let Some(level) = level(report, trial) else { continue };
        let Some(finding) = report.worst_finding(trial) else { continue };
        let same = |(of, other, about, _): &&mut (Level, &TrialReport, &Finding, Vec<&str>)| {
            (*of, &other.file, about.place.line, about.kind) == (level, &trial.file, finding.place.line, finding.kind)
        };
        match said.iter_mut().find(same) {
            Some((.., trials)) => trials.push(&trial.trial),
            None => said.push((level, trial, finding, vec![&trial.trial])),
        }
    }
    // The worst is shown if not all is.
    said.sort_by_key(|(level, _, finding, _)| (*level, finding.kind));
    for (level, trial, finding, trials) in said {
        let place = format!("file={},line={},col={}", property(&trial.file), finding.place.line, finding.place.column);
        let title = property(&format!("{}: {}", finding.kind.word(), trial.name));
        let mut message = format!(
            "expected {}, got {}\n{}",
            finding.expected,
            finding.got,
            trials[..trials.len().min(NAMED)].join("\n")
        );
        if trials.len() > NAMED {
            let _ = write!(message, "\nand {} more", trials.len() - NAMED);
        }
        let _ = writeln!(text, "::{} {place},title={title}::{}", level.word(), data(&message));
    }
    for error in report.targets.iter().flat_map(|target| &target.errors) {
        let _ = writeln!(
            text,
            "::error title={}::{}",
            property(&format!("{} could not be launched", error.target)),
            data(&error.to_string())
        );
    }
    let level = if report.exit() == Exit::Fine { Level::Notice } else { Level::Error };
    let _ = writeln!(text, "::{} title=gatecrash::{}", level.word(), data(&answer::answer(report)));
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
        }
    }
}

/// What fails the run is an error; what fails without that, or now and then, is a warning.
fn level(report: &Report, trial: &TrialReport) -> Option<Level> {
    let has_failed = trial.results.last().is_some_and(|result| result.outcome.has_failed());
    if report.failed(trial) {
        Some(Level::Error)
    } else if has_failed && trial.verdict != Some(Verdict::NotComparable) {
        Some(Level::Warning)
    } else {
        None
    }
}

/// As a workflow command wants its message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As a workflow command wants a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
