//! What becomes of spans when the exporter ends, and how long that takes.

mod common;

use std::time::{Duration, Instant};

use common::sentry::{Answer, FakeSentry, KEY, SOON};
use common::telemetry::{
    export, export_and_wait, exporter, exporter_for, last_error, provider, span, stats, work,
};
use common::watchdog::watchdog;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};

const LIMIT: Duration = Duration::from_secs(30);

/// What a thread may need to notice that its time is over, on a busy machine.
const GRACE: Duration = Duration::from_millis(500);

#[test]
fn after_shutdown_everything_says_that_it_is_over() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let clone = exporter.clone();
        exporter.shutdown().unwrap();
        for handle in [&exporter, &clone] {
            let result = export(handle, vec![span(1, 1, 0, "late")]);
            assert!(matches!(result, Err(OTelSdkError::AlreadyShutdown)), "{result:?}");
            let result = handle.shutdown_with_timeout(SOON);
            assert!(matches!(result, Err(OTelSdkError::AlreadyShutdown)), "{result:?}");
        }
        stats(&exporter);
        assert_eq!(sentry.connections(), 0);
    });
}

#[test]
fn shutdown_sends_what_has_been_exported() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        for trace in 1..=30 {
            export(&exporter, vec![span(trace, 1, 0, "work")]).unwrap();
        }
        exporter.shutdown().unwrap();
        assert_eq!((sentry.transactions().len(), stats(&exporter).spans_delivered), (30, 30));
    });
}

#[test]
fn shutdown_ends_in_time_if_nobody_listens() {
    watchdog(LIMIT, || {
        // A port that is taken, but refuses connections.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let exporter = exporter_for(&format!("http://{KEY}@{}/42", socket.local_addr().unwrap()));
        // The failure may come so early that this tells it.
        let _ = export(&exporter, vec![span(1, 1, 0, "work")]);
        let start = Instant::now();
        let _ = exporter.shutdown_with_timeout(Duration::from_secs(1));
        assert!(start.elapsed() < Duration::from_secs(1) + GRACE, "{:?}", start.elapsed());
        last_error(&exporter);
        let stats = stats(&exporter);
        assert_eq!((stats.spans_dropped, stats.spans_pending), (1, 0), "{stats:?}");
    });
}

#[test]
fn shutdown_ends_in_time_if_the_server_hangs_and_tells_that_data_remained() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::hang());
        let exporter = exporter(&sentry);
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        sentry.wait_for(1, SOON);
        let start = Instant::now();
        exporter.shutdown_with_timeout(Duration::from_secs(1)).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1) + GRACE, "{:?}", start.elapsed());
        let stats = stats(&exporter);
        assert_eq!((stats.spans_dropped, stats.spans_pending), (1, 0), "{stats:?}");
    });
}

#[test]
fn flush_ends_in_time_if_the_server_hangs_and_keeps_what_is_in_flight() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::hang());
        let exporter = exporter(&sentry);
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        let (start, limit) = (Instant::now(), Duration::from_millis(300));
        let result = exporter.flush(limit);
        assert!(matches!(result, Err(OTelSdkError::Timeout(_))), "{result:?}");
        assert!((limit..limit + GRACE).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert_eq!(stats(&exporter).spans_pending, 1);
    });
}

#[test]
fn every_force_flush_means_delivered_also_if_each_has_as_many_spans_as_the_one_before() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::default().delay(Duration::from_millis(200)));
        let exporter = exporter(&sentry);
        let provider = provider(&exporter);
        for round in 1..=3 {
            for _ in 0..20 {
                work(&provider);
            }
            provider.force_flush().unwrap();
            assert_eq!(stats(&exporter).spans_delivered, round * 40, "round {round}");
        }
    });
}

#[test]
fn the_drop_of_the_last_handle_ends_in_time_if_the_server_hangs() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::hang());
        let exporter = exporter(&sentry);
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        sentry.wait_for(1, SOON);
        let start = Instant::now();
        drop(exporter);
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    });
}

#[test]
fn the_drop_of_the_last_handle_sends_what_has_been_exported() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        drop(exporter);
        sentry.wait_for(1, SOON);
    });
}

#[test]
fn a_clone_can_wait_for_what_the_asynchronous_processor_leaves_undone() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::default().delay(Duration::from_millis(200)));
        let exporter = exporter(&sentry);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let processor = BatchSpanProcessor::builder(exporter.clone(), Tokio).build();
            let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
            work(&provider);
            provider.shutdown().unwrap();
            exporter.flush(SOON).unwrap();
            assert_eq!(stats(&exporter).spans_delivered, 2);
        });
        assert_eq!((sentry.transactions().len(), sentry.events().len()), (1, 1));
    });
}

#[test]
fn a_failure_of_tls_is_told_in_words() {
    watchdog(LIMIT, || {
        let server = FakeSentry::babbling();
        let exporter = exporter_for(&server.https_dsn());
        let error = export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        assert!(!error.to_string().contains(KEY), "{error}");
        let error = last_error(&exporter);
        let words = error.to_lowercase();
        assert!(
            ["tls", "certificate", "handshake", "https"].iter().any(|word| words.contains(word)),
            "{error}"
        );
        assert!(server.connections() > 0);
    });
}
