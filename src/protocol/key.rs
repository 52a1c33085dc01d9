use serde::ser::{Error as _, Impossible, Serialize, Serializer};
use serde_json::{Error, Result};

use super::quoted::quoted_key;

/// A key of a payload of Sentry, in which nothing has to be escaped; made by [`field!`].
pub(super) struct Field(&'static str);

/// A [`Field`] of this name, as it stands behind another one: where it is given to a map at once, the
/// compiler knows its bytes and how many they are, so that it is written in one step.
macro_rules! field {
    ($name:expr) => {
        crate::protocol::key::Field::of(concat!(",\"", $name, "\":"))
    };
}
pub(super) use field;

/// Writes the key of an entry, with what stands before it and a colon.
pub(super) struct KeyWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) before: u8,
}

impl Field {
    #[inline]
    pub(super) const fn of(written: &'static str) -> Self {
        Self(written)
    }
}

impl Serialize for Field {
    // The compiler has to see the bytes.
    #[inline(always)]
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let name = self.0.strip_prefix(",\"").and_then(|name| name.strip_suffix("\":"));
        // For any other serializer this is a text.
        serializer.serialize_unit_variant(self.0, 0, name.unwrap_or_default())
    }
}

impl KeyWriter<'_> {
    #[inline(always)]
    fn field(self, written: &str) {
        let start = self.out.len();
        self.out.extend_from_slice(written.as_bytes());
        if let Some(first) = self.out.get_mut(start) {
            *first = self.before;
        }
    }

    fn integer(self, number: impl itoa::Integer) -> Result<()> {
        self.serialize_str(itoa::Buffer::new().format(number))
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::custom("key must be a string"))
}

/// The methods of a serializer that are the same for a key and for a value: those for integers of
/// any size, for a char, and for what only stands around another value.
macro_rules! common_methods {
    () => {
        common_methods! {
            serialize_i8: i8,
            serialize_i16: i16,
            serialize_i32: i32,
            serialize_i64: i64,
            serialize_i128: i128,
            serialize_u8: u8,
            serialize_u16: u16,
            serialize_u32: u32,
            serialize_u64: u64,
            serialize_u128: u128,
        }

        fn serialize_char(self, value: char) -> Result<()> {
            self.serialize_str(value.encode_utf8(&mut [0; 4]))
        }

        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
            value.serialize(self)
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            value: &T,
        ) -> Result<()> {
            value.serialize(self)
        }
    };
    ($($method:ident: $type:ty,)+) => {
        $(fn $method(self, value: $type) -> Result<()> {
            self.integer(value)
        })+
    };
}
pub(super) use common_methods;

macro_rules! refused {
    ($($method:ident($($type:ty),*) -> $ok:ty,)+) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok> {
            refused()
        })+
    };
}

impl Serializer for KeyWriter<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    common_methods!();

    refused! {
        serialize_bytes(&[u8]) -> (),
        serialize_none() -> (),
        serialize_unit() -> (),
        serialize_unit_struct(&'static str) -> (),
        serialize_seq(Option<usize>) -> Self::SerializeSeq,
        serialize_tuple(usize) -> Self::SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_struct(&'static str, usize) -> Self::SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant,
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.serialize_str(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Result<()> {
        match value.is_finite() {
            true => self.serialize_str(&serde_json::to_string(&value)?),
            false => refused(),
        }
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        match value.is_finite() {
            true => self.serialize_str(&serde_json::to_string(&value)?),
            false => refused(),
        }
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<()> {
        quoted_key(self.out, self.before, value);
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(self, of: &'static str, _: u32, name: &'static str) -> Result<()> {
        // No type is called like this.
        if of.as_bytes().first() == Some(&b',') {
            self.field(of);
            return Ok(());
        }
        self.serialize_str(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<()> {
        refused()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde::ser::SerializeMap;
    use serde_json::json;

    use super::*;
    use crate::protocol::to_json;

    /// Entries whose keys are of any type.
    struct Entries<'a, K>(&'a [K]);

    impl<K: Serialize> Serialize for Entries<'_, K> {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for key in self.0 {
                map.serialize_entry(key, &1)?;
            }
            map.end()
        }
    }

    fn written(keys: Vec<impl Serialize>) -> Option<String> {
        to_json(&Entries(&keys)).ok().map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn a_field_is_a_key_here_and_a_text_elsewhere() {
        let fields = [field!("type"), field!("value")];
        assert_eq!(serde_json::to_value(&fields).unwrap(), json!(["type", "value"]));
        assert_eq!(to_json(&fields).unwrap(), br#"["type","value"]"#);
        assert_eq!(written(fields.into()).unwrap(), r#"{"type":1,"value":1}"#);
        assert_eq!(written(Vec::<Field>::new()).unwrap(), "{}");
    }

    #[test]
    fn a_key_is_written_as_serde_json_writes_it() {
        #[derive(Serialize)]
        enum Any {
            Unit,
        }
        #[derive(Serialize)]
        struct New(char);
        fn is_alike(keys: Vec<impl Serialize>) {
            let expected = serde_json::to_string(&Entries(&keys)).unwrap();
            assert_eq!(written(keys).unwrap(), expected);
        }
        is_alike(vec!["a", "b\"", ""]);
        is_alike(vec![1.5, -0.0, 1e300]);
        is_alike(vec![0.1_f32]);
        is_alike(vec![i64::MIN, 0]);
        is_alike(vec![u128::MAX]);
        is_alike(vec![true, false]);
        is_alike(vec![New('"')]);
        is_alike(vec![Any::Unit]);
        is_alike(vec![Some("a")]);
    }

    #[test]
    fn what_is_no_text_is_no_key() {
        assert_eq!(written(vec![f64::NAN]), None);
        assert_eq!(written(vec![f32::INFINITY]), None);
        assert_eq!(written(vec![()]), None);
        assert_eq!(written(vec![None::<u8>]), None);
        assert_eq!(written(vec![[1, 2]]), None);
        assert_eq!(written(vec![vec!["a"]]), None);
        assert_eq!(written(vec![BTreeMap::from([("a", 1)])]), None);
        assert_eq!(written(vec![Ok::<u8, u8>(1)]), None);
    }
}
