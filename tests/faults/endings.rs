//! The application ends in the middle of a fault.

use std::time::{Duration, Instant};

use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, BY_HAND, Processor, TOLERANCE, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::act::Act;
use crate::common::place::Place;
use crate::common::sentry::{Answer, FakeSentry, SOON};
use crate::common::telemetry::{export, span};

faults! {
    "The end of the application in the middle of it";
    shutdown_while_the_server_hangs on ALL, by in_a_hang,
        "`shutdown_with_timeout` of 1 s while no request is answered.",
        "Returns in time; all is counted as lost by the shutdown.";
    shutdown_while_headers_drip on ALL, by in_headers,
        "The same while answers come one byte a second.",
        "Returns in time; all is counted as lost by the shutdown.";
    shutdown_while_bodies_have_no_end on ALL, by in_bodies,
        "The same while answers of 200 have bodies of one byte a second.",
        "Delivered, because the status has come.";
    shutdown_while_nobody_listens on ALL, by in_an_outage,
        "The same in an outage.",
        "One more try for everything, no waiting for the server to come back; counted as unreachable.";
    shutdown_while_the_server_comes_back on ALL, by at_the_end_of_an_outage,
        "The same, with a server that has come back since the last try.",
        "All arrives: the shutdown does not wait for the next try.";
    shutdown_within_a_pause on ALL, by in_a_pause,
        "The same after 429.",
        "Returns at once; what waits is counted as limited, and nothing is sent.";
    shutdown_while_the_server_is_slow on ALL, by slow,
        "`shutdown_with_timeout` of 3 s while every answer takes 0.5 s.",
        "Waits for the answers; nothing is lost.";
    shutdown_without_any_time on ALL, by no_time,
        "`shutdown_with_timeout` of zero.",
        "Returns at once; what was not delivered is counted.";
    shutdown_with_a_root_that_is_still_open on ALL, by open_root,
        "A shutdown while a root has not ended, whose child has.",
        "The child is sent without it.";
    the_second_shutdown on ALL, by second,
        "A second shutdown of the exporter.",
        "`AlreadyShutdown`, at once.";
    export_after_the_shutdown on ALL, by late,
        "`export` after the shutdown.",
        "`AlreadyShutdown`, at once; the spans are counted.";
    drop_of_the_provider_while_the_server_hangs on ALL, by provider_dropped,
        "The provider is dropped, without a shutdown, while no request is answered.",
        "Ends within the 5 s that the SDK gives; all is counted.";
    drop_of_the_last_handle_while_the_server_hangs on BY_HAND, by handle_dropped,
        "The last handle of an exporter is dropped while no request is answered.",
        "Ends within 1 s.";
}

const SECOND: Duration = Duration::from_secs(1);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";

fn in_a_hang(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    busy(App::to(on, &sentry), &sentry).end(SECOND).lost(DropReason::ShutDown, 6)
}

fn in_headers(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::acts([Act::Drip(OK.into(), SECOND)]));
    let app = busy(App::to(on, &sentry).in_a_hurry(), &sentry);
    app.end(SECOND).lost(DropReason::ShutDown, 6)
}

fn in_bodies(on: Processor) -> Measured {
    let answer = Answer::acts([Act::say(OK), Act::Repeat(b"x".to_vec(), SECOND)]);
    let sentry = FakeSentry::always(answer);
    busy(App::to(on, &sentry), &sentry).end(2 * SECOND).lost_nothing()
}

/// All work is under way.
fn busy(app: App, sentry: &FakeSentry) -> App {
    app.works(3);
    app.hand_over();
    sentry.wait_for(6, SOON);
    app
}

fn in_an_outage(on: Processor) -> Measured {
    let place = Place::new();
    down(on, &place).end(SECOND).lost(DropReason::Unreachable, 6)
}

/// Some work is kept because nobody listens.
fn down(on: Processor, place: &Place) -> App {
    let app = App::new(on, settings(&place.dsn()));
    app.works(3);
    app.hand_over();
    app.wait_for_trouble();
    assert_eq!(app.stats().spans_pending, 6);
    app
}

fn at_the_end_of_an_outage(on: Processor) -> Measured {
    let place = Place::new();
    let app = down(on, &place);
    let sentry = FakeSentry::at(&place, Answer::default());
    let measured = app.end(SECOND).lost_nothing();
    assert_eq!((sentry.transactions().len(), sentry.events().len()), (3, 3));
    measured
}

fn in_a_pause(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::status(429));
    let app = App::to(on, &sentry);
    app.works(1);
    app.settle();
    let before = sentry.requests().len();
    app.works(2);
    let measured = app.end(SECOND).lost(DropReason::RateLimited, 6);
    assert_eq!(sentry.requests().len(), before);
    measured
}

fn slow(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::default().delay(SECOND / 2));
    let app = App::to(on, &sentry);
    app.works(10);
    let measured = app.end(3 * SECOND).lost_nothing();
    assert_eq!((sentry.transactions().len(), sentry.events().len()), (10, 10));
    measured
}

fn no_time(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    let app = busy(App::to(on, &sentry).in_a_hurry(), &sentry);
    app.end(Duration::ZERO).lost(DropReason::ShutDown, 6)
}

fn open_root(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let app = App::to(on, &sentry);
    let tracer = app.provider.tracer("faults");
    let root = opentelemetry::trace::TraceContextExt::with_span(
        &opentelemetry::Context::new(),
        tracer.start("open"),
    );
    tracer.start_with_context("child", &root).end();
    app.made(1);
    let measured = app.end(SECOND).lost_nothing();
    drop(root);
    let transactions = sentry.transactions();
    assert_eq!((transactions.len(), &transactions[0]["transaction"]), (1, &"child".into()));
    measured
}

fn second(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let app = App::to(on, &sentry);
    app.works(3);
    app.hand_over();
    app.exporter.shutdown_with_timeout(SECOND).unwrap();
    let start = Instant::now();
    let again = app.exporter.shutdown_with_timeout(SECOND);
    assert!(matches!(again, Err(OTelSdkError::AlreadyShutdown)), "{again:?}");
    app.measured(start.elapsed()).lost_nothing()
}

fn late(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let app = App::to(on, &sentry);
    let shutdown = app.shut_down(SECOND);
    // The asynchronous processor answers before it tells the exporter.
    let is_over = || matches!(app.exporter.shutdown(), Err(OTelSdkError::AlreadyShutdown));
    app.wait_until("the end", |_| is_over());
    let result = export(&app.exporter, vec![span(1, 1, 0, "late")]);
    assert!(matches!(result, Err(OTelSdkError::AlreadyShutdown)), "{result:?}");
    app.made(1);
    assert_eq!(sentry.connections(), 0);
    app.ended(shutdown).lost(DropReason::ShutDown, 1)
}

fn provider_dropped(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    let mut app = busy(App::to(on, &sentry), &sentry);
    let empty = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let start = Instant::now();
    drop(std::mem::replace(&mut app.provider, empty));
    let took = start.elapsed();
    assert!(took <= 5 * SECOND + TOLERANCE, "{took:?}");
    app.ended(took).lost(DropReason::ShutDown, 6)
}

fn handle_dropped(_: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    let exporter = settings(&sentry.dsn()).build().unwrap();
    export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
    sentry.wait_for(1, SOON);
    let pending = exporter.stats().spans_pending;
    let start = Instant::now();
    drop(exporter);
    let shutdown = start.elapsed();
    assert!(shutdown <= SECOND + TOLERANCE / 2, "{shutdown:?}");
    Measured { spans: 1, pending, shutdown, ..Measured::default() }
}
