//! Who is given: fields that their kind has, states it can be in, budgets that make sense.

use super::Checked;
use crate::scenario::{Budget, Fields, Given, Kind, MadeBy, State, Usd};

impl Checked<'_> {
    pub(super) fn entities(&mut self) {
        let given = &self.scenario.given;
        for (index, entity) in given.iter().enumerate() {
            let name = &entity.name;
            if let Some(earlier) = given[..index].iter().find(|earlier| earlier.name.value == name.value) {
                let title = format!("`{}` is given twice", name.value);
                let label = format!("already a {} on line {}", earlier.kind, earlier.name.place.line);
                self.mistake(name.place, title, &label);
            }
            self.fields_of(entity.kind, &entity.fields);
            self.budgets(entity.state(), &entity.fields);
            self.state(entity);
            self.rates(entity);
        }
    }

    /// A kind must have these fields, and they must refer to what exists.
    pub(super) fn fields_of(&mut self, kind: Kind, fields: &Fields) {
        for (field, place) in fields.present() {
            if !kind.fields().contains(&field) {
                let label = format!("expected one of: {}", kind.fields().join(", "));
                self.mistake(place, format!("a {kind} has no `{field}`"), &label);
            }
        }
        self.refers_if_there(fields.user.as_ref(), Kind::User);
        self.refers_if_there(fields.team.as_ref(), Kind::Team);
        self.refers_if_there(fields.organisation.as_ref(), Kind::Organisation);
        self.refers_if_there(fields.budget.as_ref(), Kind::Budget);
        if let (Some(budget), Some(own)) = (&fields.budget, &fields.max_budget) {
            let label = format!("already on line {}", budget.place.line.min(own.place.line));
            let place = if budget.place.line > own.place.line { budget.place } else { own.place };
            self.mistake(place, "it has a budget object and a budget of its own: which one holds?", &label);
        }
    }

    /// No budget may be negative or not a number, except in a `make` that is to be refused for it.
    pub(super) fn budgets(&mut self, state: State, fields: &Fields) {
        for budget in [&fields.max_budget, &fields.member_budget].into_iter().flatten() {
            let wrong = match budget.value {
                Budget::Usd(amount) => amount < Usd::ZERO,
                Budget::NotANumber | Budget::Infinite => true,
            };
            if wrong && state != State::Later {
                let title = match budget.value {
                    Budget::Usd(amount) => format!("the budget is {amount}: it cannot be negative"),
                    other => format!("the budget is {other}, which is not an amount"),
                };
                let diagnostic = self.mistake(budget.place, title, "expected 0 or more");
                *diagnostic = diagnostic
                    .clone()
                    .help("to test that it is refused, say `state: later`, and `make` it with `expect: refused`");
            }
        }
    }

    pub(super) fn state(&mut self, entity: &Given) {
        let Given { kind, name, fields } = entity;
        if *kind == Kind::Member && (fields.user.is_none() || fields.team.is_none()) {
            let title = format!("`{}` is a member of a team: name its `user` and its `team`", name.value);
            self.mistake(name.place, title, "give it a `user` and a `team`");
        }
        if *kind == Kind::Key && fields.made_by.as_deref() == Some(&MadeBy::Session) && fields.user.is_none() {
            let title = format!("`{}` is made by a session, but has no user", name.value);
            self.mistake(name.place, title, "whose session? give it a `user`");
        }
        let of_kind: &[Kind] = match entity.state() {
            State::Active | State::Later => &Kind::ALL,
            State::Blocked => &[Kind::Key, Kind::Team, Kind::EndUser],
            State::Unknown => &[Kind::Key, Kind::EndUser],
            State::AdminKey => &[Kind::Key],
        };
        if let Some(state) = fields.state.as_ref().filter(|_| !of_kind.contains(kind)) {
            self.mistake(state.place, format!("a {kind} cannot be that"), "expected another state");
        }
        let alone = *kind == Kind::Key && matches!(entity.state(), State::Unknown | State::AdminKey);
        if alone && fields.present().len() > 1 {
            let title = format!("`{}` is never created, so it cannot have other fields", name.value);
            self.mistake(name.place, title, "remove its other fields");
        }
    }
}
