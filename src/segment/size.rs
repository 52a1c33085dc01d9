use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::protocol::Data;

/// What a waiting span takes in the indexes, in bytes: its slot and its entries by id and parent.
const INDEX_BYTES: usize = 192;

/// What the fields of a span take on the wire besides its texts: keys, ids, times, punctuation.
const WIRE_FIELDS: usize = 480;

/// What the counts of what the SDK has dropped take besides.
const WIRE_COUNTS: usize = 160;

/// What a measurement of a span takes.
const WIRE_MEASUREMENT: usize = 300;

/// A character of a text becomes at most this many bytes of JSON.
const MAX_ESCAPE: usize = 6;

/// What a span takes in memory while it waits, in bytes.
///
/// Counts texts as if each were owned; those that are part of the program make the estimate higher
/// than the truth, never lower.
pub(super) fn heap_bytes(span: &SpanData) -> usize {
    let attributes = |attributes: &Vec<KeyValue>| {
        let own = attributes.capacity().saturating_mul(size_of::<KeyValue>());
        sum(attributes
            .iter()
            .map(|entry| entry.key.as_str().len().saturating_add(value_heap(&entry.value))))
        .saturating_add(own)
    };
    let events =
        span.events.events.capacity().saturating_mul(size_of::<opentelemetry::trace::Event>());
    let links = span.links.links.capacity().saturating_mul(size_of::<opentelemetry::trace::Link>());
    sum([
        INDEX_BYTES,
        size_of::<SpanData>(),
        span.name.len(),
        attributes(&span.attributes),
        events,
        sum(span
            .events
            .iter()
            .map(|event| event.name.len().saturating_add(attributes(&event.attributes)))),
        links,
        sum(span.links.iter().map(|link| attributes(&link.attributes))),
        description(span).len(),
        span.instrumentation_scope.name().len(),
        sum(span.instrumentation_scope.attributes().map(|entry| value_heap(&entry.value))),
    ]
    .into_iter())
}

/// The same of several.
pub(crate) fn heap_bytes_of_all(spans: &[SpanData]) -> usize {
    sum(spans.iter().map(heap_bytes))
}

/// What a span may take of a transaction at most, in bytes of JSON.
///
/// Texts count twice, because some stand in a field and in the data. `exact` says whether to look
/// at every character for what has to be escaped, or to take the worst for granted.
pub(super) fn wire_bytes(span: &SpanData, exact: bool) -> usize {
    let text = |text: &str| {
        let text = text.get(..Data::MAX_TEXT_BYTES).unwrap_or(text);
        match exact {
            true => sum(text.bytes().map(escaped)),
            false => text.len().saturating_mul(MAX_ESCAPE),
        }
    };
    let value = |value: &Value| match value {
        Value::String(value) => text(value.as_str()),
        Value::Array(Array::String(values)) => sum(values
            .iter()
            .take(Data::MAX_ARRAY_LEN)
            .map(|value| text(value.as_str()).saturating_add(3))),
        Value::Array(_) => Data::MAX_ARRAY_LEN.saturating_mul(26),
        _ => 26,
    };
    let attributes = |attributes: &[KeyValue]| {
        sum(attributes
            .iter()
            .map(|entry| sum([text(entry.key.as_str()), value(&entry.value), 6].into_iter())))
    };
    let scope = &span.instrumentation_scope;
    let scope = sum(scope.attributes().map(|entry| value(&entry.value).saturating_add(40)))
        .saturating_add(text(scope.name()))
        .saturating_add(text(scope.version().unwrap_or_default()));
    let dropped =
        [span.dropped_attributes_count, span.events.dropped_count, span.links.dropped_count];
    let counts = if dropped.iter().any(|count| *count > 0) { WIRE_COUNTS } else { 0 };
    let charts = |entry: &KeyValue| entry.key.as_str() == "sentry.measurement_value";
    let charts = span.events.iter().filter(|event| event.attributes.iter().any(charts)).count();
    let counts = counts.saturating_add(charts.saturating_mul(WIRE_MEASUREMENT));
    let state = span.span_context.trace_state().header().len();
    let links = sum(span.links.iter().map(|link| attributes(&link.attributes).saturating_add(200)));
    let twice =
        sum([attributes(&span.attributes), text(&span.name), text(description(span))].into_iter());
    sum([WIRE_FIELDS, counts, twice.saturating_mul(2), scope, state, links].into_iter())
}

fn description(span: &SpanData) -> &str {
    match &span.status {
        Status::Error { description } => description,
        _ => "",
    }
}

fn value_heap(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::Bool(values)) => values.capacity(),
        Value::Array(Array::I64(values)) => values.capacity().saturating_mul(size_of::<i64>()),
        Value::Array(Array::F64(values)) => values.capacity().saturating_mul(size_of::<f64>()),
        Value::Array(Array::String(values)) => sum(values.iter().map(|text| text.as_str().len()))
            .saturating_add(
                values.capacity().saturating_mul(size_of::<opentelemetry::StringValue>()),
            ),
        _ => 0,
    }
}

/// What a byte of a text becomes in JSON.
fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f | 0x7f => MAX_ESCAPE,
        _ => 1,
    }
}

fn sum(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.fold(0, usize::saturating_add)
}
