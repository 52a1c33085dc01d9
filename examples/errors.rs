//! Reports of anyhow and eyre, errors of the standard kind, and panics: what issues they become.
//!
//! ```sh
//! RUST_BACKTRACE=1 cargo run --features panic --example errors
//! SENTRY_DSN=https://… RUST_BACKTRACE=1 cargo run --features panic --example errors
//! ```
//!
//! Without `RUST_BACKTRACE`, anyhow and eyre have no frames; a panic has them in any case. Files are
//! known where there is debug information. Without a DSN the example receives what it sends and shows:
//!
//! ```text
//! ▸ with_anyhow                                                internal_error
//!       ! Error: the order of Mr. Bean
//!         caused by Error: "a dozen" is no amount
//!         caused by Error: invalid digit found in string
//!         in errors.rs
//! ▸ with_eyre                                                  internal_error
//!   inner                                                      internal_error
//!       ! Error: the orders of the day
//!         caused by Error: the order of Ms. Tea
//!         caused by Error: "a score" is no amount
//!         caused by Error: invalid digit found in string
//!         in errors.rs
//! ▸ with_a_line                                                internal_error
//!       ! NoAmount: "two" is no amount
//!         caused by Error: invalid digit found in string
//!         "not an order"
//! ▸ with_a_panic                                               internal_error
//!       ! panic: there is always some stock
//!         fatal, not handled
//!         in errors.rs
//! and 1 more record of one of them
//! ```

mod common;

use std::error::Error;
use std::num::ParseIntError;
use std::{env, thread};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::{PanicHook, SentrySpanExporter};
use tracing::{error, info_span, instrument};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::common::arrivals::Arrivals;
use crate::common::outline::Outline;
use crate::common::{Project, Result, compare};

#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no amount")]
struct NoAmount {
    text: &'static str,
    source: ParseIntError,
}

fn main() -> Result {
    if env::var("RUST_BACKTRACE").is_err() {
        return Err("set RUST_BACKTRACE=1, which this example shows the use of".into());
    }
    let project = Project::open()?;
    let exporter = SentrySpanExporter::builder().with_dsn(project.dsn()).build()?;
    PanicHook::new(&exporter).install();
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    tracing_subscriber::registry().with(layer).init();

    let results = [
        with_anyhow().is_err(),
        with_eyre().is_err(),
        with_a_line().is_err(),
        // The hook prints, as ever, and the thread is gone; the process is not.
        thread::spawn(with_a_panic).join().is_err(),
    ];
    provider.shutdown()?;
    assert_eq!(results, [true; 4], "all of them fail");
    if project.is_real() {
        return Ok(());
    }
    let arrivals = Arrivals::read(&project.inbox()?.envelopes)?;
    let outline = Outline::of(&arrivals).with_frames();
    let repeated = exporter.stats().repeated_errors;
    let text = format!("{outline}and {repeated} more record of one of them\n");
    compare(&text, include_str!("errors.rs"))
}

fn amount(text: &'static str) -> Result<u32, NoAmount> {
    text.parse().map_err(|source| NoAmount { text, source })
}

/// `err(Debug)` hands on the whole report: causes, and frames.
#[instrument(err(Debug))]
fn with_anyhow() -> anyhow::Result<u32> {
    use anyhow::Context;
    amount("a dozen").context("the order of Mr. Bean")
}

/// An error that leaves two functions is told once: where it was first, with all of its context.
#[instrument(err(Debug))]
fn with_eyre() -> eyre::Result<u32> {
    use eyre::WrapErr;
    inner().wrap_err("the orders of the day")
}

#[instrument(err(Debug))]
fn inner() -> eyre::Result<u32> {
    use eyre::WrapErr;
    amount("a score").wrap_err("the order of Ms. Tea")
}

/// An error at hand comes with its sources; Rust does not tell its type, so this names it.
#[instrument(skip_all)]
fn with_a_line() -> Result<u32, NoAmount> {
    amount("two").inspect_err(|error| {
        let error = error as &dyn Error;
        error!(error, "exception.type" = "NoAmount", "not an order");
    })
}

fn with_a_panic() {
    let _order = info_span!("with_a_panic").entered();
    let stock: [u32; 0] = [];
    let first = stock.first().expect("there is always some stock");
    println!("{first}");
}
