//! Sentry's own SDK beside the exporter: its errors join the trace, and each arrives once.
//!
//! ```sh
//! cargo run --features sentry,testing --example sentry_sdk
//! ```
//!
//! Nothing is sent: both keep in memory what they would send. An application leaves out the two
//! transports, and takes the DSN from `SENTRY_DSN`.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::testing::InMemoryTransport;
use opentelemetry_sentry::{SentryIntegration, SentrySpanExporter};
use sentry::test::TestTransport;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const DSN: &str = "https://0123456789abcdef0123456789abcdef@sentry.invalid/42";

fn main() -> Result {
    let ours = InMemoryTransport::new();
    let exporter =
        SentrySpanExporter::builder().with_dsn(DSN).with_transport(ours.clone()).build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();

    let sdk = TestTransport::new();
    let _sentry = sentry::init(
        sentry::ClientOptions::new()
            .dsn(DSN)
            .transport(Arc::clone(&sdk))
            .add_integration(SentryIntegration::new(&exporter)),
    );
    sentry::configure_scope(|scope| scope.set_tag("shop", "Berlin"));

    provider.tracer("shop").in_span("POST /orders", |context| {
        let error = std::io::Error::other("the table is locked");
        // An instrumented library would do this, or `#[instrument(err)]`.
        context.span().record_error(&error);
        sentry::capture_error(&error);
    });
    exporter.flush(Duration::from_secs(5))?;
    provider.shutdown()?;

    let events = sdk.fetch_and_clear_events();
    let event = serde_json::to_value(events.first().ok_or("the SDK sent nothing")?)?;
    let transactions = ours.transactions();
    let transaction = transactions.first().ok_or("the exporter sent nothing")?;
    let (error, span) = (&event["contexts"]["trace"], &transaction["contexts"]["trace"]);
    println!("the SDK sent: {}", event["exception"]["values"][0]["value"]);
    println!("  with the tag of its scope: {}", event["tags"]["shop"]);
    println!("  in the trace {} and span {}", error["trace_id"], error["span_id"]);
    println!("the exporter sent: {}", transaction["transaction"]);
    println!("  in the trace {} and span {}", span["trace_id"], span["span_id"]);
    let left_out = exporter.stats().repeated_errors;
    println!("copies of the error: {} sent, {left_out} left out", ours.events().len());
    let is_joined = error["trace_id"] == span["trace_id"] && error["span_id"] == span["span_id"];
    let is_once = ours.events().is_empty() && left_out == 1;
    if is_joined && is_once { Ok(()) } else { Err("the two are not joined".into()) }
}
