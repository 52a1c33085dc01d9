//! Telemetry of the present moment, as an application makes it, and what every test asks of it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use opentelemetry_sentry::{SentrySpanExporter, Stats};

use super::sentry::FakeSentry;
use super::spans;

/// An exporter with nothing but a DSN.
pub fn exporter(sentry: &FakeSentry) -> SentrySpanExporter {
    exporter_for(&sentry.dsn())
}

pub fn exporter_for(dsn: &str) -> SentrySpanExporter {
    SentrySpanExporter::builder().with_dsn(dsn).build().expect("an exporter")
}

/// A provider with the default batch processor.
pub fn provider(exporter: &SentrySpanExporter) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build()
}

/// The smallest complete work of an application: a root, one child, one recorded error.
pub fn work(provider: &SdkTracerProvider) {
    let tracer = provider.tracer("tests");
    let root = tracer.start("GET /orders");
    let root = Context::new().with_span(root);
    let mut child = tracer.start_with_context("SELECT orders", &root);
    child.record_error(&std::io::Error::other("the table is locked"));
    child.end();
    root.span().set_attribute(KeyValue::new("order.id", 7));
    root.span().end();
}

/// A finished span of the last few moments; a parent of 0 is none.
pub fn span(trace: u128, id: u64, parent: u64, name: &str) -> SpanData {
    let mut span = spans::span(id, parent, name, (0, 1));
    span.span_context = opentelemetry::trace::SpanContext::new(
        trace.into(),
        id.into(),
        opentelemetry::TraceFlags::SAMPLED,
        false,
        Default::default(),
    );
    span.end_time = SystemTime::now();
    span.start_time = span.end_time - Duration::from_millis(5);
    span
}

/// Exports as the simple processor does, which does not wait.
pub fn export(exporter: &SentrySpanExporter, batch: Vec<SpanData>) -> OTelSdkResult {
    block_on(exporter.export(batch))
}

/// Exports as the batch processor does, whose thread makes no telemetry, so that it waits.
pub fn export_and_wait(exporter: &SentrySpanExporter, batch: Vec<SpanData>) -> OTelSdkResult {
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    block_on(exporter.export(batch))
}

/// Drives a future as the processors of the SDK do: without any runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The counters, after a look at whether they agree with each other.
pub fn stats(exporter: &SentrySpanExporter) -> Stats {
    let stats = exporter.stats();
    let settled = stats.spans_delivered + stats.spans_pending + stats.spans_dropped;
    assert_eq!(stats.spans_received + stats.spans_recovered, settled, "{stats:?}");
    assert_eq!(stats.spans_dropped, stats.dropped.values().sum::<u64>(), "{stats:?}");
    let settled_logs = stats.logs_delivered + stats.logs_pending + stats.logs_dropped;
    assert_eq!(stats.logs_received + stats.logs_recovered, settled_logs, "{stats:?}");
    assert_eq!(stats.logs_dropped, stats.dropped_logs.values().sum::<u64>(), "{stats:?}");
    let items = stats.transactions_delivered + stats.events_delivered;
    assert!(items <= stats.envelopes_delivered, "{stats:?}");
    stats
}

/// What went wrong last; it never tells the key.
pub fn last_error(exporter: &SentrySpanExporter) -> String {
    let error = stats(exporter).last_error.expect("an error");
    assert!(!error.contains(super::sentry::KEY), "{error}");
    error
}

/// Whether a text is a moment in UTC of about now, as RFC 3339 writes it.
pub fn is_now(moment: &serde_json::Value) -> bool {
    use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
    let moment = moment.as_str().filter(|text| text.ends_with('Z')).unwrap_or_default();
    // To the minute, because `time` is built without its reader of texts.
    [0, 1, 2].iter().any(|minutes| {
        let then = OffsetDateTime::now_utc() - Duration::minutes(*minutes);
        then.format(&Rfc3339).is_ok_and(|then| moment.get(..16) == then.get(..16))
    })
}
