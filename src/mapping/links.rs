use opentelemetry::trace::{Link as SpanLink, SpanId, TraceId};

use crate::protocol::{Data, Link, fit_links};

/// How many links did not make it.
pub(super) const DROPPED_LINKS: &str = "otel.dropped_links_count";

/// How much of a transaction the links of a single span may take.
const MAX_BYTES: usize = 50_000;

/// Links with valid ids; Relay refuses the others (rule META-4).
pub(super) fn links(links: &[SpanLink]) -> Vec<Link> {
    let mut links: Vec<_> = links
        .iter()
        .filter(|link| link.span_context.is_valid())
        .map(|link| {
            let context = &link.span_context;
            let (trace, span): (TraceId, SpanId) = (context.trace_id(), context.span_id());
            let mut attributes = Data::from(link.attributes.clone());
            if link.dropped_attributes_count > 0 {
                let count = i64::from(link.dropped_attributes_count);
                attributes.insert_missing("otel.dropped_attributes_count", count);
            }
            Link::new(trace, span, context.is_sampled(), attributes)
        })
        .collect();
    fit_links(&mut links, MAX_BYTES);
    links
}
