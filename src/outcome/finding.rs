//! The ways a gateway can be wrong.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::Place;

/// One way in which what happened differs from what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// In which way.
    pub kind: FindingKind,
    /// The step in the scenario's file.
    pub place: Place,
    /// The number of the request in its trial, from 1, if it is about one.
    pub request: Option<usize>,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub got: String,
    /// Why it is accepted for now, if it is a known deviation.
    pub known: Option<String>,
}

impl fmt::Display for Finding {
    /// `request 4: expected 429 budget_exceeded, got 200`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = self.request {
            write!(f, "request {request}: ")?;
        }
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

/// The kinds of findings, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FindingKind {
    /// Accepted what had to be refused.
    #[serde(rename = "bypass")]
    Bypass,
    /// Refused, yet the upstream was called; or another's answer was given.
    #[serde(rename = "leak")]
    Leak,
    /// Accepted more beyond the budget than the scenario allows.
    #[serde(rename = "overrun")]
    Overrun,
    /// Recorded spend, or the cost that an answer states, differs from the ledger.
    #[serde(rename = "miscount")]
    Miscount,
    /// The client got another answer than the provider gave.
    #[serde(rename = "altered")]
    Altered,
    /// Refused what had to be accepted.
    #[serde(rename = "false refusal")]
    FalseRefusal,
    /// Refused with another status or error than promised.
    #[serde(rename = "wrong refusal")]
    WrongRefusal,
    /// A 5xx, a hang, a broken body.
    #[serde(rename = "fault")]
    Fault,
}

impl FindingKind {
    /// The most severe first.
    pub const ALL: [FindingKind; 8] = [
        FindingKind::Bypass,
        FindingKind::Leak,
        FindingKind::Overrun,
        FindingKind::Miscount,
        FindingKind::Altered,
        FindingKind::FalseRefusal,
        FindingKind::WrongRefusal,
        FindingKind::Fault,
    ];

    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            FindingKind::Bypass => "bypass",
            FindingKind::Leak => "leak",
            FindingKind::Overrun => "overrun",
            FindingKind::Miscount => "miscount",
            FindingKind::Altered => "altered",
            FindingKind::FalseRefusal => "false refusal",
            FindingKind::WrongRefusal => "wrong refusal",
            FindingKind::Fault => "fault",
        }
    }

    /// `1 bypass`, `22 bypasses`
    pub fn counted(self, count: usize) -> String {
        let plural = match (count, self) {
            (1, FindingKind::Altered) => " answer",
            (1, _) => "",
            (_, FindingKind::Bypass) => "es",
            (_, FindingKind::Altered) => " answers",
            _ => "s",
        };
        format!("{count} {}{plural}", self.word())
    }

    /// What the gateway did, as a sentence without its subject.
    pub fn sentence(self) -> &'static str {
        match self {
            FindingKind::Bypass => "accepted a request that had to be refused",
            FindingKind::Leak => "refused a request, yet sent it to the provider, or gave another's answer",
            FindingKind::Overrun => "accepted more beyond the budget than is allowed",
            FindingKind::Miscount => "recorded or stated figures that differ from what happened",
            FindingKind::Altered => "gave another answer than the provider",
            FindingKind::FalseRefusal => "refused a request that it had to accept",
            FindingKind::WrongRefusal => "refused, but not as promised",
            FindingKind::Fault => "gave no proper answer",
        }
    }
}
