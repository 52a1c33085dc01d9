//! The same JSON by `serde_json`, from what is borrowed.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanId;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use serde::ser::{Serialize, Serializer};

#[derive(serde::Serialize)]
struct Transaction<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    platform: &'static str,
    event_id: Hex<16>,
    transaction: &'a str,
    contexts: Contexts<'a>,
    start_timestamp: f64,
    timestamp: f64,
    spans: Children<'a>,
}

#[derive(serde::Serialize)]
struct Contexts<'a> {
    trace: Ids<'a>,
}

#[derive(serde::Serialize)]
struct Ids<'a> {
    trace_id: Hex<16>,
    span_id: Hex<8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Hex<8>>,
    data: Data<'a>,
}

#[derive(serde::Serialize)]
struct Child<'a> {
    trace_id: Hex<16>,
    span_id: Hex<8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Hex<8>>,
    data: Data<'a>,
    description: &'a str,
    start_timestamp: f64,
    timestamp: f64,
}

struct Children<'a>(&'a [SpanData]);

struct Data<'a>(&'a SpanData);

struct Attribute<'a>(&'a Value);

struct Hex<const N: usize>([u8; N]);

pub fn envelope(out: &mut Vec<u8>, root: &SpanData, children: &[SpanData]) {
    out.extend_from_slice(b"{}\n{\"type\":\"transaction\"}\n");
    let ids = Ids::of(root);
    let mut event_id = ids.trace_id.0;
    event_id[8..].copy_from_slice(&ids.span_id.0);
    let transaction = Transaction {
        kind: "transaction",
        platform: "rust",
        event_id: Hex(event_id),
        transaction: &root.name,
        contexts: Contexts { trace: ids },
        start_timestamp: seconds(root.start_time),
        timestamp: seconds(root.end_time),
        spans: Children(children),
    };
    serde_json::to_writer(&mut *out, &transaction).expect("JSON");
    out.push(b'\n');
}

impl<'a> Ids<'a> {
    fn of(span: &'a SpanData) -> Self {
        let has_parent = span.parent_span_id != SpanId::INVALID;
        Self {
            trace_id: Hex(span.span_context.trace_id().to_bytes()),
            span_id: Hex(span.span_context.span_id().to_bytes()),
            parent_span_id: has_parent.then(|| Hex(span.parent_span_id.to_bytes())),
            data: Data(span),
        }
    }
}

impl Serialize for Children<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|span| {
            let Ids { trace_id, span_id, parent_span_id, data } = Ids::of(span);
            Child {
                trace_id,
                span_id,
                parent_span_id,
                data,
                description: &span.name,
                start_timestamp: seconds(span.start_time),
                timestamp: seconds(span.end_time),
            }
        }))
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exceptions = self.0.events.iter().filter(|event| event.name == "exception");
        let recorded = exceptions.flat_map(|event| &event.attributes);
        let all = self.0.attributes.iter().chain(recorded);
        serializer
            .collect_map(all.map(|KeyValue { key, value, .. }| (key.as_str(), Attribute(value))))
    }
}

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(it) => serializer.serialize_bool(*it),
            Value::I64(it) => serializer.serialize_i64(*it),
            Value::F64(it) => serializer.serialize_f64(*it),
            Value::String(it) => serializer.serialize_str(it.as_str()),
            other => serializer.serialize_str(&other.as_str()),
        }
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (byte, digits) in self.0.iter().zip(text.chunks_exact_mut(2)) {
            digits[0] = DIGITS[usize::from(byte >> 4)];
            digits[1] = DIGITS[usize::from(byte & 15)];
        }
        serializer.serialize_str(str::from_utf8(&text[..2 * N]).expect("digits"))
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).expect("a time of ours").as_micros() as f64 / 1e6
}
