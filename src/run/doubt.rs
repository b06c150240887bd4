//! Which of a trial's findings may come from how much else was going on: charges that were not in the books yet, slow
//! answers, windows of time that had passed. Not: finding out, which is `again`.

use std::time::{Duration, Instant};

use super::steps::Steps;
use crate::gateway::{Entity, Gateway};
use crate::outcome::FindingKind;
use crate::scenario::{Instance, Name, Usd};

/// An entity whose books lacked a charge that had been given all the time that charges take.
#[derive(Debug, Clone)]
pub(super) struct Short {
    name: Name,
    /// When the last charge was made.
    since: Instant,
    /// The finding that says so, by its place among the trial's.
    finding: usize,
    /// Whether the scenario states what has to be there: the ledger does not.
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
    /// Whether all that was found is explained, once what was missing is there.
    is_of_books: bool,
    late: Duration,
    gateway: Option<Gateway>,
}

#[derive(Debug)]
struct Missing {
    entity: Entity,
    expected: Usd,
    since: Instant,
}

impl Steps<'_> {
    /// Notes that a charge of an entity has not come in time.
    pub(super) fn is_short(&mut self, name: &Name, since: Instant) {
        let (name, finding) = (name.clone(), self.findings.len());
        self.short.push(Short { name, since, finding, is_stated: false });
    }

    /// What to look at once more: `None` if what was found does not depend on timing.
    pub(super) async fn doubt(&self) -> Option<Doubt> {
        let depends_on_time = self.scenario.depends_on_time() || !self.short.is_empty();
        let is_in_doubt = |kind: FindingKind| match kind {
            FindingKind::Fault | FindingKind::Overrun => true,
            FindingKind::Miscount | FindingKind::Altered => false,
            FindingKind::Bypass | FindingKind::Leak | FindingKind::FalseRefusal | FindingKind::WrongRefusal => {
                depends_on_time
            }
        };
        let miscounts = self.findings.iter().filter(|finding| finding.kind == FindingKind::Miscount).count();
        let others_in_doubt = self.findings.iter().any(|finding| is_in_doubt(finding.kind));
        // Recording more than was spent is certain as soon as it is seen.
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
        Some(Doubt {
            missing: missing.collect(),
            findings: self.short.iter().map(|short| short.finding).collect(),
            is_of_books,
            late: Duration::ZERO,
            gateway: self.node(Instance::First).await.ok(),
        })
    }
}

impl Doubt {
    /// Looks at the books until all that was missing is there; may be cancelled at any time.
    pub(super) async fn until_there(&mut self) {
        loop {
            self.look().await;
            match &self.gateway {
                Some(gateway) if !self.missing.is_empty() => tokio::time::sleep(gateway.pace.poll * 4).await,
                Some(_) | None => return,
            }
        }
    }

    /// Looks once: what is there is no longer missing.
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

    /// Whether it ended the trial before its last step.
    pub(super) fn has_ended_it(&self) -> bool {
        !self.findings.is_empty()
    }

    /// How much later than usual the last of what was missing came, at most.
    pub(super) fn late(&self) -> Duration {
        self.late
    }

    /// Whether late charges, as is now known, explain what was found.
    pub(super) fn is_explained(&self) -> bool {
        self.is_of_books && self.missing.is_empty()
    }

    /// The findings of what is still missing, and for how long it has been.
    pub(super) fn still_missing(&self) -> Option<(&[usize], Duration)> {
        let longest = self.missing.iter().map(|missing| missing.since.elapsed()).max()?;
        Some((&self.findings, longest))
    }
}
