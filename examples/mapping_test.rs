//! A unit test of what Sentry would get, in process and without any I/O.
//!
//! ```sh
//! cargo test --example mapping_test
//! cargo run --example mapping_test
//! ```
//!
//! The first runs the tests at the end of the file; the second shows what they look at:
//!
//! ```text
//! transaction "POST /charges"
//! tag shop.cents "500"
//! tag card.number "[Filtered]"
//! issue "the card [Filtered] is poor"
//! ```

mod common;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use opentelemetry_sentry::mapping::{Mapped, Mapper};

use crate::common::{Result, compare};

fn main() -> Result {
    let mapped = recorded(|tracer| charge(tracer, 500))?;
    let transaction = serde_json::to_value(&mapped.transaction)?;
    let (name, tags) = (&transaction["transaction"], &transaction["tags"]);
    let mut text = format!("transaction {name}\n");
    for key in ["shop.cents", "card.number"] {
        text += &format!("tag {key} {}\n", tags[key]);
    }
    for event in &mapped.events {
        let event = serde_json::to_value(event)?;
        text += &format!("issue {}\n", event["exception"]["values"][0]["value"]);
    }
    compare(&text, include_str!("mapping_test.rs"))
}

/// The code under test.
fn charge(tracer: &impl Tracer<Span: Send + Sync + 'static>, cents: i64) {
    let request = tracer.span_builder("charge").with_kind(SpanKind::Server).with_attributes([
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("http.route", "/charges"),
        KeyValue::new("shop.cents", cents),
        KeyValue::new("card.number", "4111 1111 1111 1111"),
    ]);
    let context = opentelemetry::Context::current_with_span(tracer.build(request));
    if cents > 100 {
        context.span().record_error(&std::io::Error::other("the card 4111 1111 1111 1111 is poor"));
        context.span().set_status(Status::error("declined"));
    }
}

/// Runs something with spans that stay in memory, and maps them as the exporter does.
fn recorded(run: impl FnOnce(&opentelemetry_sdk::trace::SdkTracer)) -> Result<Mapped> {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    run(&provider.tracer("shop"));
    let resource = Resource::builder().with_service_name("shop").build();
    // The same setters as on the exporter's builder.
    let mapper = Mapper::new().with_resource(&resource).with_environment("test");
    let mut mapped = mapper.map(spans.get_finished_spans()?);
    match (mapped.pop(), mapped.is_empty()) {
        (Some(mapped), true) => Ok(mapped),
        _ => Err("not one transaction".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_a_transaction_named_by_its_route() {
        let mapped = recorded(|tracer| charge(tracer, 50)).unwrap();
        assert_eq!(mapped.transaction.name.as_str(), "POST /charges");
        assert_eq!(mapped.transaction.tags.value("shop.cents").unwrap().as_str(), "50");
        assert!(mapped.events.is_empty());
    }

    #[test]
    fn a_card_that_is_declined_is_an_issue_without_its_number() {
        let mapped = recorded(|tracer| charge(tracer, 500)).unwrap();
        let [event] = mapped.events.as_slice() else { panic!("one issue") };
        let [exception] = event.exception.values.as_slice() else { panic!("one exception") };
        assert_eq!(exception.value.as_deref(), Some("the card [Filtered] is poor"));
        let json = serde_json::to_string(&mapped.transaction).unwrap();
        assert!(!json.contains("4111"), "{json}");
    }
}
