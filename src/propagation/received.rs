use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceId};

use super::baggage::Foreign;
use super::sampling_context::SamplingContext;

/// What came with a request, kept in its OpenTelemetry context.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) trace: Option<TraceId>,
    /// Whether nobody has decided yet to sample the trace.
    pub(super) is_undecided: bool,
    /// Absent if the head of the trace, as Sentry sees it, is here.
    pub(super) context: Option<Arc<SamplingContext>>,
    pub(super) foreign: Vec<Foreign>,
}

impl Received {
    /// What came with the trace of this span.
    pub(super) fn with<'a>(context: &'a Context, span: &SpanContext) -> Option<&'a Self> {
        context.get::<Self>().filter(|received| received.trace == Some(span.trace_id()))
    }

    /// Whether the span is that of another service, which left the decision to this one.
    pub(super) fn is_deferred(context: &Context, span: &SpanContext) -> bool {
        span.is_remote() && Self::with(context, span).is_some_and(|received| received.is_undecided)
    }
}
