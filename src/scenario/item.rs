//! Items whose first key names what they are: `- key: laptop`, `- drain: laptop`.
//!
//! Written by hand: serde's `untagged` and `flatten` would lose the places in the file.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::{
    Act, AskFields, ChangeFields, CheckFields, Disturbance, Fields, Given, Kind, ListFields, Move, Name, Part, Step,
};

const STEPS: &[&str] = &[
    "drain",
    "chat",
    "list",
    "check",
    "make",
    "update",
    "block",
    "unblock",
    "delete",
    "regenerate",
    "reset",
    "stop",
    "start",
    "restart",
    "flush",
    "roll",
    "upgrade",
    "downgrade",
];

/// The rest of a mapping, after its first key and value are read.
fn rest<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}

/// Reads a mapping's first key and gives it to `read`, which reads the rest.
macro_rules! first_key_names {
    ($type:ty, $expecting:literal, |$word:ident, $map:ident| $read:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                struct Item;
                impl<'de> Visitor<'de> for Item {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut $map: A) -> Result<$type, A::Error> {
                        let Some($word) = $map.next_key::<String>()? else {
                            return Err(A::Error::custom(concat!("this is empty; expected ", $expecting)));
                        };
                        $read
                    }
                }
                deserializer.deserialize_map(Item)
            }
        }
    };
}

first_key_names!(Given, "an item whose first key says what it is, such as `key:` or `user:`", |word, map| {
    let kind = Kind::named(&word).ok_or_else(|| A::Error::unknown_field(&word, &Kind::WORDS))?;
    Ok(Given { kind, name: map.next_value()?, fields: rest(map)? })
});

/// A disturbance or a move takes nothing but its part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

first_key_names!(
    Step,
    "an item whose first key says what happens, such as `drain:`, `chat:` or `check:`",
    |word, map| {
        if let Some(act) = Act::ALL.into_iter().find(|act| act.word() == word) {
            return Ok(Step::Change { act, entity: map.next_value()?, fields: rest(map)? });
        }
        if let Some(act) = Disturbance::ALL.into_iter().find(|act| act.word() == word) {
            let part = map.next_value()?;
            let NoFields {} = rest(map)?;
            return Ok(Step::Disturb { act, part });
        }
        if let Some(to) = Move::ALL.into_iter().find(|to| to.word() == word) {
            let part = map.next_value()?;
            let NoFields {} = rest(map)?;
            return Ok(Step::Move { to, part });
        }
        match word.as_str() {
            "drain" => Ok(Step::Drain { key: map.next_value()?, fields: rest(map)? }),
            "chat" => Ok(Step::Chat { key: map.next_value()?, fields: rest(map)? }),
            "list" => Ok(Step::List { key: map.next_value()?, fields: rest(map)? }),
            "check" => Ok(Step::Check { entity: map.next_value()?, fields: rest(map)? }),
            other => Err(A::Error::unknown_field(other, STEPS)),
        }
    }
);

/// The schema of one kind of item: the kind's own key first, then its fields.
fn item<Own: JsonSchema, Fields: JsonSchema>(generator: &mut SchemaGenerator, word: &str, description: &str) -> Schema {
    let mut schema = Fields::json_schema(generator);
    let mut own = generator.subschema_for::<Own>();
    own.insert("description".to_owned(), description.into());
    let object = schema.ensure_object();
    object.insert("description".into(), description.into());
    object.insert("required".into(), vec![word].into());
    if let Some(properties) = object.entry("properties").or_insert_with(|| serde_json::json!({})).as_object_mut() {
        properties.insert(word.to_owned(), own.to_value());
    }
    schema
}

/// The schema of a step that takes nothing but a part of the target.
fn of_a_part(generator: &mut SchemaGenerator, word: &str, description: &str) -> Schema {
    let mut part = generator.subschema_for::<Part>();
    part.insert("description".to_owned(), description.into());
    json_schema!({
        "type": "object",
        "description": description,
        "properties": { word: part },
        "required": [word],
        "additionalProperties": false
    })
}

/// The schema of an entity: of all fields, those that its kind can have.
fn entity(generator: &mut SchemaGenerator, kind: Kind) -> Schema {
    let mut schema = item::<Name, Fields>(generator, kind.word(), &format!("The scenario's name for this {kind}."));
    let own = |name: &String| name == kind.word() || kind.fields().contains(&name.as_str());
    if let Some(properties) = schema.ensure_object().get_mut("properties").and_then(|value| value.as_object_mut()) {
        // A key belongs to a user by the name of a field that also begins an item.
        properties.retain(|name, _| own(name));
    }
    schema
}

impl JsonSchema for Given {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Given".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds = Kind::ALL.map(|kind| entity(generator, kind));
        json_schema!({ "anyOf": kinds })
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut steps = vec![
            item::<Name, AskFields>(generator, "drain", "Send requests with this key until one is refused."),
            item::<Name, AskFields>(generator, "chat", "Ask with this key."),
            item::<Name, ListFields>(generator, "list", "Use this key to ask for the list of models."),
            item::<Name, CheckFields>(
                generator,
                "check",
                "The gateway's figures for this entity must match the ledger.",
            ),
        ];
        for act in Act::ALL {
            let description = match act {
                Act::Make => "Create this entity, which has `state: later`, through the admin API.",
                Act::Update => "Set some fields of this entity through the admin API.",
                Act::Block => "Block this key, team or end user.",
                Act::Unblock => "Unblock this key, team or end user.",
                Act::Delete => "Delete this entity.",
                Act::Regenerate => "Give this key a new secret.",
                Act::Reset => "Set the recorded spend of this key to zero.",
            };
            steps.push(item::<Name, ChangeFields>(generator, act.word(), description));
        }
        for disturbance in Disturbance::ALL {
            let word = disturbance.word();
            let description = match disturbance {
                Disturbance::Stop => "Stop this part of the target.",
                Disturbance::Start => "Start this part of the target again.",
                Disturbance::Restart => "Stop this part of the target the way an operator does, and start it again.",
                Disturbance::Flush => "Delete everything that this part of the target stores.",
            };
            steps.push(of_a_part(generator, word, description));
        }
        for to in Move::ALL {
            let description = match to {
                Move::Roll => "Start an instance of the new version beside the old one.",
                Move::Upgrade => "Stop the old version, and start the new one on its database.",
                Move::Downgrade => "Stop the new version, and start the old one on the database as it is now.",
            };
            steps.push(of_a_part(generator, to.word(), description));
        }
        json_schema!({ "anyOf": steps })
    }
}
