//! Traces and values far larger than Sentry takes in one piece: all of it arrives.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::sentry::FakeSentry;
use common::telemetry::{export_and_wait, exporter, span, stats};
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry::trace::Event;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// What Relay takes: an item in bytes, its spans in bytes, and how many of them.
const MAX_ITEM: usize = 1 << 20;
const MAX_SPANS_BYTES: usize = 819_200;
const MAX_SPANS: usize = 1000;

/// Each id with the id of its parent, over all transactions, after a look at the limits.
fn arrived(sentry: &FakeSentry) -> BTreeMap<String, Option<String>> {
    let mut arrived = BTreeMap::new();
    for transaction in sentry.transactions() {
        let spans = transaction["spans"].as_array().expect("spans");
        assert!(transaction.to_string().len() <= MAX_ITEM);
        assert!(transaction["spans"].to_string().len() <= MAX_SPANS_BYTES);
        assert!(spans.len() <= MAX_SPANS);
        for span in [&transaction["contexts"]["trace"]].into_iter().chain(spans) {
            let id = |key: &str| span[key].as_str().map(str::to_owned);
            let before = arrived.insert(id("span_id").unwrap(), id("parent_span_id"));
            assert_eq!(before, None, "a span that came twice");
        }
    }
    arrived
}

/// Exports as the batch processor does: full batches, as they come.
fn export_all(exporter: &opentelemetry_sentry::SentrySpanExporter, spans: &[SpanData]) {
    for batch in spans.chunks(512) {
        export_and_wait(exporter, batch.to_vec()).unwrap();
    }
}

fn ids(spans: &[SpanData]) -> BTreeMap<String, Option<String>> {
    let parent = |span: &SpanData| {
        Some(span.parent_span_id.to_string()).filter(|id| id.bytes().any(|b| b != b'0'))
    };
    spans.iter().map(|span| (span.span_context.span_id().to_string(), parent(span))).collect()
}

#[test]
fn a_trace_of_fifty_thousand_spans_arrives_whole() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        // A tree of uneven depth: each parent is one of those before, near or far.
        let mut spans: Vec<_> = (2..=50_000_u64)
            .map(|id| {
                let parent = if id % 3 == 0 { id / 2 } else { id.saturating_sub(id % 7 + 1) };
                span(1, id, parent.max(1), "step")
            })
            .collect();
        spans.reverse();
        spans.push(span(1, 1, 0, "import"));
        export_all(&exporter, &spans);
        exporter.flush(LIMIT).unwrap();
        assert_eq!(arrived(&sentry), ids(&spans));
        let transactions = sentry.transactions();
        assert!((50..500).contains(&transactions.len()), "{} parts", transactions.len());
        for transaction in &transactions {
            let data = &transaction["contexts"]["trace"]["data"];
            assert_eq!(data["sentry.segment.root_span_id"], "0000000000000001");
            assert_eq!(data["sentry.segment.parts"], transactions.len());
        }
        assert_eq!(stats(&exporter).spans_delivered, 50_000);
    });
}

#[test]
fn values_of_many_megabytes_are_shortened_and_their_errors_arrive() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let mut root = span(1, 1, 0, "upload");
        root.attributes.push(KeyValue::new("file", "\u{1}é\"".repeat(2_000_000)));
        root.attributes
            .extend((0..120).map(|at| KeyValue::new(format!("part.{at}"), "é".repeat(50_000))));
        let error = [KeyValue::new("exception.message", "too large ".repeat(100_000))];
        root.events.events.push(Event::new("exception", root.end_time, error.to_vec(), 0));
        let mut children: Vec<_> = (2..=40).map(|id| span(1, id, 1, "chunk")).collect();
        for child in &mut children {
            child.attributes.push(KeyValue::new("body", "\\".repeat(1_000_000)));
            child.attributes.push(KeyValue::new("n".repeat(100_000), "v"));
        }
        let spans: Vec<_> = children.into_iter().chain([root]).collect();
        export_and_wait(&exporter, spans.clone()).unwrap();
        exporter.flush(LIMIT).unwrap();
        assert_eq!(arrived(&sentry), ids(&spans));
        let transactions = sentry.transactions();
        let root = transactions.iter().find(|it| it["transaction"] == "upload").unwrap();
        let data = root["contexts"]["trace"]["data"].as_object().unwrap();
        assert!(data["file"].as_str().unwrap().ends_with('…'));
        assert!((0..120).all(|at| data.contains_key(&format!("part.{at}"))));
        assert!(sentry.events()[0].to_string().len() <= MAX_ITEM);
        assert_eq!((stats(&exporter).spans_delivered, sentry.events().len()), (40, 1));
    });
}

#[test]
fn a_hundred_thousand_spans_without_a_root_leave_at_shutdown() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        // Far less room than all of it takes: what waits is sent as fast as the server answers.
        let builder = opentelemetry_sentry::SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_queue_bytes(1 << 20).build().unwrap();
        // Five hundred children of a root that never ends, each with two hundred spans below it.
        let spans: Vec<_> = (0..100_000_u64)
            .map(|at| {
                let first = at / 200 * 200 + 10;
                let parent = if at % 200 == 199 { 1 } else { first + 199 };
                span(1, at + 10, parent, "step")
            })
            .collect();
        export_all(&exporter, &spans);
        assert_eq!(stats(&exporter).spans_pending, 100_000);
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        assert_eq!(arrived(&sentry), ids(&spans));
        let transactions = sentry.transactions();
        assert_eq!(transactions.len(), 500);
        let is_flagged =
            |it: &Value| it["contexts"]["trace"]["data"]["sentry.parent_span_missing"] == true;
        assert!(transactions.iter().all(is_flagged));
        assert_eq!(stats(&exporter).spans_delivered, 100_000);
    });
}
