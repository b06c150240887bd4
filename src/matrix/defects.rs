//! Defects of a matrix: from which version on a trial fails in one way, and until which. Known only for versions that were
//! run.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellState, Column, Matrix, Row};
use crate::outcome::FindingKind;
use crate::scenario::TrialId;

/// One way in which trials fail, all on the same versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    pub finding: FindingKind,
    /// For a wrong refusal: what was answered instead.
    pub got: Option<String>,
    pub course: Course,
    /// Where it is, in the order of versions.
    pub spans: Vec<Span>,
    pub trials: Vec<TrialId>,
}

/// What to make of when a defect came and went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It came and stayed, or went: on several versions, or in several trials.
    Lasting,
    /// Between versions that have it are some that do not.
    ComesAndGoes,
    /// It was seen on one version, in one trial, and not on the next one: that may be chance.
    Once,
}

/// Consecutive versions that have a defect. Versions between them that say nothing are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first that has it.
    pub since: String,
    /// The last that has it.
    pub last: String,
    /// How many have it.
    pub versions: usize,
    /// The last before that said something, if any.
    pub before: Option<Beside>,
    /// The first after that says something: it no longer has the defect.
    pub until: Option<Beside>,
}

/// The version before or after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    pub target: String,
    /// How it fails instead; none if it is good.
    pub finding: Option<FindingKind>,
}

/// How a trial fails: its worst finding, and what a wrong refusal was instead. `None` if it is good.
type Failure<'a> = Option<(FindingKind, Option<&'a str>)>;

/// In which way, and where.
type Way = (FindingKind, Option<String>, Vec<Span>);

impl Matrix {
    /// Its defects: sure ones first, then the most severe, then in the order of versions.
    pub fn defects(&self) -> Vec<Defect> {
        // Nothing begins between two gateways.
        if !self.is_of_one_gateway() {
            return Vec::new();
        }
        let mut trials: HashMap<Way, Vec<TrialId>> = HashMap::new();
        for row in &self.rows {
            for way in self.ways(row) {
                trials.entry(way).or_default().push(row.trial.clone());
            }
        }
        let defects = trials.into_iter().map(|((finding, got, spans), trials)| {
            let course = match spans.as_slice() {
                [Span { versions: 1, until: Some(_), .. }] if trials.len() == 1 => Course::Once,
                [_] => Course::Lasting,
                _ => Course::ComesAndGoes,
            };
            Defect { finding, got, course, spans, trials }
        });
        let mut defects: Vec<Defect> = defects.collect();
        let place = |target: &str| self.columns.iter().position(|column| column.target == target);
        defects.sort_by_cached_key(|defect| {
            let since = defect.spans.first().and_then(|span| place(&span.since));
            (defect.course, defect.finding, since, std::cmp::Reverse(defect.trials.len()), defect.trials.clone())
        });
        defects
    }

    /// The ways in which a trial fails, by the worst finding on each version of a gateway.
    fn ways(&self, row: &Row) -> Vec<Way> {
        let mut all = Vec::new();
        for gateway in self.columns.chunk_by(|a, b| a.gateway() == b.gateway()) {
            let mut ways: Vec<Way> = Vec::new();
            let told = gateway.iter().filter_map(|column| Some((column, failure(self.state(row, column))?)));
            let mut told: Vec<(&Column, Failure<'_>)> = told.collect();
            told.chunk_by_mut(|(_, a), (_, b)| a.is_some() == b.is_some()).for_each(steady);
            let mut begins = 0;
            for run in told.chunk_by(|(_, a), (_, b)| a == b) {
                let ends = begins + run.len();
                if let [(first, Some((kind, got))), ..] = run {
                    let beside = |(column, failure): &(&Column, Failure<'_>)| Beside {
                        target: column.target.clone(),
                        finding: failure.map(|(kind, _)| kind),
                    };
                    let span = Span {
                        since: first.target.clone(),
                        last: run[run.len() - 1].0.target.clone(),
                        versions: run.len(),
                        before: begins.checked_sub(1).and_then(|before| told.get(before)).map(beside),
                        until: told.get(ends).map(beside),
                    };
                    let got = got.map(str::to_owned);
                    match ways.iter_mut().find(|(own, other, _)| own == kind && *other == got) {
                        Some((.., spans)) => spans.push(span),
                        None => ways.push((*kind, got, vec![span])),
                    }
                }
                begins = ends;
            }
            all.extend(ways);
        }
        all
    }
}

/// `None` if it says neither.
fn failure(state: CellState<'_>) -> Option<Failure<'_>> {
    match state {
        CellState::Pass | CellState::Known => Some(None),
        CellState::Fail(kind, got) => Some(Some((kind, got))),
        CellState::Unsteady | CellState::Skip | CellState::Error | CellState::NotLaunched | CellState::NotRun => None,
    }
}

/// A trial that fails on consecutive versions in one way, then another, then the first again, fails in its worst way: crowds
/// do.
fn steady(failing: &mut [(&Column, Failure<'_>)]) {
    let mut ways: Vec<_> = failing.iter().map(|(_, failure)| *failure).collect();
    ways.dedup();
    let in_turn = ways.len();
    ways.sort_unstable();
    ways.dedup();
    if let (true, Some(worst)) = (ways.len() < in_turn, ways.first()) {
        failing.iter_mut().for_each(|(_, failure)| *failure = *worst);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::matrix::{Cell, CellFinding};
    use crate::outcome::{Outcome, Rate};

    /// A cell for each letter: `.` passes; bypass, overrun, miscount; unsteady, skipped, could not be judged, ` ` has not run.
    fn cell(letter: char) -> Option<Cell> {
        let finding = match letter {
            'B' | 'F' => FindingKind::Bypass,
            'O' => FindingKind::Overrun,
            _ => FindingKind::Miscount,
        };
        let (expected, got) = (String::new(), String::new());
        let found = CellFinding { finding, line: 1, expected, got, times: 1, known: None };
        let (outcome, findings) = match letter {
            ' ' => return None,
            '.' => (Outcome::Pass, vec![]),
            'F' => (Outcome::Unsteady { rate: Rate { failed: 1, of: 2 } }, vec![found]),
            'S' => (Outcome::Skip { reason: String::new() }, vec![]),
            'E' => (Outcome::Error { reason: String::new() }, vec![]),
            _ => (Outcome::Fail, vec![found]),
        };
        Some(Cell { outcome, refused: None, findings })
    }

    fn target(index: usize) -> String {
        format!("g@{index}")
    }

    /// Trials a, b, c..., each on the versions 0, 1, 2...
    fn matrix(trials: &[&str]) -> Matrix {
        let column = |index| Column {
            target: target(index),
            launcher: String::new(),
            gatecrash: String::new(),
            ran_on: None,
            error: None,
            remark: None,
        };
        let row = |(name, letters): (char, &&str)| {
            let cells = letters.chars().enumerate().filter_map(|(index, letter)| Some((target(index), cell(letter)?)));
            let text = String::new;
            Row {
                trial: name.to_string(),
                name: text(),
                file: text(),
                text: text(),
                cells: cells.collect::<BTreeMap<_, _>>(),
            }
        };
        Matrix {
            columns: (0..trials[0].chars().count()).map(column).collect(),
            rows: ('a'..).zip(trials).map(row).collect(),
            ..Matrix::default()
        }
    }

    /// `bypass 1..3 a`: since 1, and 3 is the first without it; `before` and `after` at an end that is open.
    fn told(defect: &Defect) -> String {
        let number = |target: &str| target.trim_start_matches("g@").to_owned();
        let span = |span: &Span| {
            let since = if span.before.is_some() { number(&span.since) } else { "before".to_owned() };
            let until = span.until.as_ref().map_or("after".to_owned(), |until| number(&until.target));
            format!("{since}..{until}")
        };
        let spans = defect.spans.iter().map(span).collect::<Vec<_>>().join(" ");
        format!("{} {spans} {} {:?}", defect.finding.word(), defect.trials.join(""), defect.course)
    }

    #[test]
    fn defects_are_since_one_version_and_until_another() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["...."], &[]),
            (&["BBBB"], &["bypass before..after a Lasting"]),
            (&[".BB."], &["bypass 1..3 a Lasting"]),
            // Trials that share it are one.
            (&[".BB.", ".BB.", "..BB"], &["bypass 1..3 ab Lasting", "bypass 2..after c Lasting"]),
            // What says nothing neither begins nor ends one.
            (&[".SBEFB S."], &["bypass 2..8 a Lasting"]),
            (&["SFE "], &[]),
            // Once may be chance, unless it is the last, or in several trials.
            (&[".M.."], &["miscount 1..2 a Once"]),
            (&[".M..", ".M.."], &["miscount 1..2 ab Lasting"]),
            (&["...M"], &["miscount 3..after a Lasting"]),
            (&[".M.M."], &["miscount 1..2 3..4 a ComesAndGoes"]),
            // Two ways in a row are two; in turn, they are one, the worst.
            (&["MMBB"], &["bypass 2..after a Lasting", "miscount before..2 a Lasting"]),
            (&[".OBBO."], &["bypass 1..5 a Lasting"]),
        ];
        for (trials, expected) in cases {
            let found: Vec<_> = matrix(trials).defects().iter().map(told).collect();
            assert_eq!(&found, expected, "{trials:?}");
        }
    }

    #[test]
    fn what_ran_twice_is_what_both_say() {
        let cases = [
            ("B", ".", "bypass failed 1 of 2 times"),
            ("B", "B", "bypass FAIL"),
            ("F", "B", "bypass failed 2 of 3 times"),
            ("E", ".", "pass"),
            ("S", "E", "skip"),
            (" ", "B", "bypass FAIL"),
        ];
        for (one, other, expected) in cases {
            let parts = [one, other].map(|letters| (letters.to_owned(), matrix(&[letters])));
            let joined = Matrix::join(parts).unwrap();
            let cell = &joined.rows[0].cells[&target(0)];
            let how = match &cell.outcome {
                Outcome::Unsteady { rate } => rate.to_string(),
                outcome => outcome.word().to_owned(),
            };
            let what = cell.worst().map_or(how.clone(), |found| format!("{} {how}", found.finding.word()));
            assert_eq!(what, expected, "{one} and {other}");
        }
    }

    #[test]
    fn versions_of_parts_are_in_their_order_and_scenarios_the_same() {
        let part = |name: &str, target: &str, text: &str| {
            let mut part = matrix(&["."]);
            part.columns[0].target = target.to_owned();
            part.rows[0].text = text.to_owned();
            (name.to_owned(), part)
        };
        let joined = Matrix::join([part("1", "g@1.100.0", ""), part("2", "h", ""), part("3", "g@1.9.0", "")]).unwrap();
        let order: Vec<_> = joined.columns.iter().map(|column| column.target.as_str()).collect();
        assert_eq!(order, ["g@1.9.0", "g@1.100.0", "h"]);
        let error = Matrix::join([part("one.json", "g@1", "a"), part("two.json", "g@2", "b")]).unwrap_err().to_string();
        assert!(error.starts_with("a is not the same scenario in one.json and in two.json"), "{error}");
    }
}
