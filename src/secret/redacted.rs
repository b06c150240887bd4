//! A document of our own, such as a report, with the secrets in its values redacted. Its own words stay, even where one is
//! also somebody's secret: names of fields, names of enum variants, and values with a form of their own, such as amounts and
//! dates.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use super::redact;

/// Serializes its content, redacted: every text is, unless it is known to be a word of ours.
pub struct Redacted<'a, T: ?Sized>(pub &'a T);

/// The fields that say which variant of an enum it is (`#[serde(tag)]`), by the name of the enum: their texts are ours.
const TAGS: [(&str, &str); 4] = [("Outcome", "is"), ("DeviationState", "is"), ("Answer", "answer"), ("Told", "event")];

impl<T: Serialize + ?Sized> Serialize for Redacted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Redacting { inner: serializer, tag: None })
    }
}

/// Passes everything on to another serializer, texts redacted.
struct Redacting<S> {
    inner: S,
    /// The field whose text is ours.
    tag: Option<&'static str>,
}

impl<S> Redacting<S> {
    fn of<E>(inner: Result<S, E>) -> Result<Redacting<S>, E> {
        inner.map(|inner| Redacting { inner, tag: None })
    }
}

/// What is passed on as it is.
macro_rules! as_it_is {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<S: Serializer> Serializer for Redacting<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Redacting<S::SerializeSeq>;
    type SerializeTuple = Redacting<S::SerializeTuple>;
    type SerializeTupleStruct = Redacting<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Redacting<S::SerializeTupleVariant>;
    type SerializeMap = Redacting<S::SerializeMap>;
    type SerializeStruct = Redacting<S::SerializeStruct>;
    type SerializeStructVariant = Redacting<S::SerializeStructVariant>;

    as_it_is!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str),
    );

    fn serialize_str(self, text: &str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_str(&redact(text))
    }

    /// A value that writes itself so has a form of its own, and holds nobody's text.
    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Redacted(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, at: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, at, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Redacted(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, at, variant, &Redacted(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Redacting::of(self.inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Redacting::of(self.inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        Redacting::of(self.inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Redacting::of(self.inner.serialize_tuple_variant(name, at, variant, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Redacting::of(self.inner.serialize_map(len))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let tag = TAGS.iter().find(|(of, _)| *of == name).map(|(_, tag)| *tag);
        self.inner.serialize_struct(name, len).map(|inner| Redacting { inner, tag })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Redacting::of(self.inner.serialize_struct_variant(name, at, variant, len))
    }
}

/// What is made of several values, one after another.
macro_rules! of_elements {
    ($($trait:ident::$method:ident),* $(,)?) => {
        $(impl<S: $trait> $trait for Redacting<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&Redacted(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

of_elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
);

impl<S: SerializeMap> SerializeMap for Redacting<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    /// Names of files, or what a gateway has called something: not words of ours.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(&Redacted(key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&Redacted(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

impl<S: SerializeStruct> SerializeStruct for Redacting<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
        match self.tag {
            Some(tag) if tag == key => self.inner.serialize_field(key, value),
            _ => self.inner.serialize_field(key, &Redacted(value)),
        }
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

impl<S: SerializeStructVariant> SerializeStructVariant for Redacting<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_field(key, &Redacted(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::know;

    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Xpass,
    }

    #[derive(Serialize)]
    struct Document {
        xfield: String,
        xpass: Word,
        both: std::collections::BTreeMap<String, serde_json::Value>,
    }

    #[test]
    fn values_are_redacted_and_words_stay() {
        know("xpass");
        know("xfield");
        let both = [("xpass".to_owned(), serde_json::json!(["is xfield", 1, "xpasses"]))].into();
        let document = Document { xfield: "xfield, xpass".to_owned(), xpass: Word::Xpass, both };
        let shown = serde_json::to_string(&Redacted(&document)).unwrap();
        let expected = r#"{"xfield":"sk-[secret], sk-[secret]","xpass":"xpass","both":{"sk-[secret]":["is sk-[secret]",1,"xpasses"]}}"#;
        assert_eq!(shown, expected);
    }
}
