//! Reading a scenario file: bytes to a [`ScenarioFile`], or to the mistakes in it.
//!
//! Only this module's `value` and `item` know the YAML library. What it finds is said in our words; [`super::check`] finds
//! what a well-formed file may still not say.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_saphyr::{Error, MergeKeyPolicy, Options};

use super::diagnostic::{Diagnostic, Style};
use super::value::{Place, shortened};
use super::{Scenario, check, corpus};

/// The largest scenario file, in bytes. Handwritten ones have a few hundred.
pub const LARGEST_FILE: u64 = 256 * 1024;

/// A scenario and the file it came from.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    pub path: PathBuf,
    /// The text of the file, to point into.
    pub text: String,
    pub scenario: Scenario,
}

/// Why a file is not a scenario: its text, as far as it is text, and at least one mistake.
#[derive(Debug)]
pub struct Mistakes {
    pub text: String,
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one file.
pub fn read(path: &Path) -> Result<ScenarioFile, Mistakes> {
    let bytes = bytes(path).map_err(|diagnostic| Mistakes { text: String::new(), diagnostics: vec![*diagnostic] })?;
    understand(path, bytes)
}

/// What a file holds. Whatever it is, this neither panics nor takes long: it is fuzzed.
pub fn understand(path: &Path, bytes: Vec<u8>) -> Result<ScenarioFile, Mistakes> {
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
    let scenario = match parse(path, &text) {
        Ok(scenario) => scenario,
        Err(diagnostic) => {
            return Err(Mistakes { text, diagnostics: vec![*diagnostic] });
        }
    };
    let diagnostics = check::check(path, &scenario);
    if diagnostics.is_empty() {
        Ok(ScenarioFile { path: path.to_owned(), text, scenario })
    } else {
        Err(Mistakes { text, diagnostics })
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    if let Some(name) = corpus::name(path) {
        return corpus::text(name).map(|text| text.as_bytes().to_vec());
    }
    let failed = |error: std::io::Error| Box::new(Diagnostic::new(path, format!("the file cannot be read: {error}")));
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Box::new(Diagnostic::new(path, "this is not a file")));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST_FILE {
        let title = format!("the file is too large: a scenario has at most {} KiB", LARGEST_FILE / 1024);
        return Err(Box::new(Diagnostic::new(path, title).help("a scenario is a short file; is this one?")));
    }
    Ok(bytes)
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Mistakes {
    let valid = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let before = &text[..valid];
    let place = Place {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        start: valid,
        len: 1,
    };
    let diagnostic = Diagnostic::new(path, "the file is not UTF-8 text")
        .at(place)
        .label("this byte is not UTF-8")
        .help("save the file as UTF-8");
    Mistakes { text, diagnostics: vec![diagnostic] }
}

/// Small limits: a scenario is short, flat and repeats nothing. Its checks compare every item with every other, so reading
/// stays quick only if there are few values: the corpus has at most a few hundred.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            flow_nesting_limit: 16,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
            max_nodes: 5_000,
            max_events: 10_000,
        },
        merge_keys: MergeKeyPolicy::Error,
        with_snippet: false,
        strict_booleans: true,
    }
}

fn parse(path: &Path, text: &str) -> Result<Scenario, Box<Diagnostic>> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(Box::new(
            Diagnostic::new(path, "the file is empty: there is no scenario in it")
                .help("`gatecrash schema` says what a scenario can hold"),
        ));
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| Box::new(said(path, text, &error)))
}

/// What the YAML library found, in our words.
fn said(path: &Path, text: &str, error: &Error) -> Diagnostic {
    let place = error.location().map(Place::from).map(|place| with_length(text, place));
    let diagnostic = |title: String| match place {
        Some(place) => Diagnostic::new(path, title).at(place),
        None => Diagnostic::new(path, title),
    };
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => said(path, text, error),
        Error::SerdeUnknownField { field, expected, .. } => {
            let field = shortened(field);
            diagnostic(format!("unknown field `{field}`"))
                .label(one_of(expected))
                .nearest(&field, expected.iter().copied())
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let diagnostic = diagnostic(format!("unknown value `{}`", shortened(variant))).label(one_of(expected));
            value_of(text, diagnostic, variant).nearest(&shortened(variant), expected.iter().copied())
        }
        Error::SerdeMissingField { field, .. } => {
            diagnostic(format!("the field `{field}` is missing")).label(format!("`{field}` is expected here"))
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            let diagnostic = diagnostic(format!("wrong type: this is {}", shortened(unexpected)));
            let value = unexpected.split('"').nth(1).unwrap_or_default();
            value_of(text, diagnostic, value).label(format!("expected {expected}"))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map(|key| format!(" `{}`", shortened(key))).unwrap_or_default();
            diagnostic(format!("the field{key} is here twice"))
                .label("already given above")
                .help("remove one of the two")
        }
        Error::Unexpected { expected, .. } => {
            diagnostic("wrong type".to_owned()).label(format!("expected {}", in_words(expected)))
        }
        Error::InvalidScalar { ty, .. } => {
            let title = format!("`{}` is not {}", written(text, place), in_words(ty));
            diagnostic(title).label(format!("expected {}", in_words(ty)))
        }
        Error::NullIntoString { .. } => diagnostic("the value is missing".to_owned()).label("expected a value"),
        Error::InvalidBooleanStrict { .. } => {
            diagnostic(format!("`{}` is neither true nor false", written(text, place))).label("expected true or false")
        }
        Error::MultipleDocuments { .. } => second_document(diagnostic),
        Error::MergeKeyNotAllowed { .. } => {
            diagnostic("scenarios cannot use `<<` merges".to_owned()).help("write it out")
        }
        Error::UnknownAnchor { .. } => anchor(diagnostic, text),
        Error::Budget { breach, .. } => over_limit(diagnostic, text, breach),
        Error::Eof { .. } => diagnostic("the file ends in the middle".to_owned()),
        syntax => match tab(text) {
            Some(place) => Diagnostic::new(path, "a tab indents this line")
                .at(place)
                .label("YAML is indented by spaces")
                .help("replace the tab by spaces"),
            None => diagnostic(without_place(&syntax.to_string())),
        },
    }
}

fn over_limit(
    diagnostic: impl Fn(String) -> Diagnostic,
    text: &str,
    breach: &serde_saphyr::budget::BudgetBreach,
) -> Diagnostic {
    use serde_saphyr::budget::BudgetBreach::{Aliases, Anchors, Depth, Documents};
    match breach {
        Anchors { .. } | Aliases { .. } => anchor(diagnostic, text),
        Depth { .. } => diagnostic("this is nested too deeply".to_owned()).label("a scenario is flat"),
        Documents { .. } => second_document(diagnostic),
        _ => diagnostic("there is too much in this file for one scenario".to_owned()),
    }
}

fn second_document(diagnostic: impl Fn(String) -> Diagnostic) -> Diagnostic {
    diagnostic("a second document begins here".to_owned()).help("one file holds one scenario")
}

/// The library points at the anchored value; people look for the anchor, which stands before it.
fn anchor(diagnostic: impl Fn(String) -> Diagnostic, text: &str) -> Diagnostic {
    let mut found = diagnostic("scenarios cannot use anchors and aliases (`&`, `*`)".to_owned())
        .help("write it out, or quote the text");
    if let Some(place) = &mut found.place {
        let above = text.lines().enumerate().take(place.line).collect::<Vec<_>>();
        let sign = above.into_iter().rev().take(2).find_map(|(line, text)| Some((line, text.find(['&', '*'])?, text)));
        if let Some((line, byte, text)) = sign {
            (place.line, place.column) = (line + 1, text[..byte].chars().count() + 1);
            place.len = text[byte..].split(' ').next().unwrap_or_default().len();
        }
    }
    found
}

/// The library may point at a field whose value is wrong; the value is looked for on the same line.
fn value_of(text: &str, mut diagnostic: Diagnostic, value: &str) -> Diagnostic {
    if let Some(place) = &mut diagnostic.place {
        let line = line(text, Some(*place));
        let from = line.char_indices().nth(place.column.saturating_sub(1)).map_or(0, |(byte, _)| byte);
        if let Some(byte) = line[from..].find(value).filter(|_| !value.is_empty()) {
            place.column = line[..from + byte].chars().count() + 1;
            place.len = value.len();
        }
    }
    diagnostic
}

fn one_of(expected: &[&str]) -> String {
    match expected {
        [] => "no field is expected here".to_owned(),
        [one] => format!("expected `{one}`"),
        many => format!("expected one of: {}", many.join(", ")),
    }
}

/// The library's names of types, for people.
fn in_words(ty: &str) -> &str {
    match ty {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, zero or more, in range",
        "string scalar" | "scalar" | "string" => "a single value",
        "bool" | "boolean" => "true or false",
        "mapping" | "mapping start" => "fields, each `name: value`",
        "sequence" | "sequence start" => "a list, each item beginning with `- `",
        other => other,
    }
}

fn line(text: &str, place: Option<Place>) -> &str {
    place.and_then(|place| text.lines().nth(place.line.saturating_sub(1))).unwrap_or_default()
}

/// The first tab that indents a line. YAML libraries notice it some lines later, as something else.
fn tab(text: &str) -> Option<Place> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (index, line) = text.lines().enumerate().find(|(_, line)| line[..indent(line)].contains('\t'))?;
    let column = line.find('\t')? + 1;
    Some(Place { line: index + 1, column, start: 0, len: 1 })
}

/// The text at a place, up to the end of the word.
fn written(text: &str, place: Option<Place>) -> String {
    let rest: String =
        line(text, place).chars().skip(place.map_or(0, |place| place.column.saturating_sub(1))).collect();
    shortened(rest.split([' ', ',', '}', ']', '#']).next().unwrap_or_default())
}

/// A place whose length the library did not know gets that of the word there.
fn with_length(text: &str, mut place: Place) -> Place {
    if place.len <= 1 {
        let rest = line(text, Some(place)).chars().skip(place.column.saturating_sub(1));
        place.len =
            rest.take_while(|c| !matches!(c, ' ' | ':' | ',' | '}' | ']')).map(char::len_utf8).sum::<usize>().max(1);
    }
    place
}

/// A message from the library on one line, without the place that it repeats.
fn without_place(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or(line).to_owned()
}

/// All mistakes in all files, as a compiler would show them, and how many there are.
pub fn shown(mistakes: &[Mistakes]) -> String {
    let render = |file: &Mistakes| {
        file.diagnostics.iter().map(|one| one.render(&file.text, Style::Coloured)).collect::<Vec<_>>()
    };
    let texts: Vec<String> = mistakes.iter().flat_map(render).collect();
    let files = mistakes.len();
    let (s, count) = (if texts.len() == 1 { "" } else { "s" }, texts.len());
    format!("{}\n\n{count} mistake{s} in {files} file{}", texts.join("\n\n"), if files == 1 { "" } else { "s" })
}
