//! Which scenario does what on which target: a row for each scenario, what needs to be looked at first.

use maud::{Markup, html};

use super::look::Look;
use super::trial::{anchor, outcome};
use crate::outcome::TrialResult;
use crate::report::{Report, TrialReport};

/// A trial, with its place in the report.
type Placed<'a> = (usize, &'a TrialReport);

/// The trials of one file.
struct ScenarioRow<'a> {
    trials: Vec<Placed<'a>>,
    /// How its worst trial looks, and its place among all looks.
    worst: (usize, Look),
}

pub(super) fn section(report: &Report) -> Markup {
    let scenarios = scenarios(report);
    let (usual, odd): (Vec<_>, Vec<_>) = scenarios.iter().partition(|scenario| scenario.worst.1.is_usual());
    html! {
        section id="matrix" {
            h2 { "Scenarios and targets" }
            @if !odd.is_empty() { (table(report, &odd)) }
            @if !usual.is_empty() {
                details class="rest" open[odd.is_empty()] {
                    summary {
                        (usual[0].worst.1.mark()) (usual.len())
                        @if usual.len() == 1 { " scenario" } @else { " scenarios" }
                        @if report.compares { ", the same on both" } @else { " passed" }
                    }
                    (table(report, &usual))
                }
            }
        }
    }
}

fn scenarios(report: &Report) -> Vec<ScenarioRow<'_>> {
    let looks = Look::all(report);
    let mut scenarios: Vec<ScenarioRow<'_>> = Vec::new();
    let mut files = std::collections::HashMap::new();
    for (index, trial) in report.trials.iter().enumerate() {
        let look = Look::of(trial);
        let rank = looks.iter().position(|other| *other == look).unwrap_or(looks.len());
        let at = *files.entry(trial.file.as_str()).or_insert(scenarios.len());
        match scenarios.get_mut(at) {
            Some(scenario) => {
                scenario.trials.push((index, trial));
                if rank < scenario.worst.0 {
                    scenario.worst = (rank, look);
                }
            }
            None => scenarios.push(ScenarioRow { trials: vec![(index, trial)], worst: (rank, look) }),
        }
    }
    scenarios.sort_by_key(|scenario| scenario.worst.0);
    scenarios
}

fn table(report: &Report, scenarios: &[&ScenarioRow<'_>]) -> Markup {
    html! {
        table class="matrix" {
            thead { tr {
                th scope="col" { "Scenario" }
                @if report.compares { th scope="col" { "Verdict" } }
                @for target in &report.targets { th scope="col" { (target.name) } }
            } }
            tbody { @for scenario in scenarios { (row(report, scenario)) } }
        }
    }
}

fn row(report: &Report, scenario: &ScenarioRow<'_>) -> Markup {
    let [(_, first), ..] = scenario.trials.as_slice() else { return Markup::default() };
    let anchors: Vec<_> = scenario.trials.iter().map(|(index, _)| anchor(*index)).collect();
    let stem = stem(scenario);
    let (name, names) = (first.name.as_str(), stem.trim_end_matches('/'));
    html! {
        tr data-trials=(anchors.join(" ")) {
            th scope="row" { (name) " " code { (names) } }
            @if report.compares { td data-of="Verdict" { (verdicts(scenario)) } }
            @for (index, target) in report.targets.iter().enumerate() {
                td data-of=(target.name) { (cell(report, scenario, &stem, index)) }
            }
        }
    }
}

fn verdicts(scenario: &ScenarioRow<'_>) -> Markup {
    let mut looks: Vec<(Look, usize)> = Vec::new();
    for look in scenario.trials.iter().map(|(_, trial)| Look::of(trial)) {
        match looks.iter_mut().find(|(own, _)| *own == look) {
            Some((_, count)) => *count += 1,
            None => looks.push((look, 1)),
        }
    }
    looks.sort_by_key(|(look, _)| look.is_usual());
    html! {
        @for (look, count) in looks {
            div class=(look.tone.class()) {
                (look.mark())
                @if scenario.trials.len() == 1 { (look.word) } @else { (look.counted(count)) }
            }
        }
    }
}

/// A target's result, by its place: a comparison of a target with itself has two of one name.
fn result<'a>(report: &Report, trial: &'a TrialReport, index: usize) -> Option<&'a TrialResult> {
    match trial.results.len() == report.targets.len() {
        true => trial.results.get(index),
        false => trial.results.iter().find(|result| result.target == report.targets[index].name),
    }
}

/// What the names of a scenario's trials begin with: the rest are the values of its axes.
fn stem(scenario: &ScenarioRow<'_>) -> String {
    let mut names = scenario.trials.iter().map(|(_, trial)| trial.trial.as_str());
    let mut stem = names.next().unwrap_or_default();
    for name in names {
        let same = stem.char_indices().zip(name.chars()).take_while(|((_, own), other)| own == other);
        let same = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
        // Up to a whole value.
        stem = &stem[..stem[..same].rfind('/').map_or(0, |slash| slash + 1)];
    }
    stem.to_owned()
}

/// The trials of a scenario on a target, by what came of them: the usual ones are only counted.
fn cell(report: &Report, scenario: &ScenarioRow<'_>, stem: &str, index: usize) -> Markup {
    let mut said: Vec<(Look, String, Vec<Placed<'_>>)> = Vec::new();
    for own in &scenario.trials {
        let Some(result) = result(report, own.1, index) else { continue };
        let (look, words) = (Look::of_outcome(&result.outcome), outcome(result));
        match said.iter_mut().find(|(_, same, _)| *same == words) {
            Some((.., trials)) => trials.push(*own),
            None => said.push((look, words, vec![*own])),
        }
    }
    said.sort_by_key(|(look, ..)| look.is_usual());
    let is_one = scenario.trials.len() == 1;
    let rest = |trial: &TrialReport| trial.trial.strip_prefix(stem).unwrap_or_default().to_owned();
    html! {
        @for (look, words, trials) in &said {
            div class=(look.tone.class()) {
                (look.mark())
                @if is_one || look.is_usual() {
                    a href={ "#" (anchor(trials[0].0)) } {
                        @match (is_one, look.is_usual()) {
                            (true, true) => (words),
                            (true, false) => b { (words) },
                            (false, _) => { (trials.len()) " " (words) }
                        }
                    }
                } @else {
                    b { (words) }
                    @for (nth, (index, trial)) in trials.iter().enumerate() {
                        @if nth > 0 { "," }
                        " " a href={ "#" (anchor(*index)) } { (rest(trial)) }
                    }
                }
            }
        }
    }
}
