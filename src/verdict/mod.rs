//! Findings to outcome, outcomes to verdict. Pure: it is told what happened, and judges.

pub mod deviation;
pub mod fail_on;
pub mod fidelity;
pub mod oracle;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outcome::{FindingKind, Outcome, TrialResult};

/// What a pair of outcomes means, baseline first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both passed, and did the same.
    Same,
    /// The candidate fails where the baseline passed, or fails worse.
    Regression,
    /// The baseline fails, and the candidate passes.
    Fixed,
    /// Both fail, in the same way.
    StillFailing,
    /// Both passed in different ways, or both fail and the candidate's way is different but not worse, or one of them is
    /// unsteady.
    Changed,
    /// One of them was skipped, or its environment broke.
    NotComparable,
}

impl Verdict {
    /// In the order they are shown.
    pub const ALL: [Verdict; 6] = [
        Verdict::Regression,
        Verdict::StillFailing,
        Verdict::Changed,
        Verdict::NotComparable,
        Verdict::Fixed,
        Verdict::Same,
    ];

    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Regression => "regression",
            Verdict::Fixed => "fixed",
            Verdict::StillFailing => "still failing",
            Verdict::Changed => "changed",
            Verdict::NotComparable => "not comparable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The verdict on a trial that ran on two targets.
pub fn verdict(baseline: &TrialResult, candidate: &TrialResult) -> Verdict {
    match (&baseline.outcome, &candidate.outcome) {
        (Outcome::Skip { .. } | Outcome::Error { .. }, _) | (_, Outcome::Skip { .. } | Outcome::Error { .. }) => {
            Verdict::NotComparable
        }
        (Outcome::Pass, Outcome::Pass) if baseline.behaviour() == candidate.behaviour() => Verdict::Same,
        (Outcome::Pass, Outcome::Pass) => Verdict::Changed,
        (Outcome::Pass | Outcome::Unsteady { .. }, Outcome::Fail) => Verdict::Regression,
        (Outcome::Unsteady { .. }, _) | (_, Outcome::Unsteady { .. }) => Verdict::Changed,
        (Outcome::Fail, Outcome::Pass) => Verdict::Fixed,
        (Outcome::Fail, Outcome::Fail) => {
            let (before, after) = (ways(baseline), ways(candidate));
            // Severity is the order of the kinds, worst first: a smaller worst kind is a worse failure.
            match after.first().map(|way| way.0).cmp(&before.first().map(|way| way.0)) {
                std::cmp::Ordering::Less => Verdict::Regression,
                _ if before == after => Verdict::StillFailing,
                _ => Verdict::Changed,
            }
        }
    }
}

/// How a trial failed, worst first: the kind of each finding, and its line.
fn ways(result: &TrialResult) -> Vec<(FindingKind, usize)> {
    let mut ways: Vec<_> = result.new_findings().map(|finding| (finding.kind, finding.place.line)).collect();
    ways.sort_unstable();
    ways.dedup();
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Answer, Company, Evidence, Exchange, Finding, Rate, Said, Time};
    use crate::scenario::{Instance, Place};

    /// A trial in which each answer came from the step on this line.
    fn trial(outcome: Outcome, findings: &[(FindingKind, usize)], statuses: &[u16]) -> TrialResult {
        let finding = |(kind, line): &(FindingKind, usize)| Finding {
            kind: *kind,
            place: Place { line: *line, ..Place::default() },
            request: None,
            expected: String::new(),
            got: String::new(),
            known: None,
        };
        let exchange = |status: &u16| Exchange {
            request: 1,
            line: 1,
            key: String::new(),
            on: Instance::First,
            sent: None,
            before: Vec::new(),
            costs: None,
            expected: None,
            answer: Answer::Refused { status: *status, kind: None, error_type: None, message: status.to_string() },
            said: Said::default(),
            upstream_calls: 0,
            ms: u64::from(*status),
            company: Company::Alone,
            is_settled: false,
        };
        TrialResult {
            trial: "t".into(),
            target: "g".into(),
            outcome,
            findings: findings.iter().map(finding).collect(),
            exchanges: statuses.iter().map(exchange).collect(),
            moves: Vec::new(),
            evidence: Evidence::default(),
            time: Time::default(),
            late_ms: 0,
        }
    }

    #[test]
    fn each_pair_of_outcomes_has_its_verdict() {
        use FindingKind::{Bypass, Miscount, WrongRefusal};
        let pass = || trial(Outcome::Pass, &[], &[429]);
        let pass_with = |status| trial(Outcome::Pass, &[], &[status]);
        let fail = |findings: &[(FindingKind, usize)]| trial(Outcome::Fail, findings, &[200]);
        let unsteady = || trial(Outcome::Unsteady { rate: Rate { failed: 1, of: 2 } }, &[(Bypass, 3)], &[200]);
        let skip = || trial(Outcome::Skip { reason: "no teams".into() }, &[], &[]);
        let error = || trial(Outcome::Error { reason: "gone".into() }, &[], &[]);
        let cases = [
            (pass(), pass(), Verdict::Same),
            (pass_with(400), pass_with(422), Verdict::Changed),
            (pass(), fail(&[(Bypass, 3)]), Verdict::Regression),
            (pass(), fail(&[(WrongRefusal, 3)]), Verdict::Regression),
            (fail(&[(Bypass, 3)]), pass(), Verdict::Fixed),
            (fail(&[(Bypass, 3)]), fail(&[(Bypass, 3)]), Verdict::StillFailing),
            (fail(&[(WrongRefusal, 3)]), fail(&[(Bypass, 3)]), Verdict::Regression),
            (fail(&[(Bypass, 3)]), fail(&[(Miscount, 4)]), Verdict::Changed),
            (fail(&[(Bypass, 3)]), fail(&[(Bypass, 4)]), Verdict::Changed),
            (pass(), unsteady(), Verdict::Changed),
            (unsteady(), pass(), Verdict::Changed),
            (unsteady(), fail(&[(Bypass, 3)]), Verdict::Regression),
            (fail(&[(Bypass, 3)]), unsteady(), Verdict::Changed),
            (skip(), unsteady(), Verdict::NotComparable),
            (skip(), pass(), Verdict::NotComparable),
            (pass(), skip(), Verdict::NotComparable),
            (error(), fail(&[(Bypass, 3)]), Verdict::NotComparable),
            (pass(), error(), Verdict::NotComparable),
        ];
        for (baseline, candidate, expected) in cases {
            let found = verdict(&baseline, &candidate);
            assert_eq!(found, expected, "{:?} -> {:?}", baseline.outcome, candidate.outcome);
        }
    }
}
