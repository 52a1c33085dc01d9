//! Sentry asks to be sent less.

use std::time::{Duration, SystemTime};

use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, Processor};
use super::fault::faults;
use super::measured::Measured;
use crate::common::sentry::{Answer, FakeSentry, SOON};

faults! {
    "Sentry asks to be sent less";
    a_429_without_a_word on ALL, by plain_429,
        "The first answers are 429 without a header.",
        "A pause of 60 s for everything: what comes meanwhile is dropped before any work on it, counted, and not sent.";
    a_429_with_seconds on ALL, by seconds_429,
        "429 with `Retry-After: 3600`.",
        "The same, for an hour.";
    a_429_with_a_date on ALL, by date_429,
        "429 with a date in an hour in `Retry-After`.",
        "The same, until then.";
    a_429_for_everything on ALL, by all_429,
        "429 with `X-Sentry-Rate-Limits: 60::key`.",
        "The same, for 60 s.";
    a_429_for_errors on ALL, by errors_429,
        "429 with `60:default;error:key` and `Retry-After: 3600`.",
        "Errors pause; transactions go on.";
    a_limit_on_transactions on ALL, by transactions_200,
        "200 with `X-Sentry-Rate-Limits: 60:transaction:key`.",
        "Transactions pause; errors go on.";
    a_limit_on_errors on ALL, by errors_200,
        "200 with `60:error:key`.",
        "Errors pause; transactions go on.";
    a_limit_on_everything on ALL, by all_200,
        "200 with `60::organization`.",
        "Everything pauses, also the report at the shutdown.";
    a_quota_for_the_day on ALL, by quota,
        "200 with `86400:transaction;span:organization`, as Bugsink says it.",
        "Transactions pause for a day; errors go on.";
    a_limit_on_something_else on ALL, by other,
        "200 with `60:replay;brand_new:key, 60:metric_bucket:organization:x:custom`.",
        "Nothing of ours is meant; everything goes on.";
    a_limit_that_ends on ALL, by ending,
        "429 with `Retry-After: 1`.",
        "After a second everything goes on by itself.";
}

const SECOND: Duration = Duration::from_secs(1);
const LIMITS: &str = "X-Sentry-Rate-Limits";

fn plain_429(on: Processor) -> Measured {
    paused(on, Answer::status(429))
}

fn seconds_429(on: Processor) -> Measured {
    paused(on, Answer::status(429).header("Retry-After", "3600"))
}

fn date_429(on: Processor) -> Measured {
    let date = httpdate::fmt_http_date(SystemTime::now() + 3600 * SECOND);
    paused(on, Answer::status(429).header("Retry-After", &date))
}

fn all_429(on: Processor) -> Measured {
    paused(on, Answer::status(429).header(LIMITS, "60::key"))
}

fn all_200(on: Processor) -> Measured {
    paused(on, Answer::default().header(LIMITS, "60::organization"))
}

/// After these first answers nothing more is sent.
fn paused(on: Processor, answer: Answer) -> Measured {
    let (is_refusal, is_accepted) = (answer.status == 429, u64::from(answer.status == 200));
    let (app, sentry) = limited(on, answer);
    let before = sentry.requests().len();
    app.works(5);
    app.settle();
    assert_eq!(is_refusal, app.stats().last_error.is_some());
    assert_eq!(app.stats().events_dropped, 6 - is_accepted);
    let measured = app.end(SECOND).lost(DropReason::RateLimited, 12 - 2 * is_accepted);
    assert_eq!(sentry.requests().len(), before, "not even a report");
    measured
}

/// One piece of work is answered by this, and all others by 200.
fn limited(on: Processor, answer: Answer) -> (App, FakeSentry) {
    let sentry = FakeSentry::always(answer);
    let app = App::to(on, &sentry);
    app.works(1);
    app.settle();
    sentry.then_always(Answer::default());
    (app, sentry)
}

fn errors_429(on: Processor) -> Measured {
    let answer = Answer::status(429).header("Retry-After", "3600");
    let (app, sentry) = limited(on, answer.header(LIMITS, "60:default;error:key"));
    let measured = goes_on(app, &sentry, (5, 0)).lost(DropReason::RateLimited, 2);
    assert_eq!(reported(&sentry, "error"), 5, "the server knows the first one");
    measured
}

fn errors_200(on: Processor) -> Measured {
    let (app, sentry) = limited(on, Answer::default().header(LIMITS, "60:error:key"));
    let measured = goes_on(app, &sentry, (5, 0));
    assert_eq!((measured.delivered, measured.errors), (12, (1, 5)));
    assert_eq!(reported(&sentry, "error"), 5);
    measured
}

fn transactions_200(on: Processor) -> Measured {
    no_transactions(on, "60:transaction:key")
}

fn quota(on: Processor) -> Measured {
    no_transactions(on, "86400:transaction;span:organization")
}

fn no_transactions(on: Processor, limits: &str) -> Measured {
    let (app, sentry) = limited(on, Answer::default().header(LIMITS, limits));
    let measured = goes_on(app, &sentry, (0, 5)).lost(DropReason::RateLimited, 10);
    assert_eq!((reported(&sentry, "transaction"), reported(&sentry, "span")), (5, 10));
    measured
}

fn other(on: Processor) -> Measured {
    let limits = "60:replay;brand_new:key, 60:metric_bucket:organization:x:custom";
    let (app, sentry) = limited(on, Answer::default().header(LIMITS, limits));
    goes_on(app, &sentry, (5, 5)).lost_nothing()
}

/// Of five more pieces of work so many transactions and events arrive.
fn goes_on(app: App, sentry: &FakeSentry, (transactions, events): (usize, usize)) -> Measured {
    let before = (sentry.transactions().len(), sentry.events().len());
    app.works(5);
    app.settle();
    let more = (sentry.transactions().len() - before.0, sentry.events().len() - before.1);
    assert_eq!(more, (transactions, events));
    app.end(SECOND)
}

/// How many of a category have been reported as dropped because of a limit.
fn reported(sentry: &FakeSentry, category: &str) -> u64 {
    let reports = sentry.payloads("client_report");
    let losses = reports.iter().flat_map(|report| report["discarded_events"].as_array().unwrap());
    let losses =
        losses.filter(|loss| loss["reason"] == "ratelimit_backoff" && loss["category"] == category);
    losses.map(|loss| loss["quantity"].as_u64().unwrap()).sum()
}

fn ending(on: Processor) -> Measured {
    let start = std::time::Instant::now();
    let (app, sentry) = limited(on, Answer::status(429).header("Retry-After", "1"));
    while app.stats().spans_delivered == 0 {
        assert!(start.elapsed() < SOON, "{:?}", app.stats());
        app.works(1);
        app.settle();
    }
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
    let dropped = app.stats().spans_dropped;
    goes_on(app, &sentry, (5, 5)).lost(DropReason::RateLimited, dropped)
}
