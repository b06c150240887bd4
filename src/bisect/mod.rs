//! The search for the version in which something changed: which one to try next, from what is known of the others; and
//! whether a version has the finding that is searched for. Pure: [`run`] launches and runs, and [`tell`] reports.

mod learned;
pub mod order;
pub mod run;
pub mod tell;

use serde::{Deserialize, Serialize};

use crate::outcome::{Finding, FindingKind, Outcome, Rate, TrialResult};
use crate::scenario::{Place, Scenario};

/// On which side of the change a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It behaves like the first version.
    Before,
    /// It behaves like the last version.
    After,
}

/// What is known of versions in a row, by their places. The first is before the change, and the last after it.
#[derive(Debug, Clone)]
pub struct Search {
    /// Nothing for those that were not tried; no side for those that were tried and do not tell.
    known: Vec<Option<Option<Side>>>,
}

/// The versions between which the change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    pub last_before: usize,
    pub first_after: usize,
}

impl Search {
    /// A search among this many versions, at least two.
    pub fn new(versions: usize) -> Search {
        let mut known = vec![None; versions.max(2)];
        known[0] = Some(Some(Side::Before));
        known[versions.max(2) - 1] = Some(Some(Side::After));
        Search { known }
    }

    /// Adds what a version tells; nothing if it tells neither side.
    pub fn tell(&mut self, version: usize, side: Option<Side>) {
        if let Some(known) = self.known.get_mut(version) {
            *known = Some(side);
        }
    }

    /// Where the change is, from what is known.
    pub fn between(&self) -> Between {
        let is = |side| move |known: &Option<Option<Side>>| *known == Some(Some(side));
        let first_after = self.known.iter().position(is(Side::After)).unwrap_or(self.known.len() - 1);
        let last_before = self.known[..first_after].iter().rposition(is(Side::Before)).unwrap_or(0);
        Between { last_before, first_after }
    }

    /// The version to try next: the one in the middle of those that the change can be in, or the untried one nearest to
    /// it. Nothing if no other can tell more.
    pub fn next(&self) -> Option<usize> {
        let Between { last_before, first_after } = self.between();
        let middle = last_before.midpoint(first_after);
        let left = (last_before + 1..first_after).filter(|version| self.known[*version].is_none());
        left.min_by_key(|version| version.abs_diff(middle))
    }

    /// The versions that may be tried after this one, whatever it tells.
    pub fn after(&self, version: usize) -> Vec<usize> {
        let sides = [Some(Side::Before), Some(Side::After), None];
        let next = |side| {
            let mut search = self.clone();
            search.tell(version, side);
            search.next()
        };
        let mut all: Vec<usize> = sides.into_iter().filter_map(next).collect();
        all.dedup();
        all
    }
}

/// The finding that one end has and the other has not.
#[derive(Debug, Clone)]
pub struct Sought {
    pub finding: Finding,
    /// Where the steps and entities of the scenario begin, in its file.
    items: Vec<usize>,
}

/// What a version tells of the finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// It has the finding, this often.
    Has(Rate),
    /// It does not have it; how it fails instead, if it does.
    HasNot(Option<FindingKind>),
    /// It tells nothing, because of this.
    Nothing(String),
}

impl Sought {
    pub fn new(finding: Finding, scenario: &Scenario) -> Sought {
        let steps = scenario.steps.iter().map(|step| step.place().line);
        let items = steps.chain(scenario.given.iter().map(|given| given.name.place.line)).collect();
        Sought { finding, items }
    }

    /// The step or entity that a place is in, by where it begins.
    fn item(&self, place: Place) -> Option<usize> {
        self.items.iter().copied().filter(|line| *line <= place.line).max()
    }

    /// The finding in a result: same kind, same step or entity; refused in the same way, if that is what it is about.
    pub fn find<'a>(&self, result: &'a TrialResult) -> Option<&'a Finding> {
        let sought = &self.finding;
        let is_about_how = sought.kind == FindingKind::WrongRefusal;
        let is_it = |finding: &&Finding| {
            finding.kind == sought.kind
                && self.item(finding.place) == self.item(sought.place)
                && (!is_about_how || finding.got == sought.got)
        };
        result.findings.iter().find(is_it)
    }

    /// What the results of one trial on one version tell. A version that shows it once has it.
    pub fn told(&self, results: &[TrialResult]) -> Told {
        let failed = results.iter().filter(|result| self.find(result).is_some()).count();
        if failed > 0 {
            return Told::Has(Rate { failed, of: results.len() });
        }
        let nothing = |result: &TrialResult| match &result.outcome {
            Outcome::Skip { reason } | Outcome::Error { reason } => Some(reason.clone()),
            // It ended before it came to what is sought.
            _ => {
                result.findings.iter().find(|finding| finding.kind == FindingKind::Fault).map(|fault| fault.got.clone())
            }
        };
        if results.is_empty() {
            return Told::Nothing("it was not run".to_owned());
        }
        // An earlier failure may have kept it from showing.
        let before = |result: &TrialResult| {
            let is_before = |finding: &&Finding| self.item(finding.place) < self.item(self.finding.place);
            result.new_findings().find(is_before).map(|finding| {
                format!("before it comes to that, there is a {} in line {}", finding.kind.word(), finding.place.line)
            })
        };
        match results.iter().find_map(|result| nothing(result).or_else(|| before(result))) {
            Some(reason) => Told::Nothing(reason),
            None => {
                Told::HasNot(results.iter().filter_map(TrialResult::worst_finding).map(|finding| finding.kind).min())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Evidence, Time};

    /// Searches for a change where some versions tell nothing; how many were tried, and what is known at the end.
    fn search(versions: usize, first_after: usize, silent: &[usize]) -> (usize, Between) {
        let (mut search, mut tried) = (Search::new(versions), 0);
        while let Some(version) = search.next() {
            let ahead: Vec<Vec<usize>> = vec![search.after(version)];
            let side = if version < first_after { Side::Before } else { Side::After };
            search.tell(version, Some(side).filter(|_| !silent.contains(&version)));
            assert!(search.next().is_none_or(|next| ahead[0].contains(&next)), "what comes next was told before");
            tried += 1;
            assert!(tried <= versions, "it ends");
        }
        (tried, search.between())
    }

    #[test]
    fn every_change_is_found_in_as_few_versions_as_can_be() {
        for versions in 2..70 {
            for change in 1..versions {
                let (tried, between) = search(versions, change, &[]);
                assert_eq!(between, Between { last_before: change - 1, first_after: change });
                // With the two ends that is no more than log2(n) + 2.
                assert!(tried <= (versions - 1).next_power_of_two().ilog2() as usize, "{tried} of {versions}");
            }
        }
    }

    #[test]
    fn versions_that_tell_nothing_leave_a_range_that_holds_the_change() {
        for versions in 2..14 {
            for change in 1..versions {
                // Every set of versions but the ends.
                for set in 0..1_usize << (versions - 2) {
                    let silent: Vec<usize> =
                        (1..versions - 1).filter(|version| set >> (version - 1) & 1 == 1).collect();
                    let (_, Between { last_before, first_after }) = search(versions, change, &silent);
                    assert!(last_before < change && change <= first_after);
                    let undecided = last_before + 1..first_after;
                    assert!(undecided.clone().all(|version| silent.contains(&version)), "all others were tried");
                }
            }
        }
    }

    /// A result with findings of these kinds, in these lines.
    fn result(findings: &[(FindingKind, usize)]) -> TrialResult {
        let finding = |(kind, line): &(FindingKind, usize)| Finding {
            kind: *kind,
            place: Place { line: *line, column: 5, ..Place::default() },
            request: None,
            expected: String::new(),
            got: "200".to_owned(),
            known: None,
        };
        TrialResult {
            trial: "a".to_owned(),
            target: "b".to_owned(),
            outcome: if findings.is_empty() { Outcome::Pass } else { Outcome::Fail },
            findings: findings.iter().map(finding).collect(),
            exchanges: Vec::new(),
            moves: Vec::new(),
            evidence: Evidence::default(),
            time: Time::default(),
            late_ms: 0,
        }
    }

    #[test]
    fn a_version_has_the_finding_if_it_was_there_once_and_tells_nothing_if_it_did_not_come_to_it() {
        let bypass = (FindingKind::Bypass, 8);
        // Steps begin in lines 6 and 8.
        let sought = Sought { finding: result(&[bypass]).findings[0].clone(), items: vec![6, 8] };
        let told = |results: &[&[(FindingKind, usize)]]| {
            sought.told(&results.iter().map(|findings| result(findings)).collect::<Vec<_>>())
        };
        assert_eq!(told(&[&[], &[bypass], &[]]), Told::Has(Rate { failed: 1, of: 3 }));
        assert_eq!(told(&[&[(FindingKind::Bypass, 9)]]), Told::Has(Rate { failed: 1, of: 1 }));
        assert_eq!(told(&[&[], &[]]), Told::HasNot(None));
        let wrong = FindingKind::WrongRefusal;
        assert_eq!(told(&[&[(wrong, 8)], &[]]), Told::HasNot(Some(wrong)));
        assert!(matches!(told(&[&[], &[(FindingKind::Overrun, 6)]]), Told::Nothing(_)));
        assert!(matches!(told(&[&[(FindingKind::Fault, 8)]]), Told::Nothing(_)));
        assert!(matches!(told(&[]), Told::Nothing(_)));
    }
}
