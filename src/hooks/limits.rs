//! What a hook gave back, made into what Sentry accepts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry::StringValue;
use opentelemetry::trace::{SpanId, TraceId};
use sentry_types::Uuid;
use sentry_types::protocol::v7::{Event, LogEntry, User};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::mapping::{dist_fault, legal_environment, legal_release};
use crate::protocol::{
    Data, Link, MAX_NAME_CHARS, MAX_SPANS, Measurement, Span, Tags, Transaction, first_chars,
    fit_links, has_nul, json_len, limit_texts, limited, shorten,
};

/// The longest op, origin or unit, in chars.
const MAX_WORD_CHARS: usize = 128;

/// The longest name of a user and the longest address, in chars.
const MAX_USER_CHARS: usize = 128;
const MAX_MAIL_CHARS: usize = 75;

/// The longest text of an error, and the longest other value of an event, in bytes.
const MAX_VALUE_BYTES: usize = 8000;
const MAX_EXTRA_BYTES: usize = 12_000;

/// How much a single span may take with its data, and again with its links, in bytes of JSON.
const MAX_DATA_BYTES: usize = 200_000;
const MAX_LINK_BYTES: usize = 50_000;

/// How much all spans may take together; Relay cuts the list at 819,200 bytes.
const MAX_SPAN_BYTES: usize = 800_000;

/// How long the texts of spans may stay where they take more, in bytes; tried in this order.
const SHORTER: [usize; 4] = [4096, 1024, 256, 64];

/// How much a context, a breadcrumb, the request or the user may take; Relay leaves less of each.
const MAX_PART_BYTES: usize = 32 * 1024;
const MAX_CONTEXTS: usize = 32;

/// The longest text in one of them that is too large.
const MAX_FIELD_BYTES: usize = 1024;

const MAX_TAGS: usize = 200;
const MAX_LINKS: usize = 1000;
const MAX_MEASUREMENTS: usize = 1000;
const MAX_BREADCRUMBS: usize = 100;

/// What of a transaction stays as it was, because it tells a copy from another item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    event_id: Uuid,
    trace_id: TraceId,
    span_id: SpanId,
}

impl Identity {
    pub(super) fn of(transaction: &Transaction) -> Self {
        Self {
            event_id: transaction.event_id,
            trace_id: transaction.trace.trace_id,
            span_id: transaction.trace.span_id,
        }
    }
}

pub(super) fn limit_transaction(transaction: &mut Transaction, identity: Identity) {
    transaction.event_id = identity.event_id;
    let root = &mut transaction.trace;
    (root.trace_id, root.span_id) = (identity.trace_id, identity.span_id);
    root.parent_span_id = valid_parent(root.parent_span_id, root.span_id);
    root.op.iter_mut().for_each(cut_word);
    limit_origin(&mut root.origin);
    root.data.limit(MAX_DATA_BYTES);
    limit_links(&mut root.links);
    if let Some(name) = cut(transaction.name.as_str(), MAX_NAME_CHARS) {
        transaction.name = StringValue::from(name);
    }
    transaction.timestamp = transaction.timestamp.max(transaction.start_timestamp);
    bend(&mut transaction.release, legal_release);
    bend(&mut transaction.environment, legal_environment);
    transaction.dist.take_if(|dist| dist_fault(dist.as_str()).is_some());
    // Sentry makes a tag of it.
    bend(&mut transaction.server_name, |name| Some(short(name, MAX_NAME_CHARS)));
    transaction.tags.truncate(MAX_TAGS);
    limit_measurements(&mut transaction.measurements);
    limit_contexts(transaction);
    transaction.user = transaction.user.take().map(limited_user).and_then(limited_part);
    transaction.request = transaction.request.take().and_then(limited_part);
    let breadcrumbs = std::mem::take(&mut transaction.breadcrumbs);
    let surplus = breadcrumbs.len().saturating_sub(MAX_BREADCRUMBS);
    transaction.breadcrumbs =
        breadcrumbs.into_iter().skip(surplus).filter_map(limited_part).collect();
    limit_spans(transaction);
}

/// The rest of an event is cut when it is written.
pub(super) fn limit_event(event: &mut Event<'static>) {
    let legal = |text: &mut Option<Cow<'static, str>>, legal: fn(&str) -> Option<String>| {
        *text = text.take().and_then(|text| legal(&text)).map(Into::into);
    };
    legal(&mut event.release, legal_release);
    legal(&mut event.environment, legal_environment);
    event.dist.take_if(|dist| dist_fault(dist).is_some());
    legal(&mut event.server_name, |name| Some(short(name, MAX_NAME_CHARS)));
    for text in [&mut event.transaction, &mut event.culprit].into_iter().flatten() {
        *text = short(text, MAX_NAME_CHARS);
    }
    if let Some(message) = event.message.take() {
        // Sentry moves it there, if there is none.
        event.logentry.get_or_insert_with(|| LogEntry { message, params: Vec::new() });
    }
    if let Some(entry) = &mut event.logentry {
        entry.message = limited(&entry.message, MAX_VALUE_BYTES);
    }
    for exception in &mut event.exception.values {
        exception.ty = short(&exception.ty, MAX_WORD_CHARS);
        exception.value = exception.value.take().map(|text| limited(&text, MAX_VALUE_BYTES));
        exception.module = exception.module.take().map(|text| short(&text, MAX_NAME_CHARS));
    }
    event.extra.retain(|key, value| {
        limit_texts(value, MAX_EXTRA_BYTES);
        // Escapes may double a text.
        let fits = json_len(value) <= MAX_EXTRA_BYTES.saturating_mul(2);
        fits && key.len() <= MAX_NAME_CHARS && !key.chars().any(char::is_control)
    });
    let mut tags = Tags::default();
    for (key, value) in std::mem::take(&mut event.tags).into_iter().take(MAX_TAGS) {
        tags.insert(key.into(), value.into());
    }
    event.tags = tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    event.user = event.user.take().map(limited_user).and_then(limited_part);
    event.request = event.request.take().and_then(limited_part);
}

fn limited_user(mut user: User) -> User {
    let short = |text: &mut Option<String>, chars| {
        *text = text.take().map(|text| short(&text, chars));
    };
    short(&mut user.id, MAX_USER_CHARS);
    short(&mut user.username, MAX_USER_CHARS);
    short(&mut user.email, MAX_MAIL_CHARS);
    user
}

fn short(text: &str, max_chars: usize) -> String {
    cut(text, max_chars).unwrap_or_else(|| text.to_owned())
}

fn limit_spans(transaction: &mut Transaction) {
    let root = (transaction.trace.trace_id, transaction.trace.span_id);
    let mut room = MAX_SPANS;
    transaction.retain_spans(|span| {
        // A single span of no id makes Sentry refuse the whole transaction.
        let is_valid = span.span_id != SpanId::INVALID && span.span_id != root.1;
        let is_kept = is_valid && room > 0;
        room = room.saturating_sub(usize::from(is_kept));
        is_kept
    });
    for span in &mut transaction.spans {
        limit_span(span, root.0);
    }
    for longest in SHORTER {
        if json_len(&transaction.spans) <= MAX_SPAN_BYTES {
            return;
        }
        for span in &mut transaction.spans {
            shorten(&mut span.description, longest);
            span.data.shorten(longest);
            span.links.iter_mut().for_each(|link| link.attributes.shorten(longest));
        }
    }
    while json_len(&transaction.spans) > MAX_SPAN_BYTES {
        let half = transaction.spans.len().div_euclid(2);
        transaction.truncate_spans(half);
    }
}

pub(super) fn limit_span(span: &mut Span, trace: TraceId) {
    span.trace_id = trace;
    span.parent_span_id = valid_parent(span.parent_span_id, span.span_id);
    span.timestamp = span.timestamp.max(span.start_timestamp);
    span.op.iter_mut().for_each(cut_word);
    limit_origin(&mut span.origin);
    shorten(&mut span.description, Data::MAX_TEXT_BYTES);
    span.data.limit(MAX_DATA_BYTES);
    span.tags.truncate(MAX_TAGS);
    limit_links(&mut span.links);
    limit_measurements(&mut span.measurements);
}

fn valid_parent(parent: Option<SpanId>, own: SpanId) -> Option<SpanId> {
    parent.filter(|parent| *parent != SpanId::INVALID && *parent != own)
}

/// Sentry removes an origin with other characters, and shows that as an error.
fn limit_origin(origin: &mut StringValue) {
    let is_legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.');
    let text = origin.as_str();
    if text.len() > MAX_WORD_CHARS || !text.chars().all(is_legal) {
        let legal = text.chars().take(MAX_WORD_CHARS);
        let legal = legal.map(|char| if is_legal(char) { char } else { '_' });
        *origin = StringValue::from(legal.collect::<String>());
    }
}

fn limit_links(links: &mut Vec<Link>) {
    links.retain(|link| link.trace_id != TraceId::INVALID && link.span_id != SpanId::INVALID);
    links.truncate(MAX_LINKS);
    links.iter_mut().for_each(|link| link.attributes.limit(MAX_LINK_BYTES));
    fit_links(links, MAX_LINK_BYTES);
}

fn limit_measurements(measurements: &mut BTreeMap<String, Measurement>) {
    let is_legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.');
    let mut room = MAX_MEASUREMENTS;
    measurements.retain(|name, measurement| {
        let is_kept = room > 0
            && measurement.value.is_finite()
            && name.len() <= MAX_NAME_CHARS
            && name.starts_with(|char: char| char.is_ascii_alphabetic())
            && name.chars().all(is_legal);
        room = room.saturating_sub(usize::from(is_kept));
        cut_word(&mut measurement.unit);
        is_kept
    });
}

fn limit_contexts(transaction: &mut Transaction) {
    let mut room = MAX_CONTEXTS;
    transaction.contexts.retain(|name, context| {
        let mut is_kept = room > 0 && name.len() <= MAX_NAME_CHARS;
        let is_large = json_len(context.fields()) > MAX_PART_BYTES;
        if is_kept && (is_large || context.fields().values().any(has_nul)) {
            let longest = if is_large { MAX_FIELD_BYTES } else { MAX_PART_BYTES };
            context.fields_mut().values_mut().for_each(|value| limit_texts(value, longest));
            is_kept = json_len(context.fields()) <= MAX_PART_BYTES;
        }
        room = room.saturating_sub(usize::from(is_kept));
        is_kept
    });
}

/// A part of an item without texts that are too long; none if it stays too large all the same.
fn limited_part<T: Serialize + DeserializeOwned>(part: T) -> Option<T> {
    let mut json = serde_json::to_value(&part).ok()?;
    let is_large = json_len(&json) > MAX_PART_BYTES;
    if !is_large && !has_nul(&json) {
        return Some(part);
    }
    limit_texts(&mut json, if is_large { MAX_FIELD_BYTES } else { MAX_PART_BYTES });
    serde_json::from_value(json).ok().filter(|part| json_len(part) <= MAX_PART_BYTES)
}

fn bend(text: &mut Option<StringValue>, legal: impl Fn(&str) -> Option<String>) {
    *text = text.take().and_then(|text| legal(text.as_str())).map(StringValue::from);
}

/// At most `max_chars` of a text, without NUL; none where nothing has to change.
fn cut(text: &str, max_chars: usize) -> Option<String> {
    let first = first_chars(text, max_chars);
    (first.is_some() || text.contains('\0'))
        .then(|| first.unwrap_or(text).replace('\0', "\u{fffd}"))
}

fn cut_word(word: &mut StringValue) {
    if let Some(short) = cut(word.as_str(), MAX_WORD_CHARS) {
        *word = StringValue::from(short);
    }
}
