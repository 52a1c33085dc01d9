//! [picture]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/images/spotlight.png
//! [LICENSE-APACHE]: https://docs.rs/crate/opentelemetry-sentry/latest/source/LICENSE-APACHE
//! [LICENSE-MIT]: https://docs.rs/crate/opentelemetry-sentry/latest/source/LICENSE-MIT
//! [docs/design.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/design.md
//! [docs/differences.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/differences.md
//! [docs/errors.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/errors.md
//! [docs/hooks.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/hooks.md
//! [docs/how-to.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/how-to.md
//! [docs/logs.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/logs.md
//! [docs/mapping.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/mapping.md
//! [docs/migration/collector.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/migration/collector.md
//! [docs/migration/otlp.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/migration/otlp.md
//! [docs/migration/sentry-opentelemetry.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/migration/sentry-opentelemetry.md
//! [docs/migration/sentry-tracing.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/migration/sentry-tracing.md
//! [docs/otlp.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/otlp.md
//! [docs/performance.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/performance.md
//! [docs/privacy.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/privacy.md
//! [docs/propagation.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/propagation.md
//! [docs/reliability.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/reliability.md
//! [docs/routing.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/routing.md
//! [docs/sampling.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/sampling.md
//! [docs/scaling.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/scaling.md
//! [docs/sentry-sdk.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/sentry-sdk.md
//! [docs/streaming.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/streaming.md
//! [docs/troubleshooting.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/troubleshooting.md
//! [examples/README.md]: https://docs.rs/crate/opentelemetry-sentry/latest/source/examples/README.md
//! [examples/quickstart/http_spans.rs]: https://docs.rs/crate/opentelemetry-sentry/latest/source/examples/quickstart/http_spans.rs
//! [examples/quickstart/telemetry.rs]: https://docs.rs/crate/opentelemetry-sentry/latest/source/examples/quickstart/telemetry.rs
//!
#![doc = include_str!("../README.md")]
//!
//! # Settings
//!
//! What is set in code wins over the environment, which wins over the resource of the provider,
//! which wins over the default. An empty variable is as good as none.
//!
//! | setter | environment | resource | default |
//! |---|---|---|---|
//! | [`with_dsn`] | `SENTRY_DSN` | | none: the exporter does nothing |
//! | [`with_release`] | `SENTRY_RELEASE` | `sentry.release`, `service.name@service.version` | none |
//! | [`with_environment`] | `SENTRY_ENVIRONMENT` | `sentry.environment`, `deployment.environment.name` | `production` |
//! | [`with_spotlight`] | `SENTRY_SPOTLIGHT` | | no copy for Spotlight |
//! | [`with_proxy`] | `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | | none |
//!
//! The others are described at [`SentrySpanExporterBuilder`]. The exporter also reads
//! `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, to tell a full batch.
//!
//! # Attributes that instruct the exporter
//!
//! | attribute | effect |
//! |---|---|
//! | `sentry.op`, `sentry.origin` | op and origin of the span |
//! | `sentry.description`, `sentry.custom_span_name` | description of a span below the root |
//! | `sentry.transaction`, `sentry.segment.name`, `sentry.source` | name of a transaction and its source |
//! | `sentry.release`, `sentry.environment` | release and environment of a segment, on its root |
//! | `sentry.fingerprint` | grouping of an error, on its event or span; a list is `["a", "b"]` |
//! | `sentry.level` | level of an error, on its event or span, or of a breadcrumb |
//! | `sentry.sample_rate` | the rate by which the trace was sampled, on its root |
//! | `tags.<key>` | the tag `<key>` |
//!
//! # Transactions or spans
//!
//! Spans leave as transactions, when their root has ended. With [`Protocol::SpanV2`] they leave as
//! they come, for servers that are new enough:
//! [docs/streaming.md](https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/streaming.md).
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls, with the certificates of the operating system |
//! | `native-tls` | | TLS by the operating system's library, if `rustls` is off |
//! | `http2` | | HTTP/2 where the server agrees to it by TLS, else HTTP/1.1 |
//! | `socks` | | SOCKS proxies in [`with_proxy`] |
//! | `logs` | | `SentryLogExporter`, which sends the records of OpenTelemetry's logs |
//! | `internal-logs` | yes | lines in OpenTelemetry's internal log, through `tracing` |
//! | `otlp` | | `otlp::span_exporter` and `otlp::log_exporter`, which take Sentry's other endpoint |
//! | `panic` | | `PanicHook`, which tells Sentry of panics |
//! | `sentry` | | `SentryIntegration`, for processes that use Sentry's SDK as well |
//! | `spool` | | `Spool`, a directory where waits what cannot be sent now |
//! | `testing` | | `testing::InMemoryTransport`, for the tests of applications |
//!
//! None of them changes a default or a byte of an envelope.
//!
//! # Testing what is sent
//!
//! [`mapping`] shows what Sentry would get, in process and without any I/O.
//!
//! [`with_dsn`]: SentrySpanExporterBuilder::with_dsn
//! [`with_release`]: SentrySpanExporterBuilder::with_release
//! [`with_environment`]: SentrySpanExporterBuilder::with_environment
//! [`with_proxy`]: SentrySpanExporterBuilder::with_proxy
//! [`with_spotlight`]: SentrySpanExporterBuilder::with_spotlight

#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

#[cfg(any(feature = "panic", feature = "sentry"))]
mod active_span;
mod builder;
mod check;
mod client;
mod count;
mod dsn;
mod environment;
mod error;
mod exporter;
mod generations;
pub mod hooks;
#[cfg(test)]
mod idle;
mod ignore;
pub mod mapping;
#[cfg(feature = "otlp")]
pub mod otlp;
mod otlp_endpoint;
#[cfg(feature = "panic")]
mod panic;
mod pattern;
mod propagation;
pub mod protocol;
mod router;
pub mod sampling;
mod scrub;
pub mod segment;
mod semconv;
mod sentry_sdk;
#[cfg_attr(
    not(feature = "spool"),
    allow(dead_code, unreachable_pub, reason = "only the setter for it is left out")
)]
mod spool;
mod spotlight;
mod stats;
mod steps;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
mod worker;

pub use builder::SentrySpanExporterBuilder;
pub use check::Finding;
pub use error::BuildError;
#[cfg(feature = "logs")]
pub use exporter::SentryLogExporter;
pub use exporter::SentrySpanExporter;
pub use hooks::{Hooks, SpanDecision};
pub use ignore::Ignore;
pub use mapping::{EventFilter, TagPolicy};
pub use otlp_endpoint::OtlpEndpoint;
#[cfg(feature = "panic")]
pub use panic::PanicHook;
pub use pattern::Pattern;
pub use propagation::{SentryPropagator, SentrySampler};
pub use protocol::{Compression, Protocol};
pub use router::Router;
pub use sampling::Sampling;
pub use scrub::{Family, Scrubbing};
#[cfg(feature = "sentry")]
pub use sentry_sdk::SentryIntegration;
#[cfg(feature = "spool")]
pub use spool::Spool;
pub use spotlight::Spotlight;
pub use stats::{DropReason, Stats};
pub use tracing_core::LevelFilter;

/// The pages whose code is compiled with the tests.
#[cfg(all(
    doctest,
    feature = "logs",
    feature = "otlp",
    feature = "panic",
    feature = "sentry",
    feature = "testing"
))]
mod pages {
    #[doc = include_str!("../docs/how-to.md")]
    struct HowTo;
    #[doc = include_str!("../docs/migration/collector.md")]
    struct FromCollector;
    #[doc = include_str!("../docs/migration/otlp.md")]
    struct FromOtlp;
    #[doc = include_str!("../docs/migration/sentry-opentelemetry.md")]
    struct FromSentryOpenTelemetry;
    #[doc = include_str!("../docs/migration/sentry-tracing.md")]
    struct FromSentryTracing;
    #[doc = include_str!("../docs/scaling.md")]
    struct Scaling;
    #[doc = include_str!("../docs/troubleshooting.md")]
    struct Troubleshooting;
}
