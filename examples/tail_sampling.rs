//! Errors, what is slow, and a tenth of the rest: what is kept of two hundred requests.
//!
//! ```sh
//! cargo run --example tail_sampling --features testing
//! SENTRY_DSN=https://… cargo run --example tail_sampling --features testing
//! ```
//!
//! Without a DSN nothing leaves the machine, and the example shows what would have:
//!
//! ```text
//! kept   7 of "GET /items"
//! kept  20 of "GET /orders"
//! kept  20 of "GET /reports"
//! 200 spans: 47 sent, 153 sampled
//! ```

mod common;

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanId, SpanKind, Status, TraceId, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{IdGenerator, Sampler, SdkTracerProvider};
use opentelemetry_sentry::sampling::{Rule, Sampling};
use opentelemetry_sentry::testing::InMemoryTransport;
use opentelemetry_sentry::{DropReason, SentrySpanExporter};

use crate::common::{Result, compare};

fn main() -> Result {
    let sampling = Sampling::at_rate(0.1)
        .drop(Rule::name("GET /health"))
        .keep_errors()
        .keep_slower_than(Duration::from_secs(2));
    let builder = SentrySpanExporter::builder().with_sampling(sampling);
    let kept = InMemoryTransport::new();
    let exporter = match env::var("SENTRY_DSN") {
        Ok(dsn) if !dsn.is_empty() => builder.with_dsn(dsn),
        _ => builder.with_dsn("https://key@sentry.invalid/42").with_transport(kept.clone()),
    };
    let exporter = exporter.build()?;
    let provider = SdkTracerProvider::builder()
        // What another one turns down, no policy ever sees.
        .with_sampler(Sampler::AlwaysOn)
        .with_id_generator(Ids::default())
        .with_batch_exporter(exporter.clone())
        .build();
    for number in 0..200 {
        request(&provider.tracer("shop"), number);
    }
    provider.shutdown()?;

    if kept.envelopes().is_empty() {
        println!("{}", exporter.stats());
        return Ok(());
    }
    let mut names = BTreeMap::new();
    for transaction in kept.transactions() {
        *names.entry(transaction["transaction"].to_string()).or_insert(0) += 1;
    }
    let mut text = String::new();
    for (name, count) in &names {
        text += &format!("kept {count:3} of {name}\n");
    }
    let stats = exporter.stats();
    let dropped = stats.dropped.get(&DropReason::Sampled).copied().unwrap_or(0);
    let (all, sent) = (stats.spans_received, stats.spans_delivered);
    text += &format!("{all} spans: {sent} sent, {dropped} sampled\n");
    compare(&text, include_str!("tail_sampling.rs"))
}

/// Ids that are the same in each run, so that the tenth is; an application leaves them to the SDK.
#[derive(Debug, Default)]
struct Ids(AtomicU64);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1;
        TraceId::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Of ten requests six are fine, one is slow, one fails, and two ask whether the shop is open.
fn request(tracer: &impl Tracer, number: u64) {
    let (route, duration, status) = match number % 10 {
        0 => ("/reports", Duration::from_secs(3), Status::Unset),
        1 => ("/orders", Duration::from_millis(30), Status::error("out of stock")),
        2 | 3 => ("/health", Duration::from_millis(1), Status::Unset),
        _ => ("/items", Duration::from_millis(20), Status::Unset),
    };
    let end = SystemTime::now();
    let attributes = [("http.request.method", "GET"), ("http.route", route)];
    let builder = tracer.span_builder("request").with_kind(SpanKind::Server);
    let builder = builder.with_start_time(end - duration);
    let attributes = attributes.map(|(key, value)| KeyValue::new(key, value));
    let mut span = tracer.build(builder.with_attributes(attributes));
    span.set_status(status);
    span.end_with_timestamp(end);
}
