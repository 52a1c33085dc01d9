//! What is not sent, or not as it came.

use super::SentrySpanExporterBuilder;
use crate::hooks::SpanDecision;
use crate::ignore::Ignore;
#[cfg(feature = "logs")]
use crate::protocol::Log;
use crate::protocol::{Event, Span, Transaction};

impl SentrySpanExporterBuilder {
    /// Which transactions are not sent, by name, op, attributes and status of the root span at its
    /// end. A text is a glob over the name. Further calls add rules. Default: none.
    ///
    /// All spans of the transaction go with it, and errors that they recorded are sent all the
    /// same. They are counted as [`DropReason::Ignored`](crate::DropReason::Ignored). Of a trace
    /// in several transactions each is judged on its own. A regular expression that cannot be
    /// read is an error of [`build`](Self::build).
    ///
    /// ```
    /// use opentelemetry_sentry::{Ignore, SentrySpanExporter};
    ///
    /// let builder = SentrySpanExporter::builder()
    ///     .with_ignored_transactions(["GET /static/*", "GET /favicon.ico"])
    ///     .with_ignored_transactions([
    ///         Ignore::op("http.server").and_attribute("client.address", "10.0.0.*"),
    ///     ]);
    /// # let _ = builder;
    /// ```
    pub fn with_ignored_transactions<I: Into<Ignore>>(
        mut self,
        rules: impl IntoIterator<Item = I>,
    ) -> Self {
        self.mapper = self.mapper.with_ignored_transactions(rules);
        self
    }

    /// Which spans below a root are not sent, by description, op, attributes and status at their
    /// end. A text is a glob over the description. Further calls add rules. Default: none.
    ///
    /// The spans below such a span move to its parent, and errors that it recorded are sent all
    /// the same. They are counted as [`DropReason::Ignored`](crate::DropReason::Ignored).
    ///
    /// ```
    /// use opentelemetry_sentry::{Ignore, Pattern, SentrySpanExporter};
    ///
    /// let builder = SentrySpanExporter::builder().with_ignored_spans([
    ///     Ignore::name(Pattern::regex("^(BEGIN|COMMIT)$")).and_op("db"),
    ///     Ignore::attribute("otel.scope.name", "h2"),
    /// ]);
    /// # let _ = builder;
    /// ```
    pub fn with_ignored_spans<I: Into<Ignore>>(
        mut self,
        rules: impl IntoIterator<Item = I>,
    ) -> Self {
        self.mapper = self.mapper.with_ignored_spans(rules);
        self
    }

    /// Whether transactions are not sent in which a server answered a question for its health or
    /// its metrics, and did so with success; one that failed is sent. Default: `false`.
    ///
    /// It is one if a `GET` or `HEAD` asks for `/health`, `/healthz`, `/livez`, `/readyz`,
    /// `/ready`, `/live`, `/ping`, `/up`, `/metrics`, `/-/healthy` and the like, if it comes from a
    /// `kube-probe`, a load balancer's checker or Prometheus, as the user agent says, or if it is
    /// a call of `grpc.health.v1.Health`. The whole list is in
    /// [docs/hooks.md](https://docs.rs/crate/opentelemetry-sentry/latest/source/docs/hooks.md).
    /// They are counted as [`DropReason::Ignored`](crate::DropReason::Ignored).
    pub fn with_ignored_health_checks(mut self, ignored: bool) -> Self {
        self.mapper = self.mapper.with_ignored_health_checks(ignored);
        self
    }

    /// What sees each transaction last, and may change or drop it. A further call replaces it.
    /// Default: nothing.
    ///
    /// It comes after rules, scrubbing and [`with_before_send_span`](Self::with_before_send_span).
    /// What it gives back is made to fit the limits of Sentry; the ids of the transaction and of
    /// its root stay as they were. Spans are best taken out by
    /// [`Transaction::retain_spans`], which keeps the others together. If it panics, the
    /// transaction is not sent, and counted as
    /// [`DropReason::HookPanicked`](crate::DropReason::HookPanicked).
    ///
    /// Hooks run on the exporter's thread, so they must not wait: not for the network, and not for
    /// this exporter. What they log through `tracing` is heard by nobody. With
    /// [`with_spotlight`](Self::with_spotlight) they are called once more for each copy, which
    /// holds personal data.
    ///
    /// ```
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let builder = SentrySpanExporter::builder().with_before_send_transaction(|mut transaction| {
    ///     if transaction.name.as_str().starts_with("GET /internal/") {
    ///         return None;
    ///     }
    ///     transaction.trace.data.remove("cart.note");
    ///     transaction.trace.data.insert("tenant", "acme");
    ///     Some(transaction)
    /// });
    /// # let _ = builder;
    /// ```
    pub fn with_before_send_transaction(
        mut self,
        hook: impl Fn(Transaction) -> Option<Transaction> + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_before_send_transaction(hook);
        self
    }

    /// What sees each span below a root, and may change or drop it. A further call replaces it.
    /// Default: nothing.
    ///
    /// The spans below a dropped one move to its parent. The root of a transaction is for
    /// [`with_before_send_transaction`](Self::with_before_send_transaction) alone, but with
    /// [`Protocol::SpanV2`](crate::Protocol::SpanV2) it is seen here. The ids of a span stay as they
    /// are. If the hook panics, the span is dropped. See there for the rest.
    ///
    /// ```
    /// use opentelemetry_sentry::protocol::Span;
    /// use opentelemetry_sentry::{SentrySpanExporter, SpanDecision};
    ///
    /// fn tidy(span: &mut Span) -> SpanDecision {
    ///     if span.op.as_ref().is_some_and(|op| op.as_str() == "cache.get") {
    ///         return SpanDecision::Drop;
    ///     }
    ///     span.data.remove("db.query.text");
    ///     SpanDecision::Keep
    /// }
    ///
    /// let builder = SentrySpanExporter::builder().with_before_send_span(tidy);
    /// # let _ = builder;
    /// ```
    pub fn with_before_send_span(
        mut self,
        hook: impl Fn(&mut Span) -> SpanDecision + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_before_send_span(hook);
        self
    }

    /// What sees each error last, those of panics among them, and may change or drop it. A further
    /// call replaces it. Default: nothing.
    ///
    /// It comes after scrubbing. What it gives back is made to fit the limits of Sentry; the id
    /// stays as it was. If it panics, the error is not sent. See
    /// [`with_before_send_transaction`](Self::with_before_send_transaction) for the rest.
    ///
    /// ```
    /// use opentelemetry_sentry::SentrySpanExporter;
    /// use opentelemetry_sentry::protocol::Level;
    ///
    /// let builder = SentrySpanExporter::builder().with_before_send(|mut event| {
    ///     let kind = event.exception.values.last().map(|exception| exception.ty.as_str());
    ///     match kind {
    ///         Some("Cancelled") => return None,
    ///         Some("Timeout") => event.level = Level::Warning,
    ///         _ => {}
    ///     }
    ///     event.user = None;
    ///     Some(event)
    /// });
    /// # let _ = builder;
    /// ```
    pub fn with_before_send(
        mut self,
        hook: impl Fn(Event<'static>) -> Option<Event<'static>> + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_before_send(hook);
        self
    }

    /// What sees each record of a log last, and may change or drop it. A further call replaces it.
    /// Default: nothing.
    ///
    /// It comes after scrubbing. What it gives back is made to fit the limits of Sentry; trace and
    /// span stay as they were. If it panics, the record is not sent. The issue that a record makes
    /// by [`with_log_errors`](Self::with_log_errors) is for
    /// [`with_before_send`](Self::with_before_send). See
    /// [`with_before_send_transaction`](Self::with_before_send_transaction) for the rest.
    ///
    /// ```
    /// use opentelemetry_sentry::SentrySpanExporter;
    /// use opentelemetry_sentry::protocol::LogLevel;
    ///
    /// let builder = SentrySpanExporter::builder().with_before_send_log(|mut log| {
    ///     log.attributes.insert("tenant", "acme");
    ///     (log.level >= LogLevel::Info).then_some(log)
    /// });
    /// # let _ = builder;
    /// ```
    #[cfg(feature = "logs")]
    pub fn with_before_send_log(
        mut self,
        hook: impl Fn(Log) -> Option<Log> + Send + Sync + 'static,
    ) -> Self {
        self.hooks = self.hooks.with_before_send_log(hook);
        self
    }
}
