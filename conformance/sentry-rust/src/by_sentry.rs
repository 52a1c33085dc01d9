//! The application with Sentry's own crates, as their documentation sets them up.

use std::sync::Arc;

use sentry::integrations::anyhow::capture_anyhow;
use sentry::integrations::tower::{NewSentryLayer, SentryHttpLayer};
use sentry::integrations::tracing::{BreadcrumbLayer, ErrorLayer, SpanLayer};
use sentry::test::TestTransport;
use sentry::{ClientOptions, Hub, Scope};
use serde_json::Value;
use tower::ServiceBuilder;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::failures::{place_order, router};
use crate::request::send;

/// The error events of one request; `attach` is a setting that is off by default.
pub fn events(path: &str, attach: bool) -> Vec<Value> {
    let transport = TestTransport::new();
    let options = ClientOptions::new()
        .dsn("https://key@sentry.invalid/42")
        .release("shop@1.2.3")
        .environment("production")
        .attach_stacktrace(attach)
        .traces_sample_rate(1.0)
        .transport(transport.clone());
    let client = Arc::new(sentry::apply_defaults(options).into());
    let hub = Arc::new(Hub::new(Some(client), Arc::new(Scope::default())));
    Hub::run(hub, || {
        let errors = ErrorLayer::new().enable_span_attributes();
        let crumbs = BreadcrumbLayer::new().enable_span_attributes();
        let subscriber = tracing_subscriber::registry()
            .with(SpanLayer::new().with_filter(LevelFilter::INFO))
            .with(errors.with_filter(LevelFilter::ERROR))
            .with(crumbs.with_filter(LevelFilter::INFO));
        tracing::subscriber::with_default(subscriber, || {
            let layers = ServiceBuilder::new()
                .layer(NewSentryLayer::new_from_top())
                .layer(SentryHttpLayer::new().enable_transaction());
            send(router(captured).layer(layers), path);
        });
    });
    let events = transport.fetch_and_clear_events();
    events.iter().map(|event| serde_json::to_value(event).expect("JSON")).collect()
}

fn captured(id: u64) -> anyhow::Result<()> {
    place_order(id).inspect_err(|error| {
        capture_anyhow(error);
    })
}
