//! Making a scenario smaller while the same finding stays. This decides what to try next: pure, and told what came of it.
//! [`run`] runs it, and [`tell`] shows it.
//!
//! A [`Version`] is the scenario with some of it gone; a [`Reduction`] goes from one to the next until nothing more can
//! go; what has to stay is a [`KeptFinding`].

mod cut;
mod kept;
pub mod order;
pub mod run;
pub mod tell;
mod version;

use cut::{Cut, cuts};
pub use kept::{KeptFinding, Subject, Way, ways};
pub use version::{Dropped, Version};

use crate::outcome::Finding;

/// A version of the scenario, and the finding in it.
#[derive(Debug, Clone)]
pub struct Failing {
    pub version: Version,
    pub finding: Finding,
}

/// From a scenario to the smallest that keeps its finding, round by round: cuts of one round can be tried at the same time.
///
/// A round tries every cut by itself. If several keep the finding, the next one tries them together, all of them, half of
/// them, and so on, and goes on with the most that keep it.
#[derive(Debug)]
pub struct Reduction {
    smallest: Failing,
    round: Round,
}

#[derive(Debug)]
enum Round {
    /// Cuts by themselves, the largest first.
    Alone(Vec<Candidate>),
    /// Several at once, the most first; and the largest of them by itself, which keeps the finding.
    Together(Vec<Candidate>, Box<Failing>),
}

/// The smallest so far with something more gone.
#[derive(Debug, Clone)]
struct Candidate {
    cuts: Vec<Cut>,
    version: Version,
}

impl Reduction {
    pub fn new(start: Failing) -> Reduction {
        let round = alone(&start.version);
        Reduction { smallest: start, round }
    }

    /// The smallest version that is known to keep the finding.
    pub fn smallest(&self) -> &Failing {
        match &self.round {
            Round::Together(_, largest) => largest,
            Round::Alone(_) => &self.smallest,
        }
    }

    /// What to try next, the most promising first; nothing, when nothing more can go.
    pub fn candidates(&self) -> impl Iterator<Item = &Version> {
        let (Round::Alone(candidates) | Round::Together(candidates, _)) = &self.round;
        candidates.iter().map(|candidate| &candidate.version)
    }

    /// Goes on from the findings that the candidates keep, in their order.
    pub fn tried(&mut self, findings: Vec<Option<Finding>>) {
        let taken = match std::mem::replace(&mut self.round, Round::Alone(Vec::new())) {
            Round::Alone(candidates) => {
                let kept: Vec<(Candidate, Finding)> = keeping(candidates, findings).collect();
                let Some((largest, finding)) = kept.first().cloned() else { return };
                let largest = Failing { version: largest.version, finding };
                let together = self.together(&kept);
                if !together.is_empty() {
                    self.round = Round::Together(together, Box::new(largest));
                    return;
                }
                largest
            }
            Round::Together(candidates, largest) => {
                let most = keeping(candidates, findings).next();
                most.map_or(*largest, |(most, finding)| Failing { version: most.version, finding })
            }
        };
        self.round = alone(&taken.version);
        self.smallest = taken;
    }

    /// The first few of some cuts in one: all, half of them, a quarter.
    fn together(&self, kept: &[(Candidate, Finding)]) -> Vec<Candidate> {
        let counts = std::iter::successors(Some(kept.len()), |count| Some(count.div_ceil(2)));
        let many = counts.take_while(|count| *count > 1).filter_map(|count| {
            let cuts: Vec<Cut> = kept[..count].iter().flat_map(|(one, _)| one.cuts.clone()).collect();
            Some(Candidate { version: self.smallest.version.without(&cuts)?, cuts })
        });
        many.collect()
    }
}

/// Those that keep the finding.
fn keeping(candidates: Vec<Candidate>, findings: Vec<Option<Finding>>) -> impl Iterator<Item = (Candidate, Finding)> {
    candidates.into_iter().zip(findings).filter_map(|(candidate, finding)| Some((candidate, finding?)))
}

/// Every cut by itself that leaves a scenario.
fn alone(version: &Version) -> Round {
    let mut each: Vec<Candidate> = Vec::new();
    for cut in cuts(version.outline()) {
        let cuts = vec![cut];
        let Some(version) = version.without(&cuts) else { continue };
        // Half of two steps is one of them.
        if each.iter().all(|other| other.version.text() != version.text()) {
            each.push(Candidate { cuts, version });
        }
    }
    Round::Alone(each)
}
