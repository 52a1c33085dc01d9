//! A copy of everything for Spotlight, beside Sentry and without it.

mod common;

use std::time::{Duration, Instant};

use common::sentry::{FakeSentry, SOON};
use common::telemetry::{export, span, stats};
use common::watchdog::watchdog;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::{DropReason, SentrySpanExporter, SentrySpanExporterBuilder};

use crate::common::answer::Answer;

const LIMIT: Duration = Duration::from_secs(30);

/// With a Spotlight, and without the proxies and variables of the machine.
fn builder(spotlight: &FakeSentry) -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_spotlight(spotlight.url("/stream"))
}

fn personal(id: u64) -> SpanData {
    let mut span = span(u128::from(id), id, 0, "work");
    span.attributes.push(KeyValue::new("user.email", Value::from("jane@example.com")));
    span
}

#[test]
fn spotlight_gets_an_uncompressed_copy_with_all_that_is_personal() {
    watchdog(LIMIT, || {
        let (sentry, spotlight) = (FakeSentry::start(), FakeSentry::start());
        let exporter = builder(&spotlight).with_dsn(sentry.dsn()).build().unwrap();
        export(&exporter, vec![personal(1)]).unwrap();
        exporter.flush(SOON).unwrap();
        let (theirs, copy) = (sentry.transactions().remove(0), spotlight.transactions().remove(0));
        assert_eq!(theirs["event_id"], copy["event_id"]);
        assert_eq!(
            (&theirs["user"]["email"], &copy["user"]["email"]),
            (&serde_json::Value::Null, &serde_json::json!("jane@example.com"),)
        );
        let request = spotlight.requests().remove(0);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/stream"));
        assert_eq!(request.header("content-type"), Some("application/x-sentry-envelope"));
        assert_eq!(request.header("content-encoding"), None);
        assert_eq!(request.header("x-sentry-auth"), None);
    });
}

#[test]
fn spotlight_needs_no_dsn() {
    watchdog(LIMIT, || {
        let spotlight = FakeSentry::start();
        let exporter = builder(&spotlight).with_dsn("").build().unwrap();
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        exporter.shutdown_with_timeout(SOON).unwrap();
        assert_eq!(spotlight.transactions()[0]["transaction"], "work");
        assert_eq!(spotlight.envelopes()[0].header.get("dsn"), None);
        let stats = stats(&exporter);
        assert_eq!((stats.spans_dropped, stats.dropped.get(&DropReason::NoDsn)), (1, Some(&1)));
        assert_eq!(spotlight.payloads("client_report"), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn limits_and_outages_of_sentry_do_not_concern_spotlight() {
    watchdog(LIMIT, || {
        let limited = Answer::status(429).header("X-Sentry-Rate-Limits", "60::organization");
        let (sentry, spotlight) = (FakeSentry::always(limited), FakeSentry::start());
        let exporter = builder(&spotlight).with_dsn(sentry.dsn()).build().unwrap();
        for id in 1..=3 {
            // Tells of the limit, once.
            let _ = export(&exporter, vec![personal(id)]);
            exporter.flush(SOON).unwrap();
        }
        assert_eq!((sentry.requests().len(), spotlight.transactions().len()), (1, 3));
    });
}

#[test]
fn a_spotlight_that_hangs_or_is_not_there_costs_sentry_nothing() {
    watchdog(LIMIT, || {
        let gone = FakeSentry::start().url("/stream");
        let hanging = FakeSentry::always(Answer::hang());
        for url in [gone, hanging.url("/stream")] {
            let sentry = FakeSentry::start();
            let builder = SentrySpanExporter::builder().with_spotlight(url);
            let exporter = builder.with_dsn(sentry.dsn()).build().unwrap();
            for id in 1..=20 {
                export(&exporter, vec![personal(id)]).unwrap();
            }
            sentry.wait_for(20, SOON);
            let asked = Instant::now();
            exporter.shutdown_with_timeout(SOON).unwrap();
            assert!(asked.elapsed() < SOON / 2, "{:?}", asked.elapsed());
            let stats = stats(&exporter);
            assert_eq!((stats.spans_delivered, stats.last_error), (20, None));
        }
        // One copy was tried; the others were dropped, not kept.
        assert_eq!(hanging.requests().len(), 1);
    });
}

#[test]
fn the_environment_switches_it_on_and_the_code_off() {
    watchdog(LIMIT, || {
        let spotlight = FakeSentry::start();
        temp_env::with_var("SENTRY_SPOTLIGHT", Some(spotlight.url("/stream")), || {
            let by_environment = SentrySpanExporter::from_env().unwrap();
            let off = SentrySpanExporter::builder().with_spotlight(false).build().unwrap();
            for exporter in [by_environment, off] {
                export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
                exporter.shutdown_with_timeout(SOON).unwrap();
            }
        });
        assert_eq!(spotlight.transactions().len(), 1);
    });
}
