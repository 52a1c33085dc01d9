//! Writes values as JSON, byte by byte what `serde_json` writes but for NUL, by far fewer steps.
//!
//! Most of a transaction is short texts. `serde_json` looks at each of their bytes in turn; here
//! all of a short text is looked at together.

use std::fmt::{Display, Write as _};

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Error, Result};

use super::key::{KeyWriter, common_methods};
use super::quoted::{Escaped, quoted, quoted_key};

/// Writes one value behind what stands in a buffer.
pub(crate) struct Writer<'a>(&'a mut Vec<u8>);

/// A list or a map that has begun.
pub(crate) struct Compound<'a> {
    out: &'a mut Vec<u8>,
    /// What stands before the next entry: a bracket before the first one, then a comma.
    before: u8,
    end: &'static [u8],
}

/// What `serde_json` calls a number if anything in the build wants its digits as they were written;
/// its only field is their text.
const DIGITS: &str = "$serde_json::private::Number";

/// The value as JSON.
pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1024);
    write_json(&mut out, value)?;
    Ok(out)
}

/// Writes the value as JSON behind what is there.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    value.serialize(Writer(out))
}

impl<'a> Writer<'a> {
    fn raw(self, text: &[u8]) -> Result<()> {
        self.0.extend_from_slice(text);
        Ok(())
    }

    fn integer(self, number: impl itoa::Integer) -> Result<()> {
        self.raw(itoa::Buffer::new().format(number).as_bytes())
    }

    fn compound(self, begin: u8, end: &'static [u8]) -> Result<Compound<'a>> {
        Ok(Compound { out: self.0, before: begin, end })
    }

    fn variant(self, name: &str, begin: u8, end: &'static [u8]) -> Result<Compound<'a>> {
        quoted_key(self.0, b'{', name);
        self.compound(begin, end)
    }
}

impl Compound<'_> {
    fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        if key == DIGITS {
            let digits = serde_json::to_value(value)?;
            self.out.extend_from_slice(digits.as_str().unwrap_or("0").as_bytes());
            return Ok(());
        }
        quoted_key(self.out, self.before, key);
        self.before = b',';
        value.serialize(Writer(self.out))
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.out.push(self.before);
        self.before = b',';
        value.serialize(Writer(self.out))
    }

    #[inline]
    fn finish(self) -> Result<()> {
        if self.before != b',' {
            self.out.push(self.before);
        }
        self.out.extend_from_slice(self.end);
        Ok(())
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    common_methods!();

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.raw(if value { b"true" } else { b"false" })
    }

    fn serialize_f32(self, value: f32) -> Result<()> {
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        quoted(self.0, value);
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        self.0.push(b'"');
        write!(Escaped(self.0), "{value}").map_err(Error::custom)?;
        self.0.push(b'"');
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit(self) -> Result<()> {
        self.raw(b"null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<()> {
        self.serialize_str(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut map = self.compound(b'{', b"}")?;
        map.field(name, value)?;
        map.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>> {
        self.compound(b'[', b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>> {
        self.compound(b'[', b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>> {
        self.compound(b'[', b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Compound<'a>> {
        self.variant(name, b'[', b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>> {
        self.compound(b'{', b"}")
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a>> {
        match name {
            // It has no brackets.
            DIGITS => self.compound(b',', b""),
            _ => self.compound(b'{', b"}"),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Compound<'a>> {
        self.variant(name, b'{', b"}}")
    }
}

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    #[inline(always)]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let before = std::mem::replace(&mut self.before, b',');
        key.serialize(KeyWriter { out: self.out, before })
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(Writer(self.out))
    }

    // The compiler has to see the bytes of a `Field`.
    #[inline(always)]
    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<()>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        self.serialize_key(key)?;
        self.serialize_value(value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

macro_rules! lists {
    ($($kind:ident: $method:ident,)+) => {
        $(impl $kind for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.element(value)
            }

            fn end(self) -> Result<()> {
                self.finish()
            }
        })+
    };
}

macro_rules! fields {
    ($($kind:ident,)+) => {
        $(impl $kind for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<()> {
                self.field(key, value)
            }

            fn end(self) -> Result<()> {
                self.finish()
            }
        })+
    };
}

lists! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

fields! {
    SerializeStruct,
    SerializeStructVariant,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    /// All that serde can tell.
    #[derive(Debug, Clone, Serialize)]
    enum Any {
        Unit,
        New(Box<Self>),
        Tuple(i8, u16, f32),
        Struct { a: char, b: Option<Box<Self>> },
        Map(BTreeMap<i64, Self>),
        Texts(BTreeMap<String, Self>),
        List(Vec<Self>),
        Pair((bool, u128)),
        Float(f64),
        Nothing(()),
        Named(Named),
        Json(serde_json::Value),
    }

    #[derive(Debug, Clone, Serialize)]
    struct Named {
        text: String,
        number: i64,
        one: One,
        two: Two,
    }

    #[derive(Debug, Clone, Serialize)]
    struct One(u64);

    #[derive(Debug, Clone, Serialize)]
    struct Two(char, String);

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,20}", "[\x01-\x7f]{0,30}", any::<String>()]
            .prop_map(|text| text.replace('\0', ""))
    }

    fn char() -> impl Strategy<Value = char> {
        prop::char::range('\u{1}', char::MAX)
    }

    fn anything() -> impl Strategy<Value = Any> {
        let named = (text(), any::<i64>(), any::<u64>(), char(), text());
        let leaf = prop_oneof![
            Just(Any::Unit),
            Just(Any::Nothing(())),
            any::<f64>().prop_map(|number| Any::Json(serde_json::json!({"a": [number, 1, null]}))),
            any::<f64>().prop_map(Any::Float),
            any::<(i8, u16, f32)>().prop_map(|(a, b, c)| Any::Tuple(a, b, c)),
            any::<(bool, u128)>().prop_map(Any::Pair),
            char().prop_map(|a| Any::Struct { a, b: None }),
            named.prop_map(|(text, number, one, two, three)| Any::Named(Named {
                text,
                number,
                one: One(one),
                two: Two(two, three),
            })),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                inner.clone().prop_map(|any| Any::New(Box::new(any))),
                prop::collection::vec(inner.clone(), 0..5).prop_map(Any::List),
                prop::collection::btree_map(any::<i64>(), inner.clone(), 0..5).prop_map(Any::Map),
                prop::collection::btree_map(text(), inner.clone(), 0..5).prop_map(Any::Texts),
                (char(), inner).prop_map(|(a, any)| Any::Struct { a, b: Some(Box::new(any)) }),
            ]
        })
    }

    #[test]
    fn a_formatted_text_is_escaped_a_nul_replaced_and_a_key_must_be_a_text() {
        struct Shown;
        impl Serialize for Shown {
            fn serialize<S: Serializer>(
                &self,
                serializer: S,
            ) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{}\"{}", 1, '\u{1}'))
            }
        }
        assert_eq!(to_json("a\0\0\"\0").unwrap(), "\"a\u{fffd}\u{fffd}\\\"\u{fffd}\"".as_bytes());
        assert_eq!(to_json(&Shown).unwrap(), br#""1\"\u0001""#);
        assert!(to_json(&BTreeMap::from([(Some(()), 1)])).is_err());
        #[derive(Serialize)]
        #[serde(rename = "$serde_json::private::Number")]
        struct Number {
            #[serde(rename = "$serde_json::private::Number")]
            digits: &'static str,
        }
        let numbers = [Number { digits: "1795167627.50" }, Number { digits: "7" }];
        assert_eq!(to_json(&numbers).unwrap(), b"[1795167627.50,7]");
        assert!(to_json(&BTreeMap::from([(vec![1], 1)])).is_err());
        assert_eq!(to_json(&BTreeMap::from([(true, 1)])).unwrap(), br#"{"true":1}"#);
    }

    proptest! {
        #[test]
        fn it_writes_what_serde_json_writes(any in anything()) {
            let expected = serde_json::to_vec(&any).unwrap();
            prop_assert_eq!(to_json(&any).unwrap(), expected);
        }
    }
}
