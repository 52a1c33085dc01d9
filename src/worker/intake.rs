use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use sentry_types::Uuid;
use sentry_types::protocol::v7::{Event, Level};

use super::captured::Captured;
use super::minute::Minute;
use super::toward::Toward;
use super::{encode, window};
use crate::count::count;
use crate::hooks::{Hooks, Losses, Outgoing};
use crate::mapping::{Mapped, Mapper, may_be_failure};
use crate::propagation::TraceHead;
use crate::protocol::{Compression, Deflater, Envelope, Item, ItemKind, TraceHeader, Transaction};
use crate::sampling::{Decision, Sampler, Sampling};
use crate::segment::Segment;
use crate::stats::{Amount, DropReason};
use crate::transport::Category;

/// The way of a segment to envelopes.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) head: TraceHead,
    sampler: Option<Sampler>,
    pub(super) hooks: Hooks,
    pub(super) captured: Captured,
    /// Absent where nothing is compressed.
    pub(super) deflater: Option<Deflater>,
    /// What the last item was as JSON.
    payload: Vec<u8>,
    errors: Minute,
    /// Panics and the like, so that an error a thousand times does not keep them back.
    fatal_errors: Minute,
    #[cfg(feature = "logs")]
    pub(super) twins: super::log_errors::Twins,
}

/// What a segment became.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Errors, or lists.
    pub(super) envelopes: Vec<Envelope>,
    /// What leaves behind those.
    pub(super) transaction: Option<Envelope>,
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

    pub(super) fn lost(&mut self, losses: Losses) {
        self.dropped.extend(losses.dropped);
        self.panicked.extend(losses.panicked);
    }

    /// Counts the errors that the rules of the user leave out.
    pub(super) fn note_left_out(&mut self, mapped: &Mapped) {
        self.repeated_errors = count(mapped.repeated_errors);
        self.drop_errors(mapped.ignored_errors, DropReason::Ignored);
        self.drop_errors(mapped.surplus_errors, DropReason::TooManyErrors);
    }

    pub(super) fn drop_errors(&mut self, errors: usize, reason: DropReason) {
        if errors > 0 {
            let amount = Amount { events: count(errors), ..Amount::default() };
            self.dropped.push((amount, reason));
        }
    }
}

impl Intake {
    pub(super) fn new(
        head: TraceHead,
        sampling: Option<Sampling>,
        hooks: Hooks,
        captured: Captured,
        compression: Compression,
    ) -> Self {
        Self {
            head,
            sampler: sampling.map(Sampler::new),
            hooks,
            captured,
            deflater: compression.deflater(),
            payload: Vec::new(),
            errors: Minute::default(),
            fatal_errors: Minute::default(),
            #[cfg(feature = "logs")]
            twins: Default::default(),
        }
    }

    /// What becomes of a segment as a whole.
    pub(super) fn decide(&mut self, segment: &Segment) -> Decision {
        let Some(sampler) = &mut self.sampler else { return Decision::KEPT };
        let trace = segment.root().map(|root| root.span_context.trace_id());
        sampler.decide(segment, trace.and_then(|trace| self.head.rate_of(trace)))
    }

    /// Whether a closure of the sampling has panicked since it was asked last.
    pub(super) fn take_panicked(&mut self) -> bool {
        self.sampler.as_mut().is_some_and(Sampler::take_panicked)
    }

    /// Maps and compresses a segment, leaving out what the decision and the limits forbid before
    /// any work on it.
    pub(super) fn prepare(
        &mut self,
        (segment, decision): (Segment, Decision),
        mapper: &Mapper,
        to: Toward<'_>,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let whole = Amount::of(ItemKind::Transaction, count(segment.spans.len()));
        let limited =
            |category| to.limits.is_limited(category, now).then_some(DropReason::RateLimited);
        let sampled = (!decision.is_kept).then_some(DropReason::Sampled);
        let no_transaction = sampled.or_else(|| limited(Category::Transaction));
        let sampled = sampled.filter(|_| !self.sends_errors_of_dropped());
        let no_errors = sampled.or_else(|| limited(Category::Error));
        if let Some(reason) = no_transaction
            && (no_errors.is_some() || !segment.spans.iter().any(may_be_failure))
        {
            prepared.dropped.push((whole, reason));
            let (limited, ignored) = mapper.count_errors(&segment);
            prepared.drop_errors(limited, no_errors.unwrap_or(reason));
            prepared.drop_errors(ignored, DropReason::Ignored);
            return prepared;
        }
        let Some(mut mapped) = mapper.map_segment(segment) else { return prepared };
        self.leave_out(&mut mapped, mapper, &mut prepared);
        if let Some(reason) = no_transaction {
            prepared.dropped.push((whole, reason));
            self.errors(mapped, Some(decision), mapper, (to, now), wall, &mut prepared);
            return prepared;
        }
        let may_go = mapped.is_ignored || self.hooks.may_drop_transactions();
        let spare = (may_go && !mapped.events.is_empty())
            .then(|| self.head.context_of_errors(to.origin, &mapped.transaction, decision));
        let Outgoing { mut transaction, events, losses } = self.hooks.apply(mapped);
        let lost = losses.dropped.iter().map(|(amount, _)| amount.spans).sum();
        let whole = Amount { spans: whole.spans.saturating_sub(lost), ..whole };
        prepared.lost(losses);
        let trace = match &transaction {
            Some(sent) => self.head.context_at(to.origin, sent, decision),
            None => spare.flatten(),
        };
        for event in events {
            self.event(event, trace.as_ref(), mapper, (to, now), wall, &mut prepared);
        }
        if let Some(transaction) = &mut transaction {
            if window::admit(transaction, wall) {
                self.transaction(transaction, trace.as_ref(), whole, &mut prepared);
            } else {
                prepared.dropped.push((whole, DropReason::OutsideTimeWindow));
            }
        }
        prepared
    }

    /// Compresses the errors of spans that are not sent themselves.
    pub(super) fn prepare_errors(
        &mut self,
        mapped: Option<Mapped>,
        mapper: &Mapper,
        is_sampled: bool,
        to: Toward<'_>,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        if let Some(mut mapped) = mapped {
            self.leave_out(&mut mapped, mapper, &mut prepared);
            // What will be decided about their segment is not known.
            let decision = Some(Decision::KEPT).filter(|_| is_sampled && self.sampler.is_none());
            self.errors(mapped, decision, mapper, (to, now), wall, &mut prepared);
        }
        prepared
    }

    #[cfg(feature = "logs")]
    pub(super) fn leave_out_logged(
        &mut self,
        events: &mut Vec<Event<'static>>,
        prepared: &mut Prepared,
    ) {
        let logged = self.twins.leave_out_logged(events);
        prepared.repeated_errors = prepared.repeated_errors.saturating_add(logged);
    }

    #[cfg(not(feature = "logs"))]
    pub(super) fn leave_out_logged(&self, _: &mut [Event<'static>], _: &mut Prepared) {}

    /// Notes that an error is sent, so that no log tells it again.
    fn note_sent(&mut self, _event: Uuid) {
        #[cfg(feature = "logs")]
        self.twins.sent(_event);
    }

    /// Compresses the errors of a transaction that is not sent; without a decision about it, they
    /// have no trace header.
    pub(super) fn errors(
        &mut self,
        mut mapped: Mapped,
        decision: Option<Decision>,
        mapper: &Mapper,
        (to, now): (Toward<'_>, Duration),
        wall: SystemTime,
        prepared: &mut Prepared,
    ) {
        let mut losses = Losses::default();
        let events = self.hooks.events(std::mem::take(&mut mapped.events), &mut losses);
        prepared.lost(losses);
        let (head, transaction) = (&mut self.head, &mapped.transaction);
        let trace =
            decision.and_then(|decision| head.context_of_errors(to.origin, transaction, decision));
        for event in events {
            self.event(event, trace.as_ref(), mapper, (to, now), wall, prepared);
        }
    }

    /// Leaves out what Sentry's SDK has sent, and counts what is left out.
    fn leave_out(&mut self, mapped: &mut Mapped, mapper: &Mapper, prepared: &mut Prepared) {
        prepared.note_left_out(mapped);
        let captured = self.captured.leave_out(&mut mapped.events, mapper);
        prepared.repeated_errors = prepared.repeated_errors.saturating_add(count(captured));
        self.leave_out_logged(&mut mapped.events, prepared);
    }

    pub(super) fn sends_errors_of_dropped(&self) -> bool {
        self.sampler.as_ref().is_none_or(Sampler::sends_errors_of_dropped)
    }

    pub(super) fn event(
        &mut self,
        mut event: Event<'static>,
        trace: Option<&TraceHeader>,
        mapper: &Mapper,
        (to, now): (Toward<'_>, Duration),
        wall: SystemTime,
        prepared: &mut Prepared,
    ) {
        let kind = ItemKind::Event;
        if to.limits.is_limited(Category::Error, now) {
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
        let event_id = event.event_id;
        let Ok(payload) = encode::event(event, &mut self.payload) else {
            prepared.dropped.push((Amount::of(kind, 0), DropReason::Internal));
            return;
        };
        let item = Item { kind, event_id, spans: 0, trace, payload };
        prepared.envelopes.push(Envelope::new(item, self.deflater.as_mut()));
        self.note_sent(event_id);
    }

    fn transaction(
        &mut self,
        transaction: &mut Transaction,
        trace: Option<&TraceHeader>,
        whole: Amount,
        prepared: &mut Prepared,
    ) {
        let kind = ItemKind::Transaction;
        let Ok(payload) = encode::transaction(transaction, &mut self.payload) else {
            prepared.dropped.push((whole, DropReason::Internal));
            return;
        };
        // A hook may have added some of its own, which are counted nowhere.
        let spans = count(transaction.spans.len()).saturating_add(1).min(whole.spans);
        let cut = whole.spans.saturating_sub(spans);
        if cut > 0 {
            prepared.dropped.push((Amount::spans(cut), DropReason::TooLarge));
        }
        let item = Item { kind, event_id: transaction.event_id, spans, trace, payload };
        prepared.transaction = Some(Envelope::new(item, self.deflater.as_mut()));
    }
}
