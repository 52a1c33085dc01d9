//! `opentelemetry-otlp` over HTTP with protobuf, behind the SDK's batch processor as it comes.

use opentelemetry_otlp::{Compression, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};

use super::batch::Batch;

pub fn start(address: &str, compression: Option<Compression>) -> Batch {
    let mut builder = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{address}/v1/traces"));
    if let Some(compression) = compression {
        builder = builder.with_compression(compression);
    }
    Batch::start(builder.build().expect("an exporter"))
}
