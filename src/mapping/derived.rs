use opentelemetry::trace::{SpanKind, Status, TraceState};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::error_text::ErrorText;
use super::facts::Facts;
use super::family::Family;
use super::links::DROPPED_LINKS;
use super::product::derive;
use super::room::Room;
use super::url::SplitUrl;
use crate::protocol::{limit, limited};
use crate::semconv::Attribute::SentryDescription;

/// Attributes that are not among those of a span: first those that replace what it says, then
/// those that stand in for what it does not say.
#[derive(Debug, Default)]
pub(super) struct Derived {
    pub(super) entries: Vec<KeyValue>,
    /// How many of them replace something.
    pub(super) replacing: usize,
}

/// How long the message of a status may be.
const MAX_STATUS_BYTES: usize = 1024;

impl Derived {
    /// In memory that is there already.
    pub(super) fn in_memory(mut entries: Vec<KeyValue>) -> Self {
        entries.clear();
        Self { entries, replacing: 0 }
    }

    /// What is put in the place of attributes: the URL in parts (rules URL-1 to URL-3), and of a
    /// root the description, which is not its name.
    pub(super) fn replace(&mut self, url: Option<&SplitUrl<'_>>, description: Option<&str>) {
        let text = |key: &'static str, text: &str| entry(key, text.to_owned());
        let entries = &mut self.entries;
        if let Some(url) = url {
            entries.push(text("url", &url.base));
            entries.extend(url.query.map(|query| text("http.query", query)));
            entries.extend(url.fragment.map(|fragment| text("http.fragment", fragment)));
        }
        entries.extend(description.map(|it| text(SentryDescription.key(), it)));
        self.replacing = entries.len();
    }

    /// What stands in for what the span does not say.
    pub(super) fn add(
        &mut self,
        room: &mut Room,
        span: &SpanData,
        facts: &Facts<'_>,
        family: Option<Family>,
    ) {
        let derived = &mut self.entries;
        derived.push(KeyValue::new("otel.kind", kind(&span.span_kind)));
        let scope = &span.instrumentation_scope;
        room.describe(scope, derived);
        derived.extend(scope.attributes().map(|attribute| {
            entry(format!("instrumentation.{}", attribute.key), attribute.value.clone())
        }));
        match &span.status {
            Status::Unset => {}
            Status::Ok => derived.push(KeyValue::new("otel.status_code", "OK")),
            Status::Error { description } => {
                derived.push(KeyValue::new("otel.status_code", "ERROR"));
                if !description.is_empty() {
                    // A report of an error has its place in the event; its first part is enough.
                    let message = match description.len() > MAX_STATUS_BYTES {
                        true => {
                            limited(&ErrorText::parse(description).message, MAX_STATUS_BYTES).into()
                        }
                        false => description.clone(),
                    };
                    derived.push(entry("sentry.status.message", message));
                }
            }
        }
        let trace_state = span.span_context.trace_state();
        if *trace_state != TraceState::NONE {
            let header = Some(trace_state.header()).filter(|header| !header.is_empty());
            derived.extend(header.map(|header| entry("w3c.tracestate", header)));
        }
        for (key, count) in [
            ("otel.dropped_attributes_count", span.dropped_attributes_count),
            ("otel.dropped_events_count", span.events.dropped_count),
            (DROPPED_LINKS, span.links.dropped_count),
        ] {
            if count > 0 {
                derived.push(KeyValue::new(key, i64::from(count)));
            }
        }
        derive(span, facts, family, derived);
    }

    /// What the span says under a key, or what is known of it besides.
    pub(super) fn value<'a>(&'a self, key: &str, attributes: &'a [KeyValue]) -> Option<&'a Value> {
        let is_it = |entry: &&KeyValue| entry.key.as_str() == key;
        let (replaced, added) = self.entries.split_at_checked(self.replacing)?;
        let replaced = replaced.iter().rfind(is_it);
        let own = || attributes.iter().rfind(is_it);
        let added = || added.iter().find(is_it);
        replaced.or_else(own).or_else(added).map(|entry| &entry.value)
    }
}

/// An entry within the limits.
fn entry(key: impl Into<Key>, value: impl Into<Value>) -> KeyValue {
    let mut value = value.into();
    limit(&mut value);
    KeyValue::new(key, value)
}

fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "CLIENT",
        SpanKind::Server => "SERVER",
        SpanKind::Producer => "PRODUCER",
        SpanKind::Consumer => "CONSUMER",
        SpanKind::Internal => "INTERNAL",
    }
}
