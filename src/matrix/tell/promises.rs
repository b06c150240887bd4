//! The rows of a matrix that are promises of gateways: which there are, and what is said of one.

use super::{Group, View};
use crate::matrix::{Cell, CellState};
use crate::scenario::promises;

impl<'a> View<'a> {
    /// What gateways promise, in the order it is shown.
    pub(super) fn promises(&self) -> Vec<&Group<'a>> {
        let of = |group: &Group<'a>| promises::position(&group.rows.first()?.trial);
        let mut promises: Vec<_> = self.groups.iter().filter(|group| of(group).is_some()).collect();
        promises.sort_by_key(|group| of(group));
        promises
    }
}

impl<'a> Group<'a> {
    /// Which of its scenario's trials it is, if not all: `alias, provider`.
    pub(super) fn values(&self) -> Option<&str> {
        Some(self.label.split_once(" (")?.1.trim_end_matches(')'))
    }

    /// Its trial's scenario.
    pub(super) fn file(&self) -> &'a str {
        self.rows.first().map_or("", |row| &row.file)
    }

    /// The first cell on a target: all of them are alike.
    pub(super) fn cell(&self, target: &str) -> Option<&'a Cell> {
        self.rows.iter().find_map(|row| row.cells.get(target))
    }
}

/// What became of a promise on a gateway, and how or why, in a few words.
pub(super) fn kept<'c>(state: CellState<'_>, cell: Option<&'c Cell>) -> (&'static str, Option<&'c str>) {
    match state {
        CellState::Pass | CellState::Known => ("kept", cell.and_then(|cell| cell.refused.as_deref())),
        CellState::Fail(..) => ("broken", cell.and_then(Cell::worst).map(|found| found.got.as_str())),
        CellState::Unsteady => ("kept now and then", None),
        CellState::Skip => ("lacking", None),
        CellState::Error => ("not judged", None),
        CellState::NotLaunched => ("not launched", None),
        CellState::NotRun => ("", None),
    }
}
