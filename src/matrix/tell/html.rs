//! The matrix as a page for a browser: one file that loads nothing, and needs no script. Anything wide scrolls by itself,
//! with the scenarios and the versions in sight.

use maud::{Markup, html};

use super::promises::kept;
use super::{Counts, Group, Stretch, UNSTEADY, View, counted, reason};
use crate::matrix::defects::{Course, Defect};
use crate::matrix::{Cell, CellState, Matrix};
use crate::report::html::{Page, Tone, why};

/// What this page adds to the style of all pages.
const OWN_STYLE: &str = include_str!("style.css");

pub fn render(matrix: &Matrix) -> String {
    let view = View::new(matrix);
    let (title, exit) = (view.title(), matrix.exit());
    let page = Page { title: &title, gatecrash: env!("CARGO_PKG_VERSION"), exit, style: OWN_STYLE, script: None };
    page.around(&html! {
        header class="faint" {
            p class="of" { b { "gatecrash" } " " (title) }
            h1 { span { (view.answer()) } }
            @if let Some(note) = &matrix.note { p class="about" { (note) } }
        }
        main {
            (promises(&view))
            (defects(&view))
            (table(&view))
            (names("passed everywhere", &view.passing()))
            (names("skipped everywhere: the gateway lacks a capability", &view.skipped()))
            (findings(&view))
            (known(&view))
            (versions(matrix))
        }
    })
}

fn defects(view: &View<'_>) -> Markup {
    let lasting =
        (Course::Lasting, "Defects", "There may be other versions, which were not run, between two that were.");
    let sections = std::iter::once(lasting).chain(UNSTEADY);
    html! {
        @for (course, title, about) in sections {
            @let own = view.of_course(course);
            @if !own.is_empty() {
                section {
                    h2 { (title) }
                    p class="about" { (about) }
                    div class="scrolls" tabindex="0" { table class="defects" {
                        thead { tr {
                            th scope="col" { "Defect" }
                            th scope="col" { "Since" }
                            th scope="col" { "Until" }
                            th scope="col" { "Trials" }
                        } }
                        tbody { @for defect in own { (of_defect(view, defect)) } }
                    } }
                }
            }
        }
    }
}

fn of_defect(view: &View<'_>, defect: &Defect) -> Markup {
    html! {
        tr {
            th scope="row" {
                b { (view.what(defect)) }
                @if let Some(example) = view.example(defect) { small { (example) } }
            }
            td { @for span in &defect.spans { div { (view.since(span)) } } }
            td { @for span in &defect.spans { div { (view.until_in_a_table(span)) } } }
            td {
                @let trials = view.trials(defect);
                @match trials.as_slice() {
                    [one] => (one),
                    _ => details {
                        summary { (counted(defect.trials.len(), "trial")) }
                        ul { @for name in &trials { li { (name) } } }
                    },
                }
            }
        }
    }
}

/// A row for each promise, a column for each target: a cell also says why, if it is not kept.
fn promises(view: &View<'_>) -> Markup {
    let promises = view.promises();
    let columns = &view.matrix.columns;
    html! {
        @if !promises.is_empty() {
            section class="wide" {
                h2 { "Promises" }
                p class="about" { "Each promise is a short scenario; the file is named below it." }
                div class="scrolls" tabindex="0" role="region" aria-label="Promises" { table class="promises" {
                    thead { tr {
                        th scope="col" { "Promise" }
                        @for column in columns { th scope="col" { (view.short(&column.target)) } }
                    } }
                    tbody { @for group in promises { tr {
                        th scope="row" {
                            (group.name) @if let Some(values) = group.values() { ": " (values) }
                            small { code { (group.file()) } }
                        }
                        @for (state, column) in group.states.iter().zip(columns) {
                            (promise(*state, group.cell(&column.target)))
                        }
                    } } }
                } }
            }
        }
    }
}

fn promise(state: CellState<'_>, cell: Option<&Cell>) -> Markup {
    let (sign, tone, _) = look(state);
    let (word, how) = kept(state, cell);
    html! {
        td class=(tone.class()) {
            div { (self::sign(sign, tone)) (word) @if let Some(how) = how { " " (how) } }
            @if let Some(reason) = cell.and_then(reason) { div class="why" { (why(reason)) } }
        }
    }
}

fn table(view: &View<'_>) -> Markup {
    let folders = view.folders();
    let columns = &view.matrix.columns;
    let mut number = 0;
    html! {
        @if !folders.is_empty() {
            section class="wide" {
                h2 { (view.of_table()) }
                p class="legend" {
                    @for (sign, tone, what) in LEGEND { span { (self::sign(sign, tone)) (what) } }
                }
                div class="scrolls versions" tabindex="0" role="region" aria-label=(view.of_table()) { table {
                    colgroup { col class="scenario"; col class="version" span=(columns.len()); }
                    thead { tr {
                        th scope="col" { "Scenario" }
                        @for column in columns { th scope="col" { (view.short(&column.target)) } }
                    } }
                    @for (folder, groups) in &folders {
                        tbody {
                            tr class="folder" { th scope="rowgroup" colspan=(columns.len() + 1) { span { (folder) } } }
                            @for group in groups {
                                (row(view, group, number))
                                @let () = number += 1;
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn row(view: &View<'_>, group: &Group<'_>, number: usize) -> Markup {
    let short = group.label.split_once('/').map_or(group.label.as_str(), |(_, rest)| rest);
    let (stem, rest) = short.split_once(" (").unwrap_or((short, ""));
    html! {
        tr {
            th scope="row" {
                a href={ "#found-" (number) } title=(group.name) { (stem) }
                @if !rest.is_empty() { small { (rest.trim_end_matches(')')) } }
            }
            @for stretch in view.stretches(group) { (cell(view, &stretch)) }
        }
    }
}

fn cell(view: &View<'_>, stretch: &Stretch<'_>) -> Markup {
    let (sign, tone, word) = look(stretch.state);
    let found = stretch
        .cell
        .and_then(|cell| cell.worst())
        .map(|found| format!(": expected {}, got {}", found.expected, found.got));
    let title = format!("{}{}", view.range(&stretch.columns), found.unwrap_or_default());
    html! {
        td class=(tone.class()) colspan=(stretch.columns.len()) title=(title) {
            div { (self::sign(sign, tone)) (word) }
        }
    }
}

fn look(state: CellState<'_>) -> (&'static str, Tone, &'static str) {
    match state {
        CellState::Pass => ("✓", Tone::Good, ""),
        CellState::Known => ("✓*", Tone::Good, ""),
        CellState::Fail(kind, _) => ("✕", Tone::Bad, kind.word()),
        CellState::Unsteady => ("≈", Tone::Odd, "unsteady"),
        CellState::Skip => ("–", Tone::Faint, ""),
        CellState::Error => ("!", Tone::Odd, "error"),
        CellState::NotLaunched => ("∅", Tone::Odd, ""),
        CellState::NotRun => ("", Tone::Faint, ""),
    }
}

/// The signs of a table.
const LEGEND: [(&str, Tone, &str); 8] = [
    ("✓", Tone::Good, "passes"),
    ("✓*", Tone::Good, "passes but for a known deviation"),
    ("✕", Tone::Bad, "fails, with the worst finding"),
    ("≈", Tone::Odd, "fails now and then"),
    ("–", Tone::Faint, "skipped: the gateway lacks a capability"),
    ("!", Tone::Odd, "could not be judged"),
    ("∅", Tone::Odd, "could not be launched"),
    ("", Tone::Faint, "empty: not run"),
];

fn sign(sign: &str, tone: Tone) -> Markup {
    html! { @if !sign.is_empty() { span class={ "sign " (tone.class()) } { (sign) } } }
}

fn names(what: &str, names: &[String]) -> Markup {
    html! {
        @if !names.is_empty() {
            details class="rest" {
                summary { (counted(names.len(), "scenario")) " " (what) }
                ul class="names" { @for name in names { li { code { (name) } } } }
            }
        }
    }
}

/// All that was found, in the order of the table.
fn findings(view: &View<'_>) -> Markup {
    let groups: Vec<_> = view.folders().into_values().flatten().collect();
    html! {
        @if !groups.is_empty() {
            section {
                h2 { "What was found" }
                @for (number, group) in groups.into_iter().enumerate() {
                    article class="found-in" id={ "found-" (number) } {
                        h3 { code { (group.label) } " " span { (group.name) } }
                        ul { @for stretch in view.stretches(group) { (of_stretch(view, &stretch)) } }
                    }
                }
            }
        }
    }
}

fn of_stretch(view: &View<'_>, stretch: &Stretch<'_>) -> Markup {
    let Some(cell) = stretch.cell.filter(|_| stretch.state.is_good() != Some(true)) else { return Markup::default() };
    html! {
        li {
            b { (view.range(&stretch.columns)) } ": "
            @if let Some(reason) = reason(cell) { (why(reason)) }
            @for (index, found) in cell.findings.iter().filter(|found| found.known.is_none()).enumerate() {
                @if index > 0 { "; " }
                b class="kind" { (found.finding.word()) } ", line " (found.line) ": expected " (found.expected) ", got " (found.got)
                @if found.times > 1 { " (" (found.times) " times)" }
            }
        }
    }
}

fn known(view: &View<'_>) -> Markup {
    let known = view.known();
    html! {
        @if !known.is_empty() {
            section {
                h2 { "Known deviations" }
                p class="about" { "harness.toml accepts these." }
                ul class="deviations" {
                    @for (reason, ranges) in known {
                        li { (reason) ": " (ranges.iter().map(|range| view.range(range)).collect::<Vec<_>>().join(", ")) }
                    }
                }
            }
        }
    }
}

fn versions(matrix: &Matrix) -> Markup {
    html! {
        section {
            h2 { "Versions" }
            div class="scrolls" tabindex="0" { table {
                thead { tr { @for what in ["Target", "Launched", "Pass", "Fail", "Unsteady", "Skip", "Error", "Remark"] { th scope="col" { (what) } } } }
                tbody { @for column in &matrix.columns {
                    @let Counts { passed, failed, unsteady, skipped, broke } = Counts::of(matrix, column);
                    tr {
                        th scope="row" { (column.target) }
                        td { (column.launcher) @if let Some(day) = column.ran_on { ", " (day) } }
                        @for count in [passed, failed, unsteady, skipped, broke] { td { (count) } }
                        td {
                            @if let Some(error) = &column.error { "could not be launched: " (error) " " }
                            @if let Some(remark) = &column.remark { (remark) }
                        }
                    }
                } }
            } }
        }
    }
}
