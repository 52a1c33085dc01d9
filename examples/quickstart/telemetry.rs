//! What an application copies: an OpenTelemetry provider with the Sentry
//! exporter, a `tracing` layer on top of it, and an orderly end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use opentelemetry_sentry::{SentrySpanExporter, Stats};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::Result;

const VERSION: &str = "1.2.3";

/// Everything one service needs to trace itself.
pub struct Telemetry {
    service: &'static str,
    exporter: SentrySpanExporter,
    provider: SdkTracerProvider,
    ended: Arc<AtomicU64>,
}

impl Telemetry {
    pub fn new(service: &'static str, dsn: &str) -> Result<Self> {
        let exporter = SentrySpanExporter::builder()
            .with_dsn(dsn)
            .with_environment("demo")
            .with_release(format!("shop@{VERSION}"))
            .build()?;
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", VERSION))
            .build();
        let ended = Arc::new(AtomicU64::new(0));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(EndedSpans(Arc::clone(&ended)))
            // The exporter is a handle: this copy sends, ours reads `stats()`.
            .with_batch_exporter(exporter.clone())
            .build();
        Ok(Self { service, exporter, provider, ended })
    }

    /// Returns the subscriber that turns `tracing` spans into OpenTelemetry
    /// ones. An application of its own calls `.init()` on it; here two services
    /// share a process, so each sets it for its own thread.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(self.service))
            // Below INFO the HTTP crates would fill every span with events.
            .with_filter(LevelFilter::INFO);
        tracing_subscriber::registry().with(layer)
    }

    /// Sends what is left. It blocks, so call it outside of the async runtime.
    pub fn shutdown(self) -> Result<Summary> {
        self.provider.shutdown()?;
        Ok(Summary {
            service: self.service,
            ended: self.ended.load(Ordering::Relaxed),
            stats: self.exporter.stats(),
        })
    }
}

/// What one service says at its end.
pub struct Summary {
    pub service: &'static str,
    /// Sampled spans that ended, counted without the exporter.
    pub ended: u64,
    pub stats: Stats,
}

/// A second opinion on the exporter's own numbers.
#[derive(Debug)]
struct EndedSpans(Arc<AtomicU64>);

impl SpanProcessor for EndedSpans {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
