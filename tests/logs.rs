//! Records of logs, from what applications write to what arrives.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::recorder::Recorder;
use common::sentry::{Answer, FakeSentry, SOON};
use common::spans::at;
use common::telemetry::{self, exporter, stats, work};
use common::watchdog::watchdog;
use log::Log;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{
    Span, SpanId, TraceContextExt, TraceFlags, TraceId, Tracer, TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_appender_log::OpenTelemetryLogBridge;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogExporter, SdkLoggerProvider,
};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::{DropReason, SentrySpanExporter};
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};

const LIMIT: Duration = Duration::from_secs(60);

/// A provider of logs with the SDK's batch processor.
fn logs(exporter: &SentrySpanExporter) -> SdkLoggerProvider {
    SdkLoggerProvider::builder().with_batch_exporter(exporter.logs()).build()
}

fn traces(exporter: &SentrySpanExporter) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build()
}

/// All logs that arrived, in order.
fn arrived(sentry: &FakeSentry) -> Vec<Value> {
    let lists = sentry.payloads("log");
    lists.iter().flat_map(|list| list["items"].as_array().expect("items").clone()).collect()
}

fn attribute<'a>(log: &'a Value, key: &str) -> &'a Value {
    &log["attributes"][key]["value"]
}

fn write(provider: &SdkLoggerProvider, count: usize) {
    let logger = provider.logger("tests");
    for number in 0..count {
        let mut record = logger.create_log_record();
        record.set_severity_number(Severity::Info);
        record.set_body(format!("line {number}").into());
        logger.emit(record);
    }
}

/// An error with a type and a text, in a span of its own.
fn write_error(provider: &SdkLoggerProvider, (trace, span): (u128, u64), text: &'static str) {
    let logger = provider.logger("tests");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Error);
    record.set_body("cannot pay".into());
    record.add_attribute("exception.type", "shop::Broke");
    record.add_attribute("exception.message", text);
    let (trace, span) = (TraceId::from(trace), SpanId::from(span));
    record.set_trace_context(trace, span, Some(TraceFlags::SAMPLED));
    logger.emit(record);
}

/// A span that tells of such an error.
fn failed(trace: u128, span: u64, text: &'static str) -> opentelemetry_sdk::trace::SpanData {
    let mut failed = telemetry::span(trace, span, 0, "pay");
    let attributes = vec![
        KeyValue::new("exception.type", "shop::Broke"),
        KeyValue::new("exception.message", text),
    ];
    let event = opentelemetry::trace::Event::new("exception", failed.end_time, attributes, 0);
    failed.events.events.push(event);
    failed
}

#[test]
fn what_opentelemetry_says_of_itself_arrives_unless_its_targets_are_off() {
    let loggers = |targets: Targets| {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start();
            let logs = logs(&exporter(&sentry));
            let bridge = OpenTelemetryTracingBridge::new(&logs).with_filter(targets);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(bridge), || {
                tracing::debug!(target: "shop", "the stock is low");
                logs.shutdown().unwrap();
            });
            let name = |log: &Value| attribute(log, "logger.name").as_str().unwrap().to_owned();
            arrived(&sentry).iter().map(name).collect::<Vec<_>>()
        })
    };
    let all = Targets::new().with_default(LevelFilter::TRACE);
    let found = loggers(all.clone());
    assert!(found.iter().any(|name| name == "opentelemetry_sdk"), "{found:?}");
    assert_eq!(loggers(all.with_target("opentelemetry", LevelFilter::OFF)), ["shop"]);
}

#[test]
fn events_of_tracing_become_logs_of_the_span_that_they_happened_in() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let (logs, traces) = (logs(&exporter), traces(&exporter));
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("shop")))
            .with(OpenTelemetryTracingBridge::new(&logs));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("order").in_scope(|| {
                tracing::warn!(target: "shop::stock", left = 3, item = "tea", "the stock is low");
            });
            tracing::info!("idle");
        });
        traces.shutdown().unwrap();
        logs.shutdown().unwrap();
        let [low, idle] = <[Value; 2]>::try_from(arrived(&sentry)).unwrap();
        let trace = &sentry.transactions()[0]["contexts"]["trace"];
        assert_eq!((&low["trace_id"], &low["span_id"]), (&trace["trace_id"], &trace["span_id"]));
        assert_eq!((&low["level"], &low["severity_number"]), (&json!("warn"), &json!(13)));
        assert_eq!(low["body"], "the stock is low");
        assert_eq!(low["attributes"]["left"], json!({"value": 3, "type": "integer"}));
        assert_eq!(low["attributes"]["item"], json!({"value": "tea", "type": "string"}));
        assert_eq!(attribute(&low, "logger.name"), "shop::stock");
        assert!(idle.get("span_id").is_none(), "{idle}");
        assert_eq!(idle["trace_id"].as_str().map(str::len), Some(32), "Sentry wants a trace");
        assert_ne!(idle["trace_id"], low["trace_id"]);
        let stats = stats(&exporter);
        assert_eq!((stats.logs_received, stats.logs_delivered), (2, 2), "{stats:?}");
    });
}

#[test]
fn records_of_the_log_crate_become_logs() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = logs(&exporter);
        let bridge = OpenTelemetryLogBridge::new(&provider);
        let record = |level, text| {
            let arguments = format_args!("{text}");
            let builder = &mut log::Record::builder();
            bridge.log(&builder.level(level).target("shop").args(arguments).build());
        };
        record(log::Level::Error, "no such table");
        record(log::Level::Trace, "connected");
        provider.shutdown().unwrap();
        let levels: Vec<_> = arrived(&sentry)
            .iter()
            .map(|log| (log["level"].clone(), log["body"].clone()))
            .collect();
        let expected =
            [(json!("error"), json!("no such table")), (json!("trace"), json!("connected"))];
        assert_eq!(levels, expected);
        assert_eq!(attribute(&arrived(&sentry)[0], "logger.name"), "shop");
        assert_eq!(sentry.events(), Vec::<Value>::new(), "an error in words is no issue");
    });
}

#[test]
fn a_hundred_logs_leave_at_once_and_the_rest_with_a_flush() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = logs(&exporter);
        write(&provider, 250);
        provider.force_flush().unwrap();
        sentry.wait_for(2, SOON);
        exporter.flush(SOON).unwrap();
        let headers: Vec<_> =
            sentry.envelopes().iter().map(|envelope| envelope.items[0].header.clone()).collect();
        let mut counts: Vec<_> =
            headers.iter().map(|header| header["item_count"].as_u64().unwrap()).collect();
        counts.sort_unstable();
        assert_eq!(counts, [50, 100, 100]);
        for header in headers {
            assert_eq!(header["content_type"], "application/vnd.sentry.items.log+json");
        }
        assert_eq!(stats(&exporter).logs_delivered, 250);
        provider.shutdown().unwrap();
    });
}

#[test]
fn a_log_that_nothing_follows_leaves_within_five_seconds() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let handle = exporter.logs();
        let provider = SdkLoggerProvider::builder().with_simple_exporter(handle).build();
        let start = Instant::now();
        write(&provider, 1);
        sentry.wait_for(1, SOON);
        let waited = start.elapsed();
        let limits = Duration::from_secs(4)..Duration::from_secs(7);
        assert!(limits.contains(&waited), "{waited:?}, with room for a busy machine");
    });
}

#[test]
fn spotlight_gets_a_copy_of_logs_with_all_that_is_personal() {
    watchdog(LIMIT, || {
        let (sentry, spotlight) = (FakeSentry::start(), FakeSentry::start());
        for dsn in [sentry.dsn(), String::new()] {
            let builder = SentrySpanExporter::builder().with_spotlight(spotlight.url("/stream"));
            let exporter = builder.with_dsn(&dsn).build().unwrap();
            let provider = logs(&exporter);
            let logger = provider.logger("tests");
            let mut record = logger.create_log_record();
            record.set_body("hello".into());
            record.add_attribute("user.email", "jane@example.com");
            logger.emit(record);
            provider.shutdown().unwrap();
            let _ = exporter.shutdown();
            let stats = stats(&exporter);
            let lost = stats.dropped_logs.get(&DropReason::NoDsn);
            assert_eq!(
                (stats.logs_delivered, lost),
                match dsn.is_empty() {
                    true => (0, Some(&1)),
                    false => (1, None),
                }
            );
        }
        let copies = arrived(&spotlight);
        assert_eq!(copies.len(), 2);
        assert_eq!(attribute(&copies[0], "user.email"), "jane@example.com");
        assert_eq!(attribute(&arrived(&sentry)[0], "user.email"), &Value::Null);
    });
}

#[test]
fn the_simple_processor_never_keeps_the_application_waiting() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::hang());
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_max_in_flight(1).with_queue_bytes(10_000).build().unwrap();
        let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter.logs()).build();
        let start = Instant::now();
        write(&provider, 3000);
        let took = start.elapsed();
        // The first that would wait for room would wait for two seconds.
        assert!(took < Duration::from_secs(2), "{took:?}");
        while !stats(&exporter).dropped_logs.contains_key(&DropReason::QueueFull) {
            assert!(start.elapsed() < SOON, "the queue was never full");
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = provider.shutdown_with_timeout(Duration::from_millis(100));
    });
}

#[test]
fn either_provider_may_be_shut_down_first_and_nothing_is_lost() {
    for logs_first in [true, false] {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start();
            let exporter = exporter(&sentry);
            let (logs, traces) = (logs(&exporter), traces(&exporter));
            let tracer = traces.tracer("tests");
            // Its root never ends.
            let root = Context::new().with_span(tracer.start("root"));
            tracer.start_with_context("orphan", &root).end();
            write(&logs, 3);
            if logs_first {
                logs.shutdown().unwrap();
                assert_eq!(stats(&exporter).logs_delivered, 3);
                work(&traces);
                traces.shutdown().unwrap();
            } else {
                traces.shutdown().unwrap();
                assert_eq!(sentry.transactions().len(), 1, "what waits for its root has left");
                write(&logs, 2);
                logs.shutdown().unwrap();
            }
            let stats = stats(&exporter);
            assert_eq!(stats.logs_delivered, if logs_first { 3 } else { 5 }, "{stats:?}");
            assert_eq!(stats.spans_delivered, if logs_first { 3 } else { 1 }, "{stats:?}");
            assert_eq!((stats.logs_dropped, stats.spans_dropped), (0, 0), "{stats:?}");
            assert!(matches!(exporter.shutdown(), Err(OTelSdkError::AlreadyShutdown)));
        });
    }
}

#[test]
fn what_comes_after_a_shutdown_is_lost_and_counted() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let handle = exporter.logs();
        let other = handle.clone();
        LogExporter::shutdown(&handle).unwrap();
        assert!(matches!(LogExporter::shutdown(&other), Err(OTelSdkError::AlreadyShutdown)));
        let provider = SdkLoggerProvider::builder().with_simple_exporter(other).build();
        write(&provider, 2);
        let stats = stats(&exporter);
        assert_eq!(stats.dropped_logs.get(&DropReason::ShutDown), Some(&2), "{stats:?}");
        assert_eq!(stats.spans_dropped, 0);
        exporter.shutdown().unwrap();
        let losses = sentry.payloads("client_report");
        let expected = json!([{"reason": "queue_overflow", "category": "log_item", "quantity": 2}]);
        assert_eq!(losses[0]["discarded_events"], expected);
    });
}

#[test]
fn dropped_handles_end_the_thread_as_well() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let handle = exporter.logs();
        drop(exporter.logs());
        let provider = SdkLoggerProvider::builder().with_simple_exporter(handle.clone()).build();
        drop(exporter);
        write(&provider, 1);
        drop(provider);
        let stats = handle.stats();
        assert_eq!((stats.logs_received, stats.logs_delivered), (1, 1), "{stats:?}");
        drop(handle);
        assert_eq!(arrived(&sentry).len(), 1);
    });
}

#[test]
fn a_limit_of_logs_stops_them_alone_and_is_told_in_items_and_bytes() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start_with([Answer {
            headers: vec![("X-Sentry-Rate-Limits".into(), "60:log_item:organization".into())],
            ..Answer::default()
        }]);
        let exporter = exporter(&sentry);
        let (logs, traces) = (logs(&exporter), traces(&exporter));
        write(&logs, 1);
        logs.force_flush().unwrap();
        exporter.flush(SOON).unwrap();
        write(&logs, 4);
        logs.force_flush().unwrap();
        work(&traces);
        traces.force_flush().unwrap();
        let stats = stats(&exporter);
        assert_eq!(stats.dropped_logs.get(&DropReason::RateLimited), Some(&4), "{stats:?}");
        assert_eq!((stats.transactions_delivered, stats.logs_delivered), (1, 1), "{stats:?}");
        let lost: Vec<Value> = sentry.payloads("client_report");
        let lost = lost.iter().flat_map(|report| report["discarded_events"].as_array().unwrap());
        let lost: Vec<_> =
            lost.map(|it| (it["category"].clone(), it["quantity"].clone())).collect();
        // Four times "line 0".
        assert_eq!(lost, [(json!("log_byte"), json!(24)), (json!("log_item"), json!(4))]);
        traces.shutdown().unwrap();
        logs.shutdown().unwrap();
    });
}

#[test]
fn what_the_server_refuses_is_counted_and_told() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start_with([Answer::status(400)]);
        let exporter = exporter(&sentry);
        let provider = logs(&exporter);
        write(&provider, 5);
        let _ = provider.force_flush();
        exporter.flush(SOON).unwrap();
        let stats = stats(&exporter);
        assert_eq!(stats.dropped_logs.get(&DropReason::Refused), Some(&5), "{stats:?}");
        let _ = provider.shutdown();
        exporter.shutdown().unwrap();
        let lost = &sentry.payloads("client_report")[0]["discarded_events"];
        let of = |category| lost.as_array().unwrap().iter().find(|it| it["category"] == category);
        assert_eq!(of("log_item").unwrap()["quantity"], 5);
        assert!(of("log_byte").unwrap()["quantity"].as_u64() > Some(30), "{lost}");
    });
}

#[test]
fn logs_of_failing_requests_make_no_logs() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::status(500));
        let exporter = exporter(&sentry);
        let provider = logs(&exporter);
        let subscriber =
            tracing_subscriber::registry().with(OpenTelemetryTracingBridge::new(&provider));
        let dispatch = tracing::Dispatch::new(subscriber);
        // Every thread of the process is heard, whatever it says.
        tracing::dispatcher::set_global_default(dispatch).expect("the first subscriber");
        for round in 0..10 {
            tracing::error!(target: "feedback", round, "failed");
            let _ = provider.force_flush();
            exporter.flush(SOON).unwrap();
        }
        let logs = arrived(&sentry);
        // Other tests of this process are heard as well.
        let own = ["opentelemetry-sentry", "hyper", "reqwest", "tokio"];
        let fed_back: Vec<_> = logs
            .iter()
            .map(|log| attribute(log, "logger.name").as_str().unwrap_or_default())
            .filter(|logger| own.iter().any(|own| logger.starts_with(own)))
            .collect();
        assert_eq!(fed_back, [""; 0]);
        assert!(stats(&exporter).logs_dropped >= 10);
    });
}

#[test]
fn an_error_of_a_log_is_an_issue_only_if_that_is_wanted() {
    for wanted in [false, true] {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start();
            let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
            let exporter = builder.with_log_errors(wanted).build().unwrap();
            let provider = logs(&exporter);
            write_error(&provider, (7, 1), "no money");
            provider.shutdown().unwrap();
            exporter.shutdown().unwrap();
            assert_eq!(arrived(&sentry).len(), 1);
            let events = sentry.events();
            assert_eq!(events.len(), usize::from(wanted));
            for event in events {
                let error = &event["exception"]["values"][0];
                assert_eq!((&error["module"], &error["type"]), (&json!("shop"), &json!("Broke")));
                assert_eq!(error["value"], "no money");
                assert_eq!(event["logentry"]["message"], "cannot pay");
                assert_eq!(event["contexts"]["trace"]["span_id"], "0000000000000001");
            }
        });
    }
}

#[test]
fn an_error_that_span_and_log_tell_of_is_one_issue_in_either_order() {
    for log_first in [true, false] {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start();
            let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
            let exporter = builder.with_log_errors(true).build().unwrap();
            let provider = logs(&exporter);
            let log = || {
                write_error(&provider, (7, 1), "no money");
                provider.force_flush().unwrap();
            };
            if log_first {
                log();
            }
            telemetry::export_and_wait(&exporter, vec![failed(7, 1, "no money")]).unwrap();
            if !log_first {
                log();
            }
            write_error(&provider, (7, 2), "no money");
            write_error(&provider, (7, 1), "no card");
            provider.shutdown().unwrap();
            exporter.shutdown().unwrap();
            let mut values: Vec<_> = sentry
                .events()
                .iter()
                .map(|event| {
                    let span = event["contexts"]["trace"]["span_id"].as_str().unwrap().to_owned();
                    (span, event["exception"]["values"][0]["value"].clone())
                })
                .collect();
            values.sort_by_key(|(span, value)| (span.clone(), value.to_string()));
            let id = |last| format!("000000000000000{last}");
            let expected =
                [(id(1), json!("no card")), (id(1), json!("no money")), (id(2), json!("no money"))];
            assert_eq!(values, expected, "log first: {log_first}");
            assert_eq!(stats(&exporter).repeated_errors, 1);
        });
    }
}

#[test]
fn an_error_that_was_told_first_but_not_sent_takes_no_copy_along() {
    for log_first in [true, false] {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start();
            let seen = AtomicUsize::new(0);
            let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
            let builder = builder.with_before_send(move |event| {
                (seen.fetch_add(1, Ordering::Relaxed) > 0).then_some(event)
            });
            let exporter = builder.with_log_errors(true).build().unwrap();
            let provider = logs(&exporter);
            for tells_log in [log_first, !log_first] {
                if tells_log {
                    write_error(&provider, (7, 1), "no money");
                    provider.force_flush().unwrap();
                } else {
                    let span = vec![failed(7, 1, "no money")];
                    telemetry::export_and_wait(&exporter, span).unwrap();
                }
            }
            provider.shutdown().unwrap();
            exporter.shutdown().unwrap();
            assert_eq!(sentry.events().len(), 1, "log first: {log_first}");
            let stats = stats(&exporter);
            let lost = stats.dropped_events.get(&DropReason::BeforeSend);
            assert_eq!((stats.repeated_errors, lost), (0, Some(&1)), "log first: {log_first}");
        });
    }
}

#[test]
fn spotlight_gets_each_error_of_a_log_once_as_well() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        for dsn in [sentry.dsn(), String::new()] {
            let spotlight = FakeSentry::start();
            let builder = SentrySpanExporter::builder().with_spotlight(spotlight.url("/stream"));
            let exporter = builder.with_dsn(&dsn).with_log_errors(true).build().unwrap();
            let provider = logs(&exporter);
            write_error(&provider, (7, 1), "no money");
            provider.force_flush().unwrap();
            let spans = vec![failed(7, 1, "no money"), failed(7, 2, "no card")];
            telemetry::export(&exporter, spans).unwrap();
            exporter.flush(SOON).unwrap();
            write_error(&provider, (7, 2), "no card");
            write_error(&provider, (7, 3), "no money");
            provider.shutdown().unwrap();
            let _ = exporter.shutdown();
            let copies = spotlight.events();
            let mut spans: Vec<_> =
                copies.iter().map(|event| event["contexts"]["trace"]["span_id"].clone()).collect();
            spans.sort_by_key(Value::to_string);
            let id = |last| json!(format!("000000000000000{last}"));
            assert_eq!(spans, [id(1), id(2), id(3)], "with a DSN: {}", !dsn.is_empty());
        }
    });
}

#[test]
fn an_error_that_spotlight_cannot_be_told_takes_no_copy_along() {
    watchdog(LIMIT, || {
        let spotlight = FakeSentry::start();
        let seen = AtomicUsize::new(0);
        let builder = SentrySpanExporter::builder().with_spotlight(spotlight.url("/stream"));
        let builder = builder.with_dsn("").with_before_send(move |mut event| {
            if seen.fetch_add(1, Ordering::Relaxed) == 0 {
                // Deeper than JSON is read.
                let deep = (0..200).fold(json!("x"), |deep, _| json!([deep]));
                event.extra.insert("deep".into(), deep);
                let texts = (0..20).map(|at| (format!("text {at}"), "x".repeat(8000).into()));
                event.extra.extend(texts);
            }
            Some(event)
        });
        let exporter = builder.with_log_errors(true).build().unwrap();
        let provider = logs(&exporter);
        write_error(&provider, (7, 1), "no money");
        provider.force_flush().unwrap();
        telemetry::export(&exporter, vec![failed(7, 1, "no money")]).unwrap();
        exporter.flush(SOON).unwrap();
        provider.shutdown().unwrap();
        let _ = exporter.shutdown();
        let events = spotlight.events();
        assert_eq!((events.len(), events[0]["extra"].get("deep")), (1, None), "that of the span");
    });
}

#[test]
fn a_hook_sees_each_log_last_and_may_change_or_drop_it() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let builder = builder.with_before_send_log(|mut log| match log.body.as_str() {
            "line 0" => None,
            "line 1" => panic!("a hook that panics"),
            _ => {
                log.attributes.insert("tenant", "acme");
                log.trace_id = "nonsense".into();
                Some(log)
            }
        });
        let exporter = builder.build().unwrap();
        let provider = logs(&exporter);
        write(&provider, 3);
        let _ = provider.shutdown();
        let _ = exporter.shutdown();
        let [sent] = <[Value; 1]>::try_from(arrived(&sentry)).unwrap();
        assert_eq!((&sent["body"], attribute(&sent, "tenant")), (&json!("line 2"), &json!("acme")));
        assert_ne!(sent["trace_id"], "nonsense");
        let stats = stats(&exporter);
        let lost = |reason| stats.dropped_logs.get(&reason).copied();
        assert_eq!(lost(DropReason::BeforeSend), Some(1), "{stats:?}");
        assert_eq!(lost(DropReason::HookPanicked), Some(1), "{stats:?}");
    });
}

#[test]
fn without_a_dsn_nothing_is_even_asked_for() {
    let exporter = temp_env::with_var("SENTRY_DSN", None::<&str>, || {
        SentrySpanExporter::builder().build().unwrap()
    });
    let handle = exporter.logs();
    assert!(!handle.event_enabled(Severity::Error, "shop", None));
    LogExporter::shutdown(&handle).unwrap();
    exporter.shutdown().unwrap();
    assert_eq!(stats(&exporter).logs_received, 0);
}

#[cfg(feature = "spool")]
#[test]
fn logs_that_cannot_be_sent_wait_in_the_spool_for_the_next_process() {
    watchdog(LIMIT, || {
        let directory = tempfile::tempdir().unwrap();
        let place = common::place::Place::new();
        let build = |dsn: String| {
            let spool = opentelemetry_sentry::Spool::new(directory.path());
            SentrySpanExporter::builder().with_dsn(dsn).with_spool(spool).build().unwrap()
        };
        let exporter = build(place.dsn());
        let provider = logs(&exporter);
        write(&provider, 120);
        let _ = provider.shutdown();
        let _ = exporter.shutdown();
        let before = stats(&exporter);
        assert_eq!((before.logs_spooled, before.logs_pending), (120, 120), "{before:?}");
        let sentry = FakeSentry::at(&place, Answer::default());
        let exporter = build(place.dsn());
        sentry.wait_for(2, SOON);
        exporter.flush(SOON).unwrap();
        exporter.shutdown().unwrap();
        let after = stats(&exporter);
        assert_eq!((after.logs_recovered, after.logs_delivered), (120, 120), "{after:?}");
        assert_eq!(arrived(&sentry).len(), 120);
    });
}

#[test]
fn an_envelope_of_logs_is_a_header_an_item_header_and_a_list() {
    let recorder = Recorder::default();
    let exporter = SentrySpanExporter::builder()
        .with_dsn("https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/42")
        .with_release("shop@1.2.3")
        .with_transport(recorder.clone())
        .build()
        .unwrap();
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "shop"),
            KeyValue::new("deployment.environment.name", "staging"),
            KeyValue::new("host.name", "web-1"),
        ])
        .build();
    let provider = SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_simple_exporter(exporter.logs())
        .build();
    let scope = InstrumentationScope::builder("shop.orders").with_version("1.0").build();
    let logger = provider.logger_with_scope(scope);
    let mut record = logger.create_log_record();
    record.set_timestamp(at(250));
    record.set_target("shop::orders");
    record.set_severity_number(Severity::Error2);
    record.set_severity_text("CRIT");
    record.set_body("order 7 of Ada failed".into());
    record.add_attribute("sentry.message.template", "order {id} of {name} failed");
    record.add_attribute("id", 7);
    record.add_attribute("name", "Ada");
    record.add_attribute("price", 0.5);
    record.add_attribute("is_gift", true);
    record.add_attribute("items", AnyValue::from_iter(["tea", "milk"]));
    record.add_attribute("code.filepath", "src/orders.rs");
    let (trace, span) = (common::spans::TRACE, 1);
    record.set_trace_context(TraceId::from(trace), SpanId::from(span), None);
    logger.emit(record);
    provider.shutdown().unwrap();
    exporter.shutdown().unwrap();
    let body = String::from_utf8(recorder.bodies().remove(0)).unwrap();
    let [header, item, payload, rest] = <[&str; 4]>::try_from(Vec::from_iter(body.split('\n')))
        .unwrap_or_else(|lines| panic!("{} lines: {body}", lines.len()));
    assert_eq!(rest, "", "the last line ends, too");
    let header: Value = serde_json::from_str(header).unwrap();
    let payload_json: Value = serde_json::from_str(payload).unwrap();
    let text = [header.to_string(), item.to_owned(), format!("{payload_json:#}")]
        .join("\n")
        .replace(header["event_id"].as_str().unwrap(), "[id]")
        .replace(header["sent_at"].as_str().unwrap(), "[now]")
        .replace(&payload.len().to_string(), "[length]")
        .replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!(text);
}

/// A million records; the figures are in docs/logs.md.
#[test]
#[ignore = "takes a minute"]
fn a_million_records_are_all_accounted_for() {
    const RECORDS: usize = 1_000_000;
    watchdog(Duration::from_secs(900), || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let config = BatchConfigBuilder::default().with_max_queue_size(RECORDS + 1000).build();
        let processor =
            BatchLogProcessor::builder(exporter.logs()).with_batch_config(config).build();
        let provider = SdkLoggerProvider::builder().with_log_processor(processor).build();
        let start = Instant::now();
        write(&provider, RECORDS);
        let written = start.elapsed();
        while stats(&exporter).logs_received < RECORDS as u64 {
            std::thread::sleep(Duration::from_millis(10));
        }
        exporter.flush(Duration::from_secs(300)).unwrap();
        let took = start.elapsed();
        provider.shutdown().unwrap();
        let stats = stats(&exporter);
        println!("{stats}; written in {written:?}, delivered in {took:?}");
        assert_eq!(stats.logs_received, RECORDS as u64, "{stats:?}");
        assert_eq!(
            (stats.logs_pending, stats.logs_delivered + stats.logs_dropped),
            (0, RECORDS as u64)
        );
        assert_eq!(arrived(&sentry).len() as u64, stats.logs_delivered);
        exporter.shutdown().unwrap();
    });
}
