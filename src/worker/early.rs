//! Errors that leave before the root of their segment has come.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;

use super::inbox::{Deadline, Source};
use super::intake::Prepared;
use super::routing::Routing;
use super::run::Worker;
use super::way::Way;
use crate::count::count;
use crate::mapping::{Mapped, Mapper, may_be_failure};
use crate::protocol::ItemKind;
use crate::segment::{Segment, is_local_root};
use crate::stats::{Amount, DropReason};
use crate::transport::Category;

/// The spans with errors that wait for their root.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// In order of time.
    waiting: VecDeque<Waiting>,
    /// Until this moment they are due, however long they have waited.
    hurried: Duration,
    /// Who waits until those are on their way.
    flushes: Vec<(Deadline, SyncSender<OTelSdkResult>)>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    source: Source,
    span: (TraceId, SpanId),
    since: Duration,
    until: Duration,
}

impl Early {
    /// Whether somebody waits for errors that are not in line yet.
    pub(super) fn has_flushes(&self) -> bool {
        !self.flushes.is_empty()
    }

    /// The next one that has waited long enough.
    fn due(&mut self, now: Duration) -> Option<Waiting> {
        let next = self.waiting.front().copied()?;
        (next.until <= now || next.since <= self.hurried).then(|| self.waiting.pop_front())?
    }

    fn is_empty_until(&self, moment: Duration) -> bool {
        self.waiting.front().is_none_or(|next| next.since > moment)
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let next = self.waiting.front()?;
        Some(if next.since <= self.hurried { Duration::ZERO } else { next.until })
    }
}

impl Worker {
    /// From now on the errors of those that still wait for their root have some time left.
    pub(super) fn hold_back(&mut self, source: Source, suspects: Vec<(TraceId, SpanId)>) {
        // Where a segment that is not kept takes its errors along, they wait for what is decided;
        // the same where the root decides which project they go to.
        if self.intake.as_ref().is_some_and(|intake| !intake.sends_errors_of_dropped())
            || self.routing.as_ref().is_some_and(Routing::needs_root)
        {
            return;
        }
        let Some((buffer, mapper)) = self.sources.get(&source) else { return };
        let (since, timeout) = (self.now(), self.settings.error_timeout);
        // After that the span itself is gone.
        let until = since.saturating_add(timeout.min(self.settings.segment_timeout));
        // Most spans have left with their root, and need no look at what they recorded.
        let has_failed = |(trace, span): &(TraceId, SpanId)| {
            buffer.waiting(*trace, *span).is_some_and(|span| mapper.is_failure(span))
        };
        let waiting = suspects.into_iter().filter(has_failed).map(|span| Waiting {
            source,
            span,
            since,
            until,
        });
        self.early.waiting.extend(waiting);
    }

    /// Sends the errors of one span whose root has not come in time, and of what is below it; the
    /// spans go on waiting. Tells whether there was one.
    pub(super) fn send_next_early(&mut self, now: Duration) -> bool {
        let Some(Waiting { source, span: (trace, span), .. }) = self.early.due(now) else {
            return false;
        };
        // What Sentry does not want now leaves with its segment, if it wants it then; what goes
        // nowhere is counted with its segment.
        let Some(way) = self.way_of_source(source) else { return true };
        if self.outboxes.at(way).limits.is_limited(Category::Error, now) {
            return true;
        }
        let Some((buffer, mapper)) = self.sources.get(&source) else { return true };
        let Some(branch) = buffer.branch(trace, span) else { return true };
        let mapper = mapper.clone();
        let told = self.send_errors(true, (&mapper, way), branch, Mapper::map_errors);
        if let Some((buffer, _)) = self.sources.get_mut(&source) {
            buffer.tell(trace, &told);
        }
        true
    }

    /// Lets no error that is here wait any longer for its root, and then waits for delivery.
    pub(super) fn flush(&mut self, asked: Deadline, answer: SyncSender<OTelSdkResult>) {
        self.early.hurried = self.now();
        self.early.flushes.push((asked, answer));
        self.flush_hurried();
    }

    /// Has those who flush wait for delivery, once what they flush is on its way.
    pub(super) fn flush_hurried(&mut self) {
        if self.early.is_empty_until(self.early.hurried) {
            let now = self.now();
            for (asked, answer) in std::mem::take(&mut self.early.flushes) {
                self.waiting.flush(answer, asked, self.outboxes.mark(), now);
            }
        }
    }

    /// Sends errors without the transaction that they belong to; gives the spans they are of.
    pub(super) fn send_errors(
        &mut self,
        is_sampled: bool,
        (mapper, way): (&Mapper, Way),
        segment: Segment,
        map: fn(&Mapper, Segment) -> Option<Mapped>,
    ) -> Vec<SpanId> {
        let times = (self.now(), SystemTime::now());
        if let Some(spotlight) = &mut self.spotlight {
            let origin = self.outboxes.at(way).toward().origin;
            spotlight.copy_errors(mapper, |mapper| map(mapper, segment.clone()), origin, times);
        }
        let Some(intake) = &mut self.intake else {
            let told = segment.spans.iter().map(|span| span.span_context.span_id()).collect();
            let events = count(mapper.count_errors(&segment).0);
            self.lose(Amount { events, ..Amount::default() }, DropReason::NoDsn);
            return told;
        };
        let to = self.outboxes.at(way).toward();
        let mut told = Vec::new();
        let prepare = AssertUnwindSafe(|| {
            let mut mapped = map(mapper, segment);
            told =
                mapped.as_mut().map(|it| std::mem::take(&mut it.error_spans)).unwrap_or_default();
            intake.prepare_errors(mapped, mapper, is_sampled, to, times)
        });
        let one = Amount::of(ItemKind::Event, 0);
        let prepared = catch_unwind(prepare).unwrap_or_else(|_| Prepared::failed(one));
        self.put_in_line(way, prepared, times.0);
        told
    }
}

/// The spans of a batch that may have errors, which may have to leave before their segment.
pub(super) fn suspects(spans: &[SpanData]) -> Vec<(TraceId, SpanId)> {
    let suspects = spans.iter().filter(|span| !is_local_root(span) && may_be_failure(span));
    suspects.map(|span| (span.span_context.trace_id(), span.span_context.span_id())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn early(times: [(u64, u32, u32); 3]) -> Early {
        let waiting = times.map(|(id, since, until)| Waiting {
            source: Source::default(),
            span: (7.into(), id.into()),
            since: SECOND * since,
            until: SECOND * until,
        });
        Early { waiting: waiting.into(), ..Early::default() }
    }

    fn due(early: &mut Early, now: Duration) -> Vec<SpanId> {
        std::iter::from_fn(|| early.due(now)).map(|next| next.span.1).collect()
    }

    #[test]
    fn an_error_leaves_when_its_time_has_come_and_once() {
        let mut early = early([(1, 1, 11), (2, 2, 12), (3, 2, 12)]);
        assert_eq!(early.next_deadline(), Some(SECOND * 11));
        assert_eq!(due(&mut early, SECOND * 10), []);
        assert_eq!(due(&mut early, SECOND * 11), [1.into()]);
        assert_eq!(due(&mut early, SECOND * 12), [2.into(), 3.into()]);
        assert_eq!((due(&mut early, SECOND * 13), early.next_deadline()), (vec![], None));
    }

    #[test]
    fn a_flush_makes_due_what_is_there_and_nothing_that_comes_later() {
        let mut early = early([(1, 1, 11), (2, 2, 12), (3, 3, 13)]);
        early.hurried = SECOND * 2;
        assert_eq!(early.next_deadline(), Some(Duration::ZERO));
        assert_eq!(due(&mut early, SECOND * 2), [1.into(), 2.into()]);
        assert!(early.is_empty_until(SECOND * 2) && !early.is_empty_until(SECOND * 3));
        assert_eq!(early.next_deadline(), Some(SECOND * 13));
    }
}
