//! Sentry's own SDK beside the exporter: its errors join the trace, and each arrives once.
//!
//! ```sh
//! cargo run --features sentry,testing --example sentry_sdk
//! ```
//!
//! Nothing is sent: both keep in memory what they would send. An application leaves out the two
//! transports, and takes the DSN from `SENTRY_DSN`. It shows:
//!
//! ```text
//! the SDK sent "the table is locked" with the tag "Berlin"
//! the exporter sent "POST /orders"
//! the error is of this span: true
//! copies of the error: 0 sent, 1 left out
//! ```

mod common;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::testing::InMemoryTransport;
use opentelemetry_sentry::{SentryIntegration, SentrySpanExporter};
use sentry::test::TestTransport;

use crate::common::{Result, compare};

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
    let is_joined = error["trace_id"] == span["trace_id"] && error["span_id"] == span["span_id"];
    let (copies, left_out) = (ours.events().len(), exporter.stats().repeated_errors);
    let text = format!(
        "the SDK sent {} with the tag {}\nthe exporter sent {}\n\
         the error is of this span: {is_joined}\n\
         copies of the error: {copies} sent, {left_out} left out\n",
        event["exception"]["values"][0]["value"], event["tags"]["shop"], transaction["transaction"],
    );
    compare(&text, include_str!("sentry_sdk.rs"))
}
