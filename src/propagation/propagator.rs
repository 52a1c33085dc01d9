use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};

use super::baggage::{self, Incoming};
use super::inherited::Inherited;
use super::received::Received;
use super::registry::TraceRegistry;
use super::sampling_context::SamplingContext;
use super::sentry_trace::Parent;
use crate::environment::Environment;
use crate::protocol::TraceKey;

/// Carries traces between services that use Sentry's SDKs, OpenTelemetry, or both.
///
/// It reads `sentry-trace` with `baggage`, and where there is none `traceparent` with
/// `tracestate`; either gives the remote parent of OpenTelemetry, so a trace has one id in both
/// worlds. It writes `sentry-trace`, `baggage`, and unless that is switched off `traceparent` with
/// `tracestate`. Headers that cannot be read are as good as none.
///
/// Get it from [`SentrySpanExporter::propagator`](crate::SentrySpanExporter::propagator): then
/// Sentry hears of a trace what its head said, and other services hear it of traces that begin
/// here. One made by [`new`](Self::new) only passes on what comes.
///
/// # Beside other propagators
///
/// It needs none beside it: it passes on the baggage of others, byte for byte where nobody changed
/// it, and puts it into OpenTelemetry's baggage and takes it from there. In a
/// `TextMapCompositePropagator` with those for trace context and baggage it works in any place,
/// but the last one has the last word on what all of them write. So best put it last: before the
/// one for baggage, what a trace that begins here says about sampling is overwritten where there
/// is other baggage, and before the one for trace context, traces of other organizations are
/// continued by their `traceparent`.
///
/// ```
/// use std::collections::HashMap;
/// use opentelemetry::propagation::TextMapPropagator;
/// use opentelemetry::trace::TraceContextExt;
/// use opentelemetry_sentry::SentrySpanExporter;
///
/// let exporter = SentrySpanExporter::builder().with_dsn("https://key@sentry.invalid/42").build()?;
/// let propagator = exporter.propagator();
/// // Most applications: opentelemetry::global::set_text_map_propagator(propagator);
///
/// let request = HashMap::from([(
///     "sentry-trace".to_owned(),
///     "771a43a4192642f0b136d5159a501700-7c51afd529da4a2a-1".to_owned(),
/// )]);
/// let context = propagator.extract(&request);
/// assert_eq!(context.span().span_context().span_id().to_string(), "7c51afd529da4a2a");
/// # Ok::<(), opentelemetry_sentry::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SentryPropagator {
    traces: Arc<TraceRegistry>,
    writes_traceparent: bool,
}

pub(super) const SENTRY_TRACE: &str = "sentry-trace";
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

static FIELDS: LazyLock<[String; 4]> =
    LazyLock::new(|| [SENTRY_TRACE, baggage::HEADER, TRACEPARENT, TRACESTATE].map(str::to_owned));

impl SentryPropagator {
    /// One that shares nothing with an exporter, for services that only pass traces on.
    pub fn new() -> Self {
        Self::sharing(Arc::default())
    }

    pub(crate) fn sharing(traces: Arc<TraceRegistry>) -> Self {
        Self { traces, writes_traceparent: true }
    }

    /// Whether `traceparent` and `tracestate` are written, so that services which know nothing of
    /// Sentry continue the trace. They are read in any case. Default: `true`, unlike in Sentry's
    /// SDKs, whose browsers would ask servers for permission to send another header.
    #[must_use]
    pub fn with_traceparent(mut self, write: bool) -> Self {
        self.writes_traceparent = write;
        self
    }

    /// The context of the process that started this one, for the root span of a command or job.
    ///
    /// `SENTRY_TRACE` and `SENTRY_BAGGAGE` hold what the headers `sentry-trace` and `baggage` hold
    /// in a request. Without them, or where `SENTRY_USE_ENVIRONMENT` says `false`, it is the
    /// current context. Read it once, at the start: all spans below it are of that trace.
    ///
    /// ```
    /// use opentelemetry::trace::{Tracer, TracerProvider};
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::from_env()?;
    /// let parent = exporter.propagator().context_from_env();
    /// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    /// let root = provider.tracer("backup").start_with_context("backup", &parent);
    /// # drop(root);
    /// # provider.shutdown()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn context_from_env(&self) -> Context {
        self.extract(&Inherited::of(&Environment::of_process()))
    }

    /// What is said about the sampling of a trace, wherever it is found.
    fn context(&self, cx: &Context, span: &SpanContext) -> Option<Arc<SamplingContext>> {
        let trace = span.trace_id();
        let from_baggage = || baggage::sentry_of(cx.baggage()).filter(|told| told.is_of(trace));
        // What came with this very request, before what came with others of its trace.
        if let Some(received) = Received::with(cx, span).and_then(|it| it.context.as_ref()) {
            return Some(self.traces.with_own_rate(trace, received));
        }
        if let Some(known) = self.traces.context(trace) {
            return Some(known);
        }
        match from_baggage() {
            Some(told) => Some(self.traces.keep(trace, Arc::new(told))),
            // A process without a span of its own is not the head of a trace.
            None if span.is_remote() => None,
            None => self.traces.begin(trace, span.is_sampled()),
        }
    }
}

impl Default for SentryPropagator {
    fn default() -> Self {
        Self::new()
    }
}

impl TextMapPropagator for SentryPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        let mut context = None;
        if span.is_valid() {
            let is_undecided = Received::is_deferred(cx, span);
            let parent = Parent {
                trace: span.trace_id(),
                span: span.span_id(),
                is_sampled: (!is_undecided).then_some(span.is_sampled()),
            };
            injector.set(SENTRY_TRACE, parent.sentry_trace());
            if self.writes_traceparent {
                injector.set(TRACEPARENT, parent.traceparent());
                let state = span.trace_state().header();
                if !state.is_empty() {
                    injector.set(TRACESTATE, state);
                }
            }
            context = self.context(cx, span);
        }
        let foreign = cx.get::<Received>().map(|it| it.foreign.as_slice()).unwrap_or_default();
        if let Some(text) = baggage::header(foreign, cx.baggage(), context.as_deref()) {
            injector.set(baggage::HEADER, text);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let mut incoming = Incoming::of(extractor);
        let cx = incoming.enter(cx);
        let Incoming { foreign, sentry } = incoming;
        let arrival = Arrival::of(extractor, sentry);
        let Some(arrival) = arrival else {
            return with_foreign(&cx, foreign);
        };
        if !self.traces.continuation().allows(arrival.org_id()) && arrival.is_of_sentry() {
            return with_foreign(&without_parent(&baggage::without_sentry(&cx)), foreign);
        }
        let Arrival { parent, state, context, .. } = arrival;
        let context = context.map(Arc::new);
        if let Some(context) = &context {
            self.traces.keep(parent.trace, Arc::clone(context));
        }
        let received = Received {
            trace: Some(parent.trace),
            is_undecided: parent.is_sampled.is_none(),
            context,
            foreign,
        };
        cx.with_remote_span_context(parent.context(state)).with_value(received)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

/// The end of a trace that arrived.
struct Arrival {
    parent: Parent,
    state: TraceState,
    /// What the head of the trace said of it; absent if no service with Sentry is its head.
    context: Option<SamplingContext>,
    org_id: Option<String>,
}

impl Arrival {
    fn of(carrier: &dyn Extractor, told: Option<SamplingContext>) -> Option<Self> {
        let of_sentry = carrier.get(SENTRY_TRACE).and_then(Parent::of_sentry_trace);
        let of_w3c = carrier.get(TRACEPARENT).and_then(Parent::of_traceparent);
        let is_sentrys = of_sentry.is_some();
        // The state belongs to the trace of its `traceparent`.
        let traced = of_w3c.as_ref().map(|parent| parent.trace);
        let parent = of_sentry.or(of_w3c)?;
        let state = if traced == Some(parent.trace) { trace_state(carrier) } else { None };
        let org_id = told.as_ref().and_then(|told| told.value(TraceKey::OrgId));
        let told = told.filter(|told| told.is_of(parent.trace));
        let (context, org_id) = match told {
            Some(told) => (Some(told), org_id),
            // Its head said nothing, and nobody else may speak for it.
            None if is_sentrys => (Some(SamplingContext::default()), org_id),
            None => (None, None),
        };
        Some(Self { parent, state: state.unwrap_or_default(), context, org_id })
    }

    fn org_id(&self) -> Option<&str> {
        self.org_id.as_deref()
    }

    /// Whether a service with Sentry began the trace, or took part in it.
    fn is_of_sentry(&self) -> bool {
        self.context.is_some()
    }
}

fn trace_state(carrier: &dyn Extractor) -> Option<TraceState> {
    let text = carrier.get_all(TRACESTATE)?.join(",");
    TraceState::from_str(&text).ok()
}

/// The context without a parent that another propagator took from the same headers.
fn without_parent(cx: &Context) -> Context {
    if cx.span().span_context().is_remote() {
        return cx.with_remote_span_context(SpanContext::NONE);
    }
    cx.clone()
}

fn with_foreign(cx: &Context, foreign: Vec<baggage::Foreign>) -> Context {
    if foreign.is_empty() {
        return cx.clone();
    }
    cx.with_value(Received { foreign, ..Received::default() })
}
