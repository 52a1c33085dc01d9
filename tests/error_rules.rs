//! What the user decides about errors: which events make some, how many, how they are grouped.

mod common;

use std::time::Duration;

use common::recorder::Recorder;
use common::spans::{SpanDataExt, span};
use common::telemetry::{self, export, stats};
use common::watchdog::watchdog;
use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::mapping::{Mapped, Mapper};
use opentelemetry_sentry::{DropReason, EventFilter, LevelFilter, Pattern, SentrySpanExporter};
use opentelemetry_sentry::{Scrubbing, SentrySpanExporterBuilder, Stats, TagPolicy};
use sentry_types::protocol::v7::{Event, Level};

const LIMIT: Duration = Duration::from_secs(30);

fn map(mapper: &Mapper, spans: Vec<SpanData>) -> Mapped {
    mapper.map(spans).remove(0)
}

/// The text of each event: of its exception, or else of its message.
fn texts(mapped: &Mapped) -> Vec<&str> {
    mapped.events.iter().map(text).collect()
}

fn text<'a>(event: &'a Event<'static>) -> &'a str {
    let exception = event.exception.values.last().and_then(|last| last.value.as_deref());
    exception.or(event.logentry.as_ref().map(|entry| entry.message.as_str())).unwrap()
}

fn crumbs(mapped: &Mapped) -> Vec<&str> {
    mapped.transaction.breadcrumbs.iter().map(|crumb| crumb.message.as_deref().unwrap()).collect()
}

fn logged(level: &'static str, target: &'static str) -> Vec<KeyValue> {
    vec![KeyValue::new("level", level), KeyValue::new("target", target)]
}

fn exception(message: &'static str) -> [KeyValue; 1] {
    [KeyValue::new("exception.message", message)]
}

fn list(texts: &[&'static str]) -> Value {
    Value::Array(Array::String(texts.iter().copied().map(StringValue::from).collect()))
}

// Which events are issues

/// A span with a line of each level and an exception that was recorded with level and without.
fn talkative() -> SpanData {
    let mut warned = logged("WARN", "shop::cart");
    warned.extend(exception("sold out"));
    span(1, 0, "work", (0, 9))
        .event("traced", 1, logged("TRACE", "shop"))
        .event("debugged", 2, logged("DEBUG", "shop"))
        .event("informed", 3, logged("INFO", "shop"))
        .event("warned", 4, logged("WARN", "shop"))
        .event("failed", 5, logged("ERROR", "shop"))
        .event("retrying", 6, warned)
        .event("query failed", 7, logged("ERROR", "sqlx::query"))
        .event("exception", 8, exception("recorded"))
        .event("plain", 8, [])
}

#[test]
fn by_default_errors_are_issues_and_all_else_breadcrumbs() {
    let mapped = map(&Mapper::new(), vec![talkative()]);
    assert_eq!(texts(&mapped), ["failed", "query failed", "recorded"]);
    let on_the_way = ["traced", "debugged", "informed", "warned", "retrying", "plain"];
    assert_eq!(crumbs(&mapped), on_the_way);
}

#[test]
fn issues_and_breadcrumbs_are_chosen_by_level_and_target() {
    let filter = EventFilter::new()
        .with_issues(LevelFilter::WARN)
        .with_breadcrumbs(LevelFilter::INFO)
        .with_target_issues("sqlx", LevelFilter::OFF)
        .with_target_breadcrumbs("sqlx", LevelFilter::OFF);
    let mapped = map(&Mapper::new().with_event_filter(filter), vec![talkative()]);
    assert_eq!(texts(&mapped), ["warned", "failed", "sold out", "recorded"]);
    let levels = mapped.events.iter().map(|event| event.level).collect::<Vec<_>>();
    assert_eq!(levels, [Level::Warning, Level::Error, Level::Warning, Level::Error]);
    assert_eq!(crumbs(&mapped), ["informed", "plain"]);
}

#[test]
fn an_exception_without_a_level_and_a_fatal_line_are_issues_whatever_the_filter_says() {
    let filter =
        EventFilter::new().with_issues(LevelFilter::OFF).with_breadcrumbs(LevelFilter::OFF);
    let spans = vec![talkative().event("crashed", 9, logged("FATAL", "shop"))];
    let mapped = map(&Mapper::new().with_event_filter(filter), spans);
    assert_eq!(texts(&mapped), ["recorded", "crashed"]);
    assert_eq!(crumbs(&mapped), Vec::<&str>::new());
}

#[test]
fn where_an_event_says_no_target_the_scope_is_its_target() {
    let mut work = span(1, 0, "work", (0, 9)).event("failed", 1, [KeyValue::new("level", "ERROR")]);
    work.instrumentation_scope = opentelemetry::InstrumentationScope::builder("sqlx").build();
    let filter = EventFilter::new().with_target_issues("sqlx", LevelFilter::OFF);
    let mapped = map(&Mapper::new().with_event_filter(filter), vec![work]);
    assert_eq!((texts(&mapped), crumbs(&mapped)), (vec![], vec!["failed"]));
}

// Each error once

fn three_records() -> Vec<SpanData> {
    vec![
        span(3, 2, "query", (2, 3)).event("exception", 3, exception("locked")),
        span(2, 1, "load", (1, 4)).event("exception", 4, exception("locked")),
        span(1, 0, "request", (0, 5)).event("exception", 5, exception("locked")),
    ]
}

fn spans_of(mapped: &Mapped) -> Vec<String> {
    let id = |event: &Event<'_>| {
        let trace = serde_json::to_value(&event.contexts["trace"]).unwrap();
        trace["span_id"].as_str().unwrap().trim_start_matches('0').to_owned()
    };
    mapped.events.iter().map(id).collect()
}

#[test]
fn without_deduplication_every_record_makes_an_event() {
    let mapped = map(&Mapper::new().with_deduplication(false), three_records());
    assert_eq!((spans_of(&mapped), mapped.repeated_errors), (ids(&["3", "2", "1"]), 0));
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().copied().map(str::to_owned).collect()
}

#[test]
fn the_innermost_span_wins_where_the_clock_tells_no_difference() {
    let mut spans = three_records();
    for span in &mut spans {
        (span.start_time, span.end_time) = (common::spans::at(0), common::spans::at(5));
    }
    for _ in 0..3 {
        spans.rotate_left(1);
        let mapped = map(&Mapper::new(), spans.clone());
        assert_eq!((spans_of(&mapped), mapped.repeated_errors), (ids(&["3"]), 2));
    }
}

#[test]
fn one_span_tells_an_error_once_but_different_errors_each() {
    let work = span(1, 0, "work", (0, 9))
        .event("exception", 1, exception("locked"))
        .event("exception", 2, exception("gone"))
        .event("exception", 3, exception("locked"));
    let mapped = map(&Mapper::new(), vec![work]);
    assert_eq!((texts(&mapped), mapped.repeated_errors), (vec!["locked", "gone"], 1));
}

#[test]
fn the_same_text_from_another_place_is_another_error() {
    let at = |line: u32| {
        let trace =
            format!("   0: shop::load\n             at ./src/main.rs:{line}:7\n   1: main\n");
        let [message] = exception("locked");
        [message, KeyValue::new("exception.stacktrace", trace)]
    };
    let work = span(1, 0, "work", (0, 9))
        .event("exception", 1, at(10))
        .event("exception", 2, at(20))
        .event("exception", 3, at(10))
        // A record without frames may be one of either.
        .event("exception", 4, exception("locked"));
    let mapped = map(&Mapper::new(), vec![work]);
    assert_eq!((mapped.events.len(), mapped.repeated_errors), (2, 2));
}

#[test]
fn a_thousand_levels_of_the_same_error_are_one() {
    let mut spans: Vec<_> = (2..=1000)
        .map(|id| span(id, id - 1, "level", (id, 3000 - id)))
        .map(|span| span.event("exception", 1500, exception("locked")))
        .collect();
    spans.push(span(1, 0, "root", (0, 3000)));
    let mapped = map(&Mapper::new(), spans);
    assert_eq!((spans_of(&mapped), mapped.repeated_errors), (vec![format!("{:x}", 1000)], 998));
}

// How many

fn failures(count: u64) -> SpanData {
    let error = |span: SpanData, at| {
        let text = KeyValue::new("exception.message", format!("failure {at}"));
        span.event("exception", at, [text])
    };
    (0..count).fold(span(1, 0, "work", (0, 5)), error)
}

/// A panic as the hook puts it into a span.
fn panicked(span: SpanData) -> SpanData {
    span.event(
        "exception",
        9,
        [
            KeyValue::new("exception.type", "panic"),
            KeyValue::new("exception.message", "no money"),
            KeyValue::new("exception.escaped", true),
            KeyValue::new("level", "FATAL"),
        ],
    )
}

#[test]
fn a_segment_has_as_many_errors_as_set_and_its_panics_besides() {
    let mapper = Mapper::new().with_max_errors_per_segment(3);
    let mapped = map(&mapper, vec![panicked(failures(10))]);
    let expected = ["failure 0", "failure 1", "failure 2", "no money"];
    assert_eq!((texts(&mapped), mapped.surplus_errors), (expected.to_vec(), 7));
    let mapped = map(&Mapper::new().with_max_errors_per_segment(0), vec![panicked(failures(10))]);
    assert_eq!((texts(&mapped), mapped.surplus_errors), (vec!["no money"], 10));
}

/// What arrives of spans, what is counted, and what Sentry is told of losses.
fn sent(builder: SentrySpanExporterBuilder, spans: Vec<SpanData>) -> (Recorder, Stats) {
    watchdog(LIMIT, || {
        let recorder = Recorder::default();
        let builder = builder.with_dsn("https://key@sentry.invalid/42");
        let exporter = builder.with_transport(recorder.clone()).build().unwrap();
        export(&exporter, spans).unwrap();
        exporter.flush(LIMIT).unwrap();
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        (recorder, stats(&exporter))
    })
}

fn reported(recorder: &Recorder, reason: &str) -> u64 {
    let reports = recorder.payloads("client_report");
    let losses = reports.iter().flat_map(|report| report["discarded_events"].as_array().unwrap());
    let losses = losses.filter(|loss| loss["reason"] == reason && loss["category"] == "error");
    losses.map(|loss| loss["quantity"].as_u64().unwrap()).sum()
}

/// A segment of the present with these events.
fn now(work: SpanData) -> Vec<SpanData> {
    let mut present = telemetry::span(1, 1, 0, "work");
    present.events = work.events;
    let end = present.end_time;
    present.events.events.iter_mut().for_each(|event| event.timestamp = end);
    vec![present]
}

#[test]
fn a_minute_has_as_many_errors_as_set_and_panics_apart() {
    let builder = SentrySpanExporter::builder().with_max_errors_per_minute(2);
    let (recorder, stats) = sent(builder, now(panicked(failures(10))));
    let events = recorder.payloads("event");
    let levels: Vec<_> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["error", "error", "fatal"]);
    assert_eq!((stats.events_delivered, stats.events_dropped), (3, 8));
    assert_eq!(stats.dropped_events[&DropReason::TooManyErrors], 8);
    assert_eq!(reported(&recorder, "buffer_overflow"), 8);
}

#[test]
fn what_is_over_the_cap_of_a_segment_is_counted_and_told() {
    let builder = SentrySpanExporter::builder().with_max_errors_per_segment(4);
    let (recorder, stats) = sent(builder, now(failures(10)));
    assert_eq!(recorder.payloads("event").len(), 4);
    assert_eq!(stats.dropped_events[&DropReason::TooManyErrors], 6);
    assert_eq!(reported(&recorder, "buffer_overflow"), 6);
}

#[test]
fn without_a_setting_a_minute_has_no_limit() {
    let spans = (0..3).flat_map(|id| {
        let mut spans = now(failures(400));
        spans[0].span_context = telemetry::span(id + 1, 1, 0, "work").span_context;
        spans
    });
    let (recorder, stats) = sent(SentrySpanExporter::builder(), spans.collect());
    assert_eq!((recorder.payloads("event").len(), stats.events_dropped), (1200, 0));
}

// Which not

#[test]
fn an_error_is_ignored_by_type_path_text_or_message() {
    let typed = |ty: &'static str, message: &'static str| {
        [KeyValue::new("exception.type", ty), KeyValue::new("exception.message", message)]
    };
    let work = || {
        span(1, 0, "work", (0, 9))
            .event("exception", 1, typed("tokio::time::Elapsed", "deadline has elapsed"))
            .event("request cancelled", 2, exception("gone"))
            .event("item skipped", 3, logged("ERROR", "shop"))
    };
    for (pattern, left) in [
        ("Elapsed", vec!["gone", "item skipped"]),
        ("tokio::*", vec!["gone", "item skipped"]),
        ("deadline *", vec!["gone", "item skipped"]),
        ("Elapsed: deadline*", vec!["gone", "item skipped"]),
        ("request cancelled", vec!["deadline has elapsed", "item skipped"]),
        ("g?ne", vec!["deadline has elapsed", "item skipped"]),
        ("item*", vec!["deadline has elapsed", "gone"]),
        ("deadline", vec!["deadline has elapsed", "gone", "item skipped"]),
        ("elapsed", vec!["deadline has elapsed", "gone", "item skipped"]),
    ] {
        let mapped = map(&Mapper::new().with_ignored_errors([pattern]), vec![work()]);
        assert_eq!(
            (texts(&mapped), mapped.ignored_errors),
            (left.clone(), 3 - left.len()),
            "{pattern}"
        );
    }
    let regex = Mapper::new().with_ignored_errors([Pattern::regex("^(gone|item .*)$")]);
    assert_eq!(texts(&map(&regex, vec![work()])), ["deadline has elapsed"]);
    let mapped = map(&Mapper::new().with_ignored_errors(["*"]), vec![work()]);
    assert_eq!((mapped.events.len(), mapped.ignored_errors), (0, 3));
}

#[test]
fn rules_for_errors_see_what_the_scrubbing_takes_out() {
    let work = || {
        vec![
            span(2, 1, "step", (1, 3)).status(Status::error("no answer for bob@example.com")),
            span(3, 1, "step", (1, 3))
                .event("exception", 2, exception("no answer for ann@example.com"))
                .event("bye eve@example.com", 3, logged("ERROR", "shop")),
            span(1, 0, "work", (0, 9)),
        ]
    };
    let whole = map(&Mapper::new(), work());
    assert!(texts(&whole).iter().all(|text| !text.contains("example")), "{whole:?}");
    for (pattern, ignored) in [
        ("no answer for ann@example.com", 1),
        ("no answer for bob@example.com", 1),
        ("bye eve@*", 1),
        ("*@example.com", 3),
        ("*Filtered*", 0),
    ] {
        let mapped = map(&Mapper::new().with_ignored_errors([pattern]), work());
        assert_eq!((mapped.events.len(), mapped.ignored_errors), (3 - ignored, ignored));
    }
}

#[test]
fn what_the_scrubbing_takes_out_of_an_event_does_not_change_what_it_is() {
    let denied = Scrubbing::default().with_denied_keys(["level", "target", "exception.message"]);
    let filter = EventFilter::new().with_target_issues("sqlx", LevelFilter::OFF);
    let mapper = Mapper::new().with_scrubbing(denied).with_event_filter(filter);
    let mapped = map(&mapper, vec![talkative()]);
    assert_eq!(mapped.events.len(), 2, "{:?}", mapped.events);
    assert_eq!(mapped.transaction.breadcrumbs.len(), 7);
    assert_eq!(mapped.events.iter().filter(|event| !event.exception.is_empty()).count(), 1);
}

#[test]
fn an_ignored_exception_makes_no_issue_of_the_status_of_its_span() {
    let failed = |span: SpanData| span.status(Status::error("gone"));
    let spans = || {
        vec![
            failed(span(2, 1, "step", (1, 3))).event("exception", 2, exception("gone away")),
            failed(span(1, 0, "work", (0, 9))),
        ]
    };
    let mapped = map(&Mapper::new().with_ignored_errors(["gone away"]), spans());
    assert_eq!((mapped.events.len(), mapped.ignored_errors), (0, 1));
}

#[test]
fn an_ignored_error_is_counted_and_told_and_the_span_is_sent() {
    let builder = SentrySpanExporter::builder()
        .with_ignored_errors(["failure 1"])
        .with_ignored_errors(["*: failure 2", "panic"]);
    let (recorder, stats) = sent(builder, now(panicked(failures(4))));
    let events = recorder.payloads("event");
    let value = |event: &serde_json::Value| event["exception"]["values"][0]["value"].clone();
    assert_eq!(events.iter().map(value).collect::<Vec<_>>(), ["failure 0", "failure 3"]);
    assert_eq!(stats.dropped_events[&DropReason::Ignored], 3);
    assert_eq!((reported(&recorder, "ignored"), stats.spans_delivered), (3, 1));
}

// How they are grouped and shown

fn of(value: impl Into<Value>, ways: impl Fn(KeyValue) -> SpanData) -> Vec<String> {
    let mapped = map(&Mapper::new(), vec![ways(KeyValue::new("sentry.fingerprint", value))]);
    let [event] = mapped.events.as_slice() else { panic!("{mapped:?}") };
    event.fingerprint.iter().map(ToString::to_string).collect()
}

#[test]
fn a_fingerprint_groups_exceptions_lines_and_statuses() {
    let on_exception = |key: KeyValue| {
        let [message] = exception("locked");
        span(1, 0, "work", (0, 9)).event("exception", 1, [message, key])
    };
    let on_line = |key: KeyValue| {
        let mut attributes = logged("ERROR", "shop");
        attributes.push(key);
        span(1, 0, "work", (0, 9)).event("failed", 1, attributes)
    };
    let on_status =
        |key: KeyValue| span(1, 0, "work", (0, 9)).status(Status::error("no")).attributes([key]);
    let on_span_of_line = |key: KeyValue| {
        span(1, 0, "work", (0, 9)).attributes([key]).event("failed", 1, logged("ERROR", "shop"))
    };
    let ways: [&dyn Fn(KeyValue) -> SpanData; 4] =
        [&on_exception, &on_line, &on_status, &on_span_of_line];
    for way in ways {
        assert_eq!(of("billing", way), ["billing"]);
        assert_eq!(of(list(&["{{ default }}", "eu"]), way), ["{{ default }}", "eu"]);
        // Fields of `tracing` are single values; `?["a", "b"]` arrives as this text.
        assert_eq!(of("[\"{{ default }}\", \"eu\"]", way), ["{{ default }}", "eu"]);
        assert_eq!(of("[not a list", way), ["[not a list"]);
    }
}

#[test]
fn the_event_says_more_than_its_span_how_it_is_grouped() {
    let key = |text: &'static str| KeyValue::new("sentry.fingerprint", text);
    let [message] = exception("locked");
    let work = span(1, 0, "work", (0, 9)).attributes([key("span")]);
    let mapped = map(&Mapper::new(), vec![work.event("exception", 1, [message, key("event")])]);
    assert_eq!(mapped.events[0].fingerprint[0], "event");
}

#[test]
fn statuses_are_grouped_by_op_and_name_and_not_by_text() {
    let fingerprint = |name: &str, text: &'static str| {
        let work = span(1, 0, name, (0, 9))
            .status(Status::error(text))
            .attributes([KeyValue::new("db.system.name", "sqlite")])
            .kind(opentelemetry::trace::SpanKind::Client);
        map(&Mapper::new(), vec![work]).events.remove(0).fingerprint.to_vec()
    };
    assert_eq!(fingerprint("load", "row 1 locked"), fingerprint("load", "row 2 locked"));
    assert_eq!(fingerprint("load", "x"), ["opentelemetry.status", "db", "load"]);
    assert_ne!(fingerprint("load", "x"), fingerprint("save", "x"));
}

#[test]
fn statuses_can_be_left_out() {
    let work = || span(1, 0, "work", (0, 9)).status(Status::error("no"));
    let mapper = Mapper::new().with_status_errors(false);
    assert_eq!(map(&mapper, vec![work()]).events.len(), 0);
    let told = work().event("exception", 1, exception("locked"));
    assert_eq!(texts(&map(&mapper, vec![told])), ["locked"]);
}

#[test]
fn a_level_for_sentry_wins_over_the_logged_one() {
    let level = |text: &'static str| KeyValue::new("sentry.level", text);
    let with = |mut attributes: Vec<KeyValue>, more: KeyValue| {
        attributes.push(more);
        attributes
    };
    let plain = || span(1, 0, "work", (0, 9));
    for (work, expected) in [
        (plain().event("exception", 1, with(exception("no").to_vec(), level("info"))), Level::Info),
        (plain().event("failed", 1, with(logged("ERROR", "a"), level("warn"))), Level::Warning),
        (plain().event("failed", 1, with(logged("ERROR", "a"), level("FATAL"))), Level::Fatal),
        (plain().event("failed", 1, with(logged("ERROR", "a"), level("odd"))), Level::Error),
        (plain().attributes([level("info")]).event("failed", 1, logged("ERROR", "a")), Level::Info),
        (plain().attributes([level("info")]).status(Status::error("no")), Level::Info),
        (panicked(plain().attributes([level("info")])), Level::Fatal),
    ] {
        let mapped = map(&Mapper::new(), vec![work]);
        assert_eq!(mapped.events[0].level, expected, "{:?}", mapped.events);
    }
    let crumb = plain().event("informed", 1, with(logged("INFO", "a"), level("warning")));
    let crumb = map(&Mapper::new(), vec![crumb]).transaction.breadcrumbs.remove(0);
    assert_eq!((crumb.level, crumb.data.len()), (Level::Warning, 0));
}

#[test]
fn an_event_names_tags_of_its_own() {
    let tag = |key: &'static str, text: &'static str| KeyValue::new(key, text);
    let attributes = [tag("level", "ERROR"), tag("tags.team", "checkout"), tag("region", "eu")];
    let work = || {
        let work = span(1, 0, "work", (0, 9)).attributes([tag("tags.team", "web")]);
        work.event("failed", 1, attributes.clone())
    };
    let tags = |policy| {
        let mapped = map(&Mapper::new().with_tags(policy), vec![work()]);
        let tags = mapped.events[0].tags.clone();
        tags.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    for policy in [TagPolicy::Root, TagPolicy::AllSpans, TagPolicy::None] {
        assert_eq!(tags(policy), ["team=checkout"]);
    }
    assert_eq!(tags(TagPolicy::Keys(vec!["region".into()])), ["region=eu", "team=checkout"]);
}

#[test]
fn the_platform_of_an_event_is_the_language_of_its_trace() {
    let trace = "Traceback (most recent call last):\n  File \"/srv/a.py\", line 7, in total\n    x()\nshop.Sold: gone\n";
    let [message] = exception("gone");
    let trace = KeyValue::new("exception.stacktrace", trace);
    let (recorder, _) = sent(
        SentrySpanExporter::builder(),
        now(span(1, 0, "work", (0, 9)).event("exception", 1, [message, trace])),
    );
    let event = recorder.payloads("event").remove(0);
    assert_eq!(event["platform"], "python");
    assert_eq!(recorder.payloads("transaction")[0]["platform"], "native");
}
