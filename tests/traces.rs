//! Whole traces out of pieces, many at a time, each with the resource of its provider.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::sentry::{Answer, FakeSentry, SOON};
use common::telemetry::{export, export_and_wait, exporter, provider, span, stats};
use common::watchdog::watchdog;
use opentelemetry::Context;
use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);

/// The trace and span id of a transaction and of each of its spans, with the id of the parent.
fn spans(transaction: &Value) -> Vec<(String, String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let children = transaction["spans"].as_array().expect("spans").iter();
    [&transaction["contexts"]["trace"]]
        .into_iter()
        .chain(children)
        .map(|span| {
            let id = |key| text(&span[key]);
            (id("trace_id").unwrap(), id("span_id").unwrap(), id("parent_span_id"))
        })
        .collect()
}

#[test]
fn a_large_trace_arrives_whole_in_as_many_transactions_as_it_takes() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = provider(&exporter);
        let tracer = provider.tracer("tests");
        let root = Context::new().with_span(tracer.start("import"));
        let mut expected = BTreeMap::new();
        for number in 0..1500 {
            let mut child = tracer.start_with_context(format!("row {number}"), &root);
            expected.insert(child.span_context().span_id().to_string(), true);
            child.end();
        }
        let context = root.span().span_context().clone();
        let (trace, root_id) = (context.trace_id().to_string(), context.span_id().to_string());
        root.span().end();
        expected.insert(root_id.clone(), false);
        provider.shutdown().unwrap();
        let mut found = BTreeMap::new();
        for (its_trace, id, parent) in sentry.transactions().iter().flat_map(spans) {
            assert_eq!(its_trace, trace);
            assert!(parent.is_none() || parent.as_deref() == Some(&root_id), "{parent:?}");
            assert_eq!(found.insert(id.clone(), parent.is_some()), None, "{id} came twice");
        }
        assert_eq!(found, expected);
        assert_eq!(stats(&exporter).spans_delivered, 1501);
    });
}

#[test]
fn children_of_a_root_that_is_open_at_shutdown_arrive() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let provider = provider(&exporter(&sentry));
        let tracer = provider.tracer("tests");
        let root = Context::new().with_span(tracer.start("never ends"));
        for name in ["first", "second"] {
            tracer.start_with_context(name, &root).end();
        }
        provider.shutdown().unwrap();
        let context = root.span().span_context().clone();
        let transactions = sentry.transactions();
        let spans: Vec<_> = transactions.iter().flat_map(spans).collect();
        assert_eq!(spans.len(), 2, "{transactions:?}");
        for (trace, _, parent) in spans {
            assert_eq!(trace, context.trace_id().to_string());
            assert_eq!(parent, Some(context.span_id().to_string()));
        }
    });
}

#[test]
fn children_wait_for_the_batch_with_their_root() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, vec![span(1, 2, 1, "child"), span(1, 3, 2, "grandchild")])
            .unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!((sentry.requests().len(), stats(&exporter).spans_pending), (0, 2));
        export_and_wait(&exporter, vec![span(1, 1, 0, "root")]).unwrap();
        let transactions = sentry.transactions();
        assert_eq!(transactions.len(), 1);
        assert_eq!(spans(&transactions[0]).len(), 3);
        exporter.shutdown().unwrap();
    });
}

#[test]
fn several_requests_are_in_flight_at_the_same_time() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::default().delay(Duration::from_millis(200)));
        let exporter = exporter(&sentry);
        let traces = (1..=20).map(|trace| span(trace, 1, 0, "work")).collect();
        export(&exporter, traces).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(sentry.transactions().len(), 20);
        assert!(sentry.most_open_requests() >= 4, "{} at a time", sentry.most_open_requests());
    });
}

#[test]
fn connections_are_used_again() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        for trace in 1..=20 {
            export(&exporter, vec![span(trace, 1, 0, "work")]).unwrap();
            exporter.flush(SOON).unwrap();
        }
        assert_eq!(sentry.transactions().len(), 20);
        assert!(sentry.connections() < 10, "{} connections", sentry.connections());
    });
}

#[test]
fn no_more_requests_are_in_flight_than_allowed() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::default().delay(Duration::from_millis(50)));
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_max_in_flight(2).build().unwrap();
        let traces = (1..=10).map(|trace| span(trace, 1, 0, "work")).collect();
        export(&exporter, traces).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(sentry.transactions().len(), 10);
        assert!(sentry.most_open_requests() <= 2, "{} at a time", sentry.most_open_requests());
    });
}

#[test]
fn providers_that_share_an_exporter_keep_their_resources() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        // The end of one provider would be that of the exporter, so both live on.
        let _providers = ["shop", "stock"].map(|name| {
            let resource = Resource::builder_empty().with_service_name(name).build();
            let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
            let provider = builder.with_resource(resource).build();
            provider.tracer("tests").start(name).end();
            provider
        });
        exporter.flush(SOON).unwrap();
        let transactions = sentry.transactions();
        assert_eq!(transactions.len(), 2);
        for transaction in &transactions {
            assert_eq!(transaction["tags"]["service.name"], transaction["transaction"]);
        }
        let names = transactions.iter().map(|transaction| transaction["transaction"].to_string());
        assert_eq!(names.collect::<BTreeSet<_>>().len(), 2);
    });
}
