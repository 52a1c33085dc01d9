//! Errors of segments whose root has not ended yet.

mod common;

use std::time::Duration;

use common::answer::Answer;
use common::sentry::FakeSentry;
use common::spans::SpanDataExt;
use common::telemetry::{export, span, stats};
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::Value as Json;

const LIMIT: Duration = Duration::from_secs(10);
const HANG: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3600);

fn exporter(sentry: &FakeSentry, timeout: Duration) -> SentrySpanExporter {
    let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
    builder.with_error_timeout(timeout).build().unwrap()
}

fn failing(id: u64, parent: u64, text: &str) -> SpanData {
    let text = [KeyValue::new("exception.message", text.to_owned())];
    let mut span = span(1, id, parent, "load");
    let time = span.end_time;
    span.events.events.push(opentelemetry::trace::Event::new("exception", time, text.into(), 0));
    span
}

fn texts(events: &[Json]) -> Vec<&str> {
    let value = |event: &'_ Json| event["exception"]["values"][0]["value"].as_str().is_some();
    assert!(events.iter().all(value), "{events:?}");
    events.iter().filter_map(|event| event["exception"]["values"][0]["value"].as_str()).collect()
}

#[test]
fn an_error_leaves_before_its_root_and_does_not_come_again_with_it() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, Duration::ZERO);
        export(&exporter, vec![failing(3, 2, "locked"), span(1, 2, 1, "query")]).unwrap();
        sentry.wait_for(1, LIMIT);
        let event = sentry.events().remove(0);
        assert!(event.get("transaction").is_none(), "nobody knows its name");
        let trace = &event["contexts"]["trace"];
        assert_eq!(
            (&trace["span_id"], &trace["parent_span_id"]),
            (&"0000000000000003".into(), &"0000000000000002".into())
        );
        assert_eq!(stats(&exporter).spans_pending, 2, "the spans go on waiting");

        export(&exporter, vec![span(1, 1, 0, "GET /orders"), failing(4, 1, "late")]).unwrap();
        exporter.flush(LIMIT).unwrap();
        assert_eq!(texts(&sentry.events()), ["locked", "late"]);
        assert_eq!(sentry.events()[1]["transaction"], "GET /orders");
        let transactions = sentry.transactions();
        assert_eq!(transactions.len(), 1);
        assert_eq!(transactions[0]["spans"].as_array().unwrap().len(), 3);
        let stats = stats(&exporter);
        assert_eq!(
            (stats.events_delivered, stats.events_dropped, stats.spans_delivered),
            (2, 0, 4)
        );
        exporter.shutdown_with_timeout(LIMIT).unwrap();
    });
}

#[test]
fn an_error_whose_root_comes_in_time_carries_what_the_root_says() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        export(&exporter, vec![failing(2, 1, "locked")]).unwrap();
        let root = span(1, 1, 0, "GET /orders").attributes([KeyValue::new("tenant", "acme")]);
        export(&exporter, vec![root]).unwrap();
        exporter.flush(LIMIT).unwrap();
        let event = sentry.events().remove(0);
        assert_eq!(
            (&event["transaction"], &event["tags"]["tenant"]),
            (&"GET /orders".into(), &"acme".into())
        );
        assert_eq!(sentry.events().len(), 1);
        exporter.shutdown_with_timeout(LIMIT).unwrap();
    });
}

#[test]
fn a_flush_sends_the_errors_that_wait() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        export(&exporter, vec![failing(2, 1, "locked")]).unwrap();
        exporter.flush(LIMIT).unwrap();
        assert_eq!(texts(&sentry.events()), ["locked"]);
        assert!(sentry.transactions().is_empty());
        exporter.flush(LIMIT).unwrap();
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        assert_eq!(texts(&sentry.events()), ["locked"]);
        assert_eq!(sentry.transactions().len(), 1, "the span without its parent");
    });
}

#[test]
fn one_error_on_its_way_up_is_told_once_however_late_the_upper_spans_come() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        let failed = |mut span: SpanData| {
            span.status = Status::error("locked");
            span
        };
        for span in [failed(failing(4, 3, "locked")), failed(failing(3, 2, "locked"))] {
            export(&exporter, vec![span]).unwrap();
            exporter.flush(LIMIT).unwrap();
        }
        export(&exporter, vec![failed(span(1, 2, 1, "status only"))]).unwrap();
        exporter.flush(LIMIT).unwrap();
        export(&exporter, vec![failed(failing(1, 0, "locked"))]).unwrap();
        exporter.flush(LIMIT).unwrap();
        assert_eq!(texts(&sentry.events()), ["locked"]);
        assert_eq!(sentry.transactions().len(), 1);
        exporter.shutdown_with_timeout(LIMIT).unwrap();
    });
}

#[test]
fn context_that_comes_when_its_error_has_left_makes_no_second_one() {
    const IN_CONTEXT: &str = "no stock\n\nCaused by:\n    locked";
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        export(&exporter, vec![failing(3, 2, "locked")]).unwrap();
        exporter.flush(LIMIT).unwrap();
        export(&exporter, vec![failing(2, 1, IN_CONTEXT)]).unwrap();
        exporter.flush(LIMIT).unwrap();
        export(
            &exporter,
            vec![failing(1, 0, "no day\n\nCaused by:\n    0: no stock\n    1: locked")],
        )
        .unwrap();
        exporter.flush(LIMIT).unwrap();
        let events = sentry.events();
        assert_eq!(texts(&events), ["locked"]);
        assert_eq!(events[0]["exception"]["values"].as_array().unwrap().len(), 1);
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        let stats = stats(&exporter);
        assert_eq!((stats.events_delivered, stats.repeated_errors), (1, 2));
    });
}

#[test]
fn a_panic_over_an_error_that_has_left_is_told_and_not_twice() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        let panicking = |id, parent| {
            let mut span = failing(id, parent, "called it: no day\n\nCaused by:\n    locked");
            let more = [KeyValue::new("exception.type", "panic"), KeyValue::new("level", "FATAL")];
            span.events.events.iter_mut().for_each(|event| event.attributes.extend(more.clone()));
            span
        };
        for span in [failing(3, 2, "locked"), panicking(2, 1), panicking(1, 0)] {
            export(&exporter, vec![span]).unwrap();
            exporter.flush(LIMIT).unwrap();
        }
        let levels: Vec<_> = sentry.events().iter().map(|event| event["level"].clone()).collect();
        assert_eq!(levels.iter().filter(|level| *level == "fatal").count(), 1, "{levels:?}");
        assert_eq!(levels.len(), 2, "{levels:?}");
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        assert_eq!(stats(&exporter).repeated_errors, 1);
    });
}

#[test]
fn a_span_with_a_bare_error_status_leaves_early_as_well() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, Duration::ZERO);
        let mut failed = span(1, 2, 1, "job");
        failed.status = Status::error("no more paper");
        export(&exporter, vec![failed]).unwrap();
        sentry.wait_for(1, LIMIT);
        assert_eq!(sentry.events()[0]["logentry"]["message"], "no more paper");
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        assert_eq!(sentry.events().len(), 1);
    });
}

#[test]
fn errors_that_left_early_take_no_room_from_those_of_the_root() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        let failing_child = |id: u64| failing(id, 1, &format!("error {id}"));
        export(&exporter, (2..602).map(failing_child).collect()).unwrap();
        exporter.flush(HANG).unwrap();
        assert_eq!(sentry.events().len(), 600);
        export(&exporter, vec![failing(1, 0, "the root itself")]).unwrap();
        exporter.flush(HANG).unwrap();
        assert_eq!(texts(&sentry.events()).last(), Some(&"the root itself"));
        let stats = stats(&exporter);
        assert_eq!((stats.events_delivered, stats.events_dropped), (601, 0));
        exporter.shutdown_with_timeout(LIMIT).unwrap();
    });
}

#[test]
fn what_one_branch_has_too_many_of_is_counted_once() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        // The parent fails as well, so that its whole branch is looked at when its turn comes.
        let mut batch: Vec<_> = (3..1203).map(|id| failing(id, 2, &format!("{id}"))).collect();
        batch.insert(0, failing(2, 1, "parent"));
        export(&exporter, batch).unwrap();
        exporter.shutdown_with_timeout(HANG).unwrap();
        let stats = stats(&exporter);
        assert_eq!(stats.events_delivered + stats.events_dropped, 1201);
        assert_eq!(sentry.events().len() as u64, stats.events_delivered);
    });
}

#[test]
fn an_error_that_left_early_is_not_lost_to_a_limit_that_comes_later() {
    watchdog(HANG, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry, NEVER);
        export(&exporter, vec![failing(2, 1, "locked")]).unwrap();
        exporter.flush(LIMIT).unwrap();
        sentry.once(Answer::status(429).header("Retry-After", "60"));
        // One of the exports tells of the loss; both take their spans.
        let _ = export(&exporter, vec![span(2, 9, 0, "another trace")]);
        exporter.flush(LIMIT).unwrap();
        let _ = export(&exporter, vec![span(1, 1, 0, "GET /orders")]);
        exporter.flush(LIMIT).unwrap();
        let stats = stats(&exporter);
        assert_eq!((stats.events_delivered, stats.events_dropped), (1, 0));
        assert_eq!((stats.spans_received, stats.spans_dropped), (3, 3));
        exporter.shutdown_with_timeout(LIMIT).unwrap();
    });
}
