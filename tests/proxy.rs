//! Proxies: which of them is used, what it is told, and what is said if it is of no help.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use common::proxy::Proxy;
use common::sentry::{FakeSentry, KEY};
use common::telemetry::{export_and_wait, last_error, span, stats};
use common::watchdog::watchdog;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::{SentrySpanExporter, SentrySpanExporterBuilder};

const LIMIT: Duration = Duration::from_secs(30);

/// A name that only the proxy knows.
const DSN: &str = "http://0123456789abcdef0123456789abcdef@sentry.invalid/42";

const PASSWORD: &str = "p%40ss word";
/// `me:p@ss word`
const CREDENTIALS: &str = "bWU6cEBzcyB3b3Jk";

const VARIABLES: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Runs a test with these variables about proxies and no others, one test at a time.
fn with_variables<R: Send + 'static>(
    variables: &[(&'static str, &str)],
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    let value = |name| variables.iter().find(|(found, _)| *found == name);
    let all = VARIABLES.map(|name| (name, value(name).map(|(_, text)| text.to_string())));
    watchdog(LIMIT, move || temp_env::with_vars(all, body))
}

fn address(sentry: &FakeSentry) -> SocketAddr {
    sentry.dsn().split(['@', '/']).nth(3).unwrap().parse().unwrap()
}

/// A port at which nobody answers.
fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn builder(dsn: &str) -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_dsn(dsn)
}

fn delivers(builder: SentrySpanExporterBuilder) {
    let exporter = builder.build().unwrap();
    export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
    let stats = stats(&exporter);
    assert_eq!((stats.spans_delivered, stats.last_error), (1, None));
}

/// What is said about a span that does not arrive; it never tells the password.
fn is_lost(builder: SentrySpanExporterBuilder) -> String {
    let shown = format!("{builder:?}");
    let exporter = builder.build().unwrap();
    export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
    let error = last_error(&exporter);
    let shown = format!("{shown} {error} {exporter:?}");
    assert!(!shown.contains("ss word") && !shown.contains(CREDENTIALS), "{shown}");
    exporter.shutdown().ok();
    assert_eq!((stats(&exporter).spans_delivered, stats(&exporter).spans_dropped), (0, 1));
    error
}

#[test]
fn a_proxy_that_is_set_is_asked_for_the_whole_address() {
    let sentry = FakeSentry::start();
    let proxy = Proxy::start(address(&sentry));
    let setting = format!("http://{}", proxy.address());
    with_variables(&[], || delivers(builder(DSN).with_proxy(setting)));
    assert_eq!(proxy.asked(), ["POST http://sentry.invalid/api/42/envelope/"]);
    assert_eq!(sentry.transactions().len(), 1);
}

#[test]
fn a_proxy_gets_the_name_and_the_password_that_its_address_holds() {
    let sentry = FakeSentry::start();
    let proxy = Proxy::guarded(address(&sentry), CREDENTIALS);
    let setting = format!("http://me:{PASSWORD}@{}", proxy.address());
    with_variables(&[], || delivers(builder(DSN).with_proxy(setting)));
    assert_eq!(sentry.transactions().len(), 1);
    assert!(sentry.requests()[0].header("x-sentry-auth").unwrap().contains(KEY));
    assert_eq!(sentry.requests()[0].header("authorization"), None);
}

#[test]
fn a_proxy_that_does_not_know_who_asks_says_so() {
    let sentry = FakeSentry::start();
    let proxy = Proxy::guarded(address(&sentry), "somebody else");
    for user in [String::new(), format!("me:{PASSWORD}@")] {
        let setting = format!("http://{user}{}", proxy.address());
        let error = with_variables(&[], || is_lost(builder(DSN).with_proxy(setting)));
        assert!(error.contains("407") && error.contains("with_proxy"), "{error}");
    }
    assert_eq!(sentry.connections(), 0);
}

#[test]
fn a_proxy_that_is_down_is_named_as_what_is_down() {
    let setting = format!("http://me:{PASSWORD}@{}", dead());
    let error = with_variables(&[], || is_lost(builder(DSN).with_proxy(setting)));
    assert!(error.contains("the proxy does not answer"), "{error}");
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    let sentry = FakeSentry::start();
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = Proxy::start(address(&sentry));
        let setting = format!("http://{}", proxy.address());
        with_variables(&[(variable, &setting)], || delivers(builder(DSN)));
        assert_eq!(proxy.asked().len(), 1, "{variable}");
    }
}

#[test]
fn a_proxy_that_is_set_wins_over_that_of_the_environment_and_its_exceptions() {
    let sentry = FakeSentry::start();
    let (set, variable) = (Proxy::start(address(&sentry)), Proxy::start(address(&sentry)));
    let setting = format!("http://{}", set.address());
    let environment = format!("http://{}", variable.address());
    let variables = [("HTTP_PROXY", &*environment), ("NO_PROXY", "sentry.invalid")];
    with_variables(&variables, || delivers(builder(DSN).with_proxy(setting)));
    assert_eq!((set.asked().len(), variable.asked().len()), (1, 0));
}

#[test]
fn no_proxy_makes_exceptions_from_the_proxy_of_the_environment() {
    let proxy = Proxy::start(dead());
    let environment = format!("http://{}", proxy.address());
    let variables = [("HTTP_PROXY", &*environment), ("NO_PROXY", "sentry.invalid")];
    let error = with_variables(&variables, || is_lost(builder(DSN)));
    assert!(error.contains("name resolution"), "{error}");
    assert!(proxy.asked().is_empty());
}

#[test]
fn this_machine_is_reached_without_the_proxy_of_the_environment_but_not_without_one_that_is_set() {
    let sentry = FakeSentry::start();
    let proxy = Proxy::start(address(&sentry));
    let setting = format!("http://{}", proxy.address());
    let dsn = sentry.dsn();
    with_variables(&[("HTTP_PROXY", &setting)], move || delivers(builder(&dsn)));
    assert!(proxy.asked().is_empty());
    let dsn = sentry.dsn();
    with_variables(&[], move || delivers(builder(&dsn).with_proxy(setting)));
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn what_is_no_proxy_is_refused_without_showing_its_password() {
    for address in [
        "ftp://me:secret@proxy.example:3128",
        "http://me:secret@proxy example:3128",
        "http://me:secret@proxy.example:port",
        "http://",
        "",
    ] {
        let error = builder(DSN).with_proxy(address).build().unwrap_err().to_string();
        assert!(error.starts_with("with_proxy: ") && error.contains("http://proxy"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tunnel {
    use super::*;
    use crate::common::tls::{Authority, TlsFront};

    const DSN: &str = "https://0123456789abcdef0123456789abcdef@sentry.invalid/42";

    #[test]
    fn a_secure_connection_goes_through_a_tunnel() {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let front = TlsFront::start(&sentry.dsn(), &authority.certify("sentry.invalid"));
        let proxy = Proxy::guarded(front.address(), CREDENTIALS);
        let setting = format!("http://me:{PASSWORD}@{}", proxy.address());
        let builder = builder(DSN).with_ca_certificate(authority.pem());
        with_variables(&[], || delivers(builder.with_proxy(setting)));
        assert_eq!(proxy.asked(), ["CONNECT sentry.invalid:443"]);
        assert_eq!(sentry.transactions().len(), 1);
        assert_eq!(sentry.requests()[0].header("proxy-authorization"), None);
    }

    #[test]
    fn the_fault_of_a_proxy_is_told_from_that_of_a_certificate() {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let front = TlsFront::start(&sentry.dsn(), &authority.certify("sentry.invalid"));
        let open = Proxy::start(front.address());
        let guarded = Proxy::guarded(front.address(), "somebody else");
        for (address, fault) in [
            (guarded.address(), "the proxy wants to know who asks"),
            (dead(), "the proxy does not answer"),
            (open.address(), "with_ca_certificate"),
        ] {
            let setting = format!("http://me:{PASSWORD}@{address}");
            let error = with_variables(&[], || is_lost(builder(DSN).with_proxy(setting)));
            assert!(error.contains(fault), "{fault}: {error}");
        }
        assert!(sentry.requests().is_empty());
    }

    #[test]
    fn the_proxy_for_secure_connections_is_that_of_its_own_variable() {
        let (sentry, authority) = (FakeSentry::start(), Authority::new());
        let front = TlsFront::start(&sentry.dsn(), &authority.certify("sentry.invalid"));
        let (http, https) = (Proxy::start(dead()), Proxy::start(front.address()));
        let variables = [
            ("HTTP_PROXY", format!("http://{}", http.address())),
            ("HTTPS_PROXY", format!("http://{}", https.address())),
        ];
        let builder = builder(DSN).with_ca_certificate(authority.pem());
        with_variables(&variables.each_ref().map(|(name, text)| (*name, text.as_str())), || {
            delivers(builder)
        });
        assert_eq!((http.asked().len(), https.asked().len()), (0, 1));
    }
}

#[cfg(feature = "socks")]
#[test]
fn a_socks_proxy_looks_up_the_host_and_leads_there() {
    let sentry = FakeSentry::start();
    let proxy = Proxy::start(address(&sentry));
    let setting = format!("socks5h://{}", proxy.address());
    with_variables(&[], || delivers(builder(DSN).with_proxy(setting)));
    assert_eq!(proxy.asked(), ["SOCKS sentry.invalid:80"]);
    let setting = format!("socks5://{}", proxy.address());
    let dsn = sentry.dsn();
    with_variables(&[], move || delivers(builder(&dsn).with_proxy(setting)));
    assert_eq!(proxy.asked()[1], format!("SOCKS {}", address(&sentry)));
}

#[cfg(feature = "socks")]
#[test]
fn a_socks_proxy_gets_the_name_and_the_password_and_may_refuse_them() {
    let sentry = FakeSentry::start();
    let proxy = Proxy::guarded(address(&sentry), "me:p@ss word");
    let setting = format!("socks5h://me:{PASSWORD}@{}", proxy.address());
    with_variables(&[], || delivers(builder(DSN).with_proxy(setting)));
    let setting = format!("socks5h://me:other@{}", proxy.address());
    let error = with_variables(&[], || is_lost(builder(DSN).with_proxy(setting)));
    assert!(error.contains("the proxy wants to know who asks"), "{error}");
    let setting = format!("socks5h://{}", dead());
    let error = with_variables(&[], || is_lost(builder(DSN).with_proxy(setting)));
    assert!(error.contains("the proxy does not answer"), "{error}");
}

#[cfg(not(feature = "socks"))]
#[test]
fn without_its_feature_a_socks_proxy_is_refused_at_once() {
    for scheme in ["socks4", "socks5", "SOCKS5h"] {
        let setting = format!("{scheme}://127.0.0.1:1080");
        let error = builder(DSN).with_proxy(setting).build().unwrap_err().to_string();
        assert!(error.contains("with_proxy") && error.contains("feature `socks`"), "{error}");
    }
}
