//! Each trial: in full where there is something to look at, else folded and small.

use maud::{Markup, html};

use super::look::{Look, why};
use super::{chart, group, issue};
use crate::outcome::{Answer, Evidence, Exchange, Outcome, Sent, TrialResult};
use crate::report::{Report, TrialReport, rollout, terminal, transcript};
use crate::verdict::Verdict;

/// Where a trial is found on the page, by its place in the report.
pub(super) fn anchor(index: usize) -> String {
    format!("trial-{}", index + 1)
}

pub(super) fn section(report: &Report) -> Markup {
    let of = |look: Look| report.trials.iter().enumerate().filter(move |(_, trial)| Look::of(trial) == look);
    html! {
        section id="trials" {
            h2 { "Trials" }
            @for (index, look) in Look::all(report).into_iter().enumerate() {
                section class="group" id=(group(look)) {
                    @if look.is_usual() {
                        details class="rest" {
                            summary { h3 { (look.mark()) (look.counted(of(look).count())) } }
                            @for trial in of(look) { (folded(report, trial, false)) }
                        }
                    } @else {
                        h3 class=(look.tone.class()) { (look.mark()) (look.counted(of(look).count())) }
                        // Whoever reads nothing else sees the first of the worst.
                        @for (nth, trial) in of(look).enumerate() { (folded(report, trial, index == 0 && nth == 0)) }
                    }
                }
            }
        }
    }
}

fn folded(report: &Report, (index, trial): (usize, &TrialReport), is_open: bool) -> Markup {
    let look = Look::of(trial);
    let class = if is_shown_in_full(trial) { "trial full" } else { "trial" };
    html! {
        details class=(class) open[is_open] data-is=(group(look)) data-tags=(trial.tags.join(" ")) {
            summary {
                (look.badge())
                h4 { code { (trial.trial) } " " span { (trial.name) } }
                span class="outcomes" {
                    @for result in &trial.results {
                        @let look = Look::of_outcome(&result.outcome);
                        span class=(look.tone.class()) { (look.mark()) (outcome(result)) }
                    }
                }
            }
            // A link to what is in the fold unfolds it; a link to the fold itself would not.
            div id=(anchor(index)) {
                @if is_shown_in_full(trial) { (in_full(report, trial)) } @else { (in_short(report, trial)) }
            }
        }
    }
}

/// Like the terminal's, but what was fixed or fails as before counts too: it is folded.
fn is_shown_in_full(trial: &TrialReport) -> bool {
    trial.verdict == Some(Verdict::Changed) || trial.results.iter().any(|result| result.outcome.has_failed())
}

/// In the words of the terminal.
pub(super) fn outcome(result: &TrialResult) -> String {
    terminal::without_colours(&terminal::outcome(result)).trim().to_owned()
}

fn in_full(report: &Report, trial: &TrialReport) -> Markup {
    html! {
        (about(trial))
        (findings(report, trial))
        (reasons(trial))
        (chart::charts(trial))
        (asked(trial))
        @for result in &trial.results { (evidence(result)) }
        (scenario(report, trial))
        (repeat(report, trial))
    }
}

fn in_short(report: &Report, trial: &TrialReport) -> Markup {
    html! {
        (about(trial))
        (findings(report, trial))
        (reasons(trial))
        @if trial.results.iter().any(|result| !result.exchanges.is_empty()) {
            pre tabindex="0" { (transcript::as_text(&trial.results)) }
        }
        (repeat(report, trial))
    }
}

fn about(trial: &TrialReport) -> Markup {
    html! {
        p class="about" {
            @if let Some(of) = &trial.issue { (issue(of)) " " }
            code { (trial.file) }
            " a request costs " (trial.price) " USD"
            @for tag in &trial.tags { " " span class="tag" { (tag) } }
        }
    }
}

fn findings(report: &Report, trial: &TrialReport) -> Markup {
    let all = trial.results.iter().flat_map(|result| result.findings.iter().map(move |finding| (result, finding)));
    let mut all: Vec<_> = all.collect();
    // What is accepted for now comes last.
    all.sort_by_key(|(_, finding)| finding.known.is_some());
    html! {
        ul class="findings" {
            @for (result, finding) in all {
                li class=[finding.known.as_ref().map(|_| "known")] {
                    b { (finding.kind.word()) } ": " (rollout::who(report, trial, result, finding)) " " (finding.kind.sentence())
                    br;
                    "line " (finding.place.line) ": " (finding)
                    @if let Some(known) = &finding.known { br; "known: " (known) }
                }
            }
        }
    }
}

/// Why it was not judged.
fn reasons(trial: &TrialReport) -> Markup {
    html! {
        @for result in &trial.results {
            @match &result.outcome {
                Outcome::Skip { reason } | Outcome::Error { reason } => {
                    div class="reason" { (Look::of_outcome(&result.outcome).badge()) " " b { (result.target) } ": " (why(reason)) }
                }
                Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => {}
            }
        }
    }
}

/// What each target was asked, and what it answered.
fn asked(trial: &TrialReport) -> Markup {
    let rows = transcript::rows(&trial.results);
    html! {
        @if !rows.is_empty() {
            h5 { "Request by request" }
            div class="scrolls" tabindex="0" role="region" aria-label={ "Requests of " (trial.trial) } {
                table class="transcript" {
                    thead {
                        tr {
                            td colspan="2" {}
                            @for result in &trial.results { th scope="colgroup" colspan="3" { (result.target) } }
                        }
                        tr {
                            th scope="col" { "line" }
                            th scope="col" { "key" }
                            @for _ in &trial.results {
                                th scope="col" { "request" }
                                th scope="col" { "spent before" }
                                th scope="col" { "answer" }
                            }
                        }
                    }
                    tbody {
                        @for row in &rows {
                            tr class=[row.moved.map(|_| "moved")] {
                                td { (row.line) }
                                td { (row.key) }
                                @for (result, exchange) in trial.results.iter().zip(&row.exchanges) {
                                    (cells(result, *exchange))
                                }
                            }
                        }
                    }
                }
            }
            @for (line, sum) in transcript::sums(&trial.results) { p class="note" { "line " (line) " costs " (sum) } }
            @if let Some(legend) = transcript::legend(&trial.results) { p class="note" { (legend) } }
        }
    }
}

fn cells(result: &TrialResult, exchange: Option<&Exchange>) -> Markup {
    let Some(exchange) = exchange else {
        return html! { td class="begins" { "-" } td {} td {} };
    };
    let finding = result.found_at(exchange);
    let message = match &exchange.answer {
        Answer::Refused { message, .. } => message.as_str(),
        Answer::Accepted { .. } | Answer::Broken { .. } => "",
    };
    html! {
        td class="begins" { (exchange.request) }
        td {
            @if exchange.before.is_empty() { (transcript::NO_BUDGET) }
            @for (index, (budget, standing)) in transcript::budgets(exchange).enumerate() {
                @if index > 0 { ", " }
                span class=[standing.is_spent().then_some("spent")] { (budget) }
            }
        }
        td {
            (exchange.answered())
            @if let Some(finding) = finding { " " span class="badge bad" { (finding.kind.word()) } }
            @if !message.is_empty() { small { (message) } }
        }
    }
}

fn evidence(result: &TrialResult) -> Markup {
    let Evidence { said, log, .. } = &result.evidence;
    let sent: Vec<_> = result.exchanges.iter().filter_map(|own| own.sent.as_ref().map(|sent| (own, sent))).collect();
    let of_findings = |(exchange, _): &&(&Exchange, &Sent)| {
        result.findings.iter().any(|finding| finding.request == Some(exchange.request))
    };
    let mut shown: Vec<_> = sent.iter().filter(of_findings).collect();
    if shown.is_empty() {
        shown.extend(sent.first());
    }
    let json = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    html! {
        @if !log.is_empty() {
            details class="evidence" {
                summary { "What " b { (result.target) } " had logged by the first finding" }
                p class="note" { "The end of its log at that time. Other trials may have been running." }
                pre tabindex="0" { @for line in log { (line) "\n" } }
            }
        }
        @if !said.is_empty() {
            details class="evidence" {
                summary { "What the admin API of " b { (result.target) } " said when the trial had ended" }
                @for (whom, said) in said {
                    p class="note" { (whom) ", " code { (said.sent.method) " " (said.sent.route) } }
                    pre tabindex="0" { (json(&said.answer)) }
                }
            }
        }
        @if !shown.is_empty() {
            details class="evidence" {
                summary { "What " b { (result.target) } " was sent" }
                @for (exchange, sent) in shown {
                    p class="note" { "request " (exchange.request) ", as sent, except for the key" }
                    pre tabindex="0" {
                        (sent.method) " " (sent.route) "\n"
                        @for (name, value) in &sent.headers { (name) ": " (value) "\n" }
                        @if !sent.body.is_null() { "\n" (json(&sent.body)) }
                    }
                }
            }
        }
    }
}

/// The scenario's text, with each finding at its line.
fn scenario(report: &Report, trial: &TrialReport) -> Markup {
    let text = report.scenarios.get(&trial.file).map(String::as_str).unwrap_or_default();
    let found = |number: usize| {
        let of = |result: &'_ TrialResult| {
            let own = result.new_findings().filter(move |finding| finding.place.line == number);
            own.map(|finding| format!("{} {}: {finding}", result.target, finding.kind.word())).collect::<Vec<_>>()
        };
        trial.results.iter().flat_map(of).collect::<Vec<_>>()
    };
    html! {
        @if !text.is_empty() {
            h5 { "The scenario" }
            pre class="scenario" tabindex="0" {
                @for (index, line) in text.lines().enumerate() {
                    @let found = found(index + 1);
                    @if found.is_empty() {
                        span class="line" { (line) "\n" }
                    } @else {
                        mark class="line" { (line) "\n" }
                        @for found in found { span class="found" { "✕ " (found) "\n" } }
                    }
                }
            }
        }
    }
}

fn repeat(report: &Report, trial: &TrialReport) -> Markup {
    html! {
        p class="repeat" { "repeat: " code { (terminal::repeat(report, trial)) } }
    }
}
