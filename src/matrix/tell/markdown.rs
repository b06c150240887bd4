//! The matrix as Markdown, for GitHub: the answer, the versions, since when and until when each defect is there, then the
//! tables, a column for versions that are alike.

use std::fmt::Write as _;

use super::promises::kept;
use super::{Counts, Group, UNSTEADY, View, counted, reason};
use crate::matrix::defects::{Course, Defect};
use crate::matrix::{CellState, Column, Matrix};
use crate::outcome::FindingKind;
use crate::report::markdown::plain;

pub fn render(matrix: &Matrix) -> String {
    let view = View::new(matrix);
    let mut text = format!("# {}\n\n**{}**\n", plain(&view.title()), plain(&view.answer()));
    if let Some(note) = &matrix.note {
        let _ = writeln!(text, "\n{note}");
    }
    let _ = writeln!(text, "\n{}", made(matrix));
    promises(&mut text, &view);
    defects(&mut text, &view);
    tables(&mut text, &view);
    folded(&mut text, "passed everywhere", &view.passing());
    folded(&mut text, "skipped everywhere: the gateway lacks a capability", &view.skipped());
    findings(&mut text, &view);
    known(&mut text, &view);
    versions(&mut text, matrix);
    text
}

/// A row for each promise, a column for each target.
fn promises(text: &mut String, view: &View<'_>) {
    let promises = view.promises();
    let columns = &view.matrix.columns;
    if promises.is_empty() {
        return;
    }
    let head: Vec<_> = columns.iter().map(|column| plain(view.short(&column.target))).collect();
    text.push_str("\n## Promises\n\n");
    text.push_str(PROMISES);
    let _ = writeln!(text, "\n| promise | {} |\n{}|", head.join(" | "), "| --- ".repeat(head.len() + 1));
    for group in promises {
        let cells = group.states.iter().zip(columns).map(|(state, column)| {
            let (word, how) = kept(*state, group.cell(&column.target));
            let sign = sign(*state);
            let told = [sign, word].into_iter().map(str::to_owned).chain(how.map(plain));
            told.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let values = group.values().map(|values| format!(": {}", plain(values))).unwrap_or_default();
        let _ = writeln!(text, "| {}{values}<br>`{}` | {cells} |", plain(group.name), group.file());
    }
}

const PROMISES: &str = "Each is a short scenario, in the file that is named. ✅ kept, with how it refused; ❌ broken, with what was \
                        seen; ➖ lacking: the gateway, or its adapter, has no such thing.\n";

fn made(matrix: &Matrix) -> String {
    let mut by: Vec<&str> = matrix.columns.iter().map(|column| column.gatecrash.as_str()).collect();
    by.sort_unstable();
    by.dedup();
    if !matrix.is_of_one_gateway() {
        return format!("Measured by gatecrash {}; made by `gatecrash matrix`.", by.join(", "));
    }
    format!(
        "Measured by gatecrash {}; made by `gatecrash matrix`. Only the versions in the table were run: where \"since\" and \
         \"until\" are not neighbours in the gateway's releases, the change is somewhere between them.",
        by.join(", ")
    )
}

fn defects(text: &mut String, view: &View<'_>) {
    let lasting = view.of_course(Course::Lasting);
    if !lasting.is_empty() {
        text.push_str("\n## Defects\n\n| defect | since | until | trials |\n| --- | --- | --- | --- |\n");
        for defect in lasting {
            for span in &defect.spans {
                let (since, until) = (plain(&view.since(span)), plain(&view.until_in_a_table(span)));
                let _ = writeln!(text, "| {} | {since} | {until} | {} |", what(view, defect), trials(view, defect));
            }
        }
    }
    for (course, title, about) in UNSTEADY {
        let own = view.of_course(course);
        if !own.is_empty() {
            let _ = writeln!(text, "\n### {title}\n\n{about}\n\n| defect | on | trials |\n| --- | --- | --- |");
            for defect in own {
                let on = plain(&view.spans(defect));
                let _ = writeln!(text, "| {} | {on} | {} |", what(view, defect), trials(view, defect));
            }
        }
    }
}

/// In bold, with the first example of it.
fn what(view: &View<'_>, defect: &Defect) -> String {
    let example = view.example(defect).map(|example| format!(": {}", plain(&example))).unwrap_or_default();
    format!("**{}**{example}", plain(&view.what(defect)))
}

fn trials(view: &View<'_>, defect: &Defect) -> String {
    let names: Vec<_> = view.trials(defect).iter().map(|name| plain(name)).collect();
    let names = names.join("<br>");
    match defect.trials.len() {
        1 => names,
        count => format!("{}: {names}", counted(count, "trial")),
    }
}

fn tables(text: &mut String, view: &View<'_>) {
    let folders = view.folders();
    if folders.is_empty() {
        return;
    }
    text.push_str(&format!("\n## {}\n\n", view.of_table()));
    text.push_str(LEGEND);
    for (folder, groups) in folders {
        let ranges = view.ranges(&groups);
        // Over two lines, a column is no wider than a version.
        let head: Vec<_> = ranges.iter().map(|range| plain(&view.range(range)).replace(" – ", "<br>– ")).collect();
        let title = if folder.is_empty() { "trial" } else { folder };
        let _ = writeln!(text, "\n| {} | {} |\n{}|", plain(title), head.join(" | "), "| --- ".repeat(head.len() + 1));
        for group in groups {
            let cells: Vec<_> = ranges.iter().map(|range| cell(group.states[range.start])).collect();
            let _ = writeln!(text, "| {} | {} |", plain(&group.label), cells.join(" | "));
        }
    }
}

const LEGEND: &str = "✅ passes, ✅\\* passes but for a known deviation, ❌ fails, with the worst finding; 〰️ fails now and then, \
                      ➖ skipped (the gateway lacks a capability), ⚠️ could not be judged, 🚫 could not be launched; empty: not run. \
                      Versions beside one another that are alike are one column, and so are trials of a scenario one row.\n";

fn cell(state: CellState<'_>) -> String {
    let sign = sign(state);
    match state {
        CellState::Fail(FindingKind::WrongRefusal, Some(got)) => format!("{sign} wrong refusal: {}", plain(got)),
        CellState::Fail(kind, _) => format!("{sign} {}", kind.word()),
        _ => sign.to_owned(),
    }
}

fn sign(state: CellState<'_>) -> &'static str {
    match state {
        CellState::Pass => "✅",
        CellState::Known => "✅\\*",
        CellState::Fail(..) => "❌",
        CellState::Unsteady => "〰️",
        CellState::Skip => "➖",
        CellState::Error => "⚠️",
        CellState::NotLaunched => "🚫",
        CellState::NotRun => "",
    }
}

fn folded(text: &mut String, what: &str, names: &[String]) {
    if !names.is_empty() {
        let scenarios = counted(names.len(), "scenario");
        let names: Vec<_> = names.iter().map(|name| plain(name)).collect();
        let _ = writeln!(text, "\n<details><summary>{scenarios} {what}</summary>\n\n{}\n</details>", names.join("; "));
    }
}

fn findings(text: &mut String, view: &View<'_>) {
    let odd: Vec<&Group<'_>> = view.odd().collect();
    if odd.is_empty() {
        return;
    }
    text.push_str("\n<details><summary>What was found, in full</summary>\n\n");
    for group in odd {
        let _ = writeln!(text, "- **{}**: {}", plain(&group.label), plain(group.name));
        for stretch in view.stretches(group) {
            let Some(cell) = stretch.cell.filter(|_| stretch.state.is_good() != Some(true)) else { continue };
            let found = cell.findings.iter().filter(|found| found.known.is_none()).map(|found| {
                let times = if found.times > 1 { format!(" ({} times)", found.times) } else { String::new() };
                let kind = found.finding.word();
                format!(
                    "{kind}, line {}: expected {}, got {}{times}",
                    found.line,
                    plain(&found.expected),
                    plain(&found.got)
                )
            });
            let told: Vec<_> = reason(cell).map(plain).into_iter().chain(found).collect();
            let _ = writeln!(text, "  - {}: {}", plain(&view.range(&stretch.columns)), told.join("; "));
        }
    }
    text.push_str("\n</details>\n");
}

fn known(text: &mut String, view: &View<'_>) {
    let known = view.known();
    if !known.is_empty() {
        text.push_str(
            "\n## Known deviations\n\nThey are accepted by `harness.toml`.\n\n| what | on |\n| --- | --- |\n",
        );
        for (reason, ranges) in known {
            let on: Vec<_> = ranges.iter().map(|range| plain(&view.range(range))).collect();
            let _ = writeln!(text, "| {} | {} |", plain(reason), on.join(", "));
        }
    }
}

fn versions(text: &mut String, matrix: &Matrix) {
    text.push_str("\n## Versions\n\n| target | launched | pass | fail | unsteady | skip | error | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for column in &matrix.columns {
        let Column { target, launcher, ran_on, error, remark, .. } = column;
        let Counts { passed, failed, unsteady, skipped, broke } = Counts::of(matrix, column);
        let on = ran_on.map(|day| format!(", {day}")).unwrap_or_default();
        let error = error.as_ref().map(|error| format!("could not be launched: {error}"));
        let told: Vec<_> = error.iter().chain(remark).map(|told| plain(told)).collect();
        let _ = writeln!(
            text,
            "| `{target}` | {launcher}{on} | {passed} | {failed} | {unsteady} | {skipped} | {broke} | {} |",
            told.join("; ")
        );
    }
}
