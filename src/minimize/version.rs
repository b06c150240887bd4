//! A scenario with some of it gone, and what is left of the original: which of its steps are there, and what was dropped.

use std::path::Path;

use super::cut::Cut;
use super::kept::Subject;
use crate::scenario::outline::{Entry, Outline};
use crate::scenario::plan::multiply;
use crate::scenario::read::understand;
use crate::scenario::{Place, Trial};

/// A valid scenario with one value for each axis, and so one trial.
#[derive(Debug, Clone)]
pub struct Version {
    trial: Trial,
    outline: Outline,
    /// The numbers that its steps have in the original.
    steps: Vec<usize>,
}

/// How much there was, and how much of it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    pub of: usize,
    pub gone: usize,
}

impl Version {
    /// The scenario of a trial, with that trial's value on each axis. `None` if a scenario cannot have these alone.
    pub fn of(trial: &Trial) -> Option<Version> {
        let mut text = trial.file.text.clone();
        let cases = |text: &str| {
            let file = understand(&trial.file.path, text.as_bytes().to_vec()).ok()?;
            let cases = multiply("", file, true);
            cases.iter().any(|one| one.case == trial.case).then_some(cases.len())
        };
        // One axis after the other; a list that is no axis makes no fewer trials.
        while let Some(before) = cases(&text).filter(|count| *count > 1) {
            let outline = Outline::of(&text)?;
            let narrowed = outline.root.entries().iter().find_map(|axis| {
                axis.node.entries().iter().find_map(|value| {
                    let with = [(axis.id, value.node.scalar()?.to_owned())].into();
                    let narrowed = outline.edited(&text, &[].into(), &with);
                    cases(&narrowed).filter(|count| *count < before).map(|_| narrowed)
                })
            });
            text = narrowed?;
        }
        let steps = (0..trial.file.scenario.steps.len()).collect();
        Version::read(trial, text, steps)
    }

    fn read(trial: &Trial, text: String, steps: Vec<usize>) -> Option<Version> {
        let outline = Outline::of(&text)?;
        let file = understand(&trial.file.path, text.into_bytes()).ok()?;
        match multiply(&trial.id, file, true).as_slice() {
            [one] => {
                // A text does not say which of their models is asked, only that one is.
                let model = trial.model.clone().filter(|_| one.file.scenario.model.is_some());
                Some(Version { trial: Trial { model, ..one.clone() }, outline, steps })
            }
            _ => None,
        }
    }

    /// The same without some of it. `None` if that is no scenario, or nothing has gone.
    pub(super) fn without(&self, cuts: &[Cut]) -> Option<Version> {
        let Cut { without, with } = Cut::join(cuts);
        let text = self.outline.edited(self.text(), &without, &with);
        let left = self.outline.items("steps").iter().zip(&self.steps).filter(|(step, _)| !without.contains(&step.id));
        let left = left.map(|(_, original)| *original).collect();
        Version::read(&self.trial, text, left).filter(|version| version.text() != self.text())
    }

    /// What is run of it. All versions' trials have the original's name.
    pub fn trial(&self) -> &Trial {
        &self.trial
    }

    pub fn text(&self) -> &str {
        &self.trial.file.text
    }

    pub fn path(&self) -> &Path {
        &self.trial.file.path
    }

    pub(super) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// What a place is about in the original.
    pub fn origin(&self, place: Place) -> Option<Subject> {
        let scenario = &self.trial.file.scenario;
        let step = scenario.steps.iter().zip(&self.steps).find(|(step, _)| step.place().line == place.line);
        let given = || scenario.given.iter().find(|given| given.name.place.line == place.line);
        match step {
            Some((_, original)) => Some(Subject::Step(*original)),
            None => given().map(|given| Subject::Given(given.name.0.clone())),
        }
    }

    /// How many of its lines say something.
    pub fn lines(&self) -> usize {
        let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        self.text().lines().filter(says).count()
    }

    /// What has gone since an earlier version: entities, steps, and other fields.
    pub fn dropped_since(&self, earlier: &Version) -> [(&'static str, Dropped); 3] {
        let items = |version: &Version, key| version.outline.items(key).len();
        let of = |of, left: usize| Dropped { of, gone: of.saturating_sub(left) };
        [
            ("entities", of(items(earlier, "given"), items(self, "given"))),
            ("steps", of(items(earlier, "steps"), items(self, "steps"))),
            ("fields", of(earlier.fields(), self.fields())),
        ]
    }

    /// How many fields there are, except those that name items.
    fn fields(&self) -> usize {
        let root = &self.outline.root;
        let is_field = |entry: &&Entry| entry.key.is_some();
        let items = self.outline.items("given").len() + self.outline.items("steps").len();
        root.all().filter(is_field).count().saturating_sub(items)
    }
}
