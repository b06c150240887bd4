//! A mistake in a file, shown as a compiler would show it. Not: finding the mistake.

use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::value::{Place, shortened};

/// A mistake in a file: what is wrong, where, what was expected, and what may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub file: PathBuf,
    pub title: String,
    /// Where, if it is at one place.
    pub place: Option<Place>,
    /// What was expected there.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn new(file: &Path, title: impl Into<String>) -> Diagnostic {
        Diagnostic { file: file.to_owned(), title: title.into(), place: None, label: String::new(), help: None }
    }

    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = Some(place);
        self
    }

    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The nearest right name as help, if one is near.
    pub fn nearest<'a>(self, wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match nearest(wrong, right) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// As people read it: the message, `file:line:column`, the line itself and a caret. `source` is the
    /// text of the file; it may be empty if the file could not be read.
    pub fn render(&self, source: &str, style: Style) -> String {
        let file = self.file.display().to_string();
        let mut group: Group<'_> =
            Level::ERROR.primary_title(self.title.as_str()).elements(std::iter::empty::<Origin<'_>>());
        group = match self.place {
            Some(place) if !source.is_empty() => {
                let window = Window::around(source, place);
                let annotation = AnnotationKind::Primary.span(window.start..window.end);
                let annotation = if self.label.is_empty() { annotation } else { annotation.label(self.label.as_str()) };
                group.element(Snippet::source(window.text).line_start(place.line).path(file).annotation(annotation))
            }
            Some(place) => group.element(Origin::path(file).line(place.line).char_column(place.column)),
            None => group.element(Origin::path(file).line(1).char_column(1)),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        style.renderer().render(&[group])
    }
}

/// Whether what is shown carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

impl Style {
    pub fn renderer(self) -> Renderer {
        match self {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        }
    }
}

/// The line that a place is in: the renderer gets no more of a file. A very long line is cut after the place.
struct Window<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Window<'a> {
    fn around(source: &'a str, place: Place) -> Window<'a> {
        let line_start = line_starts(source).nth(place.line.saturating_sub(1)).unwrap_or(source.len());
        let rest = &source[line_start..];
        let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
        let start = line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(byte, _)| byte);
        let boundary = |byte: usize| floor_boundary(line, byte.min(line.len()));
        let (end, cut) = (boundary(start + place.len.max(1)).max(start), boundary(start + 200));
        Window { text: &line[..cut], start, end: end.min(cut) }
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_starts(source: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(source.match_indices('\n').map(|(newline, _)| newline + 1))
}

/// The right name nearest to a wrong one, if it is near enough to have been meant.
pub fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = shortened(wrong).to_lowercase();
    right
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}
