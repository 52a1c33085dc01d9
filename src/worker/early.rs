//! Errors that leave before the root of their segment has come.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{Context, Event};

use super::inbox::Source;
use super::intake::Prepared;
use super::run::Worker;
use crate::mapping::{Mapped, Mapper};
use crate::protocol::ItemKind;
use crate::stats::{Amount, DropReason};

/// The spans with errors that wait for their root, and those whose errors have left.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// In order of time.
    waiting: VecDeque<Waiting>,
    told: Told,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    source: Source,
    span: (TraceId, SpanId),
    until: Duration,
}

/// Spans whose errors are not told again, in two generations: when the young one is full, it takes
/// the place of the old one.
#[derive(Debug, Default)]
struct Told {
    young: HashSet<Id>,
    old: HashSet<Id>,
}

/// A span, as its errors name it.
type Id = (sentry_types::protocol::v7::TraceId, sentry_types::protocol::v7::SpanId);

/// How many spans a generation holds.
const GENERATION: usize = 50_000;

impl Early {
    /// The next one that has waited long enough and whose errors have not left.
    fn due(&mut self, now: Duration) -> Option<(Source, (TraceId, SpanId))> {
        while let Some(next) = self.waiting.front().copied().filter(|next| next.until <= now) {
            self.waiting.pop_front();
            if !self.told.contains(&id(next.span)) {
                return Some((next.source, next.span));
            }
        }
        None
    }

    /// Notes that the errors of these spans have left.
    fn tell(&mut self, spans: impl IntoIterator<Item = (TraceId, SpanId)>) {
        spans.into_iter().for_each(|span| self.told.insert(id(span)));
    }

    /// Whether the errors of this span have left before.
    pub(super) fn is_told(&self, span: &SpanData) -> bool {
        !self.told.is_empty() && self.told.contains(&id(ids(&span.span_context)))
    }

    /// Leaves out the errors that have left before.
    pub(super) fn leave_out_told(&self, events: &mut Vec<Event<'static>>) {
        if !self.told.is_empty() {
            let is_told =
                |event: &Event<'_>| recorder(event).is_some_and(|id| self.told.contains(&id));
            events.retain(|event| !is_told(event));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.front().map(|next| next.until)
    }
}

impl Told {
    fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    fn contains(&self, span: &Id) -> bool {
        self.young.contains(span) || self.old.contains(span)
    }

    fn insert(&mut self, span: Id) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(span);
    }
}

impl Worker {
    /// From now on the errors of those that still wait for their root have some time left.
    pub(super) fn hold_back(&mut self, source: Source, failed: Vec<(TraceId, SpanId)>) {
        // Where a segment that is not kept takes its errors along, they wait for what is decided.
        if self.intake.as_ref().is_some_and(|intake| !intake.sends_errors_of_dropped()) {
            return;
        }
        let Some((buffer, _)) = self.sources.get(&source) else { return };
        let until = self.now().saturating_add(self.settings.error_timeout);
        let waiting = failed.into_iter().filter(|(trace, span)| buffer.holds(*trace, *span));
        self.early.waiting.extend(waiting.map(|span| Waiting { source, span, until }));
    }

    /// Sends errors whose root has not come in time; their spans go on waiting for it.
    pub(super) fn send_early(&mut self, now: Duration) {
        while let Some((source, (trace, span))) = self.early.due(now) {
            let Some((buffer, mapper)) = self.sources.get(&source) else { continue };
            let Some(branch) = buffer.branch(trace, span) else { continue };
            let mapper = mapper.clone();
            let failed = branch.spans.iter().filter(|span| mapper.is_failure(span));
            let failed: Vec<_> = failed.map(|span| ids(&span.span_context)).collect();
            self.send_errors(true, &mapper, |mapper| mapper.map_errors(branch.clone()));
            self.early.tell(failed);
        }
    }

    /// Sends errors without the transaction that they belong to.
    pub(super) fn send_errors(
        &mut self,
        is_sampled: bool,
        mapper: &Mapper,
        map: impl Fn(&Mapper) -> Option<Mapped>,
    ) {
        let times = (self.now(), SystemTime::now());
        let map = |mapper: &Mapper| {
            let mut mapped = map(mapper)?;
            self.early.leave_out_told(&mut mapped.events);
            Some(mapped)
        };
        if let Some(spotlight) = &mut self.spotlight {
            spotlight.copy_errors(mapper, map, times);
        }
        let one = Amount::of(ItemKind::Event, 0);
        let Some(intake) = &mut self.intake else {
            self.lose(one, DropReason::NoDsn);
            return;
        };
        let limits = &self.outbox.limits;
        let prepare = AssertUnwindSafe(|| {
            intake.prepare_errors(map(mapper), mapper, is_sampled, limits, times)
        });
        let prepared = catch_unwind(prepare).unwrap_or_else(|_| Prepared::failed(one));
        self.put_in_line(prepared, times.0);
    }

    /// Lets no error wait any longer for its root.
    pub(super) fn send_all_early(&mut self) {
        self.send_early(Duration::MAX);
    }
}

/// The spans of a batch whose errors may have to leave before their segment.
pub(super) fn failed(spans: &[SpanData], mapper: &Mapper) -> Vec<(TraceId, SpanId)> {
    let has_parent =
        |span: &&SpanData| span.parent_span_id != SpanId::INVALID && !span.parent_span_is_remote;
    let failed = spans.iter().filter(has_parent).filter(|span| mapper.is_failure(span));
    failed.map(|span| ids(&span.span_context)).collect()
}

fn ids(context: &SpanContext) -> (TraceId, SpanId) {
    (context.trace_id(), context.span_id())
}

fn id((trace, span): (TraceId, SpanId)) -> Id {
    (trace.to_bytes().into(), span.to_bytes().into())
}

/// The span that recorded an error.
pub(super) fn recorder(event: &Event<'_>) -> Option<Id> {
    match event.contexts.get("trace")? {
        Context::Trace(trace) => Some((trace.trace_id, trace.span_id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn span(id: u64) -> (TraceId, SpanId) {
        (7.into(), id.into())
    }

    fn due(early: &mut Early, now: Duration) -> Vec<SpanId> {
        std::iter::from_fn(|| early.due(now)).map(|(_, (_, span))| span).collect()
    }

    fn waiting(times: [(u64, u32); 3]) -> Early {
        let waiting = times.map(|(id, seconds)| Waiting {
            source: Source::default(),
            span: span(id),
            until: SECOND * seconds,
        });
        Early { waiting: waiting.into(), told: Told::default() }
    }

    #[test]
    fn an_error_leaves_when_its_time_has_come_and_once() {
        let mut early = waiting([(1, 1), (2, 2), (3, 2)]);
        assert_eq!(early.next_deadline(), Some(SECOND));
        assert_eq!(due(&mut early, SECOND / 2), []);
        assert_eq!(due(&mut early, SECOND), [1.into()]);
        assert_eq!(due(&mut early, SECOND * 2), [2.into(), 3.into()]);
        assert_eq!((due(&mut early, SECOND * 3), early.next_deadline()), (vec![], None));
    }

    #[test]
    fn what_left_with_another_error_of_its_branch_is_not_due() {
        let mut early = waiting([(1, 1), (2, 1), (3, 1)]);
        early.tell([span(1), span(3)]);
        assert_eq!(due(&mut early, SECOND), [2.into()]);
    }

    #[test]
    fn as_many_as_two_generations_are_remembered() {
        let mut told = Told::default();
        let mut first_is_known = |count: usize| {
            (0..count).for_each(|_| {
                let number = told.young.len() + told.old.len();
                told.insert(id(span(number as u64 + 1)));
            });
            assert!(told.young.len() + told.old.len() <= 2 * GENERATION);
            told.contains(&id(span(1)))
        };
        assert!(first_is_known(GENERATION));
        assert!(first_is_known(GENERATION));
        assert!(!first_is_known(1));
    }
}
