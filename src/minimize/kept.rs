//! The finding that has to stay, and whether a version of the scenario still has it, and no others.

use std::collections::BTreeSet;

use super::Version;
use crate::outcome::{Finding, FindingKind, TrialResult};

/// What a finding is about in the original scenario, whatever has gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A step, by its number from 0.
    Step(usize),
    /// An entity, by its name.
    Given(String),
}

/// A way to fail.
pub type Way = (FindingKind, Option<Subject>);

/// A finding that has to stay.
#[derive(Debug, Clone)]
pub struct KeptFinding {
    pub finding: Finding,
    way: Way,
    /// The ways in which the original fails: a version that fails in another one has another finding.
    pub others: BTreeSet<Way>,
}

impl KeptFinding {
    /// The worst finding of a result, the first of them; a known deviation only if there is nothing else.
    pub fn of(version: &Version, result: &TrialResult) -> Option<KeptFinding> {
        let finding = result.findings.iter().min_by_key(|finding| (finding.known.is_some(), finding.kind))?.clone();
        let way = (finding.kind, version.origin(finding.place));
        Some(KeptFinding { way, others: ways(version, result), finding })
    }

    /// The finding in a version's result: of the same kind, about the same step, and refused in the same way, if it is about
    /// that. `None` if there is one that the original does not have.
    pub fn find<'a>(&self, version: &Version, result: &'a TrialResult) -> Option<&'a Finding> {
        let is_it = |finding: &&Finding| {
            let way = (finding.kind, version.origin(finding.place));
            let is_known = finding.known.is_some() == self.finding.known.is_some();
            way == self.way && is_known && (!self.is_about_how() || finding.got == self.finding.got)
        };
        result.findings.iter().find(is_it).filter(|_| ways(version, result).is_subset(&self.others))
    }

    fn is_about_how(&self) -> bool {
        self.finding.kind == FindingKind::WrongRefusal
    }
}

/// The ways in which a version failed, except known deviations.
pub fn ways(version: &Version, result: &TrialResult) -> BTreeSet<Way> {
    result.new_findings().map(|finding| (finding.kind, version.origin(finding.place))).collect()
}
