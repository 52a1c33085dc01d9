//! The same spans on both roads to Sentry: as envelopes, and as OTLP.
//!
//! ```sh
//! cargo run --features otlp --example otlp
//! SENTRY_DSN=https://… cargo run --features otlp --example otlp
//! ```
//!
//! An application takes one of the two roads; with both, every span is sent twice, in two forms.
//! Without a DSN the example receives what it sends and shows:
//!
//! ```text
//! ▸ POST /orders                                               ok
//!   SELECT product 0                                           ok
//!   SELECT product 1                                           ok
//!   SELECT product 2                                           ok
//!   SELECT product 3                                           ok
//!   SELECT product 4                                           ok
//!   SELECT product 5                                           ok
//!   SELECT product 6                                           ok
//!   SELECT product 7                                           internal_error
//!       ! Error: the table is locked
//!   SELECT product 8                                           ok
//!   SELECT product 9                                           ok
//! and to /api/42/integration/otlp/v1/traces with a key
//! ```

mod common;

use opentelemetry::trace::{Span, Status, Tracer, TracerProvider, mark_span_as_active};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::{OtlpEndpoint, SentrySpanExporter, otlp};

use crate::common::arrivals::Arrivals;
use crate::common::outline::Outline;
use crate::common::{Project, Result, compare};

fn main() -> Result {
    let project = Project::open()?;
    let dsn = project.dsn();
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(SentrySpanExporter::builder().with_dsn(dsn).build()?)
        .with_batch_exporter(otlp::span_exporter(dsn)?)
        .build();
    let tracer = provider.tracer("shop");
    let order = mark_span_as_active(tracer.start("POST /orders"));
    for product in 0..10 {
        let mut query = tracer.start(format!("SELECT product {product}"));
        if product == 7 {
            query.record_error(&std::io::Error::other("the table is locked"));
            query.set_status(Status::error("the table is locked"));
        }
        query.end();
    }
    drop(order);
    provider.shutdown()?;
    if project.is_real() {
        println!("envelopes, and OTLP to {}", OtlpEndpoint::from_dsn(dsn)?.traces_url());
        return Ok(());
    }
    let inbox = project.inbox()?;
    let arrivals = Arrivals::read(&inbox.envelopes)?;
    let text = format!("{}and to {}\n", Outline::of(&arrivals), inbox.elsewhere.join(", "));
    compare(&text, include_str!("otlp.rs"))?;
    let (requests, bytes) = (inbox.envelopes.len(), inbox.wire_bytes);
    println!("{bytes} bytes in {requests} requests, {} bytes by OTLP", inbox.elsewhere_bytes);
    Ok(())
}
