//! About as many bytes as this crate sends for the traces of [`web`](crate::web), written by hand.
//!
//! It knows these traces by heart: which attribute says what is told by its place, and nothing is
//! looked for, chosen, checked or escaped beyond what JSON wants. The time of sending and the random
//! number of a trace are always the same.

use opentelemetry::Value;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;

use super::own::{attributes, event_id, hex, ids, key, put, text, times, value};

type Out = Vec<u8>;

const SDK: &str = "\"sdk\":{\"name\":\"opentelemetry-sentry.rust\",\"version\":\"0.1.0\",\
    \"integrations\":[\"opentelemetry\"],\"packages\":[{\"name\":\"cargo:opentelemetry-sentry\",\
    \"version\":\"0.1.0\"}],\"settings\":{\"infer_ip\":\"never\"}}";
const KEY: &str = "0123456789abcdef0123456789abcdef";

pub fn envelope(out: &mut Out, root: &SpanData, children: &[SpanData]) {
    header(out, root);
    transaction(out, root);
    for (at, span) in children.iter().enumerate() {
        put(out, if at == 0 { "{" } else { ",{" });
        child(out, span);
        put(out, "}");
    }
    put(out, "]}\n");
}

fn header(out: &mut Out, root: &SpanData) {
    let context = &root.span_context;
    put(out, "{\"event_id\":\"");
    event_id(out, context.trace_id(), context.span_id());
    put(out, "\",\"sent_at\":\"2026-11-22T01:02:03.456789Z\",\"dsn\":\"http://");
    put(out, KEY);
    put(out, "@127.0.0.1:50499/42\",");
    put(out, SDK);
    put(out, ",\"trace\":{\"trace_id\":\"");
    hex(out, &context.trace_id().to_bytes());
    put(out, "\",\"public_key\":\"");
    put(out, KEY);
    put(out, "\",\"sample_rate\":\"1\",\"sample_rand\":\"0.322007\",\"sampled\":\"true\",");
    put(out, "\"environment\":\"production\",\"transaction\":");
    text(out, &root.name);
    put(out, "}}\n{\"type\":\"transaction\"}\n");
}

fn transaction(out: &mut Out, root: &SpanData) {
    let context = &root.span_context;
    put(out, "{\"event_id\":\"");
    event_id(out, context.trace_id(), context.span_id());
    put(out, "\",\"type\":\"transaction\",\"platform\":\"native\",\"transaction\":");
    text(out, &root.name);
    put(out, ",\"transaction_info\":{\"source\":\"route\"},");
    times(out, root);
    put(out, ",\"environment\":\"production\",");
    put(out, SDK);
    put(out, ",\"contexts\":{\"trace\":{\"type\":\"trace\",");
    ids(out, root);
    put(out, ",\"op\":\"http.server\",\"status\":\"ok\",\"origin\":\"auto.otel\",\"data\":{");
    attributes(out, root);
    derived(out, root, ",\"sentry.source\":\"route\",\"sentry.origin\":\"auto.otel\"");
    put(out, ",\"sentry.op\":\"http.server\"}},\"otel\":{\"resource\":{\"service.name\":");
    put(out, "\"unknown_service:peers\",\"telemetry.sdk.language\":\"rust\",");
    put(out, "\"telemetry.sdk.name\":\"opentelemetry\",\"telemetry.sdk.version\":\"0.33.1\"}},");
    put(out, "\"response\":{\"status_code\":200}},\"tags\":{");
    for (at, attribute) in root.attributes.iter().enumerate() {
        if at > 0 {
            put(out, ",");
        }
        key(out, attribute.key.as_str());
        match &attribute.value {
            Value::I64(number) => {
                put(out, "\"");
                put(out, itoa::Buffer::new().format(*number));
                put(out, "\"");
            }
            other => value(out, other),
        }
    }
    put(out, "},\"request\":{\"url\":\"https://shop.example.com");
    raw(out, root, 3);
    put(out, "\",\"method\":\"GET\",\"headers\":{\"User-Agent\":");
    if let Some(agent) = root.attributes.get(5) {
        value(out, &agent.value);
    }
    put(out, "}},\"spans\":[");
}

fn child(out: &mut Out, span: &SpanData) {
    let is_function = span.span_kind == SpanKind::Internal;
    let is_query = !is_function && span.attributes.len() == 7;
    let is_request = !is_function && !is_query;
    ids(out, span);
    if is_query {
        put(out, ",\"op\":\"db\",\"description\":\"");
        raw(out, span, 4);
    } else if is_request {
        put(out, ",\"op\":\"http.client\",\"description\":\"GET ");
        raw(out, span, 1);
    } else {
        put(out, ",\"description\":\"");
        put(out, &span.name);
    }
    put(out, "\",\"status\":\"ok\",\"origin\":\"auto.otel\",");
    times(out, span);
    put(out, ",\"data\":{");
    attributes(out, span);
    if is_request {
        put(out, ",\"url\":\"");
        raw(out, span, 1);
        put(out, "\"");
        scope(out, span);
    } else {
        put(out, if is_query { ",\"db.system\":\"postgresql\"" } else { "" });
        derived(out, span, "");
    }
    put(out, "}");
}

fn derived(out: &mut Out, span: &SpanData, more: &str) {
    scope(out, span);
    put(out, ",\"sentry.name\":");
    text(out, &span.name);
    put(out, more);
}

fn scope(out: &mut Out, span: &SpanData) {
    put(out, ",\"otel.kind\":\"");
    put(
        out,
        match span.span_kind {
            SpanKind::Server => "SERVER",
            SpanKind::Client => "CLIENT",
            _ => "INTERNAL",
        },
    );
    put(out, "\",\"otel.scope.name\":");
    text(out, span.instrumentation_scope.name());
}

/// The text of the attribute at that place.
fn raw(out: &mut Out, span: &SpanData, at: usize) {
    if let Some(attribute) = span.attributes.get(at) {
        put(out, &attribute.value.as_str());
    }
}
