//! The report as a page for a browser: one file that loads nothing else. The answer first, then which scenario does what on
//! which target, then each trial: its spend against its budget, what was asked and answered, what the gateway said.
//!
//! It is whole without its script, which only adds filters. Whatever a scenario or a gateway says is escaped by [`maud`].

mod chart;
mod look;
mod matrix;
mod page;
mod trial;

use maud::{Markup, html};

use super::{Report, Spent, TargetReport, answer, rollout, terminal};
use crate::verdict::deviation::Deviation;
use crate::verdict::fail_on::FailOn;
use look::Look;
pub(crate) use look::{Tone, why};
pub(crate) use page::Page;

const SCRIPT: &str = include_str!("script.js");

pub fn render(report: &Report) -> String {
    let answer = answer::answer(report);
    let (title, gatecrash, exit) = (answer.as_str(), report.gatecrash.as_str(), report.exit());
    let page = Page { title, gatecrash, exit, style: "", script: Some(SCRIPT) };
    page.around(&html! {
        (head(report, &answer, Tone::of(exit)))
        main {
            @if !report.trials.is_empty() {
                (filters(report))
                (matrix::section(report))
                (trial::section(report))
            }
            (rollout::section(report))
            (environment(report))
            (deviations(&report.deviations))
        }
    })
}

/// The answer, and what it is an answer to.
fn head(report: &Report, answer: &str, tone: Tone) -> Markup {
    let sign = match tone {
        Tone::Good => "✓",
        Tone::Bad => "✕",
        Tone::Odd | Tone::Faint => "!",
    };
    html! {
        header class=(tone.class()) {
            p class="of" { b { "gatecrash" } " " (report.of_targets().replace("->", "→")) }
            h1 { span class="sign" aria-hidden="true" { (sign) } span { (answer) } }
            (counts(report))
            ul class="targets" {
                @for target in &report.targets { li { (of_target(report, target)) } }
                li { (of_run(report)) }
                @if !terminal::environment(report).is_empty() {
                    li { a href="#environment" { "What broke without the gateway being at fault" } }
                }
                @match report.deviations.len() {
                    0 => {}
                    1 => li { a href="#deviations" { "1 known deviation" } },
                    count => li { a href="#deviations" { (count) " known deviations" } },
                }
            }
        }
    }
}

/// How many trials have each look: as a bar, and in words that link there.
fn counts(report: &Report) -> Markup {
    let looks = Look::all(report);
    let count = |look: &Look| report.trials.iter().filter(|trial| Look::of(trial) == *look).count();
    let mut begins = 0;
    html! {
        @if !looks.is_empty() {
            svg class="bar" viewBox={ "0 0 " (report.trials.len()) " 1" } preserveAspectRatio="none" aria-hidden="true" {
                @for look in &looks {
                    rect class=(look.tone.class()) x=(begins) width=(count(look)) height="1" {}
                    @let () = begins += count(look);
                }
            }
            ul class="counts" {
                @for look in &looks {
                    li class=(look.tone.class()) {
                        a href={ "#" (group(*look)) } { (look.mark()) (look.counted(count(look))) }
                    }
                }
            }
        }
    }
}

/// The anchor of the trials of one look.
fn group(look: Look) -> String {
    look.word.to_lowercase().replace(' ', "-")
}

fn of_target(report: &Report, target: &TargetReport) -> Markup {
    html! {
        b { (target.name) } ": " (terminal::ran(target))
        @if let Some(version) = &target.version { ", says it is " (version) }
        @if let Some(ms) = target.launched_in_ms { ", there after " (seconds(ms)) }
        @if let Some(because) = &target.launcher_because { " (" (because) ")" }
        @for remark in terminal::remarks(report, target) { "; it " b { (remark) } }
    }
}

fn of_run(report: &Report) -> Markup {
    let Spent { wall_ms, launch_ms, requests_ms, settle_ms, pace_ms, rest_ms } = report.spent;
    let parts = [
        ("launching", launch_ms),
        ("requests", requests_ms),
        ("waiting for the books", settle_ms),
        ("the scenarios' pace", pace_ms),
        ("the rest", rest_ms),
    ];
    let parts = parts.iter().filter(|(_, ms)| *ms >= 100).map(|(what, ms)| format!("{what} {}", seconds(*ms)));
    let parts = parts.collect::<Vec<_>>().join(", ");
    html! {
        b { (report.trials.len()) @if report.trials.len() == 1 { " trial" } @else { " trials" } }
        " in " (seconds(wall_ms))
        @if !parts.is_empty() { ": " (parts) }
        @if let Some(partition) = report.partition { "; partition " (partition) }
        @if report.fail_on != FailOn::default() { "; fails on " (report.fail_on) }
    }
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

/// Shown by the script, which is what makes them work.
fn filters(report: &Report) -> Markup {
    let mut tags: Vec<&str> = report.trials.iter().flat_map(|trial| &trial.tags).map(String::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    html! {
        form id="filters" role="search" aria-label="Filters" hidden {
            fieldset {
                legend { "Show only" }
                @for look in Look::all(report) {
                    label class=(look.tone.class()) {
                        input type="checkbox" name="is" value=(group(look));
                        (look.mark()) (look.word)
                    }
                }
            }
            label { "Tag " select name="tag" {
                option value="" { "any" }
                @for tag in tags { option value=(tag) { (tag) } }
            } }
            label { "Name " input type="search" name="name" placeholder="budget/key" autocomplete="off"; }
            button type="reset" { "Show all" }
            output for="filters" {}
        }
    }
}

/// What broke through no fault of the gateway.
fn environment(report: &Report) -> Markup {
    let broke = terminal::without_colours(&terminal::environment(report));
    html! {
        @if !broke.trim().is_empty() {
            section id="environment" {
                h2 { "What broke without the gateway being at fault" }
                pre tabindex="0" { (broke.trim()) }
            }
        }
    }
}

fn deviations(deviations: &[Deviation]) -> Markup {
    html! {
        @if !deviations.is_empty() {
            section id="deviations" {
                h2 { "Known deviations" }
                p { "harness.toml accepts these for now. Outcomes with a known deviation are marked *." }
                ul class="deviations" { @for deviation in deviations { li { (of_deviation(deviation)) } } }
            }
        }
    }
}

fn of_deviation(deviation: &Deviation) -> Markup {
    let tone = if deviation.state.fails_the_run() { Tone::Bad } else { Tone::Faint };
    html! {
        span class={ "badge " (tone.class()) } { (deviation.state) }
        " " b { (deviation.target) } " " code { (deviation.scenario) } " " (deviation.finding.word())
        @if let Some(got) = &deviation.got { " (" (got) ")" }
        ": " (deviation.reason) " " (issue(&deviation.issue))
    }
}

/// A link, if it is one that a reader can follow: `owner/repository#number`, or to a page.
fn issue(issue: &str) -> Markup {
    let of = issue.split_once('#').filter(|(repository, number)| {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let is_repository = repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name));
        is_repository && number.parse::<u32>().is_ok()
    });
    let page = match of {
        Some((repository, number)) => Some(format!("https://github.com/{repository}/issues/{number}")),
        None => issue.starts_with("https://").then(|| issue.to_owned()),
    };
    html! {
        @match page {
            Some(page) => a href=(page) rel="noreferrer" { (issue) },
            None => (issue),
        }
    }
}
