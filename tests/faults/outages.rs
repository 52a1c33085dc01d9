//! The server is gone for a while, or slow, under load.

use std::cell::Cell;
use std::time::{Duration, Instant};

use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, Processor, ids, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::place::Place;
use crate::common::sentry::{Answer, FakeSentry, SOON};

faults! {
    "Outages";
    an_outage_under_load on ALL, by outage,
        "Work goes on at some hundred spans a second while connections are refused for 2 s, and after that.",
        "Nothing is lost, and each item arrives exactly once.";
    a_restart_with_requests_under_way on ALL, by restart,
        "The server ends with 40 requests unanswered, and starts again on the same port.",
        "Nothing is lost; second copies have the ids of the first.";
    a_hang_under_load on ALL, by hang,
        "All requests hang for a while, then all are answered; requests may take 0.5 s.",
        "Nothing is lost; second copies have the ids of the first.";
    a_server_that_resets_every_fifth_request on ALL, by flapping,
        "Every fifth request is answered by RST.",
        "Nothing is lost; second copies have the ids of the first.";
    a_slow_server on ALL, by slow,
        "Every answer takes 0.3 s, with work for 100 requests.",
        "All arrives, many requests at a time; nothing is sent twice.";
    a_queue_that_overflows on ALL, by overflow,
        "Connections are refused while there is work for more than `with_queue_bytes` takes; then the server comes.",
        "The oldest transactions are dropped and counted; the newest arrive, and every error.";
    an_envelope_that_gets_no_answer on ALL, by poison,
        "One connection after the other is closed without an answer, while the server accepts everything else.",
        "An envelope is tried until it has had no answer several times, and is counted as unreachable then; all else arrives.";
}

const SECOND: Duration = Duration::from_secs(1);

fn outage(on: Processor) -> Measured {
    let place = Place::new();
    let app = App::new(on, settings(&place.dsn()));
    let start = Instant::now();
    app.works(10);
    app.hand_over();
    app.wait_for_trouble();
    app.wait_until("2 s", |_| {
        app.works(3);
        start.elapsed() > 2 * SECOND
    });
    let sentry = FakeSentry::at(&place, Answer::default());
    app.works(50);
    app.settle();
    let (came, once) = (sentry.envelopes().len(), ids(&sentry).len());
    let measured = app.end(SECOND).lost_nothing();
    assert!(measured.spans > 120, "{measured:?}");
    assert_eq!((came as u64, once as u64), (measured.spans, measured.spans));
    measured
}

fn restart(on: Processor) -> Measured {
    let place = Place::new();
    let before = FakeSentry::at(&place, Answer::hang());
    let app = App::new(on, settings(&place.dsn()));
    app.works(20);
    app.hand_over();
    before.wait_for(40, SOON);
    let sent = ids(&before);
    drop(before);
    let after = FakeSentry::at(&place, Answer::default());
    app.settle();
    assert_eq!((ids(&after), sent.len()), (sent, 40));
    app.end(SECOND).lost_nothing()
}

fn hang(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    let app = App::new(on, settings(&sentry.dsn()).with_timeout(SECOND / 2));
    app.works(20);
    app.hand_over();
    app.wait_for_trouble();
    app.works(20);
    sentry.then_always(Answer::default());
    app.settle();
    assert_eq!(ids(&sentry).len(), 80);
    app.end(SECOND).lost_nothing()
}

fn flapping(on: Processor) -> Measured {
    let answers = [Answer::reset(), Answer::default(), Answer::default(), Answer::default()];
    let answers = answers.into_iter().chain([Answer::default()]).cycle().take(250);
    let sentry = FakeSentry::start_with(answers);
    let app = App::to(on, &sentry);
    for _ in 0..10 {
        app.works(10);
        app.hand_over();
    }
    app.settle();
    assert_eq!(ids(&sentry).len(), 200);
    app.end(SECOND).lost_nothing()
}

fn slow(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::default().delay(SECOND.mul_f32(0.3)));
    let app = App::to(on, &sentry);
    app.works(50);
    app.settle();
    assert_eq!((sentry.envelopes().len(), ids(&sentry).len()), (100, 100));
    assert!(sentry.most_open_requests() > 20, "{}", sentry.most_open_requests());
    app.end(SECOND).lost_nothing()
}

fn overflow(on: Processor) -> Measured {
    let place = Place::new();
    // Room for all errors and a part of the transactions.
    let app = App::new(on, settings(&place.dsn()).with_queue_bytes(100_000));
    app.works(1);
    app.hand_over();
    app.wait_for_trouble();
    app.works(59);
    app.hand_over();
    // The server must not come back while there is more to put into the queue.
    let (dropped, looks) = (Cell::new(0), Cell::new(0));
    app.wait_until("the end of an overflow", |stats| {
        let is_as_before = dropped.replace(stats.spans_dropped) == stats.spans_dropped;
        looks.set(if is_as_before && stats.spans_dropped > 0 { looks.get() + 1 } else { 0 });
        looks.get() == 5
    });
    let sentry = FakeSentry::at(&place, Answer::default());
    app.settle();
    assert_eq!(sentry.events().len(), 60, "errors are kept to the last");
    let number = |it: &serde_json::Value| it["contexts"]["trace"]["data"]["number"].as_u64();
    let mut numbers: Vec<_> = sentry.transactions().iter().map(|it| number(it).unwrap()).collect();
    numbers.sort();
    let came = numbers.len() as u64;
    assert!((10..50).contains(&came), "{came} transactions");
    // The first one may have been under way, to see whether the server is back.
    let newest = numbers.iter().filter(|number| **number >= 60 - came).count() as u64;
    assert!(newest + 1 >= came, "{numbers:?}");
    app.end(SECOND).lost(DropReason::QueueFull, 2 * (60 - came))
}

fn poison(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    sentry.choke_on(|envelope| {
        let number = |it: serde_json::Value| it["contexts"]["trace"]["data"]["number"].as_u64();
        envelope.payloads("transaction").into_iter().filter_map(number).any(|number| number == 3)
    });
    let app = App::to(on, &sentry);
    app.works(10);
    // Only a try while all others are answered tells that it is the envelope.
    app.wait_until("the end of it", |stats| {
        if stats.spans_pending <= 2 {
            app.works(1);
            app.hand_over();
        }
        stats.spans_dropped > 0
    });
    app.settle();
    app.end(SECOND).lost(DropReason::Unreachable, 2)
}
