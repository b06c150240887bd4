//! A scenario's text as a tree of places, for cutting something out of it: what is left keeps its comments and its layout.
//! Not: what it means ([`super::read`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use granit_parser::{Event, Parser, StructureStyle};

/// The tree of a text.
#[derive(Debug, Clone)]
pub struct Outline {
    pub root: Located,
}

/// A value, and where it stands, in bytes.
#[derive(Debug, Clone)]
pub struct Located {
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Scalar(String),
    /// A list or a mapping, each entry on lines of its own.
    Block(Vec<Entry>),
    /// `[a, b]`, `{ a: 1, b: 2 }`
    Flow(Vec<Entry>),
}

/// The number of an entry in its outline.
pub type EntryId = usize;

/// An item of a list, or a field of a mapping.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: EntryId,
    /// The name of a field.
    pub key: Option<String>,
    /// Where the field's name begins, or the item.
    start: usize,
    pub node: Located,
}

impl Located {
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::Block(_) | Value::Flow(_) => None,
        }
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Scalar(_) => &[],
            Value::Block(entries) | Value::Flow(entries) => entries,
        }
    }

    /// All entries in it, at any depth.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        let mut left: Vec<&Entry> = self.entries().iter().rev().collect();
        std::iter::from_fn(move || {
            let next = left.pop()?;
            left.extend(next.node.entries().iter().rev());
            Some(next)
        })
    }

    /// A field of a mapping.
    pub fn field(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.as_deref() == Some(key))
    }

    /// Its fields except the first, which names an item.
    pub fn rest(&self) -> &[Entry] {
        self.entries().get(1..).unwrap_or_default()
    }
}

impl Outline {
    /// The outline of a scenario's text; `None` for any other text.
    pub fn of(text: &str) -> Option<Outline> {
        let mut parser = Places { parser: Parser::new_from_str(text), next_id: 0 };
        Some(Outline { root: parser.document()? })
    }

    /// The items of a list in the head: `given`, `steps`.
    pub fn items(&self, key: &str) -> &[Entry] {
        self.root.field(key).map_or(&[], |entry| entry.node.entries())
    }

    /// The text without some entries, and with some scalars replaced. `{ a: 1, b: 2 }` keeps one entry, or goes as a whole.
    pub fn edited(&self, text: &str, without: &BTreeSet<EntryId>, with: &BTreeMap<EntryId, String>) -> String {
        let mut edits = Vec::new();
        find_edits(text, &self.root, without, with, &mut edits);
        apply(text, edits)
    }
}

/// Reads the parser's events.
struct Places<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    next_id: EntryId,
}

impl Places<'_> {
    fn document(&mut self) -> Option<Located> {
        loop {
            let (event, span) = self.parser.next_event()?.ok()?;
            if event.is_node() {
                return self.node(event, span.byte_range()?);
            }
        }
    }

    /// The value that begins with this event.
    fn node(&mut self, event: Event<'_>, span: Range<usize>) -> Option<Located> {
        let (style, is_mapping) = match event {
            Event::Scalar(text, ..) => return Some(Located { span, value: Value::Scalar(text.into_owned()) }),
            Event::SequenceStart(style, ..) => (style, false),
            Event::MappingStart(style, ..) => (style, true),
            // Aliases are no part of a scenario.
            _ => return None,
        };
        let mut entries: Vec<Entry> = Vec::new();
        let end = loop {
            let (event, own) = self.parser.next_event()?.ok()?;
            let own = own.byte_range()?;
            match event {
                Event::SequenceEnd | Event::MappingEnd => break own.end,
                event if !event.is_node() => continue,
                event => {
                    let id = self.next_id;
                    self.next_id += 1;
                    let first = self.node(event, own)?;
                    let start = first.span.start;
                    let (key, node) = match is_mapping {
                        true => (Some(first.scalar()?.to_owned()), self.document()?),
                        false => (None, first),
                    };
                    entries.push(Entry { id, key, start, node });
                }
            }
        };
        Some(match style {
            StructureStyle::Flow => Located { span: span.start..end, value: Value::Flow(entries) },
            StructureStyle::Block => {
                // Comments after it are not in it.
                let end = entries.last().map_or(end, |last| last.node.span.end);
                Located { span: span.start..end, value: Value::Block(entries) }
            }
        })
    }
}

/// A place in a text, and what to put there.
type Edit = (Range<usize>, String);

fn find_edits(
    text: &str,
    node: &Located,
    without: &BTreeSet<EntryId>,
    with: &BTreeMap<EntryId, String>,
    edits: &mut Vec<Edit>,
) {
    if let Value::Flow(entries) = &node.value
        && entries.iter().any(|entry| without.contains(&entry.id))
        && let [first, .., last] | [first @ last] = entries.as_slice()
    {
        let of = |entry: &Entry| &text[entry.start..entry.node.span.end];
        let left = entries.iter().filter(|entry| !without.contains(&entry.id));
        let mut left: Vec<&str> = left.map(of).collect();
        if left.is_empty() {
            left.push(of(last));
        }
        edits.push((first.start..last.node.span.end, left.join(", ")));
        return;
    }
    for entry in node.entries() {
        match (without.contains(&entry.id), with.get(&entry.id)) {
            (true, _) => edits.extend(lines(text, entry).map(|lines| (lines, String::new()))),
            (false, Some(other)) => edits.push((entry.node.span.clone(), other.clone())),
            (false, None) => find_edits(text, &entry.node, without, with, edits),
        }
    }
}

/// The lines of a block's entry, with the comments directly above it, but not the file's own, in its first lines.
fn lines(text: &str, entry: &Entry) -> Option<Range<usize>> {
    let start = match entry.key {
        Some(_) => entry.start,
        None => text[..entry.start].trim_end().strip_suffix('-')?.len(),
    };
    let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    if !text[begin..start].trim().is_empty() {
        return None;
    }
    let above = text[..begin].split_inclusive('\n').rev().take_while(|line| line.trim_start().starts_with('#'));
    let above = above.map(str::len).sum::<usize>();
    let begin = if above == begin { begin } else { begin - above };
    // The text of a block scalar ends with the newline.
    let last = entry.start + text[entry.start..entry.node.span.end].trim_end().len();
    let end = text[last..].find('\n').map_or(text.len(), |newline| last + newline + 1);
    Some(begin..end)
}

/// Makes the edits. Of nested edits, only the outer is made. Removed lines leave no blank lines at a beginning.
fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let (mut done, mut at) = (String::new(), 0);
    for (range, other) in edits {
        if range.start < at {
            at = at.max(if other.is_empty() { range.end } else { at });
            continue;
        }
        done.push_str(&text[at..range.start]);
        done.push_str(&other);
        at = range.end;
        let begins = done.is_empty() || done.ends_with("\n\n") || done.ends_with(":\n");
        while begins && other.is_empty() && text[at..].starts_with('\n') {
            at += 1;
        }
    }
    done.push_str(&text[at..]);
    done.truncate(done.trim_end().len());
    done.push('\n');
    done
}
