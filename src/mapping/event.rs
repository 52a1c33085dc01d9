use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry::{Key, KeyValue, StringValue};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{
    Context, Event, Level, LogEntry, OtelContext, SpanStatus, TraceContext, Values,
};
use serde_json::{Map, Value, json};

use super::Mapper;
use super::errors::Failure;
use super::exception::{Location, fingerprint, message};
use super::facts::Facts;
use super::id::event_id;
use super::machine;
use super::op;
use super::resource::limited_map;
use super::severity::Severity;
use super::span::{self, parent};
use super::status::{self, status_text};
use super::transaction::{Crumb, Root};
use super::user::user;
use crate::protocol::{Data, Timestamp, client_sdk, limited, shortened};
use crate::semconv::Attribute::Target;

/// What Relay leaves of the context `otel`, less the resource.
const MAX_ATTRIBUTE_BYTES: usize = 3500;

/// What Relay leaves of an extra is 16 KiB.
const MAX_RAW_BYTES: usize = 12_000;

/// What errors of bare statuses are grouped by first.
pub(super) const STATUS: &str = "opentelemetry.status";

/// An error event of Sentry, tied to the span that recorded it (rule EXC-9).
pub(super) fn event(
    failure: Failure<'_>,
    (root, root_span): (&Root, &SpanData),
    (crumbs, kept_crumbs): (&[Crumb<'_>], usize),
    mapper: &Mapper,
) -> Event<'static> {
    let span = failure.span;
    let facts = Facts::of(&span.attributes);
    let time = failure.event.map_or(span.end_time, |(_, event)| event.timestamp);
    let index =
        failure.event.map_or(u64::MAX, |(index, _)| u64::try_from(index).unwrap_or(u64::MAX));
    let event_facts = failure.event.map(|(_, event)| Facts::of(&event.attributes));
    let logger = event_facts.as_ref().and_then(|facts| facts.text(&[Target]));
    let logger = logger.unwrap_or_else(|| span.instrumentation_scope.name().into());
    // A root need not say twice what it says.
    let of_spans: &[&[KeyValue]] = match std::ptr::eq(span, root_span) {
        true => &[&span.attributes],
        false => &[&span.attributes, &root_span.attributes],
    };
    let of_event = failure.event.map_or(&[][..], |(_, event)| &event.attributes);
    let tags = mapper.tags.of_error(of_event, of_spans, &mapper.resource);
    let end = crumbs.partition_point(|crumb| crumb.time <= Timestamp::from(time));
    let before = crumbs.get(end.saturating_sub(kept_crumbs)..end).unwrap_or_default();
    let mut event = Event {
        event_id: event_id(&span.span_context, index),
        level: Level::Error,
        transaction: Some(root.name.as_str().to_owned()),
        logger: Some(line(&logger, 64)).filter(|logger| !logger.is_empty()),
        platform: "native".into(),
        timestamp: Timestamp::from(time).into(),
        server_name: owned(&mapper.resource.server_name),
        release: owned(&root.release),
        dist: owned(&mapper.dist),
        environment: Some(root.environment.as_str().to_owned().into()),
        user: user(&facts).or_else(|| root.user.clone()),
        request: root.request.clone(),
        breadcrumbs: Values::from(
            before.iter().copied().map(Crumb::to_breadcrumb).collect::<Vec<_>>(),
        ),
        sdk: Some(client_sdk()),
        ..Event::default()
    };
    // One by one, which takes less than to sort them first.
    let text = |tag: (&Key, &StringValue)| (tag.0.as_str().to_owned(), tag.1.as_str().to_owned());
    event.tags.extend(tags.iter().map(text));
    // The context `otel` is that of the error.
    for (name, context) in mapper.resource.contexts.iter().filter(|(name, _)| *name != "otel") {
        event.contexts.insert(name.to_string(), Context::Other(copied(context.fields())));
    }
    machine::describe(&mut event.contexts, &mapper.kernel);
    event.contexts.insert("trace".into(), trace_context(span, &facts).into());
    event.contexts.insert("otel".into(), otel_context(&failure, mapper).into());
    match failure.recorded {
        Some(recorded) => {
            event.level = recorded.level;
            if let Some(platform) = recorded.platform {
                event.platform = platform.into();
            }
            event.logentry =
                recorded.message.map(|message| LogEntry { message, params: Vec::new() });
            event.exception = Values::from(recorded.chain);
            if let Some(location) = recorded.location {
                event.contexts.insert("Rust Tracing Location".into(), location_context(location));
            }
            if let Some(raw) = recorded.raw_stacktrace {
                let raw = shortened(&raw, MAX_RAW_BYTES).unwrap_or(raw);
                event.extra.insert("exception.stacktrace".into(), raw.into());
            }
            if !recorded.fingerprint.is_empty() {
                event.fingerprint = recorded.fingerprint.into_iter().map(Cow::Owned).collect();
            }
        }
        None => error_status(span, &facts, &mut event),
    }
    event
}

/// An error status where nobody recorded an exception; grouped by what failed, not by the text,
/// which may change from one failure to the next.
fn error_status(span: &SpanData, facts: &Facts<'_>, event: &mut Event<'static>) {
    let message = message([status_text(span)]);
    if let Some(severity) = Severity::told(facts) {
        event.level = severity.into();
    }
    event.logentry = Some(LogEntry { message, params: Vec::new() });
    let op = op::op(facts, &span.span_kind).0.map_or_else(|| "default".into(), |op| op.to_string());
    let mut parts = fingerprint(&[facts]);
    if parts.is_empty() {
        parts = vec![STATUS.into(), op, limited(&span.name, 1024)];
    }
    event.fingerprint = parts.into_iter().map(Cow::Owned).collect();
}

fn trace_context(span: &SpanData, facts: &Facts<'_>) -> TraceContext {
    let status: SpanStatus = status::status(&span.status, facts);
    TraceContext {
        span_id: span.span_context.span_id().to_bytes().into(),
        trace_id: span.span_context.trace_id().to_bytes().into(),
        parent_span_id: parent(span).map(|id| id.to_bytes().into()),
        op: op::op(facts, &span.span_kind).0.map(|op| op.to_string()),
        status: Some(status),
        origin: Some(span::origin(facts).to_string()),
        // The default has random ids.
        description: None,
        data: BTreeMap::new(),
    }
}

fn otel_context(failure: &Failure<'_>, mapper: &Mapper) -> OtelContext {
    let mut attributes = Data::default();
    // What the event says is nearer to the error, and comes first where not all fits.
    let is_shown = |key: &str| !matches!(key, "exception.message" | "exception.stacktrace");
    if let Some((_, event)) = failure.event {
        attributes
            .extend(event.attributes.iter().filter(|entry| is_shown(entry.key.as_str())).cloned());
    }
    let of_span = failure.span.attributes.iter().rev();
    attributes.extend_missing(of_span.filter(|entry| is_shown(entry.key.as_str())).cloned());
    let resource =
        mapper.resource.contexts.get("otel").and_then(|otel| otel.fields().get("resource"));
    OtelContext {
        attributes: limited_map(attributes.iter(), MAX_ATTRIBUTE_BYTES),
        resource: resource.and_then(|map| map.as_object()).map(copied).unwrap_or_default(),
        ..OtelContext::default()
    }
}

/// The same context as that of Sentry's own integration of `tracing` (rule EXC-8).
fn location_context(location: Location) -> Context {
    let fields = [
        ("module_path", location.module.map(Into::into)),
        ("file", location.file.map(Into::into)),
        ("line", location.line.map(|line| json!(line))),
    ];
    let fields = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Context::Other(fields.collect())
}

fn copied(fields: &Map<String, Value>) -> BTreeMap<String, Value> {
    fields.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn owned(text: &Option<StringValue>) -> Option<Cow<'static, str>> {
    text.as_ref().map(|text| text.as_str().to_owned().into())
}

fn line(text: &str, max_chars: usize) -> String {
    let seen = text.chars().filter(|char| !char.is_control());
    let mut line: String = seen.skip_while(|char| char.is_whitespace()).take(max_chars).collect();
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logger_has_no_blanks_around_it_which_relay_would_take_away() {
        for (text, expected) in [
            ("  padded", "padde"),
            ("\n shop::orders \u{85}", "shop:"),
            ("ends with a blank", "ends"),
            (" \t", ""),
        ] {
            assert_eq!(line(text, 5), expected);
        }
    }
}
