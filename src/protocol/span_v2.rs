use std::collections::BTreeMap;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use sentry_types::protocol::v7::SpanStatus;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::hex::Hex;
use super::json::to_json;
use super::list::List;
use super::span::Link;
use super::transaction::Measurement;
use super::typed::{Typed, TypedValue};
use super::{Data, Span, Timestamp};

/// A span that is sent by itself, beside others of its trace.
///
/// <https://develop.sentry.dev/sdk/telemetry/spans/>
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpanV2 {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    /// What spans of its kind have in common; never empty.
    name: StringValue,
    has_failed: bool,
    /// Whether it is the root of what one process did in its trace.
    is_segment: bool,
    start_timestamp: Timestamp,
    end_timestamp: Timestamp,
    attributes: Data,
    /// Attributes with a unit.
    measurements: BTreeMap<String, Measurement>,
    links: Vec<Link>,
}

/// Spans of one trace that are to be sent together, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Spans(List);

/// The name of a span about which nothing is known.
const NAMELESS: &str = "default";

impl SpanV2 {
    /// What is a field of a span inside of a transaction and none of this one becomes an attribute.
    pub(crate) fn of(span: Span, is_segment: bool) -> Self {
        let name = Self::name_of(&span);
        let Span { mut data, op, description, .. } = span;
        data.remove("sentry.name");
        if !description.as_str().is_empty() && description != name {
            data.insert("sentry.description", Value::String(description));
        }
        if let Some(op) = op {
            data.insert("sentry.op", Value::String(op));
        }
        data.insert("sentry.origin", Value::String(span.origin));
        let tags = span.tags.iter();
        data.extend_missing(tags.map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
        data.retain(|_, value| !is_nothing(value));
        let mut links = span.links;
        for link in &mut links {
            link.attributes.retain(|_, value| !is_nothing(value));
        }
        let mut measurements = span.measurements;
        measurements.retain(|key, _| data.value(key).is_none());
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            name,
            has_failed: span.status != SpanStatus::Ok,
            is_segment,
            start_timestamp: span.start_timestamp,
            end_timestamp: span.timestamp,
            attributes: data,
            measurements,
            links,
        }
    }

    /// The name that a span has here.
    pub(crate) fn name_of(span: &Span) -> StringValue {
        let name = match span.data.value("sentry.name") {
            Some(Value::String(name)) => Some(name),
            _ => None,
        };
        let mut names = [name, Some(&span.description)].into_iter().flatten();
        let told = names.find(|name| !name.as_str().is_empty());
        told.or(span.op.as_ref()).cloned().unwrap_or_else(|| StringValue::from(NAMELESS))
    }
}

impl Spans {
    /// How many spans one item may hold.
    pub(crate) const MAX_LEN: u64 = 1000;

    /// How long it may be, in bytes; Sentry's SDKs send no more, and Relay takes 12 MiB.
    pub(crate) const MAX_BYTES: usize = 5_000_000;

    /// Adds a span; where there is no room for it, gives those that were there before.
    pub(crate) fn add(&mut self, span: &SpanV2) -> serde_json::Result<Option<Self>> {
        let json = to_json(span)?;
        let has_room = self.0.has_room(&json, Self::MAX_LEN, Self::MAX_BYTES);
        let full = (!has_room).then(|| std::mem::take(self));
        self.0.put(&json);
        Ok(full)
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// The payload of the item.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.0.into_payload()
    }
}

impl Serialize for SpanV2 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("trace_id", &Hex(self.trace_id))?;
        map.serialize_entry("span_id", &Hex(self.span_id))?;
        if let Some(parent) = self.parent_span_id {
            map.serialize_entry("parent_span_id", &Hex(parent))?;
        }
        map.serialize_entry("name", self.name.as_str())?;
        map.serialize_entry("status", if self.has_failed { "error" } else { "ok" })?;
        map.serialize_entry("is_segment", &self.is_segment)?;
        map.serialize_entry("start_timestamp", &self.start_timestamp)?;
        map.serialize_entry("end_timestamp", &self.end_timestamp)?;
        map.serialize_entry("attributes", &Attributes(self))?;
        if !self.links.is_empty() {
            map.serialize_entry("links", &TypedLinks(&self.links))?;
        }
        map.end()
    }
}

struct Attributes<'a>(&'a SpanV2);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0.attributes.iter() {
            map.serialize_entry(key.as_str(), &TypedValue(value))?;
        }
        for (key, measurement) in &self.0.measurements {
            map.serialize_entry(key, &Measured(measurement))?;
        }
        map.end()
    }
}

struct Measured<'a>(&'a Measurement);

impl Serialize for Measured<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = Some(self.0.unit.as_str()).filter(|unit| *unit != "none");
        let mut typed = serializer.serialize_struct("Attribute", 3)?;
        typed.serialize_field("value", &self.0.value)?;
        typed.serialize_field("type", "double")?;
        if let Some(unit) = unit {
            typed.serialize_field("unit", unit)?;
        }
        typed.end()
    }
}

struct TypedLinks<'a>(&'a [Link]);

impl Serialize for TypedLinks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for link in self.0 {
            seq.serialize_element(&TypedLink(link))?;
        }
        seq.end()
    }
}

struct TypedLink<'a>(&'a Link);

impl Serialize for TypedLink<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("trace_id", &Hex(self.0.trace_id))?;
        map.serialize_entry("span_id", &Hex(self.0.span_id))?;
        map.serialize_entry("sampled", &self.0.sampled)?;
        if !self.0.attributes.is_empty() {
            map.serialize_entry("attributes", &Typed(&self.0.attributes))?;
        }
        map.end()
    }
}

/// Sentry takes no attribute that says nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::String(text) => text.as_str().is_empty(),
        Value::Array(Array::Bool(values)) => values.is_empty(),
        Value::Array(Array::I64(values)) => values.is_empty(),
        Value::Array(Array::F64(values)) => values.is_empty(),
        Value::Array(Array::String(texts)) => texts.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(description: &str) -> Span {
        Span {
            trace_id: 1.into(),
            span_id: 2.into(),
            parent_span_id: None,
            op: Some("db".into()),
            description: description.to_owned().into(),
            status: SpanStatus::NotFound,
            origin: "auto.otel".into(),
            start_timestamp: Timestamp::from_micros(1),
            timestamp: Timestamp::from_micros(2),
            data: Data::default(),
            tags: Default::default(),
            links: Vec::new(),
            measurements: BTreeMap::new(),
        }
    }

    fn json(span: Span) -> serde_json::Value {
        serde_json::to_value(SpanV2::of(span, true)).unwrap()
    }

    #[test]
    fn what_a_span_of_a_transaction_says_in_fields_becomes_attributes() {
        let mut given = span("SELECT 1");
        given.data.insert("sentry.name", "SELECT");
        given.data.insert("rows", 7);
        given.tags.insert("rows".into(), "many".into());
        given.tags.insert("team".into(), "shop".into());
        let unit = StringValue::from("byte");
        given.measurements.insert("size".into(), Measurement { value: 1.0, unit: unit.clone() });
        given.measurements.insert("rows".into(), Measurement { value: 2.0, unit });
        let json = json(given);
        assert_eq!((&json["name"], &json["status"]), (&"SELECT".into(), &"error".into()));
        let attributes = &json["attributes"];
        for (key, value) in [
            ("sentry.description", "SELECT 1"),
            ("sentry.op", "db"),
            ("sentry.origin", "auto.otel"),
            ("team", "shop"),
        ] {
            assert_eq!(attributes[key]["value"], value, "{key}");
        }
        assert_eq!(attributes["rows"]["value"], 7, "what is typed counts before tags");
        assert_eq!(
            (&attributes["size"]["unit"], attributes.get("sentry.name")),
            (&"byte".into(), None)
        );
    }

    #[test]
    fn a_span_is_never_without_a_name() {
        assert_eq!(json(span("SELECT 1"))["name"], "SELECT 1");
        assert_eq!(json(span("SELECT 1"))["attributes"].get("sentry.description"), None);
        assert_eq!(json(span(""))["name"], "db");
        let nameless = Span { op: None, ..span("") };
        assert_eq!(json(nameless)["name"], "default");
    }

    #[test]
    fn an_array_has_one_type_and_what_says_nothing_is_left_out() {
        let mixed = || serde_json::json!({"value": ["0.5", "NaN"], "type": "array"});
        let mut given = span("work");
        given.data.insert("mixed", Value::Array(vec![0.5, f64::NAN].into()));
        given.data.insert("empty", "");
        given.data.insert("none", Value::Array(Vec::<i64>::new().into()));
        given.links.push(Link::new(1.into(), 2.into(), true, given.data.clone()));
        let json = json(given);
        assert_eq!(json["links"][0]["attributes"], serde_json::json!({"mixed": mixed()}));
        assert_eq!(json["attributes"]["mixed"], mixed());
        assert_eq!((json["attributes"].get("empty"), json["attributes"].get("none")), (None, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn no_list_is_longer_than_sentry_takes_and_every_span_is_in_one(
            sizes in prop::collection::vec(
                prop_oneof![(0..50_usize, 300..900_usize), (50_000..200_000_usize, 1..30_usize)],
                1..5,
            ),
        ) {
            let (mut list, mut lists, mut all) = (Spans::default(), Vec::new(), 0_u64);
            for (bytes, copies) in sizes {
                let mut given = span("work");
                // A text of this length is more than a mapper lets through.
                given.description = "x".repeat(bytes).into();
                let given = SpanV2::of(given, false);
                for _ in 0..copies {
                    all += 1;
                    lists.extend(list.add(&given).unwrap());
                }
            }
            lists.push(list);
            prop_assert_eq!(lists.iter().map(Spans::len).sum::<u64>(), all);
            for list in lists {
                let len = list.len();
                prop_assert!((1..=Spans::MAX_LEN).contains(&len), "{len} spans");
                let payload = list.into_payload();
                prop_assert!(payload.len() <= Spans::MAX_BYTES, "{} bytes", payload.len());
            }
        }
    }
}
