//! What a well-formed scenario may still not say: names that are not given, amounts that make no sense,
//! numbers that contradict its own budgets. All mistakes are found at once.

use std::path::Path;

use super::arithmetic::{Allowed, allowed};
use super::diagnostic::Diagnostic;
use super::{At, ErrorKind, Expect, Given, KeyFields, KeyState, MadeBy, Name, Scenario, Step, Usd};

/// The most requests one `chat` step makes, tools it describes, and characters of system prompt.
const MOST_TIMES: u16 = 1000;
const MOST_TOOLS: u16 = 200;
const LONGEST_PROMPT: u32 = 200_000;

/// The mistakes in the meaning of a scenario; none for a good one.
pub fn check(file: &Path, scenario: &Scenario) -> Vec<Diagnostic> {
    let mut found = Found { file, scenario, diagnostics: Vec::new() };
    found.amounts();
    found.names();
    found.keys();
    found.steps();
    if found.diagnostics.is_empty() {
        found.contradictions();
    }
    found.diagnostics
}

struct Found<'a> {
    file: &'a Path,
    scenario: &'a Scenario,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Found<'a> {
    fn mistake<T>(&mut self, at: &At<T>, title: impl Into<String>, label: &str) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(self.file, title).at(at.place).label(label));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    fn amounts(&mut self) {
        let scenario = self.scenario;
        if scenario.name.trim().is_empty() {
            self.mistake(&scenario.name, "the name is empty", "expected a sentence that says what the scenario proves");
        }
        if scenario.price.value <= Usd::ZERO {
            let title = format!("the price is {}: a request has to cost something", scenario.price.value);
            self.mistake(&scenario.price, title, "expected more than 0");
        }
        for given in &scenario.given {
            let budget = match given {
                Given::User { limits, .. } | Given::Team { limits, .. } => &limits.max_budget,
                Given::Key { key, .. } => &key.max_budget,
            };
            if let Some(budget) = budget.as_ref().filter(|budget| budget.value < Usd::ZERO) {
                self.mistake(
                    budget,
                    format!("the budget is {}: it cannot be negative", budget.value),
                    "expected 0 or more",
                );
            }
        }
        self.in_range(scenario.tools.as_ref(), 1..=MOST_TOOLS, "tools");
        self.in_range(scenario.system_prompt.as_ref(), 1..=LONGEST_PROMPT, "system_prompt");
        if let Some(embedded) = scenario
            .stream
            .0
            .contains(&true)
            .then_some(&scenario.api)
            .filter(|api| api.0.contains(&super::Api::Embeddings))
        {
            self.mistake(embedded, "embeddings cannot be streamed", "with `stream: true`, this cannot be `embeddings`");
        }
    }

    fn in_range<N: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        at: Option<&At<N>>,
        range: std::ops::RangeInclusive<N>,
        field: &str,
    ) {
        if let Some(at) = at.filter(|at| !range.contains(&at.value)) {
            let title = format!("`{field}` is {}: it is out of range", at.value);
            self.mistake(at, title, &format!("expected {} to {}", range.start(), range.end()));
        }
    }

    fn names(&mut self) {
        let given = &self.scenario.given;
        for (index, entity) in given.iter().enumerate() {
            let name = entity.name();
            if let Some(earlier) = given[..index].iter().find(|earlier| earlier.name().value == name.value) {
                let title = format!("`{}` is given twice", name.value);
                self.mistake(
                    name,
                    title,
                    &format!("already a {} on line {}", earlier.what(), earlier.name().place.line),
                );
            }
        }
    }

    /// That a name is given, and is one of these kinds.
    fn refers(&mut self, name: &At<Name>, kinds: &[&str]) {
        let scenario = self.scenario;
        let wanted = kinds.join(", ");
        match scenario.entity(name) {
            Some(given) if kinds.contains(&given.what()) => {}
            Some(given) => {
                self.mistake(name, format!("`{}` is a {}", name.value, given.what()), &format!("expected a {wanted}"));
            }
            None => {
                let title = format!("no {} `{}` is given", wanted.replace(", ", " or "), name.value);
                let known = scenario
                    .given
                    .iter()
                    .filter(|given| kinds.contains(&given.what()))
                    .map(|given| given.name().0.as_str());
                let diagnostic = self.mistake(name, title, "not declared under `given`");
                *diagnostic = diagnostic.clone().nearest(&name.0, known);
            }
        }
    }

    fn keys(&mut self) {
        for given in &self.scenario.given {
            let Given::Key { name, key } = given else { continue };
            if let Some(user) = &key.user {
                self.refers(user, &["user"]);
            }
            if let Some(team) = &key.team {
                self.refers(team, &["team"]);
            }
            if key.made_by == MadeBy::Session && key.user.is_none() {
                self.mistake(
                    name,
                    format!("`{}` is made by a session, but has no user", name.value),
                    "whose session? give it a `user`",
                );
            }
            if key.state == KeyState::Unknown && has_limits(key) {
                self.mistake(
                    name,
                    format!("`{}` is unknown to the gateway, so nothing else can hold for it", name.value),
                    "remove its other fields",
                );
            }
        }
    }

    fn steps(&mut self) {
        let scenario = self.scenario;
        if scenario.steps.is_empty() {
            self.mistake(&scenario.name, "the scenario has no steps", "nothing would be tested");
        }
        for step in &scenario.steps {
            match step {
                Step::Drain { key, .. } => self.refers(key, &["key"]),
                Step::Chat { key, fields } => {
                    self.refers(key, &["key"]);
                    self.in_range(fields.times.as_ref(), 1..=MOST_TIMES, "times");
                    if let Some(status) = fields.upstream.as_ref().and_then(|upstream| upstream.status.as_ref()) {
                        self.in_range(Some(status), 400..=599, "status");
                    }
                }
                Step::Check { entity } => self.refers(entity, &["user", "team", "key"]),
            }
        }
    }

    /// The scenario's own numbers against its own budgets.
    fn contradictions(&mut self) {
        let scenario = self.scenario;
        for (step, allowed) in scenario.steps.iter().zip(allowed(scenario)) {
            match (step, allowed) {
                (Step::Drain { key, fields }, Allowed::Unlimited) if fields.accepted.is_none() => {
                    self.mistake(
                        key,
                        format!("no budget holds for `{}`: a drain would never end", key.value),
                        "give it a budget, or say how many are `accepted`",
                    );
                }
                (Step::Drain { fields, .. }, Allowed::Requests(allowed)) => {
                    if let Some(accepted) = fields
                        .accepted
                        .as_ref()
                        .filter(|count| count.least > allowed.most || count.most < allowed.least)
                    {
                        let title = format!(
                            "{} requests of {} cannot be right: the budgets allow {allowed}",
                            accepted.value, scenario.price.value
                        );
                        self.mistake(accepted, title, &format!("expected {allowed}"));
                    }
                }
                (Step::Chat { fields, .. }, Allowed::Requests(allowed)) => {
                    let Some(expect) = &fields.expect else { continue };
                    let times = fields.times.as_ref().map_or(1, |times| usize::from(times.value));
                    match &expect.value {
                        Expect::Accepted if allowed.most < times => {
                            self.mistake(
                                expect,
                                format!("this cannot be accepted: the budgets allow {allowed}"),
                                "a budget is spent by then",
                            );
                        }
                        Expect::Refused(refusal)
                            if refusal.error == Some(ErrorKind::BudgetExceeded) && allowed.least > 0 =>
                        {
                            self.mistake(
                                expect,
                                "this cannot be refused: no budget is spent by then",
                                &format!("the budgets allow {allowed}"),
                            );
                        }
                        Expect::Accepted | Expect::Refused(_) => {}
                    }
                }
                (Step::Drain { .. } | Step::Chat { .. } | Step::Check { .. }, _) => {}
            }
        }
    }
}

fn has_limits(key: &KeyFields) -> bool {
    key.user.is_some()
        || key.team.is_some()
        || key.max_budget.is_some()
        || key.models.is_some()
        || key.budget_duration.is_some()
}
