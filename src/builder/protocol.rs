//! In which form spans are sent, and how small.

use super::SentrySpanExporterBuilder;
use crate::error::BuildError;
use crate::protocol::{Compression, Protocol};
use crate::router::Router;

impl SentrySpanExporterBuilder {
    /// In which form spans leave. Default: [`Protocol::Transactions`].
    ///
    /// With [`Protocol::SpanV2`] nothing waits for the root of its segment, so these settings,
    /// which look at whole segments, are an error of [`build`](Self::build):
    /// [`with_sampling`](Self::with_sampling),
    /// [`with_before_send_transaction`](Self::with_before_send_transaction),
    /// [`with_ignored_transactions`](Self::with_ignored_transactions),
    /// [`with_ignored_health_checks`](Self::with_ignored_health_checks), and a
    /// [`with_router`](Self::with_router) that asks more than the resource.
    /// [`with_before_send_span`](Self::with_before_send_span) sees all spans, roots too. Those for
    /// waiting, such as [`with_segment_timeout`](Self::with_segment_timeout), have no effect.
    ///
    /// ```
    /// use opentelemetry_sentry::{Protocol, SentrySpanExporter};
    ///
    /// let builder = SentrySpanExporter::builder().with_protocol(Protocol::SpanV2);
    /// # let _ = builder;
    /// ```
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// How bodies of requests are compressed. Default: `Compression::Gzip(1)`.
    ///
    /// A higher level makes smaller bodies and costs more: level 6 takes more than twice the work
    /// of level 1 for four fifths of the bytes. [`build`](Self::build) refuses a level that gzip does
    /// not have.
    ///
    /// ```
    /// use opentelemetry_sentry::{Compression, SentrySpanExporter};
    ///
    /// // A Relay on the same machine needs no small bodies.
    /// let builder = SentrySpanExporter::builder().with_compression(Compression::None);
    /// # let _ = builder;
    /// ```
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    pub(super) fn check_compression(&self) -> Result<(), BuildError> {
        self.compression.fault().map_or(Ok(()), |reason| {
            let remedy = "use Compression::Gzip(1), or leave it at its default";
            Err(BuildError::InvalidSetting { setting: "with_compression", reason, remedy })
        })
    }

    /// Whether the other settings go with it.
    pub(super) fn check_protocol(&self) -> Result<(), BuildError> {
        if self.protocol == Protocol::Transactions {
            return Ok(());
        }
        let is_routed_by_root = |router: &Router| !router.is_by_resource();
        let faults = [
            (
                self.sampling.is_some().then_some("with_sampling"),
                "leave one of the two out, or sample at the head by the exporter's sampler",
            ),
            (
                self.hooks.may_drop_transactions().then_some("with_before_send_transaction"),
                "use with_before_send_span, which sees the roots of segments too, or leave one of \
                 the two out",
            ),
            (
                self.mapper.ignores_transactions_by(),
                "leave it to a sampler of the provider, or leave one of the two out",
            ),
            (
                self.router.as_ref().is_some_and(is_routed_by_root).then_some("with_router"),
                "use Router::by_resource_attribute, or leave one of the two out",
            ),
        ];
        let fault = faults.into_iter().find_map(|(setting, remedy)| Some((setting?, remedy)));
        fault.map_or(Ok(()), |(setting, remedy)| {
            let reason = "it looks at whole segments, which with_protocol(Protocol::SpanV2) does \
                          not wait for";
            Err(BuildError::InvalidSetting { setting, reason: reason.into(), remedy })
        })
    }
}
