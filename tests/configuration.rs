//! Settings: where they come from, which of them wins, and what a wrong one says about itself.

mod common;

use std::time::Duration;

use common::sentry::{FakeSentry, KEY, SOON};
use common::telemetry::{export, export_and_wait, span, stats};
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::{
    BuildError, Compression, SentrySpanExporter, SentrySpanExporterBuilder, Stats,
};
use serde_json::{Value, json};

const DSN: &str = "SENTRY_DSN";
const RELEASE: &str = "SENTRY_RELEASE";
const ENVIRONMENT: &str = "SENTRY_ENVIRONMENT";

/// Runs a test with these variables of the exporter and no others, one test at a time.
fn with_variables<R: Send + 'static>(
    variables: &[(&'static str, &str)],
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    let value = |name| variables.iter().find(|(found, _)| *found == name);
    let all = [DSN, RELEASE, ENVIRONMENT]
        .map(|name| (name, value(name).map(|(_, text)| text.to_string())));
    watchdog(Duration::from_secs(60), move || temp_env::with_vars(all, body))
}

fn fails(builder: SentrySpanExporterBuilder) -> String {
    let error: BuildError = builder.build().expect_err("a setting that cannot work");
    let error: Box<dyn std::error::Error> = Box::new(error);
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    error.to_string()
}

/// Addresses that are none, and a word of the reason.
fn broken_dsns() -> Vec<(String, &'static str)> {
    let dsns = [
        ("KEY", "URL"),
        ("KEY@sentry.example/42", "URL"),
        ("://KEY@sentry.example/42", "URL"),
        ("ftp://KEY@sentry.example/42", "http"),
        ("https://sentry.example/42", "key"),
        ("https://@sentry.example/42", "key"),
        ("https://:KEY@sentry.example/42", "key"),
        ("https://KEY@/42", "URL"),
        ("https://KEY@sentry.example", "project"),
        ("https://KEY@sentry.example/", "project"),
        ("https://KEY@sentry.example/shop", "number"),
        ("https://KEY@sentry.example/42x", "number"),
        ("https://KEY@sentry.example/-42", "number"),
        ("https://KEY@sentry.example/4 2", "number"),
        ("https://KEY@sentry example/42", "URL"),
        ("https://KEY KEY@sentry.example/42", "key"),
        ("https://KEY@sentry.example:port/42", "URL"),
    ];
    dsns.map(|(dsn, reason)| (dsn.replace("KEY", KEY), reason)).into()
}

#[test]
fn a_broken_dsn_says_where_it_comes_from_what_is_wrong_and_what_is_right() {
    for (dsn, reason) in broken_dsns() {
        let in_code = dsn.clone();
        let error =
            with_variables(&[], move || fails(SentrySpanExporter::builder().with_dsn(in_code)));
        let is_explained = error.contains(reason) && error.contains("https://<key>@");
        assert!(error.contains("with_dsn") && is_explained, "{dsn}: {error}");
        let error = with_variables(&[(DSN, &dsn)], || fails(SentrySpanExporter::builder()));
        let is_explained = error.contains(reason) && error.contains("https://<key>@");
        assert!(error.contains(DSN) && is_explained, "{dsn}: {error}");
    }
}

#[test]
fn what_sentry_would_refuse_is_refused_at_once_with_an_example() {
    let long = "x".repeat(201);
    for text in ["shop/1.2", "shop\\1.2", "shop\n1.2", "latest", ".", "..", &long] {
        let in_code = text.to_owned();
        let error = with_variables(&[], move || fails(valid().with_release(in_code)));
        assert!(error.contains("with_release") && error.contains("shop@1.2.3"), "{error}");
        let error = with_variables(&[(RELEASE, text)], || fails(valid()));
        assert!(error.contains(RELEASE) && error.contains("shop@1.2.3"), "{error}");
    }
    for text in ["eu/production", "eu\\production", "none", "None", &long] {
        let in_code = text.to_owned();
        let error = with_variables(&[], move || fails(valid().with_environment(in_code)));
        assert!(error.contains("with_environment") && error.contains("production"), "{error}");
        let error = with_variables(&[(ENVIRONMENT, text)], || fails(valid()));
        assert!(error.contains(ENVIRONMENT) && error.contains("production"), "{error}");
    }
    for text in ["4 2", "4/2", "é", "x!", &long] {
        let in_code = text.to_owned();
        let error = with_variables(&[], move || fails(valid().with_dist(in_code)));
        assert!(error.contains("with_dist") && error.contains("42"), "{error}");
    }
}

#[test]
fn a_level_that_gzip_does_not_have_is_refused_at_once() {
    with_variables(&[], || {
        for level in [0, 10, u32::MAX] {
            let error = fails(valid().with_compression(Compression::Gzip(level)));
            let is_explained = error.contains("1 to 9") && error.contains(&level.to_string());
            assert!(error.contains("with_compression") && is_explained, "{error}");
        }
        for fine in [Compression::None, Compression::Gzip(1), Compression::Gzip(9)] {
            let exporter = valid().with_compression(fine).build().unwrap();
            exporter.shutdown_with_timeout(SOON).unwrap();
        }
    });
}

#[test]
fn a_proxy_or_certificate_that_cannot_work_is_refused_at_once() {
    with_variables(&[], || {
        let error = fails(valid().with_proxy(format!("http://user:{KEY}@proxy example:1")));
        assert!(error.contains("with_proxy") && error.contains("http://"), "{error}");
        let error = fails(valid().with_ca_certificate("-----BEGIN CERTIFICATE-----\nx\n"));
        assert!(error.contains("with_ca_certificate") && error.contains("PEM"), "{error}");
    });
}

fn valid() -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_dsn(format!("http://{KEY}@127.0.0.1:9/42"))
}

/// The release, environment and distribution of a transaction of a provider.
fn sent(builder: SentrySpanExporterBuilder, resource: Resource) -> [Value; 3] {
    let sentry = FakeSentry::start();
    let exporter = builder.with_dsn(sentry.dsn()).build().unwrap();
    let builder = SdkTracerProvider::builder().with_batch_exporter(exporter);
    let provider = builder.with_resource(resource).build();
    provider.tracer("tests").start("work").end();
    provider.shutdown().unwrap();
    let [transaction] = <[Value; 1]>::try_from(sentry.transactions()).unwrap();
    ["release", "environment", "dist"].map(|key| transaction[key].clone())
}

fn resource() -> Resource {
    let attributes = [
        ("service.name", "shop"),
        ("service.version", "1.2.3"),
        ("deployment.environment.name", "staging"),
    ];
    let attributes = attributes.map(|(key, value)| KeyValue::new(key, value));
    Resource::builder_empty().with_attributes(attributes).build()
}

#[test]
fn code_wins_over_the_environment() {
    let sent = with_variables(&[(RELEASE, "variable@2"), (ENVIRONMENT, "variable")], || {
        let builder = SentrySpanExporter::builder().with_release("code@1").with_environment("code");
        sent(builder.with_dist("7"), resource())
    });
    assert_eq!(sent, ["code@1", "code", "7"]);
}

#[test]
fn the_environment_wins_over_the_resource() {
    let sent = with_variables(&[(RELEASE, "variable@2"), (ENVIRONMENT, "variable")], || {
        sent(SentrySpanExporter::builder(), resource())
    });
    assert_eq!(sent, [json!("variable@2"), json!("variable"), Value::Null]);
}

#[test]
fn the_resource_wins_over_the_default() {
    let sent = with_variables(&[], || sent(SentrySpanExporter::builder(), resource()));
    assert_eq!(sent, [json!("shop@1.2.3"), json!("staging"), Value::Null]);
}

#[test]
fn empty_settings_and_variables_are_as_good_as_none() {
    let sent = with_variables(&[(RELEASE, ""), (ENVIRONMENT, " "), (DSN, "")], || {
        let builder = SentrySpanExporter::builder().with_release("").with_environment("");
        sent(builder.with_dist(""), resource())
    });
    assert_eq!(sent, [json!("shop@1.2.3"), json!("staging"), Value::Null]);
}

#[test]
fn without_any_setting_the_environment_is_production_and_the_release_unknown() {
    let sent = with_variables(&[], || {
        sent(SentrySpanExporter::builder(), Resource::builder_empty().build())
    });
    assert_eq!(sent, [Value::Null, json!("production"), Value::Null]);
}

#[test]
fn the_dsn_of_the_code_wins_over_that_of_the_environment() {
    let (in_code, in_variable) = (FakeSentry::start(), FakeSentry::start());
    let dsn = in_code.dsn();
    with_variables(&[(DSN, &in_variable.dsn())], || {
        let exporter = SentrySpanExporter::builder().with_dsn(dsn).build().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
    });
    assert_eq!((in_code.transactions().len(), in_variable.connections()), (1, 0));
}

#[test]
fn from_env_takes_everything_from_the_environment() {
    let sentry = FakeSentry::start();
    let variables =
        [(DSN, sentry.dsn()), (RELEASE, "shop@2".into()), (ENVIRONMENT, "staging".into())];
    with_variables(&variables.each_ref().map(|(name, text)| (*name, text.as_str())), || {
        let exporter = SentrySpanExporter::from_env().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
    });
    let transaction = sentry.transactions().remove(0);
    assert_eq!([&transaction["release"], &transaction["environment"]], ["shop@2", "staging"]);
    let error = with_variables(&[(DSN, KEY)], SentrySpanExporter::from_env).unwrap_err();
    assert!(error.to_string().contains(DSN) && !error.to_string().contains(KEY), "{error}");
}

#[test]
fn without_a_dsn_the_exporter_does_nothing_and_says_ok() {
    for (variables, in_code) in
        [(vec![], None), (vec![(DSN, "")], Some("")), (vec![(DSN, " ")], Some(" "))]
    {
        with_variables(&variables, move || {
            let builder = SentrySpanExporter::builder();
            let exporter = in_code
                .into_iter()
                .fold(builder, SentrySpanExporterBuilder::with_dsn)
                .build()
                .unwrap();
            export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
            export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
            exporter.flush(SOON).unwrap();
            exporter.force_flush().unwrap();
            exporter.shutdown().unwrap();
            assert!(matches!(exporter.shutdown(), Err(OTelSdkError::AlreadyShutdown)));
            assert_eq!(stats(&exporter), Stats::default());
        });
    }
}

#[test]
fn nothing_that_can_be_printed_shows_the_key() {
    with_variables(&[], || {
        let dsn = format!("http://{KEY}:{KEY}@127.0.0.1:9/42");
        let proxy = format!("http://user:{KEY}@127.0.0.1:9");
        let builder = SentrySpanExporter::builder().with_dsn(dsn).with_proxy(proxy);
        let shown = format!("{builder:?}");
        let exporter = builder.build().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
        let shown = format!(
            "{shown} {exporter:#?} {provider:?} {:?} {}",
            exporter.stats(),
            exporter.stats()
        );
        assert!(!shown.contains(KEY), "{shown}");
    });
}

#[test]
fn requests_go_through_the_proxy() {
    let proxy = FakeSentry::start();
    let address = format!("http://{}", proxy.dsn().split(['@', '/']).nth(3).unwrap());
    with_variables(&[], move || {
        let dsn = format!("http://{KEY}@sentry.invalid/42");
        let exporter =
            SentrySpanExporter::builder().with_dsn(dsn).with_proxy(address).build().unwrap();
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
    });
    assert_eq!(proxy.requests()[0].path, "http://sentry.invalid/api/42/envelope/");
}
