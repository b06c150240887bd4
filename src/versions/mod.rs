//! Which versions of a gateway are between two of them, in their order, and which are left out. Pure:
//! [`crate::launch::published`] asks what was published.

pub mod minors;

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gateway::adapter::About;
use crate::scenario::diagnostic::nearest;

/// Two versions of one gateway, and all between them: `litellm@1.81.0..1.82.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub gateway: String,
    pub first: String,
    pub last: String,
}

impl FromStr for Range {
    type Err = String;
    fn from_str(text: &str) -> Result<Range, String> {
        let wrong = || format!("`{text}` is no range of versions\n  help: for example litellm@1.81.0..1.82.3");
        let (gateway, versions) = text.split_once('@').ok_or_else(wrong)?;
        let (first, last) = versions.split_once("..").ok_or_else(wrong)?;
        let plain = |version: &str| version.strip_prefix('v').unwrap_or(version).to_owned();
        let range = Range { gateway: gateway.to_owned(), first: plain(first), last: plain(last) };
        let is_whole = !gateway.is_empty() && !range.first.is_empty() && !range.last.is_empty();
        Some(range).filter(|_| is_whole).ok_or_else(wrong)
    }
}

/// Which versions are wanted beside plain releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligible {
    Releases,
    /// Pre-releases, post-releases and development releases, too.
    All,
}

/// Versions in order, and those between them that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    pub versions: Vec<String>,
    pub left_out: Vec<LeftOut>,
}

/// A version that is not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub version: String,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was published by an attacker.
    Compromised,
    /// A pre-release, post-release or development release.
    NoPlainRelease,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Compromised => "published by an attacker",
            Why::NoPlainRelease => "pre-, post- or development release",
        })
    }
}

/// What was left out, in one line: `2 left out: 1.82.7, 1.82.8 (published by an attacker)`. Nothing if nothing was.
pub fn said_of(left_out: &[LeftOut]) -> Option<String> {
    let mut kinds: Vec<Why> = left_out.iter().map(|one| one.why).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kind = |why: Why| {
        let of_it: Vec<&str> = left_out.iter().filter(|one| one.why == why).map(|one| one.version.as_str()).collect();
        match of_it.as_slice() {
            [first, .., last] if of_it.len() > 5 => format!("{first} to {last} ({} times {why})", of_it.len()),
            _ => format!("{} ({why})", of_it.join(", ")),
        }
    };
    let kinds: Vec<String> = kinds.into_iter().map(kind).collect();
    (!kinds.is_empty()).then(|| format!("left out: {}", kinds.join("; ")))
}

/// Why there are no versions between two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRange {
    #[error("there is no version {version} among the {count} that can be had (yanked ones are not listed){help}")]
    NotThere { version: String, count: usize, help: String },
    #[error("{first} comes after {last}")]
    Reversed { first: String, last: String },
}

/// The versions of a gateway from one to another, both included, out of all that were published, in order. A name
/// without an order is not a version.
///
/// # Errors
/// When one of the two was not published, or the first comes after the last.
pub fn between(
    about: &About,
    published: &[String],
    first: &str,
    last: &str,
    wanted: Eligible,
) -> Result<Versions, NoRange> {
    let mut all: Vec<(Version, &str)> =
        published.iter().filter_map(|version| Some(((about.order)(version)?, version.as_str()))).collect();
    all.sort();
    let end = |version: &str| {
        let order = (about.order)(version);
        let found = all.iter().position(|(other, _)| Some(other) == order.as_ref());
        found.ok_or_else(|| {
            let near = nearest(version, all.iter().map(|(_, version)| *version));
            let help = near.map(|near| format!("\n  help: did you mean {near}?")).unwrap_or_default();
            let (version, count) = (version.to_owned(), all.len());
            NoRange::NotThere { version, count, help }
        })
    };
    let (from, to) = (end(first)?, end(last)?);
    if from > to {
        return Err(NoRange::Reversed { first: first.to_owned(), last: last.to_owned() });
    }
    let (mut versions, mut left_out) = (Vec::new(), Vec::new());
    for (place, (version, name)) in all.iter().enumerate().take(to + 1).skip(from) {
        let is_plain = !version.any_prerelease() && !version.is_post() && !version.is_local();
        let why = match (place == from || place == to, is_plain, wanted) {
            // Whoever names one wants it, and is asked whether it may be launched.
            (true, ..) => None,
            _ if (about.compromised)(name).is_some() => Some(Why::Compromised),
            (false, false, Eligible::Releases) => Some(Why::NoPlainRelease),
            (false, true, _) | (false, _, Eligible::All) => None,
        };
        match why {
            None => versions.push((*name).to_owned()),
            Some(why) => left_out.push(LeftOut { version: (*name).to_owned(), why }),
        }
    }
    Ok(Versions { versions, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::OF_BUILTIN;

    const PUBLISHED: [&str; 9] =
        ["1.82.10", "1.82.7", "1.81.0", "1.82.3", "1.82.3.post1", "1.82.4rc1", "1.82.4", "nonsense", "1.100.0"];

    fn between(first: &str, last: &str, wanted: Eligible) -> Result<(String, Option<String>), String> {
        let published: Vec<String> = PUBLISHED.iter().map(|version| (*version).to_owned()).collect();
        super::between(OF_BUILTIN.about(), &published, first, last, wanted)
            .map(|found| (found.versions.join(" "), said_of(&found.left_out)))
            .map_err(|why| why.to_string())
    }

    #[test]
    fn versions_come_in_their_order_and_what_is_left_out_is_said() {
        let (versions, left_out) = between("1.81.0", "1.100.0", Eligible::Releases).unwrap();
        assert_eq!(versions, "1.81.0 1.82.3 1.82.4 1.82.10 1.100.0");
        assert_eq!(
            left_out.unwrap(),
            "left out: 1.82.7 (published by an attacker); 1.82.3.post1, 1.82.4rc1 (pre-, post- or development release)"
        );
        let (versions, _) = between("1.81.0", "1.82.10", Eligible::All).unwrap();
        assert_eq!(versions, "1.81.0 1.82.3 1.82.3.post1 1.82.4rc1 1.82.4 1.82.10");
        assert_eq!(between("1.82.3", "1.82.4", Eligible::Releases).unwrap().0, "1.82.3 1.82.4");
    }

    #[test]
    fn a_range_that_cannot_be_is_said() {
        let wrong = between("1.82.30", "1.100.0", Eligible::Releases).unwrap_err();
        assert!(
            wrong.starts_with("there is no version 1.82.30 among the 8 that can be had (yanked ones are not listed)\n  help: did you mean 1.82.")
        );
        assert_eq!(between("1.82.4", "1.82.3", Eligible::Releases).unwrap_err(), "1.82.4 comes after 1.82.3");
    }

    #[test]
    fn a_range_is_read() {
        let range: Range = "litellm@v1.81.0..1.82.3".parse().unwrap();
        assert_eq!(
            (range.gateway.as_str(), range.first.as_str(), range.last.as_str()),
            ("litellm", "1.81.0", "1.82.3")
        );
        for wrong in ["", "litellm", "litellm@1.81.0", "1.81.0..1.82.3", "litellm@..1.82.3", "@1..2"] {
            assert!(wrong.parse::<Range>().is_err(), "{wrong}");
        }
    }
}
