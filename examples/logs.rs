//! Spans and logs side by side, joined by their ids.
//!
//! ```sh
//! SENTRY_DSN=https://… cargo run --features logs --example logs
//! ```
//!
//! Without a DSN the example receives what it sends, and says what came.

use std::sync::{Arc, Mutex};
use std::{env, io, net::SocketAddr};

use axum::Router;
use axum::body::Bytes;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result {
    if env::var("SENTRY_DSN").is_ok_and(|dsn| !dsn.is_empty()) {
        return send(SentrySpanExporter::from_env()?);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let bodies = Arc::<Mutex<Vec<Bytes>>>::default();
    let address = runtime.block_on(receive(Arc::clone(&bodies)))?;
    send(SentrySpanExporter::builder().with_dsn(format!("http://key@{address}/42")).build()?)?;
    let bodies = bodies.lock().map_err(|_| "the receiver panicked")?;
    let payloads: Vec<Value> = bodies.iter().map(|body| payload(body)).collect::<Result<_>>()?;
    let trace = |it: &Value| it["trace_id"].as_str().map(str::to_owned).unwrap_or_default();
    let span = payloads.iter().map(|it| trace(&it["contexts"]["trace"])).find(|id| !id.is_empty());
    let logs = payloads.iter().filter_map(|it| it["items"].as_array()).flatten();
    for log in logs {
        let is_joined = Some(trace(log)) == span;
        println!("{}: {} (of the span's trace: {is_joined})", log["level"], log["body"]);
        if !is_joined {
            return Err("the log is of another trace".into());
        }
    }
    Ok(())
}

/// The application: one span, and what it says on its way.
fn send(exporter: SentrySpanExporter) -> Result {
    let logs = SdkLoggerProvider::builder().with_batch_exporter(exporter.logs()).build();
    let traces = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("shop")))
        .with(OpenTelemetryTracingBridge::new(&logs));
    tracing::subscriber::with_default(subscriber, || {
        let _order = tracing::info_span!("order", id = 7).entered();
        tracing::info!(items = 3, "taken");
        tracing::warn!(left = 1, "the stock is low");
    });
    traces.shutdown()?;
    logs.shutdown()?;
    println!("{}", exporter.stats());
    Ok(())
}

/// The payload of the only item of an envelope.
fn payload(body: &[u8]) -> Result<Value> {
    let text = io::read_to_string(flate2::read::GzDecoder::new(body))?;
    Ok(serde_json::from_str(text.lines().nth(2).ok_or("no payload")?)?)
}

async fn receive(bodies: Arc<Mutex<Vec<Bytes>>>) -> io::Result<SocketAddr> {
    let keep = move |body: Bytes| async move {
        bodies.lock().map(|mut bodies| bodies.push(body)).ok();
        "{}"
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().fallback(keep);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
