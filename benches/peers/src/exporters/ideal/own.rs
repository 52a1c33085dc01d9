//! JSON written by hand.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::Value;
use opentelemetry::trace::{Event, SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;

type Out = Vec<u8>;

pub fn envelope(out: &mut Out, root: &SpanData, children: &[SpanData]) {
    let context = &root.span_context;
    put(out, "{}\n{\"type\":\"transaction\"}\n{\"type\":\"transaction\",\"platform\":\"rust\",");
    put(out, "\"event_id\":\"");
    event_id(out, context.trace_id(), context.span_id());
    put(out, "\",\"transaction\":");
    text(out, &root.name);
    put(out, ",\"contexts\":{\"trace\":{");
    ids(out, root);
    data(out, root);
    put(out, "}},");
    times(out, root);
    put(out, ",\"spans\":[");
    for (at, child) in children.iter().enumerate() {
        put(out, if at == 0 { "{" } else { ",{" });
        ids(out, child);
        data(out, child);
        put(out, ",\"description\":");
        text(out, &child.name);
        put(out, ",");
        times(out, child);
        put(out, "}");
    }
    put(out, "]}\n");
}

pub fn event(out: &mut Out, root: &SpanData, span: &SpanData, event: &Event) {
    let context = &span.span_context;
    put(
        out,
        "{}\n{\"type\":\"event\"}\n{\"platform\":\"rust\",\"level\":\"error\",\"event_id\":\"",
    );
    event_id(out, context.trace_id(), context.span_id());
    put(out, "\",\"timestamp\":");
    timestamp(out, event.timestamp);
    put(out, ",\"transaction\":");
    text(out, &root.name);
    put(out, ",\"contexts\":{\"trace\":{\"trace_id\":\"");
    hex(out, &context.trace_id().to_bytes());
    put(out, "\",\"span_id\":\"");
    hex(out, &context.span_id().to_bytes());
    put(out, "\"}},\"exception\":{\"values\":[{\"type\":");
    text(out, &attribute(event, "exception.type"));
    put(out, ",\"value\":");
    text(out, &attribute(event, "exception.message"));
    put(out, "}]},\"extra\":{\"stacktrace\":");
    text(out, &attribute(event, "exception.stacktrace"));
    put(out, "}}\n");
}

fn attribute<'a>(event: &'a Event, key: &str) -> Cow<'a, str> {
    let attribute = event.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    attribute.map(|attribute| attribute.value.as_str()).unwrap_or_default()
}

pub fn ids(out: &mut Out, span: &SpanData) {
    put(out, "\"trace_id\":\"");
    hex(out, &span.span_context.trace_id().to_bytes());
    put(out, "\",\"span_id\":\"");
    hex(out, &span.span_context.span_id().to_bytes());
    if span.parent_span_id != SpanId::INVALID {
        put(out, "\",\"parent_span_id\":\"");
        hex(out, &span.parent_span_id.to_bytes());
    }
    put(out, "\"");
}

fn data(out: &mut Out, span: &SpanData) {
    put(out, ",\"data\":{");
    attributes(out, span);
    put(out, "}");
}

pub fn attributes(out: &mut Out, span: &SpanData) {
    let exceptions = span.events.iter().filter(|event| event.name == "exception");
    let recorded = exceptions.flat_map(|event| &event.attributes);
    for (at, attribute) in span.attributes.iter().chain(recorded).enumerate() {
        if at > 0 {
            put(out, ",");
        }
        key(out, attribute.key.as_str());
        value(out, &attribute.value);
    }
}

pub fn value(out: &mut Out, value: &Value) {
    match value {
        Value::Bool(true) => put(out, "true"),
        Value::Bool(false) => put(out, "false"),
        Value::I64(number) => put(out, itoa::Buffer::new().format(*number)),
        Value::String(string) => text(out, string.as_str()),
        other => text(out, &other.as_str()),
    }
}

pub fn times(out: &mut Out, span: &SpanData) {
    put(out, "\"start_timestamp\":");
    timestamp(out, span.start_time);
    put(out, ",\"timestamp\":");
    timestamp(out, span.end_time);
}

/// Seconds with microseconds behind the point.
fn timestamp(out: &mut Out, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).expect("a time of ours");
    put(out, itoa::Buffer::new().format(since.as_secs()));
    // A one in front keeps the zeros.
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(1_000_000 + since.subsec_micros());
    put(out, ".");
    put(out, &digits[1..]);
}

pub fn event_id(out: &mut Out, trace: TraceId, span: SpanId) {
    hex(out, &trace.to_bytes()[..8]);
    hex(out, &span.to_bytes());
}

pub fn hex(out: &mut Out, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (digits, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    out.extend_from_slice(&text[..bytes.len() * 2]);
}

pub fn put(out: &mut Out, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A text in quotation marks.
pub fn text(out: &mut Out, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let (blocks, rest) = bytes.as_chunks::<16>();
    let has_escapes = |found, byte: &u8| found | matches!(byte, 0..0x20 | b'"' | b'\\');
    let in_block = |block: &[u8; 16]| block.iter().fold(false, has_escapes);
    // Most texts have none, and are copied at once.
    if blocks.iter().any(in_block) || rest.iter().fold(false, has_escapes) {
        escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

/// A text of which it is known that nothing in it has to be escaped, with a colon behind it.
pub fn key(out: &mut Out, key: &str) {
    put(out, "\"");
    put(out, key);
    put(out, "\":");
}

fn escaped(out: &mut Out, mut rest: &[u8]) {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => put(out, "\\n"),
            b'"' => put(out, "\\\""),
            b'\\' => put(out, "\\\\"),
            other => {
                put(out, "\\u00");
                hex(out, &[other]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}
