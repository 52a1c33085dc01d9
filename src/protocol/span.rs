use std::collections::BTreeMap;

use opentelemetry::StringValue;
use opentelemetry::trace::{SpanId, TraceId};
use sentry_types::protocol::v7::SpanStatus;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::hex::Hex;
use super::key::field;
use super::transaction::Measurement;
use super::{Data, Tags, Timestamp};

/// A span inside of a [`Transaction`](super::Transaction): any span of a segment but its root.
///
/// <https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/span/>
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// OpenTelemetry's trace id.
    pub trace_id: TraceId,
    /// OpenTelemetry's span id.
    pub span_id: SpanId,
    /// The parent, which need not be part of the same transaction.
    pub parent_span_id: Option<SpanId>,
    /// What kind of work this was, such as `db` or `http.client`; Sentry writes `default` if absent.
    pub op: Option<StringValue>,
    /// What was done: `GET https://example.com/`, the text of a query, or the name of the span.
    pub description: StringValue,
    /// How it ended.
    pub status: SpanStatus,
    /// Who recorded the span; `auto.otel` unless the attribute `sentry.origin` says otherwise.
    pub origin: StringValue,
    /// When the span started.
    pub start_timestamp: Timestamp,
    /// When the span ended, never before it started.
    pub timestamp: Timestamp,
    /// All attributes, typed.
    pub data: Data,
    /// Attributes to search by, see [`TagPolicy`](crate::TagPolicy).
    pub tags: Tags,
    /// Links to spans elsewhere.
    pub links: Vec<Link>,
    /// Measurements recorded as events of the span.
    pub measurements: BTreeMap<String, Measurement>,
}

/// `contexts.trace`: the root span of a [`Transaction`](super::Transaction).
///
/// <https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/contexts/#trace-context>
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TraceContext {
    /// OpenTelemetry's trace id.
    pub trace_id: TraceId,
    /// The id of the root span.
    pub span_id: SpanId,
    /// The parent: remote, sent earlier, or missing. Absent on the first span of a trace.
    pub parent_span_id: Option<SpanId>,
    /// What kind of work this was, such as `http.server`.
    pub op: Option<StringValue>,
    /// How it ended.
    pub status: SpanStatus,
    /// Who recorded the span.
    pub origin: StringValue,
    /// All attributes of the root span, typed.
    pub data: Data,
    /// Links to spans elsewhere.
    pub links: Vec<Link>,
}

/// A link from a span to another one, possibly of another trace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// The trace of the span linked to.
    pub trace_id: TraceId,
    /// The span linked to.
    pub span_id: SpanId,
    /// Whether that span was sampled.
    pub sampled: bool,
    /// Attributes of the link.
    pub attributes: Data,
}

impl Link {
    pub(crate) fn new(trace_id: TraceId, span_id: SpanId, sampled: bool, attributes: Data) -> Self {
        Self { trace_id, span_id, sampled, attributes }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("trace_id"), &Hex(self.trace_id))?;
        map.serialize_entry(&field!("span_id"), &Hex(self.span_id))?;
        if let Some(parent) = self.parent_span_id {
            map.serialize_entry(&field!("parent_span_id"), &Hex(parent))?;
        }
        if let Some(op) = &self.op {
            map.serialize_entry(&field!("op"), op.as_str())?;
        }
        map.serialize_entry(&field!("description"), self.description.as_str())?;
        map.serialize_entry(&field!("status"), &self.status)?;
        map.serialize_entry(&field!("origin"), self.origin.as_str())?;
        map.serialize_entry(&field!("start_timestamp"), &self.start_timestamp)?;
        map.serialize_entry(&field!("timestamp"), &self.timestamp)?;
        map.serialize_entry(&field!("data"), &self.data)?;
        if !self.tags.is_empty() {
            map.serialize_entry(&field!("tags"), &self.tags)?;
        }
        if !self.links.is_empty() {
            map.serialize_entry(&field!("links"), &self.links)?;
        }
        if !self.measurements.is_empty() {
            map.serialize_entry(&field!("measurements"), &self.measurements)?;
        }
        map.end()
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("type"), "trace")?;
        map.serialize_entry(&field!("trace_id"), &Hex(self.trace_id))?;
        map.serialize_entry(&field!("span_id"), &Hex(self.span_id))?;
        if let Some(parent) = self.parent_span_id {
            map.serialize_entry(&field!("parent_span_id"), &Hex(parent))?;
        }
        if let Some(op) = &self.op {
            map.serialize_entry(&field!("op"), op.as_str())?;
        }
        map.serialize_entry(&field!("status"), &self.status)?;
        map.serialize_entry(&field!("origin"), self.origin.as_str())?;
        map.serialize_entry(&field!("data"), &self.data)?;
        if !self.links.is_empty() {
            map.serialize_entry(&field!("links"), &self.links)?;
        }
        map.end()
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("trace_id"), &Hex(self.trace_id))?;
        map.serialize_entry(&field!("span_id"), &Hex(self.span_id))?;
        map.serialize_entry(&field!("sampled"), &self.sampled)?;
        if !self.attributes.is_empty() {
            map.serialize_entry(&field!("attributes"), &self.attributes)?;
        }
        map.end()
    }
}
