//! What Sentry hears of panics that a process does not survive.
//!
//! Without the harness of `cargo test`, because only the real main thread is one.

mod common;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::answer::Answer;
use common::sentry::{FakeSentry, SOON};
use common::telemetry::exporter_for;
use common::watchdog::watchdog;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::PanicHook;
use serde_json::Value;

/// How the process below is told how to end, and the DSN.
const TASK: &str = "PANIC_TASK";
const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    if let Ok(task) = std::env::var(TASK) {
        let (ending, dsn) = task.split_once('|').expect("an ending and a DSN");
        return the_process(ending, dsn);
    }
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|part| name.contains(part));
    for (name, test) in [
        ("a_panic_that_ends_main_is_delivered_though_nobody_shuts_down", main_ends as fn()),
        ("with_zero_a_panic_of_main_waits_for_nothing", main_does_not_wait),
        ("a_server_that_hangs_holds_up_the_end_for_two_seconds_at_most", main_waits_two_seconds),
        ("a_panic_while_another_unwinds_sends_both_before_the_process_aborts", double_panic),
        ("a_panic_that_cannot_unwind_is_delivered_before_the_process_aborts", cannot_unwind),
        ("a_panic_of_a_destructor_at_the_end_of_a_thread_is_delivered", late_panic),
        ("the_first_panic_of_a_thread_without_its_context_is_printed_at_least", first_panic_late),
        ("a_panic_of_a_task_on_main_waits_for_nothing", task_on_main),
    ] {
        if is_wanted(name) {
            watchdog(LIMIT, test);
            println!("test {name} ... ok");
        }
    }
}

/// What the tests run as a process of its own.
fn the_process(ending: &str, dsn: &str) {
    let exporter = exporter_for(dsn);
    let hook = PanicHook::new(&exporter);
    if ending == "no wait" { hook.with_flush_timeout(Duration::ZERO) } else { hook }.install();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
    let tracer = provider.tracer("tests");
    // As global ones would be.
    std::mem::forget((provider.clone(), exporter.clone()));
    let _active = Context::current_with_span(tracer.start("import")).attach();
    match ending {
        "unwinds twice" => {
            let _clumsy = Clumsy;
            fail();
        }
        "cannot unwind" => std::thread::spawn(|| foreign()).join().unwrap(),
        "in a task" => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { tokio::spawn(async { fail() }).await }).unwrap_err();
            std::process::exit(0);
        }
        "at the end of a thread" | "first at the end of a thread" => {
            let is_first = ending.starts_with("first");
            std::thread::spawn(move || end_of_thread(is_first)).join().unwrap();
            // The span arrives at the end of the process, and with it what waits for it.
            drop(_active);
            provider.force_flush().unwrap();
            exporter.flush(SOON).unwrap();
            std::process::exit(0);
        }
        _ => fail(),
    }
}

/// Has a thread panic while its thread-locals are dropped, after the context of OpenTelemetry.
fn end_of_thread(is_first: bool) {
    thread_local!(static LATE: Late = const { Late });
    // What is there first is dropped last.
    LATE.with(|_| ());
    let _ = Context::current();
    if !is_first {
        std::panic::catch_unwind(|| panic!("no money")).unwrap_err();
    }
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        std::panic::catch_unwind(fail).unwrap_err();
    }
}

struct Clumsy;

impl Drop for Clumsy {
    fn drop(&mut self) {
        panic!("and no patience");
    }
}

extern "C" fn foreign() {
    fail();
}

fn fail() {
    panic!("no time");
}

/// Runs such a process; gives how it ended and how long it took from the panic, about.
fn run(ending: &str, sentry: &FakeSentry) -> (Output, Duration) {
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .env(TASK, format!("{ending}|{}", sentry.dsn()))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no time"), "the hook of std still prints: {said}");
    (output, start.elapsed())
}

/// The texts of the panics, in alphabetical order.
fn values(events: &[Value]) -> Vec<&str> {
    let values = events.iter().map(|event| &event["exception"]["values"][0]["value"]);
    let mut values: Vec<_> = values.map(|value| value.as_str().expect("a text")).collect();
    values.sort_unstable();
    values
}

fn main_ends() {
    let sentry = FakeSentry::start();
    let (output, _) = run("unwinds", &sentry);
    assert_eq!(output.status.code(), Some(101));
    let events = sentry.events();
    assert_eq!((values(&events), sentry.transactions().len()), (vec!["no time"], 0));
    assert_eq!(events[0]["contexts"]["otel"]["attributes"]["thread.name"], "main");
    let frames = events[0]["exception"]["values"][0]["stacktrace"]["frames"].as_array().unwrap();
    assert_eq!(frames.last().unwrap()["function"], "panic_main::fail");
    let trace = &sentry.envelopes()[0].header["trace"]["trace_id"];
    assert_eq!(trace, &events[0]["contexts"]["trace"]["trace_id"]);
}

fn main_does_not_wait() {
    let sentry = FakeSentry::always(Answer::hang());
    let (output, took) = run("no wait", &sentry);
    assert_eq!(output.status.code(), Some(101));
    assert!(took < Duration::from_millis(1900), "{took:?}");
}

fn main_waits_two_seconds() {
    let sentry = FakeSentry::always(Answer::hang());
    let (output, took) = run("unwinds", &sentry);
    assert_eq!(output.status.code(), Some(101));
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&took), "{took:?}");
    sentry.wait_for(1, SOON);
}

fn double_panic() {
    let sentry = FakeSentry::start();
    let (output, _) = run("unwinds twice", &sentry);
    assert_eq!(output.status.code(), None, "it ends by a signal");
    let events = sentry.events();
    assert_eq!(values(&events), ["and no patience", "no time"]);
    assert_ne!(events[0]["event_id"], events[1]["event_id"]);
}

fn cannot_unwind() {
    let sentry = FakeSentry::start();
    let (output, _) = run("cannot unwind", &sentry);
    assert_eq!(output.status.code(), None, "it ends by a signal");
    assert_eq!(values(&sentry.events()), ["no time"]);
}

fn late_panic() {
    let sentry = FakeSentry::start();
    let (output, _) = run("at the end of a thread", &sentry);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(values(&sentry.events()), ["no money", "no time"]);
}

fn first_panic_late() {
    let (output, _) = run("first at the end of a thread", &FakeSentry::start());
    assert_eq!(output.status.code(), None, "it ends by a signal");
}

fn task_on_main() {
    let sentry = FakeSentry::always(Answer::hang());
    let (output, took) = run("in a task", &sentry);
    assert_eq!(output.status.code(), Some(0));
    assert!(took < Duration::from_millis(1900), "{took:?}");
}
