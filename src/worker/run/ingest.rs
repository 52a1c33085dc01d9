//! The way of spans from a batch to the lanes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use super::super::early::suspects;
use super::super::inbox::Source;
use super::super::intake::{Intake, Prepared};
use super::super::way::Way;
use super::Worker;
use crate::count::count;
use crate::protocol::{ItemKind, Protocol};
use crate::sampling::Decision;
use crate::segment::{Batch, Segment};
use crate::stats::{Amount, DropReason};

impl Worker {
    pub(super) fn ingest(&mut self, source: Source, mut batch: Batch) {
        if self.closing.is_some() {
            let all = count(batch.spans().len());
            self.lose_of(source, Amount::spans(all), DropReason::ShutDown);
            return;
        }
        let own = batch.leave_out(|span| self.own_traffic.iter().any(|own| own.includes(span)));
        batch.change(|spans| self.panics.join(spans));
        let now = self.now();
        let is_streaming = self.settings.protocol == Protocol::SpanV2;
        let suspects = if is_streaming { Vec::new() } else { suspects(batch.spans()) };
        let buffer = &mut self.source(source).0;
        let mut ingested = buffer.take_in(batch, now);
        if is_streaming {
            ingested.segments.extend(buffer.drain());
        }
        for (spans, reason) in [
            (count(own), DropReason::OwnTraffic),
            (ingested.unsampled, DropReason::Unsampled),
            (ingested.invalid, DropReason::InvalidId),
            (ingested.duplicates, DropReason::Duplicate),
        ] {
            if spans > 0 {
                self.lose_of(source, Amount::spans(spans), reason);
            }
        }
        if is_streaming {
            self.stream(source, ingested.segments);
            return;
        }
        self.process(source, ingested.segments);
        self.hold_back(source, suspects);
    }

    pub(super) fn process(&mut self, source: Source, segments: Vec<Segment>) {
        let max_spans = self.settings.max_spans;
        for segment in segments {
            let decision = self.intake.as_mut().map(|intake| intake.decide(&segment));
            let decision = decision.unwrap_or(Decision::KEPT);
            if self.intake.as_mut().is_some_and(Intake::take_panicked) {
                let trouble = "the closure of keep_if panicked; what it was given is kept";
                self.trouble(trouble.to_owned(), DropReason::HookPanicked);
            }
            let way = self.way_of(source, &segment);
            self.process_parts((source, way), segment.in_parts(max_spans), decision);
        }
    }

    fn process_parts(
        &mut self,
        (source, way): (Source, Option<Way>),
        parts: impl Iterator<Item = Segment>,
        decision: Decision,
    ) {
        for segment in parts {
            let times = (self.now(), SystemTime::now());
            let Some((_, mapper)) = self.sources.get(&source) else { return };
            if let Some(spotlight) = &mut self.spotlight {
                let origin = way.and_then(|way| self.outboxes.at(way).toward().origin);
                spotlight.copy(&segment, mapper, origin, times);
            }
            let whole = Amount::of(ItemKind::Transaction, count(segment.spans.len()));
            let Some(way) = way else {
                let events = count(mapper.count_errors(&segment).0);
                self.lose(Amount { events, ..whole }, DropReason::Unrouted);
                continue;
            };
            let Some(intake) = &mut self.intake else {
                self.lose(whole, DropReason::NoDsn);
                continue;
            };
            let to = self.outboxes.at(way).toward();
            let prepare =
                AssertUnwindSafe(|| intake.prepare((segment, decision), mapper, to, times));
            let prepared = catch_unwind(prepare).unwrap_or_else(|_| Prepared::failed(whole));
            self.put_in_line(way, prepared, times.0);
        }
    }

    pub(in crate::worker) fn put_in_line(&mut self, way: Way, prepared: Prepared, now: Duration) {
        self.ledger.repeated(prepared.repeated_errors);
        for setter in prepared.panicked {
            let trouble = format!("the hook of {setter} panicked; what it was given is not sent");
            self.trouble(trouble, DropReason::HookPanicked);
        }
        let mut dropped = prepared.dropped;
        for envelope in prepared.envelopes.into_iter().chain(prepared.transaction) {
            dropped.extend(self.outboxes.at_mut(way).push(envelope, now));
        }
        for (amount, reason) in dropped {
            self.lose_at(way, amount, reason);
        }
    }
}
