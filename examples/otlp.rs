//! The same spans on both roads to Sentry: as envelopes, and as OTLP.
//!
//! ```sh
//! cargo run --features otlp --example otlp
//! SENTRY_DSN=https://… cargo run --features otlp --example otlp
//! ```
//!
//! Without a DSN the example receives what it sends and says what came. An application takes one of
//! the two roads; with both, every span is sent twice, in two forms.

use std::env;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use opentelemetry::trace::{Span, Status, Tracer, TracerProvider, mark_span_as_active};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::{OtlpEndpoint, SentrySpanExporter, otlp};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result {
    let runtime = Runtime::new()?;
    match env::var("SENTRY_DSN") {
        Ok(dsn) if !dsn.is_empty() => send(&dsn),
        _ => {
            let came = Arc::<Mutex<Vec<String>>>::default();
            let dsn = runtime.block_on(receive(Arc::clone(&came)))?;
            send(&dsn)?;
            let came = came.lock().map_err(|_| "the receiver panicked")?;
            came.iter().for_each(|line| println!("{line}"));
            let has = |path| came.iter().any(|line| line.contains(path));
            let has_both = has("/api/42/envelope/") && has("/api/42/integration/otlp/v1/traces");
            if has_both { Ok(()) } else { Err("something did not arrive".into()) }
        }
    }
}

fn send(dsn: &str) -> Result {
    println!("envelopes and OTLP to {}", OtlpEndpoint::from_dsn(dsn)?.traces_url());
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(SentrySpanExporter::builder().with_dsn(dsn).build()?)
        .with_batch_exporter(otlp::span_exporter(dsn)?)
        .build();
    let tracer = provider.tracer("shop");
    let order = mark_span_as_active(tracer.start("POST /orders"));
    for product in 0..10 {
        let mut query = tracer.start(format!("SELECT product {product}"));
        if product == 7 {
            query.record_error(&std::io::Error::other("the table is locked"));
            query.set_status(Status::error("the table is locked"));
        }
        query.end();
    }
    drop(order);
    Ok(provider.shutdown()?)
}

/// Starts to listen, and gives the DSN of what listens.
async fn receive(came: Arc<Mutex<Vec<String>>>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let dsn = format!("http://0123456789abcdef0123456789abcdef@{}/42", listener.local_addr()?);
    let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let has_key = headers.contains_key("x-sentry-auth");
        let size = body.len();
        let line = format!("{:<36} {size:>5} bytes, with a key: {has_key}", uri.path());
        if let Ok(mut came) = came.lock() {
            came.push(line);
        }
        StatusCode::ACCEPTED
    });
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(dsn)
}
