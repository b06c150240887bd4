//! An audit as a page for a browser: one file that loads nothing, and needs no script.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::tell::{AuditReport, COLUMNS, cells, reasons};
use crate::host::failure::Exit;
use crate::report::html::{STYLE, Tone, icon};

/// The page, with whatever is in it.
pub fn render(report: &AuditReport) -> String {
    let (title, answer) = (format!("audit of {}", report.target), report.answer());
    let tone = match report.exit() {
        Exit::Fine => Tone::Good,
        Exit::Failed => Tone::Bad,
        Exit::NothingRun | Exit::Broke | Exit::WrongInput | Exit::Interrupted => Tone::Odd,
    };
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "gatecrash " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                link rel="icon" href=(icon(tone));
                style { (PreEscaped(STYLE)) }
            }
            body {
                header class=(tone.class()) {
                    p class="of" { b { "gatecrash" } " " (title) ", " (report.config) }
                    h1 { span { (answer) } }
                }
                main {
                    (unpriced(report))
                    (models(report))
                    (changes(report))
                }
                footer { "gatecrash " (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    page.into_string()
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
