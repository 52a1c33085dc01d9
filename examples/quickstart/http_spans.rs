//! One span per HTTP request on both ends, and the `traceparent` header
//! between them: what makes two services share one trace.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::global;
use opentelemetry::propagation::{Extractor, Injector};
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Middleware: the server span, a child of the caller's span if it sent one.
pub async fn serve(request: Request, next: Next) -> Response {
    let method = request.method().as_str();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let span = info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        url.path = request.uri().path(),
        http.response.status_code = Empty,
    );
    let caller = global::get_text_map_propagator(|propagator| {
        propagator.extract(&Incoming(request.headers()))
    });
    if let Err(error) = span.set_parent(caller) {
        tracing::warn!(%error, "this request starts a trace of its own");
    }
    let response = next.run(request).instrument(span.clone()).await;
    record_status(&span, response.status());
    response
}

/// Sends a request under a client span and passes the trace on.
pub async fn send(
    client: &reqwest::Client,
    mut request: reqwest::Request,
) -> reqwest::Result<reqwest::Response> {
    let span = info_span!(
        "call",
        otel.name = request.method().as_str(),
        otel.kind = "client",
        http.request.method = request.method().as_str(),
        url.full = request.url().as_str(),
        server.address = request.url().host_str(),
        server.port = request.url().port().map(i64::from),
        http.response.status_code = Empty,
    );
    global::get_text_map_propagator(|propagator| {
        let carrier = &mut Outgoing(request.headers_mut());
        propagator.inject_context(&span.context(), carrier);
    });
    let response = client.execute(request).instrument(span.clone()).await?;
    record_status(&span, response.status());
    Ok(response)
}

fn record_status(span: &tracing::Span, status: http::StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(key), HeaderValue::try_from(value.as_str()))
        {
            self.0.insert(name, value);
        }
    }
}
