//! What a well-formed scenario may still not say: names that are not given, fields that its kind does not have, amounts
//! that make no sense, numbers that contradict its own budgets. All mistakes are found at once.

mod contradictions;
mod entities;
mod rollout;
mod usage;

use std::path::Path;
use std::time::Duration;

use rust_decimal::Decimal;

use super::charge::{Asker, bounds, charged};
use super::diagnostic::Diagnostic;
use super::{
    Act, Alone, Api, AskFields, At, Disturbance, Expect, IncludeUsage, Kind, Name, Part, Place, Provider, Scenario,
    State, Stated, Step, Usd,
};

/// The most requests one `chat` step makes, tools it describes, and characters of system prompt.
const MOST_TIMES: u16 = 1000;
const MOST_TOOLS: u16 = 200;
const LONGEST_PROMPT: u32 = 200_000;

/// The mistakes in the meaning of a scenario; none for a good one.
pub fn check(file: &Path, scenario: &Scenario) -> Vec<Diagnostic> {
    let mut found = Checked { file, scenario, diagnostics: Vec::new() };
    found.head();
    found.entities();
    found.steps();
    if found.diagnostics.is_empty() {
        found.contradictions();
    }
    found.diagnostics
}

struct Checked<'a> {
    file: &'a Path,
    scenario: &'a Scenario,
    diagnostics: Vec<Diagnostic>,
}

impl Checked<'_> {
    fn mistake(&mut self, place: Place, title: impl Into<String>, label: &str) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(self.file, title).at(place).label(label));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    fn head(&mut self) {
        let scenario = self.scenario;
        if scenario.name.trim().is_empty() {
            self.mistake(
                scenario.name.place,
                "the name is empty",
                "expected a sentence that says what the scenario proves",
            );
        }
        if scenario.price.value <= Usd::ZERO {
            let title = format!("the price is {}, but a request must cost something", scenario.price.value);
            self.mistake(scenario.price.place, title, "expected more than 0");
        }
        self.in_range(scenario.tools.as_ref(), 1..=MOST_TOOLS, "tools");
        self.in_range(scenario.system_prompt.as_ref(), 1..=LONGEST_PROMPT, "system_prompt");
        self.in_range(scenario.instances.as_ref(), 1..=2, "instances");
        for api in [Api::Embeddings, Api::Images] {
            if scenario.stream.0.contains(&true) && scenario.api.0.contains(&api) {
                let label = format!("with `stream: true`, this cannot be `{}`", api.word());
                self.mistake(scenario.api.place, format!("{} cannot be streamed", api.word()), &label);
            }
        }
        if !scenario.include_usage.0.contains(&IncludeUsage::Asked) && !scenario.stream.0.contains(&true) {
            let title = "`include_usage` applies to streams, and nothing here is streamed";
            self.mistake(scenario.include_usage.place, title, "add `stream: true`, or remove it");
        }
        if let Some(provider) = scenario.provider.0.iter().find(|provider| **provider == Provider::Anthropic) {
            self.provider(&At { value: *provider, place: scenario.provider.place });
        }
        if let Some(model) = &scenario.model {
            // A place of its own means that it was written.
            if scenario.priced_by.place != Place::default() {
                let title = "`model: own` asks models that are priced as their configuration says";
                self.mistake(scenario.priced_by.place, title, "remove this");
            }
            if scenario.rollout().is_some() {
                let title = "`model: own` cannot be asked across an upgrade: versions may know other prices";
                self.mistake(model.place, title, "remove this, or the steps that move the gateway");
            }
        }
        self.rollout();
        let disturbs = scenario.steps.iter().find(|step| matches!(step, Step::Disturb { .. }));
        let several = scenario.instances.as_ref().is_some_and(|instances| instances.value > 1);
        if scenario.alone != Some(Alone::Last) && scenario.rollout().is_none() {
            let title = "a scenario that disturbs the whole target runs alone, after all others";
            if let Some(step) = disturbs {
                self.mistake(step.place(), title, "add `alone: last`");
            } else if several || scenario.redis.0.contains(&true) {
                self.mistake(scenario.name.place, title, "add `alone: last`");
            }
        }
    }

    fn in_range<N: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        at: Option<&At<N>>,
        range: std::ops::RangeInclusive<N>,
        field: &str,
    ) {
        if let Some(at) = at.filter(|at| !range.contains(&at.value)) {
            let title = format!("`{field}` is {}, which is out of range", at.value);
            self.mistake(at.place, title, &format!("expected {} to {}", range.start(), range.end()));
        }
    }

    /// A name must be given, and be of one of these kinds.
    fn refers(&mut self, name: &At<Name>, kinds: &[Kind]) {
        let scenario = self.scenario;
        let words: Vec<String> = kinds.iter().map(Kind::to_string).collect();
        match scenario.entity(name) {
            Some(given) if kinds.contains(&given.kind) => {}
            Some(given) => {
                let article = if given.kind.word().starts_with(['o', 'e']) { "an" } else { "a" };
                let title = format!("`{}` is {article} {}", name.value, given.kind);
                self.mistake(name.place, title, &format!("expected a {}", words.join(", ")));
            }
            None => {
                let what = if words.len() > 3 { "entity".to_owned() } else { words.join(" or ") };
                let title = format!("no {what} `{}` is given", name.value);
                let of_kind = scenario.given.iter().filter(|given| kinds.contains(&given.kind));
                let known = of_kind.map(|given| given.name.0.as_str());
                let diagnostic = self.mistake(name.place, title, "not declared under `given`");
                *diagnostic = diagnostic.clone().nearest(&name.0, known);
            }
        }
    }

    fn refers_if_there(&mut self, name: Option<&At<Name>>, kind: Kind) {
        if let Some(name) = name {
            self.refers(name, &[kind]);
        }
    }

    fn steps(&mut self) {
        let scenario = self.scenario;
        if scenario.steps.is_empty() {
            self.mistake(scenario.name.place, "the scenario has no steps", "nothing would be tested");
        }
        for (at, step) in scenario.steps.iter().enumerate() {
            match step {
                Step::Drain { key, fields } => {
                    self.refers(key, &[Kind::Key]);
                    self.asking(fields, at);
                    let not_of_a_drain = [
                        fields.times.as_ref().map(|at| at.place),
                        fields.at_once.as_ref().map(|at| at.place),
                        fields.within.as_ref().map(|at| at.place),
                        fields.cached.as_ref().map(|at| at.place),
                        fields.repeats.as_ref().map(|at| at.place),
                        fields.leave_after.as_ref().map(|at| at.place),
                    ];
                    for place in not_of_a_drain.into_iter().flatten() {
                        self.mistake(place, "a drain runs until it is refused; this field is for `chat`", "remove it");
                    }
                    if let Some(expect) = fields.expect.as_ref().filter(|at| matches!(at.value, Expect::Accepted(_))) {
                        self.mistake(expect.place, "a drain ends with a refusal", "expected a refusal");
                    }
                }
                Step::Chat { key, fields } => {
                    self.refers(key, &[Kind::Key]);
                    self.asking(fields, at);
                    self.crowd(key, fields);
                }
                Step::List { key, fields } => {
                    self.refers(key, &[Kind::Key]);
                    self.refers_if_there(fields.end_user.as_ref(), Kind::EndUser);
                    self.says_nothing(fields.expect.as_ref());
                }
                Step::Check { entity, fields } => {
                    self.refers(entity, &Kind::ALL);
                    let kind = scenario.entity(entity).map(|given| given.kind);
                    for place in [fields.calls.as_ref().map(|at| at.place), fields.log.as_ref().map(|at| at.place)] {
                        if let Some(place) = place.filter(|_| kind.is_some_and(|kind| kind != Kind::Key)) {
                            self.mistake(place, "this is counted for keys", "expected a key");
                        }
                    }
                    if kind.is_some_and(|kind| !kind.spends()) && fields.values.is_none() {
                        self.mistake(entity.place, "nothing is spent by this", "say `values: as_sent`");
                    }
                }
                Step::Change { act, entity, fields } => {
                    self.on(fields.on.as_ref(), at);
                    self.says_nothing(fields.expect.as_ref());
                    self.change(*act, entity, fields);
                }
                Step::Move { .. } => {}
                Step::Disturb { act, part } => {
                    let possible = match act {
                        Disturbance::Flush => part.value == Part::Redis,
                        Disturbance::Restart => part.value == Part::Gateway,
                        Disturbance::Stop | Disturbance::Start => part.value != Part::Gateway,
                    };
                    if !possible {
                        let title = format!("the {} cannot be told to {}", part.value.word(), act.word());
                        let label = "a gateway can be restarted; a database or Redis can be stopped and started; Redis can be flushed";
                        self.mistake(part.place, title, label);
                    }
                }
            }
        }
    }

    /// What an answer is to say has to be something that it can say.
    fn says(&mut self, fields: &AskFields) {
        self.refers_if_there(fields.repeats.as_ref(), Kind::Key);
        let Some(expect) = &fields.expect else { return };
        let Expect::Accepted(stated) = &expect.value else { return };
        if *stated != Stated::NOTHING && fields.is_broken_off() {
            let title = "an answer that is broken off states nothing for certain";
            self.mistake(expect.place, title, "expected `accepted`, or nothing");
        } else if stated.remaining.is_some() && (fields.at_once.is_some() || fields.count() > 1) {
            let title = "each of these requests leaves one less";
            self.mistake(expect.place, title, "say `remaining` of a single request");
        }
    }

    /// What `list` and changes of entities are answered says nothing but whether they were accepted.
    fn says_nothing(&mut self, expect: Option<&At<Expect>>) {
        let Some(expect) = expect else { return };
        if expect.asks() {
            let title = "this answer says nothing of costs, limits or budgets";
            self.mistake(expect.place, title, "these are for `chat` and `drain`");
        }
    }

    /// What `drain` and `chat` share.
    fn asking(&mut self, fields: &AskFields, at: usize) {
        self.says(fields);
        self.in_range(fields.times.as_ref(), 1..=MOST_TIMES, "times");
        self.in_range(fields.at_once.as_ref(), 2..=MOST_TIMES, "at_once");
        self.refers_if_there(fields.model.as_ref(), Kind::Model);
        self.refers_if_there(fields.end_user.as_ref(), Kind::EndUser);
        self.refers_if_there(fields.tag.as_ref(), Kind::Tag);
        let scenario = self.scenario;
        let streamed = fields.stream.as_ref().map_or_else(|| scenario.stream.0.contains(&true), |stream| stream.value);
        if let Some(upstream) = &fields.upstream {
            self.in_range(upstream.status.as_ref(), 400..=599, "status");
            self.in_range(upstream.calls.as_ref(), 1..=20, "calls");
            self.in_range(upstream.chunks.as_ref(), 1..=1000, "chunks");
            if let Some(calls) = upstream.calls.as_ref().filter(|_| upstream.status.is_none()) {
                self.mistake(calls.place, "which status does it fail with?", "add `status`");
            }
        }
        self.usage(fields);
        let of_streams = [
            fields
                .upstream
                .as_ref()
                .and_then(|does| does.shape.as_ref())
                .filter(|at| at.is_of_streams())
                .map(|at| at.place),
            fields.leave_after.as_ref().map(|at| at.place),
            fields.upstream.as_ref().and_then(|upstream| upstream.pause.as_ref()).map(|at| at.place),
            fields.upstream.as_ref().and_then(|upstream| upstream.break_after.as_ref()).map(|at| at.place),
        ];
        for place in of_streams.into_iter().flatten().filter(|_| !streamed) {
            self.mistake(place, "this is about streams, and nothing is streamed", "add `stream: true`");
        }
        self.on(fields.on.as_ref(), at);
    }

    fn crowd(&mut self, key: &At<Name>, fields: &AskFields) {
        match (&fields.times, &fields.at_once, &fields.accepted) {
            (Some(times), Some(_), _) => {
                self.mistake(times.place, "one after the other, or at the same time?", "remove one of the two");
            }
            (_, None, Some(accepted)) => {
                let title = "`accepted` counts the requests of a drain or a crowd; use `expect` for a single request";
                self.mistake(accepted.place, title, "say `expect`, or `at_once`");
            }
            _ => {}
        }
        if let Some(api) = fields.api.as_ref().filter(|api| api.0.len() > 1 && fields.at_once.is_none()) {
            let title = "several APIs are asked by requests at the same time, in turns";
            self.mistake(api.place, title, "name one, or add `at_once`");
        }
        if let Some(within) = fields.within.as_ref().filter(|_| fields.expect.is_none() || fields.count() > 1) {
            self.mistake(within.place, "one request is repeated until its answer is as expected", "add `expect`");
        }
        // Asking once a second spends a budget or a limit: some refusal would come in the end.
        let is_any = |expect: &Expect| matches!(expect, Expect::Refused(refusal) if refusal.error.is_none());
        let expect = fields.expect.as_ref().filter(|expect| is_any(expect));
        if let (Some(within), Some(expect)) = (&fields.within, expect)
            && self.is_spent_in(Asker::of(key, fields), within.duration)
        {
            let title = "asking again and again spends budgets and limits: for which reason is it refused?";
            self.mistake(expect.place, title, "expected an `error`, such as { error: blocked }");
        }
        if fields.leave_after.is_some() && (fields.at_once.is_some() || fields.within.is_some()) {
            self.mistake(
                key.place,
                "a client that leaves early sends one request at a time",
                "remove `at_once` or `within`",
            );
        }
    }

    /// Whether asking once a second for so long reaches a budget or a limit.
    fn is_spent_in(&self, asker: Asker<'_>, time: Duration) -> bool {
        let Scenario { given, price, .. } = self.scenario;
        let spent = Usd(price.0 * Decimal::from(time.as_secs()));
        bounds(given, asker).iter().any(|bound| bound.max_budget <= spent)
            || charged(given, asker).iter().any(|entity| entity.fields.is_rate_limited())
    }

    fn change(&mut self, act: Act, entity: &At<Name>, fields: &super::ChangeFields) {
        let scenario = self.scenario;
        let kinds: &[Kind] = match act {
            Act::Make | Act::Update => &Kind::ALL,
            Act::Block | Act::Unblock => &[Kind::Key, Kind::Team, Kind::EndUser],
            Act::Delete => &[
                Kind::Key,
                Kind::User,
                Kind::Team,
                Kind::Member,
                Kind::Organisation,
                Kind::EndUser,
                Kind::Tag,
                Kind::Budget,
                Kind::Model,
            ],
            Act::Regenerate | Act::Reset => &[Kind::Key],
        };
        self.refers(entity, kinds);
        let Some(given) = scenario.entity(entity) else { return };
        if act == Act::Make && given.state() != State::Later {
            let title = format!("`{}` is already there", entity.value);
            self.mistake(entity.place, title, "add `state: later` where it is given");
        }
        match (&fields.into, act == Act::Regenerate) {
            (None, true) => {
                self.mistake(
                    entity.place,
                    "which key stands for the new secret?",
                    "add `into` with a key that has `state: later`",
                );
            }
            (Some(into), false) => {
                self.mistake(into.place, format!("`{}` makes no new secret", act.word()), "remove it");
            }
            (Some(into), true) => self.refers(into, &[Kind::Key]),
            (None, false) => {}
        }
        match (&fields.to, act == Act::Update) {
            (None, true) => {
                self.mistake(entity.place, "an update to what?", "add `to` with the fields to set");
            }
            (Some(to), false) => {
                self.mistake(to.place, format!("`{}` sets no fields", act.word()), "remove it, or say `update`");
            }
            (Some(to), true) => {
                self.fields_of(given.kind, to);
                let may_be_wrong = if fields.expect.is_some() { State::Later } else { State::Active };
                self.budgets(may_be_wrong, to);
            }
            (None, false) => {}
        }
    }
}
