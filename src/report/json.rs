//! The report as one JSON document, for scripts, and to be read again by `gatecrash merge`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Report, Spent, TargetReport, TrialReport};
use crate::scenario::{Partition, TrialId};
use crate::secret::Redacted;
use crate::verdict::deviation::Deviation;
use crate::verdict::fail_on::FailOn;

/// Grows with every change that could break readers of a report.
const FORMAT: u32 = 7;

/// A run of gatecrash, judged.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Report")]
#[serde(deny_unknown_fields)]
pub struct WrittenReport<'a> {
    /// Grows with every change that could break readers of a report.
    format: u32,
    /// The version of gatecrash that made it.
    gatecrash: Cow<'a, str>,
    /// 0 nothing regressed, 1 a regression or a failed scenario, 3 the environment broke, 4 nothing was run, 130 interrupted.
    exit_code: u8,
    /// Whether it was interrupted, so that trials may be missing.
    interrupted: bool,
    /// The trials that an interruption left without a result on every target.
    not_run: Cow<'a, [TrialId]>,
    /// What could not be removed, and what to do.
    left_behind: Cow<'a, [String]>,
    /// Whether it is a comparison of two targets.
    compares: bool,
    /// What fails it: the kinds of findings, and `unsteady`, separated by commas.
    #[schemars(with = "String")]
    fail_on: Cow<'a, FailOn>,
    /// Which part of the run it is, such as `1/4`, if the others were for other machines.
    #[schemars(with = "Option<String>")]
    partition: Option<Partition>,
    /// In the order they were named; in a comparison, the baseline first.
    targets: Cow<'a, [TargetReport]>,
    trials: Cow<'a, [TrialReport]>,
    /// The texts of the trials' scenarios, by their files.
    scenarios: Cow<'a, BTreeMap<String, String>>,
    known_deviations: Cow<'a, [Deviation]>,
    time: Spent,
    /// The names of all trials that were selected, in whichever part.
    selected: Cow<'a, [TrialId]>,
    /// The names of all trials of an ordinary run.
    corpus: Cow<'a, [TrialId]>,
}

/// Why a text is not a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    #[error(
        "it is not a report of gatecrash: {0}\n  help: `gatecrash run --format json` and `compare --format json` write one"
    )]
    /// It is something else; why.
    Other(String),
    /// It is a report in a format that is not read here.
    #[error("it is a report in format {found}, written by gatecrash {by}; this is gatecrash {}, which reads format {reads}", env!("CARGO_PKG_VERSION"))]
    Format { found: u32, by: String, reads: u32 },
}

/// What is written of a report.
pub fn document(report: &Report) -> WrittenReport<'_> {
    WrittenReport {
        format: FORMAT,
        gatecrash: Cow::Borrowed(&report.gatecrash),
        exit_code: report.exit().code(),
        interrupted: report.interrupted,
        not_run: Cow::Borrowed(&report.not_run),
        left_behind: Cow::Borrowed(&report.left_behind),
        compares: report.compares,
        fail_on: Cow::Borrowed(&report.fail_on),
        partition: report.partition,
        targets: Cow::Borrowed(&report.targets),
        trials: Cow::Borrowed(&report.trials),
        scenarios: Cow::Borrowed(&report.scenarios),
        known_deviations: Cow::Borrowed(&report.deviations),
        time: report.spent,
        selected: Cow::Borrowed(&report.selected),
        corpus: Cow::Borrowed(&report.corpus),
    }
}

/// The report as text, with whatever is in it.
pub fn render(report: &Report) -> String {
    let json = serde_json::to_string_pretty(&document(report));
    json.map_or_else(|error| format!("{{\"error\": \"{error}\"}}"), |json| json + "\n")
}

/// The JSON Schema of a [`document`].
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(WrittenReport<'_>)
}

/// The same report without secrets in its values, in whatever form it is shown: escaping a text hides its secrets from a
/// search for them.
///
/// # Errors
/// When it is no longer a report. Then none of it may be shown.
pub fn redacted(report: &Report) -> Result<Report, NotAReport> {
    let json = serde_json::to_string(&Redacted(&document(report)));
    read(&json.map_err(|error| NotAReport::Other(error.to_string()))?)
}

/// Reads a [`document`]. Strictly: a report that says something unknown may mean something else.
///
/// # Errors
/// When it is something else, or of another format.
pub fn read(text: &str) -> Result<Report, NotAReport> {
    /// What a report of any format says about itself.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        gatecrash: String,
    }
    let other = |error: serde_json::Error| NotAReport::Other(error.to_string());
    let Head { format, gatecrash } = serde_json::from_str(text).map_err(other)?;
    if format != FORMAT {
        return Err(NotAReport::Format { found: format, by: gatecrash, reads: FORMAT });
    }
    let document: WrittenReport<'_> = serde_json::from_str(text).map_err(other)?;
    Ok(Report {
        gatecrash,
        targets: document.targets.into_owned(),
        trials: document.trials.into_owned(),
        scenarios: document.scenarios.into_owned(),
        deviations: document.known_deviations.into_owned(),
        spent: document.time,
        compares: document.compares,
        fail_on: document.fail_on.into_owned(),
        interrupted: document.interrupted,
        not_run: document.not_run.into_owned(),
        left_behind: document.left_behind.into_owned(),
        partition: document.partition,
        selected: document.selected.into_owned(),
        corpus: document.corpus.into_owned(),
    })
}
