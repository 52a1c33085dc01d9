use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use opentelemetry::StringValue;
use sentry_types::Uuid;
use sentry_types::protocol::v7::{Breadcrumb, Request, User};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::key::field;
use super::sdk::{PLATFORM, Sdk};
use super::{Span, Tags, Timestamp, TraceContext, write_json};

/// A segment of a trace as Sentry takes it: the root span and everything below it in one process.
///
/// <https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/transaction/>
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Transaction {
    /// The id of the item, derived from trace and span id, so that a copy is recognised as one.
    pub event_id: Uuid,
    /// The name that Sentry groups by, at most 200 chars.
    pub name: StringValue,
    /// Where the name comes from.
    pub source: TransactionSource,
    /// When the root span started.
    pub start_timestamp: Timestamp,
    /// When the root span ended, never before it started.
    pub timestamp: Timestamp,
    /// The root span.
    pub trace: TraceContext,
    /// All contexts but `trace`: `otel` with the resource, and what is known of the machine.
    pub contexts: BTreeMap<Cow<'static, str>, Context>,
    /// The spans below the root, parents before their children.
    pub spans: Vec<Span>,
    /// Attributes to search by, see [`TagPolicy`](crate::TagPolicy).
    pub tags: Tags,
    /// The version of the software, as `name@version`.
    pub release: Option<StringValue>,
    /// The distribution of the release.
    pub dist: Option<StringValue>,
    /// Where the software runs, such as `production`.
    pub environment: Option<StringValue>,
    /// The name of the machine.
    pub server_name: Option<StringValue>,
    /// The user on whose behalf the work was done.
    pub user: Option<User>,
    /// The HTTP request that was answered.
    pub request: Option<Request>,
    /// Measurements recorded as events of the root span.
    pub measurements: BTreeMap<String, Measurement>,
    /// Span events that are neither exceptions nor measurements, in order of time.
    pub breadcrumbs: Vec<Breadcrumb>,
}

/// Where the name of a transaction comes from (`transaction_info.source`).
///
/// Sentry replaces ids and numbers in names of source `url` and takes the others as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionSource {
    /// Named by the user, or by the name of the span.
    #[default]
    Custom,
    /// A raw path or URL.
    Url,
    /// A template of a path, such as `GET /users/{id}`.
    Route,
    /// A view or controller.
    View,
    /// A component of a user interface.
    Component,
    /// A background task, a query, a message.
    Task,
}

/// A number that Sentry charts, with its unit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measurement {
    /// The value, finite.
    pub value: f64,
    /// The unit, such as `millisecond` or `byte`; `none` for a plain number.
    pub unit: StringValue,
}

/// How much JSON a span takes at most as a rule.
const SPAN_BYTES: usize = 1024;

/// A context of a transaction: a small map of facts about its surroundings.
///
/// Shared between the transactions of one resource until it is changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context(Arc<Map<String, Value>>);

impl Context {
    /// The facts.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The facts, to be changed for this one transaction.
    pub fn fields_mut(&mut self) -> &mut Map<String, Value> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Map<String, Value>> for Context {
    fn from(fields: Map<String, Value>) -> Self {
        Self(Arc::new(fields))
    }
}

impl Measurement {
    pub(crate) fn new(value: f64, unit: StringValue) -> Self {
        Self { value, unit }
    }
}

impl Transaction {
    /// The transaction as JSON, byte by byte as it is sent.
    ///
    /// # Errors
    ///
    /// If a context or a breadcrumb that was added cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json =
            Vec::with_capacity(SPAN_BYTES.saturating_mul(self.spans.len().saturating_add(2)));
        write_json(&mut json, self)?;
        Ok(json)
    }
}

impl TransactionSource {
    /// The name of the source on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Url => "url",
            Self::Route => "route",
            Self::View => "view",
            Self::Component => "component",
            Self::Task => "task",
        }
    }

    /// The source of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Custom, Self::Url, Self::Route, Self::View, Self::Component, Self::Task]
            .into_iter()
            .find(|source| source.as_str() == name)
    }
}

impl fmt::Display for TransactionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Transaction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("event_id"), &self.event_id.as_simple())?;
        map.serialize_entry(&field!("type"), "transaction")?;
        map.serialize_entry(&field!("platform"), PLATFORM)?;
        map.serialize_entry(&field!("transaction"), self.name.as_str())?;
        map.serialize_entry(
            &field!("transaction_info"),
            &BTreeMap::from([("source", self.source.as_str())]),
        )?;
        map.serialize_entry(&field!("start_timestamp"), &self.start_timestamp)?;
        map.serialize_entry(&field!("timestamp"), &self.timestamp)?;
        for (field, text) in [
            (field!("release"), &self.release),
            (field!("dist"), &self.dist),
            (field!("environment"), &self.environment),
            (field!("server_name"), &self.server_name),
        ] {
            if let Some(text) = text {
                map.serialize_entry(&field, text.as_str())?;
            }
        }
        map.serialize_entry(&field!("sdk"), &Sdk)?;
        map.serialize_entry(&field!("contexts"), &Contexts(self))?;
        if !self.tags.is_empty() {
            map.serialize_entry(&field!("tags"), &self.tags)?;
        }
        if let Some(user) = &self.user {
            map.serialize_entry(&field!("user"), user)?;
        }
        if let Some(request) = &self.request {
            map.serialize_entry(&field!("request"), request)?;
        }
        if !self.measurements.is_empty() {
            map.serialize_entry(&field!("measurements"), &self.measurements)?;
        }
        if !self.breadcrumbs.is_empty() {
            map.serialize_entry(
                &field!("breadcrumbs"),
                &BTreeMap::from([("values", &self.breadcrumbs)]),
            )?;
        }
        map.serialize_entry(&field!("spans"), &self.spans)?;
        map.end()
    }
}

impl Serialize for Measurement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(&field!("value"), &self.value)?;
        map.serialize_entry(&field!("unit"), self.unit.as_str())?;
        map.end()
    }
}

struct Contexts<'a>(&'a Transaction);

impl Serialize for Contexts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("trace"), &self.0.trace)?;
        for (key, context) in self.0.contexts.iter().filter(|(key, _)| *key != "trace") {
            map.serialize_entry(key, context.fields())?;
        }
        map.end()
    }
}
