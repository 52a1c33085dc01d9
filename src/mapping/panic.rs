use std::backtrace::Backtrace;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::semconv::Attribute::{self, ExceptionMessage, ExceptionType};
use crate::steps;

/// A panic, as the hook saw it.
///
/// Its backtrace holds addresses only: looking up their names takes long, so it is not the
/// panicking thread that does it.
#[derive(Debug)]
pub(crate) struct Panic {
    /// The span that was active; invalid if there was none.
    pub(crate) span: SpanContext,
    pub(crate) time: SystemTime,
    pub(crate) message: String,
    pub(crate) place: Option<Place>,
    pub(crate) thread: Option<String>,
    pub(crate) backtrace: Backtrace,
}

/// Where in the source a panic began.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// How soon after a panic a hook has logged it.
const SOON: Duration = Duration::from_secs(1);

/// With how many panics of its span an event is compared.
const MAX_COMPARED: usize = 100;

/// The type of a panic, as in Sentry's SDK for Rust.
pub(super) const TYPE: &str = "panic";

impl Panic {
    /// The panic in the words of OpenTelemetry, as an event of the span that it went through.
    pub(crate) fn event(&self) -> Event {
        let mut attributes = vec![
            KeyValue::new("exception.type", TYPE),
            KeyValue::new("exception.message", self.message.clone()),
            KeyValue::new("exception.escaped", true),
            KeyValue::new("level", "FATAL"),
            KeyValue::new("exception.stacktrace", self.backtrace.to_string()),
        ];
        if let Some(place) = &self.place {
            attributes.extend([
                KeyValue::new("code.file.path", place.file.clone()),
                KeyValue::new("code.line.number", i64::from(place.line)),
                KeyValue::new("code.column.number", i64::from(place.column)),
            ]);
        }
        if let Some(thread) = &self.thread {
            attributes.push(KeyValue::new("thread.name", thread.clone()));
        }
        Event::new("exception", self.time, attributes, 0)
    }
}

/// Puts a panic into the span that it went through.
pub(crate) fn join(span: &mut SpanData, panic: Event) {
    span.events.events.push(panic);
    if span.status == Status::Unset {
        span.status = Status::error(TYPE);
    }
}

/// A span of a moment that holds a panic, where the real one is not there or not yet.
pub(crate) fn stand_in(context: SpanContext, panic: Event) -> SpanData {
    let time = panic.timestamp;
    let mut span = SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: TYPE.into(),
        start_time: time,
        end_time: time,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: Default::default(),
    };
    join(&mut span, panic);
    span
}

/// The panics of a segment, to tell what only logs one of them.
pub(super) struct Panics<'a>(HashMap<SpanId, Vec<&'a Event>>);

impl<'a> Panics<'a> {
    pub(super) fn of(spans: &'a [SpanData]) -> Self {
        let mut panics: HashMap<SpanId, Vec<&Event>> = HashMap::new();
        for span in spans {
            let of_span = span.events.iter().filter(|event| is_panic(event));
            for panic in of_span.take(MAX_COMPARED) {
                panics.entry(span.span_context.span_id()).or_default().push(panic);
            }
        }
        Self(panics)
    }

    /// Whether an event only logs a panic that its span has as well, as a hook of the application
    /// does.
    pub(super) fn has(&self, event: &Event, span: &SpanData) -> bool {
        let Some(panics) = self.0.get(&span.span_context.span_id()) else { return false };
        !is_panic(event) && panics.iter().any(|panic| is_logged(panic, event))
    }
}

fn is_panic(event: &Event) -> bool {
    steps::count(event.attributes.len().saturating_add(1));
    text(event, ExceptionType) == Some(TYPE)
}

fn is_logged(panic: &Event, event: &Event) -> bool {
    let message = text(panic, ExceptionMessage).unwrap_or_default();
    let apart = event.timestamp.duration_since(panic.timestamp);
    apart.unwrap_or_else(|error| error.duration()) < SOON
        && !message.is_empty()
        && says(event, message)
        && says(event, TYPE)
}

fn text(event: &Event, attribute: Attribute) -> Option<&str> {
    let is_it = |entry: &&KeyValue| entry.key.as_str() == attribute.key();
    match &event.attributes.iter().rev().find(is_it)?.value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Whether an event has these words in its name or an attribute.
fn says(event: &Event, words: &str) -> bool {
    steps::count(event.name.len());
    event.name.contains(words)
        || event.attributes.iter().any(|entry| {
            entry.key.as_str().contains(words)
                || matches!(&entry.value, Value::String(text) if text.as_str().contains(words))
        })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn span() -> SpanData {
        let panic = [("exception.type", "panic"), ("exception.message", "no money")];
        stand_in(SpanContext::NONE, logged("exception", &panic, 10_000))
    }

    fn logged(name: &'static str, attributes: &[(&'static str, &'static str)], ms: u64) -> Event {
        let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
        let time = UNIX_EPOCH + Duration::from_millis(ms);
        Event::new(name, time, attributes.collect(), 0)
    }

    fn is_logged_panic(event: &Event) -> bool {
        let spans = [span()];
        Panics::of(&spans).has(event, &spans[0])
    }

    #[test]
    fn a_line_that_logs_the_panic_of_its_span_is_no_further_error() {
        for repeated in [
            logged("panicked at src/main.rs:7:5:\nno money", &[], 10_001),
            logged("A panic occurred", &[("panic.payload", "no money")], 9_900),
        ] {
            assert!(is_logged_panic(&repeated), "{repeated:?}");
        }
    }

    #[test]
    fn other_errors_beside_a_panic_stay_errors() {
        for other in [
            logged("there is no money", &[], 10_001),
            logged("panicked at src/main.rs:7:5:\nno time", &[], 10_001),
            logged("panicked at src/main.rs:7:5:\nno money", &[], 12_000),
        ] {
            assert!(!is_logged_panic(&other), "{other:?}");
        }
        let panic = span().events.events.remove(0);
        assert!(!is_logged_panic(&panic));
    }

    #[test]
    fn twice_the_events_of_a_span_are_no_more_than_twice_the_work() {
        let work = |logged_lines: usize, panics: usize| {
            let mut span = span();
            let panic = span.events.events.remove(0);
            span.events.events.extend(std::iter::repeat_n(panic, panics));
            let line = logged("no time for a panic", &[("exception.type", "Sold")], 10_000);
            span.events.events.extend(std::iter::repeat_n(line, logged_lines));
            let spans = [span];
            steps::of(|| {
                let panics = Panics::of(&spans);
                assert!(!spans[0].events.iter().any(|event| panics.has(event, &spans[0])));
            })
        };
        for (half, all) in [(0, 0), (1, 1), (1000, 2000)] {
            let (less, more) = (work(1000, half), work(2000, all));
            assert!(less > 0 && more <= less * 2 + 1000, "{all} {less} {more}");
        }
        assert!(work(1000, 0) < 1000 * 5, "without a panic there is nothing to compare with");
    }
}
