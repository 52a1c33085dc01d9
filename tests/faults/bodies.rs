//! Answers that come late, broken or without an end.

use std::time::Duration;

use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, Processor, ids, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::act::Act;
use crate::common::sentry::{Answer, FakeSentry};

faults! {
    "Answers that come late, broken or without an end";
    headers_byte_by_byte on ALL, by headers_drip,
        "Three answers come one byte at a time, 50 ms apart; requests may take 0.3 s.",
        "They end after their time and are sent again with the same ids; nothing is lost.";
    a_body_of_one_byte_a_second on ALL, by body_drips,
        "Every answer is a 200 whose body comes at one byte a second.",
        "The status decides: delivered; the body is waited for no longer than 1 s.";
    a_body_without_an_end on ALL, by endless,
        "Every answer is a 200 whose body never ends, as fast as the network is.",
        "Delivered; no more than 64 KiB of it are read.";
    a_body_of_garbage on ALL, by garbage_body,
        "Every answer is a 200 with bytes that are no JSON.",
        "Delivered; the body is not looked at.";
    a_body_that_is_too_short on ALL, by short,
        "Every answer says 100 bytes, sends one and closes.",
        "Delivered, and sent once.";
    a_body_that_is_too_long on ALL, by long,
        "Every answer says one byte and sends a hundred.",
        "Delivered; what is left over is not taken for the next answer.";
    two_answers_to_one_request on ALL, by two_answers,
        "After every 200 a 403 follows that nobody asked for.",
        "Delivered; the second answer is no answer to the next request.";
    chunks_of_garbage on ALL, by bad_chunks,
        "Every answer is a 200 whose chunks have no length.",
        "Delivered, and sent once.";
    garbage_in_headers on ALL, by bad_headers,
        "Every answer is a 200 with rate limits, a pause and an encoding that mean nothing.",
        "Delivered; nothing is limited.";
    headers_of_a_megabyte on ALL, by huge_headers,
        "Every answer is a 200 with a header of 1 MiB.",
        "Not a Sentry server: counted as unreachable without trying again; memory for it is bounded.";
    a_thousand_headers on ALL, by many_headers,
        "Every answer is a 200 with 1000 headers.",
        "Not a Sentry server: counted as unreachable without trying again.";
    hints_before_the_answer on ALL, by early_hints,
        "Every answer comes after 100, 102 and 103.",
        "Delivered; only the final status counts.";
    a_flood_of_hints on ALL, by flood,
        "Three answers are 100 Continue again and again; requests may take 0.3 s.",
        "They end after their time and are sent again with the same ids; nothing is lost.";
    an_answer_of_http_1_0 on ALL, by old_http,
        "Every answer is one of HTTP/1.0, without a length, and closes.",
        "Delivered, and sent once.";
}

const SECOND: Duration = Duration::from_secs(1);
const OK: &str = "HTTP/1.1 200 OK\r\n";

fn headers_drip(on: Processor) -> Measured {
    three_times(on, Act::Drip(format!("{OK}Content-Length: 0\r\n\r\n").into(), SECOND / 20))
}

fn flood(on: Processor) -> Measured {
    three_times(on, Act::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), SECOND / 1000))
}

/// Three answers are this, and all others a proper 200.
fn three_times(on: Processor, act: Act) -> Measured {
    let answer = Answer::acts([act]);
    let sentry = FakeSentry::start_with([answer.clone(), answer.clone(), answer]);
    let app = App::new(on, settings(&sentry.dsn()).with_timeout(SECOND.mul_f32(0.3)));
    app.works(5);
    app.settle();
    assert_eq!((sentry.envelopes().len(), ids(&sentry).len()), (13, 10));
    app.end(SECOND).lost_nothing()
}

fn body_drips(on: Processor) -> Measured {
    let head = Act::say(format!("{OK}Content-Length: 1000\r\n\r\n"));
    delivered(on, [head, Act::Repeat(b"x".to_vec(), SECOND)])
}

fn endless(on: Processor) -> Measured {
    let head = Act::say(format!("{OK}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = [b"1000\r\n", &[b'x'; 4096][..], b"\r\n"].concat();
    delivered(on, [head, Act::Repeat(chunk, Duration::ZERO)])
}

fn garbage_body(on: Processor) -> Measured {
    let answer = [format!("{OK}Content-Length: 4\r\n\r\n").as_bytes(), b"\xff\x00\x1b{"].concat();
    delivered(on, [Act::Say(answer)])
}

fn short(on: Processor) -> Measured {
    delivered(on, [Act::say(format!("{OK}Content-Length: 100\r\n\r\n{{"))])
}

fn long(on: Processor) -> Measured {
    let answer = format!("{OK}Content-Length: 1\r\n\r\n{}", "x".repeat(100));
    delivered(on, [Act::say(answer), Act::HalfClose])
}

fn two_answers(on: Processor) -> Measured {
    let second = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let answers = format!("{OK}Content-Length: 0\r\n\r\n{second}");
    delivered(on, [Act::say(answers), Act::HalfClose])
}

fn bad_chunks(on: Processor) -> Measured {
    delivered(on, [Act::say(format!("{OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nzz\r\n"))])
}

fn bad_headers(on: Processor) -> Measured {
    let headers = b"X-Sentry-Rate-Limits: \xff\xfe\r\nX-Sentry-Rate-Limits: ::::,;;;,NaN:error,x:transaction\r\n\
        Retry-After: 99999999999999999999\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}";
    delivered(on, [Act::Say([OK.as_bytes(), headers].concat())])
}

fn early_hints(on: Processor) -> Measured {
    let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    delivered(on, [Act::say(format!("{hints}{OK}Content-Length: 0\r\n\r\n"))])
}

fn old_http(on: Processor) -> Measured {
    delivered(on, [Act::say("HTTP/1.0 200 OK\r\n\r\n{}")])
}

/// Every answer is this, and means that all is delivered by one request each.
fn delivered<const N: usize>(on: Processor, acts: [Act; N]) -> Measured {
    let sentry = FakeSentry::always(Answer::acts(acts));
    let app = App::to(on, &sentry);
    for _ in 0..2 {
        app.works(3);
        app.settle();
    }
    let stats = app.stats();
    assert_eq!((stats.transactions_delivered, stats.events_delivered), (6, 6), "{stats}");
    assert_eq!((sentry.requests().len(), ids(&sentry).len()), (12, 12), "each was sent once");
    assert_eq!(stats.last_error, None);
    app.end(SECOND).lost_nothing()
}

fn huge_headers(on: Processor) -> Measured {
    refused(on, format!("X-Long: {}\r\n", "x".repeat(1024 * 1024)))
}

fn many_headers(on: Processor) -> Measured {
    refused(on, (0..1000).map(|number| format!("X-{number}: x\r\n")).collect())
}

/// Every answer has these headers, and means that all is lost.
fn refused(on: Processor, headers: String) -> Measured {
    let answer = format!("{OK}{headers}Content-Length: 0\r\n\r\n");
    let sentry = FakeSentry::always(Answer::raw(answer));
    let app = App::to(on, &sentry);
    app.works(3);
    app.settle();
    let error = app.wait_for_trouble();
    assert!(error.contains("no Sentry server"), "{error}");
    assert_eq!(sentry.requests().len(), 6, "each was sent once");
    app.end(SECOND).lost(DropReason::Unreachable, 6)
}
