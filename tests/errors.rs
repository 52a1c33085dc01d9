//! Which failures become error events, and how often.

mod common;

use common::spans::{SpanDataExt, span};
use opentelemetry::KeyValue;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::mapping::{Mapped, Mapper};

fn map(spans: Vec<SpanData>) -> Mapped {
    Mapper::new().map(spans).remove(0)
}

/// The text of each event: of its exception, or else of its message.
fn texts(mapped: &Mapped) -> Vec<String> {
    let text = |event: &sentry_types::protocol::v7::Event<'_>| {
        let exception = event.exception.values.last().and_then(|last| last.value.clone());
        exception.or(event.logentry.as_ref().map(|entry| entry.message.clone())).unwrap()
    };
    mapped.events.iter().map(text).collect()
}

fn logged(line: i64) -> [KeyValue; 3] {
    [
        KeyValue::new("level", "ERROR"),
        KeyValue::new("code.file.path", "src/main.rs"),
        KeyValue::new("code.line.number", line),
    ]
}

fn exception(message: &'static str) -> [KeyValue; 1] {
    [KeyValue::new("exception.message", message)]
}

#[test]
fn the_same_error_on_the_way_up_counts_where_it_was_recorded_first() {
    let mapped = map(vec![
        span(3, 2, "query", (2, 3)).event("exception", 3, exception("locked")),
        span(2, 1, "load", (1, 4)).event("exception", 4, exception("locked")),
        span(1, 0, "request", (0, 5)).event("exception", 5, exception("locked")),
    ]);
    assert_eq!((texts(&mapped), mapped.repeated_errors), (vec!["locked".to_owned()], 2));
    let trace = &mapped.events[0].contexts["trace"];
    assert_eq!(serde_json::to_value(trace).unwrap()["span_id"], "0000000000000003");
}

#[test]
fn the_same_error_in_sibling_spans_counts_in_each() {
    let mapped = map(vec![
        span(2, 1, "item", (1, 2)).event("exception", 2, exception("locked")),
        span(3, 1, "item", (3, 4)).event("exception", 4, exception("locked")),
        span(1, 0, "import", (0, 5)),
    ]);
    assert_eq!(texts(&mapped), ["locked", "locked"]);
}

#[test]
fn lines_logged_at_different_places_are_different_errors() {
    let root = span(1, 0, "import", (0, 5));
    let root = root.event("item failed", 1, logged(10)).event("item failed", 2, logged(20));
    let mapped = map(vec![root.event("item failed", 3, logged(20))]);
    assert_eq!((texts(&mapped).len(), mapped.repeated_errors), (2, 1));
}

#[test]
fn a_line_on_the_root_does_not_hide_what_failed_below() {
    let mapped = map(vec![
        span(2, 1, "charge", (1, 2)).status(Status::error("card gateway: timeout")),
        span(1, 0, "request", (0, 5)).event("response failed", 5, logged(1)),
    ]);
    let mut texts = texts(&mapped);
    texts.sort();
    assert_eq!(texts, ["card gateway: timeout", "response failed"]);
}

#[test]
fn an_exception_above_tells_of_the_status_below() {
    let mapped = map(vec![
        span(2, 1, "charge", (1, 2)).status(Status::error("")),
        span(1, 0, "request", (0, 5)).event("exception", 5, exception("no money")),
    ]);
    assert_eq!(texts(&mapped), ["no money"]);
}

#[test]
fn a_message_that_only_looks_like_a_place_is_kept() {
    let both = [KeyValue::new("level", "ERROR"), KeyValue::new("exception.message", "refused")];
    let named = |name: &str| map(vec![span(1, 0, "work", (0, 5)).event(name, 1, both.clone())]);
    let message = |name| named(name).events[0].logentry.clone().map(|entry| entry.message);
    assert_eq!(message("event store unavailable").as_deref(), Some("event store unavailable"));
    assert_eq!(message("event src/main.rs:12"), None);
}

#[test]
fn the_user_of_the_failing_span_is_nearer_than_that_of_the_root() {
    let user = |id: &'static str| [KeyValue::new("user.id", id)];
    let mapped = map(vec![
        span(2, 1, "auth", (1, 2)).attributes(user("7")).event("exception", 2, exception("no")),
        span(1, 0, "request", (0, 5)).attributes(user("1")),
    ]);
    assert_eq!(mapped.events[0].user.as_ref().unwrap().id.as_deref(), Some("7"));
    assert_eq!(mapped.transaction.user.unwrap().id.as_deref(), Some("1"));
}

#[test]
fn five_hundred_errors_of_a_segment_are_sent_and_the_rest_is_counted() {
    let child = |id| span(id, 1, "item", (1, 2)).event("exception", 2, exception("locked"));
    let mut spans: Vec<_> = (2..=601).map(child).collect();
    spans.push(span(1, 0, "import", (0, 5)));
    let mapped = map(spans);
    assert_eq!((mapped.events.len(), mapped.surplus_errors), (500, 100));
}
