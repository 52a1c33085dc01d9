//! `sentry` with the spans of `tracing`, without OpenTelemetry.

use sentry::integrations::tracing::{ErrorLayer, SpanLayer};
use sentry::{ClientInitGuard, ClientOptions};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::load::{Exporter, LIMIT};
use crate::web::{self, Web};

/// A subscriber that keeps the fields of spans, and perhaps Sentry behind it.
pub struct Native(Option<ClientInitGuard>);

impl Native {
    pub fn start(address: &str) -> Self {
        let client =
            sentry::init((super::dsn(address), ClientOptions::new().traces_sample_rate(1.0)));
        let subscriber = tracing_subscriber::registry()
            .with(SpanLayer::new().with_filter(LevelFilter::INFO))
            .with(ErrorLayer::new().with_filter(LevelFilter::ERROR));
        tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
        Self(Some(client))
    }

    pub fn nothing() -> Self {
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
        Self(None)
    }
}

impl Exporter for Native {
    fn trace(&self) {
        self.web(&Web { spans: crate::load::SPANS_PER_TRACE, first: 0, exception_every: 0 });
    }

    fn web(&self, trace: &Web) {
        web::web_tracing(trace);
    }

    fn flush(&self) {
        if let Some(client) = &self.0 {
            client.flush(Some(LIMIT));
        }
    }

    fn shutdown(&self) {
        if let Some(client) = &self.0 {
            client.close(Some(LIMIT));
        }
    }
}
