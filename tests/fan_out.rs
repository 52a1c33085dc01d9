//! Other exporters at the same provider.

mod common;

use std::time::Duration;

use common::sentry::FakeSentry;
use common::telemetry::{exporter, work};
use common::watchdog::watchdog;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

const LIMIT: Duration = Duration::from_secs(60);

/// What the other exporter gets of a piece of work, with ours before it, behind it or not there.
fn seen_by_another(place: Option<bool>) -> Vec<(String, Vec<KeyValue>, Vec<String>)> {
    let sentry = FakeSentry::start();
    let (ours, other) = (exporter(&sentry), InMemorySpanExporter::default());
    let builder = SdkTracerProvider::builder();
    let provider = match place {
        Some(true) => builder.with_batch_exporter(ours).with_batch_exporter(other.clone()),
        Some(false) => builder.with_batch_exporter(other.clone()).with_batch_exporter(ours),
        None => builder.with_batch_exporter(other.clone()),
    };
    let provider = provider.build();
    work(&provider);
    let mut span = provider.tracer("tests").start("GET https://me:pw@example.com/?token=secret");
    span.set_attribute(KeyValue::new("db.query.text", "SELECT 'personal' FROM t WHERE id = 7"));
    span.set_attribute(KeyValue::new("password", "hunter2"));
    span.end();
    provider.force_flush().unwrap();
    let seen = other.get_finished_spans().unwrap();
    if place.is_some() {
        assert_eq!(sentry.transactions().len(), 2);
        let sent = serde_json::to_string(&sentry.transactions()).unwrap();
        assert!(!sent.contains("hunter2") && !sent.contains("personal"));
    }
    provider.shutdown().unwrap();
    let span = |span: opentelemetry_sdk::trace::SpanData| {
        let events =
            span.events.iter().map(|event| format!("{} {:?}", event.name, event.attributes));
        (span.name.to_string(), span.attributes, events.collect())
    };
    seen.into_iter().map(span).collect()
}

#[test]
fn another_exporter_sees_every_span_untouched_before_and_behind_this_one() {
    watchdog(LIMIT, || {
        let alone = seen_by_another(None);
        assert_eq!(alone.len(), 3);
        let password = |spans: &[(String, Vec<KeyValue>, Vec<String>)]| {
            let attributes = spans.iter().flat_map(|(_, attributes, _)| attributes);
            attributes.filter(|entry| entry.value == Value::from("hunter2")).count()
        };
        assert_eq!(password(&alone), 1);
        for place in [true, false] {
            assert_eq!(seen_by_another(Some(place)), alone, "first: {place}");
        }
    });
}
