//! What Sentry hears of panics that a process survives.
#![cfg(feature = "panic")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use common::sentry::{FakeSentry, SOON};
use common::telemetry::{export, exporter, span, stats};
use common::watchdog::watchdog;
use opentelemetry::trace::{
    SpanContext, Status, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanProcessor};
use opentelemetry_sentry::transport::{Transport, TransportError};
use opentelemetry_sentry::{PanicHook, SentrySpanExporter};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

const LIMIT: Duration = Duration::from_secs(60);

/// An application with the hook, alone in the process for as long as it lives.
struct App {
    sentry: FakeSentry,
    exporter: SentrySpanExporter,
    provider: SdkTracerProvider,
    _hook: Hook,
}

/// The hook of the process, of which there is only one; the one below stands for that of `std`.
struct Hook {
    /// How often it ran.
    previous: Arc<AtomicUsize>,
    _alone: MutexGuard<'static, ()>,
}

impl Hook {
    fn take() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&previous);
        set_hook(Box::new(move |info| {
            count.fetch_add(1, Ordering::SeqCst);
            eprintln!("{info}");
        }));
        Self { previous, _alone: alone }
    }

    fn previous(&self) -> usize {
        self.previous.load(Ordering::SeqCst)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if !thread::panicking() {
            drop(take_hook());
        }
    }
}

impl App {
    fn start() -> Self {
        Self::with_sampler(Sampler::AlwaysOn)
    }

    fn with_sampler(sampler: Sampler) -> Self {
        let hook = Hook::take();
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "shop"),
                KeyValue::new("service.version", "1.2.3"),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(resource)
            .with_batch_exporter(exporter.clone())
            .build();
        // The processor hands its resource over on its own thread.
        provider.force_flush().unwrap();
        PanicHook::new(&exporter).install();
        Self { sentry, exporter, provider, _hook: hook }
    }

    /// Runs this within a span that is active.
    fn in_span<R>(&self, name: &'static str, work: impl FnOnce() -> R) -> R {
        let tracer = self.provider.tracer("tests");
        let builder = tracer.span_builder(name);
        let builder = builder.with_attributes([KeyValue::new("order.kind", "gift")]);
        let _active = Context::current_with_span(builder.start(&tracer)).attach();
        work()
    }

    /// The events, in order of time, and transactions sent once all that has ended is delivered.
    fn delivered(&self) -> (Vec<Value>, Vec<Value>) {
        self.provider.force_flush().unwrap();
        self.exporter.flush(SOON).unwrap();
        stats(&self.exporter);
        let mut events = self.sentry.events();
        events.sort_by(|a, b| {
            a["timestamp"].as_f64().unwrap().total_cmp(&b["timestamp"].as_f64().unwrap())
        });
        (events, self.sentry.transactions())
    }
}

fn pay() {
    panic!("no money: {}", 7);
}

/// Has a thread of this name panic; it is not the main one.
fn on_thread(body: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("worker".into());
        thread.spawn_scoped(scope, body).unwrap().join().unwrap_err();
    });
}

fn exception(event: &Value) -> &Value {
    &event["exception"]["values"][0]
}

struct Frame {
    /// Without its crate where the debug information is no more than tables of lines.
    function: String,
    file: String,
    is_in_app: bool,
}

fn frames(event: &Value) -> Vec<Frame> {
    let frames = exception(event)["stacktrace"]["frames"].as_array().expect("frames");
    let frame = |frame: &Value| Frame {
        function: frame["function"].as_str().unwrap().to_owned(),
        file: frame["abs_path"].as_str().unwrap_or_default().to_owned(),
        is_in_app: frame["in_app"].as_bool().unwrap(),
    };
    frames.iter().map(frame).collect()
}

impl Frame {
    fn is_of_this_file(&self) -> bool {
        self.file.ends_with("tests/panic.rs")
    }
}

#[test]
fn a_panic_in_a_span_is_a_fatal_error_of_its_transaction() {
    watchdog(LIMIT, || {
        let app = App::start();
        on_thread(|| app.in_span("checkout", pay));
        let (events, transactions) = app.delivered();
        let ([event], [transaction]) = (&events[..], &transactions[..]) else {
            panic!("{events:?} {transactions:?}");
        };
        assert_eq!((&event["level"], &event["transaction"]), (&"fatal".into(), &"checkout".into()));
        let exception = exception(event);
        assert_eq!(
            (&exception["type"], &exception["value"]),
            (&"panic".into(), &"no money: 7".into())
        );
        assert_eq!(exception["mechanism"], json!({"type": "panic", "handled": false}));
        let trace = &event["contexts"]["trace"];
        assert_eq!(trace["trace_id"], transaction["contexts"]["trace"]["trace_id"]);
        assert_eq!(trace["span_id"], transaction["contexts"]["trace"]["span_id"]);
        assert_eq!(transaction["contexts"]["trace"]["status"], "internal_error");
        assert_eq!(event["contexts"]["Rust Tracing Location"]["file"], "tests/panic.rs");
        assert_eq!(event["contexts"]["otel"]["attributes"]["thread.name"], "worker");
        assert_eq!(
            (&event["tags"]["order.kind"], &event["release"]),
            (&"gift".into(), &"shop@1.2.3".into())
        );
        assert_eq!(stats(&app.exporter).events_delivered, 1);
    });
}

#[test]
fn the_stack_trace_ends_with_the_function_that_panicked() {
    watchdog(LIMIT, || {
        let app = App::start();
        on_thread(pay);
        on_thread(|| drop(std::hint::black_box(None::<String>).unwrap()));
        let (events, _) = app.delivered();
        for (event, expected) in events.iter().zip(["pay", "{closure#0}"]) {
            let last = frames(event).pop().unwrap();
            let last_name = last.function.replace("{{closure}}", "{closure#0}");
            assert!(last_name.ends_with(expected), "{last_name}");
            assert!(last.is_in_app && last.is_of_this_file(), "{}", last.file);
        }
        for Frame { function, file, is_in_app } in events.iter().flat_map(frames) {
            assert!(!function.contains("rust_begin_unwind"), "{function}");
            let is_hook = file.ends_with("src/panic.rs") && !file.contains("/library/std/");
            assert!(!is_hook, "{function} in {file}");
            assert!(!is_in_app || file.ends_with("tests/panic.rs"), "{function} in {file}");
        }
    });
}

#[test]
fn a_panic_over_an_error_that_a_span_recorded_is_a_fatal_issue_beside_that_of_the_error() {
    watchdog(LIMIT, || {
        let app = App::start();
        on_thread(|| {
            app.in_span("order", || {
                let paid = app.in_span("pay", || {
                    let error = anyhow::anyhow!("no money");
                    Context::current().span().record_error(error.as_ref());
                    Err::<(), _>(error)
                });
                paid.context("order failed").unwrap();
            });
        });
        let (events, _) = app.delivered();
        let said = |event: &Value| {
            let values = event["exception"]["values"].as_array().unwrap();
            let types: Vec<_> = values.iter().map(|it| it["type"].as_str().unwrap()).collect();
            (event["level"].as_str().unwrap().to_owned(), types.join(", "))
        };
        let expected = [("error", "Error"), ("fatal", "Error, panic")];
        let expected = expected.map(|(level, types)| (level.to_owned(), types.to_owned()));
        assert_eq!(events.iter().map(said).collect::<Vec<_>>(), expected, "{events:?}");
    });
}

#[test]
fn a_panic_without_a_span_is_sent_at_once_and_without_a_transaction() {
    watchdog(LIMIT, || {
        let app = App::start();
        on_thread(pay);
        app.sentry.wait_for(1, SOON);
        let envelope = app.sentry.envelopes().remove(0);
        assert_eq!((envelope.items.len(), envelope.header.get("trace")), (1, None));
        let event = envelope.payloads("event").remove(0);
        assert_eq!(
            (exception(&event)["value"].as_str(), event.get("transaction")),
            (Some("no money: 7"), None)
        );
        assert_eq!((&event["release"], &event["level"]), (&"shop@1.2.3".into(), &"fatal".into()));
        assert_eq!(event["contexts"]["trace"]["trace_id"].as_str().unwrap().len(), 32);
        let (events, transactions) = app.delivered();
        assert_eq!((events.len(), transactions.len()), (1, 0));
        assert_eq!(app._hook.previous(), 1);
    });
}

#[test]
fn a_panic_before_any_provider_is_there_arrives_as_well() {
    watchdog(LIMIT, || {
        let _hook = Hook::take();
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        PanicHook::new(&exporter).install();
        on_thread(pay);
        sentry.wait_for(1, SOON);
        assert_eq!(exception(&sentry.events()[0])["value"], "no money: 7");
    });
}

#[test]
fn two_panics_of_the_same_task_that_are_caught_are_two_errors() {
    watchdog(LIMIT, || {
        let app = App::start();
        app.in_span("import", || {
            catch_unwind(pay).unwrap_err();
            catch_unwind(|| panic!("no time")).unwrap_err();
        });
        let (events, transactions) = app.delivered();
        let values: Vec<_> = events.iter().map(|event| exception(event)["value"].clone()).collect();
        assert_eq!((values, transactions.len()), (vec!["no money: 7".into(), "no time".into()], 1));
    });
}

#[test]
fn a_payload_of_another_type_is_named_as_std_names_it() {
    watchdog(LIMIT, || {
        let app = App::start();
        on_thread(|| panic_any(7_u32));
        on_thread(|| panic_any("text"));
        let (events, _) = app.delivered();
        let values: Vec<_> = events.iter().map(|event| exception(event)["value"].clone()).collect();
        assert_eq!(values, ["Box<dyn Any>", "text"]);
    });
}

#[test]
fn a_panic_of_a_tokio_task_belongs_to_the_tracing_span_around_it() {
    #[tracing::instrument(fields(http.route = "/orders"))]
    async fn handle() {
        tokio::task::yield_now().await;
        pay();
    }
    watchdog(LIMIT, || {
        let app = App::start();
        let layer = tracing_opentelemetry::layer().with_tracer(app.provider.tracer("tests"));
        let subscriber = tracing_subscriber::registry().with(layer);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async { tokio::spawn(handle()).await.unwrap_err() });
        });
        let (events, transactions) = app.delivered();
        assert_eq!((events.len(), transactions.len()), (1, 1));
        assert_eq!(
            (&events[0]["transaction"], &events[0]["tags"]["http.route"]),
            (&"handle".into(), &"/orders".into())
        );
        let last = frames(&events[0]).pop().unwrap();
        assert!(last.function.ends_with("pay") && last.is_of_this_file(), "{}", last.function);
    });
}

#[test]
fn without_context_activation_of_tracing_the_panic_arrives_without_its_span() {
    watchdog(LIMIT, || {
        let app = App::start();
        let layer = tracing_opentelemetry::layer().with_tracer(app.provider.tracer("tests"));
        let layer = layer.with_context_activation(false);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            catch_unwind(|| tracing::info_span!("handle").in_scope(pay)).unwrap_err();
        });
        let (events, transactions) = app.delivered();
        assert_eq!((events.len(), transactions.len()), (1, 1));
        assert_eq!(events[0].get("transaction"), None);
    });
}

#[test]
fn a_hook_that_logs_the_panic_as_well_makes_no_second_error() {
    watchdog(LIMIT, || {
        let app = App::start();
        let next = take_hook();
        set_hook(Box::new(move |info| {
            next(info);
            tracing::error!("the application {info}");
        }));
        let layer = tracing_opentelemetry::layer().with_tracer(app.provider.tracer("tests"));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            catch_unwind(|| tracing::info_span!("handle").in_scope(pay)).unwrap_err();
        });
        let (events, _) = app.delivered();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(exception(&events[0])["type"], "panic");
        assert_eq!(stats(&app.exporter).repeated_errors, 1);
    });
}

#[test]
fn a_panic_in_a_span_that_nobody_samples_arrives_with_its_trace() {
    watchdog(LIMIT, || {
        let app = App::with_sampler(Sampler::AlwaysOff);
        on_thread(|| app.in_span("checkout", pay));
        app.sentry.wait_for(1, SOON);
        let envelope = app.sentry.envelopes().remove(0);
        assert_eq!(envelope.header.get("trace"), None, "the trace is not sampled");
        assert_eq!(exception(&envelope.payloads("event")[0])["value"], "no money: 7");
    });
}

#[test]
fn a_panic_below_a_span_of_another_process_belongs_to_its_trace() {
    watchdog(LIMIT, || {
        let app = App::start();
        let remote =
            SpanContext::new(7.into(), 8.into(), TraceFlags::SAMPLED, true, TraceState::NONE);
        on_thread(|| {
            let _active = Context::new().with_remote_span_context(remote).attach();
            pay();
        });
        app.sentry.wait_for(1, SOON);
        let envelope = app.sentry.envelopes().remove(0);
        assert_eq!(envelope.header["trace"]["trace_id"], format!("{:032x}", 7));
        assert_eq!(envelope.header["trace"].get("transaction"), None);
        let trace = &envelope.payloads("event")[0]["contexts"]["trace"];
        assert_eq!(trace["span_id"], format!("{:016x}", 8));
    });
}

#[test]
fn a_flush_sends_the_panic_of_a_span_that_has_not_ended() {
    watchdog(LIMIT, || {
        let app = App::start();
        app.in_span("for ever", || {
            catch_unwind(pay).unwrap_err();
            let (events, transactions) = app.delivered();
            assert_eq!((events.len(), transactions.len()), (1, 0));
            assert_eq!(
                app.sentry.envelopes()[0].header["trace"]["trace_id"],
                events[0]["contexts"]["trace"]["trace_id"]
            );
            catch_unwind(|| panic!("no time")).unwrap_err();
        });
        let (events, transactions) = app.delivered();
        assert_eq!((events.len(), transactions.len()), (2, 1), "each is told once");
        assert_ne!(events[0]["event_id"], events[1]["event_id"]);
    });
}

/// Panics while the span is locked.
#[derive(Debug)]
struct Clumsy;

impl SpanProcessor for Clumsy {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}
    fn on_end(&self, _: SpanData) {
        pay();
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn a_panic_while_its_span_is_locked_holds_up_nobody() {
    watchdog(LIMIT, || {
        let app = App::start();
        let clumsy = SdkTracerProvider::builder().with_span_processor(Clumsy).build();
        let start = Instant::now();
        on_thread(|| {
            let span = clumsy.tracer("tests").start("locked");
            let _active = Context::current_with_span(span).attach();
            Context::map_current(|context| context.span().end());
        });
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        let (events, _) = app.delivered();
        assert_eq!(exception(&events[0])["value"], "no money: 7");
    });
}

/// Panics once, and then takes everything.
#[derive(Clone, Debug, Default)]
struct Moody(Arc<(AtomicUsize, Mutex<Vec<String>>)>);

#[async_trait::async_trait]
impl Transport for Moody {
    async fn send(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        if self.0.0.fetch_add(1, Ordering::SeqCst) == 0 {
            pay();
        }
        let mut text = String::new();
        let mut body = flate2::read::GzDecoder::new(&request.body()[..]);
        std::io::Read::read_to_string(&mut body, &mut text).unwrap();
        self.0.1.lock().unwrap().push(text);
        Ok(http::Response::new(bytes::Bytes::new()))
    }
}

#[test]
fn panics_of_the_exporter_itself_are_not_its_business() {
    watchdog(LIMIT, || {
        let hook = Hook::take();
        let moody = Moody::default();
        let builder = SentrySpanExporter::builder().with_dsn("http://key@127.0.0.1:1/42");
        let exporter = builder.with_transport(moody.clone()).build().unwrap();
        PanicHook::new(&exporter).install();
        export(&exporter, vec![span(1, 1, 0, "first")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(hook.previous(), 1);
        // It tells of the trouble with the first.
        export(&exporter, vec![span(2, 1, 0, "second")]).unwrap_err();
        exporter.flush(SOON).unwrap();
        let sent = moody.0.1.lock().unwrap().join("\n");
        assert!(sent.contains("second") && !sent.contains("no money"), "{sent}");
    });
}

#[test]
fn the_hook_is_installed_once_and_again_when_it_was_replaced() {
    watchdog(LIMIT, || {
        let app = App::start();
        PanicHook::new(&app.exporter).install();
        on_thread(pay);
        assert_eq!(app.delivered().0.len(), 1);
        set_hook(Box::new(|_| {}));
        on_thread(pay);
        assert_eq!(app.delivered().0.len(), 1);
        PanicHook::new(&app.exporter).install();
        on_thread(pay);
        assert_eq!(app.delivered().0.len(), 2);
    });
}

#[test]
fn the_hook_neither_keeps_the_exporter_alive_nor_misses_it() {
    watchdog(LIMIT, || {
        let hook = Hook::take();
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        PanicHook::new(&exporter).install();
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        drop(exporter);
        sentry.wait_for(1, SOON);
        on_thread(pay);
        assert_eq!((hook.previous(), sentry.events().len()), (1, 0));
    });
}

#[test]
fn after_a_shutdown_a_panic_says_nothing_and_waits_for_nothing() {
    watchdog(LIMIT, || {
        let app = App::start();
        app.provider.shutdown().unwrap();
        let hook = PanicHook::new(&app.exporter).with_process_exit(true);
        set_hook(Box::new(|_| {}));
        hook.install();
        let start = Instant::now();
        on_thread(pay);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(app.sentry.events().len(), 0);
    });
}

#[test]
fn without_a_dsn_there_is_no_hook() {
    watchdog(LIMIT, || {
        let hook = Hook::take();
        let exporter = SentrySpanExporter::builder().with_dsn("").build().unwrap();
        assert!(!exporter.is_enabled());
        PanicHook::new(&exporter).with_process_exit(true).install();
        on_thread(pay);
        assert_eq!((hook.previous(), stats(&exporter).events_dropped), (1, 0));
    });
}

#[test]
fn where_another_hook_ends_the_process_the_panic_is_delivered_before() {
    watchdog(LIMIT, || {
        let _hook = Hook::take();
        let sentry = Arc::new(FakeSentry::start());
        let exporter = exporter(&sentry);
        let seen = Arc::new(AtomicUsize::new(0));
        let (server, count) = (Arc::clone(&sentry), Arc::clone(&seen));
        set_hook(Box::new(move |_| count.store(server.events().len(), Ordering::SeqCst)));
        PanicHook::new(&exporter).with_process_exit(true).install();
        on_thread(pay);
        assert_eq!(seen.load(Ordering::SeqCst), 1);
        drop(take_hook());
    });
}

#[test]
fn spotlight_gets_a_copy_of_the_panic_alone() {
    watchdog(LIMIT, || {
        let _hook = Hook::take();
        let spotlight = FakeSentry::start();
        let builder = SentrySpanExporter::builder().with_dsn("");
        let exporter = builder.with_spotlight(spotlight.url("/stream")).build().unwrap();
        PanicHook::new(&exporter).install();
        on_thread(pay);
        exporter.flush(SOON).unwrap();
        assert_eq!((spotlight.events().len(), spotlight.transactions().len()), (1, 0));
        assert_eq!(stats(&exporter).events_dropped, 1, "Sentry has no copy");
    });
}

#[test]
fn more_panics_than_can_be_told_are_counted() {
    watchdog(LIMIT, || {
        let app = App::start();
        for _ in 0..1000 {
            catch_unwind(pay).unwrap_err();
        }
        app.exporter.flush(SOON).unwrap();
        let stats = stats(&app.exporter);
        assert_eq!(stats.events_delivered + stats.events_dropped, 1000, "{stats:?}");
        assert!(stats.events_delivered >= 100, "{stats:?}");
    });
}

#[test]
fn installing_on_a_thread_that_panics_does_nothing() {
    struct Installs<'a>(&'a SentrySpanExporter);
    impl Drop for Installs<'_> {
        fn drop(&mut self) {
            PanicHook::new(self.0).install();
        }
    }
    watchdog(LIMIT, || {
        let _hook = Hook::take();
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let installs = || {
            let _late = Installs(&exporter);
            pay();
        };
        catch_unwind(AssertUnwindSafe(installs)).unwrap_err();
        on_thread(pay);
        exporter.flush(SOON).unwrap();
        assert_eq!(sentry.events().len(), 0);
    });
}

#[test]
fn a_status_of_the_span_itself_stays() {
    watchdog(LIMIT, || {
        let app = App::start();
        on_thread(|| {
            app.in_span("checkout", || {
                Context::map_current(|context| context.span().set_status(Status::Ok));
                pay();
            });
        });
        let (events, transactions) = app.delivered();
        assert_eq!(
            (events.len(), &transactions[0]["contexts"]["trace"]["status"]),
            (1, &"ok".into())
        );
    });
}
