use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::trace::{Link as SpanLink, SpanId, SpanKind, Status, TraceId, TraceState};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::SpanStatus;

use super::breadcrumb::measurement;
use super::error_text::ErrorText;
use super::facts::Facts;
use super::family::Family;
use super::name::{FULL_URL, Named};
use super::op::{self, HTTP_METHOD};
use super::product::derive;
use super::room::Room;
use super::shape::Shape;
use super::status;
use super::tags::TagPolicy;
use super::url::SplitUrl;
use crate::protocol::{
    Data, Link, Measurement, Span, Tags, Timestamp, TransactionSource, fit_links, limit, limited,
    shortened,
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
    /// Attributes that are not among those of the span: first those that replace what it says,
    /// then those that stand in for what it does not say.
    derived: Vec<KeyValue>,
    /// How many of them replace something.
    replacing: usize,
    shape: Shape,
}

/// How Sentry shows the transaction of a root span.
#[derive(Debug)]
pub(crate) struct RootTitle {
    pub(crate) name: StringValue,
    pub(crate) op: Option<StringValue>,
}

impl RootTitle {
    pub(crate) fn of(root: &SpanData) -> Self {
        let Mapped { name, op, .. } = Mapped::of(root, true);
        Self { name, op }
    }
}

impl Mapped {
    /// Reads a span; `as_root` decides by which rules it is named.
    pub(super) fn of(span: &SpanData, as_root: bool) -> Self {
        let mut shape = Shape::default();
        let facts = Facts::with_shape(&span.attributes, &mut shape);
        Self::of_in(&mut Room::default(), span, (&facts, shape), as_root)
    }

    /// The same with room that [`data`](Self::data) gives back.
    pub(super) fn of_in(
        room: &mut Room,
        span: &SpanData,
        (facts, mut shape): (&Facts<'_>, Shape),
        as_root: bool,
    ) -> Self {
        if span.instrumentation_scope.attributes().next().is_some() {
            shape.add_unknown();
        }
        let (op, family) = op::op(facts, &span.span_kind);
        let url = facts.text(FULL_URL);
        let url = url.as_deref().map(SplitUrl::new);
        let named = Named {
            facts,
            url: url.as_ref(),
            kind: &span.span_kind,
            name: &span.name,
            family,
            op: op.as_ref().map(StringValue::as_str),
        };
        let (name, source) = match as_root {
            true => named.transaction(),
            false => (named.description(), TransactionSource::Custom),
        };
        let name = text(name, span, as_root);
        let start = Timestamp::from(span.start_time);
        let low_cardinality_name = match (as_root, source) {
            (true, source) if source != TransactionSource::Url => Some(name.clone()),
            _ if family == Some(Family::Http) && is_derived_http_name(&span.name, facts) => None,
            _ if name.as_str() == span.name => Some(name.clone()),
            _ => Some(text(Cow::Borrowed(&span.name), span, false)),
        };
        let mut derived = std::mem::take(&mut room.derived);
        replace(url.as_ref(), facts, as_root, &mut derived);
        let replacing = derived.len();
        add(room, span, facts, family, &mut derived);
        Self {
            status: status::status(&span.status, facts),
            origin: origin(facts),
            start,
            end: Timestamp::from(span.end_time).max(start),
            links: links(&span.links),
            measurements: measurements(span),
            low_cardinality_name: low_cardinality_name.filter(|name| !name.as_str().is_empty()),
            derived,
            replacing,
            shape,
            op,
            name,
            source,
        }
    }

    /// What the span says under a key, or what is known of it besides.
    pub(super) fn value<'a>(&'a self, key: &str, attributes: &'a [KeyValue]) -> Option<&'a Value> {
        let is_it = |entry: &&KeyValue| entry.key.as_str() == key;
        let (replaced, added) = self.derived.split_at_checked(self.replacing)?;
        let replaced = replaced.iter().rfind(is_it);
        let own = || attributes.iter().rfind(is_it);
        let added = || added.iter().find(is_it);
        replaced.or_else(own).or_else(added).map(|entry| &entry.value)
    }

    /// The typed data of the span: its own attributes, what is known besides, and `more`.
    pub(super) fn data(
        &mut self,
        attributes: Vec<KeyValue>,
        more: impl IntoIterator<Item = KeyValue>,
        room: &mut Room,
    ) -> Data {
        let mut derived = std::mem::take(&mut self.derived);
        let name = self.low_cardinality_name.take();
        derived.extend(name.map(|name| KeyValue::new("sentry.name", Value::String(name))));
        derived.extend(more);
        let data = match self.shape.is_plain(&derived, MAX_DATA_BYTES) {
            true => room.put(attributes, &mut derived),
            false => {
                let mut data = Data::from(attributes);
                data.retain(|key, _| !is_carrier(key.as_str()));
                data.extend(derived.drain(..self.replacing.min(derived.len())));
                for entry in derived.drain(..) {
                    data.insert_missing(entry.key, entry.value);
                }
                data.fit(MAX_DATA_BYTES);
                data
            }
        };
        room.derived = derived;
        data
    }

    /// A span below the root.
    pub(super) fn child(span: SpanData, tags: &TagPolicy, room: &mut Room) -> Span {
        let mut shape = Shape::default();
        let facts = Facts::with_shape(&span.attributes, &mut shape);
        Self::of_in(room, &span, (&facts, shape), false).into_child(span, tags, room)
    }

    /// The span as one below the root.
    pub(super) fn into_child(mut self, span: SpanData, tags: &TagPolicy, room: &mut Room) -> Span {
        let tags = match (tags, self.shape.is_uneven()) {
            (TagPolicy::Root | TagPolicy::None, false) => Tags::default(),
            _ => tags.of_span(&span.attributes),
        };
        let parent_span_id = parent(&span);
        Span {
            trace_id: span.span_context.trace_id(),
            span_id: span.span_context.span_id(),
            parent_span_id,
            data: self.data(span.attributes, None, room),
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

/// The name of a span, which is not copied where it stands in several places: that of a root in the
/// data and in the header of the trace, and the own name in the data.
fn text(name: Cow<'_, str>, span: &SpanData, as_root: bool) -> StringValue {
    if let Some(short) = shortened(&name, Data::MAX_TEXT_BYTES) {
        return StringValue::from(short);
    }
    match (name, &span.name) {
        (Cow::Borrowed(name), Cow::Borrowed(own)) if name == *own => StringValue::from(*own),
        (name, own) if as_root || name == *own => StringValue::from(Arc::<str>::from(name)),
        (name, _) => StringValue::from(name.into_owned()),
    }
}

fn measurements(span: &SpanData) -> BTreeMap<String, Measurement> {
    match span.events.is_empty() {
        true => BTreeMap::new(),
        false => span.events.iter().filter_map(measurement).collect(),
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
fn replace(
    url: Option<&SplitUrl<'_>>,
    facts: &Facts<'_>,
    as_root: bool,
    derived: &mut Vec<KeyValue>,
) {
    let text = |key: &'static str, text: &str| entry(key, text.to_owned());
    if let Some(url) = url {
        derived.push(text("url", &url.base));
        derived.extend(url.query.map(|query| text("http.query", query)));
        derived.extend(url.fragment.map(|fragment| text("http.fragment", fragment)));
    }
    if let Some(description) = facts.string(&[SentryDescription]).filter(|_| as_root) {
        derived.push(text(SentryDescription.key(), description));
    }
}

/// What stands in for what the span does not say.
fn add(
    room: &mut Room,
    span: &SpanData,
    facts: &Facts<'_>,
    family: Option<Family>,
    derived: &mut Vec<KeyValue>,
) {
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
                // A report of an error has its place in the event; here its first part is enough.
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

/// An array of texts, as a list.
pub(super) fn texts(value: &Value) -> Option<&[StringValue]> {
    match value {
        Value::Array(Array::String(texts)) => Some(texts),
        _ => None,
    }
}
