//! A factory of finished spans with fixed ids and times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, SpanContext, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;

#[path = "../../src/idle.rs"]
mod idle;

use idle::idle_span;

/// The id of the trace of all spans made here.
pub const TRACE: u128 = 0x4c79_f60c_1121_4eb3_8604_f4ae_0781_bfb2;

/// Milliseconds after the fixed moment at which everything happens.
pub fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_795_167_627_000 + millis)
}

/// A span that lasts from `from` to `to`, in milliseconds; a parent of 0 is none.
pub fn span(id: u64, parent: u64, name: &str, (from, to): (u64, u64)) -> SpanData {
    SpanData {
        name: name.to_owned().into(),
        start_time: at(from),
        end_time: at(to),
        ..idle_span(TRACE, id, parent)
    }
}

/// The context of a sampled span of the trace.
pub fn context(id: u64) -> SpanContext {
    idle_span(TRACE, id, 0).span_context
}

/// Changes to a span that read as a sentence.
pub trait SpanDataExt: Sized {
    fn kind(self, kind: SpanKind) -> Self;
    fn attributes(self, attributes: impl IntoIterator<Item = KeyValue>) -> Self;
    fn event(self, name: &str, millis: u64, attributes: impl IntoIterator<Item = KeyValue>)
    -> Self;
    fn status(self, status: Status) -> Self;
    fn remote_parent(self) -> Self;
}

impl SpanDataExt for SpanData {
    fn kind(mut self, kind: SpanKind) -> Self {
        self.span_kind = kind;
        self
    }

    fn attributes(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.attributes.extend(attributes);
        self
    }

    fn event(
        mut self,
        name: &str,
        millis: u64,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) -> Self {
        let attributes = attributes.into_iter().collect();
        self.events.events.push(Event::new(name.to_owned(), at(millis), attributes, 0));
        self
    }

    fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    fn remote_parent(mut self) -> Self {
        self.parent_span_is_remote = true;
        self
    }
}
