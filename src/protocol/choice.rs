/// In which form spans leave.
///
/// Errors are events in either of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// As transactions: a segment is sent when its root has ended. Everything that takes
    /// envelopes of Sentry understands it.
    #[default]
    Transactions,
    /// As spans of version 2, which leave with the batch that brought them and wait for no root.
    /// It needs sentry.io or a self-hosted Sentry that is new enough; see
    /// [docs/streaming.md](https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/streaming.md).
    SpanV2,
}
