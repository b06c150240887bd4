//! The matrix in a terminal: a line for each version, a mark for each of them for each scenario, then the defects.

use std::fmt::Write as _;

use super::{Counts, View, counted};
use crate::matrix::defects::Course;
use crate::matrix::{Cell, CellState, Matrix};
use crate::report::terminal::{BAD, BOLD, Detail, FAINT, GOOD, ODD, painted};

pub fn render(matrix: &Matrix, detail: Detail) -> String {
    let view = View::new(matrix);
    let mut text = String::new();
    if detail == Detail::All {
        versions(&mut text, matrix);
        marks(&mut text, &view);
    }
    match matrix.is_of_one_gateway() {
        true => defects(&mut text, &view),
        false => failures(&mut text, &view),
    }
    for left in &matrix.left_behind {
        let _ = writeln!(text, "{left}");
    }
    let _ = writeln!(text, "{}", painted(BOLD, view.answer()));
    text
}

fn versions(text: &mut String, matrix: &Matrix) {
    let width = matrix.columns.iter().map(|column| column.target.len()).max().unwrap_or(0);
    for (index, column) in matrix.columns.iter().enumerate() {
        let Counts { passed, failed, unsteady, skipped, broke } = Counts::of(matrix, column);
        let counts = [
            (passed, "passed", GOOD),
            (failed, "failed", BAD),
            (unsteady, "unsteady", ODD),
            (skipped, "skipped", FAINT),
            (broke, "could not be judged", ODD),
        ];
        let counts = counts.iter().filter(|(count, ..)| *count > 0);
        let counts = counts.map(|(count, what, style)| painted(*style, format!("{count} {what}")));
        let error = column.error.as_ref().map(|error| painted(ODD, format!("could not be launched: {error}")));
        let told: Vec<_> = counts.chain(error).chain(column.remark.clone()).collect();
        let told = if told.is_empty() { vec!["not run".to_owned()] } else { told };
        let _ = writeln!(text, "{:>3} {:width$}  {}", index + 1, column.target, told.join(", "));
    }
}

/// A mark for each version, in the order of the lines above; a ruler over them counts.
fn marks(text: &mut String, view: &View<'_>) {
    let groups: Vec<_> = view.odd().collect();
    let width = groups.iter().map(|group| group.label.len()).max().unwrap_or(0).min(60);
    if groups.is_empty() {
        return;
    }
    let count = view.matrix.columns.len();
    let ruler: String = (1..=count)
        .map(|number| if number % 5 == 0 { if number % 10 == 0 { '0' } else { '5' } } else { '.' })
        .collect();
    let _ = writeln!(text, "\n{:width$}  {}", "", painted(FAINT, ruler));
    for group in groups {
        let marks: String = group.states.iter().map(|state| mark(*state)).collect();
        let _ = writeln!(text, "{:width$}  {marks}", group.label);
    }
    text.push('\n');
}

fn mark(state: CellState<'_>) -> String {
    let (style, mark) = match state {
        CellState::Pass => (GOOD, "✓"),
        CellState::Known => (GOOD, "*"),
        CellState::Fail(..) => (BAD, "✕"),
        CellState::Unsteady => (ODD, "≈"),
        CellState::Skip => (FAINT, "–"),
        CellState::Error => (ODD, "!"),
        CellState::NotLaunched => (ODD, "x"),
        CellState::NotRun => (FAINT, " "),
    };
    painted(style, mark)
}

/// What fails on each of several gateways.
fn failures(text: &mut String, view: &View<'_>) {
    for (index, column) in view.matrix.columns.iter().enumerate() {
        for group in view.odd().filter(|group| group.states[index].is_good() == Some(false)) {
            let Some(worst) = group.cell(&column.target).and_then(Cell::worst) else { continue };
            let what = painted(BAD, format!("{} {}", worst.finding.word(), column.target));
            let _ = writeln!(text, "{what}: {}: expected {}, got {}", group.label, worst.expected, worst.got);
        }
    }
}

fn defects(text: &mut String, view: &View<'_>) {
    for defect in &view.defects {
        let course = match defect.course {
            Course::Lasting => "",
            Course::ComesAndGoes => ", comes and goes",
            Course::Once => ", seen once: it may be chance",
        };
        let (style, names) = (if defect.course == Course::Lasting { BAD } else { ODD }, view.trials(defect).join("; "));
        let what = painted(style, format!("{}{course}", view.what(defect)));
        let _ = writeln!(text, "{what} in {}: {names}", counted(defect.trials.len(), "trial"));
        for span in &defect.spans {
            let until = match view.until(span) {
                Some(until) => format!("until {until}"),
                None => "still there".to_owned(),
            };
            let _ = writeln!(text, "  since {}, {until}", view.since(span));
        }
        if let Some(example) = view.example(defect) {
            let _ = writeln!(text, "  {}", painted(FAINT, example));
        }
    }
}
