//! Errors that Sentry's own SDK has sent, of which no second copy leaves.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sentry_types::protocol::v7::{Context, Event, Exception, SpanId, TraceId};

use crate::generations::{Generations, Limits, Weight};
use crate::mapping::Mapper;
use crate::sentry_sdk::{Capture, Registry};

/// What the SDK has sent in the last while.
#[derive(Debug)]
pub(super) struct Captured {
    registry: Arc<Registry>,
    known: Generations<Key, Times>,
}

/// A trace, and what is told of it.
type Key = (TraceId, u64);

/// When it was captured first and last.
#[derive(Clone, Copy, Debug)]
struct Times {
    first: SystemTime,
    last: SystemTime,
}

/// By what a capture and an error of a span are told to be the same.
#[derive(Hash)]
enum Mark<'a> {
    Text(&'a str),
    Panic(&'a str),
    /// The variant or type of an error that the span holds as text for debugging.
    Type(SpanId, &'a str),
    /// Something failed in this span.
    Failure(SpanId),
}

/// How many marks a generation holds.
const GENERATION: usize = 10_000;

/// How far apart the two copies of an error may be.
const APART: Duration = Duration::from_secs(60);

impl Captured {
    pub(super) fn of(registry: Arc<Registry>) -> Self {
        Self { registry, known: Generations::new(Limits::entries(GENERATION)) }
    }

    /// Leaves out the errors that the SDK has sent; tells how many.
    pub(super) fn leave_out(&mut self, events: &mut Vec<Event<'static>>, mapper: &Mapper) -> usize {
        if events.is_empty() {
            return 0;
        }
        for capture in self.registry.take_all() {
            self.note(capture, mapper);
        }
        let before = events.len();
        if !self.known.is_empty() {
            events.retain(|event| !self.includes(event));
        }
        before.saturating_sub(events.len())
    }

    fn note(&mut self, capture: Capture, mapper: &Mapper) {
        let Capture { span, time, is_failure, said } = capture;
        // What no span was active for is noted as of the trace without an id.
        let (trace, span) = span.unwrap_or_else(|| (no_trace(), [0; 8].into()));
        for text in mapper.as_recorded(&said.texts) {
            let mark = if said.is_panic { Mark::Panic(&text) } else { Mark::Text(&text) };
            self.insert(mark.of(trace), time);
        }
        if let Some(ty) = said.ty.as_deref().filter(|_| !said.is_panic) {
            self.insert(Mark::Type(span, ty).of(trace), time);
        }
        if is_failure {
            self.insert(Mark::Failure(span).of(trace), time);
        }
    }

    fn insert(&mut self, key: Key, time: SystemTime) {
        let known = self.times(key).unwrap_or(Times { first: time, last: time });
        let times = Times { first: known.first.min(time), last: known.last.max(time) };
        self.known.insert(key, times);
    }

    fn includes(&self, event: &Event<'_>) -> bool {
        let Some((trace, span)) = recorder(event) else { return false };
        let is_near =
            |key: Key| self.times(key).is_some_and(|times| times.is_near(event.timestamp));
        let Some((itself, causes)) = event.exception.values.split_last() else {
            let message = event.logentry.as_ref().map(|entry| entry.message.as_str());
            // A status may come long after the error that led to it.
            return message.is_some_and(|text| is_near(Mark::Text(text).of(trace)))
                || (Mapper::is_of_status(event)
                    && self.times(Mark::Failure(span).of(trace)).is_some());
        };
        let Some(text) = itself.value.as_deref() else { return false };
        if itself.ty == "panic" {
            let mark = || Mark::Panic(text);
            return is_near(mark().of(trace)) || is_near(mark().of(no_trace()));
        }
        let is_debug = text
            .strip_prefix(itself.ty.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '(', '{']));
        // What was said of it before it got its context.
        let is_of_record = |error: &&Exception| Mapper::is_of_record(error);
        let mut first = causes.iter().filter(is_of_record).filter_map(|it| it.value.as_deref());
        is_near(Mark::Text(text).of(trace))
            || first.any(|text| is_near(Mark::Text(text).of(trace)))
            || (is_debug && is_near(Mark::Type(span, &itself.ty).of(trace)))
    }

    fn times(&self, key: Key) -> Option<Times> {
        self.known.peek(key).copied()
    }
}

fn no_trace() -> TraceId {
    // The default of this type is a random one.
    [0; 16].into()
}

/// The span that recorded an error.
fn recorder(event: &Event<'_>) -> Option<(TraceId, SpanId)> {
    match event.contexts.get("trace")? {
        Context::Trace(trace) => Some((trace.trace_id, trace.span_id)),
        _ => None,
    }
}

impl Mark<'_> {
    fn of(self, trace: TraceId) -> Key {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        (trace, hasher.finish())
    }
}

impl Weight for Times {}

impl Times {
    fn is_near(self, time: SystemTime) -> bool {
        let is_before = |earlier: SystemTime, later: SystemTime| {
            earlier.duration_since(later).unwrap_or_default() <= APART
        };
        is_before(self.first, time) && is_before(time, self.last)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use sentry_types::protocol::v7::{LogEntry, Mechanism, TraceContext};

    use super::*;
    use crate::sentry_sdk::Said;

    fn trace(number: u8) -> TraceId {
        [number; 16].into()
    }

    fn span(number: u8) -> SpanId {
        [number; 8].into()
    }

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1000 + second)
    }

    fn said(ty: &str, text: &str) -> Said {
        Said { is_panic: ty == "panic", ty: Some(ty.into()), texts: vec![text.into()] }
    }

    fn capture(ty: &str, text: &str) -> Capture {
        let span = Some((trace(1), span(1)));
        Capture { span, time: at(0), is_failure: true, said: said(ty, text) }
    }

    /// An error that the span 1 of the trace 1 recorded.
    fn event(ty: &str, text: &str) -> Event<'static> {
        let exception =
            Exception { ty: ty.into(), value: Some(text.into()), ..Exception::default() };
        let mut event =
            Event { exception: vec![exception].into(), timestamp: at(0), ..Event::default() };
        in_span(&mut event, (trace(1), span(1)));
        event
    }

    fn status(text: &str) -> Event<'static> {
        let mut event = event("", "");
        event.exception = Vec::new().into();
        event.logentry = Some(LogEntry { message: text.into(), params: Vec::new() });
        event.fingerprint = vec!["opentelemetry.status".into(), "db".into()].into();
        event
    }

    fn in_span(event: &mut Event<'_>, (trace_id, span_id): (TraceId, SpanId)) {
        let context = TraceContext { trace_id, span_id, ..TraceContext::default() };
        event.contexts.insert("trace".into(), context.into());
    }

    /// Whether the event is left out once the SDK has sent these.
    fn is_left_out(captures: impl IntoIterator<Item = Capture>, event: Event<'static>) -> bool {
        let registry = Arc::new(Registry::default());
        captures.into_iter().for_each(|capture| registry.add(capture));
        let mut events = vec![event];
        let left_out = Captured::of(registry).leave_out(&mut events, &Mapper::new());
        assert_eq!(left_out + events.len(), 1);
        left_out == 1
    }

    #[test]
    fn an_error_of_the_same_trace_and_text_is_the_same_whatever_its_type_is_called() {
        let sent = || [capture("NotPaid", "not paid")];
        assert!(is_left_out(sent(), event("OrderError", "not paid")));
        assert!(is_left_out(sent(), status("not paid")));
        assert!(!is_left_out(sent(), event("OrderError", "not shipped")));
        assert!(!is_left_out([], event("NotPaid", "not paid")));
        let mut elsewhere = event("NotPaid", "not paid");
        in_span(&mut elsewhere, (trace(2), span(1)));
        assert!(!is_left_out(sent(), elsewhere));
    }

    #[test]
    fn an_error_with_context_is_the_one_that_was_captured_without_it_and_no_cause_is() {
        let of = |ways: [&str; 2]| {
            let mut event = event("Error", "not paid");
            event.exception.values.extend(self::event("Error", "no order").exception.values);
            for (error, way) in event.exception.values.iter_mut().zip(ways) {
                error.mechanism = Some(Mechanism { ty: way.into(), ..Mechanism::default() });
            }
            is_left_out([capture("NotPaid", "not paid")], event)
        };
        assert!(of(["opentelemetry", "opentelemetry"]));
        assert!(!of(["chained", "opentelemetry"]));
    }

    #[test]
    fn a_panic_is_no_error_that_says_the_same() {
        assert!(is_left_out([capture("panic", "no money")], event("panic", "no money")));
        assert!(!is_left_out([capture("panic", "no money")], event("Error", "no money")));
        assert!(!is_left_out([capture("Error", "no money")], event("panic", "no money")));
    }

    #[test]
    fn a_panic_outside_of_spans_is_the_same_in_whatever_trace_it_is_told() {
        let alone = Capture { span: None, ..capture("panic", "no money") };
        assert!(is_left_out([alone.clone()], event("panic", "no money")));
        assert!(!is_left_out([alone], event("Error", "no money")));
    }

    #[test]
    fn a_text_for_debugging_is_told_by_its_type_and_span() {
        let sent = || [capture("NotPaid", "the order is not paid")];
        assert!(is_left_out(sent(), event("NotPaid", "NotPaid { order: 7 }")));
        assert!(is_left_out(sent(), event("NotPaid", "NotPaid")));
        assert!(!is_left_out(sent(), event("NotPaid", "NotPaidYet { order: 7 }")));
        assert!(!is_left_out(sent(), event("Other", "Other { order: 7 }")));
        let mut elsewhere = event("NotPaid", "NotPaid { order: 7 }");
        in_span(&mut elsewhere, (trace(1), span(2)));
        assert!(!is_left_out(sent(), elsewhere));
    }

    #[test]
    fn an_error_status_is_told_by_any_error_of_its_span_but_not_by_a_message() {
        let mut late = status("GET /orders");
        late.timestamp = at(3600);
        assert!(is_left_out([capture("NotPaid", "not paid")], late.clone()));
        let message = Capture { is_failure: false, ..capture("NotPaid", "not paid") };
        assert!(!is_left_out([message], late.clone()));
        in_span(&mut late, (trace(1), span(2)));
        assert!(!is_left_out([capture("NotPaid", "not paid")], late));
    }

    #[test]
    fn copies_are_at_most_a_minute_apart() {
        let later = Capture { time: at(600), ..capture("Error", "not paid") };
        let sent = || [capture("Error", "not paid"), later.clone()];
        let mut recorded = event("Error", "not paid");
        for (time, is_same) in [(0, true), (60, true), (660, true), (661, false)] {
            recorded.timestamp = at(time);
            assert_eq!(is_left_out(sent(), recorded.clone()), is_same, "{time}");
        }
        recorded.timestamp = at(0) - Duration::from_secs(61);
        assert!(!is_left_out(sent(), recorded));
    }

    #[test]
    fn what_scrubbing_and_parsing_change_is_changed_on_both_sides() {
        let text = "no answer of https://root:secret@db.test/orders";
        let clean = Mapper::new().as_recorded(&[text.to_owned()]);
        assert!(!clean[0].contains("secret"), "{clean:?}");
        assert!(is_left_out([capture("Error", text)], event("Error", &clean[0])));
        let report = "not paid\n\nCaused by:\n    no money";
        assert!(is_left_out([capture("Error", report)], event("Error", "not paid")));
    }

    #[test]
    fn as_many_as_two_generations_are_remembered() {
        let mut captured = Captured::of(Arc::default());
        let note = |captured: &mut Captured, number: usize| {
            let said = Said { texts: vec![number.to_string()], ..Said::default() };
            let capture = Capture { is_failure: false, said, ..capture("Error", "") };
            captured.note(capture, &Mapper::new());
            assert!(captured.known.len() <= 2 * GENERATION);
        };
        (0..2 * GENERATION).for_each(|number| note(&mut captured, number));
        assert!(captured.includes(&event("Error", "0")));
        note(&mut captured, 2 * GENERATION);
        assert!(!captured.includes(&event("Error", "0")));
        assert!(captured.includes(&event("Error", &GENERATION.to_string())));
    }
}
