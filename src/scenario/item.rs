//! Items whose first key names what they are (`- key: laptop`, `- drain: laptop`), and the two ways to
//! say what is expected.
//!
//! Written by hand: serde's `untagged` and `flatten` would lose the places in the file.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::{ChatFields, DrainFields, Expect, Given, KeyFields, Limits, Name, Refusal, Step};

const GIVEN: &[&str] = &["user", "team", "key"];
const STEPS: &[&str] = &["drain", "chat", "check"];

/// The rest of a mapping, after its first key and value are read.
fn rest<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}

/// Reads a mapping's first key and gives it to `read`, which reads the rest.
macro_rules! first_key_names {
    ($type:ty, $words:expr, $expecting:literal, |$word:ident, $map:ident| $read:expr) => {
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

first_key_names!(Given, GIVEN, "an item that begins with `user:`, `team:` or `key:`", |word, map| {
    match word.as_str() {
        "user" => Ok(Given::User { name: map.next_value()?, limits: rest(map)? }),
        "team" => Ok(Given::Team { name: map.next_value()?, limits: rest(map)? }),
        "key" => Ok(Given::Key { name: map.next_value()?, key: rest(map)? }),
        other => Err(A::Error::unknown_field(other, GIVEN)),
    }
});

/// `check` takes nothing but its entity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

first_key_names!(Step, STEPS, "an item that begins with `drain:`, `chat:` or `check:`", |word, map| {
    match word.as_str() {
        "drain" => Ok(Step::Drain { key: map.next_value()?, fields: rest(map)? }),
        "chat" => Ok(Step::Chat { key: map.next_value()?, fields: rest(map)? }),
        "check" => {
            let entity = map.next_value()?;
            let NoFields {} = rest(map)?;
            Ok(Step::Check { entity })
        }
        other => Err(A::Error::unknown_field(other, STEPS)),
    }
});

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Expect, D::Error> {
        struct Expected;
        impl<'de> Visitor<'de> for Expected {
            type Value = Expect;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`accepted`, or a refusal such as { status: 429, error: budget_exceeded }")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Expect, E> {
                match text {
                    "accepted" => Ok(Expect::Accepted),
                    other => Err(E::unknown_variant(other, &["accepted"])),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expect, A::Error> {
                Refusal::deserialize(MapAccessDeserializer::new(map)).map(Expect::Refused)
            }
        }
        deserializer.deserialize_any(Expected)
    }
}

/// The schema of one kind of item: the kind's own key first, then its fields.
fn item<Fields: JsonSchema>(generator: &mut SchemaGenerator, word: &str, description: &str) -> Schema {
    let mut schema = Fields::json_schema(generator);
    let name = generator.subschema_for::<Name>();
    let object = schema.ensure_object();
    object.insert("description".into(), description.into());
    object.insert("required".into(), vec![word].into());
    if let Some(properties) = object.entry("properties").or_insert_with(|| serde_json::json!({})).as_object_mut() {
        properties.insert(word.to_owned(), name.to_value());
    }
    schema
}

impl JsonSchema for Given {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Given".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let user = item::<Limits>(generator, "user", "A user, by the scenario's name for it.");
        let team = item::<Limits>(generator, "team", "A team, by the scenario's name for it.");
        let key = item::<KeyFields>(generator, "key", "A key, by the scenario's name for it.");
        json_schema!({ "anyOf": [user, team, key] })
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let drain = item::<DrainFields>(generator, "drain", "Ask with this key until it is refused.");
        let chat = item::<ChatFields>(generator, "chat", "Ask with this key.");
        let name = generator.subschema_for::<Name>();
        json_schema!({ "anyOf": [drain, chat, {
            "type": "object",
            "description": "The recorded spend of this key, user or team equals what the harness knows was spent.",
            "properties": { "check": name },
            "required": ["check"],
            "additionalProperties": false
        }] })
    }
}

impl JsonSchema for Expect {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expect".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let refusal = generator.subschema_for::<Refusal>();
        json_schema!({ "anyOf": [{ "const": "accepted" }, refusal] })
    }
}
