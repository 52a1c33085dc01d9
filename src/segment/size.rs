use opentelemetry::trace::{Event, Link, Status, TraceState};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::protocol::{Data, is_all_plain};

/// What a waiting span takes in the indexes, in bytes: its slot and its entries by id and parent.
const INDEX_BYTES: usize = 192;

/// What a span takes in memory that tells nothing.
const BARE: usize = INDEX_BYTES + size_of::<SpanData>();

/// What the fields of a span take on the wire besides its texts: keys, ids, times, punctuation.
const WIRE_FIELDS: usize = 480;

/// What the counts of what the SDK has dropped take besides.
const WIRE_COUNTS: usize = 160;

/// What a measurement of a span takes.
const WIRE_MEASUREMENT: usize = 300;

/// A character of a text becomes at most this many bytes of JSON.
const MAX_ESCAPE: usize = 6;

/// How many times its texts a span may take on the wire: some stand in a field and in the data.
const MAX_WIRE_OF_HEAP: usize = MAX_ESCAPE * 2;

/// What a span takes in memory while it waits, in bytes.
///
/// Counts texts as if each were owned; those that are part of the program make the estimate higher
/// than the truth, never lower.
pub(super) fn heap_bytes(span: &SpanData) -> usize {
    let texts =
        |entry: &KeyValue| entry.key.as_str().len().saturating_add(value_heap(&entry.value));
    let attributes = |attributes: &Vec<KeyValue>| {
        let entries = attributes.capacity().saturating_mul(size_of::<KeyValue>());
        attributes.iter().map(texts).fold(entries, usize::saturating_add)
    };
    let listed = |entry: &KeyValue| texts(entry).saturating_add(size_of::<KeyValue>());
    let events = span.events.events.capacity().saturating_mul(size_of::<Event>());
    let links = span.links.links.capacity().saturating_mul(size_of::<Link>());
    let event = |event: &Event| event.name.len().saturating_add(attributes(&event.attributes));
    let scope = &span.instrumentation_scope;
    sum([
        BARE,
        span.name.len(),
        attributes(&span.attributes),
        events,
        sum(span.events.iter().map(event)),
        links,
        sum(span.links.iter().map(|link| attributes(&link.attributes))),
        description(span).len(),
        trace_state_len(span),
        scope.name().len(),
        scope.version().map_or(0, str::len),
        sum(scope.attributes().map(listed)),
    ]
    .into_iter())
}

/// What spans that take so much memory together may take of a transaction, in bytes of JSON, if
/// the worst is taken for granted; see [`wire_bytes`].
pub(super) fn max_wire_bytes(spans: usize, heap: usize) -> usize {
    let told = heap.saturating_sub(spans.saturating_mul(BARE));
    let fields = spans.saturating_mul(WIRE_FIELDS.saturating_add(WIRE_COUNTS));
    told.saturating_mul(MAX_WIRE_OF_HEAP).saturating_add(fields)
}

/// What a span may take of a transaction at most, in bytes of JSON.
///
/// Texts count twice, because some stand in a field and in the data.
pub(super) fn wire_bytes(span: &SpanData) -> usize {
    let text = |text: &str| {
        let text = text.get(..Data::MAX_TEXT_BYTES).unwrap_or(text).as_bytes();
        if is_all_plain(text) { text.len() } else { sum(text.iter().map(escaped)) }
    };
    let numbers = |count: usize, each| count.min(Data::MAX_ARRAY_LEN).saturating_mul(each);
    let value = |value: &Value| match value {
        Value::String(value) => text(value.as_str()),
        Value::Array(Array::String(values)) => sum(values
            .iter()
            .take(Data::MAX_ARRAY_LEN)
            .map(|value| text(value.as_str()).saturating_add(3))),
        Value::Array(Array::Bool(values)) => numbers(values.len(), 6),
        Value::Array(Array::I64(values)) => numbers(values.len(), 26),
        Value::Array(Array::F64(values)) => numbers(values.len(), 26),
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
    let state = trace_state_len(span);
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

fn trace_state_len(span: &SpanData) -> usize {
    match span.span_context.trace_state() {
        none if *none == TraceState::NONE => 0,
        state => state.header().len(),
    }
}

fn value_heap(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::Bool(values)) => values.capacity(),
        Value::Array(Array::I64(values)) => values.capacity().saturating_mul(size_of::<i64>()),
        Value::Array(Array::F64(values)) => values.capacity().saturating_mul(size_of::<f64>()),
        Value::Array(Array::String(values)) => sum(values.iter().map(|text| text.as_str().len()))
            .saturating_add(values.capacity().saturating_mul(size_of::<StringValue>())),
        _ => 0,
    }
}

/// What a byte of a text becomes in JSON.
fn escaped(byte: &u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => MAX_ESCAPE,
        _ => 1,
    }
}

fn sum(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId};

    use super::*;
    use crate::idle::idle_span;

    fn span() -> SpanData {
        SpanData { name: "".into(), ..idle_span(1, 1, 0) }
    }

    fn context(state: TraceState) -> SpanContext {
        SpanContext::new(TraceId::from(1), SpanId::from(1), TraceFlags::SAMPLED, false, state)
    }

    /// Spans that take as much as can be on the wire for what they take in memory, each in its way.
    fn worst(len: usize) -> Vec<SpanData> {
        let text = "\u{1}".repeat(len);
        let values = [
            Value::from(7),
            Value::from(text.clone()),
            Value::Array(Array::Bool(vec![false; len])),
            Value::Array(Array::I64(vec![i64::MIN; len])),
            Value::Array(Array::F64(vec![f64::MIN; len])),
            Value::Array(Array::String(vec![text.clone().into(); 9])),
            Value::Array(Array::String(vec!["".into(); len])),
        ];
        let attribute = |value: &Value| KeyValue::new(text.clone(), value.clone());
        let mut spans: Vec<_> = values
            .iter()
            .map(|it| SpanData { attributes: vec![attribute(it)], ..span() })
            .collect();
        spans.extend(values.iter().map(|value| {
            let scope = InstrumentationScope::builder("")
                .with_attributes([KeyValue::new("", value.clone())]);
            SpanData { instrumentation_scope: scope.build(), ..span() }
        }));
        let scope = InstrumentationScope::builder(text.clone()).with_version(text.clone());
        let state = TraceState::from_key_value([("key", &text)]).unwrap_or_default();
        spans.extend([
            SpanData { name: text.clone().into(), ..span() },
            SpanData { status: Status::error(text.clone()), ..span() },
            SpanData { dropped_attributes_count: 7, ..span() },
            SpanData { instrumentation_scope: scope.build(), ..span() },
            SpanData { span_context: context(state), ..span() },
        ]);
        let mut linked = span();
        linked.links.links = vec![Link::with_context(SpanContext::NONE); len];
        let mut measured = span();
        let chart = vec![KeyValue::new("sentry.measurement_value", 7)];
        measured.events.events = vec![Event::new("", UNIX_EPOCH, chart, 0); len];
        spans.extend([linked, measured]);
        spans
    }

    #[test]
    fn what_spans_take_in_memory_tells_what_they_take_on_the_wire_at_most() {
        for len in [0, 1, 50, 3000] {
            let spans = worst(len);
            for (at, span) in spans.iter().enumerate() {
                let most = max_wire_bytes(1, heap_bytes(span));
                assert!(wire_bytes(span) <= most, "{at}, {len}: {} {most}", wire_bytes(span));
            }
            let heap = sum(spans.iter().map(heap_bytes));
            assert!(sum(spans.iter().map(wire_bytes)) <= max_wire_bytes(spans.len(), heap));
        }
    }

    #[test]
    fn a_text_takes_what_becomes_of_it_in_json_twice() {
        let bytes = |name: &'static str| wire_bytes(&SpanData { name: name.into(), ..span() });
        let empty = bytes("");
        for (name, json) in [("ab", 2), ("é", 2), ("a\"b", 4), ("\n", 2), ("\u{1b}[0m", 9)] {
            assert_eq!(bytes(name), empty + 2 * json, "{name:?}");
        }
    }
}
