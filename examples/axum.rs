//! A service with axum: spans of requests by tower-http, traces of callers, and an orderly end.
//!
//! ```sh
//! cargo run --example axum
//! SENTRY_DSN=https://… cargo run --example axum
//! ```
//!
//! It sends itself two requests as a browser and another service would, and a SIGTERM while it is
//! still at work on the second. Without a DSN it receives what it sends and shows:
//!
//! ```text
//! ▸ http.server POST /orders/{product}                         internal_error
//!       below 7c51afd529da4a2a of another service
//!   reserve                                                    internal_error
//!       ! Error: 500 wanted, 12 left
//! ▸ http.server GET /reports/{year}                            ok
//!       below b7ad6b7169203331 of another service
//! ```

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{spawn, spawn_blocking};
use tower_http::trace::TraceLayer;
use tracing::{Span, field::Empty, info_span, instrument, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::common::{Project, Result, process::signal};

/// Told when the slow request has begun.
static AT_WORK: Notify = Notify::const_new();

#[tokio::main]
async fn main() -> Result {
    let project = Project::open()?;
    let exporter = SentrySpanExporter::builder().with_dsn(project.dsn()).build()?;
    global::set_text_map_propagator(exporter.propagator());
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(exporter)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO)).init();

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let customers = spawn(customers(listener.local_addr()?));
    axum::serve(listener, shop()).with_graceful_shutdown(terminated()?).await?;
    // Every request is answered now, and its span has ended.
    spawn_blocking(move || provider.shutdown()).await??;
    customers.await??;
    project.compare(include_str!("axum.rs"))
}

fn shop() -> Router {
    let spans = TraceLayer::new_for_http()
        .make_span_with(server_span)
        .on_request(())
        .on_response(|response: &Response, _: Duration, span: &Span| {
            span.record("http.response.status_code", response.status().as_u16());
        })
        .on_failure(());
    let router = Router::new().route("/orders/{product}", post(order));
    router.route("/reports/{year}", get(report)).layer(spans)
}

fn server_span(request: &Request) -> Span {
    let span = info_span!(
        "request",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str),
        url.path = request.uri().path(),
        http.response.status_code = Empty,
    );
    let headers = HeaderExtractor(request.headers());
    let caller = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
    if let Err(error) = span.set_parent(caller) {
        warn!(%error, "this request begins a trace of its own");
    }
    span
}

async fn order() -> Result<&'static str, StatusCode> {
    reserve(500).map(|()| "reserved").map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

#[instrument(err(Debug))]
fn reserve(wanted: u32) -> anyhow::Result<()> {
    anyhow::ensure!(wanted <= 12, "{wanted} wanted, 12 left");
    Ok(())
}

async fn report() -> &'static str {
    AT_WORK.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    "all is well"
}

/// What Kubernetes and systemd send before they kill; Ctrl-C where there are no signals.
fn terminated() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        signals.recv().await;
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.ok();
    })
}

/// Shows it: what follows is no part of the service.
async fn customers(shop: SocketAddr) -> Result {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let browser = "771a43a4192642f0b136d5159a501700-7c51afd529da4a2a-1";
    let order = client.post(format!("http://{shop}/orders/7")).header("sentry-trace", browser);
    let answer = order.send().await?.status();
    let service = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let report = client.get(format!("http://{shop}/reports/2026")).header("traceparent", service);
    let report = spawn(report.send());
    AT_WORK.notified().await;
    signal("TERM", std::process::id())?;
    let answers = [answer, report.await??.status()].map(|status| status.as_u16());
    if answers == [500, 200] { Ok(()) } else { Err(format!("answers {answers:?}").into()) }
}
