//! Faults before there is any answer.

use std::time::Duration;

use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, Processor, ids, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::act::Act;
use crate::common::place::Place;
use crate::common::sentry::{Answer, FakeSentry, KEY};

faults! {
    "Connections";
    nobody_listens on ALL, by refused,
        "Nothing listens on the port of the DSN.",
        "All is kept and tried again; at the shutdown it gets one more try and is counted as unreachable.";
    a_name_that_is_not_known on ALL, by unknown_name,
        "The host of the DSN is a name under `.invalid`.",
        "The same, or lost by the shutdown where the resolver is slower than that; the error tells to check the host and the name resolution.";
    a_proxy_that_is_down on ALL, by proxy_down,
        "Nothing listens at the address of `with_proxy`.",
        "The same; the error tells to check the proxy or the network.";
    a_server_that_never_accepts on ALL, by never_accepts,
        "Connections are made by the kernel, and nobody ever reads from them; requests may take 0.3 s.",
        "Each request ends after its time, all is kept, and arrives when the server comes to life.";
    a_reset_before_the_answer on ALL, by reset_before,
        "Three requests are answered by RST.",
        "They are sent again with the same ids; nothing is lost.";
    a_reset_within_the_headers on ALL, by reset_within,
        "Three answers break off by RST in the middle of a header.",
        "They are sent again with the same ids; nothing is lost.";
    a_reset_after_the_headers on ALL, by reset_after,
        "Every answer is a 200 whose connection ends by RST before the body.",
        "The status decides: delivered, and sent once.";
    a_reset_of_a_connection_that_was_kept on ALL, by reset_on_reuse,
        "A connection is used for one request, kept, and reset at the next.",
        "The request is sent again at once, on another connection, with the same id.";
    a_server_that_stops_speaking on ALL, by half_closed,
        "The server closes its half of three connections without an answer and reads on.",
        "They are sent again with the same ids; nothing is lost.";
    a_server_that_hangs on ALL, by hangs,
        "Three requests get no answer; requests may take 0.3 s.",
        "They are sent again with the same ids when their time is over; nothing is lost.";
    no_http_at_all on ALL, by no_http,
        "Something answers that does not speak HTTP.",
        "Trying again would be of no use: counted as unreachable, and the error tells to check host and port.";
    https_to_a_server_without_tls on ALL, by https_to_plain,
        "The DSN says https, the server speaks plain HTTP.",
        "Kept as in an outage, counted as unreachable at the shutdown; the error tells that the server speaks no TLS.";
    http_to_a_server_with_tls on ALL, by http_to_tls,
        "The DSN says http, the server answers by an alert of TLS.",
        "Counted as unreachable; the error tells to check the DSN.";
}

const SECOND: Duration = Duration::from_secs(1);

fn refused(on: Processor) -> Measured {
    let place = Place::new();
    unreachable(App::new(on, settings(&place.dsn())), "refused")
}

fn unknown_name(on: Processor) -> Measured {
    // Whatever proxy this machine uses, it would know no better.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let settings = settings(&format!("http://{KEY}@sentry.invalid/42")).with_http_client(client);
    let app = kept(App::new(on, settings), "check the host of the DSN and the name resolution");
    // Looking up is up to the machine, and may take longer than a shutdown.
    let measured = app.end(SECOND);
    assert_eq!((measured.delivered, measured.dropped.values().sum::<u64>()), (0, 10));
    measured
}

fn proxy_down(on: Processor) -> Measured {
    let place = Place::new();
    let settings = settings(&format!("http://{KEY}@sentry.invalid/42"))
        .with_proxy(format!("http://{}", place.address()));
    unreachable(App::new(on, settings), "proxy")
}

/// All is kept until the shutdown, and the error says this.
fn unreachable(app: App, says: &str) -> Measured {
    kept(app, says).end(SECOND).lost(DropReason::Unreachable, 10)
}

fn kept(app: App, says: &str) -> App {
    app.works(5);
    app.hand_over();
    let error = app.wait_for_trouble();
    assert!(error.contains(says), "{error}");
    assert_eq!(app.stats().spans_pending, 10);
    app
}

fn never_accepts(on: Processor) -> Measured {
    let place = Place::new();
    let deaf = place.listen();
    let app = App::new(on, settings(&place.dsn()).with_timeout(SECOND.mul_f32(0.3)));
    app.works(5);
    app.hand_over();
    let error = app.wait_for_trouble();
    assert!(error.contains("time"), "{error}");
    drop(deaf);
    let sentry = FakeSentry::at(&place, Answer::default());
    arrives(app, &sentry)
}

/// Everything arrives that five pieces of work make.
fn arrives(app: App, sentry: &FakeSentry) -> Measured {
    app.settle();
    assert_eq!(ids(sentry).len(), 10, "no id but those of five transactions and five events");
    app.end(SECOND).lost_nothing()
}

fn reset_before(on: Processor) -> Measured {
    three_times(on, Answer::reset())
}

fn reset_within(on: Processor) -> Measured {
    let begin = Act::say("HTTP/1.1 200 OK\r\nX-Sentry-Rate-Lim");
    three_times(on, Answer::acts([begin, Act::Reset]))
}

fn half_closed(on: Processor) -> Measured {
    three_times(on, Answer::acts([Act::HalfClose]))
}

fn hangs(on: Processor) -> Measured {
    three_times(on, Answer::hang())
}

/// So many requests are answered in this way, and all others by 200.
fn three_times(on: Processor, answer: Answer) -> Measured {
    let sentry = FakeSentry::start_with([answer.clone(), answer.clone(), answer]);
    let app = App::new(on, settings(&sentry.dsn()).with_timeout(SECOND.mul_f32(0.3)));
    app.works(5);
    app.settle();
    assert_eq!(sentry.envelopes().len(), 13, "ten items, three of them twice");
    arrives(app, &sentry)
}

fn reset_after(on: Processor) -> Measured {
    let head = Act::say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    let sentry = FakeSentry::always(Answer::acts([head, Act::Reset]));
    let app = App::to(on, &sentry);
    app.works(5);
    let measured = arrives(app, &sentry);
    assert_eq!(sentry.requests().len(), 10, "each was sent once");
    measured
}

fn reset_on_reuse(on: Processor) -> Measured {
    let sentry = FakeSentry::start();
    // One after the other, so that there is one connection.
    let app = App::new(on, settings(&sentry.dsn()).with_max_in_flight(1));
    app.works(1);
    app.settle();
    assert_eq!(sentry.connections(), 1);
    sentry.once(Answer::reset());
    app.works(4);
    app.settle();
    assert_eq!((sentry.requests().len(), sentry.connections()), (11, 2));
    assert_eq!(app.stats().last_error, None, "there was no trouble worth a word");
    arrives(app, &sentry)
}

fn no_http(on: Processor) -> Measured {
    let sentry = FakeSentry::babbling();
    given_up(App::to(on, &sentry), "no Sentry server; check host and port")
}

fn http_to_tls(on: Processor) -> Measured {
    // The alert "unexpected message", as TLS puts it on the wire.
    let sentry = FakeSentry::babbling_with(b"\x15\x03\x01\x00\x02\x02\x0a");
    given_up(App::to(on, &sentry), "DSN")
}

/// All is given up at once, and the error says this.
fn given_up(app: App, says: &str) -> Measured {
    app.works(5);
    app.settle();
    let error = app.wait_for_trouble();
    assert!(error.contains(says), "{error}");
    app.end(SECOND).lost(DropReason::Unreachable, 10)
}

fn https_to_plain(on: Processor) -> Measured {
    let sentry =
        FakeSentry::babbling_with(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let app = App::new(on, settings(&sentry.https_dsn()));
    unreachable(app, "does not speak TLS")
}
