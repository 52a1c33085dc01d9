use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry::trace::{Event, SpanId};
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{Breadcrumb, Request, User};
use serde_json::Map;

use super::Mapper;
use super::breadcrumb::{self, breadcrumb};
use super::exception::Role;
use super::facts::Facts;
use super::http::request;
use super::id::transaction_id;
use super::legal::{legal_environment, legal_release};
use super::links::DROPPED_LINKS;
use super::reading::Reading;
use super::room::Room;
use super::span::{self, parent};
use super::status::http_code;
use super::user::user;
use crate::protocol::{
    Context, Data, Link, Timestamp, TraceContext, Transaction, fit_links, json_len,
};
use crate::segment::{Part, SegmentKind};
use crate::semconv::Attribute::*;

/// The environment of software that does not say where it runs.
pub(super) const ENVIRONMENT: &str = "production";

/// Relay leaves links of a root out without a word if they and its data take more than 8 KiB.
const MAX_LINK_BYTES: usize = 3000;
const MAX_DATA_BYTES_BESIDE_LINKS: usize = 4500;
const MAX_TRACE_BYTES: usize = 7900;
const LINK_BYTES: usize = 65;

/// What the root of a segment says about the whole of it.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) name: StringValue,
    pub(super) release: Option<StringValue>,
    pub(super) environment: StringValue,
    pub(super) user: Option<User>,
    pub(super) request: Option<Request>,
    contexts: [Option<(&'static str, Context)>; 2],
    mapped: span::Mapped,
}

/// An event of a span that is no error, with its span and time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crumb<'a> {
    pub(super) time: Timestamp,
    event: &'a Event,
    span: &'a SpanData,
}

impl Root {
    pub(super) fn of(span: &SpanData, mapper: &Mapper, room: &mut Room) -> Self {
        let mut facts = Facts::unread(&span.attributes);
        let shape = facts.read(room.next_known(&span.attributes));
        let resource = &mapper.resource;
        let given_release = facts.text(&[SentryRelease]).and_then(|text| legal_release(&text));
        let given_environment =
            facts.text(&[SentryEnvironment]).and_then(|text| legal_environment(&text));
        let mapped = span::Mapped::of_in(room, span, (&facts, shape), true);
        Self {
            name: mapped.name.clone(),
            release: mapper
                .release
                .clone()
                .or(given_release.map(StringValue::from))
                .or_else(|| resource.release.clone()),
            environment: mapper
                .environment
                .clone()
                .or(given_environment.map(StringValue::from))
                .or_else(|| resource.environment.clone())
                .unwrap_or_else(|| StringValue::from(ENVIRONMENT)),
            user: user(&facts),
            request: request(span, &facts),
            contexts: [response(&facts), profile(&facts)],
            mapped,
        }
    }

    /// The transaction of the segment, still without children; takes the attributes of its root.
    pub(super) fn into_transaction(
        mut self,
        span: &mut SpanData,
        (kind, part): (SegmentKind, Option<Part>),
        mapper: &Mapper,
        room: &mut Room,
    ) -> Transaction {
        let resource = &mapper.resource;
        let tags = mapper.tags.of_segment(&[&span.attributes], resource);
        let parent_span_id = parent(span);
        let mut attributes = std::mem::take(&mut span.attributes);
        attributes.extend(flags(kind, part));
        let text = |key, text: &StringValue| KeyValue::new(key, Value::String(text.clone()));
        let more = [
            Some(KeyValue::new("sentry.source", self.mapped.source.as_str())),
            Some(text("sentry.origin", &self.mapped.origin)),
            self.mapped.op.as_ref().map(|op| text("sentry.op", op)),
        ];
        let more = more.into_iter().flatten().chain(resource.data.iter().cloned());
        let mut data = self.mapped.data(attributes, more, room);
        if !self.mapped.links.is_empty() {
            room.take_out(&mut data);
            fit_links(&mut self.mapped.links, MAX_LINK_BYTES);
            data.fit(MAX_DATA_BYTES_BESIDE_LINKS);
            let texts = [self.mapped.op.as_ref(), Some(&self.mapped.origin)];
            let texts = texts.into_iter().flatten().map(|text| text.as_str().len()).sum();
            cut_links(&mut self.mapped.links, &mut data, texts);
        }
        let mut contexts: BTreeMap<Cow<'static, str>, Context> = resource.contexts.clone();
        for (name, context) in self.contexts.into_iter().flatten() {
            contexts.insert(name.into(), context);
        }
        let context = &span.span_context;
        Transaction {
            event_id: transaction_id(context),
            name: self.mapped.name,
            source: self.mapped.source,
            start_timestamp: self.mapped.start,
            timestamp: self.mapped.end,
            trace: TraceContext {
                trace_id: context.trace_id(),
                span_id: context.span_id(),
                parent_span_id,
                op: self.mapped.op,
                status: self.mapped.status,
                origin: self.mapped.origin,
                data,
                links: self.mapped.links,
            },
            contexts,
            spans: Vec::new(),
            tags,
            release: self.release,
            dist: mapper.dist.clone(),
            environment: Some(self.environment),
            server_name: resource.server_name.clone(),
            user: self.user,
            request: self.request,
            measurements: self.mapped.measurements,
            breadcrumbs: Vec::new(),
        }
    }
}

impl<'a> Crumb<'a> {
    /// Everything that happened on the way through a segment, in order of time.
    pub(super) fn all(spans: &'a [SpanData], reading: &Reading) -> Vec<Self> {
        let mut crumbs: Vec<_> = reading
            .events(spans, |role| role == Role::Breadcrumb)
            .map(|(span, (_, event), _)| Self { time: event.timestamp.into(), event, span })
            .collect();
        crumbs.sort_by_key(|crumb| crumb.time);
        crumbs
    }

    /// The last ones of these, as many as Sentry keeps, and the spans that recorded them.
    pub(super) fn last(crumbs: &[Self]) -> (Vec<Breadcrumb>, Vec<SpanId>) {
        let skipped = crumbs.len().saturating_sub(breadcrumb::MAX);
        let last = crumbs.iter().skip(skipped);
        last.map(|crumb| (crumb.to_breadcrumb(), crumb.span.span_context.span_id())).unzip()
    }

    pub(super) fn to_breadcrumb(self) -> Breadcrumb {
        breadcrumb(self.event, self.span)
    }
}

/// Why this segment is not what a root and its children would be.
pub(super) fn flags(kind: SegmentKind, part: Option<Part>) -> Vec<KeyValue> {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut flags = Vec::new();
    match kind {
        SegmentKind::Root => {}
        SegmentKind::Late => flags.push(KeyValue::new("sentry.parent_span_already_sent", true)),
        SegmentKind::Orphan => flags.push(KeyValue::new("sentry.parent_span_missing", true)),
    }
    if let Some(part) = part {
        flags.push(KeyValue::new("sentry.segment.root_span_id", part.root.to_string()));
        flags.push(KeyValue::new("sentry.segment.part", number(part.number)));
        flags.push(KeyValue::new("sentry.segment.parts", number(part.of)));
    }
    flags
}

/// Cuts off the links for which there is no room beside the data and `texts` bytes, and counts
/// them with those that were dropped before.
fn cut_links(links: &mut Vec<Link>, data: &mut Data, texts: usize) {
    let taken = json_len(data).saturating_add(texts);
    let room = MAX_TRACE_BYTES.saturating_sub(taken).div_euclid(LINK_BYTES);
    let cut = links.len().saturating_sub(room);
    if cut == 0 {
        return;
    }
    links.truncate(room);
    let before = match data.value(DROPPED_LINKS) {
        Some(Value::I64(count)) => *count,
        _ => 0,
    };
    data.insert(DROPPED_LINKS, before.saturating_add(i64::try_from(cut).unwrap_or(i64::MAX)));
}

/// What was answered; a size alone is that of something else.
fn response(facts: &Facts<'_>) -> Option<(&'static str, Context)> {
    let told = |number: Option<i64>| number.filter(|number| *number >= 0);
    let mut response = Map::new();
    response.insert("status_code".to_owned(), told(http_code(facts))?.into());
    if let Some(size) = told(facts.integer(&[HttpResponseBodySize, HttpResponseContentLength])) {
        response.insert("body_size".to_owned(), size.into());
    }
    Some(("response", response.into()))
}

fn profile(facts: &Facts<'_>) -> Option<(&'static str, Context)> {
    let mut profile = Map::new();
    for (field, key) in [("profile_id", SentryProfileId), ("profiler_id", SentryProfilerId)] {
        if let Some(id) = facts.text(&[key]).and_then(|id| hex_id(&id)) {
            profile.insert(field.to_owned(), id.into());
        }
    }
    (!profile.is_empty()).then(|| ("profile", profile.into()))
}

/// An id of 32 hexadecimal digits; Sentry refuses another one.
fn hex_id(text: &str) -> Option<String> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase())
}
