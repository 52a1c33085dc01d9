//! An application whose spans go through one of the SDK's processors.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use opentelemetry_sentry::{SentrySpanExporter, SentrySpanExporterBuilder, Stats};
use tokio::runtime::Runtime;

use super::measured::Measured;
use crate::common::sentry::{FakeSentry, KEY, SOON};
use crate::common::telemetry;

/// The ways of the SDK to an exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// `export` on the thread that ends the span.
    Simple,
    /// `export` on a thread of the processor.
    Batch,
    /// `export` on a Tokio runtime of many threads.
    Async,
    /// `export` is called by the test.
    ByHand,
}

/// Each processor that the SDK has.
pub const ALL: &[Processor] = &[Processor::Simple, Processor::Batch, Processor::Async];

/// Where it makes no difference which processor calls.
pub const BY_HAND: &[Processor] = &[Processor::ByHand];

pub struct App {
    pub on: Processor,
    pub exporter: SentrySpanExporter,
    pub provider: SdkTracerProvider,
    pub runtime: Option<Runtime>,
    longest_export: Arc<AtomicU64>,
    shutdown_within: Arc<AtomicU64>,
    made: AtomicU64,
}

/// An exporter whose `export` is timed.
#[derive(Debug)]
struct Timed {
    exporter: SentrySpanExporter,
    longest: Arc<AtomicU64>,
    /// In milliseconds.
    shutdown_within: Arc<AtomicU64>,
}

/// How much longer than promised anything may take on a busy machine.
pub const TOLERANCE: Duration = Duration::from_secs(1);

/// How many spans, transactions and events one piece of work makes.
pub const SPANS_PER_WORK: u64 = 2;

impl Processor {
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Batch => "batch",
            Self::Async => "async",
            Self::ByHand => "by hand",
        }
    }
}

impl App {
    pub fn new(on: Processor, settings: SentrySpanExporterBuilder) -> Self {
        let exporter = settings.build().expect("an exporter");
        let longest_export = Arc::new(AtomicU64::new(0));
        let shutdown_within = Arc::new(AtomicU64::new(u64::MAX));
        let timed = Timed {
            exporter: exporter.clone(),
            longest: Arc::clone(&longest_export),
            shutdown_within: Arc::clone(&shutdown_within),
        };
        let builder = SdkTracerProvider::builder();
        let mut runtime = None;
        let builder = match on {
            Processor::Simple => builder.with_simple_exporter(timed),
            Processor::Batch => builder.with_batch_exporter(timed),
            Processor::Async => {
                let mut threads = tokio::runtime::Builder::new_multi_thread();
                let threads = threads.worker_threads(2).enable_all().build().expect("a runtime");
                let _inside = threads.enter();
                let processor = BatchSpanProcessor::builder(timed, Tokio).build();
                drop(_inside);
                runtime = Some(threads);
                builder.with_span_processor(processor)
            }
            Processor::ByHand => builder,
        };
        let provider = builder.build();
        let made = AtomicU64::new(0);
        Self { on, exporter, provider, runtime, longest_export, shutdown_within, made }
    }

    /// With the address of a server and nothing else.
    pub fn to(on: Processor, sentry: &FakeSentry) -> Self {
        Self::new(on, settings(&sentry.dsn()))
    }

    /// The exporter is given a second for its shutdown, where the SDK's processors for batches give
    /// it five, whatever they are given: one test that waits for that is enough.
    pub fn in_a_hurry(self) -> Self {
        self.shutdown_within.store(1000, Ordering::Relaxed);
        self
    }

    /// So many traces of two spans and an error, each of which makes a transaction and an event.
    pub fn works(&self, times: u64) {
        for _ in 0..times {
            let number = self.made.fetch_add(SPANS_PER_WORK, Ordering::Relaxed) / SPANS_PER_WORK;
            let tracer = self.provider.tracer("faults");
            let root = Context::new().with_span(tracer.start("GET /orders"));
            let mut child = tracer.start_with_context("SELECT orders", &root);
            child.record_error(&std::io::Error::other(format!("table {number} is locked")));
            child.end();
            root.span().set_attribute(KeyValue::new("number", number as i64));
            root.span().end();
        }
    }

    /// Notes spans that were not made by [`works`](Self::works).
    pub fn made(&self, spans: u64) {
        self.made.fetch_add(spans, Ordering::Relaxed);
    }

    /// Has the processor give everything to the exporter; how that ends is not the question.
    pub fn hand_over(&self) {
        let _ = self.provider.force_flush();
    }

    /// Waits until the fate of everything is known.
    #[track_caller]
    pub fn settle(&self) {
        self.hand_over();
        self.exporter.flush(SOON).expect("the fate of all is known soon");
    }

    /// The counters, which agree with each other and with what was made.
    pub fn stats(&self) -> Stats {
        telemetry::stats(&self.exporter)
    }

    /// Waits for something that the counters tell.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Stats) -> bool) {
        let start = Instant::now();
        while !is_so(&self.stats()) {
            assert!(start.elapsed() < 2 * SOON, "{what}: {:?}", self.stats());
            let _ = self.exporter.flush(Duration::from_millis(10));
        }
    }

    /// Waits until the exporter has noticed that something is wrong.
    #[track_caller]
    pub fn wait_for_trouble(&self) -> String {
        self.wait_until("trouble", |stats| stats.last_error.is_some());
        telemetry::last_error(&self.exporter)
    }

    /// Shuts down in time, and gives what came of all spans then.
    #[track_caller]
    pub fn end(self, timeout: Duration) -> Measured {
        let shutdown = self.shut_down(timeout);
        self.ended(shutdown)
    }

    /// Shuts the provider down; tells how long that took.
    #[track_caller]
    pub fn shut_down(&self, timeout: Duration) -> Duration {
        let start = Instant::now();
        let _ = match self.on {
            Processor::ByHand => self.exporter.shutdown_with_timeout(timeout),
            _ => self.provider.shutdown_with_timeout(timeout),
        };
        let took = start.elapsed();
        assert!(took <= timeout + TOLERANCE, "{took:?} for a shutdown of {timeout:?}");
        took
    }

    /// What came of all spans after a shutdown that took so long.
    #[track_caller]
    pub fn ended(&self, shutdown: Duration) -> Measured {
        // Those for batches go on in the background when the time of the caller is over.
        let _ = self.exporter.flush(SOON);
        self.wait_until("the end", |stats| stats.spans_pending == 0);
        self.measured(shutdown)
    }

    /// What came of all spans so far.
    #[track_caller]
    pub fn measured(&self, shutdown: Duration) -> Measured {
        let stats = self.stats();
        let spans = self.made.load(Ordering::Relaxed);
        assert_eq!(stats.spans_received, spans, "the exporter got all: {stats:?}");
        let error = stats.last_error.unwrap_or_default();
        assert!(!error.contains(KEY), "{error}");
        let export = Duration::from_micros(self.longest_export.load(Ordering::Relaxed));
        let allowed = match self.on {
            Processor::Batch => Duration::from_secs(2),
            _ => Duration::ZERO,
        };
        assert!(export <= allowed + TOLERANCE, "`export` took {export:?}");
        Measured {
            spans,
            delivered: stats.spans_delivered,
            // A lost event alone is no lost span.
            dropped: stats.dropped.into_iter().filter(|(_, spans)| *spans > 0).collect(),
            pending: stats.spans_pending,
            errors: (stats.events_delivered, stats.events_dropped),
            export,
            shutdown,
        }
    }
}

impl Timed {
    fn note(&self, start: Instant) {
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest.fetch_max(micros, Ordering::Relaxed);
    }
}

impl SpanExporter for Timed {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let start = Instant::now();
        let result = self.exporter.export(batch).await;
        self.note(start);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let within = Duration::from_millis(self.shutdown_within.load(Ordering::Relaxed));
        self.exporter.shutdown_with_timeout(timeout.min(within))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

pub fn settings(dsn: &str) -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_dsn(dsn)
}

/// The ids of everything that came, without the second copies.
pub fn ids(sentry: &FakeSentry) -> BTreeSet<String> {
    let ids = sentry.envelopes().into_iter();
    ids.filter(|envelope| !envelope.items.iter().all(|item| item.is("client_report")))
        .map(|envelope| envelope.header["event_id"].to_string())
        .collect()
}
