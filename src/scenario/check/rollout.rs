//! Moves from one version to another: in which order they may come, and what a scenario with any may not say.

use super::Checked;
use crate::scenario::{At, Instance, Move, Part, Step};

impl Checked<'_> {
    /// Moves from one version to another have an order, and a scenario with any shares its target with others that wait for
    /// the same.
    pub(super) fn rollout(&mut self) {
        let scenario = self.scenario;
        let mut before: Option<Move> = None;
        for step in &scenario.steps {
            let Step::Move { to, part } = step else { continue };
            if part.value != Part::Gateway {
                let title = format!("a {} has no versions here", part.value.word());
                self.mistake(part.place, title, "expected gateway");
            }
            if before.is_some_and(|before| before >= *to) {
                let title = format!("`{}` cannot come now", to.word());
                self.mistake(part.place, title, "each once, in this order: roll, upgrade, downgrade");
            } else if *to == Move::Downgrade && before != Some(Move::Upgrade) {
                self.mistake(part.place, "there is nothing to go back from", "add `upgrade: gateway` before it");
            }
            before = Some(*to);
        }
        if before.is_none() {
            return;
        }
        if scenario.alone.is_some() {
            let title = "scenarios with an upgrade run in a phase of their own, beside one another";
            self.mistake(scenario.name.place, title, "remove `alone`");
        }
        if let Some(instances) = &scenario.instances {
            let title = "a rollout decides itself how many instances there are";
            self.mistake(instances.place, title, "remove it");
        }
        if let Some(step) = scenario.steps.iter().find(|step| matches!(step, Step::Disturb { .. })) {
            let title = "others share this target: nobody may disturb it";
            self.mistake(step.place(), title, "leave it to a scenario without an upgrade");
        }
    }

    /// Whether a step can choose an instance: there are two, or the new version was started beside the old one.
    pub(super) fn on(&mut self, on: Option<&At<Instance>>, at: usize) {
        let scenario = self.scenario;
        let has_rolled = scenario.steps[..at].iter().any(|step| matches!(step, Step::Move { to: Move::Roll, .. }));
        let several = has_rolled || scenario.instances.as_ref().is_some_and(|at| at.value > 1);
        if let Some(on) = on.filter(|_| !several) {
            let label = "add `instances: 2` to the scenario, or `roll: gateway` before this step";
            self.mistake(on.place, "there is one instance of the gateway", label);
        }
    }
}
