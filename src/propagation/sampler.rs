use std::sync::Arc;

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::received::Received;
use super::registry::TraceRegistry;
use super::sampling;
use crate::sampling::told;

/// Samples traces as Sentry's SDKs do, and tells Sentry the rate, so that its counts are right.
///
/// A span with a parent goes the way of its parent, local or remote. A trace that begins here is
/// sampled if its number is below the rate; that number follows from the trace id, so all services
/// with this sampler or OpenTelemetry's `TraceIdRatioBased` decide alike. The same goes for a trace
/// whose head left the decision open, by the number that its head gave it.
///
/// Optional: without it, OpenTelemetry's own sampler decides, which samples everything by default.
/// Spans that are not sampled reach no exporter at all, not only this one.
///
/// Get it from [`SentrySpanExporter::sampler`](crate::SentrySpanExporter::sampler), so that other
/// services hear the rate as well:
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use opentelemetry_sentry::SentrySpanExporter;
///
/// let exporter = SentrySpanExporter::builder().with_dsn("https://key@sentry.invalid/42").build()?;
/// let provider = SdkTracerProvider::builder()
///     .with_sampler(exporter.sampler(0.25))
///     .with_batch_exporter(exporter)
///     .build();
/// # drop(provider);
/// # Ok::<(), opentelemetry_sentry::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SentrySampler {
    rate: f64,
    traces: Option<Arc<TraceRegistry>>,
}

const RATE: &str = "sentry.sample_rate";

impl SentrySampler {
    /// Samples this share of the traces that begin here, from 0 for none to 1 for all; what is
    /// outside of that counts as the nearer end, and what is no number as 0. Told to Sentry by
    /// the attribute `sentry.sample_rate` of the root, but not to other services.
    pub fn new(rate: f64) -> Self {
        let rate = if rate.is_nan() { 0.0 } else { rate.clamp(0.0, 1.0) };
        Self { rate, traces: None }
    }

    pub(crate) fn sharing(rate: f64, traces: Arc<TraceRegistry>) -> Self {
        Self { traces: Some(traces), ..Self::new(rate) }
    }

    /// Decides about a trace about which nobody has decided.
    fn decide(&self, trace: TraceId, rand: Option<f64>, trace_state: TraceState) -> SamplingResult {
        let rand = rand.unwrap_or_else(|| sampling::rand_of(trace));
        let rate = told(self.rate).unwrap_or(0.0);
        if let Some(traces) = &self.traces {
            traces.rate(trace, rate);
        }
        if rand < rate {
            let attributes = vec![KeyValue::new(RATE, rate)];
            return SamplingResult {
                decision: SamplingDecision::RecordAndSample,
                attributes,
                trace_state,
            };
        }
        SamplingResult { decision: SamplingDecision::Drop, attributes: Vec::new(), trace_state }
    }
}

impl ShouldSample for SentrySampler {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        _name: &str,
        _span_kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let above = parent_context.map(|cx| (cx, cx.span().span_context().clone()));
        match above.filter(|(_, parent)| parent.is_valid()) {
            None => self.decide(trace_id, None, TraceState::default()),
            Some((cx, parent)) if Received::is_deferred(cx, &parent) => {
                let context = Received::with(cx, &parent).and_then(|it| it.context.as_ref());
                let rand = context.and_then(|context| context.rand());
                self.decide(trace_id, rand, parent.trace_state().clone())
            }
            Some((_, parent)) => as_parent(&parent),
        }
    }
}

fn as_parent(parent: &SpanContext) -> SamplingResult {
    SamplingResult {
        decision: if parent.is_sampled() {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        },
        attributes: Vec::new(),
        trace_state: parent.trace_state().clone(),
    }
}
