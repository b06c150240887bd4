//! The report as one JSON document, for scripts. Its `format` is a number that grows with every change that could
//! break one.

use serde::Serialize;

use super::{Report, Spent, TargetReport};
use crate::run::TrialResult;
use crate::scenario::TrialId;
use crate::verdict::Verdict;
use crate::verdict::deviation::Deviation;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    gatecrash: &'static str,
    exit_code: u8,
    interrupted: bool,
    not_run: &'a [TrialId],
    left_behind: Option<&'a str>,
    targets: &'a [TargetReport],
    trials: Vec<Trial<'a>>,
    known_deviations: &'a [Deviation],
    time: Spent,
}

#[derive(Serialize)]
struct Trial<'a> {
    trial: &'a str,
    name: &'a str,
    file: String,
    issue: Option<&'a str>,
    tags: Vec<&'a str>,
    verdict: Option<Verdict>,
    results: &'a [TrialResult],
}

pub fn render(report: &Report) -> String {
    let trials = report.trials.iter().map(|of| {
        let scenario = &of.trial.file.scenario;
        Trial {
            trial: &of.trial.id,
            name: &scenario.name,
            file: of.trial.file.path.display().to_string(),
            issue: scenario.issue.as_ref().map(|issue| issue.as_str()),
            tags: scenario.tags.iter().map(|tag| tag.0.as_str()).collect(),
            verdict: of.verdict,
            results: &of.results,
        }
    });
    let document = Document {
        format: 1,
        gatecrash: env!("CARGO_PKG_VERSION"),
        exit_code: report.exit_code(),
        interrupted: report.interrupted,
        not_run: &report.not_run,
        left_behind: report.left_behind.as_deref(),
        targets: &report.targets,
        trials: trials.collect(),
        known_deviations: &report.deviations,
        time: report.spent,
    };
    serde_json::to_string_pretty(&document).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}
