//! Who exists in a trial: the scenario's entities as they are now, and what the gateway calls them. Not: making or changing
//! them, which is `change`.

use std::collections::{HashMap, HashSet};

use crate::gateway::{Definition, Entity, Owners};
use crate::scenario::charge::find;
use crate::scenario::{Fields, Given, Kind, Name};
use crate::secret::Secret;

#[derive(Debug)]
pub(super) struct World {
    /// The entities, with the fields that they have now.
    pub(super) given: Vec<Given>,
    on_gateway: HashMap<Name, Entity>,
    /// The gateway does not know these: never made, or deleted. Such a key may still ask.
    unknown: HashSet<Name>,
    /// The trial's own name, which begins the name of each entity on the gateway.
    prefix: String,
}

impl World {
    pub(super) fn new(given: &[Given], prefix: &str) -> World {
        World { given: given.to_vec(), on_gateway: HashMap::new(), unknown: HashSet::new(), prefix: prefix.to_owned() }
    }

    pub(super) fn entity(&self, name: &Name) -> Option<&Entity> {
        self.on_gateway.get(name)
    }

    pub(super) fn key(&self, name: &Name) -> Option<&Secret> {
        match self.entity(name) {
            Some(Entity::Key { secret, .. }) => Some(secret),
            _ => None,
        }
    }

    /// An entity whose recorded spend the gateway can be asked for.
    pub(super) fn recorded(&self, name: &Name) -> Option<&Entity> {
        let spends = find(&self.given, name).is_some_and(|given| given.kind.spends());
        self.entity(name).filter(|_| spends && !self.unknown.contains(name))
    }

    pub(super) fn is_made(&mut self, name: &Name, entity: Entity) {
        self.unknown.remove(name);
        self.on_gateway.insert(name.clone(), entity);
    }

    /// Adds one that the gateway does not know, but that can be named.
    pub(super) fn is_unknown(&mut self, name: &Name, entity: Entity) {
        self.unknown.insert(name.clone());
        self.on_gateway.insert(name.clone(), entity);
    }

    /// Notes that the gateway has come to know one.
    pub(super) fn is_known(&mut self, name: &Name) {
        self.unknown.remove(name);
    }

    pub(super) fn is_deleted(&mut self, name: &Name) {
        self.unknown.insert(name.clone());
    }

    pub(super) fn is_updated(&mut self, name: &Name, to: &Fields) {
        if let Some(given) = self.given.iter_mut().find(|given| given.name.value == *name) {
            given.fields = given.fields.updated(to);
        }
    }

    /// What the gateway calls an entity: no two trials share a name.
    pub(super) fn id(&self, name: &Name) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// An entity as the gateway is told of it. `id` is its name there.
    pub(super) fn definition<'a>(&'a self, kind: Kind, id: &'a str, fields: &'a Fields) -> Definition<'a> {
        let named = |name: Option<&Name>| match self.entity(name?)? {
            Entity::Budget(id) | Entity::Organisation(id) | Entity::Team(id) | Entity::User(id) => Some(id.as_str()),
            Entity::Member { .. } | Entity::EndUser(_) | Entity::Tag(_) | Entity::Model { .. } | Entity::Key { .. } => {
                None
            }
        };
        let owners = Owners {
            user: named(fields.user.as_deref()),
            team: named(fields.team.as_deref()),
            organisation: named(fields.organisation.as_deref()),
            budget: named(fields.budget.as_deref()),
        };
        Definition { kind, id, fields, owners }
    }
}
