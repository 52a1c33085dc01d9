//! Panics that wait for the end of the span that they went through.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use opentelemetry::trace::{Event, SpanContext, TraceFlags, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData};

use super::inbox::Source;
use super::run::Worker;
use crate::mapping::{Mapper, Panic, join, stand_in};
use crate::protocol::ItemKind;
use crate::segment::Segment;
use crate::stats::{Amount, DropReason};

/// The panics whose spans have not come yet.
#[derive(Debug, Default)]
pub(super) struct Panics {
    waiting: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    span: SpanContext,
    panic: Event,
    until: Duration,
}

/// What is known of a panic and of the span that it went through, if any.
pub(super) type Alone = (SpanContext, Event);

/// How long a panic waits for its span: by default a processor keeps one for 5 seconds.
const WAIT: Duration = Duration::from_secs(15);

const MAX_WAITING: usize = 100;

impl Panics {
    /// Takes a panic; gives those that are to be sent without a span.
    pub(super) fn add(&mut self, span: SpanContext, panic: Event, now: Duration) -> Vec<Alone> {
        // Nothing of a span that is not sampled, or of another process, ever comes here.
        if !span.is_valid() || !span.is_sampled() || span.is_remote() {
            return vec![(span, panic)];
        }
        self.waiting.push_back(Held { span, panic, until: now.saturating_add(WAIT) });
        let surplus = self.waiting.len().saturating_sub(MAX_WAITING);
        self.waiting.drain(..surplus).map(Held::alone).collect()
    }

    /// Puts the panics that wait for one of these spans into it; tells whether there was one.
    pub(super) fn join(&mut self, spans: &mut [SpanData]) -> bool {
        let before = self.waiting.len();
        if before == 0 {
            return false;
        }
        for span in spans {
            let id = |context: &SpanContext| (context.trace_id(), context.span_id());
            let own = id(&span.span_context);
            let is_of = |held: &Held| id(&held.span) == own;
            while let Some(at) = self.waiting.iter().position(is_of)
                && let Some(held) = self.waiting.remove(at)
            {
                join(span, held.panic);
            }
        }
        self.waiting.len() < before
    }

    /// Those whose spans have not come in time.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Alone> {
        let due = self.waiting.partition_point(|held| held.until <= now);
        self.waiting.drain(..due).map(Held::alone).collect()
    }

    pub(super) fn take_all(&mut self) -> Vec<Alone> {
        self.waiting.drain(..).map(Held::alone).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.front().map(|held| held.until)
    }
}

impl Held {
    fn alone(self) -> Alone {
        (self.span, self.panic)
    }
}

impl Worker {
    pub(super) fn panicked(&mut self, panic: &Panic) {
        self.ledger.take_panic();
        let one = Amount::of(ItemKind::Event, 0);
        let Ok(event) = catch_unwind(AssertUnwindSafe(|| panic.event())) else {
            self.lose(one, DropReason::Internal);
            return;
        };
        let alone = self.panics.add(panic.span.clone(), event, self.now());
        self.send_alone(alone);
        if self.closing.is_some() {
            self.send_all_alone();
        }
    }

    /// Lets no panic wait any longer for its span.
    pub(super) fn send_all_alone(&mut self) {
        let alone = self.panics.take_all();
        self.send_alone(alone);
    }

    /// Sends panics as errors without a transaction.
    pub(super) fn send_alone(&mut self, panics: Vec<Alone>) {
        for (context, panic) in panics {
            let context = if context.is_valid() { context } else { new_context() };
            let is_sampled = context.is_sampled();
            let alone = Segment::of(stand_in(context, panic));
            // A panic says nothing of the provider, if there are several.
            let latest = self.sources.iter().max_by_key(|(source, _)| source.0);
            let mapper = latest.map_or(&self.settings.mapper, |(_, (_, mapper))| mapper).clone();
            let source = latest.map_or(Source::default(), |(source, _)| *source);
            match self.way_of_panic(source, &alone) {
                Some(way) => {
                    drop(self.send_errors(is_sampled, (&mapper, way), alone, Mapper::map_alone));
                }
                None => self.lose(Amount::of(ItemKind::Event, 0), DropReason::Unrouted),
            }
        }
    }
}

/// Ids of their own for what belongs to no trace.
fn new_context() -> SpanContext {
    let ids = RandomIdGenerator::default();
    let (trace, span) = (ids.new_trace_id(), ids.new_span_id());
    SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, false, TraceState::NONE)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::trace::Status;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn context(span: u64, flags: TraceFlags, is_remote: bool) -> SpanContext {
        SpanContext::new(7.into(), span.into(), flags, is_remote, TraceState::NONE)
    }

    fn local(span: u64) -> SpanContext {
        context(span, TraceFlags::SAMPLED, false)
    }

    fn panic(name: &'static str) -> Event {
        Event::new(name, UNIX_EPOCH, Vec::new(), 0)
    }

    fn names(alone: Vec<Alone>) -> Vec<String> {
        alone.into_iter().map(|(_, panic)| panic.name.into_owned()).collect()
    }

    fn span(id: u64) -> SpanData {
        let mut span = stand_in(local(id), panic("itself"));
        span.events = Default::default();
        span.status = Status::Unset;
        span
    }

    #[test]
    fn panics_join_the_span_that_they_went_through_and_make_it_a_failure() {
        let mut panics = Panics::default();
        for (id, name) in [(1, "first"), (2, "other"), (1, "second")] {
            assert_eq!(panics.add(local(id), panic(name), SECOND), []);
        }
        let mut spans = [span(3), span(1)];
        assert!(panics.join(&mut spans));
        assert!(!panics.join(&mut spans), "no more than once");
        let [untouched, joined] = spans;
        assert_eq!((untouched.events.len(), untouched.status), (0, Status::Unset));
        let joined_names: Vec<_> = joined.events.iter().map(|event| &*event.name).collect();
        assert_eq!(joined_names, ["first", "second"]);
        assert_eq!(joined.status, Status::error("panic"));
        assert_eq!(names(panics.take_all()), ["other"]);
    }

    #[test]
    fn a_span_keeps_the_status_that_it_has() {
        let mut panics = Panics::default();
        panics.add(local(1), panic("first"), SECOND);
        let mut spans = [SpanData { status: Status::error("not found"), ..span(1) }];
        panics.join(&mut spans);
        assert_eq!(spans[0].status, Status::error("not found"));
    }

    #[test]
    fn a_panic_whose_span_never_comes_leaves_in_time() {
        let mut panics = Panics::default();
        panics.add(local(1), panic("first"), SECOND);
        panics.add(local(2), panic("second"), SECOND * 2);
        assert_eq!(panics.next_deadline(), Some(SECOND * 16));
        assert_eq!(names(panics.due(SECOND * 15)), [""; 0]);
        assert_eq!(names(panics.due(SECOND * 16)), ["first"]);
        assert_eq!(names(panics.due(SECOND * 17)), ["second"]);
        assert_eq!(panics.next_deadline(), None);
    }

    #[test]
    fn a_panic_that_no_span_will_come_for_leaves_at_once() {
        let mut panics = Panics::default();
        for context in [
            SpanContext::NONE,
            context(1, TraceFlags::NOT_SAMPLED, false),
            context(1, TraceFlags::SAMPLED, true),
        ] {
            assert_eq!(names(panics.add(context, panic("first"), SECOND)), ["first"]);
        }
    }

    #[test]
    fn no_more_than_a_hundred_wait_and_the_oldest_leave_first() {
        let mut panics = Panics::default();
        for id in 1..=100 {
            assert_eq!(panics.add(local(id), panic("early"), SECOND), []);
        }
        let alone = panics.add(local(101), panic("late"), SECOND);
        assert_eq!(alone.len(), 1);
        assert_eq!(alone[0].0.span_id(), 1.into());
    }
}
