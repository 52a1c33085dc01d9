//! In which form spans are sent.

use super::SentrySpanExporterBuilder;
use crate::error::BuildError;
use crate::protocol::Protocol;
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
