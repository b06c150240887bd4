//! The report as JUnit XML, which every CI reads: a suite for each target, or one for a comparison. A finding is a
//! `failure`, a broken environment an `error`, a lacking capability `skipped`.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{Report, TargetReport, TrialReport, terminal};
use crate::outcome::{Finding, Outcome, TrialResult};
use crate::verdict::Verdict;

pub fn render(report: &Report) -> String {
    let mut document = quick_junit::Report::new("gatecrash");
    if report.compares {
        let mut suite = TestSuite::new(report.of_targets());
        suite.add_test_cases(report.targets.iter().flat_map(not_launched));
        suite.add_test_cases(report.trials.iter().map(|trial| compared(report, trial)));
        document.add_test_suite(suite);
    } else {
        document.add_test_suites(report.targets.iter().map(|target| {
            let own = |trial: &&TrialReport| trial.results.iter().any(|result| result.target == target.name);
            let mut suite = TestSuite::new(&target.name);
            suite.add_test_cases(not_launched(target));
            suite.add_test_cases(report.trials.iter().filter(own).map(|trial| {
                let result = trial.results.iter().find(|result| result.target == target.name);
                case(trial, result.map_or_else(TestCaseStatus::success, |result| status(report, trial, result)), result)
            }));
            suite
        }));
    }
    document.to_string().unwrap_or_else(|error| format!("<!-- it cannot be written as XML: {error} -->\n"))
}

/// Whoever reads only this file has to see that there was more to come.
fn not_launched(target: &TargetReport) -> impl Iterator<Item = TestCase> {
    target.errors.iter().map(|error| {
        let mut launch = TestCaseStatus::non_success(NonSuccessKind::Error);
        launch.set_type("launch").set_message(&error.what).set_description(error.to_string());
        TestCase::new(format!("launch of {}", error.target), launch)
    })
}

/// A case is named by its file and its place there, classes are folders.
fn case(trial: &TrialReport, status: TestCaseStatus, timed: Option<&TrialResult>) -> TestCase {
    let (folder, name) = trial.trial.split_once('/').unwrap_or(("", &trial.trial));
    let mut case = TestCase::new(name, status);
    case.set_classname(folder);
    if let Some(timed) = timed {
        case.set_time(timed.time.whole);
    }
    case.extra.insert("file".into(), trial.file.as_str().into());
    case
}

fn compared(report: &Report, trial: &TrialReport) -> TestCase {
    let status = match (trial.verdict, trial.results.as_slice()) {
        (Some(Verdict::Regression), _) if report.failed(trial) => failed(report, trial, report.worst_finding(trial)),
        (Some(Verdict::NotComparable), results) => {
            let unjudged = results.iter().find(|result| !matches!(result.outcome, Outcome::Pass | Outcome::Fail));
            unjudged.map_or_else(TestCaseStatus::success, |result| status(report, trial, result))
        }
        (_, [.., candidate]) if matches!(candidate.outcome, Outcome::Unsteady { .. }) => {
            status(report, trial, candidate)
        }
        _ => TestCaseStatus::success(),
    };
    let mut case = case(trial, status, trial.results.last());
    if let Some(verdict) = trial.verdict {
        case.add_property(("verdict", verdict.word()));
    }
    case
}

fn status(report: &Report, trial: &TrialReport, result: &TrialResult) -> TestCaseStatus {
    match &result.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => failed(report, trial, result.worst_finding()),
        Outcome::Unsteady { rate } => {
            let mut status = TestCaseStatus::success();
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun
                .set_type("unsteady")
                .set_message(rate.to_string())
                .set_description(terminal::in_full_without_colours(report, trial));
            status.add_rerun(rerun);
            status
        }
        Outcome::Skip { reason } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        Outcome::Error { reason } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("environment").set_message(reason);
            status
        }
    }
}

fn failed(report: &Report, trial: &TrialReport, worst: Option<&Finding>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    if let Some(finding) = worst {
        status.set_type(finding.kind.word());
        status.set_message(format!("expected {}, got {}", finding.expected, finding.got));
    }
    status.set_description(terminal::in_full_without_colours(report, trial));
    status
}
