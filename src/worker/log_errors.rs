//! Errors that logs tell of, and that spans may tell of as well.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::TraceId;
use sentry_types::Uuid;
use sentry_types::protocol::v7::{Context, Event, Exception};

use super::inbox::Record;
use super::intake::{Intake, Prepared};
use super::run::Worker;
use super::toward::Toward;
use super::way::Way;
use crate::count::count;
use crate::generations::{Generations, Limits, Weight};
use crate::mapping::{Mapped, Mapper};
use crate::protocol::ItemKind;
use crate::sampling::Decision;
use crate::segment::Segment;
use crate::stats::Amount;

/// The errors of late and who told them first.
///
/// An error is one and the same where trace, span, type and text agree.
#[derive(Debug)]
pub(super) struct Twins {
    /// Without errors of logs there are no twins.
    is_on: bool,
    known: Generations<u64, Teller>,
    /// The errors at hand, by their ids: they become known only if they are sent.
    at_hand: HashMap<Uuid, (Vec<u64>, Teller)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Teller {
    Log,
    Span,
}

/// How many errors a generation holds.
const GENERATION: usize = 10_000;

impl Twins {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, ..Self::default() }
    }

    /// Leaves out the errors of spans that a log has told; tells how many.
    pub(super) fn leave_out_logged(&mut self, events: &mut Vec<Event<'static>>) -> u64 {
        match self.is_on {
            true => self.leave_out(events, Teller::Span, |first| first == Some(Teller::Log)),
            false => 0,
        }
    }

    /// Leaves out the errors of logs that a span, or a log before, has told; tells how many.
    pub(super) fn leave_out_known(&mut self, events: &mut Vec<Event<'static>>) -> u64 {
        self.leave_out(events, Teller::Log, |first| first.is_some())
    }

    /// Leaves out the errors for whose first teller this says yes; tells how many.
    fn leave_out(
        &mut self,
        events: &mut Vec<Event<'static>>,
        teller: Teller,
        is_left_out: impl Fn(Option<Teller>) -> bool,
    ) -> u64 {
        let before = events.len();
        self.at_hand.clear();
        events.retain(|event| {
            let keys = keys(event);
            let is_kept = !keys.iter().any(|key| is_left_out(self.known.peek(*key).copied()));
            if is_kept && !keys.is_empty() {
                self.at_hand.insert(event.event_id, (keys, teller));
            }
            is_kept
        });
        count(before.saturating_sub(events.len()))
    }

    /// Notes that an error is sent, whatever a hook has made of it.
    pub(super) fn sent(&mut self, event: Uuid) {
        let Some((keys, teller)) = self.at_hand.remove(&event) else { return };
        for key in keys {
            if self.known.peek(key).is_none() {
                self.known.insert(key, teller);
            }
        }
    }
}

impl Default for Twins {
    fn default() -> Self {
        Self {
            is_on: false,
            known: Generations::new(Limits::entries(GENERATION)),
            at_hand: HashMap::new(),
        }
    }
}

impl Weight for Teller {}

impl Worker {
    /// Sends the error that a record tells of, unless its span has told it.
    pub(super) fn tell_logged(
        &mut self,
        (record, scope): &Record,
        mapper: &Mapper,
        (trace, wall): (TraceId, SystemTime),
    ) {
        let now = self.now();
        let map = |mapper: &Mapper| {
            let logged = mapper.logged_error(record, scope, (trace, wall))?;
            Some((mapper.map_alone(Segment::of(logged.span))?, logged.is_sampled))
        };
        if let Some(spotlight) = &mut self.spotlight {
            spotlight.copy_logged(mapper, |mapper| Some(map(mapper)?.0), (now, wall));
        }
        let outbox = self.outboxes.first();
        let Some(intake) = self.intake.as_mut().filter(|_| outbox.destination().is_some()) else {
            return;
        };
        let toward = outbox.toward();
        let prepare = AssertUnwindSafe(|| {
            let (mapped, is_sampled) = map(mapper)?;
            Some(intake.prepare_logged(mapped, mapper, is_sampled, toward, (now, wall)))
        });
        let failed = || Some(Prepared::failed(Amount::of(ItemKind::Event, 0)));
        if let Some(prepared) = catch_unwind(prepare).unwrap_or_else(|_| failed()) {
            self.put_in_line(Way::DEFAULT, prepared, now);
        }
    }
}

impl Intake {
    pub(super) fn with_log_errors(mut self, is_on: bool) -> Self {
        self.twins = Twins::new(is_on);
        self
    }

    /// Compresses the error that a log tells of, unless it is known.
    fn prepare_logged(
        &mut self,
        mut mapped: Mapped,
        mapper: &Mapper,
        is_sampled: bool,
        toward: Toward<'_>,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        prepared.note_left_out(&mapped);
        let known = self.twins.leave_out_known(&mut mapped.events);
        let captured = count(self.captured.leave_out(&mut mapped.events, mapper));
        prepared.repeated_errors = known.saturating_add(captured);
        let decision = is_sampled.then_some(Decision::KEPT);
        self.errors(mapped, decision, mapper, (toward, now), wall, &mut prepared);
        prepared
    }
}

/// What tells an error from others: where it was recorded, and as what, first and with context.
fn keys(event: &Event<'_>) -> Vec<u64> {
    let Some(Context::Trace(trace)) = event.contexts.get("trace") else { return Vec::new() };
    let Some((itself, causes)) = event.exception.values.split_last() else { return Vec::new() };
    let first = causes.iter().filter(|cause| Mapper::is_of_record(cause));
    let key = |error: &Exception| {
        let mut hasher = DefaultHasher::new();
        (trace.trace_id.to_string(), trace.span_id.to_string()).hash(&mut hasher);
        (&error.ty, &error.value).hash(&mut hasher);
        hasher.finish()
    };
    first.chain([itself]).map(key).collect()
}

#[cfg(test)]
mod tests {
    use sentry_types::protocol::v7::{Exception, Mechanism, TraceContext};

    use super::*;

    fn event(span: u8, value: &str) -> Event<'static> {
        let mut event = Event::default();
        let (trace_id, span_id) = ([7; 16].into(), [span; 8].into());
        let trace = TraceContext { trace_id, span_id, ..TraceContext::default() };
        event.contexts.insert("trace".into(), trace.into());
        let value = Some(value.to_owned());
        event.exception.values.push(Exception { ty: "E".into(), value, ..Exception::default() });
        event
    }

    fn twins() -> Twins {
        Twins::new(true)
    }

    /// Errors of which all are sent that are not left out.
    fn of_logs(twins: &mut Twins, mut events: Vec<Event<'static>>) -> u64 {
        let left_out = twins.leave_out_known(&mut events);
        events.iter().for_each(|event| twins.sent(event.event_id));
        left_out
    }

    fn of_spans(twins: &mut Twins, mut events: Vec<Event<'static>>) -> u64 {
        let left_out = twins.leave_out_logged(&mut events);
        events.iter().for_each(|event| twins.sent(event.event_id));
        left_out
    }

    #[test]
    fn an_error_is_told_once_whoever_tells_it_first() {
        let mut twins = twins();
        assert_eq!(of_logs(&mut twins, vec![event(1, "a"), event(2, "b")]), 0);
        let of_span = vec![event(1, "a"), event(1, "c"), event(3, "a")];
        assert_eq!(of_spans(&mut twins, of_span), 1, "another text, and another span");
        assert_eq!(of_logs(&mut twins, vec![event(1, "c"), event(3, "a")]), 2);
    }

    #[test]
    fn an_error_with_context_is_one_that_was_told_without_it() {
        let recorded = |span, values: &[&str]| {
            let mut event = event(span, "root");
            event.exception.values[0].mechanism = Some(way("chained"));
            for value in values {
                let mut itself = self::event(span, value).exception.values.remove(0);
                itself.mechanism = Some(way("opentelemetry"));
                event.exception.values.push(itself);
            }
            event
        };
        let mut twins = twins();
        of_logs(&mut twins, vec![recorded(1, &["inner"])]);
        assert_eq!(of_spans(&mut twins, vec![recorded(1, &["inner", "outer"])]), 1);
        of_spans(&mut twins, vec![recorded(2, &["inner", "outer"])]);
        let of_log = vec![recorded(2, &["inner"]), recorded(2, &["outer"])];
        assert_eq!(of_logs(&mut twins, of_log), 2);
        assert_eq!(of_logs(&mut twins, vec![event(2, "root")]), 0, "a cause alone is no record");
    }

    fn way(ty: &str) -> Mechanism {
        Mechanism { ty: ty.into(), ..Mechanism::default() }
    }

    #[test]
    fn what_was_not_sent_was_not_told() {
        let mut twins = twins();
        assert_eq!(twins.leave_out_known(&mut vec![event(1, "a")]), 0);
        assert_eq!(twins.leave_out_logged(&mut vec![event(1, "a")]), 0);
        assert_eq!(of_logs(&mut twins, vec![event(1, "a")]), 0);
        assert_eq!(of_spans(&mut twins, vec![event(1, "a")]), 1);
    }

    #[test]
    fn what_spans_tell_twice_is_no_matter_of_logs() {
        let mut twins = twins();
        for _ in 0..2 {
            assert_eq!(of_spans(&mut twins, vec![event(1, "a")]), 0);
        }
        let mut off = Twins::default();
        assert_eq!(of_spans(&mut off, vec![event(1, "a")]), 0);
        assert!(off.known.is_empty() && off.at_hand.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut twins = twins();
        for number in 0..50_000 {
            of_logs(&mut twins, vec![event(1, &number.to_string())]);
        }
        assert!(twins.known.len() <= 2 * GENERATION && twins.at_hand.len() <= 1);
        assert_eq!(of_spans(&mut twins, vec![event(1, &(49_999 - 9_999).to_string())]), 1);
    }
}
