//! The frame of every page: one file that loads nothing, and what a browser shows of it beside its text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::look::Tone;
use crate::host::failure::Exit;

/// The style of all pages.
const STYLE: &str = include_str!("style.css");

/// What one page has that others have not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    pub title: &'a str,
    /// The version of gatecrash that it is of.
    pub gatecrash: &'a str,
    /// How it ended.
    pub exit: Exit,
    /// What it adds to the style of all.
    pub style: &'a str,
    pub script: Option<&'a str>,
}

impl Page<'_> {
    /// The page with this in it.
    pub(crate) fn around(&self, body: &Markup) -> String {
        let style = [STYLE, self.style].concat();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy(&style, self.script));
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content={ "gatecrash " (self.gatecrash) };
                    title { (self.title) }
                    link rel="icon" href=(icon(Tone::of(self.exit)));
                    style { (PreEscaped(style)) }
                }
                body {
                    (body)
                    footer { "gatecrash " (self.gatecrash) }
                    @if let Some(script) = self.script { script { (PreEscaped(script)) } }
                }
            }
        };
        page.into_string()
    }
}

/// Nothing is loaded, and nothing runs but what this file came with, whatever else gets into it.
fn policy(style: &str, script: Option<&str>) -> String {
    let own = |text: &str| STANDARD.encode(Sha256::digest(text));
    let script = script.map(|script| format!(" script-src 'sha256-{}';", own(script))).unwrap_or_default();
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}';{script} base-uri 'none'; form-action 'none'",
        own(style)
    )
}

/// For the browser's tab.
fn icon(tone: Tone) -> String {
    let (colour, sign) = match tone {
        Tone::Good => ("%23067647", "M9 17l5 5 9-11"),
        Tone::Bad => ("%23b42318", "M10 10l12 12M22 10L10 22"),
        Tone::Odd | Tone::Faint => ("%23934107", "M16 8v10M16 23v1"),
    };
    format!(
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' \
         rx='7' fill='{colour}'/><path d='{sign}' fill='none' stroke='white' stroke-width='4' \
         stroke-linecap='round'/></svg>"
    )
}
