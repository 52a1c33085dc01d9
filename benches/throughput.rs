//! How many spans arrive over a slow network, through the SDK's batch processor as it comes.
//!
//! `cargo bench --bench throughput` starts a server on this machine that answers after a delay,
//! makes traces of 20 spans at a steady pace, and prints what arrived. It measures, and judges
//! nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::SentrySpanExporter;

const SPANS_PER_TRACE: u64 = 20;
const SECONDS: u64 = 5;

/// A server that accepts everything, late; with the most requests it had at the same time.
fn serve(delay: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let (address, started) = std::sync::mpsc::channel();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let result = Arc::clone(&most);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            address.send(listener.local_addr().unwrap()).unwrap();
            let accept = move |_: axum::body::Bytes| {
                let (open, most) = (Arc::clone(&open), Arc::clone(&most));
                async move {
                    most.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    tokio::time::sleep(delay).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                    "{}"
                }
            };
            axum::serve(listener, Router::new().route("/api/42/envelope/", post(accept))).await
        })
    });
    (started.recv().unwrap(), result)
}

fn trace(provider: &SdkTracerProvider) {
    let tracer = provider.tracer("bench");
    let root = tracer
        .span_builder("GET /users/{id}")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/users/{id}"),
            KeyValue::new("url.path", "/users/7"),
            KeyValue::new("http.response.status_code", 200),
        ])
        .start(&tracer);
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
            .start_with_context(&tracer, &root);
        child.end();
    }
    root.span().end();
}

fn run(delay: Duration, spans_per_second: u64) {
    let (address, most) = serve(delay);
    let dsn = format!("http://0123456789abcdef0123456789abcdef@{address}/42");
    let exporter = SentrySpanExporter::builder().with_dsn(dsn).build().unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
    let (started, mut traces) = (Instant::now(), 0);
    let all = spans_per_second * SECONDS / SPANS_PER_TRACE;
    while traces < all {
        let due =
            started.elapsed().as_micros() as u64 * spans_per_second / SPANS_PER_TRACE / 1_000_000;
        while traces < due.min(all) {
            trace(&provider);
            traces += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    provider.shutdown().ok();
    let stats = exporter.stats();
    let made = all * SPANS_PER_TRACE;
    println!(
        "{:>4} ms, {spans_per_second:>6} spans/s: {:>6.2} % arrived, {} dropped by the exporter, \
         {} lost before it, {} requests at most",
        delay.as_millis(),
        100.0 * stats.spans_delivered as f64 / made as f64,
        stats.spans_dropped,
        made - stats.spans_received,
        most.load(Ordering::Relaxed)
    );
}

fn main() {
    for delay in [0, 20, 50, 100, 300] {
        for spans_per_second in [2000, 20_000] {
            run(Duration::from_millis(delay), spans_per_second);
        }
    }
}
