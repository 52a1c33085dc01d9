use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::trace::SpanId;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::SpanStatus;

use super::breadcrumb::measurement;
use super::derived::Derived;
use super::facts::Facts;
use super::family::Family;
use super::links::links;
use super::name::{FULL_URL, Named};
use super::op::{self, HTTP_METHOD};
use super::room::Room;
use super::shape::Shape;
use super::status;
use super::tags::TagPolicy;
use super::url::SplitUrl;
use crate::protocol::{
    Data, Link, Measurement, Span, Tags, Timestamp, TransactionSource, shortened,
};
use crate::semconv::Attribute::*;

const ORIGIN: &str = "auto.otel";

/// How much of a transaction a single span may take with its data.
const MAX_DATA_BYTES: usize = 200_000;

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
    derived: Derived,
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
        let mut facts = Facts::unread(&span.attributes);
        let shape = facts.read(&[]);
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
        let mut derived = Derived::in_memory(std::mem::take(&mut room.derived));
        let description = facts.string(&[SentryDescription]).filter(|_| as_root);
        derived.replace(url.as_ref(), description);
        derived.add(room, span, facts, family);
        Self {
            status: status::status(&span.status, facts),
            origin: origin(facts),
            start,
            end: Timestamp::from(span.end_time).max(start),
            links: links(&span.links),
            measurements: measurements(span),
            low_cardinality_name: low_cardinality_name.filter(|name| !name.as_str().is_empty()),
            derived,
            shape,
            op,
            name,
            source,
        }
    }

    /// What the span says under a key, or what is known of it besides.
    pub(super) fn value<'a>(&'a self, key: &str, attributes: &'a [KeyValue]) -> Option<&'a Value> {
        self.derived.value(key, attributes)
    }

    /// The typed data of the span: its own attributes, what is known besides, and `more`.
    pub(super) fn data(
        &mut self,
        attributes: Vec<KeyValue>,
        more: impl IntoIterator<Item = KeyValue>,
        room: &mut Room,
    ) -> Data {
        let Derived { entries: mut derived, replacing } = std::mem::take(&mut self.derived);
        let name = self.low_cardinality_name.take();
        derived.extend(name.map(|name| KeyValue::new("sentry.name", Value::String(name))));
        derived.extend(more);
        let data = match self.shape.is_plain(&derived, MAX_DATA_BYTES) {
            true => room.put(attributes, &mut derived),
            false => {
                let mut data = Data::from(attributes);
                data.retain(|key, _| !is_carrier(key.as_str()));
                data.extend(derived.drain(..replacing.min(derived.len())));
                data.extend_missing(derived.drain(..));
                data.fit(MAX_DATA_BYTES);
                data
            }
        };
        room.derived = derived;
        data
    }

    /// A span below the root; takes its attributes.
    pub(super) fn child(span: &mut SpanData, tags: &TagPolicy, room: &mut Room) -> Span {
        let mut facts = Facts::unread(&span.attributes);
        let shape = facts.read(room.next_known(&span.attributes));
        Self::of_in(room, span, (&facts, shape), false).into_child(span, tags, room)
    }

    /// The span as one below the root; takes its attributes.
    pub(super) fn into_child(
        mut self,
        span: &mut SpanData,
        tags: &TagPolicy,
        room: &mut Room,
    ) -> Span {
        let tags = match (tags, self.shape.is_uneven()) {
            (TagPolicy::Root | TagPolicy::None, false) => Tags::default(),
            _ => tags.of_span(&span.attributes),
        };
        let parent_span_id = parent(span);
        let attributes = std::mem::take(&mut span.attributes);
        Span {
            trace_id: span.span_context.trace_id(),
            span_id: span.span_context.span_id(),
            parent_span_id,
            data: self.data(attributes, None, room),
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

/// An array of texts, as a list.
pub(super) fn texts(value: &Value) -> Option<&[StringValue]> {
    match value {
        Value::Array(Array::String(texts)) => Some(texts),
        _ => None,
    }
}
