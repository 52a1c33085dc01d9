//! Spans of `tracing`, through the bridge that most applications use.

mod common;

use std::time::Duration;

use common::recorder::Recorder;
use common::watchdog::watchdog;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

const SOON: Duration = Duration::from_secs(10);

/// Runs code with the bridge as an application sets it up, and gives what arrived.
fn traced(body: impl FnOnce() + Send + 'static) -> Recorder {
    watchdog(SOON * 2, || {
        let recorder = Recorder::default();
        let exporter = SentrySpanExporter::builder()
            .with_dsn("https://key@sentry.invalid/42")
            .with_transport(recorder.clone())
            .build()
            .unwrap();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("app"))
            .with_level(true)
            .with_target(true)
            .with_threads(true);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), body);
        exporter.shutdown_with_timeout(SOON).unwrap();
        recorder
    })
}

fn transaction(recorder: &Recorder) -> Value {
    let mut transactions = recorder.payloads("transaction");
    assert_eq!(transactions.len(), 1, "{transactions:?}");
    transactions.remove(0)
}

#[test]
fn name_and_kind_of_a_span_can_be_given_as_fields() {
    let recorder = traced(|| {
        let request = tracing::info_span!(
            "request",
            otel.name = "GET /orders/{id}",
            otel.kind = "server",
            http.request.method = "GET",
            http.route = "/orders/{id}",
            http.response.status_code = 404,
        );
        let _entered = request.entered();
        let _query =
            tracing::info_span!("query", otel.kind = "client", db.system.name = "sqlite").entered();
    });
    let transaction = transaction(&recorder);
    assert_eq!(transaction["transaction"], "GET /orders/{id}");
    assert_eq!(transaction["transaction_info"]["source"], "route");
    let trace = &transaction["contexts"]["trace"];
    assert_eq!((&trace["op"], &trace["status"]), (&json!("http.server"), &json!("not_found")));
    assert_eq!(trace["data"]["otel.kind"], "SERVER");
    assert!(trace["data"].get("otel.name").is_none(), "the name says it");
    let query = &transaction["spans"][0];
    assert_eq!((&query["op"], &query["data"]["otel.kind"]), (&json!("db"), &json!("CLIENT")));
    assert_eq!(query["description"], "query");
}

#[test]
fn what_the_bridge_adds_is_data_and_never_a_tag() {
    let recorder = traced(|| {
        let _work = tracing::info_span!("work", order = 7).entered();
        let _step = tracing::info_span!("step", order = 8).entered();
    });
    let transaction = transaction(&recorder);
    let (root, step) =
        (&transaction["contexts"]["trace"]["data"], &transaction["spans"][0]["data"]);
    for data in [root, step] {
        assert!(data["busy_ns"].is_i64() && data["idle_ns"].is_i64(), "{data}");
        assert!(data["thread.id"].is_i64() && data["thread.name"].is_string(), "{data}");
        assert!(data["code.file.path"].as_str().unwrap().ends_with("tracing_bridge.rs"), "{data}");
        assert!(data["code.line.number"].is_i64(), "{data}");
        assert_eq!(data["code.module.name"], "tracing_bridge");
        assert_eq!((&data["target"], &data["level"]), (&json!("tracing_bridge"), &json!("INFO")));
    }
    assert_eq!(transaction["tags"], json!({"order": "7"}));
    assert!(step.get("tags").is_none());
}

#[test]
fn what_is_logged_as_an_error_is_one_and_the_rest_is_on_the_way() {
    let recorder = traced(|| {
        let _work = tracing::info_span!("work").entered();
        tracing::info!(attempt = 1, "trying");
        let error = std::io::Error::other("the table is locked");
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, "retrying");
        tracing::error!(error, "gave up");
    });
    let events = recorder.payloads("event");
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&event["level"], &event["logger"]), (&json!("error"), &json!("tracing_bridge")));
    assert_eq!(event["logentry"]["message"], "gave up");
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["value"], "the table is locked");
    let thread = &transaction(&recorder)["contexts"]["trace"]["data"]["thread.id"];
    assert_eq!(exception["thread_id"], *thread);
    let crumbs = event["breadcrumbs"]["values"].as_array().unwrap();
    let told = crumbs.iter().map(|crumb| (crumb["message"].clone(), crumb["level"].clone()));
    let expected = [(json!("trying"), json!("info")), (json!("retrying"), json!("warning"))];
    // `info` is what Sentry takes where nothing is said.
    let told: Vec<_> = told
        .map(|(text, level)| (text, if level.is_null() { json!("info") } else { level }))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(event["contexts"]["Rust Tracing Location"]["module_path"], "tracing_bridge");
}

#[test]
fn what_is_said_in_the_name_of_sentry_wins() {
    let recorder = traced(|| {
        let _work = tracing::info_span!(
            "work",
            otel.kind = "server",
            http.request.method = "GET",
            sentry.op = "billing.run",
            sentry.name = "Nightly billing",
            sentry.source = "task",
            sentry.origin = "manual.billing",
            sentry.release = "billing@7",
            sentry.environment = "night",
            sentry.fingerprint = "billing",
        )
        .entered();
        let _step =
            tracing::info_span!("step", sentry.op = "billing.step", sentry.description = "July");
        tracing::error!(exception.message = "no money", "failed");
    });
    let transaction = transaction(&recorder);
    assert_eq!(transaction["transaction"], "Nightly billing");
    assert_eq!(transaction["transaction_info"]["source"], "task");
    assert_eq!(
        (&transaction["release"], &transaction["environment"]),
        (&json!("billing@7"), &json!("night"))
    );
    let trace = &transaction["contexts"]["trace"];
    assert_eq!((&trace["op"], &trace["origin"]), (&json!("billing.run"), &json!("manual.billing")));
    let step = &transaction["spans"][0];
    assert_eq!((&step["op"], &step["description"]), (&json!("billing.step"), &json!("July")));
    for consumed in ["sentry.op", "sentry.description", "sentry.origin"] {
        assert!(step["data"].get(consumed).is_none(), "{consumed} says what a field says");
    }
    let event = recorder.payloads("event").remove(0);
    assert_eq!(event["fingerprint"], json!(["billing"]));
    assert_eq!((&event["release"], &event["environment"]), (&json!("billing@7"), &json!("night")));
    assert_eq!(event["transaction"], "Nightly billing");
}
