//! Certificates: which servers are trusted, which are not, and what is said about it.
#![cfg(any(feature = "rustls", feature = "native-tls"))]

mod common;

use std::time::Duration;

use common::sentry::FakeSentry;
use common::telemetry::{export_and_wait, last_error, span, stats};
use common::tls::{Authority, Certificate, Greeting, TlsFront};
use common::watchdog::watchdog;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::{SentrySpanExporter, SentrySpanExporterBuilder};

const LIMIT: Duration = Duration::from_secs(30);

const HOST: &str = "127.0.0.1";

fn builder(front: &TlsFront) -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_dsn(front.dsn())
}

/// Sends one span, which has to arrive.
fn delivers(sentry: &FakeSentry, builder: SentrySpanExporterBuilder) {
    let exporter = builder.build().unwrap();
    let before = sentry.transactions().len();
    export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
    let stats = stats(&exporter);
    assert_eq!((stats.spans_delivered, stats.last_error), (1, None));
    assert_eq!(sentry.transactions().len(), before + 1);
}

/// Tries to send one span, which must not arrive, and gives what is said about it.
fn is_refused(sentry: &FakeSentry, builder: SentrySpanExporterBuilder) -> String {
    let exporter = builder.build().unwrap();
    export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
    let error = last_error(&exporter);
    exporter.shutdown().unwrap_err();
    assert!(sentry.requests().is_empty(), "{error}");
    error
}

#[test]
fn a_server_of_an_authority_that_is_trusted_by_setting_is_trusted() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let front = TlsFront::start(&sentry.dsn(), &authority.certify(HOST));
        delivers(&sentry, builder(&front).with_ca_certificate(authority.pem()));
    });
}

#[test]
fn one_of_several_authorities_is_enough() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let front = TlsFront::start(&sentry.dsn(), &authority.certify(HOST));
        let bundle = format!("{}\n{}", Authority::new().pem(), authority.pem());
        delivers(&sentry, builder(&front).with_ca_certificate(bundle));
    });
}

#[test]
fn a_certificate_that_cannot_be_trusted_is_refused_with_its_fault() {
    watchdog(LIMIT, || {
        let authority = Authority::new();
        for (certificate, fault) in [
            (Certificate::self_signed(HOST), "self-signed"),
            (Authority::new().certify(HOST), "with_ca_certificate"),
            (authority.certify_expired(HOST), "out of date"),
            (authority.certify("sentry.example"), "another host"),
        ] {
            let sentry = FakeSentry::start();
            let front = TlsFront::start(&sentry.dsn(), &certificate);
            let error = is_refused(&sentry, builder(&front).with_ca_certificate(authority.pem()));
            assert!(error.contains(fault), "{fault}: {error}");
            delivers(&sentry, builder(&front).with_danger_accept_invalid_certs(true));
        }
    });
}

#[test]
fn a_certificate_that_signed_itself_can_be_trusted_by_setting() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let certificate = Certificate::self_signed(HOST);
        let front = TlsFront::start(&sentry.dsn(), &certificate);
        delivers(&sentry, builder(&front).with_ca_certificate(certificate.certificate));
    });
}

#[test]
fn a_server_without_tls_is_told_from_one_with_a_bad_certificate() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::babbling();
        let exporter = SentrySpanExporter::builder().with_dsn(sentry.https_dsn()).build().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        let error = last_error(&exporter);
        assert!(error.contains("http://"), "{error}");
    });
}

#[test]
fn a_server_that_wants_a_certificate_is_shown_it() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let greeting = Greeting { clients: Some(&authority), ..Greeting::default() };
        let front = TlsFront::start_with(&sentry.dsn(), &authority.certify(HOST), greeting);
        let mine = authority.certify("shop.example").pem();
        let builder = || builder(&front).with_ca_certificate(authority.pem());
        delivers(&sentry, builder().with_client_certificate(mine));
    });
}

#[test]
fn without_the_certificate_that_a_server_wants_the_setting_is_named() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let greeting = Greeting { clients: Some(&authority), ..Greeting::default() };
        let front = TlsFront::start_with(&sentry.dsn(), &authority.certify(HOST), greeting);
        let builder = || builder(&front).with_ca_certificate(authority.pem());
        let error = is_refused(&sentry, builder());
        assert!(error.contains("with_client_certificate"), "{error}");
        let foreign = Authority::new().certify("shop.example").pem();
        let error = is_refused(&sentry, builder().with_client_certificate(foreign));
        assert!(error.contains("with_client_certificate"), "{error}");
    });
}

#[test]
fn a_client_certificate_that_cannot_work_is_refused_at_once() {
    let [mine, other] = [Certificate::self_signed("a"), Certificate::self_signed("b")];
    let mismatch = format!("{}{}", mine.certificate, other.key);
    for pem in ["", "no PEM", &mine.certificate, &mine.key, &mismatch] {
        let builder = SentrySpanExporter::builder().with_dsn("https://key@sentry.invalid/42");
        let error = builder.with_client_certificate(pem).build().unwrap_err().to_string();
        assert!(error.starts_with("with_client_certificate: "), "{error}");
        assert!(error.contains("-----BEGIN PRIVATE KEY-----"), "{error}");
        let secret = mine.key.lines().nth(1).unwrap();
        assert!(!error.contains(secret), "{error}");
    }
}

#[test]
fn settings_of_a_client_that_is_not_used_are_an_error_that_names_both() {
    let builder = || SentrySpanExporter::builder().with_dsn("http://key@sentry.invalid/42");
    let client = reqwest::Client::new();
    for (setting, builder) in [
        ("with_timeout", builder().with_timeout(LIMIT)),
        ("with_proxy", builder().with_proxy("http://127.0.0.1:9")),
        ("with_ca_certificate", builder().with_ca_certificate("x")),
        ("with_client_certificate", builder().with_client_certificate("x")),
        ("with_danger_accept_invalid_certs", builder().with_danger_accept_invalid_certs(true)),
    ] {
        let error = builder.with_http_client(client.clone()).build().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{setting}: ")), "{error}");
        assert!(error.contains("with_http_client") && error.contains("remove one"), "{error}");
    }
    builder().with_danger_accept_invalid_certs(false).with_http_client(client).build().unwrap();
}

#[cfg(feature = "http2")]
#[test]
fn http2_is_agreed_on_and_carries_several_requests_over_one_connection() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let greeting = Greeting { http2: Some(3), ..Greeting::default() };
        let front = TlsFront::start_with(&sentry.dsn(), &authority.certify(HOST), greeting);
        let exporter = builder(&front).with_ca_certificate(authority.pem()).build().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        let three = [2, 3, 4].map(|trace| span(trace, 1, 0, "work"));
        export_and_wait(&exporter, three.into()).unwrap();
        exporter.flush(LIMIT).unwrap();
        assert_eq!(stats(&exporter).spans_delivered, 4);
        assert_eq!((front.http2_requests(), front.most_open(), front.connections()), (4, 3, 1));
    });
}

#[cfg(feature = "http2")]
#[test]
fn http2_is_not_forced_on_a_server_that_does_not_speak_it() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let front = TlsFront::start(&sentry.dsn(), &authority.certify(HOST));
        delivers(&sentry, builder(&front).with_ca_certificate(authority.pem()));
        delivers(&sentry, SentrySpanExporter::builder().with_dsn(sentry.dsn()));
    });
}

#[cfg(not(feature = "http2"))]
#[test]
fn without_the_feature_http2_is_never_asked_for() {
    watchdog(LIMIT, || {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let greeting = Greeting { http2: Some(1), ..Greeting::default() };
        let front = TlsFront::start_with(&sentry.dsn(), &authority.certify(HOST), greeting);
        delivers(&sentry, builder(&front).with_ca_certificate(authority.pem()));
        assert_eq!(front.http2_requests(), 0);
    });
}
