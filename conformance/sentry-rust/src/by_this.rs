//! The application with `tracing-opentelemetry` and this crate.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::testing::InMemoryTransport;
use opentelemetry_sentry::{PanicHook, SentrySpanExporter};
use serde_json::Value;
use tracing::{Instrument, Span};
use tracing_subscriber::layer::SubscriberExt;

use crate::failures::{returned, router};
use crate::request::send;

const SOON: Duration = Duration::from_secs(10);

/// The error events of one request.
pub fn events(path: &str) -> Vec<Value> {
    let sentry = InMemoryTransport::new();
    let exporter = SentrySpanExporter::builder()
        .with_dsn("https://key@sentry.invalid/42")
        .with_environment("production")
        .with_transport(sentry.clone())
        .build()
        .expect("an exporter");
    PanicHook::new(&exporter).install();
    let resource = Resource::builder()
        .with_service_name("shop")
        .with_attributes([
            KeyValue::new("service.version", "1.2.3"),
            KeyValue::new("host.name", "web-1"),
        ])
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.clone())
        .with_resource(resource)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        send(router(returned).layer(from_fn(traced)), path);
    });
    provider.force_flush().expect("a flush");
    exporter.flush(SOON).expect("a flush");
    provider.shutdown().expect("a shutdown");
    sentry.events()
}

/// What an instrumentation of axum does: a span for each request, in OpenTelemetry's words.
async fn traced(request: Request, next: Next) -> Response {
    let span = span_of(&request);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

fn span_of(request: &Request) -> Span {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    tracing::info_span!(
        "request",
        otel.name = format!("{} {path}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = path,
        url.path = request.uri().path(),
        url.query = request.uri().query(),
        url.scheme = "http",
        server.address = header("host"),
        user_agent.original = header("user-agent"),
        http.response.status_code = tracing::field::Empty,
    )
}
