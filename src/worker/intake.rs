use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{DynamicSamplingContext, Event};

use super::{encode, window};
use crate::hooks::{Hooks, Losses, Outgoing};
use crate::mapping::Mapper;
use crate::propagation::TraceHead;
use crate::protocol::{Deflater, Envelope, Item, ItemKind, Transaction};
use crate::segment::Segment;
use crate::stats::{Amount, DropReason, count};
use crate::transport::{Category, RateLimits};

/// The way of a segment to envelopes.
#[derive(Debug)]
pub(super) struct Intake {
    head: TraceHead,
    hooks: Hooks,
    deflater: Deflater,
}

/// What a segment became.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Errors first.
    pub(super) envelopes: Vec<Envelope>,
    pub(super) dropped: Vec<(Amount, DropReason)>,
    pub(super) repeated_errors: u64,
    /// The setters of the hooks that panicked.
    pub(super) panicked: BTreeSet<&'static str>,
}

impl Prepared {
    /// A segment that could not be prepared.
    pub(super) fn failed(whole: Amount) -> Self {
        Self { dropped: vec![(whole, DropReason::Internal)], ..Self::default() }
    }

    fn lost(&mut self, losses: Losses) {
        self.dropped.extend(losses.dropped);
        self.panicked.extend(losses.panicked);
    }
}

impl Intake {
    pub(super) fn new(head: TraceHead, hooks: Hooks) -> Self {
        // The fastest level already shrinks spans, which are alike, to a fifth.
        Self { head, hooks, deflater: Deflater::new(Compression::fast()) }
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
            let events = count(mapper.count_errors(&segment));
            prepared
                .dropped
                .push((Amount { events, ..Amount::default() }, DropReason::RateLimited));
            return prepared;
        }
        let Some(mapped) = mapper.map_segment(segment) else { return prepared };
        prepared.repeated_errors = count(mapped.repeated_errors);
        if mapped.surplus_errors > 0 {
            let surplus = Amount { events: count(mapped.surplus_errors), ..Amount::default() };
            prepared.dropped.push((surplus, DropReason::TooManyErrors));
        }
        let Outgoing { transaction, events, losses } = self.hooks.apply(mapped);
        let lost = losses.dropped.iter().map(|(amount, _)| amount.spans).sum();
        let whole = Amount { spans: whole.spans.saturating_sub(lost), ..whole };
        prepared.lost(losses);
        let trace = transaction.as_ref().map(|transaction| self.head.context(transaction));
        for event in events {
            self.event(event, trace.as_ref(), (limits, now), wall, &mut prepared);
        }
        if let (Some(mut transaction), Some(trace)) = (transaction, trace) {
            if no_transactions {
                prepared.dropped.push((whole, DropReason::RateLimited));
            } else if !window::admit(&mut transaction, wall) {
                prepared.dropped.push((whole, DropReason::OutsideTimeWindow));
            } else {
                self.transaction(transaction, trace, whole, &mut prepared);
            }
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
        let trace = is_sampled.then(|| self.head.context(&mapped.transaction));
        let mut losses = Losses::default();
        let events = self.hooks.events(mapped.events, &mut losses);
        prepared.lost(losses);
        for event in events {
            self.event(event, trace.as_ref(), (limits, now), wall, &mut prepared);
        }
        prepared
    }

    fn event(
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
        let Ok(payload) = encode::transaction(&mut transaction) else {
            prepared.dropped.push((whole, DropReason::Internal));
            return;
        };
        // A hook may have added some of its own, which are counted nowhere.
        let spans = count(transaction.spans.len()).saturating_add(1).min(whole.spans);
        let cut = whole.spans.saturating_sub(spans);
        if cut > 0 {
            prepared.dropped.push((Amount::spans(cut), DropReason::TooLarge));
        }
        let item =
            Item { kind, event_id: transaction.event_id, spans, trace: Some(trace), payload };
        prepared.envelopes.push(Envelope::new(item, Some(&mut self.deflater)));
    }
}

/// Whether it is worth mapping these spans for their errors alone.
fn may_have_errors(spans: &[SpanData]) -> bool {
    spans.iter().any(|span| !span.events.is_empty() || matches!(span.status, Status::Error { .. }))
}
