//! Spans of a web service as instrumentation writes them, with ids that follow from a number.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::SpanData;

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
///
/// Its children come first, as they end first.
pub fn trace(number: u128, spans_per_trace: u64) -> Vec<SpanData> {
    let mut spans = Vec::new();
    for id in 2..=spans_per_trace {
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
