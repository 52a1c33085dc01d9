//! The service in front: it answers the shop's requests and calls the
//! inventory. It shows a middleware's server spans, `#[instrument]`, events,
//! client spans, and an exception recorded together with a backtrace.

use std::backtrace::Backtrace;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use opentelemetry::KeyValue;
use opentelemetry::trace::Status;
use reqwest::Client;
use serde_json::{Value, json};
use tracing::{Span, instrument};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{Result, http_spans};

#[derive(Clone)]
struct Storefront {
    client: Client,
    inventory: SocketAddr,
}

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the inventory does not answer")]
    Unreachable(#[from] reqwest::Error),
    #[error("the inventory answered {0}")]
    Refused(StatusCode),
}

pub fn router(inventory: SocketAddr) -> Result<Router> {
    // The first backtrace of a process reads its debug info, which takes long:
    // better here than within a request.
    let _text = Backtrace::force_capture().to_string();
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(3)).build()?;
    Ok(Router::new()
        .route("/products", get(list_products))
        .route("/products/{id}", get(show_product))
        .route("/orders", post(order))
        .route_layer(middleware::from_fn(http_spans::serve))
        .with_state(Storefront { client, inventory }))
}

async fn list_products() -> Json<Value> {
    Json(json!(catalogue()))
}

async fn show_product(
    State(storefront): State<Storefront>,
    Path(id): Path<i64>,
) -> (StatusCode, Json<Value>) {
    match storefront.stock(id).await {
        Ok(Some(available)) => {
            let product = json!({ "id": id, "available": available });
            (StatusCode::OK, Json(product))
        }
        Ok(None) => (StatusCode::NOT_FOUND, Json(Value::Null)),
        Err(_) => (StatusCode::BAD_GATEWAY, Json(Value::Null)),
    }
}

async fn order(State(storefront): State<Storefront>, order: String) -> StatusCode {
    match storefront.place_order(order).await {
        Ok(()) => StatusCode::CREATED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[instrument]
fn catalogue() -> [&'static str; 3] {
    let products = ["tea", "coffee", "cocoa"];
    tracing::info!(products = products.len(), "catalogue read");
    products
}

impl Storefront {
    #[instrument(skip(self))]
    async fn stock(&self, id: i64) -> Result<Option<i64>, OrderError> {
        self.request_stock(id).await.inspect_err(record_exception)
    }

    #[instrument(skip_all)]
    async fn place_order(&self, order: String) -> Result<(), OrderError> {
        tracing::info!(bytes = order.len(), "order received");
        self.reserve(order).await.inspect_err(record_exception)
    }

    async fn request_stock(&self, id: i64) -> Result<Option<i64>, OrderError> {
        let url = format!("http://{}/stock/{id}", self.inventory);
        let request = self.client.get(url).build()?;
        let response = http_spans::send(&self.client, request).await?;
        match response.status() {
            StatusCode::OK => {
                let stock: Option<Value> = serde_json::from_slice(&response.bytes().await?).ok();
                Ok(stock.and_then(|stock| stock["available"].as_i64()))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(OrderError::Refused(status)),
        }
    }

    async fn reserve(&self, order: String) -> Result<(), OrderError> {
        let request = self
            .client
            .post(format!("http://{}/reservations", self.inventory))
            .header(CONTENT_TYPE, "application/json")
            .body(order)
            .build()?;
        let response = http_spans::send(&self.client, request).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(OrderError::Refused(status)),
        }
    }
}

/// Records an error as OpenTelemetry's conventions say, with a stack trace,
/// which `tracing` alone would not add.
fn record_exception(error: &OrderError) {
    let backtrace = Backtrace::force_capture();
    let span = Span::current();
    span.set_status(Status::error(error.to_string()));
    span.add_event(
        "exception",
        vec![
            KeyValue::new("exception.type", "OrderError"),
            KeyValue::new("exception.message", error.to_string()),
            KeyValue::new("exception.stacktrace", backtrace.to_string()),
        ],
    );
}
