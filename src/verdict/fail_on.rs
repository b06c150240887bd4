//! Which findings close the gate: all, unless it is told otherwise. The others are reported anyway.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::outcome::FindingKind;

/// The word for a trial that failed and then passed.
const UNSTEADY: &str = "unsteady";

/// What fails a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FailOn {
    kinds: Vec<FindingKind>,
    unsteady: bool,
}

impl Default for FailOn {
    /// Findings of all kinds; not what passes when it is tried again.
    fn default() -> FailOn {
        FailOn { kinds: FindingKind::ALL.to_vec(), unsteady: false }
    }
}

impl FailOn {
    /// Whether findings of this kind fail it.
    pub fn is_kind(&self, kind: FindingKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether trials that passed when they were tried again fail it.
    pub fn is_unsteady(&self) -> bool {
        self.unsteady
    }
}

/// How a kind is typed: `false-refusal`.
fn typed(kind: FindingKind) -> String {
    kind.word().replace(' ', "-")
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<FailOn, String> {
        let mut fail_on = FailOn { kinds: Vec::new(), unsteady: false };
        for word in text.split(',').map(str::trim) {
            match FindingKind::ALL.into_iter().find(|kind| typed(*kind) == word) {
                _ if word == UNSTEADY => fail_on.unsteady = true,
                Some(kind) => fail_on.kinds.push(kind),
                None => {
                    let known = FindingKind::ALL.map(typed).join(", ");
                    return Err(format!("`{word}` is none of {known}, {UNSTEADY}"));
                }
            }
        }
        fail_on.kinds.sort_unstable();
        fail_on.kinds.dedup();
        Ok(fail_on)
    }
}

impl TryFrom<String> for FailOn {
    type Error = String;
    fn try_from(text: String) -> Result<FailOn, String> {
        text.parse()
    }
}

impl Serialize for FailOn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.kinds.iter().map(|kind| typed(*kind));
        let words: Vec<_> = kinds.chain(self.unsteady.then(|| UNSTEADY.to_owned())).collect();
        f.write_str(&words.join(","))
    }
}
