//! What the upstream will answer, told beforehand: its script is in the marker, so that whoever asked can hold the
//! gateway's answer against it.

use std::fmt;

use super::marker::{Marker, Usage};
use crate::scenario::Api;

/// Whose answer a text is: the upstream's texts begin with it. `gc-1c568faf-0-12#3`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub trial: String,
    pub request: usize,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.trial, self.request)
    }
}

impl Mark {
    /// The mark that a text begins with, if it does.
    pub fn of(text: &str) -> Option<Mark> {
        let (trial, request) = text.split_ascii_whitespace().next()?.rsplit_once('#')?;
        Some(Mark { trial: trial.to_owned(), request: request.parse().ok()? })
    }
}

/// The text of an answer, but for its mark.
const TEXT: &str = "ok";

/// The answer to a request that succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    pub mark: Mark,
    /// None where the API's answers have none.
    pub text: Option<String>,
    /// Why it ends, in its API's word.
    pub finish: Option<&'static str>,
    /// None where the API's answers have none, or its provider says none.
    pub usage: Option<Usage>,
}

impl Marker {
    pub fn mark(&self) -> Mark {
        Mark { trial: self.trial.clone(), request: self.request }
    }

    /// The pieces of the answer's text: one, unless it is streamed in several. The first has the mark.
    pub(super) fn texts(&self, streamed: bool) -> Vec<String> {
        let pieces = if streamed { self.chunks.max(1) } else { 1 };
        let piece = |number| if number == 0 { format!("{} {TEXT}", self.mark()) } else { format!(" {TEXT}") };
        (0..pieces).map(piece).collect()
    }

    /// What is answered in the end.
    pub fn provided(&self, api: Api, streamed: bool) -> Provided {
        let usage = self.fallback.as_ref().map_or(&self.usage, |(_, usage)| usage);
        let usage = Some(usage).filter(|_| self.shape.says_usage());
        let (text, usage) = match api {
            Api::Chat | Api::Completions | Api::Passthrough | Api::Messages | Api::Responses => {
                (Some(self.texts(streamed).concat()), usage.cloned())
            }
            Api::Embeddings => (None, usage.cloned()),
            Api::Images => (None, None),
        };
        Provided { mark: self.mark(), text, finish: finish(api), usage }
    }
}

/// How an answer ends that has said all, in the word of its API.
pub(super) fn finish(api: Api) -> Option<&'static str> {
    match api {
        Api::Chat | Api::Completions | Api::Passthrough => Some("stop"),
        Api::Messages => Some("end_turn"),
        Api::Responses => Some("completed"),
        Api::Embeddings | Api::Images => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_tells_whose_it_is_and_others_tell_nobody() {
        let mark = Mark { trial: "gc-1-0-12".into(), request: 3 };
        assert_eq!(Mark::of(&format!("{mark} ok ok")), Some(mark));
        for text in ["", "ok", "ok # 3", "gc-1#x ok"] {
            assert_eq!(Mark::of(text), None, "{text}");
        }
    }
}
