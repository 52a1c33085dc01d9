use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::SpanContext;
use sentry_core::protocol::{Event, TraceContext};
use sentry_core::{ClientOptions, EventSamplingStrategy, Integration, TransportFactory};

use super::capture::Capture;
use super::registry::Registry;
use super::transport::Telling;
use crate::exporter::SentrySpanExporter;

/// Ties what Sentry's own SDK captures to the spans of OpenTelemetry, for a process that has both.
///
/// It does not keep the exporter alive.
///
/// ```no_run
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use opentelemetry_sentry::{SentryIntegration, SentrySpanExporter};
///
/// let exporter = SentrySpanExporter::from_env()?;
/// let _sentry = sentry::init(
///     sentry::ClientOptions::new().add_integration(SentryIntegration::new(&exporter)),
/// );
/// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
/// # Ok::<(), opentelemetry_sentry::BuildError>(())
/// ```
///
/// # One trace
///
/// Events get the trace and span id of the span of OpenTelemetry that is active where they are
/// captured, whoever captures them: `sentry::capture_error`, the hook for panics, the layers of
/// `sentry-tracing`. Without an active span they stay as they are. An active span wins over one of
/// Sentry's own tracing, which need not be on. A span does not tell its parent, and the SDK sends
/// errors without a trace header; Sentry joins them by the ids.
///
/// # Each error once
///
/// Where the SDK sends an error that the exporter also finds in a span, the exporter leaves its
/// copy out, because the SDK's has the user, tags and breadcrumbs of its scope. The two are one if
/// trace and text are the same and they are at most a minute apart; a bare error status is told if
/// the SDK captured an error in that very span. What was left out is counted in
/// [`Stats::repeated_errors`](crate::Stats::repeated_errors). An error that the SDK captures after
/// the exporter has sent its copy arrives twice; errors of spans below a root leave at the latest
/// with the segment or after the exporter's error timeout.
///
/// What `before_send` drops is not taken for sent. What a sample rate below 1 drops is seen by the
/// transport alone: put [`wrap_transport`](Self::wrap_transport) around it, or nothing is left out.
#[derive(Clone)]
#[must_use = "it does nothing until it is added to the options of a client"]
pub struct SentryIntegration {
    registry: Arc<Registry>,
    has_transport: Arc<AtomicBool>,
    sends_repeated: bool,
}

impl SentryIntegration {
    /// An integration for the client options of the SDK.
    pub fn new(exporter: &SentrySpanExporter) -> Self {
        Self {
            registry: Arc::clone(exporter.registry()),
            has_transport: Arc::default(),
            sends_repeated: !exporter.is_enabled(),
        }
    }

    /// Whether the exporter also sends its copy of an error that the SDK has sent. Default:
    /// `false`.
    pub fn with_repeated_errors(mut self, sent: bool) -> Self {
        self.sends_repeated = sent;
        self
    }

    /// Puts a listener in front of a transport of the SDK, so that an error counts as sent once
    /// it reaches the transport. Needed where the SDK has a sample rate below 1.
    ///
    /// ```no_run
    /// # use opentelemetry_sentry::{SentryIntegration, SentrySpanExporter};
    /// # fn options(
    /// #     exporter: SentrySpanExporter,
    /// #     transport: std::sync::Arc<sentry::test::TestTransport>,
    /// # ) -> sentry::ClientOptions {
    /// let integration = SentryIntegration::new(&exporter);
    /// sentry::ClientOptions::new()
    ///     .sample_rate(0.25)
    ///     .transport(integration.wrap_transport(transport))
    ///     .add_integration(integration)
    /// # }
    /// ```
    pub fn wrap_transport<Factory: TransportFactory + 'static>(
        &self,
        transport: Factory,
    ) -> impl TransportFactory + use<Factory> {
        let (registry, is_used) = (Arc::clone(&self.registry), Arc::clone(&self.has_transport));
        Telling { inner: transport, registry, is_used }
    }
}

impl Integration for SentryIntegration {
    fn name(&self) -> &'static str {
        "opentelemetry-sentry"
    }

    fn setup(&self, options: &mut ClientOptions) {
        if self.sends_repeated {
            return;
        }
        if options.integrations.iter().any(|other| other.name() == "panic") {
            self.registry.note_panic_hook();
        }
        let has_transport = self.has_transport.load(Ordering::Acquire);
        if !has_transport && !sends_all(&options.event_sampling_strategy) {
            return;
        }
        // Nothing but the sample rate comes after this.
        let before_send = options.before_send.take();
        let registry = Arc::clone(&self.registry);
        options.before_send = Some(Arc::new(move |event| {
            let span = active_span().map(|span| ids(&span));
            // Taken before the application rewrites it, because spans hold it as it was.
            let capture = Capture::of(&event, span);
            let event = match &before_send {
                Some(before_send) => before_send(event)?,
                None => event,
            };
            match capture {
                Some(capture) if has_transport => registry.add_unsure(event.event_id, capture),
                Some(capture) => registry.add(capture),
                None => {}
            }
            Some(event)
        }));
    }

    fn process_event(
        &self,
        mut event: Event<'static>,
        _: &ClientOptions,
    ) -> Option<Event<'static>> {
        if let Some(span) = active_span() {
            let (trace_id, span_id) = ids(&span);
            let trace = TraceContext { trace_id, span_id, ..TraceContext::default() };
            event.contexts.insert("trace".into(), trace.into());
        }
        Some(event)
    }
}

impl fmt::Debug for SentryIntegration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryIntegration")
            .field("sends_repeated", &self.sends_repeated)
            .finish_non_exhaustive()
    }
}

fn active_span() -> Option<SpanContext> {
    Some(crate::active_span::active_span()).filter(SpanContext::is_valid)
}

fn ids(span: &SpanContext) -> (sentry_core::protocol::TraceId, sentry_core::protocol::SpanId) {
    (span.trace_id().to_bytes().into(), span.span_id().to_bytes().into())
}

fn sends_all(strategy: &EventSamplingStrategy) -> bool {
    matches!(strategy, EventSamplingStrategy::FixedRate(rate) if *rate >= 1.0)
}
