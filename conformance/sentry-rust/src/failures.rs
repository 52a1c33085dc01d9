//! An application that fails in every way, without a word about who is listening.

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

/// A way to fail: what it is called, and where.
pub struct Failure {
    pub title: &'static str,
    pub path: &'static str,
}

/// In the order of the table.
pub const FAILURES: [Failure; 5] = [
    Failure {
        title: "`#[instrument(err(Debug))]` on a function that returns an anyhow error",
        path: "/returned/7",
    },
    Failure { title: "`error!(error = &error as &dyn Error, \"order failed\")`", path: "/error/7" },
    Failure { title: "`error!(order.id, tags.team, \"order failed\")`", path: "/line/7" },
    Failure { title: "a panic in a handler", path: "/panic/7" },
    Failure {
        title: "`capture_anyhow` of `sentry`; here `#[instrument(err(Debug))]`",
        path: "/captured/7",
    },
];

#[derive(Debug)]
struct Unreachable;

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the warehouse cannot be reached")
    }
}

impl std::error::Error for Unreachable {}

/// The handlers; `captured` is the one that has to name the recipient.
pub fn router(captured: fn(u64) -> anyhow::Result<()>) -> Router {
    let status = |result: anyhow::Result<()>| match result {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Router::new()
        .route("/returned/{id}", get(async move || on_the_way(|| status(returned(7)))))
        .route("/error/{id}", get(async || on_the_way(error)))
        .route("/line/{id}", get(async || on_the_way(line)))
        .route("/panic/{id}", get(async || on_the_way(|| panic!("no money: {}", 7))))
        .route("/captured/{id}", get(async move || on_the_way(|| status(captured(7)))))
}

fn on_the_way(fail: impl FnOnce() -> StatusCode) -> StatusCode {
    tracing::debug!("looking for stock");
    tracing::info!(product = 3, "checking stock");
    tracing::warn!("stock is low");
    fail()
}

pub fn place_order(id: u64) -> anyhow::Result<()> {
    reserve(id).context("could not reserve").with_context(|| format!("order {id} failed"))
}

fn reserve(_id: u64) -> anyhow::Result<()> {
    Err(Unreachable.into())
}

#[tracing::instrument(err(Debug), fields(order.id = id))]
pub fn returned(id: u64) -> anyhow::Result<()> {
    place_order(id)
}

#[tracing::instrument]
fn error() -> StatusCode {
    if let Err(error) = place_order(7) {
        let error: &(dyn std::error::Error + 'static) = error.as_ref();
        tracing::error!(error, "order failed");
    }
    StatusCode::INTERNAL_SERVER_ERROR
}

#[tracing::instrument]
fn line() -> StatusCode {
    tracing::error!(order.id = 7, tags.team = "checkout", "order failed");
    StatusCode::INTERNAL_SERVER_ERROR
}
