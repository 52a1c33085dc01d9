//! A transport of the application that does not keep its side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use opentelemetry_sentry::DropReason;
use opentelemetry_sentry::transport::{Transport, TransportError};

use super::app::{ALL, App, Processor, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::sentry::KEY;

faults! {
    "A transport of the application";
    a_transport_that_panics on ALL, by panics,
        "`Transport::send` panics at three requests.",
        "Those envelopes are lost and counted; the thread goes on.";
    a_transport_that_never_ends on ALL, by never_ends,
        "The futures of three requests never end.",
        "All others are delivered; the three are counted at the shutdown, which ends in time.";
    a_transport_that_blocks_the_thread on ALL, by blocks,
        "`Transport::send` blocks the exporter's thread and does not return.",
        "`export` waits at most 2 s all the same, on the batch thread alone; the shutdown returns in time.";
    a_transport_that_always_fails on ALL, by fails,
        "`Transport::send` gives an error each time.",
        "Kept as in an outage, counted as unreachable at the shutdown.";
}

const SECOND: Duration = Duration::from_secs(1);

/// Does something else at the first requests, and then accepts.
#[derive(Clone, Debug)]
struct Moody {
    mood: Mood,
    left: Arc<AtomicUsize>,
    gate: Arc<Gate>,
}

#[derive(Clone, Copy, Debug)]
enum Mood {
    Panics,
    NeverEnds,
    Blocks,
    Fails,
}

/// Holds up whoever passes until it is open.
#[derive(Debug, Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let is_open = self.is_open.lock().unwrap();
        drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

#[async_trait]
impl Transport for Moody {
    async fn send(&self, _: http::Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return Ok(Response::new(Bytes::new()));
        }
        match self.mood {
            Mood::Panics => panic!("on purpose"),
            Mood::NeverEnds => std::future::pending().await,
            Mood::Blocks => {
                self.gate.pass();
                Ok(Response::new(Bytes::new()))
            }
            Mood::Fails => Err(TransportError::new(std::io::Error::other("no carrier"))),
        }
    }
}

fn app(on: Processor, mood: Mood, requests: usize) -> (App, Moody) {
    let transport = Moody { mood, left: Arc::new(requests.into()), gate: Arc::default() };
    let settings = settings(&format!("http://{KEY}@sentry.invalid/42"));
    (App::new(on, settings.with_transport(transport.clone())), transport)
}

fn panics(on: Processor) -> Measured {
    let (app, _) = app(on, Mood::Panics, 3);
    app.works(5);
    app.settle();
    assert!(app.wait_for_trouble().contains("panic"));
    seven_of_ten(app.end(SECOND), DropReason::Internal)
}

fn never_ends(on: Processor) -> Measured {
    let (app, _) = app(on, Mood::NeverEnds, 3);
    let app = app.in_a_hurry();
    app.works(5);
    app.hand_over();
    app.wait_until("all others", |stats| {
        stats.transactions_delivered + stats.events_delivered == 7
    });
    seven_of_ten(app.end(SECOND), DropReason::ShutDown)
}

/// Of five transactions of two spans and five events, three were lost for this reason.
fn seven_of_ten(measured: Measured, reason: DropReason) -> Measured {
    let (delivered, lost) = measured.errors;
    let spans = measured.dropped.get(&reason).copied().unwrap_or_default();
    assert_eq!((delivered + measured.delivered / 2, lost + spans / 2), (7, 3), "{measured:?}");
    assert_eq!(measured.delivered + spans, 10, "{measured:?}");
    measured
}

fn blocks(on: Processor) -> Measured {
    let (app, transport) = app(on, Mood::Blocks, 1);
    app.works(5);
    app.hand_over();
    let shutdown = app.shut_down(SECOND);
    transport.gate.open();
    let measured = app.ended(shutdown);
    assert_eq!(measured.delivered + measured.dropped.values().sum::<u64>(), 10);
    measured
}

fn fails(on: Processor) -> Measured {
    let (app, _) = app(on, Mood::Fails, usize::MAX);
    app.works(5);
    app.hand_over();
    assert!(app.wait_for_trouble().contains("no carrier"));
    assert_eq!(app.stats().spans_pending, 10);
    app.end(SECOND).lost(DropReason::Unreachable, 10)
}
