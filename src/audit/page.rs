//! An audit as a page for a browser: one file that loads nothing, and needs no script.

use maud::{Markup, html};

use super::tell::{AuditReport, COLUMNS, cells, reasons};
use crate::report::html::{Page, Tone};

/// The page, with whatever is in it.
pub fn render(report: &AuditReport) -> String {
    let (title, exit) = (format!("audit of {}", report.target), report.exit());
    let page = Page { title: &title, gatecrash: env!("CARGO_PKG_VERSION"), exit, style: "", script: None };
    page.around(&html! {
        header class=(Tone::of(exit).class()) {
            p class="of" { b { "gatecrash" } " " (title) ", " (report.config) }
            h1 { span { (report.answer()) } }
        }
        main {
            (unpriced(report))
            (models(report))
            (changes(report))
        }
    })
}

/// Those that no budget can stop.
fn unpriced(report: &AuditReport) -> Markup {
    html! {
        @if !report.unpriced.is_empty() {
            section {
                h2 { "Models without a price" }
                p { "No budget can stop one of these unless each answer says what it cost: give them prices." }
                ul { @for model in &report.unpriced { li { code { (model) } } } }
            }
        }
    }
}

fn models(report: &AuditReport) -> Markup {
    html! {
        section {
            h2 { "Each model" }
            div class="scrolls" tabindex="0" role="region" aria-label="Each model" {
                table class="transcript" {
                    thead { tr { @for column in COLUMNS { th scope="col" { (column) } } } }
                    tbody {
                        @for row in &report.models {
                            tr { @for cell in cells(row) { td { (cell) } } }
                        }
                    }
                }
            }
            @for row in &report.models {
                @let reasons = reasons(row);
                @if !reasons.is_empty() {
                    details open[row.holds_not()] {
                        summary { code { (row.model) } }
                        ul { @for reason in &reasons { li { (reason) } } }
                    }
                }
            }
        }
    }
}

/// What was changed in the operator's configuration.
fn changes(report: &AuditReport) -> Markup {
    html! {
        @if !report.changes.is_empty() {
            details {
                summary { h2 { "What was changed in " (report.config) } }
                ul { @for change in &report.changes { li { (change) } } }
            }
        }
    }
}
