//! Whether an answer is what the provider sent, and says of itself what it should. Pure.

use crate::outcome::{FindingKind, Said, SaidUsage};
use crate::scenario::expect::Presence;
use crate::scenario::value::shortened;
use crate::scenario::{Refusal, Usd};
use crate::upstream::{Mark, Provided};

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub kind: FindingKind,
    pub expected: String,
    pub got: String,
}

/// How an accepted answer differs from the provider's. Its usage counts only where the client is told it.
pub fn altered(provided: &Provided, said: &Said, tells_usage: bool) -> Option<Wrong> {
    if let Some(other) = Mark::of(said.text.head()).filter(|mark| *mark != provided.mark) {
        let got = match other.trial == provided.mark.trial {
            true => format!("the answer to request {}", other.request),
            false => format!("the answer to a request of another trial, {other}"),
        };
        return Some(Wrong { kind: FindingKind::Leak, expected: "its own answer".to_owned(), got });
    }
    // Each run has other marks, and a finding has to look the same in all of them.
    let shown = |text: &str| format!("the text `{}`", shortened(&text.replacen(&provided.mark.to_string(), "MARK", 1)));
    let mut parts: Vec<(String, String)> = Vec::new();
    if let Some(text) = &provided.text
        && crate::outcome::Text::of(text) != said.text
    {
        let got = if said.text.is_empty() { "no text".to_owned() } else { shown(said.text.head()) };
        parts.push((shown(text), got));
    }
    if let Some(finish) = provided.finish.filter(|finish| said.finish.as_deref() != Some(*finish)) {
        let got = said.finish.as_ref().map_or_else(|| "no reason to end".to_owned(), |got| format!("ended by `{got}`"));
        parts.push((format!("ended by `{finish}`"), got));
    }
    let usage = provided.usage.as_ref().filter(|_| tells_usage);
    let usage = usage.map(|usage| SaidUsage { input: usage.tokens.input, output: usage.tokens.output });
    if let Some(usage) = usage.filter(|usage| said.usage != Some(*usage)) {
        parts.push((tokens(Some(usage)), tokens(said.usage)));
    }
    let (expected, got): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    (!expected.is_empty()).then(|| Wrong {
        kind: FindingKind::Altered,
        expected: expected.join(", "),
        got: got.join(", "),
    })
}

fn tokens(usage: Option<SaidUsage>) -> String {
    match usage {
        Some(SaidUsage { input, output }) => format!("{input} + {output} tokens"),
        None => "no usage".to_owned(),
    }
}

/// Whether the cost that an answer states is what was booked.
pub fn cost(booked: Usd, said: &Said) -> Option<Wrong> {
    let (kind, expected) = (FindingKind::Miscount, format!("{booked} stated in the answer"));
    match said.cost {
        Some(cost) if cost.agrees_with(booked) => None,
        Some(cost) => Some(Wrong { kind, expected, got: cost.to_string() }),
        None => Some(Wrong { kind, expected, got: "no cost".to_owned() }),
    }
}

/// Whether it says that this many requests a minute are left.
pub fn remaining(requests: u32, said: &Said) -> Option<Wrong> {
    let (kind, expected) = (FindingKind::Miscount, format!("{requests} left of the requests, by the answer"));
    match said.remaining_requests {
        Some(left) if left == i64::from(requests) => None,
        Some(left) => Some(Wrong { kind, expected, got: left.to_string() }),
        None => Some(Wrong { kind, expected, got: "nothing of it".to_owned() }),
    }
}

/// Whether a refusal says what it has to, beside its status and reason.
pub fn refusal(refusal: &Refusal, said: &Said) -> Option<Wrong> {
    let kind = FindingKind::WrongRefusal;
    if let Some(named) = refusal.names.filter(|named| said.names != Some(*named)) {
        let got = said.names.map_or("nobody is named".to_owned(), |other| format!("{} is named", other.phrase()));
        return Some(Wrong { kind, expected: format!("a refusal that names {}", named.phrase()), got });
    }
    match (refusal.retry_after, &said.retry_after) {
        (Some(Presence::Present), None) => {
            let (expected, got) = ("a refusal with a `retry-after`".to_owned(), "none".to_owned());
            Some(Wrong { kind, expected, got })
        }
        (Some(Presence::Present), Some(when)) if when.parse::<f64>().is_ok_and(|seconds| seconds <= 0.0) => {
            let expected = "a refusal that says when to ask again".to_owned();
            Some(Wrong { kind, expected, got: format!("`retry-after: {when}`") })
        }
        (Some(Presence::Present), Some(_)) | (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Text;
    use crate::scenario::Tokens;
    use crate::upstream::Usage;

    fn provided() -> Provided {
        Provided {
            mark: Mark { trial: "gc-1-0-1".into(), request: 2 },
            text: Some("gc-1-0-1#2 ok".into()),
            finish: Some("stop"),
            usage: Some(Usage { tokens: Tokens::plain(3, 4), cost: None }),
        }
    }

    fn said(text: &str, finish: Option<&str>, usage: Option<(u64, u64)>) -> Said {
        Said {
            text: Text::of(text),
            finish: finish.map(str::to_owned),
            usage: usage.map(|(input, output)| SaidUsage { input, output }),
            ..Said::default()
        }
    }

    #[test]
    fn each_difference_is_told() {
        let (own, stop) = ("gc-1-0-1#2 ok", Some("stop"));
        let cases = [
            (said(own, stop, Some((3, 4))), None),
            (said("gc-1-0-1#1 ok", stop, Some((3, 4))), Some((FindingKind::Leak, "the answer to request 1"))),
            (
                said("gc-1-0-9#2 ok", None, None),
                Some((FindingKind::Leak, "the answer to a request of another trial, gc-1-0-9#2")),
            ),
            (said("gc-1-0-1#2", stop, Some((3, 4))), Some((FindingKind::Altered, "the text `MARK`"))),
            (said("", stop, Some((3, 4))), Some((FindingKind::Altered, "no text"))),
            (said(own, Some("length"), Some((3, 4))), Some((FindingKind::Altered, "ended by `length`"))),
            (said(own, None, Some((3, 5))), Some((FindingKind::Altered, "no reason to end, 3 + 5 tokens"))),
            (said(own, stop, None), Some((FindingKind::Altered, "no usage"))),
        ];
        for (said, expected) in cases {
            let found = altered(&provided(), &said, true);
            assert_eq!(found.as_ref().map(|wrong| (wrong.kind, wrong.got.as_str())), expected, "{said:?}");
        }
        assert_eq!(altered(&provided(), &said(own, stop, None), false), None);
    }
}
