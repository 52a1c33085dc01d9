//! What scrubbing costs where there is nothing to scrub: mapping and JSON with and without it.
//!
//! `cargo bench --bench scrubbing` runs both side by side and prints their ratio in time. To count
//! instructions, run the program twice under a counter, `-- --only on` and `-- --only off`; with
//! `--rounds N` it maps N times 100 traces. It measures, and judges nothing.

use std::hint::black_box;
use std::time::{Duration, Instant, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::mapping::Mapper;
use opentelemetry_sentry::{Family, Scrubbing};

const TRACES: u128 = 100;

fn span(trace: u128, id: u64, name: &'static str, kind: SpanKind) -> SpanData {
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(trace + 1),
            SpanId::from(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(if id == 1 { 0 } else { 1 }),
        parent_span_is_remote: false,
        span_kind: kind,
        name: name.into(),
        start_time: UNIX_EPOCH + Duration::from_secs(1_795_167_627),
        end_time: UNIX_EPOCH + Duration::from_secs(1_795_167_628),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("shop").with_version("1.2.3").build(),
    }
}

/// A request with queries, calls and work of its own, as instrumentation writes them.
fn trace(number: u128) -> Vec<SpanData> {
    let mut spans = Vec::new();
    for id in 2..10_u64 {
        let mut child = match id % 3 {
            0 => span(number, id, "SELECT orders", SpanKind::Client),
            1 => span(number, id, "GET", SpanKind::Client),
            _ => span(number, id, "price_order", SpanKind::Internal),
        };
        child.attributes = match id % 3 {
            0 => vec![
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.namespace", "shop"),
                KeyValue::new("db.operation.name", "SELECT"),
                KeyValue::new("db.collection.name", "orders"),
                KeyValue::new(
                    "db.query.text",
                    "SELECT id, state FROM orders WHERE customer = $1 AND state <> $2".to_owned(),
                ),
                KeyValue::new("server.address", "db.internal"),
                KeyValue::new("server.port", 5432),
            ],
            1 => vec![
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("url.full", "https://stock.example.com/items/12".to_owned()),
                KeyValue::new("server.address", "stock.example.com"),
                KeyValue::new("server.port", 443),
                KeyValue::new("http.response.status_code", 200),
                KeyValue::new("network.protocol.version", "1.1"),
            ],
            _ => vec![
                KeyValue::new("code.namespace", "shop::orders"),
                KeyValue::new("code.filepath", "src/orders.rs"),
                KeyValue::new("code.lineno", 42),
                KeyValue::new("thread.id", 7),
                KeyValue::new("thread.name", "tokio-runtime-worker"),
                KeyValue::new("order.items", 3),
                KeyValue::new("order.currency", "EUR"),
            ],
        };
        spans.push(child);
    }
    let mut root = span(number, 1, "GET /orders/{id}", SpanKind::Server);
    root.attributes = vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/orders/{id}"),
        KeyValue::new("url.scheme", "https"),
        KeyValue::new("url.path", "/orders/1234".to_owned()),
        KeyValue::new("server.address", "shop.example.com"),
        KeyValue::new("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("order.id", 1234),
    ];
    spans.push(root);
    spans
}

/// How long it takes to map all traces and write them as JSON.
fn time(mapper: &Mapper) -> Duration {
    let traces: Vec<_> = (0..TRACES).map(trace).collect();
    let start = Instant::now();
    for trace in traces {
        for mapped in mapper.map(trace) {
            black_box(mapped.transaction.to_json().expect("JSON"));
        }
    }
    start.elapsed()
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

fn main() {
    let rounds = argument("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(200_usize);
    let none = Family::ALL.iter().fold(Scrubbing::default(), |all, family| all.without(*family));
    let (on, off) = (Mapper::new(), Mapper::new().with_scrubbing(none));
    if let Some(only) = argument("--only") {
        let mapper = if only == "on" { &on } else { &off };
        for _ in 0..rounds {
            time(mapper);
        }
        return;
    }
    // One after the other, so that both have the same machine.
    let mut times: Vec<_> = (0..rounds).map(|_| (time(&on), time(&off))).collect();
    times.sort_by(|a, b| ratio(*a).total_cmp(&ratio(*b)));
    let middle = times.get(rounds / 2).copied().unwrap_or_default();
    println!(
        "with scrubbing {:.3} times as long as without, the middle of {rounds}",
        ratio(middle)
    );
}

fn ratio((on, off): (Duration, Duration)) -> f64 {
    on.as_secs_f64() / off.as_secs_f64()
}
