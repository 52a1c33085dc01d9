//! The other road to Sentry: OpenTelemetry's own exporters, pointed at a DSN.
//!
//! Sentry has an endpoint for OTLP. The functions here give exporters of `opentelemetry-otlp` that
//! send to it, ready for the SDK's providers: protobuf over HTTP, compressed by gzip, 30 seconds
//! for a request, after which no retry begins.
//!
//! For spans, prefer [`SentrySpanExporter`](crate::SentrySpanExporter) where recorded exceptions
//! should become issues: the endpoint drops span events. `docs/otlp.md` has what each road loses.
//! Both at the same provider send every span twice, in two forms.
//!
//! ```no_run
//! use opentelemetry_sdk::{logs::SdkLoggerProvider, trace::SdkTracerProvider};
//! use opentelemetry_sentry::otlp;
//!
//! # fn main() -> Result<(), opentelemetry_sentry::BuildError> {
//! let dsn = "https://key@o1.ingest.sentry.io/42";
//! let tracers = SdkTracerProvider::builder().with_batch_exporter(otlp::span_exporter(dsn)?).build();
//! let loggers = SdkLoggerProvider::builder().with_batch_exporter(otlp::log_exporter(dsn)?).build();
//! # Ok(())
//! # }
//! ```
//!
//! They work behind every processor of the SDK, with and without a Tokio runtime, because each
//! has a thread and a client of its own: that of [`SentrySpanExporter`](crate::SentrySpanExporter),
//! with its TLS and the proxies of the environment. No telemetry that it makes is recorded.
//!
//! What is set here wins over the environment: of the variables that begin with
//! `OTEL_EXPORTER_OTLP_` none has any effect. The headers in them least of all, which may hold the
//! password of another backend, and for which Sentry would refuse the request.
//!
//! The key is in no error and in no `Debug`. Losses are not counted; the SDK logs what an export
//! says.

mod client;

use opentelemetry_otlp::{
    Compression, ExporterBuildError, LogExporter, Protocol, SpanExporter, WithExportConfig,
    WithHttpConfig,
};

use self::client::OtlpClient;
use crate::client::{ClientSettings, DEFAULT_TIMEOUT};
use crate::dsn::parse_dsn;
use crate::error::BuildError;
use crate::otlp_endpoint::OtlpEndpoint;

/// An OTLP exporter that sends spans to the project of a DSN.
///
/// # Errors
///
/// If the text is no DSN, if it begins with `https` and the program was built without TLS, or if
/// the machine gives no thread. The error says which, and what to do.
pub fn span_exporter(dsn: impl AsRef<str>) -> Result<SpanExporter, BuildError> {
    let (endpoint, client) = road("otlp::span_exporter", dsn.as_ref())?;
    let builder = SpanExporter::builder().with_http().with_endpoint(endpoint.traces_url());
    with_settings(builder, client).build().map_err(fault)
}

/// An OTLP exporter that sends log records to the project of a DSN.
///
/// # Errors
///
/// As of [`span_exporter`].
pub fn log_exporter(dsn: impl AsRef<str>) -> Result<LogExporter, BuildError> {
    let (endpoint, client) = road("otlp::log_exporter", dsn.as_ref())?;
    let builder = LogExporter::builder().with_http().with_endpoint(endpoint.logs_url());
    with_settings(builder, client).build().map_err(fault)
}

fn road(setting: &'static str, dsn: &str) -> Result<(OtlpEndpoint, OtlpClient), BuildError> {
    let dsn = parse_dsn(setting, dsn.trim())?;
    let endpoint = OtlpEndpoint::of(setting, &dsn)?;
    let transport = ClientSettings::default().transport(setting, &dsn)?;
    let client = OtlpClient::start(transport, &endpoint)?;
    Ok((endpoint, client))
}

fn with_settings<B: WithExportConfig + WithHttpConfig>(builder: B, client: OtlpClient) -> B {
    builder
        .with_protocol(Protocol::HttpBinary)
        .with_compression(Compression::Gzip)
        .with_timeout(DEFAULT_TIMEOUT)
        .with_http_client(client)
}

fn fault(error: ExporterBuildError) -> BuildError {
    BuildError::InternalFailure(error.to_string())
}
