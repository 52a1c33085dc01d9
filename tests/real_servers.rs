//! A day of an application, sent to servers that other people made.
//!
//! Ignored, because they have to be started first: `conformance/bugsink/run` and
//! `conformance/spotlight/run` do, and look at what the server made of it.

mod common;

use std::backtrace::Backtrace;
use std::env;
use std::error::Error;
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use common::sentry::SOON;
use common::telemetry::{provider, stats};
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Status, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::{DropReason, SentrySpanExporter, SentrySpanExporterBuilder, Stats};
use tracing::{Span, info_span, instrument};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

const LIMIT: Duration = Duration::from_secs(120);

/// What `day` makes, and what the scripts beside the servers count on.
const REQUESTS: u64 = 60;
const FAILURES: u64 = 14;
const ROWS: i64 = 300;
const TRANSACTIONS: u64 = 1 + REQUESTS + FAILURES + 1;

#[derive(Debug, thiserror::Error)]
#[error("could not reserve {quantity} of product {product}")]
struct ReservationError {
    product: i64,
    quantity: i64,
    source: StockError,
}

#[derive(Debug, thiserror::Error)]
enum StockError {
    #[error("the stock cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("{0} wanted, {1} there")]
    TooFew(i64, i64),
}

fn locked() -> io::Error {
    io::Error::other("the table is locked")
}

/// A request that nothing goes wrong in.
fn served(number: u64) {
    request("GET /products/{id}").in_scope(|| {
        info_span!("SELECT products", otel.kind = "client", db.system.name = "sqlite")
            .in_scope(|| tracing::info!(number, "found"));
    });
}

fn request(name: &'static str) -> Span {
    let (method, route) = name.split_once(' ').unwrap();
    info_span!(
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        otel.status_description = tracing::field::Empty,
        http.request.method = method,
        http.route = route,
        user.id = "7",
    )
}

/// A failure in each of the ways in which Rust programs record them.
fn failures(provider: &SdkTracerProvider) {
    let mut span = provider.tracer("shop").start("POST /recorded");
    span.record_error(&io::Error::new(io::ErrorKind::NotFound, "no such drawer"));
    span.end();

    request("POST /reservations").in_scope(|| {
        let source = StockError::from(locked());
        let error = ReservationError { product: 7, quantity: 500, source };
        tracing::error!(
            error = &error as &dyn Error,
            "exception.type" = "shop::stock::ReservationError",
            "reservation failed",
        );
    });
    request("POST /reports").in_scope(|| {
        let report = write_report().unwrap_err();
        tracing::error!(error = ?report, "report failed");
    });
    request("POST /orders").in_scope(place_order);
    request("GET /exchange").in_scope(|| tracing::error!(currency = "EUR", "no rate for today"));
    let payment = request("POST /payments");
    payment.record("otel.status_code", "ERROR");
    payment.record("otel.status_description", "the card was refused");
    drop(payment);
    let _ = request("GET /invoices").in_scope(invoice);
    let _ = request("GET /stock").in_scope(|| count(12));
    for attempt in 1..=3 {
        request("POST /mails").in_scope(|| tracing::error!(attempt, "the mail server is away"));
    }
    request("POST /reviews").in_scope(|| {
        tracing::error!(exception.message = "„schön“ 🎉 is no number\n  at line 2\u{0}");
    });
    for customer in ["jane", "joe"] {
        request("GET /customers").in_scope(|| {
            tracing::error!(
                sentry.fingerprint = "customers",
                exception.type = "CustomerError",
                exception.message = format!("{customer} moved away"),
            );
        });
    }
}

#[inline(never)]
fn write_report() -> anyhow::Result<()> {
    Err(locked()).context("reading the sales").context("writing the report")
}

/// Records an error as OpenTelemetry's conventions say, with a stack trace.
#[inline(never)]
fn place_order() {
    let span = Span::current();
    span.set_status(Status::error("the inventory answered 500"));
    span.add_event(
        "exception",
        vec![
            KeyValue::new("exception.type", "shop::orders::OrderError"),
            KeyValue::new("exception.message", "the inventory answered 500"),
            KeyValue::new("exception.stacktrace", Backtrace::force_capture().to_string()),
        ],
    );
}

#[instrument(err)]
fn invoice() -> Result<(), StockError> {
    lines()
}

#[instrument(err)]
fn lines() -> Result<(), StockError> {
    prices()
}

#[instrument(err)]
fn prices() -> Result<(), StockError> {
    Err(io::Error::other("the price list is torn"))?
}

#[instrument(err(Debug))]
fn count(there: i64) -> Result<i64, StockError> {
    Err(StockError::TooFew(500, there))
}

/// A large transaction, in letters of several bytes.
fn import() {
    request("POST /imports").in_scope(|| {
        for row in 0..ROWS {
            let text = "Größe: 7 µm – ".repeat(20);
            info_span!("row", row, text).in_scope(|| tracing::info!("read"));
        }
    });
}

/// Everything an application sends: one request, which is answered before the others are made.
fn day(builder: SentrySpanExporterBuilder) -> Stats {
    let exporter =
        builder.with_release("shop@1.2.3").with_environment("conformance").build().unwrap();
    let provider = provider(&exporter);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        served(0);
        flush(&provider, &exporter);
        for number in 1..=REQUESTS / 2 {
            served(number);
        }
        failures(&provider);
        // The default processor holds 2048 spans and drops the rest.
        flush(&provider, &exporter);
        import();
        for number in REQUESTS / 2 + 1..=REQUESTS {
            served(number);
        }
    });
    provider.shutdown().unwrap();
    stats(&exporter)
}

fn flush(provider: &SdkTracerProvider, exporter: &SentrySpanExporter) {
    provider.force_flush().unwrap();
    exporter.flush(SOON).unwrap();
}

fn from_script(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("the scripts in conformance set {variable}"))
}

#[test]
#[ignore = "wants Bugsink, which conformance/bugsink/run starts"]
fn bugsink_takes_all_errors_and_is_spared_the_transactions_it_does_not_want() {
    let dsn = from_script("BUGSINK_DSN");
    watchdog(LIMIT, || {
        let stats = day(SentrySpanExporter::builder().with_dsn(dsn).with_spotlight(false));
        println!("{stats}");
        assert_eq!((stats.events_delivered, stats.events_dropped), (FAILURES, 0));
        let transactions = (stats.transactions_delivered, stats.transactions_dropped);
        assert_eq!(transactions, (1, TRANSACTIONS - 1));
        // The first request is a span with another below it.
        assert_eq!(stats.spans_delivered, 2);
        let limited = stats.dropped.get(&DropReason::RateLimited);
        assert_eq!(limited, Some(&(stats.spans_received - 2)));
        assert_eq!(stats.repeated_errors, 2);
    });
}

#[test]
#[ignore = "wants Spotlight, which conformance/spotlight/run starts"]
fn spotlight_is_given_a_copy_of_everything_without_a_dsn() {
    let url = from_script("SPOTLIGHT_URL");
    watchdog(LIMIT, || {
        let stats = day(SentrySpanExporter::builder().with_dsn("").with_spotlight(url));
        println!("{stats}");
        assert_eq!(stats.dropped.get(&DropReason::NoDsn), Some(&stats.spans_received));
    });
}
