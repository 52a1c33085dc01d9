//! A copy for Spotlight, Sentry's tool for developers, here without any project.
//!
//! ```sh
//! cargo run --example spotlight
//! npx @spotlightjs/spotlight & SENTRY_SPOTLIGHT=1 cargo run --example spotlight
//! ```
//!
//! An application needs no line of code for it: `from_env` reads `SENTRY_SPOTLIGHT`, and with a DSN
//! both get everything. Spotlight gets what is personal as well, because it is on the same machine.
//! Without the variable the example receives what Spotlight would and shows:
//!
//! ```text
//! 2 envelopes, user "jane@example.com"
//! ▸ POST /orders                                               ok
//!   SELECT product                                             internal_error
//!       ! Error: the table is locked
//! ```

mod common;

use std::env;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, Status, Tracer, TracerProvider, mark_span_as_active};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;

use crate::common::arrivals::Arrivals;
use crate::common::outline::Outline;
use crate::common::{Project, Result, compare};

fn main() -> Result {
    let project = Project::open_unless("SENTRY_SPOTLIGHT")?;
    let builder = SentrySpanExporter::builder();
    let exporter = match project.is_real() {
        true => builder.build()?,
        false => builder.with_spotlight(project.url("/stream")).build()?,
    };
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("shop");
    let mut order = tracer.start("POST /orders");
    order.set_attribute(KeyValue::new("user.email", "jane@example.com"));
    let order = mark_span_as_active(order);
    let mut query = tracer.start("SELECT product");
    query.record_error(&std::io::Error::other("the table is locked"));
    query.set_status(Status::error("the table is locked"));
    query.end();
    drop(order);
    provider.shutdown()?;
    if project.is_real() {
        println!("sent to {}", env::var("SENTRY_SPOTLIGHT")?);
        return Ok(());
    }
    let inbox = project.inbox()?;
    let user = inbox.items("transaction").map(|item| &item.payload["user"]["email"]);
    let user: Vec<String> = user.map(ToString::to_string).collect();
    let (count, arrivals) = (inbox.envelopes.len(), Arrivals::read(&inbox.envelopes)?);
    let text = format!("{count} envelopes, user {}\n{}", user.join(" "), Outline::of(&arrivals));
    compare(&text, include_str!("spotlight.rs"))
}
