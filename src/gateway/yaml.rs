//! YAML of somebody else as a tree: each scalar as it is written, and where it stands. What is not changed is written again
//! as it was, so `0.000002` stays that number, and `yes` whatever its reader takes it for. Not: what it means.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde::{Deserialize, Serialize};

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::value::Place;

/// A value, and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Without quotes: its reader decides what it is.
    Plain(String),
    /// In quotes, or a block of text: a text in any case.
    Quoted(String),
    List(Vec<Node>),
    Map(Vec<Field>),
}

/// A field of a mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub key: String,
    /// Where its name stands.
    pub place: Place,
    pub node: Node,
}

/// How deep, and how much, a file may be: far more than anybody's has, and too little to run out of memory or stack.
const DEEPEST: usize = 64;
const MOST: usize = 1_000_000;

impl Node {
    fn new(value: Value) -> Node {
        Node { place: Place::default(), value }
    }

    pub fn plain(text: impl Into<String>) -> Node {
        Node::new(Value::Plain(text.into()))
    }

    pub fn quoted(text: impl Into<String>) -> Node {
        Node::new(Value::Quoted(text.into()))
    }

    pub fn map() -> Node {
        Node::new(Value::Map(Vec::new()))
    }

    pub fn list(items: Vec<Node>) -> Node {
        Node::new(Value::List(items))
    }

    /// The text of a scalar that is there.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => None,
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether its reader takes it for true.
    pub fn is_true(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.to_lowercase().as_str(), "true" | "yes" | "on"))
    }

    /// Whether it is a number, true or false, which no text is.
    pub fn is_flag(&self) -> bool {
        let is_word =
            |text: &str| matches!(text.to_lowercase().as_str(), "true" | "yes" | "on" | "false" | "no" | "off");
        matches!(&self.value, Value::Plain(text) if is_word(text) || text.parse::<f64>().is_ok())
    }

    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Plain(_) | Value::Quoted(_) | Value::Map(_) => &[],
        }
    }

    pub fn fields(&self) -> &[Field] {
        match &self.value {
            Value::Map(fields) => fields,
            Value::Plain(_) | Value::Quoted(_) | Value::List(_) => &[],
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.fields().iter().find(|field| field.key == key).map(|field| &field.node)
    }

    /// The text of a field.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Changes a field; it is an empty mapping if it is not there, or nothing.
    pub fn edit(&mut self, key: &str, change: impl FnOnce(&mut Node)) {
        let mut node = self.get(key).cloned().unwrap_or_else(Node::map);
        if matches!(&node.value, Value::Plain(_)) && node.text().is_none() {
            node.value = Value::Map(Vec::new());
        }
        change(&mut node);
        self.set(key, node);
    }

    /// Sets a field, in its place if it is there. What is no mapping becomes one.
    pub fn set(&mut self, key: &str, node: Node) {
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(fields) = &mut self.value else { return };
        match fields.iter_mut().find(|field| field.key == key) {
            Some(field) => field.node = node,
            None => fields.push(Field { key: key.to_owned(), place: node.place, node }),
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Map(fields) = &mut self.value else { return None };
        let at = fields.iter().position(|field| field.key == key)?;
        Some(fields.remove(at).node)
    }

    /// Appends to a list; what is no list becomes one.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Node>) {
        if !matches!(self.value, Value::List(_)) {
            self.value = Value::List(Vec::new());
        }
        if let Value::List(items) = &mut self.value {
            items.extend(more);
        }
    }

    /// Each scalar in it that can be changed, by the names of the fields and the numbers of the items that lead there.
    pub fn each_scalar(&mut self, see: &mut impl FnMut(&[String], &mut Node)) {
        fn walk(node: &mut Node, path: &mut Vec<String>, see: &mut impl FnMut(&[String], &mut Node)) {
            match &mut node.value {
                Value::Plain(_) | Value::Quoted(_) => see(path, node),
                Value::List(items) => {
                    for (number, item) in items.iter_mut().enumerate() {
                        path.push(format!("[{number}]"));
                        walk(item, path, see);
                        path.pop();
                    }
                }
                Value::Map(fields) => {
                    for field in fields {
                        path.push(field.key.clone());
                        walk(&mut field.node, path, see);
                        path.pop();
                    }
                }
            }
        }
        walk(self, &mut Vec::new(), see);
    }

    /// As a file.
    pub fn written(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, indent: usize) {
        let pad = "  ".repeat(indent);
        match &self.value {
            Value::Plain(_) | Value::Quoted(_) => {
                let _ = writeln!(text, "{pad}{}", self.scalar());
            }
            Value::List(items) => {
                for item in items {
                    let begin = text.len();
                    item.write(text, indent + 1);
                    // The item's first line carries the dash.
                    text.replace_range(begin..begin + pad.len() + 2, &format!("{pad}- "));
                }
            }
            Value::Map(fields) => {
                for Field { key, node, .. } in fields {
                    let key = Node::plain(key.as_str()).scalar();
                    if node.is_inline() {
                        let _ = writeln!(text, "{pad}{key}: {}", node.scalar());
                    } else {
                        let _ = writeln!(text, "{pad}{key}:");
                        node.write(text, indent + 1);
                    }
                }
            }
        }
        if self.is_inline() && matches!(self.value, Value::List(_) | Value::Map(_)) {
            let _ = writeln!(text, "{pad}{}", self.scalar());
        }
    }

    /// Whether it fits on the line of its name.
    fn is_inline(&self) -> bool {
        match &self.value {
            Value::Plain(_) | Value::Quoted(_) => true,
            Value::List(items) => items.is_empty(),
            Value::Map(fields) => fields.is_empty(),
        }
    }

    fn scalar(&self) -> String {
        // JSON's strings are YAML's.
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        match &self.value {
            Value::Plain(text) if text.is_empty() => "null".to_owned(),
            Value::Plain(text) if is_plain(text) => text.clone(),
            Value::Plain(text) | Value::Quoted(text) => quoted(text),
            Value::List(_) => "[]".to_owned(),
            Value::Map(_) => "{}".to_owned(),
        }
    }
}

/// Whether a text means the same without quotes.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| " ,[]{}#&*!|>'\"%@`".contains(c))
        || ["- ", "? ", ": "].iter().any(|sign| text.starts_with(sign))
        || ["-", "?", ":"].contains(&text);
    let holds = text.contains(": ") || text.contains(" #") || text.contains(|c: char| c.is_control());
    !(begins || holds || text.ends_with(':') || text.ends_with(' '))
}

/// Reads a file's text.
///
/// # Errors
/// Where it is no YAML, or none that a configuration would have.
pub fn parse(path: &Path, text: &str) -> Result<Node, Box<Diagnostic>> {
    let mut reader = Reader { path, parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            event if event.is_node() && root.is_none() => root = Some(reader.node(event, span, 0)?),
            event if event.is_node() => {
                return Err(reader
                    .wrong("a second document begins here", place(&span))
                    .help("LiteLLM reads one")
                    .into());
            }
            _ => {}
        }
    }
    Ok(root.unwrap_or_else(|| Node::plain("")))
}

struct Reader<'a> {
    path: &'a Path,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

fn place(span: &Span) -> Place {
    let (start, end) = (span.start.byte_offset().unwrap_or_default(), span.end.byte_offset().unwrap_or_default());
    Place { line: span.start.line(), column: span.start.col() + 1, start, len: end.saturating_sub(start) }
}

impl<'a> Reader<'a> {
    fn wrong(&self, title: impl Into<String>, place: Place) -> Diagnostic {
        Diagnostic::new(self.path, title).at(place)
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Box<Diagnostic>> {
        let broken = |error: &ScanError| {
            let at = Place { line: error.marker().line(), column: error.marker().col() + 1, start: 0, len: 1 };
            let title = error.to_string();
            let title = title.split(" at ").next().unwrap_or_default();
            Diagnostic::new(self.path, format!("this is no YAML: {title}")).at(at)
        };
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(broken(&error).into()),
            None => Err(Diagnostic::new(self.path, "the file ends in the middle").into()),
        }
    }

    /// The value that begins with this event.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Box<Diagnostic>> {
        let place = place(&span);
        self.nodes += 1;
        if depth > DEEPEST {
            return Err(self.wrong("this is nested too deeply", place).into());
        }
        if self.nodes > MOST {
            return Err(self.wrong("there is too much in this file", place).into());
        }
        let (anchor, value) = match event {
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned();
                let node = node.ok_or_else(|| self.wrong("this alias is inside of what it stands for", place))?;
                self.nodes += node.size();
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix() == "str");
                let text = text.into_owned();
                (anchor, if style == ScalarStyle::Plain && !is_text { Value::Plain(text) } else { Value::Quoted(text) })
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    match event {
                        Event::SequenceEnd => break,
                        event if event.is_node() => items.push(self.node(event, span, depth + 1)?),
                        _ => {}
                    }
                }
                (anchor, Value::List(items))
            }
            Event::MappingStart(_, anchor, _) => (anchor, Value::Map(self.fields(depth)?)),
            _ => return Err(self.wrong("this is not understood", place).into()),
        };
        let node = Node { place, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// Of a name that is there twice the last counts, as it does for LiteLLM; `<<` merges.
    fn fields(&mut self, depth: usize) -> Result<Vec<Field>, Box<Diagnostic>> {
        let mut own = Node::map();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::MappingEnd => break,
                event if event.is_node() => {
                    let key = self.node(event, span, depth + 1)?;
                    let (Value::Plain(name) | Value::Quoted(name)) = key.value else {
                        return Err(self.wrong("the name of a field is a text", key.place).into());
                    };
                    let node = self.value_of(depth)?;
                    match (name.as_str(), node.value) {
                        ("<<", Value::Map(fields)) => merged.extend(fields),
                        ("<<", Value::List(maps)) => {
                            merged.extend(maps.into_iter().flat_map(|map| map.fields().to_vec()))
                        }
                        (_, value) => {
                            own.set(&name, Node { place: node.place, value });
                            if let Value::Map(fields) = &mut own.value
                                && let Some(field) = fields.iter_mut().find(|field| field.key == name)
                            {
                                field.place = key.place;
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        for field in merged {
            if own.get(&field.key).is_none() {
                own.set(&field.key, field.node);
            }
        }
        match own.value {
            Value::Map(fields) => Ok(fields),
            Value::Plain(_) | Value::Quoted(_) | Value::List(_) => Ok(Vec::new()),
        }
    }

    fn value_of(&mut self, depth: usize) -> Result<Node, Box<Diagnostic>> {
        loop {
            let (event, span) = self.next()?;
            if event.is_node() {
                return self.node(event, span, depth + 1);
            }
        }
    }
}

impl Node {
    /// How many values are in it.
    fn size(&self) -> usize {
        let within: usize = match &self.value {
            Value::Plain(_) | Value::Quoted(_) => 0,
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Map(fields) => fields.iter().map(|field| field.node.size()).sum(),
        };
        within + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_is_written_as_it_was_read() {
        let text = "\
            list:\n  - a: 0.000002\n    b: yes\n    c: \"yes\"\n    none: null\n  -\n    - deep\n    - []\n  - {}\n\
            text: \"two\\nlines\"\nurl: http://a:1/b#c\nodd: \"- a: b # c\"\nlast: -1\n";
        let node = parse(Path::new("a.yaml"), text).unwrap();
        let written = node.written();
        assert_eq!(written, text.replace("  -\n    - deep\n", "  - - deep\n"));
        assert_eq!(parse(Path::new("a.yaml"), &written).unwrap().written(), written);
    }

    #[test]
    fn anchors_and_merges_are_written_out() {
        let text = "base: &b { a: 1, b: [x] }\nmore: { <<: *b, a: 2 }\nagain: *b\n";
        let node = parse(Path::new("a.yaml"), text).unwrap();
        let expected = "base:\n  a: 1\n  b:\n    - x\nmore:\n  a: 2\n  b:\n    - x\nagain:\n  a: 1\n  b:\n    - x\n";
        assert_eq!(node.written(), expected);
    }

    #[test]
    fn hostile_files_are_refused() {
        let bomb: String = ('b'..='z').zip('a'..).fold("a: &a [x, x]\n".to_owned(), |text, (name, last)| {
            format!("{text}{name}: &{name} [*{last}, *{last}, *{last}, *{last}]\n")
        });
        for text in [bomb.as_str(), &"[".repeat(100_000), "a: &a [*a]", "a: b: c", "a: 1\n---\nb: 2\n", "\"a"] {
            assert!(parse(Path::new("a.yaml"), text).is_err(), "{:.40}", text);
        }
    }
}
