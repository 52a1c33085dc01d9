//! gRPC with tonic: a span on each side of a call, one trace, and statuses.
//!
//! ```sh
//! cargo run --example grpc
//! SENTRY_DSN=https://… cargo run --example grpc
//! ```
//!
//! Client and server are in one process here; what goes from one to the other are headers, all the
//! same. The service is written by hand to go without `protoc`; a generated one fits into the same
//! places. Without a DSN the example receives what it sends and shows:
//!
//! ```text
//! ▸ rpc shop.Stock/Reserve                                     ok
//!   ▸ rpc shop.Stock/Reserve                                   ok
//! ▸ rpc shop.Stock/Reserve                                     not_found
//!   ▸ rpc shop.Stock/Reserve                                   not_found
//! ▸ rpc shop.Stock/Reserve                                     internal_error
//!   ▸ rpc shop.Stock/Reserve                                   internal_error
//!         ! StockError: the stock is negative
//! ```

mod common;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{self, HeaderMap, uri::PathAndQuery};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;
use tokio::sync::oneshot;
use tokio::task::{spawn, spawn_blocking};
use tonic::service::Routes;
use tonic::transport::{Channel, Server, server::TcpIncoming};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;
use tower_http::trace::TraceLayer;
use tracing::{Instrument, Span, error, field::Empty, info_span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::common::{Project, Result};

const METHOD: &str = "/shop.Stock/Reserve";

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

    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = format!("http://{}", incoming.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let spans = TraceLayer::new_for_grpc()
        .make_span_with(server_span)
        .on_request(())
        .on_response(|it: &http::Response<_>, _: Duration, span: &Span| record(span, it.headers()))
        .on_eos(|trailers: Option<&HeaderMap>, _: Duration, span: &Span| {
            trailers.into_iter().for_each(|trailers| record(span, trailers));
        })
        .on_failure(());
    let server = Server::builder().layer(spans).add_routes(stock());
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = spawn(server.serve_with_incoming_shutdown(incoming, stopped));
    let channel = Channel::from_shared(address)?.connect().await?;
    let mut codes = Vec::new();
    for product in ["tea", "caviar", "cocoa"] {
        codes.push(call(channel.clone(), product).await.map_or_else(|it| it.code(), |_| Code::Ok));
    }
    drop((stop, channel));
    server.await??;
    spawn_blocking(move || provider.shutdown()).await??;
    if codes != [Code::Ok, Code::NotFound, Code::Internal] {
        return Err(format!("the server answered {codes:?}").into());
    }
    project.compare(include_str!("grpc.rs"))
}

fn server_span<B>(request: &http::Request<B>) -> Span {
    let span = span("server", request.uri().path());
    let headers = HeaderExtractor(request.headers());
    let caller = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
    if let Err(error) = span.set_parent(caller) {
        warn!(%error, "this request begins a trace of its own");
    }
    span
}

async fn call(channel: Channel, product: &str) -> Result<u64, Status> {
    let span = span("client", METHOD);
    let mut request = Request::new(product.to_owned());
    let mut headers = HeaderInjector(request.metadata_mut().as_mut());
    global::get_text_map_propagator(|it| it.inject_context(&span.context(), &mut headers));
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let answer = grpc.unary(request, PathAndQuery::from_static(METHOD), ProstCodec::default());
    let answer = answer.instrument(span.clone()).await.map(Response::into_inner);
    let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
    span.record("rpc.grpc.status_code", code as i64);
    answer
}

fn span(kind: &str, path: &str) -> Span {
    info_span!(
        "call",
        otel.name = path.trim_start_matches('/'),
        otel.kind = kind,
        rpc.system.name = "grpc",
        rpc.service = path.split('/').nth(1),
        rpc.method = path.split('/').nth(2),
        rpc.grpc.status_code = Empty,
    )
}

/// An error without a message comes in the headers, all else in the trailers.
fn record(span: &Span, headers: &HeaderMap) {
    if let Some(status) = Status::from_header_map(headers) {
        span.record("rpc.grpc.status_code", status.code() as i64);
    }
}

/// What follows is the service, for which `tonic-prost-build` makes all but `reserve`.
fn stock() -> Routes {
    let stock = service_fn(async |request: http::Request<Body>| {
        let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
        Ok::<_, Infallible>(grpc.unary(service_fn(reserve), request).await)
    });
    axum::Router::new().route_service(METHOD, stock).into()
}

async fn reserve(request: Request<String>) -> Result<Response<u64>, Status> {
    match request.get_ref().as_str() {
        "tea" => Ok(Response::new(12)),
        "cocoa" => {
            error!("exception.type" = "StockError", "the stock is negative");
            Err(Status::internal("try again later"))
        }
        product => Err(Status::not_found(format!("no {product} here"))),
    }
}
