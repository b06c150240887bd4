//! Known deviations: what a version of a gateway does not do as scenarios ask, accepted for now. The data is in
//! `harness.toml`; here is what they do to a run.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::KnownDeviation;
use crate::outcome::{Finding, FindingKind, Outcome, TrialResult};
use crate::scenario::TrialId;
use crate::target::{GatewayName, Target};

impl KnownDeviation {
    fn is_of(&self, target: &Target) -> bool {
        self.is_of_version(target.gateway.name(), target.version.as_deref())
    }

    /// Whether it concerns this version of a gateway.
    pub(crate) fn is_of_version(&self, gateway: &str, version: Option<&str>) -> bool {
        let version = version.and_then(|version| Version::from_str(version).ok());
        gateway == self.gateway && version.is_some_and(|version| self.versions.contains(&version))
    }

    /// Whether no version can be in its range: it never happens. Whether a range holds changes only at the versions that it
    /// names.
    pub(crate) fn is_of_none(&self) -> bool {
        let named = self.versions.iter().map(|one| one.version().to_string());
        let near = named.flat_map(|version| [format!("{version}.0.0.1"), version]);
        let mut all = near.chain(["0".to_owned(), "99999".to_owned()]);
        self.gateway == GatewayName::BUILTIN.name()
            || !all.any(|version| self.is_of_version(&self.gateway, Some(&version)))
    }

    /// Whether it accepts a trial's finding on this day.
    pub(crate) fn accepts(&self, trial: &str, kind: FindingKind, got: &str, today: jiff::civil::Date) -> bool {
        let is_it = kind == self.finding && self.got.as_deref().is_none_or(|own| own == got);
        is_it && self.covers(trial) && self.expired(today).is_none()
    }

    /// Whether its pattern matches the name of a trial.
    pub(crate) fn covers(&self, trial: &str) -> bool {
        matches(&self.scenario, trial)
    }

    fn is_it(&self, finding: &Finding) -> bool {
        finding.kind == self.finding && self.got.as_deref().is_none_or(|got| got == finding.got)
    }

    fn expired(&self, today: jiff::civil::Date) -> Option<jiff::civil::Date> {
        self.until.filter(|until| *until <= today)
    }
}

/// Whether all that was found in a trial is known.
pub fn is_known(known: &[KnownDeviation], target: &Target, result: &TrialResult, today: jiff::civil::Date) -> bool {
    let holds =
        |known: &&KnownDeviation| known.is_of(target) && known.covers(&result.trial) && known.expired(today).is_none();
    let own: Vec<_> = known.iter().filter(holds).collect();
    result.findings.iter().all(|finding| own.iter().any(|known| known.is_it(finding)))
}

/// What became of a known deviation on one target, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The target, by its name.
    pub target: String,
    /// The pattern of trials' names.
    pub scenario: String,
    /// What is found.
    pub finding: FindingKind,
    /// What is answered instead; without it, anything.
    pub got: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Where it is discussed.
    pub issue: String,
    /// What became of it.
    pub state: DeviationState,
}

/// What became of a known deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum DeviationState {
    /// It happened in this many trials.
    Seen { trials: usize },
    /// Nothing can be said: not all of its trials ran to their end.
    NotTried,
    /// All of its trials ran, and it happened in none. This fails the run.
    Stale,
    /// It is past its `until`. This fails the run.
    Expired { until: String },
}

impl DeviationState {
    /// Whether somebody has to look at it.
    pub fn fails_the_run(&self) -> bool {
        match self {
            DeviationState::Stale | DeviationState::Expired { .. } => true,
            DeviationState::Seen { .. } | DeviationState::NotTried => false,
        }
    }

    /// Joins a deviation's states in two runs of its target, or in two parts of a run.
    fn and(self, other: DeviationState) -> DeviationState {
        use DeviationState::{Expired, NotTried, Seen, Stale};
        match (self, other) {
            (Expired { until }, _) | (_, Expired { until }) => Expired { until },
            (Seen { trials }, Seen { trials: more }) => Seen { trials: trials + more },
            (Seen { trials }, _) | (_, Seen { trials }) => Seen { trials },
            (Stale, Stale) => Stale,
            (NotTried | Stale, NotTried | Stale) => NotTried,
        }
    }
}

impl fmt::Display for DeviationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviationState::Seen { trials: 1 } => f.write_str("in 1 trial"),
            DeviationState::Seen { trials } => write!(f, "in {trials} trials"),
            DeviationState::NotTried => f.write_str("not all of its trials ran"),
            DeviationState::Stale => f.write_str("STALE: this no longer happens; remove it"),
            DeviationState::Expired { until } => write!(f, "EXPIRED: this was accepted until {until}"),
        }
    }
}

/// Joins what different places know about the same deviations. Only all `results` together say whether one no longer
/// happens.
pub fn join<'a>(
    found: impl IntoIterator<Item = Deviation>,
    corpus: &[TrialId],
    results: impl Iterator<Item = &'a TrialResult> + Clone,
) -> Vec<Deviation> {
    let mut joined: Vec<Deviation> = Vec::new();
    for deviation in found {
        let same = |own: &&mut Deviation| Deviation { state: deviation.state.clone(), ..(**own).clone() } == deviation;
        match joined.iter_mut().find(same) {
            Some(own) => own.state = own.state.clone().and(deviation.state),
            None => joined.push(deviation),
        }
    }
    for deviation in &mut joined {
        if matches!(deviation.state, DeviationState::NotTried | DeviationState::Stale) {
            let own = results.clone().filter(|result| result.target == deviation.target);
            deviation.state = unseen(&deviation.scenario, corpus, own);
        }
    }
    joined
}

/// The state of a deviation that these results of its target do not show.
fn unseen<'a>(pattern: &str, corpus: &[TrialId], results: impl Iterator<Item = &'a TrialResult>) -> DeviationState {
    let mut finished: HashMap<&str, bool> = HashMap::new();
    for result in results {
        let is_finished = matches!(result.outcome, Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. });
        *finished.entry(&result.trial).or_insert(true) &= is_finished;
    }
    let mut covered = corpus.iter().filter(|trial| matches(pattern, trial)).peekable();
    let all_ran = covered.peek().is_some() && covered.all(|trial| finished.get(trial.as_str()) == Some(&true));
    if all_ran { DeviationState::Stale } else { DeviationState::NotTried }
}

/// Marks the known findings on one target, and the outcomes with them; returns what became of each deviation that concerns
/// the target. `corpus` names all trials of an ordinary run, run or not.
pub fn apply(
    known: &[KnownDeviation],
    target: &Target,
    corpus: &[TrialId],
    results: &mut [TrialResult],
    today: jiff::civil::Date,
) -> Vec<Deviation> {
    known
        .iter()
        .filter(|known| known.is_of(target))
        .map(|known| apply_one(known, target, corpus, results, today))
        .collect()
}

fn apply_one(
    known: &KnownDeviation,
    target: &Target,
    corpus: &[TrialId],
    results: &mut [TrialResult],
    today: jiff::civil::Date,
) -> Deviation {
    let expired = known.expired(today);
    let mut seen = 0;
    for result in results.iter_mut().filter(|result| known.covers(&result.trial)) {
        let matching = result.findings.iter_mut().filter(|finding| known.is_it(finding));
        let marked = matching.map(|finding| finding.known = Some(known.reason.clone()).filter(|_| expired.is_none()));
        seen += usize::from(marked.count() > 0);
        if result.outcome == Outcome::Fail && result.findings.iter().all(|finding| finding.known.is_some()) {
            result.outcome = Outcome::Pass;
        }
    }
    let state = match (expired, seen) {
        (Some(until), _) => DeviationState::Expired { until: until.to_string() },
        (None, 0) => unseen(&known.scenario, corpus, results.iter()),
        (None, trials) => DeviationState::Seen { trials },
    };
    Deviation {
        target: target.name.clone(),
        scenario: known.scenario.clone(),
        finding: known.finding,
        got: known.got.clone(),
        reason: known.reason.clone(),
        issue: known.issue.clone(),
        state,
    }
}

/// Whether a name matches a pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let mut ends = (0..=name.len()).filter(|end| name.is_char_boundary(*end));
            ends.any(|end| matches(rest, &name[end..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("budget/key", "budget/key", true),
            ("budget/key", "budget/key/alias", false),
            ("budget/*", "budget/key/alias", true),
            ("*/alias", "budget/key/alias", true),
            ("budget/*/alias", "budget/key/token", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
