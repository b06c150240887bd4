//! The oracle: whether one answer was right, given what was spent before it. Pure.

use std::fmt;

use crate::outcome::{Answer, Finding, FindingKind, Standing};
use crate::scenario::{ErrorKind, Expect, Place, Refusal, Usd};

/// What the budgets ask of the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// `s + p <= B` for every budget.
    MustAccept,
    /// Between the two: a gateway that reserves before the call may refuse what one that charges after accepts.
    Either,
    /// `s >= B` for one of them.
    MustRefuse,
}

pub fn zone(standing: &[Standing], price: Usd) -> Zone {
    if standing.iter().any(Standing::is_spent) {
        Zone::MustRefuse
    } else if standing.iter().all(|budget| budget.spent + price <= budget.max_budget) {
        Zone::MustAccept
    } else {
        Zone::Either
    }
}

/// How a request has to be answered.
#[derive(Debug, Clone)]
pub enum Wanted {
    Accepted,
    Refused(Refusal),
    /// Either; a refusal has to look like this.
    Either(Refusal),
}

impl Wanted {
    /// What the scenario says; else what the budgets say.
    pub fn of(expect: Option<&Expect>, zone: Zone, upstream_fails: bool) -> Wanted {
        let refusal = Refusal::of;
        match (expect, zone) {
            (Some(Expect::Accepted(_)), _) => Wanted::Accepted,
            (Some(Expect::Refused(refusal)), _) => Wanted::Refused(refusal.clone()),
            (None, Zone::MustRefuse) => Wanted::Refused(refusal(ErrorKind::BudgetExceeded)),
            (None, _) if upstream_fails => Wanted::Refused(refusal(ErrorKind::UpstreamFailed)),
            (None, Zone::MustAccept) => Wanted::Accepted,
            (None, Zone::Either) => Wanted::Either(refusal(ErrorKind::BudgetExceeded)),
        }
    }
}

impl Wanted {
    /// The same for a gateway whose statuses are its own: a refusal for the right reason has the right one.
    pub fn for_its_reason(self) -> Wanted {
        let of = |refusal: Refusal| match refusal.error {
            Some(_) => Refusal { status: None, ..refusal },
            None => refusal,
        };
        match self {
            Wanted::Accepted => Wanted::Accepted,
            Wanted::Refused(refusal) => Wanted::Refused(of(refusal)),
            Wanted::Either(refusal) => Wanted::Either(of(refusal)),
        }
    }
}

impl fmt::Display for Wanted {
    /// `accepted, or 429 budget_exceeded`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Accepted => f.write_str("accepted"),
            Wanted::Refused(refusal) => refusal.fmt(f),
            Wanted::Either(refusal) => write!(f, "accepted, or {refusal}"),
        }
    }
}

/// Whether an answer is as wanted; if not, how it differs.
pub fn judge(wanted: &Wanted, answer: &Answer, place: Place, request: usize) -> Option<Finding> {
    let found = |kind, expected: String| {
        Some(Finding { kind, place, request: Some(request), expected, got: answer.to_string(), known: None })
    };
    match (wanted, answer) {
        (_, Answer::Broken { .. }) => Some(broken(answer, place, request)),
        (Wanted::Accepted | Wanted::Either(_), Answer::Accepted { .. }) => None,
        (Wanted::Refused(refusal), Answer::Accepted { .. }) => found(FindingKind::Bypass, refusal.to_string()),
        (Wanted::Refused(refusal) | Wanted::Either(refusal), Answer::Refused { status, kind, .. }) => {
            let as_promised = refusal.status.is_none_or(|promised| promised == *status)
                && refusal.error.is_none_or(|promised| Some(promised) == *kind);
            match as_promised {
                true => None,
                false if is_fault(answer) => found(FindingKind::Fault, refusal.to_string()),
                false => found(FindingKind::WrongRefusal, refusal.to_string()),
            }
        }
        (Wanted::Accepted, Answer::Refused { .. }) if is_fault(answer) => {
            found(FindingKind::Fault, "accepted".to_owned())
        }
        (Wanted::Accepted, Answer::Refused { .. }) => found(FindingKind::FalseRefusal, "accepted".to_owned()),
    }
}

/// What is found when there is no proper answer, whatever was wanted.
pub fn broken(answer: &Answer, place: Place, request: usize) -> Finding {
    let expected = "an answer".to_owned();
    let (kind, got) = (FindingKind::Fault, answer.to_string());
    Finding { kind, place, request: Some(request), expected, got, known: None }
}

/// A 5xx for no reason that a gateway may refuse for.
fn is_fault(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { status: 500.., kind: None | Some(ErrorKind::UpstreamFailed), .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(spent: &str, max_budget: &str) -> Standing {
        Standing { whose: "key k".into(), spent: spent.parse().unwrap(), max_budget: max_budget.parse().unwrap() }
    }

    #[test]
    fn the_three_zones_meet_at_the_budget() {
        let price: Usd = "0.02".parse().unwrap();
        for (spent, expected) in [
            ("0", Zone::MustAccept),
            ("0.03", Zone::MustAccept),
            ("0.04", Zone::Either),
            ("0.05", Zone::MustRefuse),
            ("0.06", Zone::MustRefuse),
        ] {
            assert_eq!(zone(&[standing(spent, "0.05")], price), expected, "{spent} of 0.05");
        }
        assert_eq!(zone(&[], price), Zone::MustAccept);
        assert_eq!(zone(&[standing("0.02", "0.05"), standing("0.10", "0.10")], price), Zone::MustRefuse);
    }

    #[test]
    fn each_answer_has_its_finding() {
        let refused = |status, kind| Answer::Refused { status, kind, error_type: None, message: String::new() };
        let accepted = Answer::Accepted { status: 200 };
        let budget = Some(ErrorKind::BudgetExceeded);
        let promised = || Wanted::Refused(Refusal { status: Some(429), error: budget, ..Refusal::default() });
        let cases = [
            (promised(), accepted.clone(), Some(FindingKind::Bypass)),
            (promised(), refused(429, budget), None),
            (promised(), refused(400, budget), Some(FindingKind::WrongRefusal)),
            (promised(), refused(429, Some(ErrorKind::RateLimited)), Some(FindingKind::WrongRefusal)),
            (promised(), refused(500, None), Some(FindingKind::Fault)),
            (Wanted::Accepted, refused(429, budget), Some(FindingKind::FalseRefusal)),
            (Wanted::Accepted, refused(503, None), Some(FindingKind::Fault)),
            (Wanted::Accepted, accepted, None),
            (
                Wanted::Accepted,
                Answer::Broken { how: crate::outcome::Broken::Hung { ms: 1 } },
                Some(FindingKind::Fault),
            ),
        ];
        for (wanted, answer, expected) in cases {
            let found = judge(&wanted, &answer, Place::default(), 1).map(|finding| finding.kind);
            assert_eq!(found, expected, "{wanted:?} {answer:?}");
        }
    }
}
