//! Every shape in which an error of a Rust program comes, as real macros and libraries make it,
//! and the whole event that becomes of it.
//!
//! Places in this file, times, ids and threads are left out; `[frames]` stands for real ones.

mod common;

use std::env::consts::ARCH;
use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use common::recorder::Recorder;
use common::watchdog::watchdog;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

const SOON: Duration = Duration::from_secs(10);

struct App {
    recorder: Recorder,
    exporter: SentrySpanExporter,
    provider: SdkTracerProvider,
}

impl App {
    fn new() -> Self {
        let recorder = Recorder::default();
        let exporter = SentrySpanExporter::builder()
            .with_dsn("https://key@sentry.invalid/42")
            .with_release("shop@1.2.3")
            .with_transport(recorder.clone())
            .build()
            .unwrap();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_resource(Resource::builder_empty().with_service_name("shop").build())
            .build();
        Self { recorder, exporter, provider }
    }

    /// Runs code inside of a span, with the bridge as it is by default.
    fn run(&self, body: impl FnOnce()) {
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("shop"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info_span!("request", order.id = 7).in_scope(body);
        });
    }

    /// All events that were sent, without what is another one every time.
    fn events(&self) -> Value {
        self.exporter.shutdown_with_timeout(SOON).unwrap();
        let mut events = Value::from(self.recorder.payloads("event"));
        redact(&mut events);
        events
    }
}

/// What becomes of an error that is recorded in a span.
fn events(body: impl FnOnce() + Send + 'static) -> Value {
    watchdog(SOON * 2, || {
        let app = App::new();
        app.run(body);
        app.events()
    })
}

fn redact(json: &mut Value) {
    const ANY: &[&str] = &[
        "busy_ns",
        "code.column.number",
        "code.line.number",
        "event_id",
        "frames",
        "idle_ns",
        "line",
        "parent_span_id",
        "rust",
        "sdk",
        "span_id",
        "thread.id",
        "thread.name",
        "thread_id",
        "timestamp",
        "trace_id",
    ];
    match json {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    key if ANY.contains(&key) => *value = format!("[{key}]").into(),
                    "arch" if *value == ARCH => *value = "[arch]".into(),
                    "os" => *value = "[os]".into(),
                    _ => redact(value),
                }
            }
        }
        _ => {}
    }
}

#[derive(Debug)]
struct Locked(std::fmt::Error);

impl std::fmt::Display for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the table is locked")
    }
}

impl Error for Locked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

const LOCKED: Locked = Locked(std::fmt::Error);

#[test]
fn an_error_that_instrumented_functions_return() {
    #[tracing::instrument(err)]
    fn place_order() -> Result<(), Locked> {
        reserve()
    }

    #[tracing::instrument(err)]
    fn reserve() -> Result<(), Locked> {
        query()
    }

    #[tracing::instrument(err)]
    fn query() -> Result<(), Locked> {
        Err(LOCKED)
    }

    insta::assert_json_snapshot!(events(|| drop(place_order())));
}

#[test]
fn an_error_as_a_text_without_a_message() {
    insta::assert_json_snapshot!(events(|| tracing::error!(error = %LOCKED)));
}

#[test]
fn an_error_as_a_value_with_a_message() {
    insta::assert_json_snapshot!(events(|| {
        tracing::error!(error = &LOCKED as &(dyn Error + 'static), "could not reserve");
    }));
}

#[test]
fn an_error_as_a_value_without_a_message() {
    insta::assert_json_snapshot!(events(|| {
        tracing::error!(error = &LOCKED as &(dyn Error + 'static));
    }));
}

#[test]
fn an_error_as_a_text_with_a_message() {
    insta::assert_json_snapshot!(events(|| tracing::error!(error = %LOCKED, "could not reserve")));
}

#[test]
fn a_debug_text_tells_the_type() {
    let events = events(|| tracing::error!(error = ?LOCKED, "could not reserve"));
    let exception = &events[0]["exception"]["values"][0];
    assert_eq!(
        (&exception["type"], &exception["value"]),
        (&json!("Locked"), &json!("Locked(Error)"))
    );
}

#[test]
fn a_message_alone() {
    insta::assert_json_snapshot!(events(|| {
        tracing::info!(product = 3, "checking stock");
        tracing::error!(tags.team = "checkout", attempt = 2, "could not reserve");
    }));
}

#[test]
fn an_error_that_was_recorded_through_the_api() {
    let events = watchdog(SOON, || {
        let app = App::new();
        let tracer = app.provider.tracer("shop");
        tracer.in_span("request", |context| context.span().record_error(&LOCKED));
        app.events()
    });
    insta::assert_json_snapshot!(events);
}

#[cfg(feature = "panic")]
#[test]
fn a_panic_that_unwinds_through_a_span() {
    use std::panic::{AssertUnwindSafe, catch_unwind, take_hook};

    let events = watchdog(SOON, || {
        let app = App::new();
        // The tests beside this one do not panic, unless they fail.
        opentelemetry_sentry::PanicHook::new(&app.exporter).install();
        let unwound = catch_unwind(AssertUnwindSafe(|| app.run(|| panic!("no money: {}", 7))));
        assert!(unwound.is_err());
        drop(take_hook());
        let mut events = app.events();
        let text = &mut events[0]["extra"]["exception.stacktrace"];
        assert!(text.as_str().is_some_and(|text| text.contains("error_shapes::")), "{text}");
        *text = "[text]".into();
        events
    });
    assert!(events.to_string().contains("\"[frames]\""), "{events}");
    insta::assert_json_snapshot!(events);
}

#[test]
fn a_panic_without_the_hook_is_nothing() {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    let events = watchdog(SOON, || {
        let app = App::new();
        // This is how a panic goes on, without the hook being asked.
        let unwind = || app.run(|| resume_unwind(Box::new("no money")));
        assert!(catch_unwind(AssertUnwindSafe(unwind)).is_err());
        app.events()
    });
    assert_eq!(events, json!([]));
}

fn order() -> anyhow::Result<()> {
    Err(LOCKED).context("could not reserve").context("order 7 failed")
}

#[test]
fn an_error_of_anyhow_that_an_instrumented_function_returns() {
    #[tracing::instrument(err(Debug))]
    fn place_order() -> Result<(), Report> {
        // The text as it is without a backtrace, whatever the environment says.
        let text = format!("{:?}", order().unwrap_err());
        let report = text.split("\n\nStack backtrace:").next();
        Err(Report(report.unwrap_or_default().to_owned()))
    }

    insta::assert_json_snapshot!(events(|| drop(place_order())));
}

/// Says in `Debug` what a report said.
struct Report(String);

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[test]
fn an_error_of_anyhow_that_gets_context_from_each_function() {
    #[tracing::instrument(err(Debug))]
    fn reserve() -> anyhow::Result<()> {
        Err(LOCKED).context("could not reserve")
    }
    #[tracing::instrument(err(Debug))]
    fn place_order() -> anyhow::Result<()> {
        reserve().context("order 7 failed")
    }

    let events = events(|| drop(place_order()));
    let [event] = events.as_array().unwrap().as_slice() else { panic!("{events}") };
    let values = event["exception"]["values"].as_array().unwrap();
    let said: Vec<_> = values[1..].iter().map(|it| it["value"].as_str().unwrap()).collect();
    assert_eq!(said, ["the table is locked", "could not reserve", "order 7 failed"]);
}

#[test]
fn an_error_of_anyhow_as_a_value() {
    insta::assert_json_snapshot!(events(|| {
        let error = order().unwrap_err();
        tracing::error!(error = error.as_ref() as &(dyn Error + 'static), "order failed");
    }));
}

/// What libraries write with `{:?}`, where backtraces are on.
const BACKTRACE: &str = "   0: shop::orders::reserve\n             at ./src/orders.rs:42:9
   1: std::rt::lang_start\n             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/rt.rs:205:5
   2: main";

#[test]
fn a_report_of_anyhow_with_its_backtrace() {
    insta::assert_json_snapshot!(with_frames(format!(
        "order 7 failed\n\nCaused by:\n    0: could not reserve\n    1: the table is locked\n\n\
         Stack backtrace:\n{BACKTRACE}\n"
    )));
}

#[test]
fn a_report_of_eyre_with_its_place_and_backtrace() {
    insta::assert_json_snapshot!(with_frames(format!(
        "order 7 failed\n\nCaused by:\n   0: could not reserve\n   1: the table is locked\n\n\
         Location:\n    src/main.rs:36:41\n\nStack backtrace:\n{BACKTRACE}\n"
    )));
}

#[test]
fn a_report_of_color_eyre_with_colours_and_backtrace() {
    insta::assert_json_snapshot!(with_frames(
        "\n   0: \x1b[91morder 7 failed\x1b[0m\n   1: \x1b[91mcould not reserve\x1b[0m\n   \
         2: \x1b[91mthe table is locked\x1b[0m\n\nLocation:\n   \x1b[35msrc/main.rs\x1b[0m:\
         \x1b[35m36\x1b[0m\n\n  ━━━━━━━━━━━━━━━━━━━━━━ SPANTRACE ━━━━━━━━━━━━━━━━━━━━━━━\n\n   \
         0: \x1b[91mshop::request\x1b[0m\n      at \x1b[35msrc/main.rs\x1b[0m:\x1b[35m50\x1b[0m\n\n  \
         ━━━━━━━━━━━━━━━━━━━━━━ BACKTRACE ━━━━━━━━━━━━━━━━━━━━━━━\n  \x1b[96m                              \
         ⋮ 4 frames hidden ⋮                               \x1b[0m\n   5: \x1b[91mshop::orders::reserve\
         \x1b[0m\x1b[90m::he99d6fed0f4ab7c0\x1b[0m\n      at \x1b[35m/srv/shop/src/orders.rs\x1b[0m:\
         \x1b[35m42\x1b[0m\n"
            .to_owned()
    ));
}

/// The event of a report, in which the frames are shown.
fn with_frames(report: String) -> Value {
    watchdog(SOON * 2, move || {
        let app = App::new();
        app.run(|| tracing::error!(exception.message = ?Report(report), "order failed"));
        app.exporter.shutdown_with_timeout(SOON).unwrap();
        let mut event = app.recorder.payloads("event").remove(0);
        let values = event["exception"]["values"].take();
        let extra = event["extra"].take();
        redact(&mut event);
        event["exception"]["values"] = values;
        for exception in event["exception"]["values"].as_array_mut().unwrap() {
            if let Some(fields) = exception.as_object_mut() {
                fields.remove("thread_id");
            }
        }
        event["extra"] = extra;
        event
    })
}
