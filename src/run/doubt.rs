//! What of a trial's findings may come from how much else was going on: charges that were not in the books yet, answers
//! that were slow, windows of time that had passed. Not: finding out, which is `again`.

use std::time::{Duration, Instant};

use super::steps::Steps;
use crate::gateway::{Entity, Gateway};
use crate::outcome::FindingKind;
use crate::scenario::{Instance, Name, Usd};

/// Somebody whose books were short of a charge that had been given all the time that charges take.
#[derive(Debug, Clone)]
pub(super) struct Short {
    name: Name,
    /// The last charge was made then.
    since: Instant,
    /// How many requests there had been by then.
    requests: usize,
    /// The finding that says so, by its place among the trial's.
    finding: usize,
    /// Whether the scenario states what has to be there: the ledger does not say that.
    pub(super) is_stated: bool,
}

impl Short {
    pub(super) fn is_of(&self, name: &Name) -> bool {
        self.name == *name
    }
}

/// Why a trial has to be looked at once more, when it is quiet.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    missing: Vec<Missing>,
    /// The findings that say so, by their places among the trial's.
    findings: Vec<usize>,
    explains: Explains,
    late: Duration,
    gateway: Option<Gateway>,
}

/// What is explained once all that was missing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Explains {
    #[default]
    Nothing,
    /// What was found of the books, and nothing else is in doubt: it was only late.
    ItAll,
    /// That too; but more was asked in the meantime, which might have gone otherwise.
    WhatWasAskedBefore,
}

#[derive(Debug)]
struct Missing {
    entity: Entity,
    expected: Usd,
    since: Instant,
}

impl Steps<'_> {
    /// Notes that a charge of somebody has not come in time.
    pub(super) fn is_short(&mut self, name: &Name, since: Instant) {
        let (name, requests, finding) = (name.clone(), self.requests, self.findings.len());
        self.short.push(Short { name, since, requests, finding, is_stated: false });
    }

    /// What is to be looked at once more: none if what was found does not depend on when it was.
    pub(super) async fn doubt(&self) -> Option<Doubt> {
        let depends_on_time = self.scenario.depends_on_time() || !self.short.is_empty();
        let is_in_doubt = |kind: FindingKind| match kind {
            FindingKind::Fault | FindingKind::Overrun => true,
            FindingKind::Miscount => false,
            FindingKind::Bypass | FindingKind::Leak | FindingKind::FalseRefusal | FindingKind::WrongRefusal => {
                depends_on_time
            }
        };
        let miscounts = self.findings.iter().filter(|finding| finding.kind == FindingKind::Miscount).count();
        let others_in_doubt = self.findings.iter().any(|finding| is_in_doubt(finding.kind));
        // More recorded than was spent is known as soon as it is seen.
        if miscounts <= self.exceeded && !others_in_doubt {
            return None;
        }
        let missing = self.short.iter().filter_map(|short| {
            let entity = self.world.recorded(&short.name)?.clone();
            Some(Missing { entity, expected: self.ledger.spent(&short.name), since: short.since })
        });
        let is_known_now = |short: &Short| !short.is_stated && !self.uncertain.contains(&short.name);
        let is_of_books = !self.short.is_empty()
            && miscounts == self.short.len()
            && self.short.iter().all(is_known_now)
            && self.findings.iter().all(|finding| finding.kind != FindingKind::Fault);
        let is_the_end = self.short.iter().all(|short| short.requests == self.requests);
        Some(Doubt {
            missing: missing.collect(),
            findings: self.short.iter().map(|short| short.finding).collect(),
            explains: match (is_of_books, is_the_end) {
                (false, _) => Explains::Nothing,
                (true, false) => Explains::WhatWasAskedBefore,
                (true, true) => Explains::ItAll,
            },
            late: Duration::ZERO,
            gateway: self.node(Instance::First).await.ok(),
        })
    }
}

impl Doubt {
    /// Looks at the books until all that was missing is there; may be given up at any time.
    pub(super) async fn until_there(&mut self) {
        loop {
            self.look().await;
            match &self.gateway {
                Some(gateway) if !self.missing.is_empty() => tokio::time::sleep(gateway.pace.poll * 4).await,
                Some(_) | None => return,
            }
        }
    }

    /// Looks once: what is there is missing no more.
    pub(super) async fn look(&mut self) {
        let Some(gateway) = &self.gateway else { return };
        for index in (0..self.missing.len()).rev() {
            let Missing { entity, expected, since } = &self.missing[index];
            if let Ok(Some(recorded)) = gateway.spend(entity).await
                && recorded.agrees_with(*expected)
            {
                gateway.books.waiting(entity, *since).has_come();
                self.late = self.late.max(since.elapsed().saturating_sub(gateway.pace.behind));
                self.missing.remove(index);
            }
        }
    }

    /// How much later than usual the last of what was missing came, at most.
    pub(super) fn late(&self) -> Duration {
        self.late
    }

    /// Whether what was found is explained by charges that were late, as is known now.
    pub(super) fn is_explained(&self) -> bool {
        self.missing.is_empty() && self.explains != Explains::Nothing
    }

    /// The findings that are none, if they were late and nothing was asked after them.
    pub(super) fn was_only_late(&self) -> Option<&[usize]> {
        (self.missing.is_empty() && self.explains == Explains::ItAll).then_some(&self.findings)
    }

    /// The findings of what is still missing, and for how long it has been.
    pub(super) fn still_missing(&self) -> Option<(&[usize], Duration)> {
        let longest = self.missing.iter().map(|missing| missing.since.elapsed()).max()?;
        Some((&self.findings, longest))
    }
}
