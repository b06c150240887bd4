//! The small values a scenario is written with, except money: counts, periods, names, and where each stood in the file. Each
//! reads itself strictly from YAML; none knows what it is used for.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A place in a scenario file. Lines and columns count from 1, in characters; `start` and `len` are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    #[serde(skip)]
    pub start: usize,
    #[serde(skip)]
    pub len: usize,
}

impl From<serde_saphyr::Location> for Place {
    fn from(location: serde_saphyr::Location) -> Place {
        let span = location.span();
        Place {
            line: location.line() as usize,
            column: location.column() as usize,
            start: span.byte_offset().unwrap_or(0) as usize,
            len: span.byte_len().unwrap_or(0) as usize,
        }
    }
}

/// A value, and where it stood.
#[derive(Debug, Clone)]
pub struct At<T> {
    pub value: T,
    pub place: Place,
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        let spanned = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        Ok(At { value: spanned.value, place: spanned.referenced.into() })
    }
}

/// `At` is invisible in the JSON Schema: its value shows.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// How many: `3`, or a range with both ends included, `2..3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub least: usize,
    pub most: usize,
}

impl FromStr for Count {
    type Err = String;
    fn from_str(text: &str) -> Result<Count, String> {
        let wrong = || format!("`{}` is not a count: write 3, or a range such as 2..3", shortened(text));
        let number = |part: &str| part.parse::<u16>().map(usize::from).map_err(|_| wrong());
        let (least, most) = match text.split_once("..") {
            Some((least, most)) => (number(least)?, number(most)?),
            None => (number(text)?, number(text)?),
        };
        if least > most {
            return Err(format!("`{text}` is an empty range: the first number must be the smaller one"));
        }
        Ok(Count { least, most })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, most) if least == most => write!(f, "{least}"),
            (least, most) => write!(f, "{least}..{most}"),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        from_text(deserializer)
    }
}

impl JsonSchema for Count {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a number, or a range with both ends included",
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 65535 }, { "type": "string", "pattern": "^[0-9]+\\.\\.[0-9]+$" }]
        })
    }
}

/// A period of time as gateways write it: `500ms`, `30s`, `1m`, `1h`, `30d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// As written; gateways are told it in the same form.
    pub text: String,
    pub duration: Duration,
}

impl FromStr for Period {
    type Err = String;
    fn from_str(text: &str) -> Result<Period, String> {
        let wrong = || {
            format!("`{}` is not a period: write a number and its unit, such as 30s, 1m, 1h or 30d", shortened(text))
        };
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u32 = text[..digits].parse().map_err(|_| wrong())?;
        let unit = match &text[digits..] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(60 * 60),
            "d" => Duration::from_secs(24 * 60 * 60),
            _ => return Err(wrong()),
        };
        let duration = unit.checked_mul(number).ok_or_else(wrong)?;
        Ok(Period { text: text.to_owned(), duration })
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        from_text(deserializer)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "a period of time: 500ms, 30s, 1m, 1h, 30d", "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

/// The scenario's own name for a user, a team or a key. Gateways see a longer, unique one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(pub String);

impl FromStr for Name {
    type Err = String;
    fn from_str(text: &str) -> Result<Name, String> {
        let fits =
            (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        fits.then(|| Name(text.to_owned()))
            .ok_or_else(|| format!("`{}` is not a name: use up to 40 letters, digits, `-` and `_`", shortened(text)))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        from_text(deserializer)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$" })
    }
}

/// The values of an axis: one, or a list of different ones. Each gives a trial of its own.
#[derive(Debug, Clone)]
pub struct Axis<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for Axis<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Axis<T>, D::Error> {
        struct OneOrMore<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de> + PartialEq> Visitor<'de> for OneOrMore<T> {
            type Value = Axis<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list of values")
            }
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Axis<T>, E> {
                Ok(Axis(vec![T::deserialize(value.into_deserializer())?]))
            }
            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Axis<T>, E> {
                Ok(Axis(vec![T::deserialize(value.into_deserializer())?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Axis<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element::<T>()? {
                    if values.contains(&value) {
                        return Err(A::Error::custom("this value is in the list twice"));
                    }
                    values.push(value);
                }
                if values.is_empty() {
                    return Err(A::Error::custom("the list is empty: add at least one value"));
                }
                Ok(Axis(values))
            }
        }
        deserializer.deserialize_any(OneOrMore(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Axis<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("AxisOf{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "uniqueItems": true }] })
    }
    fn inline_schema() -> bool {
        true
    }
}

/// Reads a value from the text of a YAML scalar, so that `0.10` keeps its digits.
pub(super) fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// The beginning of a text that may be far too long for a message.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
