//! A planned scenario as YAML that reads as if somebody had written it: what the report showed stands beside what was
//! made of it. Its parts are in `head`, `given` and `steps`.

use std::fmt::Write as _;

use super::plan::Draft;
use super::pricing::Pricing;
use crate::gateway::shown::Shown;
use crate::scenario::{Kind, Name};
use crate::secret::redact;

/// Where comments beside a line begin.
const COMMENTS: usize = 32;

/// The longest line of a comment.
const WIDE: usize = 110;

/// A scenario's text, and what it leaves out.
pub(super) struct Written {
    pub text: String,
    pub lost: Vec<String>,
}

/// Writes the scenario, without what stands above it.
pub(super) fn write(shown: &Shown, pricing: &Pricing, plan: &Draft) -> Written {
    let mut writer = Writer { shown, plan, text: String::new(), lost: plan.lost.clone() };
    writer.head(pricing);
    writer.given();
    writer.steps(pricing);
    Written { text: writer.text, lost: writer.lost }
}

pub(super) struct Writer<'a> {
    pub shown: &'a Shown,
    pub plan: &'a Draft,
    pub text: String,
    /// What is left out, and why.
    pub lost: Vec<String>,
}

impl Writer<'_> {
    /// A line, and what stands beside it, or above it where there is no room.
    pub(super) fn line(&mut self, line: &str, comment: &str) {
        let comment = one_line(comment);
        let indent = &line[..line.len() - line.trim_start().len()];
        match line.chars().count().max(COMMENTS) + comment.chars().count() {
            _ if comment.is_empty() => self.text.push_str(line),
            ..WIDE => drop(write!(self.text, "{line:width$} # {comment}", width = COMMENTS - 1)),
            _ => drop(write!(self.text, "{indent}# {comment}\n{line}")),
        }
        self.text.push('\n');
    }

    /// The name people use for it, if a scenario can; else what it is to the key.
    pub(super) fn name(&self, kind: Kind) -> String {
        let usual = |kind: Kind| match kind {
            Kind::Key => "reported",
            Kind::User => "owner",
            Kind::Team => "team",
            Kind::Member => "owner-in-team",
            Kind::Organisation => "organisation",
            Kind::EndUser => "customer",
            Kind::Budget => "shared",
            Kind::Tag => "tag",
            Kind::Model => "model",
        };
        let alias = self.shown.of(kind).and_then(|seen| seen.alias.as_ref());
        let is_name = |alias: &&String| alias.parse::<Name>().is_ok() && redact(alias) == **alias;
        let is_free = |alias: &&String| {
            let other =
                |other: Kind| other != kind && (usual(other) == alias.as_str() || self.alias(other) == Some(alias));
            !Kind::ALL.into_iter().any(other)
        };
        scalar(alias.filter(is_name).filter(is_free).map_or_else(|| usual(kind), String::as_str))
    }

    fn alias(&self, kind: Kind) -> Option<&str> {
        self.shown.of(kind)?.alias.as_deref()
    }
}

/// Text for one line of a comment: whatever it contains, it cannot become anything else.
pub(super) fn one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') { '?' } else { c };
    redact(text).chars().map(shown).collect()
}

/// A name that YAML takes for a text, in quotes if it would not.
fn scalar(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let other = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    match is_word && !other.contains(&name.to_ascii_lowercase().as_str()) {
        true => name.to_owned(),
        false => format!("\"{name}\""),
    }
}

/// A comment of its own; lines that follow its first are indented.
pub(super) fn comment(text: &str, first: &str) -> String {
    let text = one_line(text);
    let mut lines = String::new();
    let mut line = format!("# {first}");
    let rest = format!("# {:width$}", "", width = first.len());
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + word.chars().count() >= WIDE {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line.clone_from(&rest);
        }
        if line.ends_with(|c: char| c != ' ') {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}
