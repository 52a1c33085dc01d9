use std::time::{Duration, SystemTime};

use flate2::Compression;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{DynamicSamplingContext, Event};

use super::early::Early;
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
    pub(super) head: TraceHead,
    pub(super) deflater: Deflater,
    #[cfg(feature = "logs")]
    pub(super) twins: super::log_errors::Twins,
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
}

impl Intake {
    pub(super) fn new(head: TraceHead) -> Self {
        // The fastest level already shrinks spans, which are alike, to a fifth.
        Self {
            head,
            deflater: Deflater::new(Compression::fast()),
            #[cfg(feature = "logs")]
            twins: Default::default(),
        }
    }

    /// Maps and compresses a segment, leaving out what the limits forbid before any work on it.
    pub(super) fn prepare(
        &mut self,
        segment: Segment,
        mapper: &Mapper,
        early: &Early,
        limits: &RateLimits,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let whole = Amount::of(ItemKind::Transaction, count(segment.spans.len()));
        let no_transactions = limits.is_limited(Category::Transaction, now);
        let no_errors = limits.is_limited(Category::Error, now);
        if no_transactions && (no_errors || !may_have_errors(&segment.spans)) {
            prepared.dropped.push((whole, DropReason::RateLimited));
            let events = count(mapper.count_errors(&segment));
            prepared
                .dropped
                .push((Amount { events, ..Amount::default() }, DropReason::RateLimited));
            return prepared;
        }
        let Some(mapped) = mapper.map_segment(segment) else { return prepared };
        let Mapped { mut transaction, mut events, repeated_errors, surplus_errors } = mapped;
        early.leave_out_told(&mut events);
        prepared.repeated_errors = count(repeated_errors);
        self.leave_out_logged(&mut events, &mut prepared);
        if surplus_errors > 0 {
            let surplus = Amount { events: count(surplus_errors), ..Amount::default() };
            prepared.dropped.push((surplus, DropReason::TooManyErrors));
        }
        let trace = self.head.context(&transaction);
        for event in events {
            self.event(event, Some(&trace), (limits, now), wall, &mut prepared);
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

    /// Compresses the errors of spans that are not sent themselves.
    pub(super) fn prepare_errors(
        &mut self,
        mapped: Option<Mapped>,
        is_sampled: bool,
        limits: &RateLimits,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let Some(mut mapped) = mapped else { return prepared };
        self.leave_out_logged(&mut mapped.events, &mut prepared);
        let trace = is_sampled.then(|| self.head.context(&mapped.transaction));
        for event in mapped.events {
            self.event(event, trace.as_ref(), (limits, now), wall, &mut prepared);
        }
        prepared
    }

    #[cfg(feature = "logs")]
    fn leave_out_logged(&mut self, events: &mut Vec<Event<'static>>, prepared: &mut Prepared) {
        let logged = self.twins.leave_out_logged(events);
        prepared.repeated_errors = prepared.repeated_errors.saturating_add(logged);
    }

    #[cfg(not(feature = "logs"))]
    fn leave_out_logged(&self, _: &mut [Event<'static>], _: &mut Prepared) {}

    pub(super) fn event(
        &mut self,
        mut event: Event<'static>,
        trace: Option<&DynamicSamplingContext>,
        (limits, now): (&RateLimits, Duration),
        wall: SystemTime,
        prepared: &mut Prepared,
    ) {
        let kind = ItemKind::Event;
        if limits.is_limited(Category::Error, now) {
            prepared.dropped.push((Amount::of(kind, 0), DropReason::RateLimited));
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
