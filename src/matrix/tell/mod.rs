//! A matrix as people read it, like the tables of what browsers support: scenarios by versions, and since when and until
//! when each defect is there. Here is what all formats show: trials that are alike are one row, versions that are alike one
//! range. Pure functions.

pub mod html;
pub mod json;
pub mod markdown;
mod promises;
pub mod terminal;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::matrix::defects::{Beside, Course, Defect, Span};
use crate::matrix::{Cell, CellState, Column, Matrix, Row};
use crate::outcome::{FindingKind, Outcome};
use crate::scenario::promises::FOLDER as PROMISES;
use crate::target::parts;

/// Defects that a version may not have brought: a heading, and what it means.
const UNSTEADY: [(Course, &str, &str); 2] = [
    (
        Course::ComesAndGoes,
        "Come and go",
        "Some versions between those that have it do not: this may be chance, or the load of the machine.",
    ),
    (
        Course::Once,
        "Seen once",
        "Seen in one trial on one version, so it may be chance. It counts once another run shows it again.",
    ),
];

/// A matrix, and what follows from it.
struct View<'a> {
    matrix: &'a Matrix,
    groups: Vec<Group<'a>>,
    defects: Vec<Defect>,
}

/// Trials of one scenario that are shown alike on every version.
struct Group<'a> {
    /// `budget/key`, or `budget/key (alias, provider)` for some of its trials.
    label: String,
    /// What its scenario proves.
    name: &'a str,
    rows: Vec<&'a Row>,
    states: Vec<CellState<'a>>,
}

/// Consecutive versions on which a group does the same.
struct Stretch<'a> {
    columns: Range<usize>,
    state: CellState<'a>,
    /// Of its first version, the worst of its trials.
    cell: Option<&'a Cell>,
}

impl<'a> View<'a> {
    fn new(matrix: &'a Matrix) -> View<'a> {
        View { matrix, groups: groups(matrix), defects: matrix.defects() }
    }

    /// What is worth seeing: scenarios that do not simply pass.
    fn odd(&self) -> impl Iterator<Item = &Group<'a>> {
        self.groups.iter().filter(|group| !group.passes() && !group.is_skipped())
    }

    /// The rows of a table, by their folder.
    fn folders(&self) -> BTreeMap<&str, Vec<&Group<'a>>> {
        let mut folders: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for group in self.odd().filter(|group| group.folder() != PROMISES) {
            folders.entry(group.folder()).or_default().push(group);
        }
        folders
    }

    /// Those that pass wherever they ran, as names.
    fn passing(&self) -> Vec<String> {
        self.of_corpus(Group::passes)
    }

    fn skipped(&self) -> Vec<String> {
        self.of_corpus(Group::is_skipped)
    }

    fn of_corpus(&self, is: impl Fn(&Group<'a>) -> bool) -> Vec<String> {
        let own = self.groups.iter().filter(|group| group.folder() != PROMISES && is(group));
        own.map(|group| group.label.clone()).collect()
    }

    /// A version, without its gateway if all share it.
    fn short<'t>(&self, target: &'t str) -> &'t str {
        match parts(target).1 {
            Some(version) if self.matrix.is_of_one_gateway() => version,
            _ => target,
        }
    }

    /// `1.82.3`, `1.83.14 – 1.90.7`
    fn range(&self, columns: &Range<usize>) -> String {
        let name = |index: usize| self.short(&self.matrix.columns[index].target);
        match columns.len() {
            1 => name(columns.start).to_owned(),
            _ => format!("{} – {}", name(columns.start), name(columns.end - 1)),
        }
    }

    /// Neighbouring columns that are equal in all of these rows, as one.
    fn ranges(&self, groups: &[&Group<'_>]) -> Vec<Range<usize>> {
        let is_same = |a: usize, b: usize| {
            let columns = &self.matrix.columns;
            columns[a].gateway() == columns[b].gateway()
                && groups.iter().all(|group| group.states[a] == group.states[b])
        };
        ranges(self.matrix.columns.len(), is_same)
    }

    /// The same for one row, with what was found.
    fn stretches(&self, group: &Group<'a>) -> Vec<Stretch<'a>> {
        let stretch = |columns: Range<usize>| {
            let target = &self.matrix.columns[columns.start].target;
            let cells = group.rows.iter().filter_map(|row| row.cells.get(target));
            Stretch { state: group.states[columns.start], cell: cells.into_iter().next(), columns }
        };
        self.ranges(&[group]).into_iter().map(stretch).collect()
    }

    /// What the table of scenarios is called.
    fn of_table(&self) -> &'static str {
        match self.matrix.is_of_one_gateway() {
            true => "Scenarios and versions",
            false => "The corpus",
        }
    }

    /// What it is about: `litellm 1.81.0 – 1.108.7`.
    fn title(&self) -> String {
        let columns = &self.matrix.columns;
        let gateways: Vec<String> = columns
            .chunk_by(|a, b| a.gateway() == b.gateway())
            .map(|own| match own {
                [one] => one.target.clone(),
                [first, .., last] if first.version().is_some() => {
                    format!(
                        "{} {} – {}",
                        first.gateway(),
                        first.version().unwrap_or_default(),
                        last.version().unwrap_or_default()
                    )
                }
                [first, ..] => first.gateway().to_owned(),
                [] => String::new(),
            })
            .collect();
        gateways.join(", ")
    }

    /// The answer, for whoever reads nothing else.
    fn answer(&self) -> String {
        let columns = &self.matrix.columns;
        let has_run = |column: &&Column| {
            self.matrix.count(column, |state| state != CellState::NotRun) > 0 && column.error.is_none()
        };
        let ran = columns.iter().filter(has_run).count();
        let interrupted = if self.matrix.interrupted { "Interrupted. Results so far: " } else { "" };
        let (trials, versions) = (counted(self.matrix.rows.len(), "trial"), counted(ran, "version"));
        let missing = match columns.iter().filter(|column| column.error.is_some()).count() {
            0 => String::new(),
            missing => format!(", {missing} could not be launched"),
        };
        let of = |column: &Column| {
            let Counts { passed, failed, .. } = Counts::of(self.matrix, column);
            format!("{} fails {failed} and passes {passed}", self.short(&column.target))
        };
        if !self.matrix.is_of_one_gateway() {
            let each: Vec<_> = columns.iter().filter(has_run).map(of).collect();
            return format!("{interrupted}{trials}{missing}: {}.", each.join("; "));
        }
        let newest = columns.iter().rev().find(has_run).map(|column| format!(" {}.", of(column)));
        let lasting = self.defects.iter().filter(|defect| defect.course == Course::Lasting).count();
        let defects = match (lasting, self.defects.len() - lasting) {
            (0, 0) => "no defect was seen".to_owned(),
            (lasting, 0) => counted(lasting, "defect"),
            (lasting, chance) => format!("{}, and {chance} that may be chance", counted(lasting, "defect")),
        };
        format!("{interrupted}{trials} on {versions}{missing}: {defects}.{}", newest.unwrap_or_default())
    }

    /// `bypass in 3 trials`
    fn what(&self, defect: &Defect) -> String {
        let got = defect.got.as_ref().map(|got| format!(" ({got})")).unwrap_or_default();
        format!("{}{got}", defect.finding.word())
    }

    /// `1.82.3 (1.81.16: good)`, `1.81.0 or before`
    fn since(&self, span: &Span) -> String {
        let since = self.short(&span.since);
        match &span.before {
            None => format!("{since} or before"),
            Some(Beside { target, finding }) => {
                format!("{since} ({}: {})", self.short(target), finding.map_or("good", FindingKind::word))
            }
        }
    }

    /// `1.83.14`, `1.83.14 (miscount)`; nothing where the last version still has it.
    fn until(&self, span: &Span) -> Option<String> {
        let Beside { target, finding } = span.until.as_ref()?;
        let instead = finding.map(|kind| format!(" ({})", kind.word())).unwrap_or_default();
        Some(format!("{}{instead}", self.short(target)))
    }

    fn until_in_a_table(&self, span: &Span) -> String {
        self.until(span).unwrap_or_else(|| "still there".to_owned())
    }

    /// The versions that have it: `1.82.3 – 1.82.6 (2), 1.90.7`.
    fn spans(&self, defect: &Defect) -> String {
        let span = |span: &Span| match span.versions {
            1 => self.short(&span.since).to_owned(),
            count => format!("{} – {} ({count})", self.short(&span.since), self.short(&span.last)),
        };
        defect.spans.iter().map(span).collect::<Vec<_>>().join(", ")
    }

    /// The trials of a defect, those of a scenario together: `budget/key (alias, provider)`.
    fn trials(&self, defect: &Defect) -> Vec<String> {
        let own = |row: &&Row| defect.trials.contains(&row.trial);
        let scenarios = by_scenario(self.matrix);
        let some = scenarios.iter().filter(|rows| rows.iter().any(own));
        some.map(|rows| label(rows, &rows.iter().copied().filter(own).collect::<Vec<_>>())).collect()
    }

    /// The first example of it.
    fn example(&self, defect: &Defect) -> Option<String> {
        let first = defect.spans.first()?;
        let row = self.matrix.rows.iter().find(|row| defect.trials.contains(&row.trial))?;
        let columns = self.matrix.columns.iter().skip_while(|column| column.target != first.since);
        let mut worst = columns.filter_map(|column| row.cells.get(&column.target)?.worst());
        let found = worst.find(|found| found.finding == defect.finding)?;
        Some(format!("expected {}, got {}", found.expected, found.got))
    }

    /// Those of this course.
    fn of_course(&self, course: Course) -> Vec<&Defect> {
        self.defects.iter().filter(|defect| defect.course == course).collect()
    }

    /// Known deviations by their reason, and the versions on which each was seen.
    fn known(&self) -> Vec<(&'a str, Vec<Range<usize>>)> {
        let mut seen: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for (index, column) in self.matrix.columns.iter().enumerate() {
            let cells = self.matrix.rows.iter().filter_map(|row| row.cells.get(&column.target));
            for reason in cells.flat_map(|cell| &cell.findings).filter_map(|found| found.known.as_deref()) {
                seen.entry(reason).or_insert_with(|| vec![false; self.matrix.columns.len()])[index] = true;
            }
        }
        let of = |seen: &[bool]| {
            let all = ranges(seen.len(), |a, b| seen[a] == seen[b]);
            all.into_iter().filter(|range| seen[range.start]).collect()
        };
        seen.into_iter().map(|(reason, seen)| (reason, of(&seen))).collect()
    }
}

impl Group<'_> {
    /// Whether it passes wherever it ran.
    fn passes(&self) -> bool {
        let is_well = |state: &CellState<'_>| state.is_good() == Some(true) || *state == CellState::NotLaunched;
        self.states.iter().all(is_well)
    }

    fn is_skipped(&self) -> bool {
        self.states.iter().all(|state| matches!(state, CellState::Skip | CellState::NotLaunched))
    }

    /// `budget` of `budget/key`.
    fn folder(&self) -> &str {
        self.label.split_once('/').map_or("", |(folder, _)| folder)
    }
}

/// The first of each run of equal ones, up to the next.
fn ranges(count: usize, is_same: impl Fn(usize, usize) -> bool) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for index in 0..count {
        match ranges.last_mut() {
            Some(last) if is_same(last.start, index) => last.end = index + 1,
            _ => ranges.push(index..index + 1),
        }
    }
    ranges
}

/// The rows of each scenario.
fn by_scenario(matrix: &Matrix) -> Vec<Vec<&Row>> {
    let mut scenarios: Vec<Vec<&Row>> = Vec::new();
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &matrix.rows {
        let at = *files.entry(&row.file).or_insert(scenarios.len());
        match scenarios.get_mut(at) {
            Some(rows) => rows.push(row),
            None => scenarios.push(vec![row]),
        }
    }
    scenarios
}

fn groups(matrix: &Matrix) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    for rows in by_scenario(matrix) {
        let mut alike: Vec<(Vec<CellState<'_>>, Vec<&Row>)> = Vec::new();
        for row in &rows {
            let states = matrix.states(row);
            match alike.iter_mut().find(|(own, _)| *own == states) {
                Some((_, own)) => own.push(row),
                None => alike.push((states, vec![row])),
            }
        }
        let group = |(states, own): (Vec<_>, Vec<_>)| Group {
            label: label(&rows, &own),
            name: &rows[0].name,
            rows: own,
            states,
        };
        groups.extend(alike.into_iter().map(group));
    }
    groups
}

/// The joint name of some trials of a scenario, out of `all` its trials.
fn label(all: &[&Row], own: &[&Row]) -> String {
    let [first, ..] = all else { return String::new() };
    let mut stem = first.trial.as_str();
    for row in all {
        // Up to a whole value of an axis.
        let is_of =
            |stem: &str| row.trial.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        while !stem.is_empty() && !is_of(stem) {
            stem = stem.rfind('/').map_or("", |slash| &stem[..slash]);
        }
    }
    let rests = own.iter().map(|row| row.trial[stem.len()..].trim_start_matches('/'));
    match all.len() == own.len() {
        true => stem.to_owned(),
        false => format!("{stem} ({})", rests.collect::<Vec<_>>().join(", ")),
    }
}

/// `1 trial`, `3 trials`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Why something is not judged.
fn reason(cell: &Cell) -> Option<&str> {
    match &cell.outcome {
        Outcome::Skip { reason } | Outcome::Error { reason } => Some(reason),
        Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => None,
    }
}

/// How many trials of a version did what.
struct Counts {
    passed: usize,
    failed: usize,
    unsteady: usize,
    skipped: usize,
    broke: usize,
}

impl Counts {
    fn of(matrix: &Matrix, column: &Column) -> Counts {
        let count = |is: fn(CellState<'_>) -> bool| matrix.count(column, is);
        Counts {
            passed: count(|state| state.is_good() == Some(true)),
            failed: count(|state| state.is_good() == Some(false)),
            unsteady: count(|state| state == CellState::Unsteady),
            skipped: count(|state| state == CellState::Skip),
            broke: count(|state| state == CellState::Error),
        }
    }
}
