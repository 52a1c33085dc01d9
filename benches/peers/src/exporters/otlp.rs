//! `opentelemetry-otlp` over HTTP with protobuf, behind the SDK's batch processor as it comes.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::load::{Exporter, LIMIT};
use crate::traces;

pub struct Otlp {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Otlp {
    pub fn start(address: &str) -> Self {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("http://{address}/v1/traces"))
            .build()
            .expect("an exporter");
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        let tracer = provider.tracer("bench");
        Self { provider, tracer }
    }
}

impl Exporter for Otlp {
    fn trace(&self) {
        traces::trace(&self.tracer);
    }

    fn flush(&self) {
        self.provider.force_flush().ok();
    }

    fn shutdown(&self) {
        self.provider.shutdown_with_timeout(LIMIT).ok();
    }
}
