//! From spans that leave as they come to spans that Sentry takes without their transaction.

use opentelemetry::trace::SpanId;
use opentelemetry::{StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::Event;

use super::breadcrumb;
use super::event::event;
use super::facts::Facts;
use super::ignoring::ignores_span;
use super::legal::{legal_environment, legal_release};
use super::transaction::{Crumb, ENVIRONMENT, Root};
use super::{MAX_CRUMBS, Mapper, Room, span};
use crate::protocol::{Data, NAME, PLATFORM, Span, TransactionSource, VERSION, retain_spans};
use crate::segment::{ErrorMark, Segment, SegmentKind};

/// The segment that a span belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SegmentTitle {
    pub(crate) id: SpanId,
    pub(crate) name: StringValue,
    pub(crate) source: TransactionSource,
}

/// What came together of one trace and hangs together, mapped.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    pub(crate) spans: Vec<Span>,
    pub(crate) events: Vec<Event<'static>>,
    /// The segment of all these spans, if it is known.
    pub(crate) title: Option<SegmentTitle>,
    /// The span that is the root of its segment.
    pub(crate) segment_span: Option<SpanId>,
    pub(crate) repeated_errors: usize,
    pub(crate) ignored_errors: usize,
    pub(crate) surplus_errors: usize,
    /// How many spans were left out by a rule.
    pub(crate) ignored_spans: usize,
    /// The errors that spans above these need not tell again; nothing stands for a bare status.
    pub(crate) marks: Vec<Option<ErrorMark>>,
}

/// Attributes of the resource that all spans carry besides those of the service.
const ON_ALL: &[&str] = &["host.name", "os.name", "os.version", "process.runtime.name"];

impl Mapper {
    /// Maps spans whose root may not have come; `known` is the segment of the span above them.
    pub(crate) fn map_streamed(
        &self,
        mut segment: Segment,
        known: Option<&SegmentTitle>,
    ) -> Streamed {
        let is_root = segment.kind == SegmentKind::Root;
        // Rules see what is taken out.
        let ignored = self.ignored_of(&segment);
        let reading = self.read(&segment);
        let known_attributes = self.scrub(&mut segment);
        let Some(first) = segment.root() else { return Streamed::default() };
        let failures = self.failures(&segment, &reading);
        let mut streamed = Streamed {
            segment_span: is_root.then(|| first.span_context.span_id()),
            repeated_errors: failures.repeated,
            ignored_errors: failures.ignored,
            surplus_errors: failures.surplus,
            marks: if is_root { Vec::new() } else { failures.marks(&segment.failed_below) },
            ..Streamed::default()
        };
        if !failures.sent.is_empty() {
            let mut root = Root::of(first, self, &mut Room::default());
            if let Some(title) = known.filter(|_| !is_root) {
                root.name = title.name.clone();
            }
            let crumbs = Crumb::all(&segment.spans, &reading);
            // Many errors share the room for what led to them.
            let kept = MAX_CRUMBS.checked_div(failures.sent.len()).unwrap_or(0);
            let crumbs = (crumbs.as_slice(), kept.min(breadcrumb::MAX));
            let events = failures
                .sent
                .into_iter()
                .map(|failure| event(failure, (&root, first), crumbs, self));
            streamed.events = events.collect();
            if !is_root && known.is_none() {
                streamed.events.iter_mut().for_each(|event| event.transaction = None);
            }
        }
        streamed.spans = Vec::with_capacity(segment.spans.len());
        let mut title = known.filter(|_| !is_root).cloned();
        let mut is_segment = is_root;
        let mut room = Room::knowing(known_attributes);
        for span in segment.spans {
            streamed.spans.push(self.streamed_span(&mut room, span, &mut title, is_segment));
            is_segment = false;
        }
        if ignored.contains(&true) {
            let mut ignored = ignored.into_iter();
            let gone = retain_spans(&mut streamed.spans, None, |_| ignored.next() != Some(true));
            streamed.ignored_spans = gone.len();
        }
        streamed.title = title;
        streamed
    }

    /// What the rules for spans say; they are none for the root of a segment.
    fn ignored_of(&self, segment: &Segment) -> Vec<bool> {
        if !self.ignoring.has_span_rules() {
            return Vec::new();
        }
        let mut is_segment = segment.kind == SegmentKind::Root;
        let judge = |span| !std::mem::take(&mut is_segment) && ignores_span(&self.ignoring, span);
        segment.spans.iter().map(judge).collect()
    }

    /// A span of this segment; the root of one says its title.
    fn streamed_span(
        &self,
        room: &mut Room,
        mut span: SpanData,
        title: &mut Option<SegmentTitle>,
        is_segment: bool,
    ) -> Span {
        let mut facts = Facts::unread(&span.attributes);
        let shape = facts.read(room.next_known(&span.attributes));
        let mapped = span::Mapped::of_in(room, &span, (&facts, shape), is_segment);
        if is_segment {
            let (name, source) = (mapped.name.clone(), mapped.source);
            *title = Some(SegmentTitle { id: span.span_context.span_id(), name, source });
        }
        let mut span = mapped.into_child(&mut span, &self.tags, room);
        let data = &mut span.data;
        room.take_out(data);
        data.insert("sentry.trace_lifecycle", "stream");
        if let Some(title) = title {
            data.insert("sentry.segment.id", title.id.to_string());
            data.insert("sentry.segment.name", title.name.clone());
            if is_segment {
                data.insert("sentry.segment.name.source", title.source.as_str());
            }
        }
        self.describe_streamed(data, is_segment);
        span
    }

    /// Adds where a span comes from, because no transaction says it.
    fn describe_streamed(&self, data: &mut Data, is_segment: bool) {
        let resource = &self.resource;
        let own = |data: &mut Data, key: &str, legal: fn(&str) -> Option<String>| {
            let own = data.remove(key).and_then(|own| legal(&own.as_str()));
            own.map(StringValue::from)
        };
        // What is set in code wins over what a span says, and that over the resource.
        let release = own(data, "sentry.release", legal_release);
        let release = self.release.clone().or(release).or_else(|| resource.release.clone());
        let environment = own(data, "sentry.environment", legal_environment);
        let environment = self.environment.clone().or(environment);
        let environment = environment.or_else(|| resource.environment.clone());
        for (key, value) in [
            ("sentry.release", release),
            ("sentry.dist", self.dist.clone()),
            ("sentry.environment", Some(environment.unwrap_or_else(|| ENVIRONMENT.into()))),
            ("sentry.platform", Some(PLATFORM.into())),
            ("sentry.sdk.name", Some(NAME.into())),
            ("sentry.sdk.version", Some(VERSION.into())),
        ] {
            if let Some(value) = value {
                data.insert(key, Value::String(value));
            }
        }
        data.extend_missing(resource.data.iter().cloned());
        let is_told = |key: &str| match is_segment {
            true => {
                !key.starts_with("sentry.")
                    && (key != "service.name" || resource.service_name.is_some())
            }
            false => ON_ALL.contains(&key),
        };
        let told = resource.attributes.iter().filter(|entry| is_told(entry.key.as_str()));
        data.extend_missing(told.cloned());
    }
}
