//! Sentry's own SDK beside the exporter: one trace, and each error once.

mod common;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use common::recorder::Recorder;
use common::sentry::FakeSentry;
use common::watchdog::watchdog;
use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt, SpanContext, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::{SentryIntegration, SentrySpanExporter, SentrySpanExporterBuilder};
use sentry::integrations::anyhow::AnyhowHubExt;
use sentry::integrations::tracing::{ErrorLayer, SpanLayer};
use sentry::protocol::{Context as SdkContext, Event, TraceContext};
use sentry::test::TestTransport;
use sentry::{Client, ClientOptions, Hub, Level};
use serde_json::Value;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

const SOON: Duration = Duration::from_secs(10);
const DSN: &str = "https://key@sentry.invalid/42";

/// A process with both: what each of them has sent, and the hub of the SDK.
struct App {
    sdk: Arc<TestTransport>,
    hub: Arc<Hub>,
    ours: Recorder,
    exporter: SentrySpanExporter,
    provider: SdkTracerProvider,
}

/// Something that goes wrong, in a way of its own.
type Way = Box<dyn FnOnce() + Send>;

/// An error whose two texts differ.
enum OrderError {
    NotPaid,
}

impl fmt::Debug for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotPaid { order: 7 }")
    }
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the order is not paid")
    }
}

impl std::error::Error for OrderError {}

impl App {
    fn start() -> Self {
        Self::with(|_, integration, options| options.add_integration(integration))
    }

    fn with(
        set: impl FnOnce(&Arc<TestTransport>, SentryIntegration, ClientOptions) -> ClientOptions,
    ) -> Self {
        Self::with_exporter(SentrySpanExporter::builder(), set)
    }

    fn with_exporter(
        builder: SentrySpanExporterBuilder,
        set: impl FnOnce(&Arc<TestTransport>, SentryIntegration, ClientOptions) -> ClientOptions,
    ) -> Self {
        let ours = Recorder::default();
        let exporter = builder.with_dsn(DSN).with_transport(ours.clone()).build().unwrap();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let sdk = TestTransport::new();
        let options = ClientOptions::new().dsn(DSN).transport(Arc::clone(&sdk));
        let client = Client::from(set(&sdk, SentryIntegration::new(&exporter), options));
        let hub = Arc::new(Hub::new(Some(Arc::new(client)), Arc::default()));
        Self { sdk, hub, ours, exporter, provider }
    }

    /// Runs this within a span that is active, with the hub of this process.
    fn in_span<R>(&self, work: impl FnOnce(&Hub) -> R) -> (SpanContext, R) {
        let tracer = self.provider.tracer("tests");
        let context = Context::new().with_span(tracer.start("GET /orders"));
        let _active = context.clone().attach();
        let result = Hub::run(Arc::clone(&self.hub), || work(&self.hub));
        context.span().end();
        (context.span().span_context().clone(), result)
    }

    /// The same with spans and events of `tracing`, which both of them listen to.
    fn traced(&self, work: impl FnOnce()) {
        let bridge = tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("tests"))
            .with_level(true);
        let subscriber = tracing_subscriber::registry()
            .with(bridge)
            .with(SpanLayer::new().with_filter(LevelFilter::INFO))
            .with(ErrorLayer::new().with_filter(LevelFilter::ERROR));
        let work = || {
            let _root = tracing::info_span!("GET /orders").entered();
            work();
        };
        Hub::run(Arc::clone(&self.hub), || tracing::subscriber::with_default(subscriber, work));
    }

    fn sent_by_sdk(&self) -> Vec<Event<'static>> {
        self.sdk.fetch_and_clear_events()
    }

    /// The errors that the exporter sent, and how many it left out.
    fn ours(&self) -> (Vec<Value>, u64) {
        self.exporter.flush(SOON).unwrap();
        let stats = self.exporter.stats();
        assert_eq!((stats.spans_pending, stats.spans_dropped), (0, 0), "{stats}");
        assert_eq!(stats.spans_received, stats.spans_delivered, "{stats}");
        (self.ours.payloads("event"), stats.repeated_errors)
    }

    /// What arrived of one error: copies of the SDK, copies of the exporter, those left out.
    fn copies(&self) -> (usize, usize, u64) {
        let (events, left_out) = self.ours();
        (self.sent_by_sdk().len(), events.len(), left_out)
    }
}

fn trace(event: &Event<'_>) -> TraceContext {
    match &event.contexts["trace"] {
        SdkContext::Trace(trace) => (**trace).clone(),
        other => panic!("{other:?}"),
    }
}

fn ids(event: &Event<'_>) -> (String, String) {
    (trace(event).trace_id.to_string(), trace(event).span_id.to_string())
}

fn ids_of(span: &SpanContext) -> (String, String) {
    (span.trace_id().to_string(), span.span_id().to_string())
}

/// Records an error as an instrumented library does, and lets the SDK capture it.
fn fail(hub: &Hub, error: &(dyn std::error::Error + 'static)) {
    Context::current().span().record_error(error);
    hub.capture_error(error);
}

fn locked() -> std::io::Error {
    std::io::Error::other("the table is locked")
}

#[test]
fn what_the_sdk_captures_joins_the_trace_of_the_active_span() {
    watchdog(SOON * 2, || {
        let app = App::start();
        let (span, ()) = app.in_span(|hub| {
            hub.capture_error(&locked());
            hub.capture_message("almost full", Level::Warning);
        });
        let events = app.sent_by_sdk();
        assert_eq!(events.len(), 2);
        app.exporter.flush(SOON).unwrap();
        let transactions = app.ours.payloads("transaction");
        let root = &transactions[0]["contexts"]["trace"];
        for event in &events {
            assert_eq!(ids(event), ids_of(&span));
            assert_eq!(trace(event).parent_span_id, None, "a span does not tell it");
            assert_eq!(root["trace_id"], trace(event).trace_id.to_string());
            assert_eq!(root["span_id"], trace(event).span_id.to_string());
        }
    });
}

#[test]
fn without_an_active_span_an_event_keeps_the_trace_of_the_sdk() {
    let app = App::start();
    app.hub.capture_error(&locked());
    app.in_span(|hub| hub.capture_error(&locked()));
    app.hub.capture_error(&locked());
    let [before, within, after] = app.sent_by_sdk().try_into().unwrap();
    assert_eq!(trace(&before), trace(&after));
    assert_ne!(ids(&before).0, ids(&within).0);

    let mut own = Event::new();
    let given = TraceContext { op: Some("own".into()), ..TraceContext::default() };
    own.contexts.insert("trace".into(), given.clone().into());
    app.hub.capture_event(own);
    assert_eq!(trace(&app.sent_by_sdk()[0]), given);
}

#[test]
fn an_active_span_wins_over_one_of_sentrys_own_tracing() {
    let app = App::with(|_, integration, options| {
        options.traces_sample_rate(1.0).add_integration(integration)
    });
    let (span, ()) = app.in_span(|hub| {
        let transaction = sentry::start_transaction(sentry::TransactionContext::new("own", "own"));
        hub.configure_scope(|scope| scope.set_span(Some(transaction.into())));
        hub.capture_error(&locked());
    });
    assert_eq!(ids(&app.sent_by_sdk()[0]), ids_of(&span));
}

#[test]
fn threads_and_tasks_have_the_span_that_is_attached_there() {
    watchdog(SOON * 2, || {
        let app = App::start();
        let tracer = app.provider.tracer("tests");
        let contexts: Vec<_> = (0..8)
            .map(|number| Context::new().with_span(tracer.start(format!("work {number}"))))
            .collect();
        thread::scope(|scope| {
            for (number, context) in contexts.iter().enumerate() {
                let hub = &app.hub;
                scope.spawn(move || {
                    let _active = context.clone().attach();
                    hub.capture_message(&number.to_string(), Level::Error);
                });
            }
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = contexts
                .iter()
                .enumerate()
                .map(|(number, context)| {
                    let hub = Arc::clone(&app.hub);
                    let task = async move {
                        for _ in 0..10 {
                            tokio::task::yield_now().await;
                        }
                        hub.capture_message(&number.to_string(), Level::Error);
                    };
                    tokio::spawn(task.with_context(context.clone()))
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let events = app.sent_by_sdk();
        assert_eq!(events.len(), 16);
        for event in events {
            let number: usize = event.message.as_deref().unwrap().parse().unwrap();
            assert_eq!(ids(&event), ids_of(contexts[number].span().span_context()));
        }
    });
}

#[test]
fn an_error_that_the_sdk_has_sent_is_left_out() {
    watchdog(SOON * 2, || {
        let app = App::start();
        app.in_span(|hub| fail(hub, &locked()));
        assert_eq!(app.copies(), (1, 0, 1));

        let app = App::start();
        app.in_span(|hub| {
            let error = Err::<(), _>(locked()).context("no orders").unwrap_err();
            Context::current().span().record_error(error.as_ref());
            hub.capture_anyhow(&error);
        });
        assert_eq!(app.copies(), (1, 0, 1), "the outermost text of a chain");

        let app = App::start();
        app.in_span(|hub| fail(hub, &std::io::Error::other("https://root:secret@db.test/")));
        assert_eq!(app.copies(), (1, 0, 1), "a text that is scrubbed");

        let app = App::start();
        app.in_span(|hub| {
            Context::current().span().set_status(Status::error(""));
            hub.capture_error(&locked());
        });
        assert_eq!(app.copies(), (1, 0, 1), "an error status of the same span");
    });
}

#[test]
fn what_both_hear_of_tracing_arrives_once() {
    #[tracing::instrument(err)]
    fn displayed() -> Result<(), OrderError> {
        Err(OrderError::NotPaid)
    }
    #[tracing::instrument(err(Debug))]
    fn debugged() -> Result<(), OrderError> {
        Err(OrderError::NotPaid)
    }
    let error = || Err::<(), _>(locked()).context("no orders").unwrap_err();
    let ways: [(&str, Way); 7] = [
        ("a message", Box::new(|| tracing::error!("the table is locked"))),
        (
            "an error",
            Box::new(|| {
                let error = &locked() as &(dyn std::error::Error + 'static);
                tracing::error!(error, "no orders");
            }),
        ),
        ("an error as text", Box::new(|| tracing::error!(error = %locked(), "no orders"))),
        ("text for debugging", Box::new(|| tracing::error!(error = ?locked(), "no orders"))),
        ("a report", Box::new(move || tracing::error!(error = ?error(), "no orders"))),
        ("err", Box::new(|| drop(displayed()))),
        ("err(Debug)", Box::new(|| drop(debugged()))),
    ];
    watchdog(SOON * 2, || {
        for (name, way) in ways {
            let app = App::start();
            app.traced(way);
            assert_eq!(app.copies(), (1, 0, 1), "{name}");
        }
    });
}

#[test]
fn what_the_sdk_captures_by_hand_and_a_function_records_arrives_once() {
    #[tracing::instrument(err)]
    fn displayed() -> Result<(), OrderError> {
        sentry::capture_error(&OrderError::NotPaid);
        Err(OrderError::NotPaid)
    }
    #[tracing::instrument(err(Debug))]
    fn debugged() -> Result<(), OrderError> {
        sentry::capture_error(&OrderError::NotPaid);
        Err(OrderError::NotPaid)
    }
    watchdog(SOON * 2, || {
        for way in [displayed, debugged] {
            let app = App::start();
            let bridge = tracing_opentelemetry::layer()
                .with_tracer(app.provider.tracer("tests"))
                .with_level(true);
            let subscriber = tracing_subscriber::registry().with(bridge);
            Hub::run(Arc::clone(&app.hub), || {
                tracing::subscriber::with_default(subscriber, || drop(way()));
            });
            assert_eq!(app.copies(), (1, 0, 1));
        }
    });
}

#[test]
fn an_error_on_its_way_up_through_spans_is_the_same() {
    #[tracing::instrument(err)]
    fn inner() -> Result<(), OrderError> {
        Err(OrderError::NotPaid)
    }
    #[tracing::instrument(err)]
    fn outer() -> Result<(), OrderError> {
        inner()
    }
    watchdog(SOON * 2, || {
        let app = App::start();
        app.traced(|| drop(outer()));
        // The layer of the SDK captures it at each of the two.
        assert_eq!(app.copies(), (2, 0, 2));
    });
}

#[test]
fn what_the_sdk_has_not_sent_is_sent() {
    watchdog(SOON * 2, || {
        let app = App::start();
        app.in_span(|hub| {
            Context::current().span().record_error(&locked());
            hub.capture_error(&OrderError::NotPaid);
        });
        assert_eq!(app.copies(), (1, 1, 0), "another error");

        let app = App::start();
        app.in_span(|hub| hub.capture_error(&locked()));
        app.in_span(|_| Context::current().span().record_error(&locked()));
        assert_eq!(app.copies(), (1, 1, 0), "another trace");

        let app = App::with(|_, integration, options| {
            options.before_send(|_| None).add_integration(integration)
        });
        app.in_span(|hub| fail(hub, &locked()));
        assert_eq!(app.copies(), (0, 1, 0), "dropped by before_send");

        let app = App::with(|_, integration, mut options| {
            options.dsn = None;
            options.add_integration(integration)
        });
        app.in_span(|hub| fail(hub, &locked()));
        assert_eq!(app.copies(), (0, 1, 0), "without a DSN");
    });
}

#[test]
fn what_before_send_rewrites_is_still_the_same_error() {
    watchdog(SOON * 2, || {
        let app = App::with(|_, integration, options| {
            let rewrite = |mut event: Event<'static>| {
                event.exception.values[0].value = Some("[redacted]".into());
                Some(event)
            };
            options.before_send(rewrite).add_integration(integration)
        });
        app.in_span(|hub| fail(hub, &locked()));
        let events = app.sent_by_sdk();
        assert_eq!(events[0].exception[0].value.as_deref(), Some("[redacted]"));
        assert_eq!(app.copies(), (0, 0, 1));
    });
}

#[test]
fn what_a_sample_rate_drops_is_sent_and_only_the_transport_tells() {
    watchdog(SOON * 2, || {
        let sampled = |rate: f32, is_wrapped: bool| {
            let app = App::with(|sdk, integration, options| {
                let options = options.sample_rate(rate);
                let options = match is_wrapped {
                    true => options.transport(integration.wrap_transport(Arc::clone(sdk))),
                    false => options,
                };
                options.add_integration(integration)
            });
            app.in_span(|hub| fail(hub, &locked()));
            app.copies()
        };
        assert_eq!(sampled(1.0, true), (1, 0, 1));
        assert_eq!(sampled(0.0, true), (0, 1, 0));
        assert_eq!(sampled(0.0, false), (0, 1, 0));
        for _ in 0..10 {
            let (sdk, ours, left_out) = sampled(0.5, true);
            assert_eq!((sdk + ours, left_out), (1, sdk as u64));
            assert_eq!(sampled(0.5, false).1, 1);
        }
    });
}

#[test]
fn both_copies_arrive_if_that_is_wanted() {
    watchdog(SOON * 2, || {
        let app = App::with(|_, integration, options| {
            options.add_integration(integration.with_repeated_errors(true))
        });
        let (span, ()) = app.in_span(|hub| fail(hub, &locked()));
        assert_eq!(ids(&app.sent_by_sdk()[0]), ids_of(&span));
        assert_eq!(app.copies(), (0, 1, 0));
    });
}

#[test]
fn an_error_that_leaves_before_its_root_is_left_out_and_counted_once() {
    watchdog(SOON * 2, || {
        let app = App::start();
        app.in_span(|hub| {
            let tracer = app.provider.tracer("tests");
            tracer.in_span("SELECT orders", |_| fail(hub, &locked()));
            // A flush waits for no root.
            app.exporter.flush(SOON).unwrap();
            assert_eq!(app.exporter.stats().repeated_errors, 1);
        });
        assert_eq!(app.copies(), (1, 0, 1));
    });
}

#[test]
fn spotlight_gets_the_copy_that_is_left_out() {
    watchdog(SOON * 2, || {
        let spotlight = FakeSentry::start();
        let builder = SentrySpanExporter::builder().with_spotlight(spotlight.url("/stream"));
        let app = App::with_exporter(builder, |_, integration, options| {
            options.add_integration(integration)
        });
        app.in_span(|hub| fail(hub, &locked()));
        assert_eq!(app.copies(), (1, 0, 1));
        assert_eq!(spotlight.events().len(), 1);
    });
}

#[test]
fn the_integration_does_not_keep_the_exporter_alive() {
    watchdog(SOON * 2, || {
        let App { hub, ours, exporter, provider, .. } = App::start();
        let tracer = provider.tracer("tests");
        tracer.in_span("work", |_| ());
        drop((tracer, provider, exporter));
        assert_eq!(ours.payloads("transaction").len(), 1, "delivered by the last handle");
        hub.capture_error(&locked());
    });
}

#[cfg(feature = "panic")]
mod panics {
    use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
    use std::sync::{Mutex, PoisonError};

    use opentelemetry_sentry::PanicHook;
    use sentry::integrations::panic::{PanicIntegration, panic_handler};

    use super::*;

    /// Which hook was installed last, and so runs first.
    #[derive(Clone, Copy, Debug)]
    enum Last {
        Ours,
        Sdk,
    }

    /// Copies of one panic with both hooks.
    fn copies(last: Last, in_span: bool, before_send: bool) -> (usize, usize, u64) {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let app = App::with(|_, integration, options| {
            let options = options.add_integration(PanicIntegration::new());
            let options = match before_send {
                true => options.before_send(|_| None),
                false => options,
            };
            options.add_integration(integration)
        });
        // The client has installed a hook, unless it was not the first one of the process.
        drop(take_hook());
        let quiet = Box::new(|_: &std::panic::PanicHookInfo<'_>| ());
        match last {
            Last::Ours => {
                set_hook(Box::new(panic_handler));
                PanicHook::new(&app.exporter).install();
            }
            Last::Sdk => {
                set_hook(quiet);
                PanicHook::new(&app.exporter).install();
                let next = take_hook();
                set_hook(Box::new(move |info| {
                    panic_handler(info);
                    next(info);
                }));
            }
        }
        let panics = || catch_unwind(AssertUnwindSafe(|| panic!("no money"))).unwrap_err();
        if in_span {
            app.in_span(|_| drop(panics()));
        } else {
            Hub::run(Arc::clone(&app.hub), || drop(panics()));
        }
        drop(take_hook());
        app.copies()
    }

    #[test]
    fn a_panic_that_both_hooks_hear_arrives_once() {
        watchdog(SOON * 4, || {
            for last in [Last::Ours, Last::Sdk] {
                for in_span in [true, false] {
                    let what = format!("{last:?}, in a span: {in_span}");
                    assert_eq!(copies(last, in_span, false), (1, 0, 1), "{what}");
                    assert_eq!(copies(last, in_span, true), (0, 1, 0), "dropped, {what}");
                }
            }
        });
    }
}
