//! Any exporter of OpenTelemetry 0.33 behind the SDK's batch processor as it comes.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};

use crate::load::{Exporter, LIMIT};
use crate::traces;
use crate::web::{self, Web};

pub struct Batch {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Batch {
    pub fn start(exporter: impl SpanExporter + 'static) -> Self {
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        let tracer = provider.tracer("bench");
        Self { provider, tracer }
    }
}

impl Exporter for Batch {
    fn trace(&self) {
        traces::trace(&self.tracer);
    }

    fn web(&self, trace: &Web) {
        web::web(&self.tracer, trace);
    }

    fn flush(&self) {
        self.provider.force_flush().ok();
    }

    fn shutdown(&self) {
        self.provider.shutdown_with_timeout(LIMIT).ok();
    }
}

/// Drops all spans: what the SDK itself costs.
#[derive(Debug)]
pub struct Nothing;

impl SpanExporter for Nothing {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}
