//! The steps that change something: entities through the admin API, and parts of the target.

use std::time::Instant;

use super::Stop;
use super::steps::{Steps, undisturbed};
use crate::gateway::adapter::Feature;
use crate::gateway::{AdminError, Entity, Gateway, Notes};
use crate::outcome::{Acted, Answer, MovedAt};
use crate::scenario::{
    Act, At, ChangeFields, Disturbance, Expect, Given, Instance, Kind, MadeBy, Move, Name, Part, Provider, State,
};
use crate::secret::Secret;
use crate::verdict::oracle::{Wanted, Zone, judge};

impl<'a> Steps<'a> {
    /// Makes the given entities, so that none refers to one that is not there yet.
    pub(super) async fn make_given(&mut self) -> Result<(), Stop> {
        let scenario = self.scenario;
        for kind in Kind::ALL {
            for given in scenario.given.iter().filter(|given| given.kind == kind) {
                let name = &given.name.value;
                match given.state() {
                    State::Later => {}
                    State::AdminKey => {
                        let gateway = self.node(Instance::First).await?;
                        if let Some(why) = gateway.lacks_feature(Feature::AdminKey) {
                            return Err(Stop::Lacks(why));
                        }
                        self.world.is_unknown(name, Entity::key(gateway.admin_key().clone()));
                    }
                    State::Unknown => {
                        let about = self.live.target.gateway.adapter().about();
                        if (about.fields)(kind).is_none() {
                            return Err(Stop::Lacks(format!("{} has no {kind}s", about.name)));
                        }
                        let id = self.world.id(name);
                        let entity = match kind {
                            Kind::EndUser => Entity::EndUser(id),
                            _ => {
                                let key = self.live.target.gateway.adapter().unknown_key(&id);
                                Entity::key(Secret::named(key, &format!("key {id}")))
                            }
                        };
                        self.world.is_unknown(name, entity);
                    }
                    State::Active | State::Blocked => {
                        let failed = |error| Stop::admin(&format!("making {kind} `{name}`"), error, given.name.place);
                        self.make(given, Instance::First).await?.map_err(failed)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes an entity, and blocks it if given as blocked.
    async fn make(&mut self, given: &Given, on: Instance) -> Result<Result<(), AdminError>, Stop> {
        let (gateway, notes) = self.node(on).await?.noting();
        let made = self.make_with(&gateway, given).await;
        let what = format!("make {} {}", given.kind.word(), given.name.value);
        self.acted(Acted::new(what, given.name.place.line, &notes));
        Ok(made)
    }

    async fn make_with(&mut self, gateway: &Gateway, given: &Given) -> Result<(), AdminError> {
        let name = &given.name.value;
        let id = self.world.id(name);
        let mut fields = given.fields.clone();
        if given.kind == Kind::Model && fields.provider.is_none() && self.trial.case.provider != Provider::Openai {
            fields.provider = Some(At { value: self.trial.case.provider, place: given.name.place });
        }
        let definition = self.world.definition(given.kind, &id, &fields);
        let made = match (given.fields.made_by.as_deref(), definition.owners.user) {
            (Some(MadeBy::Session), Some(user)) => match gateway.session_of(user).await {
                Ok(session) => gateway.create(definition, &session).await,
                Err(error) => Err(error),
            },
            (Some(MadeBy::Session), None) | (Some(MadeBy::Admin) | None, _) => {
                gateway.create(definition, gateway.admin_key()).await
            }
        };
        let entity = made?;
        let blocked = match given.state() {
            State::Blocked => gateway.block(&entity).await,
            State::Active | State::Later | State::Unknown | State::AdminKey => Ok(()),
        };
        self.world.is_made(name, entity);
        blocked
    }

    /// Changes an entity, and judges whether the gateway did as expected.
    pub(super) async fn change(&mut self, act: Act, entity: &'a At<Name>, fields: &ChangeFields) -> Result<(), Stop> {
        let began = Instant::now();
        let changed = self.try_change(act, entity, fields).await?;
        self.time.requests += began.elapsed();
        let answer = match changed {
            Ok(()) => Answer::Accepted { status: 200 },
            Err(AdminError::Status { status: status @ 400..=499, message, .. }) => {
                Answer::Refused { status, kind: None, error_type: None, message }
            }
            Err(error) => {
                let what = format!("to {} `{}`", act.word(), entity.value);
                return Err(Stop::admin(&what, error, entity.place));
            }
        };
        let wanted = Wanted::of(fields.expect.as_deref().or(Some(&Expect::ACCEPTED)), Zone::Either, false);
        if let Some(act) = self.acts.last_mut() {
            (act.expected, act.answer) = (Some(wanted.to_string()), Some(answer.clone()));
        }
        let finding = judge(&wanted, &answer, entity.place, 0);
        self.findings.extend(finding.map(|finding| crate::outcome::Finding {
            request: None,
            expected: format!("`{}` {}", act.word(), finding.expected),
            got: match &answer {
                Answer::Refused { message, .. } => format!("{}: {message}", finding.got),
                Answer::Accepted { .. } | Answer::Broken { .. } => finding.got,
            },
            ..finding
        }));
        Ok(())
    }

    async fn try_change(
        &mut self,
        act: Act,
        name: &'a At<Name>,
        fields: &ChangeFields,
    ) -> Result<Result<(), AdminError>, Stop> {
        if act == Act::Make {
            let Some(given) = self.scenario.entity(name) else { return Ok(Ok(())) };
            return self.make(given, fields.on.as_deref().copied().unwrap_or_default()).await;
        }
        let (gateway, notes) = self.node(fields.on.as_deref().copied().unwrap_or_default()).await?.noting();
        let Some(entity) = self.world.entity(name).cloned() else {
            return Err(Stop::Failed(format!("`{}` is not there", name.value)));
        };
        let changed = match act {
            Act::Make => Ok(()),
            Act::Update => {
                let to = fields.to.as_deref().cloned().unwrap_or_default();
                let kind = self.scenario.entity(name).map_or(Kind::Key, |given| given.kind);
                let id = self.world.id(name);
                let updated = gateway.update(&entity, self.world.definition(kind, &id, &to)).await;
                if updated.is_ok() {
                    self.world.is_updated(name, &to);
                }
                updated
            }
            Act::Block => gateway.block(&entity).await,
            Act::Unblock => gateway.unblock(&entity).await,
            Act::Delete => {
                let deleted = gateway.delete(&entity).await;
                if deleted.is_ok() {
                    self.world.is_deleted(name);
                }
                deleted
            }
            Act::Regenerate => {
                let into = fields.into.as_deref().unwrap_or(&name.value);
                let regenerated = gateway.regenerate(&entity, &self.world.id(into)).await;
                match (regenerated, fields.into.as_deref()) {
                    (Ok(secret), Some(into)) => {
                        // The gateway knows one key, under its new secret; what it spent stays spent.
                        let old = self.scenario.entity(name).map(|given| given.fields.clone()).unwrap_or_default();
                        self.world.is_deleted(name);
                        self.world.is_updated(into, &old);
                        self.world.is_made(into, Entity::key(secret));
                        self.ledger.state(into, self.ledger.spent(name));
                        Ok(())
                    }
                    (Ok(_), None) => Ok(()),
                    (Err(error), _) => Err(error),
                }
            }
            Act::Reset => {
                let reset = gateway.reset_spend(&entity).await;
                if reset.is_ok() {
                    self.ledger.state(name, crate::scenario::Usd::ZERO);
                }
                reset
            }
        };
        let kind = self.scenario.entity(name).map_or("", |given| given.kind.word());
        let what = format!("{} {kind} {}", act.word(), name.value);
        self.acted(Acted::new(what, name.place.line, &notes));
        Ok(changed)
    }

    /// Waits until the target has come to another version.
    pub(super) async fn move_to(&mut self, to: Move, part: &At<Part>) -> Result<(), Stop> {
        let Some(convoy) = self.convoy else {
            return Err(Stop::Lacks(format!("nobody here can {} a gateway", to.word())));
        };
        let began = Instant::now();
        let moved = convoy.waits_for(to).await;
        self.time.pace += began.elapsed();
        self.acted(Acted::new(format!("{} {}", to.word(), part.value.word()), part.place.line, &Notes::default()));
        self.moves.push(MovedAt { to, after: self.requests, line: part.place.line });
        moved.map_err(Stop::Failed)
    }

    /// Disturbs a part of the target; returns when that is done.
    pub(super) async fn disturb(&mut self, act: Disturbance, part: &At<Part>) -> Result<(), Stop> {
        let began = Instant::now();
        let disturbed = self.live.disturb(self.topology, act, part.value).await;
        self.time.requests += began.elapsed();
        let what = format!("{} {}", act.word(), part.value.word());
        self.acted(Acted::new(what, part.place.line, &Notes::default()));
        disturbed.map_err(undisturbed)
    }
}
