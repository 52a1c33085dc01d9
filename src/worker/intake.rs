use std::time::{Duration, SystemTime};

use flate2::Compression;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{DynamicSamplingContext, Event, Level};

use super::minute::Minute;
use super::{encode, window};
use crate::mapping::{Mapped, Mapper};
use crate::propagation::TraceHead;
use crate::protocol::{Deflater, Envelope, Item, ItemKind, Transaction};
use crate::segment::Segment;
use crate::stats::{Amount, DropReason, count};
use crate::transport::{Category, RateLimits};

/// The way of a segment to envelopes.
#[derive(Debug)]
pub(super) struct Intake {
    head: TraceHead,
    deflater: Deflater,
    errors: Minute,
    /// Panics and the like, so that an error a thousand times does not keep them back.
    fatal_errors: Minute,
}

/// What a segment became.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Errors first.
    pub(super) envelopes: Vec<Envelope>,
    pub(super) dropped: Vec<(Amount, DropReason)>,
    pub(super) repeated_errors: u64,
}

impl Prepared {
    /// A segment that could not be prepared.
    pub(super) fn failed(whole: Amount) -> Self {
        Self { dropped: vec![(whole, DropReason::Internal)], ..Self::default() }
    }

    /// Counts the errors that the rules of the user leave out.
    fn note_left_out(&mut self, mapped: &Mapped) {
        self.repeated_errors = count(mapped.repeated_errors);
        self.drop_errors(mapped.ignored_errors, DropReason::Ignored);
        self.drop_errors(mapped.surplus_errors, DropReason::TooManyErrors);
    }

    fn drop_errors(&mut self, errors: usize, reason: DropReason) {
        if errors > 0 {
            let amount = Amount { events: count(errors), ..Amount::default() };
            self.dropped.push((amount, reason));
        }
    }
}

impl Intake {
    pub(super) fn new(head: TraceHead) -> Self {
        // The fastest level already shrinks spans, which are alike, to a fifth.
        let deflater = Deflater::new(Compression::fast());
        Self { head, deflater, errors: Minute::default(), fatal_errors: Minute::default() }
    }

    /// Maps and compresses a segment, leaving out what the limits forbid before any work on it.
    pub(super) fn prepare(
        &mut self,
        segment: Segment,
        mapper: &Mapper,
        limits: &RateLimits,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let whole = Amount::of(ItemKind::Transaction, count(segment.spans.len()));
        let no_transactions = limits.is_limited(Category::Transaction, now);
        let no_errors = limits.is_limited(Category::Error, now);
        if no_transactions && (no_errors || !may_have_errors(&segment.spans)) {
            prepared.dropped.push((whole, DropReason::RateLimited));
            let (limited, ignored) = mapper.count_errors(&segment);
            prepared.drop_errors(limited, DropReason::RateLimited);
            prepared.drop_errors(ignored, DropReason::Ignored);
            return prepared;
        }
        let Some(mapped) = mapper.map_segment(segment) else { return prepared };
        prepared.note_left_out(&mapped);
        let Mapped { mut transaction, events, .. } = mapped;
        let trace = self.head.context(&transaction);
        for event in events {
            self.event(event, Some(&trace), mapper, (limits, now), wall, &mut prepared);
        }
        if no_transactions {
            prepared.dropped.push((whole, DropReason::RateLimited));
        } else if !window::admit(&mut transaction, wall) {
            prepared.dropped.push((whole, DropReason::OutsideTimeWindow));
        } else {
            self.transaction(transaction, trace, whole, &mut prepared);
        }
        prepared
    }

    /// Maps and compresses the errors of a span that is not sent itself.
    pub(super) fn prepare_errors(
        &mut self,
        span: SpanData,
        mapper: &Mapper,
        limits: &RateLimits,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let is_sampled = span.span_context.is_sampled();
        let Some(mapped) = mapper.map_errors(span) else { return prepared };
        prepared.note_left_out(&mapped);
        let trace = is_sampled.then(|| self.head.context(&mapped.transaction));
        for event in mapped.events {
            self.event(event, trace.as_ref(), mapper, (limits, now), wall, &mut prepared);
        }
        prepared
    }

    fn event(
        &mut self,
        mut event: Event<'static>,
        trace: Option<&DynamicSamplingContext>,
        mapper: &Mapper,
        (limits, now): (&RateLimits, Duration),
        wall: SystemTime,
        prepared: &mut Prepared,
    ) {
        let kind = ItemKind::Event;
        if limits.is_limited(Category::Error, now) {
            prepared.dropped.push((Amount::of(kind, 0), DropReason::RateLimited));
            return;
        }
        let minute = match event.level {
            Level::Fatal => &mut self.fatal_errors,
            _ => &mut self.errors,
        };
        if mapper.max_errors_per_minute().is_some_and(|max| !minute.admit(max, now)) {
            prepared.dropped.push((Amount::of(kind, 0), DropReason::TooManyErrors));
            return;
        }
        window::admit_event(&mut event, wall);
        let Ok(payload) = encode::event(&event) else {
            prepared.dropped.push((Amount::of(kind, 0), DropReason::Internal));
            return;
        };
        let trace = trace.cloned();
        let item = Item { kind, event_id: event.event_id, spans: 0, trace, payload };
        prepared.envelopes.push(Envelope::new(item, Some(&mut self.deflater)));
    }

    fn transaction(
        &mut self,
        mut transaction: Transaction,
        trace: DynamicSamplingContext,
        whole: Amount,
        prepared: &mut Prepared,
    ) {
        let kind = ItemKind::Transaction;
        let Ok((payload, cut)) = encode::transaction(&mut transaction) else {
            prepared.dropped.push((whole, DropReason::Internal));
            return;
        };
        if cut > 0 {
            prepared.dropped.push((Amount::spans(cut), DropReason::TooLarge));
        }
        let spans = whole.spans.saturating_sub(cut);
        let item =
            Item { kind, event_id: transaction.event_id, spans, trace: Some(trace), payload };
        prepared.envelopes.push(Envelope::new(item, Some(&mut self.deflater)));
    }
}

/// Whether it is worth mapping these spans for their errors alone.
fn may_have_errors(spans: &[SpanData]) -> bool {
    spans.iter().any(|span| !span.events.is_empty() || matches!(span.status, Status::Error { .. }))
}
