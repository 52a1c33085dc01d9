//! The question whether spans would arrive, asked of real servers and of none.

mod common;

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use common::sentry::{Answer, FakeSentry, KEY, SOON};
use common::telemetry::{export, export_and_wait, exporter, exporter_for, is_now, span, stats};
use common::watchdog::watchdog;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::transport::{ProxyFault, Transport, TransportError, TransportErrorKind};
use opentelemetry_sentry::{Finding, SentrySpanExporter, Stats};

const LIMIT: Duration = Duration::from_secs(30);

/// What is found at a server that gives this answer; the sentence never tells the key.
fn find(answer: Answer) -> (Finding, String) {
    let sentry = FakeSentry::always(answer);
    checked(&exporter(&sentry))
}

fn checked(exporter: &SentrySpanExporter) -> (Finding, String) {
    let finding = exporter.check(SOON);
    let text = finding.to_string();
    assert!(!text.contains(KEY) && !format!("{finding:?}").contains(KEY), "{text}");
    assert!(text.contains("; "), "it says what to do: {text}");
    (finding, text)
}

/// A port at which nobody answers.
fn dead() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{KEY}@{address}/42")
}

#[test]
fn a_probe_is_an_empty_report_and_leaves_no_trace() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let (finding, _) = checked(&exporter);
        assert_eq!((&finding, finding.is_ok()), (&Finding::Works, true));
        let [envelope] = <[_; 1]>::try_from(sentry.envelopes()).unwrap();
        assert!(envelope.header.get("event_id").is_none(), "{:?}", envelope.header);
        let [item] = <[_; 1]>::try_from(envelope.items).unwrap();
        assert!(item.is("client_report"), "{item:?}");
        assert_eq!(item.payload["discarded_events"], serde_json::json!([]));
        assert!(is_now(&item.payload["timestamp"]));
        assert_eq!(stats(&exporter), Stats::default());
        let request = &sentry.requests()[0];
        assert!(request.header("x-sentry-auth").unwrap().contains(KEY));
    });
}

#[test]
fn without_a_dsn_there_is_nothing_to_check() {
    watchdog(LIMIT, || {
        let exporter = temp_env::with_var_unset("SENTRY_DSN", || {
            SentrySpanExporter::builder().build().unwrap()
        });
        assert_eq!(checked(&exporter).0, Finding::Disabled);
    });
}

#[test]
fn after_a_shutdown_it_says_so() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        exporter.shutdown().unwrap();
        assert_eq!(checked(&exporter).0, Finding::ShutDown);
        assert!(sentry.requests().is_empty());
    });
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_server() {
    watchdog(LIMIT, || {
        let detail = |status, detail: &str| {
            let body = format!("{{\"detail\":\"{detail}\"}}");
            find(Answer { body, ..Answer::status(status) })
        };
        let (finding, text) = detail(403, "event submission rejected with_reason: ProjectId");
        assert!(matches!(finding, Finding::ProjectUnknown { status: 403, .. }), "{finding:?}");
        assert!(text.contains("(event submission rejected with_reason: ProjectId)"), "{text}");
        let (finding, text) = detail(401, "missing authorization information");
        assert!(matches!(finding, Finding::KeyRefused { status: 401, .. }), "{finding:?}");
        assert!(text.contains("(missing authorization information)"), "{text}");
        let (finding, text) = detail(403, &format!("unknown key {KEY}"));
        assert!(matches!(finding, Finding::KeyRefused { detail: None, .. }), "{text}");
        let (finding, _) = detail(503, "queue full");
        assert!(matches!(finding, Finding::Refused { status: 503, .. }), "{finding:?}");
    });
}

#[test]
fn only_the_beginning_of_an_answer_is_kept() {
    watchdog(LIMIT, || {
        let padding = " ".repeat(2000);
        let body = format!("{{\"detail\":\"too late\",{padding}\"causes\":[]}}");
        let (_, text) = find(Answer { body, ..Answer::status(503) });
        assert!(!text.contains("too late"), "{text}");
    });
}

#[test]
fn a_refused_envelope_is_told_in_the_words_of_the_server_as_well() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::status(403));
        let error = export_and_wait(&exporter(&sentry), vec![span(1, 1, 0, "work")]).unwrap_err();
        assert!(error.to_string().contains("403 Forbidden (fake); "), "{error}");
    });
}

#[test]
fn something_else_than_sentry_is_known() {
    watchdog(LIMIT, || {
        let page = Answer { body: "<!DOCTYPE html><p>It works!".to_owned(), ..Answer::default() };
        let json = Answer::default().header("Content-Type", "text/html; charset=utf-8");
        let missing = Answer { body: String::new(), ..Answer::status(404) };
        for answer in [page, json, missing, Answer::raw("HTTP/1.1 two hundred\r\n\r\n")] {
            let (finding, _) = find(answer);
            assert!(matches!(finding, Finding::NotSentry { .. }), "{finding:?}");
        }
    });
}

#[test]
fn limits_are_told_and_keep_no_probe_back() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start_with([Answer::status(429).header("Retry-After", "3600")]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        let before = sentry.requests().len();
        assert_eq!(checked(&exporter).0, Finding::Works);
        assert_eq!(sentry.requests().len(), before + 1);
        // What the exporter had to respect before, it still does.
        export_and_wait(&exporter, vec![span(2, 1, 0, "work")]).ok();
        assert_eq!(sentry.requests().len(), before + 1);
    });
    watchdog(LIMIT, || {
        let (finding, text) =
            find(Answer::default().header("X-Sentry-Rate-Limits", "60:error:key"));
        let lasts = Duration::from_secs(60);
        assert_eq!(finding, Finding::RateLimited { categories: vec!["errors"], lasts });
        assert!(text.contains("does not take errors for 60 s"), "{text}");
    });
}

#[test]
fn a_server_that_is_down_is_asked_all_the_same() {
    watchdog(LIMIT, || {
        let exporter = exporter_for(&dead());
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        for _ in 0..3 {
            let (finding, text) = checked(&exporter);
            let Finding::Unreachable { kind, .. } = finding else { panic!("{finding:?}") };
            assert_eq!(kind, TransportErrorKind::Connect, "{text}");
            assert!(text.contains("check host and port"), "{text}");
        }
        assert_eq!(stats(&exporter).spans_pending, 1);
    });
}

#[test]
fn a_name_that_does_not_exist_is_told_from_a_server_that_is_down() {
    watchdog(LIMIT, || {
        let builder =
            SentrySpanExporter::builder().with_dsn(format!("http://{KEY}@sentry.invalid/42"));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let (finding, text) = checked(&builder.with_http_client(client).build().unwrap());
        let Finding::Unreachable { kind, .. } = finding else { panic!("{finding:?}") };
        assert_eq!(kind, TransportErrorKind::Dns, "{text}");
    });
}

#[test]
fn a_proxy_that_is_down_is_named() {
    watchdog(LIMIT, || {
        let proxy = dead().replace(KEY, "me:secret");
        let proxy = proxy.trim_end_matches("/42");
        let builder =
            SentrySpanExporter::builder().with_dsn(format!("http://{KEY}@sentry.invalid/42"));
        let (finding, text) = checked(&builder.with_proxy(proxy).build().unwrap());
        let Finding::Proxy { fault, .. } = finding else { panic!("{finding:?}") };
        assert_eq!(fault, ProxyFault::Unreachable);
        assert!(!text.contains("secret"), "{text}");
    });
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn the_fault_of_a_certificate_is_named() {
    use common::tls::{Authority, Certificate, TlsFront};
    use opentelemetry_sentry::transport::TlsFault;
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let host = "127.0.0.1";
        for (certificate, expected) in [
            (authority.certify(host), None),
            (Certificate::self_signed(host), Some(TlsFault::UnknownIssuer)),
            (authority.certify_expired(host), Some(TlsFault::Expired)),
            (authority.certify("sentry.example"), Some(TlsFault::WrongHost)),
        ] {
            let front = TlsFront::start(&sentry.dsn(), &certificate);
            let builder = SentrySpanExporter::builder().with_dsn(front.dsn());
            let exporter = builder.with_ca_certificate(authority.pem()).build().unwrap();
            let found = match checked(&exporter).0 {
                Finding::Tls { fault, .. } => Some(fault),
                finding => (!finding.is_ok()).then(|| panic!("{finding:?}")),
            };
            assert_eq!(found, expected);
        }
        let (finding, text) = checked(&exporter_for(&FakeSentry::babbling().https_dsn()));
        assert!(matches!(finding, Finding::Tls { fault: TlsFault::NotTls, .. }), "{finding:?}");
        assert!(text.contains("http://"), "{text}");
    });
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    watchdog(LIMIT, || {
        let hour = Duration::from_secs(3600);
        let at = |time| find(Answer::default().header("Date", &httpdate::fmt_http_date(time))).0;
        assert_eq!(at(SystemTime::now()), Finding::Works);
        for (time, expected) in
            [(SystemTime::now() - hour, true), (SystemTime::now() + hour, false)]
        {
            let finding = at(time);
            let Finding::ClockOff { by, is_ahead } = finding else { panic!("{finding:?}") };
            assert_eq!(is_ahead, expected);
            assert!(by.abs_diff(hour) < Duration::from_secs(20), "{by:?}");
            assert!(!finding.is_ok());
        }
    });
}

#[test]
fn a_server_that_says_nothing_is_waited_for_no_longer_than_was_asked() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::hang());
        let exporter = exporter(&sentry);
        let (start, timeout) = (Instant::now(), Duration::from_millis(300));
        let finding = exporter.check(timeout);
        assert_eq!(finding, Finding::TimedOut { after: timeout });
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    });
}

#[test]
fn a_check_blocks_no_thread_but_its_own_and_works_on_all() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::default().delay(Duration::from_millis(200)));
        let exporter = exporter(&sentry);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { assert_eq!(exporter.check(SOON), Finding::Works) });
        let checks: Vec<_> = (0..4)
            .map(|_| {
                let exporter = exporter.clone();
                std::thread::spawn(move || exporter.check(SOON))
            })
            .collect();
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert!(checks.into_iter().all(|check| check.join().unwrap() == Finding::Works));
        assert_eq!(stats(&exporter).spans_delivered, 1);
    });
}

#[test]
fn a_transport_that_panics_is_no_reason_to_hang() {
    #[derive(Debug)]
    struct Panicking;

    #[async_trait]
    impl Transport for Panicking {
        async fn send(
            &self,
            _: http::Request<Bytes>,
        ) -> Result<http::Response<Bytes>, TransportError> {
            panic!("on purpose")
        }
    }

    watchdog(LIMIT, || {
        let builder = SentrySpanExporter::builder().with_dsn(dead());
        let exporter = builder.with_transport(Panicking).build().unwrap();
        let finding = exporter.check(SOON);
        assert!(finding.to_string().contains("the transport panicked"), "{finding}");
    });
}
