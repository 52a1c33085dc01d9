//! Spans and logs side by side, joined by their ids.
//!
//! ```sh
//! cargo run --features logs --example logs
//! SENTRY_DSN=https://… cargo run --features logs --example logs
//! ```
//!
//! Without a DSN the example receives what it sends and shows:
//!
//! ```text
//! ▸ order                                                      ok
//! "info" "taken" in order
//! "warn" "the stock is low" in order
//! "info" "closing time" outside of any span
//! ```

mod common;

use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::common::arrivals::Arrivals;
use crate::common::outline::Outline;
use crate::common::{Project, Result, compare};

fn main() -> Result {
    let project = Project::open()?;
    let exporter = SentrySpanExporter::builder().with_dsn(project.dsn()).build()?;
    let resource = Resource::builder().with_service_name("shop").build();
    let logs = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(exporter.logs())
        .build();
    let traces = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter.clone())
        .build();
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("shop")))
        // Without a filter, what OpenTelemetry says of itself would come along.
        .with(OpenTelemetryTracingBridge::new(&logs).with_filter(LevelFilter::INFO))
        .init();

    order();
    tracing::info!("closing time");
    traces.shutdown()?;
    logs.shutdown()?;
    if project.is_real() {
        println!("{}", exporter.stats());
        return Ok(());
    }

    let inbox = project.inbox()?;
    let arrivals = Arrivals::read(&inbox.envelopes)?;
    let mut text = Outline::of(&arrivals).to_string();
    for log in inbox.items("log").filter_map(|item| item.payload["items"].as_array()).flatten() {
        let span = arrivals.spans.iter().find(|span| log["trace_id"] == *span.trace);
        let place =
            span.map_or("outside of any span".to_owned(), |span| format!("in {}", span.label()));
        text += &format!("{} {} {place}\n", log["level"], log["body"]);
    }
    compare(&text, include_str!("logs.rs"))
}

#[tracing::instrument]
fn order() {
    tracing::info!(items = 3, "taken");
    tracing::warn!(left = 1, "the stock is low");
}
