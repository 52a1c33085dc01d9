//! Two exporters at one provider: this one, and OTLP to a Collector or any other backend.
//!
//! ```sh
//! cargo run --example fan_out
//! SENTRY_DSN=https://… OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://… cargo run --example fan_out
//! ```
//!
//! Without the variables the example receives what it sends, and says what came on which road. Each
//! exporter has a processor with a queue of its own, so that neither waits for the other, and both
//! see every span as it was made: what this one scrubs or samples changes nothing for the other.

use std::env;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use opentelemetry::trace::{Span, Status, Tracer, TracerProvider, mark_span_as_active};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result {
    let runtime = Runtime::new()?;
    let came = Arc::<Mutex<Vec<String>>>::default();
    let host = runtime.block_on(receive(Arc::clone(&came)))?;
    let given = |variable| env::var(variable).ok().filter(|value| !value.is_empty());
    let dsn = given("SENTRY_DSN");
    let endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let is_shown = dsn.is_none() && endpoint.is_none();
    let dsn = dsn.unwrap_or_else(|| format!("http://0123456789abcdef0123456789abcdef@{host}/42"));
    let endpoint = endpoint.unwrap_or_else(|| format!("http://{host}/v1/traces"));

    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(SentrySpanExporter::builder().with_dsn(dsn).build()?)
        .with_batch_exporter(SpanExporter::builder().with_http().with_endpoint(endpoint).build()?)
        .build();
    let tracer = provider.tracer("shop");
    let order = mark_span_as_active(tracer.start("POST /orders"));
    let mut query = tracer.start("SELECT product");
    query.record_error(&std::io::Error::other("the table is locked"));
    query.set_status(Status::error("the table is locked"));
    query.end();
    drop(order);
    provider.shutdown()?;

    let came = came.lock().map_err(|_| "the receiver panicked")?;
    came.iter().for_each(|line| println!("{line}"));
    let has = |path| came.iter().any(|line| line.starts_with(path));
    if !is_shown || (has("/api/42/envelope/") && has("/v1/traces")) {
        Ok(())
    } else {
        Err("something did not arrive".into())
    }
}

/// Listens for both, and gives the address.
async fn receive(came: Arc<Mutex<Vec<String>>>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = listener.local_addr()?.to_string();
    let router = Router::new().fallback(async move |uri: Uri, body: Bytes| {
        if let Ok(mut came) = came.lock() {
            came.push(format!("{:<20} {:>5} bytes", uri.path(), body.len()));
        }
        StatusCode::OK
    });
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(host)
}
