//! Two exporters at one provider: this one, and OTLP to a Collector or any other backend.
//!
//! ```sh
//! cargo run --example fan_out
//! SENTRY_DSN=https://… OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://… cargo run --example fan_out
//! ```
//!
//! Each exporter has a processor with a queue of its own, so that neither waits for the other, and
//! both see every span as it was made: what this one scrubs or samples changes nothing for the
//! other. Without the variables the example receives what it sends and shows:
//!
//! ```text
//! ▸ POST /orders                                               ok
//!   SELECT product                                             internal_error
//!       ! Error: the table is locked
//! and to /v1/traces
//! ```

mod common;

use std::env;

use opentelemetry::trace::{Span, Status, Tracer, TracerProvider, mark_span_as_active};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;

use crate::common::arrivals::Arrivals;
use crate::common::outline::Outline;
use crate::common::{Project, Result, compare};

fn main() -> Result {
    let project = Project::open()?;
    let given = env::var("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").ok().filter(|it| !it.is_empty());
    let is_real = project.is_real() || given.is_some();
    let endpoint = given.unwrap_or_else(|| project.url("/v1/traces"));

    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(SentrySpanExporter::builder().with_dsn(project.dsn()).build()?)
        .with_batch_exporter(SpanExporter::builder().with_http().with_endpoint(endpoint).build()?)
        .build();
    let tracer = provider.tracer("shop");
    let order = mark_span_as_active(tracer.start("POST /orders"));
    let mut query = tracer.start("SELECT product");
    query.record_error(&std::io::Error::other("the table is locked"));
    query.set_status(Status::error("the table is locked"));
    query.end();
    drop(order);
    provider.shutdown()?;
    if is_real {
        return Ok(());
    }
    let inbox = project.inbox()?;
    let arrivals = Arrivals::read(&inbox.envelopes)?;
    let text = format!("{}and to {}\n", Outline::of(&arrivals), inbox.elsewhere.join(", "));
    compare(&text, include_str!("fan_out.rs"))
}
