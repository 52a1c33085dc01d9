//! The process that makes spans, and what becomes of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;

const SPANS_PER_TRACE: u64 = 20;
const SECONDS: u64 = 5;
const BURST: u64 = 100_000;

#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// So many spans a second.
    Paced(u64),
    /// As fast as the thread can.
    Burst,
    /// The same, but what comes out of the SDK is only counted.
    BurstToNowhere,
}

/// What became of the spans.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    made: u64,
    /// By the exporter.
    received: u64,
    delivered: u64,
    dropped: u64,
    /// How long it took to make them.
    making: Duration,
    /// From the last span until nothing was left.
    after: Duration,
    /// The most memory that the process had, in KiB.
    peak_kib: u64,
}

impl Load {
    pub fn parse(text: &str) -> Self {
        match text {
            "burst" => Self::Burst,
            "burst-to-nowhere" => Self::BurstToNowhere,
            rate => Self::Paced(rate.parse().expect("spans a second")),
        }
    }

    /// Tells how many spans there were.
    fn make(self, tracer: &SdkTracer) -> u64 {
        let Self::Paced(spans_per_second) = self else {
            (0..BURST / SPANS_PER_TRACE).for_each(|_| trace(tracer));
            return BURST;
        };
        let (started, mut traces) = (Instant::now(), 0);
        let all = spans_per_second * SECONDS / SPANS_PER_TRACE;
        while traces < all {
            let due = started.elapsed().as_micros() as u64 * spans_per_second
                / SPANS_PER_TRACE
                / 1_000_000;
            while traces < due.min(all) {
                trace(tracer);
                traces += 1;
            }
            thread::sleep(Duration::from_millis(1));
        }
        all * SPANS_PER_TRACE
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paced(rate) => rate.fmt(f),
            Self::Burst => f.write_str("burst"),
            Self::BurstToNowhere => f.write_str("burst-to-nowhere"),
        }
    }
}

impl Outcome {
    /// What [`run`] gave.
    pub fn parse(text: &str) -> Self {
        let numbers = text.split_whitespace().map(|it| it.parse().expect("a number"));
        let numbers: [u64; 7] =
            numbers.collect::<Vec<_>>().try_into().expect("as many numbers as there are fields");
        let [made, received, delivered, dropped, making, after, peak_kib] = numbers;
        let (making, after) = (Duration::from_micros(making), Duration::from_micros(after));
        Self { made, received, delivered, dropped, making, after, peak_kib }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6.2} % arrived, {} dropped by the exporter, {} lost before it, made in {:.3} s, \
             {:.3} s after the last, {:.1} MiB at most",
            100.0 * self.delivered as f64 / self.made as f64,
            self.dropped,
            self.made - self.received,
            self.making.as_secs_f64(),
            self.after.as_secs_f64(),
            self.peak_kib as f64 / 1024.0,
        )
    }
}

/// Gives the fields of the outcome as numbers.
pub fn run(load: Load, address: &str) -> String {
    let outcome = match load {
        Load::BurstToNowhere => to_nowhere(load),
        Load::Paced(_) | Load::Burst => to_sentry(load, address),
    };
    let Outcome { made, received, delivered, dropped, making, after, peak_kib } = outcome;
    let (making, after) = (making.as_micros(), after.as_micros());
    format!("{made} {received} {delivered} {dropped} {making} {after} {peak_kib}")
}

fn to_sentry(load: Load, address: &str) -> Outcome {
    let dsn = format!("http://0123456789abcdef0123456789abcdef@{address}/42");
    let exporter = SentrySpanExporter::builder().with_dsn(dsn).build().expect("an exporter");
    let outcome = through(exporter.clone(), load);
    let stats = exporter.stats();
    Outcome {
        received: stats.spans_received,
        delivered: stats.spans_delivered,
        dropped: stats.spans_dropped,
        ..outcome
    }
}

fn to_nowhere(load: Load) -> Outcome {
    let nowhere = Nowhere::default();
    let outcome = through(nowhere.clone(), load);
    let came = nowhere.0.load(Ordering::Relaxed);
    Outcome { received: came, delivered: came, ..outcome }
}

/// Makes the spans and ends.
fn through(exporter: impl SpanExporter + 'static, load: Load) -> Outcome {
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let tracer = provider.tracer("bench");
    let started = Instant::now();
    let made = load.make(&tracer);
    let making = started.elapsed();
    let last = Instant::now();
    provider.shutdown_with_timeout(Duration::from_secs(30)).ok();
    Outcome { made, making, after: last.elapsed(), peak_kib: peak_kib(), ..Outcome::default() }
}

/// Counts what comes.
#[derive(Clone, Debug, Default)]
struct Nowhere(Arc<AtomicU64>);

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// The most memory that this process had so far, where the system tells it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn trace(tracer: &SdkTracer) {
    let root = tracer
        .span_builder("GET /users/{id}")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/users/{id}"),
            KeyValue::new("url.path", "/users/7"),
            KeyValue::new("http.response.status_code", 200),
        ])
        .start(tracer);
    let root = Context::new().with_span(root);
    for _ in 1..SPANS_PER_TRACE {
        let mut child = tracer
            .span_builder("SELECT users")
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.query.text", "SELECT name FROM users WHERE id = $1"),
                KeyValue::new("server.address", "db.internal"),
            ])
            .start_with_context(tracer, &root);
        child.end();
    }
    root.span().end();
}
