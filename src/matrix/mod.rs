//! The corpus over many versions: what each trial does on each, from what ran or from existing reports, and which defects
//! begin and end in it ([`defects`]). Pure; [`run`] runs it, and [`tell`] shows it.

pub mod defects;
pub mod order;
pub mod results;
pub mod run;
pub mod tell;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::str::FromStr as _;

use jiff::civil::Date;
use pep440_rs::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::KnownDeviation;
use crate::host::failure::Exit;
use crate::outcome::{Answer, Finding, FindingKind, Outcome, Rate, TrialResult};
use crate::report::{Report, TargetReport};
use crate::scenario::{Trial, TrialId};
use crate::target::parts;

/// Trials by targets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// Versions of a gateway in their order.
    pub columns: Vec<Column>,
    /// By name.
    pub rows: Vec<Row>,
    /// How it was measured, in the user's words.
    pub note: Option<String>,
    /// Whether it was interrupted, so that cells may be missing.
    pub interrupted: bool,
    /// What could not be removed, and what to do.
    pub left_behind: Vec<String>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub target: String,
    pub launcher: String,
    /// The version of gatecrash that ran it.
    pub gatecrash: String,
    /// The day it ran, if known: of several, the last.
    #[schemars(with = "Option<String>")]
    pub ran_on: Option<Date>,
    /// Why it could not be launched.
    pub error: Option<String>,
    /// What else is known about it.
    pub remark: Option<String>,
}

/// A trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub trial: TrialId,
    /// What its scenario proves.
    pub name: String,
    pub file: String,
    /// A digest of the scenario's text: a scenario in other words elsewhere is not the same.
    pub text: String,
    /// What came of it, by target; missing where it has not run.
    pub cells: BTreeMap<String, Cell>,
}

/// What came of a trial on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    pub outcome: Outcome,
    /// How it refused last: `403 budget_exceeded`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<CellFinding>,
}

/// One or several findings that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellFinding {
    pub finding: FindingKind,
    /// The line of its step in the scenario's file.
    pub line: usize,
    pub expected: String,
    pub got: String,
    /// How often, if more than once.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: usize,
    /// Why it is accepted for now, if it is a known deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

fn once() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_once(times: &usize) -> bool {
    *times == 1
}

/// What a table shows of a cell: cells that are equal here are shown as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState<'a> {
    Pass,
    /// All that was found is known.
    Known,
    /// The worst finding; for a wrong refusal, what was answered instead.
    Fail(FindingKind, Option<&'a str>),
    Unsteady,
    Skip,
    Error,
    /// Its target could not be launched.
    NotLaunched,
    NotRun,
}

/// Why matrices cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trial} is not the same scenario in {one} and in {other}\n  help: run one of them again")]
pub struct NotTheSame {
    trial: TrialId,
    one: String,
    other: String,
}

/// The digest of a scenario's text.
pub fn digest_of(text: &str) -> String {
    let digest = format!("{:x}", Sha256::digest(text));
    digest[..16].to_owned()
}

impl Matrix {
    /// What a report tells.
    pub fn of(report: &Report) -> Matrix {
        let column = |target: &TargetReport| Column {
            target: target.name.clone(),
            launcher: target.launcher.word().to_owned(),
            gatecrash: report.gatecrash.clone(),
            ran_on: None,
            error: target.errors.first().map(|error| error.what.clone()),
            remark: None,
        };
        let rows = report.trials.iter().map(|trial| Row {
            trial: trial.trial.clone(),
            name: trial.name.clone(),
            file: trial.file.clone(),
            text: digest_of(report.scenarios.get(&trial.file).map(String::as_str).unwrap_or_default()),
            cells: trial.results.iter().map(|result| (result.target.clone(), Cell::of(result))).collect(),
        });
        Matrix {
            columns: report.targets.iter().map(column).collect(),
            rows: rows.collect(),
            note: None,
            interrupted: report.interrupted,
            left_behind: report.left_behind.clone(),
        }
    }

    /// Joins parts, each with its name in messages. What ran twice with different results is unsteady.
    ///
    /// # Errors
    /// When they ask different things under the same name.
    pub fn join(parts: impl IntoIterator<Item = (String, Matrix)>) -> Result<Matrix, NotTheSame> {
        let mut whole = Matrix::default();
        let mut rows: BTreeMap<TrialId, (String, Row)> = BTreeMap::new();
        for (name, part) in parts {
            whole.note = whole.note.or(part.note);
            whole.interrupted |= part.interrupted;
            whole.left_behind.extend(part.left_behind);
            for column in part.columns {
                match whole.columns.iter_mut().find(|own| own.target == column.target) {
                    Some(own) => own.add(column),
                    None => whole.columns.push(column),
                }
            }
            for row in part.rows {
                match rows.get_mut(&row.trial) {
                    None => drop(rows.insert(row.trial.clone(), (name.clone(), row))),
                    Some((one, own)) if own.text != row.text => {
                        return Err(NotTheSame { trial: row.trial, one: one.clone(), other: name });
                    }
                    Some((_, own)) => own.add(row.cells),
                }
            }
        }
        whole.rows = rows.into_values().map(|(_, row)| row).collect();
        let gateways: Vec<String> = whole.columns.iter().map(|column| column.gateway().to_owned()).collect();
        let place = |column: &Column| gateways.iter().position(|gateway| gateway == column.gateway());
        whole.columns.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.compare(b)));
        Ok(whole)
    }

    /// Judges it by known deviations, whatever was known when it ran.
    pub fn judge(&mut self, known: &[KnownDeviation], today: Date) {
        for column in self.columns.iter().filter(|column| column.version().is_some()) {
            let known = known.iter().filter(|known| known.is_of_version(column.gateway(), column.version()));
            let known: Vec<_> = known.collect();
            for row in &mut self.rows {
                if let Some(cell) = row.cells.get_mut(&column.target) {
                    cell.judge(&known, &row.trial, today);
                }
            }
        }
    }

    /// Whether all columns are versions of one gateway, as far as their names say which.
    pub fn is_of_one_gateway(&self) -> bool {
        let mut named = self.columns.iter().filter(|column| column.version().is_some()).map(Column::gateway);
        let first = named.next();
        named.all(|gateway| Some(gateway) == first)
    }

    pub fn state<'a>(&self, row: &'a Row, column: &Column) -> CellState<'a> {
        match (row.cells.get(&column.target), &column.error) {
            (Some(cell), _) => cell.state(),
            (None, Some(_)) => CellState::NotLaunched,
            (None, None) => CellState::NotRun,
        }
    }

    /// Those of a row, in the order of the columns.
    pub fn states<'a>(&self, row: &'a Row) -> Vec<CellState<'a>> {
        self.columns.iter().map(|column| self.state(row, column)).collect()
    }

    /// How many trials of a column are so.
    pub fn count(&self, column: &Column, is: impl Fn(CellState<'_>) -> bool) -> usize {
        self.rows.iter().filter(|row| is(self.state(row, column))).count()
    }

    /// How the command ends, like a run on all of its targets ([`Report::exit`]).
    pub fn exit(&self) -> Exit {
        let cells = || self.rows.iter().flat_map(|row| row.cells.values());
        let broke = !self.left_behind.is_empty()
            || self.columns.iter().any(|column| column.error.is_some())
            || cells().any(|cell| matches!(cell.outcome, Outcome::Error { .. }));
        if self.interrupted {
            Exit::Interrupted
        } else if cells().any(|cell| cell.outcome == Outcome::Fail) {
            Exit::Failed
        } else if broke {
            Exit::Broke
        } else if cells().all(|cell| matches!(cell.outcome, Outcome::Skip { .. })) {
            Exit::NothingRun
        } else {
            Exit::Fine
        }
    }
}

impl Column {
    /// `litellm` of `litellm@1.82.3`; a target of another kind is by itself.
    pub fn gateway(&self) -> &str {
        parts(&self.target).0
    }

    pub fn version(&self) -> Option<&str> {
        parts(&self.target).1.filter(|version| Version::from_str(version).is_ok())
    }

    /// By version; a column without one stays in place.
    fn compare(&self, other: &Column) -> Ordering {
        let version = |column: &Column| column.version().and_then(|version| Version::from_str(version).ok());
        match (version(self), version(other)) {
            (Some(own), Some(other)) => own.cmp(&other),
            _ => Ordering::Equal,
        }
    }

    /// The same target in another part: launched once is enough to say that it can be.
    fn add(&mut self, other: Column) {
        self.ran_on = self.ran_on.max(other.ran_on);
        self.error = self.error.take().and(other.error);
        self.remark = self.remark.take().or(other.remark);
    }
}

impl Row {
    /// Without any cells.
    pub fn of(trial: &Trial) -> Row {
        Row {
            trial: trial.id.clone(),
            name: trial.file.scenario.name.value.clone(),
            file: trial.file.path.display().to_string(),
            text: digest_of(&trial.file.text),
            cells: BTreeMap::new(),
        }
    }

    fn add(&mut self, cells: BTreeMap<String, Cell>) {
        for (target, cell) in cells {
            let both = match self.cells.remove(&target) {
                Some(own) => own.and(cell),
                None => cell,
            };
            self.cells.insert(target, both);
        }
    }
}

impl Cell {
    pub fn of(result: &TrialResult) -> Cell {
        let mut findings: Vec<CellFinding> = Vec::new();
        for Finding { kind, place, request: _, expected, got, known } in result.findings.iter().cloned() {
            let found = CellFinding { finding: kind, line: place.line, expected, got, times: 1, known };
            let is_same =
                |own: &&mut CellFinding| (own.finding, own.line, &own.got) == (found.finding, found.line, &found.got);
            match findings.iter_mut().find(is_same) {
                Some(own) => own.times += 1,
                None => findings.push(found),
            }
        }
        let mut answers = result.exchanges.iter().rev().map(|exchange| &exchange.answer);
        let refused = answers.find(|answer| matches!(answer, Answer::Refused { .. })).map(Answer::to_string);
        Cell { outcome: result.outcome.clone(), refused, findings }
    }

    /// The worst finding that is no known deviation.
    pub fn worst(&self) -> Option<&CellFinding> {
        self.findings.iter().filter(|found| found.known.is_none()).min_by_key(|found| found.finding)
    }

    pub fn state(&self) -> CellState<'_> {
        match (&self.outcome, self.worst()) {
            (Outcome::Pass, _) if self.findings.is_empty() => CellState::Pass,
            (Outcome::Pass, _) | (Outcome::Fail, None) => CellState::Known,
            (Outcome::Fail, Some(worst)) => {
                let other = (worst.finding == FindingKind::WrongRefusal).then_some(worst.got.as_str());
                CellState::Fail(worst.finding, other)
            }
            (Outcome::Unsteady { .. }, _) => CellState::Unsteady,
            (Outcome::Skip { .. }, _) => CellState::Skip,
            (Outcome::Error { .. }, _) => CellState::Error,
        }
    }

    /// What two runs say together.
    fn and(self, other: Cell) -> Cell {
        // An error says nothing, and a capability that was there once is there.
        let weight = |cell: &Cell| match cell.outcome {
            Outcome::Error { .. } => 0,
            Outcome::Skip { .. } => 1,
            Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => 2,
        };
        match weight(&self).cmp(&weight(&other)) {
            Ordering::Less => other,
            Ordering::Equal if weight(&self) == 2 => {
                let (own, others) = (self.rate(), other.rate());
                let rate = Rate { failed: own.failed + others.failed, of: own.of + others.of };
                let outcome = match rate.failed {
                    0 => Outcome::Pass,
                    failed if failed == rate.of => Outcome::Fail,
                    _ => Outcome::Unsteady { rate },
                };
                let refused = self.refused.or(other.refused);
                Cell {
                    outcome,
                    refused,
                    findings: if self.findings.is_empty() { other.findings } else { self.findings },
                }
            }
            Ordering::Equal | Ordering::Greater => self,
        }
    }

    fn rate(&self) -> Rate {
        match self.outcome {
            Outcome::Unsteady { rate } => rate,
            Outcome::Fail => Rate { failed: 1, of: 1 },
            _ => Rate { failed: 0, of: 1 },
        }
    }

    /// Judges it anew: what is known of its findings, and whether it fails.
    fn judge(&mut self, known: &[&KnownDeviation], trial: &str, today: Date) {
        for found in &mut self.findings {
            let accepted = known.iter().find(|known| known.accepts(trial, found.finding, &found.got, today));
            found.known = accepted.map(|known| known.reason.clone());
        }
        if matches!(self.outcome, Outcome::Pass | Outcome::Fail) {
            self.outcome = if self.worst().is_some() { Outcome::Fail } else { Outcome::Pass };
        }
    }
}

impl CellState<'_> {
    /// Whether it says that all is well; `None` if it says neither.
    pub fn is_good(self) -> Option<bool> {
        match self {
            CellState::Pass | CellState::Known => Some(true),
            CellState::Fail(..) => Some(false),
            CellState::Unsteady | CellState::Skip | CellState::Error | CellState::NotLaunched | CellState::NotRun => {
                None
            }
        }
    }
}
