use std::hash::{DefaultHasher, Hash, Hasher};

use opentelemetry::trace::SpanContext;
use sentry_types::Uuid;

/// The id of the transaction that a span is the root of.
///
/// It follows from the ids of OpenTelemetry, which are random already: mapping needs no randomness
/// of its own, and Sentry recognises a second copy of an item as one.
pub(super) fn transaction_id(context: &SpanContext) -> Uuid {
    id(context, None)
}

/// The id of the error event that an event of a span becomes.
pub(super) fn event_id(context: &SpanContext, index: u64) -> Uuid {
    id(context, Some(index))
}

fn id(context: &SpanContext, index: Option<u64>) -> Uuid {
    let half = |half: u8| {
        let mut hasher = DefaultHasher::new();
        (half, context.trace_id().to_bytes(), context.span_id().to_bytes(), index)
            .hash(&mut hasher);
        hasher.finish()
    };
    let bits = (u128::from(half(0)) << 64) | u128::from(half(1));
    // Version and variant of a random id, which this is as good as.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    Uuid::from_u128(bits)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    fn context(span: u64) -> SpanContext {
        let trace = TraceId::from(1);
        SpanContext::new(trace, SpanId::from(span), TraceFlags::SAMPLED, false, TraceState::NONE)
    }

    #[test]
    fn every_item_has_an_id_of_its_own_and_always_the_same() {
        let ids = [
            transaction_id(&context(1)),
            transaction_id(&context(2)),
            event_id(&context(1), 0),
            event_id(&context(1), 1),
        ];
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id));
            assert_eq!(id.get_version_num(), 4);
        }
        assert_eq!(ids[0], transaction_id(&context(1)));
    }
}
