use opentelemetry::KeyValue;

use crate::protocol::{Seen, is_legal_key, is_within_limits, most_bytes};

/// Whether the attributes of a span can be sent as they are, with what is derived after them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    is_uneven: bool,
    seen: Seen,
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

/// How further keys begin that are taken out or written by the mapping.
const RESERVED: &[&str] =
    &["instrumentation.", "otel.", "process.command_args", "sentry.", "service.", "tags.", "w3c."];

impl Shape {
    /// Whether all keys are legal, different and none of the mapping's own, all values within the
    /// limits, and all of it together with `more` within `max_bytes` of JSON.
    pub(super) fn is_plain(&self, more: &[KeyValue], max_bytes: usize) -> bool {
        let bytes = more.iter().fold(self.bytes, |sum, entry| {
            sum.saturating_add(most_bytes(entry.key.as_str(), &entry.value))
        });
        !self.is_uneven && bytes <= max_bytes
    }

    /// Whether an attribute may be one that the mapping takes out, or that makes a tag.
    pub(super) fn is_uneven(&self) -> bool {
        self.is_uneven
    }

    /// Takes into account that something of any form is derived.
    pub(super) fn add_unknown(&mut self) {
        self.is_uneven = true;
    }

    pub(super) fn add(&mut self, before: &[KeyValue], entry: &KeyValue, known: Known) {
        let key = entry.key.as_str();
        let is_even = match known {
            Known::Not => {
                // Keys that cannot be told apart need not be the same.
                let is_again =
                    self.seen.insert(key) && before.iter().any(|other| other.key == entry.key);
                !is_again && !is_reserved(key) && is_legal_key(key)
            }
            Known::First => !key.starts_with("sentry."),
            Known::Again => false,
        };
        self.is_uneven |= !is_even || !is_within_limits(&entry.value);
        self.bytes = self.bytes.saturating_add(most_bytes(key, &entry.value));
    }
}

fn is_reserved(key: &str) -> bool {
    match key.as_bytes().first() {
        Some(b'h') => matches!(key, "http.fragment" | "http.query"),
        Some(b'u') => key == "url",
        Some(b'i' | b'o' | b'p' | b's' | b't' | b'w') => {
            RESERVED.iter().any(|reserved| key.starts_with(reserved))
        }
        _ => false,
    }
}
