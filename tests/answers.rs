//! What the exporter makes of the answers of the server, and of what is no answer.

mod common;

use std::time::{Duration, Instant};

use common::act::Act;
use common::sentry::{Answer, FakeSentry, KEY, SOON};
use common::telemetry::{export, export_and_wait, exporter, last_error, span, stats};
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::{DropReason, SentrySpanExporter};

use common::spans::SpanDataExt;

const LIMIT: Duration = Duration::from_secs(30);

/// A trace of one span.
fn transaction(trace: u128) -> Vec<SpanData> {
    vec![span(trace, 1, 0, "work")]
}

/// A trace of two spans with an exception, which is another one in every trace.
fn failure(trace: u128) -> Vec<SpanData> {
    let message = KeyValue::new("exception.message", format!("failure {trace}"));
    let mut child = span(trace, 2, 1, "step").event("exception", 0, [message]);
    child.events.events[0].timestamp = child.end_time;
    vec![child, span(trace, 1, 0, "work")]
}

/// How many of a category have been reported as lost for a reason.
fn reported(sentry: &FakeSentry, reason: &str, category: &str) -> u64 {
    let reports = sentry.payloads("client_report");
    let losses = reports.iter().flat_map(|report| report["discarded_events"].as_array().unwrap());
    let losses = losses.filter(|loss| loss["reason"] == reason && loss["category"] == category);
    losses.map(|loss| loss["quantity"].as_u64().unwrap()).sum()
}

#[test]
fn a_limit_on_transactions_stops_transactions_but_not_errors() {
    watchdog(LIMIT, || {
        let limits = "86400:transaction;span:organization";
        let answer = Answer::default().header("X-Sentry-Rate-Limits", limits);
        let sentry = FakeSentry::start_with([answer]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, transaction(1)).unwrap();
        for trace in 2..=6 {
            export_and_wait(&exporter, failure(trace)).unwrap();
        }
        assert_eq!((sentry.transactions().len(), sentry.events().len()), (1, 5));
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.events_delivered), (1, 5), "{stats:?}");
        assert_eq!(stats.dropped.get(&DropReason::RateLimited), Some(&10), "{stats:?}");
        exporter.shutdown().unwrap();
        assert_eq!(reported(&sentry, "ratelimit_backoff", "transaction"), 5);
        assert_eq!(reported(&sentry, "ratelimit_backoff", "span"), 10);
    });
}

#[test]
fn a_limit_on_errors_stops_errors_but_not_transactions() {
    watchdog(LIMIT, || {
        // Where both headers come, only the more exact one counts.
        let answer = Answer::status(429).header("Retry-After", "3600");
        let answer = answer.header("X-Sentry-Rate-Limits", "60:default;error;security:key");
        let sentry = FakeSentry::start_with([answer]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, transaction(1)).unwrap_err();
        for trace in 2..=4 {
            export_and_wait(&exporter, failure(trace)).unwrap();
        }
        assert_eq!((sentry.transactions().len(), sentry.events().len()), (4, 0));
        assert_eq!(stats(&exporter).events_dropped, 3);
        exporter.shutdown().unwrap();
        assert_eq!(reported(&sentry, "ratelimit_backoff", "error"), 3);
        assert_eq!(
            reported(&sentry, "ratelimit_backoff", "transaction"),
            0,
            "the server knows that one"
        );
    });
}

#[test]
fn after_429_nothing_is_sent_until_the_time_is_over() {
    watchdog(LIMIT, || {
        let start = Instant::now();
        let sentry = FakeSentry::start_with([Answer::status(429).header("Retry-After", "1")]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, transaction(1)).unwrap_err();
        assert!(last_error(&exporter).contains("429"));
        export_and_wait(&exporter, failure(2)).unwrap();
        assert_eq!(sentry.requests().len(), 1);
        let stats = stats(&exporter);
        assert_eq!(stats.dropped.get(&DropReason::RateLimited), Some(&3), "{stats:?}");
        let mut trace = 3;
        while sentry.requests().len() == 1 {
            std::thread::sleep(Duration::from_millis(50));
            export_and_wait(&exporter, transaction(trace)).unwrap();
            trace += 1;
        }
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        exporter.shutdown().unwrap();
    });
}

#[test]
fn a_limit_on_everything_holds_at_shutdown_as_well() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start_with([Answer::status(429)]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, failure(1)).unwrap_err();
        let before = sentry.requests().len();
        export_and_wait(&exporter, failure(2)).unwrap();
        exporter.shutdown().unwrap();
        assert_eq!(sentry.requests().len(), before);
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered + stats.spans_dropped, stats.spans_pending), (4, 0));
    });
}

#[test]
fn a_refusal_is_final_and_told_once() {
    watchdog(LIMIT, || {
        for status in [400, 401, 403, 404, 413, 500, 502, 503] {
            let answer = Answer::status(status).header("Retry-After", "60");
            let sentry = FakeSentry::start_with([answer]);
            let exporter = exporter(&sentry);
            let error = export_and_wait(&exporter, transaction(1)).unwrap_err().to_string();
            assert!(error.contains(&status.to_string()) && !error.contains(KEY), "{error}");
            let last = last_error(&exporter);
            assert!(last.contains(&status.to_string()) && error.contains(&last), "{last}");
            assert_eq!(stats(&exporter).dropped.get(&DropReason::Refused), Some(&1));
            export_and_wait(&exporter, transaction(2)).unwrap();
            assert_eq!(sentry.requests().len(), 2, "one request for each transaction");
            assert_eq!(reported(&sentry, "send_error", "transaction"), 1);
            assert_eq!(reported(&sentry, "send_error", "span"), 1);
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    watchdog(LIMIT, || {
        for status in [301, 302, 303, 307, 308] {
            let sentry =
                FakeSentry::start_with([Answer::status(status).header("Location", "/elsewhere")]);
            let exporter = exporter(&sentry);
            export_and_wait(&exporter, transaction(1)).unwrap_err();
            assert!(last_error(&exporter).contains(&status.to_string()));
            assert_eq!(sentry.requests().len(), 1);
            assert_eq!(stats(&exporter).dropped.get(&DropReason::Refused), Some(&1));
        }
    });
}

#[test]
fn what_is_no_answer_costs_the_envelope_and_no_more() {
    let nonsense: &[&[u8]] = &[
        b"what a lovely day\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    ];
    for bytes in nonsense {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start_with([Answer::raw(bytes)]);
            let exporter = exporter(&sentry);
            export_and_wait(&exporter, transaction(1)).unwrap_err();
            last_error(&exporter);
            let dropped = stats(&exporter).dropped.get(&DropReason::Unreachable).copied();
            assert_eq!(dropped, Some(1), "{}", bytes.escape_ascii());
            export_and_wait(&exporter, transaction(2)).unwrap();
            assert_eq!(stats(&exporter).spans_delivered, 1);
        });
    }
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again_with_the_same_id_and_a_new_time() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\nX-Sentry-Rate-Limits"] {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start_with([Answer::raw(bytes), Answer::raw(bytes)]);
            let exporter = exporter(&sentry);
            export_and_wait(&exporter, transaction(1)).unwrap_err();
            exporter.flush(LIMIT).unwrap();
            assert_eq!(stats(&exporter).spans_delivered, 1);
            let of_all = |key: &str| -> Vec<_> {
                sentry.envelopes().into_iter().map(|it| it.header[key].to_string()).collect()
            };
            let (ids, times) = (of_all("event_id"), of_all("sent_at"));
            assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
            // The first time, the transport itself tries another connection at once.
            assert!(times[0] == times[1] && times[1] != times[2], "{times:?}");
        });
    }
}

#[test]
fn strange_headers_and_broken_bodies_change_nothing_about_an_acceptance() {
    // A server that says that it closes the connection, so that the next request uses another one.
    let answers: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nX-Sentry-Rate-Limits: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nX-Sentry-Rate-Limits: ::::,;;;,NaN:error,-1e999::\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    ];
    for bytes in answers {
        watchdog(LIMIT, move || {
            let sentry = FakeSentry::start_with([Answer::raw(bytes)]);
            let exporter = exporter(&sentry);
            export_and_wait(&exporter, transaction(1)).unwrap();
            export_and_wait(&exporter, failure(2)).unwrap();
            let stats = stats(&exporter);
            assert_eq!(stats.envelopes_delivered, 3, "{}: {stats:?}", bytes.escape_ascii());
        });
    }
}

#[test]
fn a_request_ends_when_its_time_is_over_and_is_sent_again() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start_with([Answer::hang()]);
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_timeout(Duration::from_millis(300)).build().unwrap();
        export_and_wait(&exporter, transaction(1)).unwrap_err();
        exporter.flush(LIMIT).unwrap();
        assert!(last_error(&exporter).contains("time"), "{}", last_error(&exporter));
        assert_eq!((stats(&exporter).spans_delivered, sentry.requests().len()), (1, 2));
    });
}

#[test]
fn a_request_may_take_as_long_as_it_likes() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_timeout(Duration::MAX).build().unwrap();
        for trace in 1..=2 {
            export_and_wait(&exporter, transaction(trace)).unwrap();
        }
        assert_eq!((stats(&exporter).spans_delivered, sentry.requests().len()), (2, 2));
    });
}

#[test]
fn an_answer_whose_body_stalls_counts_when_the_time_of_its_request_is_over() {
    watchdog(LIMIT, || {
        let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{";
        let sentry = FakeSentry::start_with([Answer::acts([
            Act::say(begin),
            Act::Repeat(b"x".to_vec(), LIMIT),
        ])]);
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_timeout(Duration::from_millis(300)).build().unwrap();
        export_and_wait(&exporter, transaction(1)).unwrap();
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.last_error), (1, None));
        assert_eq!(sentry.requests().len(), 1, "it was sent once");
    });
}

#[test]
fn a_request_on_a_kept_connection_that_turns_out_to_be_closed_is_sent_on_another() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start_with([Answer::default(), Answer::close_before_answer()]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, transaction(1)).unwrap();
        export_and_wait(&exporter, transaction(2)).unwrap();
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.last_error), (2, None));
        let ids =
            sentry.envelopes().into_iter().map(|envelope| envelope.header["event_id"].clone());
        let ids: Vec<_> = ids.collect();
        assert!(ids.len() == 3 && ids[1] == ids[2], "Sentry knows by the id that it is the same");
    });
}

#[test]
fn requests_that_follow_each_other_share_a_connection() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        for trace in 1..=20 {
            export_and_wait(&exporter, transaction(trace)).unwrap();
        }
        assert_eq!((stats(&exporter).spans_delivered, sentry.connections()), (20, 1));
    });
}

#[test]
fn a_connection_that_the_server_says_it_closes_is_not_used_again() {
    watchdog(LIMIT, || {
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let sentry = FakeSentry::always(Answer::raw(answer));
        let exporter = exporter(&sentry);
        for trace in 1..=20 {
            export(&exporter, transaction(trace)).unwrap();
            exporter.flush(SOON).unwrap();
        }
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.last_error), (20, None));
        assert_eq!(sentry.connections(), 20);
    });
}
