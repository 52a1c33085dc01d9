use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry::trace::{Link as SpanLink, SpanId, SpanKind, Status, TraceId};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::SpanStatus;

use super::breadcrumb::measurement;
use super::error_text::ErrorText;
use super::facts::Facts;
use super::name::Named;
use super::op::{self, Family, HTTP_METHOD};
use super::product::derive;
use super::room::Room;
use super::status;
use super::tags::TagPolicy;
use super::url::SplitUrl;
use crate::protocol::{
    Data, Link, Measurement, Span, Timestamp, TransactionSource, fit_links, limited, shortened,
};
use crate::semconv::Attribute::*;

const ORIGIN: &str = "auto.otel";

/// How many links did not make it.
pub(super) const DROPPED_LINKS: &str = "otel.dropped_links_count";

/// How much of a transaction a single span may take with its data, and again with its links.
const MAX_DATA_BYTES: usize = 200_000;
const MAX_LINK_BYTES: usize = 50_000;

/// How long the message of a status may be.
const MAX_STATUS_BYTES: usize = 1024;

/// What only instructs the mapping, or repeats what a field of the payload says (rule ATTR-7).
const CARRIERS: &[&str] = &[
    "sentry.custom_span_name",
    "sentry.description",
    "sentry.dsc",
    "sentry.is_remote_parent",
    "sentry.op",
    "sentry.origin",
    "sentry.parentIsRemote",
    "sentry.parent_is_remote",
    "sentry.segment.name",
    "sentry.segment.name.source",
    "sentry.source",
    "sentry.span.source",
    "sentry.trace",
    "sentry.transaction",
    "process.command_args",
];

/// Everything about a span that does not depend on where in its segment it stands.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) op: Option<StringValue>,
    /// The description of a child, or the name of a transaction.
    pub(super) name: StringValue,
    pub(super) source: TransactionSource,
    pub(super) status: SpanStatus,
    pub(super) origin: StringValue,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) links: Vec<Link>,
    pub(super) measurements: BTreeMap<String, Measurement>,
    /// The name to group by, where Sentry would derive another one.
    low_cardinality_name: Option<StringValue>,
    /// Attributes that replace what the span says.
    replaced: Vec<KeyValue>,
    /// Attributes that stand in for what the span does not say.
    added: Vec<KeyValue>,
}

/// How Sentry shows the transaction of a root span.
#[derive(Debug)]
pub(crate) struct RootTitle {
    pub(crate) name: StringValue,
    pub(crate) op: Option<StringValue>,
}

impl RootTitle {
    pub(crate) fn of(root: &SpanData) -> Self {
        let Mapped { name, op, .. } = Mapped::of(root, &Facts::of(&root.attributes), true);
        Self { name, op }
    }
}

impl Mapped {
    /// Reads a span; `as_root` decides by which rules it is named.
    pub(super) fn of(span: &SpanData, facts: &Facts<'_>, as_root: bool) -> Self {
        Self::of_in(&mut Room::default(), span, facts, as_root)
    }

    /// The same with room that [`into_child`](Self::into_child) gives back.
    pub(super) fn of_in(
        room: &mut Room,
        span: &SpanData,
        facts: &Facts<'_>,
        as_root: bool,
    ) -> Self {
        let (op, family) = op::op(facts, &span.span_kind);
        let named = Named {
            facts,
            kind: &span.span_kind,
            name: &span.name,
            family,
            op: op.as_ref().map(StringValue::as_str),
        };
        let (name, source) = match as_root {
            true => named.transaction(),
            false => (named.description(), TransactionSource::Custom),
        };
        let name = text(name, span);
        let start = Timestamp::from(span.start_time);
        let low_cardinality_name = match (as_root, source) {
            (true, source) if source != TransactionSource::Url => Some(name.clone()),
            _ if family == Some(Family::Http) && is_derived_http_name(&span.name, facts) => None,
            _ => Some(StringValue::from(span.name.clone())),
        };
        Self {
            status: status::status(&span.status, facts),
            origin: origin(facts),
            start,
            end: Timestamp::from(span.end_time).max(start),
            links: links(&span.links),
            measurements: span.events.iter().filter_map(measurement).collect(),
            low_cardinality_name: low_cardinality_name.filter(|name| !name.as_str().is_empty()),
            replaced: replaced(facts, as_root),
            added: added(room, span, facts, family),
            op,
            name,
            source,
        }
    }

    /// What the span says under a key, or what is known of it besides.
    pub(super) fn value<'a>(&'a self, key: &str, attributes: &'a [KeyValue]) -> Option<&'a Value> {
        let is_it = |entry: &&KeyValue| entry.key.as_str() == key;
        let replaced = self.replaced.iter().rfind(is_it);
        let own = || attributes.iter().rfind(is_it);
        let added = || self.added.iter().find(is_it);
        replaced.or_else(own).or_else(added).map(|entry| &entry.value)
    }

    /// The typed data of the span: its own attributes and what is known besides.
    pub(super) fn data(&mut self, attributes: Vec<KeyValue>) -> Data {
        let mut attributes = attributes;
        let more = self.replaced.len().saturating_add(self.added.len()).saturating_add(1);
        attributes.reserve(more);
        let mut data = Data::from(attributes);
        data.retain(|key, _| !is_carrier(key.as_str()));
        data.extend(self.replaced.drain(..));
        for entry in self.added.drain(..) {
            data.insert_missing(entry.key, entry.value);
        }
        if let Some(name) = self.low_cardinality_name.take() {
            data.insert_missing("sentry.name", Value::String(name));
        }
        data.fit(MAX_DATA_BYTES);
        data
    }

    /// The span as one below the root.
    pub(super) fn into_child(mut self, span: SpanData, tags: &TagPolicy, room: &mut Room) -> Span {
        let tags = tags.of_span(&span.attributes);
        let parent_span_id = parent(&span);
        let data = self.data(span.attributes);
        room.added = self.added;
        Span {
            trace_id: span.span_context.trace_id(),
            span_id: span.span_context.span_id(),
            parent_span_id,
            data,
            op: self.op,
            description: self.name,
            status: self.status,
            origin: self.origin,
            start_timestamp: self.start,
            timestamp: self.end,
            tags,
            links: self.links,
            measurements: self.measurements,
        }
    }
}

fn is_carrier(key: &str) -> bool {
    match key.as_bytes().first() {
        Some(b's' | b'p') => CARRIERS.contains(&key),
        Some(b't') => key.starts_with("tags."),
        _ => false,
    }
}

/// The parent of a span; an id of zeros is none (rule R14), and nothing is its own parent.
pub(super) fn parent(span: &SpanData) -> Option<SpanId> {
    let parent = span.parent_span_id;
    (parent != SpanId::INVALID && parent != span.span_context.span_id()).then_some(parent)
}

/// Keeps a name without a copy where it is the one of the span.
fn text(name: Cow<'_, str>, span: &SpanData) -> StringValue {
    if let Some(short) = shortened(&name, Data::MAX_TEXT_BYTES) {
        return StringValue::from(short);
    }
    match (name, &span.name) {
        (Cow::Borrowed(name), Cow::Borrowed(own)) if name == *own => StringValue::from(*own),
        (name, _) => StringValue::from(name.into_owned()),
    }
}

/// Relay names HTTP spans by method and route on its own (rule NAME-13).
fn is_derived_http_name(name: &str, facts: &Facts<'_>) -> bool {
    let Some(method) = facts.text(HTTP_METHOD) else {
        return false;
    };
    match (name.strip_prefix(&*method), facts.text(&[HttpRoute])) {
        (Some(""), None) => true,
        (Some(rest), Some(route)) => rest.strip_prefix(' ') == Some(&*route),
        _ => false,
    }
}

/// The origin, where it keeps to Sentry's grammar (rule ORG-1).
pub(super) fn origin(facts: &Facts<'_>) -> StringValue {
    let is_legal = |origin: &Cow<'_, str>| {
        origin.len() <= 128
            && matches!(origin.split('.').next(), Some("auto" | "manual"))
            && origin
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    match facts.text(&[SentryOrigin]).filter(is_legal) {
        Some(origin) => StringValue::from(origin.into_owned()),
        None => StringValue::from(ORIGIN),
    }
}

/// Links with valid ids; Relay refuses the others (rule META-4).
fn links(links: &[SpanLink]) -> Vec<Link> {
    let mut links: Vec<_> = links
        .iter()
        .filter(|link| link.span_context.is_valid())
        .map(|link| {
            let context = &link.span_context;
            let (trace, span): (TraceId, SpanId) = (context.trace_id(), context.span_id());
            let mut attributes = Data::from(link.attributes.clone());
            if link.dropped_attributes_count > 0 {
                let count = i64::from(link.dropped_attributes_count);
                attributes.insert_missing("otel.dropped_attributes_count", count);
            }
            Link::new(trace, span, context.is_sampled(), attributes)
        })
        .collect();
    fit_links(&mut links, MAX_LINK_BYTES);
    links
}

/// What is put in the place of attributes: the URL in parts (rules URL-1 to URL-3), and of a root
/// the description, which is not its name.
fn replaced(facts: &Facts<'_>, as_root: bool) -> Vec<KeyValue> {
    let text = |key: &'static str, text: &str| KeyValue::new(key, text.to_owned());
    let mut replaced = Vec::new();
    if let Some(url) = facts.text(&[UrlFull, HttpUrl]) {
        let url = SplitUrl::new(&url);
        replaced.push(text("url", &url.base));
        replaced.extend(url.query.map(|query| text("http.query", query)));
        replaced.extend(url.fragment.map(|fragment| text("http.fragment", fragment)));
    }
    if let Some(description) = facts.string(&[SentryDescription]).filter(|_| as_root) {
        replaced.push(text(SentryDescription.key(), description));
    }
    replaced
}

fn added(
    room: &mut Room,
    span: &SpanData,
    facts: &Facts<'_>,
    family: Option<Family>,
) -> Vec<KeyValue> {
    let mut added = std::mem::take(&mut room.added);
    added.push(KeyValue::new("otel.kind", kind(&span.span_kind)));
    let scope = &span.instrumentation_scope;
    room.describe(scope, &mut added);
    added.extend(scope.attributes().map(|entry| {
        KeyValue::new(Key::from(format!("instrumentation.{}", entry.key)), entry.value.clone())
    }));
    match &span.status {
        Status::Unset => {}
        Status::Ok => added.push(KeyValue::new("otel.status_code", "OK")),
        Status::Error { description } => {
            added.push(KeyValue::new("otel.status_code", "ERROR"));
            if !description.is_empty() {
                // A report of an error has its place in the event; here its first part is enough.
                let message = match description.len() > MAX_STATUS_BYTES {
                    true => {
                        limited(&ErrorText::parse(description).message, MAX_STATUS_BYTES).into()
                    }
                    false => description.clone(),
                };
                added.push(KeyValue::new("sentry.status.message", message));
            }
        }
    }
    let trace_state = span.span_context.trace_state().header();
    if !trace_state.is_empty() {
        added.push(KeyValue::new("w3c.tracestate", trace_state));
    }
    for (key, count) in [
        ("otel.dropped_attributes_count", span.dropped_attributes_count),
        ("otel.dropped_events_count", span.events.dropped_count),
        (DROPPED_LINKS, span.links.dropped_count),
    ] {
        if count > 0 {
            added.push(KeyValue::new(key, i64::from(count)));
        }
    }
    derive(span, facts, family, &mut added);
    added
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

/// An array of texts, as a list.
pub(super) fn texts(value: &Value) -> Option<&[StringValue]> {
    match value {
        Value::Array(Array::String(texts)) => Some(texts),
        _ => None,
    }
}
