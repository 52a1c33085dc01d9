//! Spans reach Sentry with every processor of the SDK, on every kind of runtime, however it ends.

mod common;

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::sentry::{FakeSentry, KEY, Request, SOON};
use common::telemetry::{export, exporter, is_now, provider, span, stats, work};
use common::watchdog::watchdog;
use opentelemetry_sdk::runtime::{Tokio, TokioCurrentThread};
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::{Compression, SentrySpanExporter};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes a test of every ending in the list, for a processor on a runtime.
macro_rules! matrix {
    ($($processor:ident { $($runtime:ident: $($ending:ident),+;)+ })+) => { $(
        mod $processor { $(
            mod $runtime { $(
                #[test]
                fn $ending() {
                    crate::deliver(crate::$processor, crate::$runtime, crate::$ending);
                }
            )+ }
        )+ }
    )+ };
}

// Three kinds of cells are left out. Without a runtime there is no `spawn_blocking`, and the
// processor on `runtime::Tokio` cannot even be built. And on a current-thread runtime that
// processor's own `force_flush` and `shutdown`, which the drop of a provider calls as well, wait
// for a task that only the waiting thread could run: they hang with any exporter.
matrix! {
    simple_processor {
        without_a_runtime: delivers_by_flush, delivers_by_shutdown, delivers_by_drop;
        on_many_threads:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
        on_one_thread:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
    }
    batch_processor {
        without_a_runtime: delivers_by_flush, delivers_by_shutdown, delivers_by_drop;
        on_many_threads:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
        on_one_thread:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
    }
    async_processor_on_tokio {
        on_many_threads:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
        on_one_thread: delivers_by_shutdown_elsewhere;
    }
    async_processor_on_its_own_thread {
        without_a_runtime: delivers_by_flush, delivers_by_shutdown, delivers_by_drop;
        on_many_threads:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
        on_one_thread:
            delivers_by_flush, delivers_by_shutdown, delivers_by_drop, delivers_by_shutdown_elsewhere;
    }
}

fn simple_processor(exporter: SentrySpanExporter) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_simple_exporter(exporter).build()
}

fn batch_processor(exporter: SentrySpanExporter) -> SdkTracerProvider {
    provider(&exporter)
}

fn async_processor_on_tokio(exporter: SentrySpanExporter) -> SdkTracerProvider {
    let processor = BatchSpanProcessor::builder(exporter, Tokio).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

fn async_processor_on_its_own_thread(exporter: SentrySpanExporter) -> SdkTracerProvider {
    let processor = BatchSpanProcessor::builder(exporter, TokioCurrentThread).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

/// A task that waits for anything here would need a runtime.
fn without_a_runtime(mut task: Task) {
    let done = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(done, Poll::Ready(()));
}

fn on_many_threads(task: Task) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(task);
}

fn on_one_thread(task: Task) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task);
}

fn delivers_by_flush(provider: SdkTracerProvider, exporter: SentrySpanExporter) -> Task {
    provider.force_flush().unwrap();
    exporter.flush(SOON).unwrap();
    assert_eq!(stats(&exporter).envelopes_delivered, 2, "delivered by the time flush returns");
    provider.shutdown().unwrap();
    Box::pin(ready(()))
}

fn delivers_by_shutdown(provider: SdkTracerProvider, _: SentrySpanExporter) -> Task {
    provider.shutdown().unwrap();
    Box::pin(ready(()))
}

fn delivers_by_drop(provider: SdkTracerProvider, _: SentrySpanExporter) -> Task {
    drop(provider);
    Box::pin(ready(()))
}

fn delivers_by_shutdown_elsewhere(provider: SdkTracerProvider, _: SentrySpanExporter) -> Task {
    Box::pin(async move {
        let shutdown = tokio::task::spawn_blocking(move || provider.shutdown());
        shutdown.await.unwrap().unwrap();
    })
}

type Processor = fn(SentrySpanExporter) -> SdkTracerProvider;
type Ending = fn(SdkTracerProvider, SentrySpanExporter) -> Task;

fn deliver(processor: Processor, runtime: fn(Task), ending: Ending) {
    watchdog(Duration::from_secs(30), move || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let clone = exporter.clone();
        runtime(Box::pin(async move {
            let provider = processor(clone.clone());
            work(&provider);
            ending(provider, clone.clone()).await;
            // The asynchronous processor answers a shutdown before it tells the exporter of it.
            clone.flush(SOON).unwrap();
        }));
        let (transactions, events) = (sentry.transactions(), sentry.events());
        assert_eq!((transactions.len(), events.len()), (1, 1));
        assert_eq!(transactions[0]["transaction"], "GET /orders");
        let children = transactions[0]["spans"].as_array().unwrap();
        assert_eq!(children.len(), 1);
        let root = &transactions[0]["contexts"]["trace"];
        assert_eq!(children[0]["parent_span_id"], root["span_id"]);
        let event = &events[0]["contexts"]["trace"];
        assert_eq!(
            (&event["trace_id"], &event["span_id"]),
            (&root["trace_id"], &children[0]["span_id"])
        );
        let stats = stats(&exporter);
        let spans = (stats.spans_received, stats.spans_delivered, stats.spans_pending);
        assert_eq!(spans, (2, 2, 0), "{stats:?}");
        assert_eq!((stats.transactions_delivered, stats.events_delivered), (1, 1), "{stats:?}");
        assert_eq!((stats.envelopes_delivered, stats.last_error), (2, None));
    });
}

#[test]
fn force_flush_of_the_batch_processor_means_delivered() {
    watchdog(Duration::from_secs(30), || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = provider(&exporter);
        work(&provider);
        provider.force_flush().unwrap();
        assert_eq!(sentry.envelopes().len(), 2);
        let wire: usize = sentry.requests().iter().map(|request| request.wire_length).sum();
        let stats = stats(&exporter);
        assert_eq!((stats.envelopes_delivered, stats.bytes_delivered), (2, wire as u64));
        assert_eq!(sentry.requests().len(), 2, "one request for each envelope and no other");
        provider.shutdown().unwrap();
    });
}

/// One transaction and one event, each with its request.
fn requests() -> Vec<Request> {
    watchdog(Duration::from_secs(30), || {
        let sentry = FakeSentry::start();
        let provider = provider(&exporter(&sentry));
        work(&provider);
        provider.shutdown().unwrap();
        assert_eq!(sentry.requests().len(), 2);
        sentry.requests()
    })
}

#[test]
fn a_request_is_a_post_to_the_envelope_endpoint_that_says_what_it_is() {
    for request in requests() {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/42/envelope/"));
        assert_eq!(request.header("content-type"), Some("application/x-sentry-envelope"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert!(request.wire_length < request.body.len());
        let (name, version) = request.header("user-agent").unwrap().split_once('/').unwrap();
        assert!(name.starts_with("opentelemetry-sentry"), "{name}");
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn bodies_are_as_small_as_one_wants_and_say_the_same() {
    let compressions = [Compression::None, Compression::Gzip(1), Compression::Gzip(9)];
    let sent = watchdog(Duration::from_secs(30), move || {
        compressions.map(|compression| {
            let sentry = FakeSentry::start();
            let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
            let exporter = builder.with_compression(compression).build().unwrap();
            let spans = (2..200).map(|id| span(1, id, 1, "a")).chain([span(1, 1, 0, "b")]);
            export(&exporter, spans.collect()).unwrap();
            exporter.shutdown_with_timeout(SOON).unwrap();
            let requests = sentry.requests();
            assert_eq!(requests.len(), 1);
            let request = requests.into_iter().next().unwrap();
            let encoding = request.header("content-encoding").map(str::to_owned);
            let spans = sentry.transactions()[0]["spans"].as_array().unwrap().len();
            (encoding, request.wire_length, spans)
        })
    });
    let [(plain, most, spans), (fast, fewer, same), (small, fewest, last)] = sent;
    assert_eq!((plain, fast.as_deref(), small.as_deref()), (None, Some("gzip"), Some("gzip")));
    assert!(most > 3 * fewer && fewer > fewest, "{most} {fewer} {fewest}");
    assert_eq!([spans, same, last], [198; 3]);
}

#[test]
fn a_request_authenticates_itself_once_and_only_once() {
    for request in requests() {
        let auth = request.header("x-sentry-auth").expect("exactly one");
        let fields = auth.strip_prefix("Sentry ").expect("the scheme");
        let fields: Vec<_> =
            fields.split(", ").map(|field| field.split_once('=').unwrap()).collect();
        assert_eq!(&fields[..2], [("sentry_key", KEY), ("sentry_version", "7")]);
        let client = request.header("user-agent").unwrap();
        assert_eq!(&fields[2..], [("sentry_client", client)]);
        assert!(request.headers("authorization").is_empty());
        assert!(!request.path.contains(KEY));
    }
}

#[test]
fn an_envelope_says_what_is_in_it_where_it_goes_and_to_which_trace_it_belongs() {
    let envelopes: Vec<_> = requests().iter().map(|request| request.envelope().unwrap()).collect();
    for envelope in &envelopes {
        let (header, item) = (&envelope.header, &envelope.items[0]);
        assert_eq!(header["event_id"], item.payload["event_id"]);
        let id = header["event_id"].as_str().unwrap();
        assert!(id.len() == 32 && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
        let dsn: sentry_types::Dsn = header["dsn"].as_str().unwrap().parse().unwrap();
        assert_eq!((dsn.public_key(), dsn.project_id().value()), (KEY, "42"));
        let sdk = &header["sdk"];
        assert!(sdk["name"].is_string() && sdk["version"] == env!("CARGO_PKG_VERSION"), "{sdk}");
        assert!(is_now(&header["sent_at"]), "{}", header["sent_at"]);
        let trace = &header["trace"];
        assert_eq!(trace["trace_id"], item.payload["contexts"]["trace"]["trace_id"]);
        assert_eq!(trace["public_key"], KEY);
    }
    let ids = envelopes.iter().map(|envelope| envelope.header["event_id"].to_string());
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 2);
}
