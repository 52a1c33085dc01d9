//! A service for `conformance/trace-join/run`, which puts it between services with Sentry's SDKs.

mod common;

use std::io::{Read, stdin};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use common::carrier::Carrier;
use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::{SentryPropagator, SentrySpanExporter};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::form_urlencoded;

#[derive(Clone)]
struct Service {
    provider: SdkTracerProvider,
    propagator: SentryPropagator,
    client: reqwest::Client,
}

async fn handle(State(service): State<Service>, uri: Uri, mut headers: HeaderMap) {
    let above = service.propagator.extract_with_context(&Context::new(), &Carrier(&mut headers));
    let tracer = service.provider.tracer("tests");
    let builder = tracer.span_builder("rust service").with_kind(SpanKind::Server);
    let root = above.with_span(builder.start_with_context(&tracer, &above));
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    for (_, url) in query.filter(|(key, _)| key == "next") {
        let builder = tracer.span_builder("GET").with_kind(SpanKind::Client);
        let call = root.with_span(builder.start_with_context(&tracer, &root));
        let mut headers = HeaderMap::new();
        service.propagator.inject_context(&call, &mut Carrier(&mut headers));
        let answer = service.client.get(url.as_ref()).headers(headers).send().await;
        answer.unwrap().error_for_status().unwrap();
        call.span().end();
    }
    root.span().record_error(&std::io::Error::other("rust trouble"));
    root.span().end();
}

#[tokio::test]
#[ignore = "conformance/trace-join/run starts it"]
async fn a_service_between_others() {
    let exporter = SentrySpanExporter::builder()
        .with_dsn(std::env::var("TRACE_JOIN_DSN").expect("TRACE_JOIN_DSN"))
        .with_release("rust@1.0")
        .with_environment("conformance")
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let service = Service { provider, propagator: exporter.propagator(), client };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening at http://{}", listener.local_addr().unwrap());
    let (end, ended) = oneshot::channel();
    // Whoever started it closes its input at the end, also if it is killed.
    std::thread::spawn(move || {
        let _ = stdin().read_to_end(&mut Vec::new());
        let _ = end.send(());
    });
    let router = Router::new().route("/", get(handle)).with_state(service.clone());
    axum::serve(listener, router)
        .with_graceful_shutdown(async { ended.await.unwrap_or_default() })
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || service.provider.shutdown()).await.unwrap().unwrap();
}
