//! Clocks that are wrong.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Span, SpanBuilder, Tracer, TracerProvider};
use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, Processor};
use super::fault::faults;
use super::measured::Measured;
use crate::common::sentry::{Answer, FakeSentry};

faults! {
    "Clocks that are wrong";
    a_server_of_another_time on ALL, by other_time,
        "Every answer says in `Date` that it is the year 1970, or 2200.",
        "Changes nothing.";
    a_pause_by_the_clock_of_the_server on ALL, by server_clock,
        "429 with a date in `Retry-After` that is an hour after the `Date` of the answer, both in the year 2000.",
        "A pause of an hour: the date is one of the server's clock.";
    spans_of_another_time on ALL, by clock_jump,
        "The clock of the application jumps: roots from 1970, from 6 days ago and from the year 2200.",
        "Sentry would refuse these transactions: dropped and counted; their errors are sent with the time of now, and all else arrives.";
    spans_that_end_before_they_start on ALL, by backwards,
        "The clock goes back by an hour within a span.",
        "Sent as a span of no length.";
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn other_time(on: Processor) -> Measured {
    let early = Answer::default().header("Date", "Thu, 01 Jan 1970 00:00:00 GMT");
    let late = Answer::default().header("Date", "Wed, 01 Jan 2200 00:00:00 GMT");
    let sentry = FakeSentry::start_with([early, late].into_iter().cycle().take(20));
    let app = App::to(on, &sentry);
    for _ in 0..2 {
        app.works(5);
        app.settle();
    }
    assert_eq!((sentry.transactions().len(), sentry.events().len()), (10, 10));
    app.end(SECOND).lost_nothing()
}

fn server_clock(on: Processor) -> Measured {
    let answer = Answer::status(429).header("Date", "Sat, 01 Jan 2000 00:00:00 GMT");
    let sentry = FakeSentry::always(answer.header("Retry-After", "Sat, 01 Jan 2000 01:00:00 GMT"));
    let app = App::to(on, &sentry);
    app.works(1);
    app.settle();
    sentry.then_always(Answer::default());
    let before = sentry.requests().len();
    app.works(5);
    app.settle();
    assert_eq!(sentry.requests().len(), before);
    app.end(SECOND).lost(DropReason::RateLimited, 12)
}

fn clock_jump(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let app = App::to(on, &sentry);
    for start in [UNIX_EPOCH, SystemTime::now() - 6 * DAY, UNIX_EPOCH + 230 * 365 * DAY] {
        let builder = SpanBuilder::from_name("long ago").with_start_time(start);
        let mut span = app.provider.tracer("faults").build(builder);
        span.add_event_with_timestamp(
            "exception",
            start,
            vec![opentelemetry::KeyValue::new("exception.message", "the clock jumped")],
        );
        span.end_with_timestamp(start + SECOND);
        app.made(1);
    }
    app.works(3);
    app.settle();
    assert_eq!((sentry.transactions().len(), sentry.events().len()), (3, 6));
    app.end(SECOND).lost(DropReason::OutsideTimeWindow, 3)
}

fn backwards(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    let app = App::to(on, &sentry);
    let now = SystemTime::now();
    let builder = SpanBuilder::from_name("backwards").with_start_time(now);
    let mut span = app.provider.tracer("faults").build(builder);
    span.end_with_timestamp(now - 3600 * SECOND);
    app.made(1);
    app.settle();
    let transaction = &sentry.transactions()[0];
    assert_eq!(transaction["start_timestamp"], transaction["timestamp"]);
    app.end(SECOND).lost_nothing()
}
