//! The service behind: stock in SQLite. It shows database spans and an error
//! with its causes, recorded by one `tracing::error!`.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{info_span, instrument};

use crate::{Result, http_spans};

type Database = Arc<Mutex<Connection>>;

#[derive(Debug, thiserror::Error)]
#[error("could not reserve {quantity} of product {product}")]
struct ReservationError {
    product: i64,
    quantity: i64,
    source: StockError,
}

#[derive(Debug, thiserror::Error)]
#[error("the stock of product {product} stays as it was")]
struct StockError {
    product: i64,
    source: rusqlite::Error,
}

pub fn router() -> Result<Router> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(
        "CREATE TABLE stock (
             product INTEGER PRIMARY KEY,
             available INTEGER NOT NULL CHECK (available >= 0)
         );
         INSERT INTO stock VALUES (7, 12), (8, 0), (9, 40);",
    )?;
    Ok(Router::new()
        .route("/stock/{product}", get(show_stock))
        .route("/reservations", post(reserve))
        .route_layer(middleware::from_fn(http_spans::serve))
        .with_state(Arc::new(Mutex::new(connection))))
}

async fn show_stock(
    State(database): State<Database>,
    Path(product): Path<i64>,
) -> (StatusCode, Json<Value>) {
    match available(&database, product) {
        Ok(Some(available)) => (StatusCode::OK, Json(json!({ "available": available }))),
        Ok(None) => {
            tracing::info!(product, "not in stock and never was");
            (StatusCode::NOT_FOUND, Json(Value::Null))
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn Error, "stock unreadable");
            (StatusCode::INTERNAL_SERVER_ERROR, Json(Value::Null))
        }
    }
}

async fn reserve(State(database): State<Database>, Json(order): Json<Value>) -> StatusCode {
    let (Some(product), Some(quantity)) = (order["product"].as_i64(), order["quantity"].as_i64())
    else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    match take(&database, product, quantity) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(source) => {
            let error = ReservationError { product, quantity, source };
            // The causes come along by themselves. Rust cannot name the type of
            // a `dyn Error`, so the title of the issue is given here.
            tracing::error!(
                error = &error as &dyn Error,
                "exception.type" = "ReservationError",
                "reservation failed",
            );
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

#[instrument(skip(database))]
fn available(database: &Database, product: i64) -> rusqlite::Result<Option<i64>> {
    let query = "SELECT available FROM stock WHERE product = ?1";
    traced(query, || lock(database).query_row(query, [product], |row| row.get(0)).optional())
}

#[instrument(skip(database))]
fn take(database: &Database, product: i64, quantity: i64) -> Result<(), StockError> {
    let query = "UPDATE stock SET available = available - ?2 WHERE product = ?1";
    traced(query, || lock(database).execute(query, [product, quantity]))
        .map(|_rows| ())
        .map_err(|source| StockError { product, source })
}

/// Runs a query under a database span.
fn traced<T>(query: &str, run: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let span = info_span!(
        "query",
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "sqlite",
        db.query.text = query,
    );
    span.in_scope(run).inspect_err(|_| {
        span.record("otel.status_code", "ERROR");
    })
}

fn lock(database: &Database) -> MutexGuard<'_, Connection> {
    database.lock().unwrap_or_else(PoisonError::into_inner)
}
