use std::ops::Range;
use std::sync::Arc;

use opentelemetry::{Array, Key, KeyValue, Value};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::entries::Entries;
use super::limit::{MAX_ARRAY_LEN, MAX_KEY_BYTES, MAX_TEXT_BYTES, limit, limit_key};
use super::seen::{MANY, Places, Seen};

/// Typed attributes of a span: `contexts.trace.data` of a root, `data` of any other span.
///
/// A list that behaves as a map: a key stands in it once and the last value given wins, as
/// OpenTelemetry asks of attributes (rule ATTR-1). Order is the order of first appearance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data(Entries);

impl Data {
    /// The longest text that a value keeps, in bytes; longer ones are cut and marked with `…`.
    pub const MAX_TEXT_BYTES: usize = MAX_TEXT_BYTES;

    /// The most elements that an array value keeps.
    pub const MAX_ARRAY_LEN: usize = MAX_ARRAY_LEN;

    /// The longest key that is kept, in bytes; longer ones are cut and marked with `…`.
    pub const MAX_KEY_BYTES: usize = MAX_KEY_BYTES;

    /// The value under `key`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|entry| entry.key.as_str() == key).map(|entry| &entry.value)
    }

    /// Sets `key`, replacing the value that stood there.
    ///
    /// An empty key is not taken (rule ATTR-10); texts and arrays over the limits are shortened
    /// and a NUL becomes U+FFFD (rule ATTR-9).
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.put(KeyValue::new(key, value), position, replace);
    }

    /// Sets `key` unless it stands there already.
    pub fn insert_missing(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.put(KeyValue::new(key, value), position, keep);
    }

    /// The same as [`insert_missing`](Self::insert_missing) of each of them.
    pub(crate) fn extend_missing(&mut self, entries: impl IntoIterator<Item = KeyValue>) {
        self.put_all(entries, keep);
    }

    fn put_all(
        &mut self,
        entries: impl IntoIterator<Item = KeyValue>,
        settle: fn(&mut Value, Value),
    ) {
        let mut places = Places::default();
        for entry in entries {
            self.put(entry, |key, all| places.find_or_add(key, keys(all)), settle);
        }
    }

    /// Adds an entry: `find` says where its key stands already, `settle` which value stays there.
    fn put(
        &mut self,
        KeyValue { mut key, mut value, .. }: KeyValue,
        find: impl FnOnce(&Key, &[KeyValue]) -> Option<usize>,
        settle: fn(&mut Value, Value),
    ) {
        limit_key(&mut key);
        if key.as_str().is_empty() {
            return;
        }
        limit(&mut value);
        let all = self.0.to_mut();
        match find(&key, all).and_then(|place| all.get_mut(place)) {
            Some(entry) => settle(&mut entry.value, value),
            None => all.push(KeyValue::new(key, value)),
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|entry| entry.key.as_str() == key)?;
        Some(self.0.to_mut().remove(at).value)
    }

    /// Keeps the entries for which `keep` says yes.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Value) -> bool) {
        self.0.to_mut().retain_mut(|entry| keep(&entry.key, &mut entry.value));
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.0.iter().map(|entry| (&entry.key, &entry.value))
    }

    /// All entries, in order, with values that can be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Value)> {
        self.0.to_mut().iter_mut().map(|entry| (&entry.key, &mut entry.value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distinct and legal attributes, and after them a part of a list that is still written; it
    /// is to be given to [`share`](Self::share) or [`take_end`](Self::take_end).
    pub(crate) fn beside(attributes: Vec<KeyValue>, range: Range<usize>) -> Self {
        Self(Entries::beside(attributes, range))
    }

    /// Takes part in the list that is written now, if this one is to.
    pub(crate) fn share(&mut self, list: &Arc<Vec<KeyValue>>) {
        self.0.share(list);
    }

    /// Takes what was written last for itself, if it was written for this one.
    pub(crate) fn take_end(&mut self, list: &mut Vec<KeyValue>) {
        self.0.take_end(list);
    }
}

impl From<Vec<KeyValue>> for Data {
    /// Takes the attributes of a span as they are, without copying them.
    fn from(mut attributes: Vec<KeyValue>) -> Self {
        let (mut end, mut seen, mut places) = (0, Seen::default(), Places::default());
        for at in 0..attributes.len() {
            let (kept, rest) = attributes.split_at_mut(at);
            let Some(entry) = rest.first_mut() else { break };
            if entry.key.as_str().is_empty() {
                continue;
            }
            limit_key(&mut entry.key);
            limit(&mut entry.value);
            let is_new = end <= MANY && !seen.insert(entry.key.as_str());
            let place = match is_new {
                true => None,
                false => places.find_or_add(&entry.key, keys(kept).take(end)),
            };
            match place.and_then(|place| kept.get_mut(place)) {
                Some(earlier) => std::mem::swap(&mut earlier.value, &mut entry.value),
                None => {
                    if end != at {
                        attributes.swap(end, at);
                    }
                    end = end.saturating_add(1);
                }
            }
        }
        attributes.truncate(end);
        Self(attributes.into())
    }
}

impl Extend<KeyValue> for Data {
    /// The same as [`insert`](Data::insert) of each of them.
    fn extend<I: IntoIterator<Item = KeyValue>>(&mut self, entries: I) {
        self.put_all(entries, replace);
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for entry in self.0.iter() {
            map.serialize_entry(entry.key.as_str(), &Json(&entry.value))?;
        }
        map.end()
    }
}

/// A value of OpenTelemetry as JSON (rule ATTR-8).
pub(super) struct Json<'a>(pub(super) &'a Value);

impl Serialize for Json<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(value) => serializer.serialize_str(value.as_str()),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::F64(value) => Float(*value).serialize(serializer),
            Value::Array(Array::Bool(values)) => serializer.collect_seq(values),
            Value::Array(Array::I64(values)) => serializer.collect_seq(values),
            Value::Array(Array::F64(values)) => {
                serializer.collect_seq(values.iter().copied().map(Float))
            }
            Value::Array(Array::String(values)) => {
                let mut seq = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(value.as_str())?;
                }
                seq.end()
            }
            other => serializer.collect_str(&format_args!("{other:?}")),
        }
    }
}

/// A value of OpenTelemetry as a JSON value.
pub(crate) fn json_value(value: &Value) -> serde_json::Value {
    serde_json::to_value(Json(value)).unwrap_or_default()
}

/// JSON has no number for NaN and the infinities, and Sentry drops a null.
struct Float(f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if value > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

fn keys(entries: &[KeyValue]) -> impl ExactSizeIterator<Item = &Key> {
    entries.iter().map(|entry| &entry.key)
}

fn position(key: &Key, entries: &[KeyValue]) -> Option<usize> {
    keys(entries).position(|other| other == key)
}

fn replace(value: &mut Value, other: Value) {
    *value = other;
}

fn keep(_: &mut Value, _: Value) {}

#[cfg(test)]
mod tests {
    use opentelemetry::StringValue;

    use super::*;

    fn json(data: &Data) -> String {
        serde_json::to_string(data).unwrap()
    }

    #[test]
    fn the_last_value_of_a_key_wins_and_keeps_the_first_place() {
        let data = Data::from(vec![
            KeyValue::new("a", 1),
            KeyValue::new("b", 2),
            KeyValue::new("a", 3),
            KeyValue::new("", 4),
            KeyValue::new("c", 5),
            KeyValue::new("b", 6),
        ]);
        assert_eq!(json(&data), r#"{"a":3,"b":6,"c":5}"#);
    }

    #[test]
    fn many_keys_are_told_apart_as_few_are() {
        let entry = |at: i64, len: i64| KeyValue::new(format!("k{}", at % (len / 3)), at);
        for len in [300, 3000] {
            let entries = (0..len).map(|at| entry(at, len));
            let data = Data::from(entries.clone().collect::<Vec<_>>());
            let mut expected = Data::default();
            entries.clone().for_each(|entry| expected.insert(entry.key, entry.value));
            assert_eq!(data, expected);
            let mut extended = Data::default();
            extended.extend(entries.clone());
            assert_eq!(extended, expected);
            extended.extend_missing(entries.rev());
            assert_eq!(extended, expected);
            assert_eq!(data.len(), len as usize / 3);
        }
    }

    #[test]
    fn what_is_there_is_not_cut_again_by_what_is_added() {
        let key = |last| format!("{}{last}", "\0".repeat(200));
        let long = "\0".repeat(Data::MAX_TEXT_BYTES);
        let data = Data::from(vec![KeyValue::new(key('a'), long), KeyValue::new(key('b'), 1)]);
        let mut extended = data.clone();
        extended.extend([KeyValue::new("c", 1)]);
        assert_eq!(extended.remove("c"), Some(Value::I64(1)));
        assert_eq!((extended.len(), extended), (2, data));
    }

    #[test]
    fn every_type_of_value_becomes_json() {
        let mut data = Data::default();
        data.insert("bool", true);
        data.insert("int", i64::MIN);
        data.insert("float", 1.5);
        data.insert("nan", f64::NAN);
        data.insert("text", "a\u{0}b\"");
        data.insert("floats", Value::Array(vec![1.0, f64::NEG_INFINITY].into()));
        data.insert("texts", Value::Array(vec![StringValue::from("x")].into()));
        assert_eq!(
            json(&data),
            "{\"bool\":true,\"int\":-9223372036854775808,\"float\":1.5,\"nan\":\"NaN\",\
             \"text\":\"a\u{fffd}b\\\"\",\"floats\":[1.0,\"-Infinity\"],\"texts\":[\"x\"]}"
        );
    }

    #[test]
    fn a_long_text_is_cut_on_a_character_and_marked() {
        let mut data = Data::default();
        data.insert("text", "é".repeat(Data::MAX_TEXT_BYTES));
        let text = data.value("text").unwrap().as_str().into_owned();
        assert!(text.len() <= Data::MAX_TEXT_BYTES, "{}", text.len());
        assert!(text.ends_with("é…"));
    }

    #[test]
    fn long_arrays_keep_their_first_elements() {
        let mut data = Data::default();
        data.insert("array", Value::Array((0..1000).collect::<Vec<i64>>().into()));
        assert!(
            matches!(data.value("array"), Some(Value::Array(Array::I64(values))) if values.len() == 256)
        );
    }
}
