use opentelemetry::{KeyValue, Value};

use crate::protocol::{MANY, NUMBER_BYTES, Seen, is_legal_key, legal_len, most_bytes};

/// Whether the attributes of a span can be sent as they are, with what is derived after them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    is_uneven: bool,
    seen: Seen,
    entries: usize,
    bytes: usize,
}

/// Whether a key is one that the mapping reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Not,
    First,
    /// It stood there before.
    Again,
}

impl Shape {
    /// Of so many attributes, of which none was looked at.
    pub(super) fn for_entries(entries: usize) -> Self {
        Self { is_uneven: entries > MANY, entries, ..Self::default() }
    }

    /// Whether all keys are legal, different and none of the mapping's own, all values within the
    /// limits, and all of it together with `derived`, which is as well, within `max_bytes` of JSON.
    pub(super) fn is_plain(&self, derived: &[KeyValue], max_bytes: usize) -> bool {
        let bytes = derived.iter().try_fold(self.bytes, |sum, entry| {
            let len = match &entry.value {
                Value::String(text) => text.as_str().len(),
                Value::Bool(_) | Value::I64(_) | Value::F64(_) => NUMBER_BYTES,
                _ => return None,
            };
            Some(sum.saturating_add(entry.key.as_str().len()).saturating_add(len))
        });
        let entries = self.entries.saturating_add(derived.len());
        !self.is_uneven && bytes.is_some_and(|bytes| most_bytes(entries, bytes) <= max_bytes)
    }

    /// Whether an attribute may be one that the mapping takes out, or that makes a tag.
    pub(super) fn is_uneven(&self) -> bool {
        self.is_uneven
    }

    /// Takes into account that something of any form is derived.
    pub(super) fn add_unknown(&mut self) {
        self.is_uneven = true;
    }

    #[inline]
    pub(super) fn add(
        &mut self,
        (attributes, at): (&[KeyValue], usize),
        entry: &KeyValue,
        known: Known,
    ) {
        let key = entry.key.as_str();
        let is_even = match known {
            Known::Not => {
                // Keys that cannot be told apart need not be the same.
                let is_again = !self.is_uneven
                    && self.seen.insert(key)
                    && attributes.iter().take(at).any(|other| other.key == entry.key);
                !is_again && !is_reserved(key) && is_legal_key(key)
            }
            Known::First => true,
            Known::Again => false,
        };
        let len = legal_len(&entry.value);
        self.is_uneven |= !is_even || len.is_none();
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(len.unwrap_or_default());
    }
}

/// Whether a key that the mapping does not read is one that it takes out or writes.
fn is_reserved(key: &str) -> bool {
    match key.as_bytes().first() {
        Some(b'h') => matches!(key, "http.fragment" | "http.query"),
        Some(b'i') => key.starts_with("instrumentation."),
        Some(b'o') => key.starts_with("otel."),
        Some(b'p') => key == "process.command_args",
        Some(b's') => key.starts_with("sentry.") || key.starts_with("service."),
        Some(b't') => key.starts_with("tags."),
        Some(b'u') => key == "url",
        Some(b'w') => key.starts_with("w3c."),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanKind, Status};
    use opentelemetry_sdk::trace::SpanData;
    use proptest::prelude::*;

    use super::super::facts::Facts;
    use super::super::room::Room;
    use super::super::span::Mapped;
    use super::*;
    use crate::idle::idle_span;
    use crate::protocol::Data;

    const KEYS: &[&str] = &[
        "",
        "db.system.name",
        "http.fragment",
        "http.query",
        "http.request.method",
        "http.status_code",
        "http.url",
        "order.id",
        "otel.kind",
        "otel.status_code",
        "process.command_args",
        "sentry.name",
        "sentry.op",
        "sentry.unknown",
        "server.address",
        "service.name",
        "tags.region",
        "thread.name",
        "url",
        "url.full",
        "w3c.tracestate",
        "nul\0",
    ];

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::from("https://user:secret@example.com:443/a?b=1#c")),
            Just(Value::from("nul\0")),
            Just(Value::from("é".repeat(Data::MAX_TEXT_BYTES))),
            Just(Value::from("postgresql")),
            Just(Value::I64(200)),
            Just(Value::Array(vec![1.5; 300].into())),
            Just(Value::Array(vec![1.5; 3].into())),
        ]
    }

    fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
        let key = proptest::sample::select(KEYS);
        let entry = (key, value()).prop_map(|(key, value)| KeyValue::new(key, value));
        proptest::collection::vec(entry, 0..8)
    }

    fn span(attributes: Vec<KeyValue>, instrumentation_scope: InstrumentationScope) -> SpanData {
        SpanData {
            span_kind: SpanKind::Client,
            name: "work\0".into(),
            attributes,
            dropped_attributes_count: 1,
            status: Status::error("no\0thing"),
            instrumentation_scope,
            ..idle_span(1, 1, 0)
        }
    }

    /// What is sent of a span, with a look at its attributes or without one.
    fn data(span: &SpanData, is_looked_at: bool) -> Data {
        let mut room = Room::default();
        let mut facts = Facts::unread(&span.attributes);
        let mut shape = facts.read(&[]);
        if !is_looked_at {
            shape.add_unknown();
        }
        let mut mapped = Mapped::of_in(&mut room, span, (&facts, shape), false);
        let mut data = mapped.data(span.attributes.clone(), None, &mut room);
        room.take_out(&mut data);
        data
    }

    proptest! {
        #[test]
        fn what_is_sent_does_not_depend_on_the_form_of_the_attributes(
            attributes in attributes(),
            scope in proptest::sample::select(&["shop", "", "nul\0"]),
        ) {
            let scope = InstrumentationScope::builder(scope).with_version("1").build();
            let span = span(attributes, scope);
            prop_assert_eq!(data(&span, true), data(&span, false));
        }
    }
}
