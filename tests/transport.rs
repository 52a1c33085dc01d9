//! Ways to deliver that an application brings along, and that the exporter stays out of its traces.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::envelope::Request;
use common::sentry::{FakeSentry, KEY, SOON};
use common::telemetry::{export, export_and_wait, last_error, span, stats};
use common::watchdog::watchdog;
use http::Response;
use opentelemetry::trace::{SpanContext, TraceFlags, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::transport::{Transport, TransportError};
use opentelemetry_sentry::{DropReason, SentrySpanExporter};
use tracing_subscriber::layer::SubscriberExt;

const LIMIT: Duration = Duration::from_secs(30);

/// The same of a trace that is not sampled.
fn unsampled(of: &SpanContext) -> SpanContext {
    let flags = TraceFlags::default();
    SpanContext::new(of.trace_id(), of.span_id(), flags, false, of.trace_state().clone())
}

/// Fails the first requests in its own way and keeps the others.
#[derive(Clone, Debug)]
struct Moody {
    fails: fn() -> TransportError,
    left: Arc<AtomicUsize>,
    kept: Arc<Mutex<Vec<http::Request<Bytes>>>>,
}

#[async_trait]
impl Transport for Moody {
    async fn send(&self, request: http::Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err((self.fails)());
        }
        self.kept.lock().unwrap().push(request);
        Ok(Response::new(Bytes::new()))
    }
}

fn moody(failures: usize, fails: fn() -> TransportError) -> (Moody, SentrySpanExporter) {
    let transport = Moody { fails, left: Arc::new(failures.into()), kept: Arc::default() };
    let builder =
        SentrySpanExporter::builder().with_dsn(format!("https://{KEY}@sentry.invalid/42"));
    let exporter = builder.with_transport(transport.clone()).build().unwrap();
    (transport, exporter)
}

#[test]
fn a_transport_is_given_the_complete_request() {
    watchdog(LIMIT, || {
        let (transport, exporter) = moody(0, || unreachable!());
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        let kept = transport.kept.lock().unwrap();
        let [request] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(request.uri(), "https://sentry.invalid/api/42/envelope/");
        let shown = format!("{:?}", request.headers());
        assert!(!shown.contains(KEY), "{shown}");
        let headers = request.headers().iter();
        let headers =
            headers.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
        let head = format!(
            "{} {} HTTP/1.1\r\ncontent-length: {}\r\n{}\r\n",
            request.method(),
            request.uri(),
            request.body().len(),
            headers.collect::<String>()
        );
        let bytes = [head.as_bytes(), &request.body()[..]].concat();
        let request = Request::read(&mut &bytes[..]).unwrap().unwrap();
        assert_eq!(request.method, "POST");
        assert!(request.header("x-sentry-auth").unwrap().contains(KEY));
        assert_eq!(request.envelope().unwrap().payloads("transaction")[0]["transaction"], "work");
    });
}

#[test]
fn a_transport_that_panics_costs_the_envelope_and_no_more() {
    watchdog(LIMIT, || {
        let (transport, exporter) = moody(1, || panic!("on purpose"));
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        assert!(last_error(&exporter).contains("panic"));
        assert_eq!(stats(&exporter).dropped.get(&DropReason::Internal), Some(&1));
        export_and_wait(&exporter, vec![span(2, 1, 0, "work")]).unwrap();
        assert_eq!(transport.kept.lock().unwrap().len(), 1);
        exporter.shutdown().unwrap();
    });
}

#[test]
fn a_transport_says_in_its_own_words_why_no_answer_came() {
    watchdog(LIMIT, || {
        let (_, exporter) = moody(99, || TransportError::new(std::io::Error::other("no carrier")));
        let error = export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        assert!(error.to_string().contains("no carrier"), "{error}");
        assert!(last_error(&exporter).contains("no carrier"));
        assert_eq!(stats(&exporter).spans_pending, 1);
        let error = exporter.shutdown().unwrap_err().to_string();
        assert!(error.contains("1 spans were lost"), "{error}");
        assert_eq!(stats(&exporter).dropped.get(&DropReason::Unreachable), Some(&1));
    });
}

#[test]
fn an_outage_loses_nothing_and_delays_no_longer_than_it_has_to() {
    watchdog(LIMIT, || {
        let (transport, exporter) =
            moody(4, || TransportError::new(std::io::Error::other("no carrier")));
        let spans: Vec<_> = (1..=100).map(|id| span(id.into(), id, 0, "work")).collect();
        for span in spans {
            export(&exporter, vec![span]).ok();
        }
        exporter.flush(LIMIT).unwrap();
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.spans_dropped), (100, 0), "{stats}");
        let ids = |request: &http::Request<Bytes>| request.body().clone();
        let kept: std::collections::HashSet<_> =
            transport.kept.lock().unwrap().iter().map(ids).collect();
        assert_eq!(kept.len(), 100, "each once");
        // What is over is no trouble any more.
        export_and_wait(&exporter, vec![span(101, 101, 0, "work")]).unwrap();
    });
}

#[test]
fn a_flush_at_the_very_moment_of_the_shutdown_does_not_wait_for_nobody() {
    watchdog(LIMIT, || {
        for _ in 0..500 {
            let (_, exporter) = moody(0, || unreachable!());
            let flush = |exporter: SentrySpanExporter| {
                move || (0..200).try_for_each(|_| exporter.flush(Duration::from_secs(3)))
            };
            let flushes: Vec<_> =
                (0..8).map(|_| std::thread::spawn(flush(exporter.clone()))).collect();
            exporter.shutdown().unwrap();
            flushes.into_iter().for_each(|flush| flush.join().unwrap().unwrap());
        }
    });
}

#[test]
fn while_the_server_is_down_producers_wait_for_nothing() {
    watchdog(LIMIT, || {
        let transport = Moody {
            fails: || TransportError::new(std::io::Error::other("no carrier")),
            left: Arc::new(usize::MAX.into()),
            kept: Arc::default(),
        };
        let builder =
            SentrySpanExporter::builder().with_dsn(format!("https://{KEY}@sentry.invalid/42"));
        let exporter = builder.with_queue_bytes(4096).with_transport(transport).build().unwrap();
        let start = std::time::Instant::now();
        for trace in 0..20_u64 {
            let batch =
                (0..512).map(|at| span(u128::from(trace * 512 + at + 1), at + 1, 0, "work"));
            export_and_wait(&exporter, batch.collect()).ok();
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        // On a slow machine it does not come to all of them.
        exporter.shutdown().ok();
        let stats = stats(&exporter);
        assert!(stats.dropped[&DropReason::QueueFull] > 1000, "{stats}");
    });
}

#[test]
fn the_client_of_the_application_can_be_used() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let client = reqwest::Client::builder().user_agent("mine").no_proxy().build().unwrap();
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_http_client(client).build().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        let requests = sentry.requests();
        assert_eq!((requests.len(), requests[0].headers("user-agent").len()), (1, 1));
        assert_eq!(sentry.transactions().len(), 1);
    });
}

#[test]
fn exporting_makes_nothing_to_export() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = SentrySpanExporter::builder().with_dsn(sentry.dsn()).build().unwrap();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        // No filter, and for all threads: everything that any crate says would become a span.
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
            .unwrap();
        tracing::info_span!("work").in_scope(|| tracing::error!("something is wrong"));
        for _ in 0..5 {
            exporter.flush(SOON).unwrap();
        }
        assert_eq!(stats(&exporter).spans_received, 1);
        assert_eq!((sentry.transactions().len(), sentry.events().len()), (1, 1));
    });
}

#[test]
fn what_waits_for_the_thread_is_bounded_in_bytes_as_well() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let (enter, entered) = mpsc::sync_channel(1);
        let (go, going) = mpsc::sync_channel::<()>(0);
        let going = Mutex::new(going);
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let builder = builder.with_before_send_transaction(move |transaction| {
            enter.send(()).unwrap();
            // The thread goes on when the other end is dropped.
            let _ = going.lock().unwrap().recv();
            Some(transaction)
        });
        let exporter = builder.build().unwrap();
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        entered.recv().unwrap();
        // They count as if each had a text of its own, and nobody has to read them in the end.
        let text: Arc<str> = "x".repeat(1 << 20).into();
        for trace in 2..=201 {
            let mut large = span(trace, 1, 0, "work");
            large.span_context = unsampled(&large.span_context);
            let text = opentelemetry::StringValue::from(Arc::clone(&text));
            large.attributes.push(opentelemetry::KeyValue::new("text", text));
            let _ = export(&exporter, vec![large]);
        }
        let lost = stats(&exporter).dropped.get(&DropReason::QueueFull).copied();
        assert_eq!(lost, Some(73));
        drop(go);
        exporter.shutdown_with_timeout(SOON).unwrap();
    });
}

#[test]
fn a_full_queue_drops_and_counts_and_never_blocks() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(common::sentry::Answer::hang());
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_max_in_flight(1).with_queue_bytes(5000).build().unwrap();
        for trace in 1..=100 {
            export(&exporter, vec![span(trace, 1, 0, "work")]).unwrap();
        }
        exporter.flush(Duration::from_millis(300)).unwrap_err();
        let stats = stats(&exporter);
        let lost = stats.dropped.get(&DropReason::QueueFull).copied().unwrap_or_default();
        assert!((50..100).contains(&lost), "{stats:?}");
        assert_eq!(stats.spans_pending, 100 - lost);
    });
}
