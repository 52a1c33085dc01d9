//! This crate behind the SDK's batch processor, both as they come.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;

use crate::load::{Exporter, LIMIT};
use crate::traces;

pub struct ThisCrate {
    exporter: SentrySpanExporter,
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl ThisCrate {
    pub fn start(address: &str) -> Self {
        let exporter = SentrySpanExporter::builder()
            .with_dsn(super::dsn(address))
            .build()
            .expect("an exporter");
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
        let tracer = provider.tracer("bench");
        Self { exporter, provider, tracer }
    }
}

impl Exporter for ThisCrate {
    fn trace(&self) {
        traces::trace(&self.tracer);
    }

    fn flush(&self) {
        self.provider.force_flush().ok();
        self.exporter.flush(LIMIT).ok();
    }

    fn shutdown(&self) {
        self.provider.shutdown_with_timeout(LIMIT).ok();
    }
}
