//! The application's own threads and runtimes in the middle of it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::DropReason;

use super::app::{App, BY_HAND, Processor, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::place::Place;
use crate::common::sentry::{Answer, FakeSentry, SOON};
use crate::common::telemetry::span;

faults! {
    "Threads and runtimes of the application";
    a_runtime_of_one_thread_that_is_blocked on SYNCHRONOUS, by blocked_runtime,
        "The only thread of the application's runtime is blocked until all has arrived.",
        "All arrives: the exporter has a thread of its own. (The SDK's processor for Tokio hangs there by itself.)";
    a_runtime_that_ends_with_requests_under_way on ASYNC, by runtime_dropped,
        "The runtime of the processor is shut down while all requests wait for their answer.",
        "All arrives.";
    an_export_that_is_never_polled on BY_HAND, by never_polled,
        "The future of `export` is dropped before its first poll.",
        "It has done nothing: neither received nor lost, and the exporter goes on.";
    an_export_that_is_dropped_after_one_poll on BY_HAND, by polled_once,
        "The future of `export` is dropped after its first poll, in an outage.",
        "Its spans are taken already, and arrive when the server comes.";
    spans_that_end_while_the_server_hangs on SYNCHRONOUS, by app_thread,
        "400 spans end while no request is answered; what is measured as `export` is the longest that one trace took on the application's thread.",
        "The application's thread waits for nothing, also with the simple processor.";
    spans_that_end_while_nobody_listens on SYNCHRONOUS, by app_thread_in_an_outage,
        "The same in an outage.",
        "The same.";
}

const SYNCHRONOUS: &[Processor] = &[Processor::Simple, Processor::Batch];
const ASYNC: &[Processor] = &[Processor::Async];
const SECOND: Duration = Duration::from_secs(1);

fn blocked_runtime(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let app = App::to(on, &sentry);
        app.works(3);
        app.hand_over();
        sentry.wait_for(6, SOON);
        app.end(SECOND).lost_nothing()
    })
}

fn runtime_dropped(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::default().delay(SECOND / 2));
    let mut app = App::to(on, &sentry);
    app.works(3);
    app.hand_over();
    sentry.wait_for(6, SOON);
    app.runtime.take().unwrap().shutdown_background();
    let start = Instant::now();
    app.exporter.shutdown_with_timeout(2 * SECOND).unwrap();
    app.ended(start.elapsed()).lost_nothing()
}

fn never_polled(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let app = App::to(on, &sentry);
    drop(app.exporter.export(vec![span(1, 1, 0, "never")]));
    poll_once(app.exporter.export(vec![span(2, 1, 0, "work")]));
    app.made(1);
    app.settle();
    assert_eq!(sentry.transactions().len(), 1);
    app.end(SECOND).lost_nothing()
}

fn polled_once(on: Processor) -> Measured {
    let place = Place::new();
    let app = App::new(on, settings(&place.dsn()));
    poll_once(app.exporter.export(vec![span(1, 1, 0, "work")]));
    app.made(1);
    app.wait_for_trouble();
    let sentry = FakeSentry::at(&place, Answer::default());
    app.settle();
    assert_eq!(sentry.transactions().len(), 1);
    app.end(SECOND).lost_nothing()
}

/// One poll, and then no more; nothing of it waits.
fn poll_once(future: impl Future) {
    let start = Instant::now();
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(_)) && start.elapsed() < SECOND);
}

fn app_thread(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    let app = App::to(on, &sentry).in_a_hurry();
    let longest = longest_work(&app);
    app.hand_over();
    let measured = app.end(SECOND).lost(DropReason::ShutDown, 400);
    Measured { export: longest, ..measured }
}

fn app_thread_in_an_outage(on: Processor) -> Measured {
    let place = Place::new();
    let app = App::new(on, settings(&place.dsn()));
    app.works(1);
    app.hand_over();
    app.wait_for_trouble();
    let longest = longest_work(&app);
    app.hand_over();
    let measured = app.end(2 * SECOND);
    assert_eq!(measured.delivered, 0);
    Measured { export: longest, ..measured }
}

/// How long the longest of 200 traces of two spans kept the thread.
fn longest_work(app: &App) -> Duration {
    let took = |_| {
        let start = Instant::now();
        app.works(1);
        start.elapsed()
    };
    let longest = (0..200).map(took).max().unwrap_or_default();
    assert!(longest < SECOND, "{longest:?}");
    longest
}
