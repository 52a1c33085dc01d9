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

/// What a report says of itself, of its causes and of where it was made.
fn report(texts: &[&str], line: u32) -> [KeyValue; 1] {
    let mut text = format!("{}\n\nCaused by:\n", texts[0]);
    for (number, cause) in texts[1..].iter().enumerate() {
        text += &format!("    {number}: {cause}\n");
    }
    if line > 0 {
        text += &format!(
            "\nStack backtrace:\n   0: shop::load\n             at ./src/main.rs:{line}:7\n"
        );
    }
    [KeyValue::new("exception.message", text)]
}

/// Of each error of the chain, root cause first: its type and text, and whether it has frames.
fn chain(mapped: &Mapped) -> Vec<(&str, &str, bool)> {
    let chain = mapped.events[0].exception.values.iter();
    chain.map(|it| (&*it.ty, it.value.as_deref().unwrap(), it.stacktrace.is_some())).collect()
}

fn span_of(mapped: &Mapped, event: usize) -> String {
    let trace = serde_json::to_value(&mapped.events[event].contexts["trace"]).unwrap();
    trace["span_id"].as_str().unwrap().trim_start_matches('0').to_owned()
}

#[test]
fn an_error_that_gets_context_on_its_way_up_is_one_with_all_that_was_said_of_it() {
    for (lines, frames) in [([7, 7, 7], true), ([0, 7, 0], true), ([0, 0, 0], false)] {
        let [inner, middle, outer] = lines;
        let mapped = map(vec![
            span(4, 3, "query", (2, 3)).event("no row", 3, report(&["locked", "timeout"], inner)),
            span(3, 2, "read", (2, 4)).event("exception", 4, report(&["locked", "timeout"], inner)),
            span(2, 1, "load", (1, 5)).event(
                "exception",
                5,
                report(&["no stock", "locked", "timeout"], middle),
            ),
            span(1, 0, "day", (0, 6)).event(
                "exception",
                6,
                report(&["no day", "no stock", "locked", "timeout"], outer),
            ),
        ]);
        assert_eq!((mapped.events.len(), mapped.repeated_errors), (1, 3), "{lines:?}");
        let said = ["timeout", "locked", "no stock", "no day"];
        let expected = said.map(|text| ("Error", text, frames && text == "no day"));
        assert_eq!(chain(&mapped), expected, "{lines:?}");
        assert_eq!(span_of(&mapped, 0), "4", "it counts where it was recorded first");
        let message = mapped.events[0].logentry.as_ref().map(|entry| entry.message.as_str());
        assert_eq!(message, Some("no row"));
        assert_eq!(mapped.events[0].extra.contains_key("exception.stacktrace"), frames);
    }
}

#[test]
fn context_beside_other_context_or_from_another_place_makes_another_error() {
    let mapped = map(vec![
        span(3, 2, "query", (1, 2)).event("exception", 2, exception("locked")),
        span(2, 1, "load", (1, 5))
            .event("exception", 3, report(&["no stock", "locked"], 0))
            .event("exception", 4, report(&["no price", "locked"], 0))
            .event("exception", 5, exception("locked")),
        span(1, 0, "day", (0, 6)).event(
            "exception",
            6,
            report(&["no day", "no stock", "locked"], 0),
        ),
    ]);
    assert_eq!((texts(&mapped), mapped.repeated_errors), (strings(["no day", "no price"]), 3));
    let mapped = map(vec![
        span(2, 1, "load", (1, 5)).event("exception", 3, report(&["locked", "timeout"], 7)),
        span(1, 0, "day", (0, 6)).event(
            "exception",
            6,
            report(&["no day", "locked", "timeout"], 8),
        ),
    ]);
    assert_eq!((texts(&mapped), mapped.repeated_errors), (strings(["locked", "no day"]), 0));
    let mapped = map(vec![
        span(3, 1, "load", (1, 2)).event("exception", 2, exception("locked")),
        span(2, 1, "day", (3, 6)).event("exception", 6, report(&["no day", "locked"], 0)),
        span(1, 0, "week", (0, 7)),
    ]);
    assert_eq!((texts(&mapped), mapped.repeated_errors), (strings(["locked", "no day"]), 0));
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

#[test]
fn a_type_that_one_record_names_is_that_of_the_error_in_the_chain_of_another() {
    let typed = [KeyValue::new("exception.type", "shop::Locked")];
    let mapped = map(vec![
        span(2, 1, "load", (1, 5)).event(
            "exception",
            2,
            typed.into_iter().chain(exception("locked")),
        ),
        span(1, 0, "day", (0, 6)).event("exception", 6, report(&["no day", "locked"], 7)),
    ]);
    let expected = [("Locked", "locked", false), ("Error", "no day", true)];
    assert_eq!((chain(&mapped), mapped.repeated_errors), (expected.to_vec(), 1));
    let [locked, day] = &*mapped.events[0].exception.values else { panic!("two errors") };
    assert_eq!(locked.module.as_deref(), Some("shop"));
    // What was recorded itself is told from what is only known as a cause.
    let ways = [locked, day].map(|it| it.mechanism.as_ref().unwrap().ty.as_str());
    assert_eq!(ways, ["opentelemetry"; 2]);
}

/// What the hook records of an `unwrap` of the error that this is the text of.
fn unwrapped(text: &str) -> [KeyValue; 4] {
    let text = format!("called `Result::unwrap()` on an `Err` value: {text}");
    [
        KeyValue::new("exception.type", "panic"),
        KeyValue::new("exception.message", text),
        KeyValue::new("exception.escaped", true),
        KeyValue::new("level", "FATAL"),
    ]
}

#[test]
fn a_panic_over_an_error_that_was_recorded_is_an_issue_of_its_own() {
    const IN_CONTEXT: &str = "order failed\n\nCaused by:\n    no money";
    let mapped = map(vec![
        span(3, 2, "pay", (2, 3)).event("exception", 3, exception("no money")),
        span(2, 1, "order", (1, 4)).event("exception", 4, unwrapped(IN_CONTEXT)),
        // The same panic, as what is above says it once more.
        span(1, 0, "request", (0, 5)).event("exception", 5, unwrapped(IN_CONTEXT)),
    ]);
    let told = |event: usize| {
        let exceptions = mapped.events[event].exception.values.iter();
        let types: Vec<_> = exceptions.map(|it| it.ty.as_str()).collect();
        (mapped.events[event].level.to_string(), span_of(&mapped, event), types)
    };
    assert_eq!((mapped.events.len(), mapped.repeated_errors), (2, 1));
    assert_eq!(told(0), ("error".to_owned(), "3".to_owned(), vec!["Error"]));
    assert_eq!(told(1), ("fatal".to_owned(), "2".to_owned(), vec!["Error", "panic"]));
}

#[test]
fn what_is_fatal_repeats_nothing_that_is_not() {
    let fatal = exception("locked").into_iter().chain([KeyValue::new("level", "FATAL")]);
    let mapped = map(vec![
        span(3, 2, "query", (2, 3)).event("exception", 3, exception("locked")),
        span(2, 1, "load", (1, 4)).event("exception", 4, fatal),
        span(1, 0, "request", (0, 5)).event("exception", 5, exception("locked")),
    ]);
    let levels: Vec<_> = mapped.events.iter().map(|event| event.level.to_string()).collect();
    assert_eq!((levels, mapped.repeated_errors), (strings(["error", "fatal"]), 1));
}

#[test]
fn what_each_record_says_of_itself_outlasts_all_further_context() {
    let typed = [KeyValue::new("exception.type", "shop::Locked")];
    let mapped = map(vec![
        span(3, 2, "query", (2, 3)).event(
            "exception",
            3,
            typed.into_iter().chain(exception("locked")),
        ),
        span(2, 1, "day", (1, 4)).event("exception", 4, report(&["no day", "locked"], 0)),
        span(1, 0, "week", (0, 5)).event("exception", 5, report(&["week", "no day", "locked"], 7)),
    ]);
    let expected =
        [("Locked", "locked", false), ("Error", "no day", false), ("Error", "week", true)];
    assert_eq!((chain(&mapped), mapped.repeated_errors), (expected.to_vec(), 2));
    let values = &mapped.events[0].exception.values;
    assert_eq!(values[0].module.as_deref(), Some("shop"));
    let ways = values.iter().map(|it| it.mechanism.as_ref().unwrap().ty.as_str());
    assert_eq!(ways.collect::<Vec<_>>(), ["opentelemetry"; 3]);
}

#[test]
fn frames_of_a_cause_outlast_context_that_names_none() {
    let trace = "Traceback (most recent call last):\n  File \"db.py\", line 4, in query\nError: timeout\n\n\
                 The above exception was the direct cause of the following exception:\n\n\
                 Traceback (most recent call last):\n  File \"shop.py\", line 9, in load\nError: locked\n";
    let traced = exception("locked").into_iter().chain([
        KeyValue::new("exception.type", "Error"),
        KeyValue::new("exception.stacktrace", trace),
    ]);
    let mapped = map(vec![
        span(2, 1, "load", (1, 4)).event("exception", 3, traced),
        span(1, 0, "day", (0, 5)).event(
            "exception",
            5,
            report(&["no day", "locked", "timeout"], 0),
        ),
    ]);
    let expected =
        [("Error", "timeout", true), ("Error", "locked", false), ("Error", "no day", true)];
    assert_eq!((chain(&mapped), mapped.repeated_errors), (expected.to_vec(), 1));
    let files = mapped.events[0].exception.values.iter().filter_map(|it| {
        Some(it.stacktrace.as_ref()?.frames[0].filename.as_deref().unwrap_or_default())
    });
    assert_eq!(files.collect::<Vec<_>>(), ["db.py", "shop.py"]);
}

#[test]
fn a_fingerprint_that_comes_with_the_context_groups_unless_the_first_record_has_one() {
    let print = |text: &'static str| KeyValue::new("sentry.fingerprint", text);
    for (inner, expected) in [(None, "outer"), (Some(print("inner")), "inner")] {
        let mapped = map(vec![
            span(2, 1, "load", (1, 4)).event(
                "exception",
                3,
                exception("locked").into_iter().chain(inner),
            ),
            span(1, 0, "day", (0, 5)).event(
                "exception",
                5,
                report(&["no day", "locked"], 0).into_iter().chain([print("outer")]),
            ),
        ]);
        assert_eq!(
            (mapped.events.len(), &*mapped.events[0].fingerprint),
            (1, &[expected.into()][..])
        );
    }
}

#[test]
fn an_error_with_context_is_ignored_by_what_it_says_in_the_end() {
    let spans = || {
        vec![
            span(2, 1, "load", (1, 5)).event("exception", 2, exception("locked")),
            span(1, 0, "day", (0, 6)).event("exception", 6, report(&["no day", "locked"], 0)),
        ]
    };
    for (pattern, left) in [("locked", vec!["no day".to_owned()]), ("no day", vec![])] {
        let mapped = Mapper::new().with_ignored_errors([pattern]).map(spans()).remove(0);
        assert_eq!((texts(&mapped), mapped.ignored_errors), (left.clone(), 1 - left.len()));
    }
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
fn the_message_of_a_line_that_names_only_a_type_is_what_the_error_says() {
    let typed = [KeyValue::new("level", "ERROR"), KeyValue::new("exception.type", "StockError")];
    let of = |name, more: &[KeyValue]| {
        let said = typed.iter().chain(more).cloned();
        let work = span(1, 0, "work", (0, 5)).event(name, 1, said).status(Status::error("failed"));
        let event = map(vec![work]).events.remove(0);
        let itself = event.exception.values.last().cloned().unwrap();
        (itself.ty, itself.value, event.logentry.map(|entry| entry.message))
    };
    let stock = |value: &str, message: Option<&str>| {
        ("StockError".to_owned(), Some(value.to_owned()), message.map(str::to_owned))
    };
    assert_eq!(of("the stock is negative", &[]), stock("the stock is negative", None));
    let message = exception("-1");
    assert_eq!(of("the stock is negative", &message), stock("-1", Some("the stock is negative")));
    // What is no message says nothing; then there is what the span says.
    assert_eq!(of("exception", &[]), stock("failed", None));
    assert_eq!(of("event src/main.rs:12", &[]), stock("failed", None));
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
