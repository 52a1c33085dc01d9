//! Answers that are no acceptance.

use std::time::Duration;

use opentelemetry_sentry::DropReason;

use super::app::{ALL, App, Processor, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::sentry::{Answer, FakeSentry};

faults! {
    "Answers that are no acceptance";
    redirects on ALL, by redirected,
        "Every answer is 301, 302, 303, 307 or 308, with a place to go to.",
        "Not followed, because a redirected POST looks like a success; counted as refused, never sent again.";
    refusals on ALL, by refused,
        "Every answer is 400, 401, 403, 404, 405, 407, 413 or 418.",
        "Final: counted as refused, told once with the status and what to check, never sent again.";
    troubles_of_the_server on ALL, by in_trouble,
        "Every answer is 500, 502, 503 or 504, with a pause asked for.",
        "Final as well, as Sentry wants it; no pause, which only 429 may ask for.";
    a_refusal_now_and_then on ALL, by now_and_then,
        "Every other answer is 502.",
        "What was refused is lost and counted, all else arrives.";
}

const SECOND: Duration = Duration::from_secs(1);

fn redirected(on: Processor) -> Measured {
    each(on, &[301, 302, 303, 307, 308])
}

fn refused(on: Processor) -> Measured {
    each(on, &[400, 401, 403, 404, 405, 407, 413, 418])
}

fn in_trouble(on: Processor) -> Measured {
    each(on, &[500, 502, 503, 504])
}

fn each(on: Processor, statuses: &[u16]) -> Measured {
    let measured = statuses.iter().map(|status| always(on, *status));
    let sum = measured.reduce(Measured::and).expect("at least one status");
    sum.lost(DropReason::Refused, 4 * statuses.len() as u64)
}

fn always(on: Processor, status: u16) -> Measured {
    let answer = Answer::status(status).header("Location", "/elsewhere");
    let sentry = FakeSentry::always(answer.header("Retry-After", "60"));
    let app = App::to(on, &sentry);
    for round in 1..=2 {
        app.works(1);
        app.settle();
        assert_eq!(sentry.requests().len(), 2 * round, "{status}: each was sent once");
    }
    let error = app.wait_for_trouble();
    assert!(error.contains(&format!("answered {status} ")), "{error}");
    app.end(SECOND)
}

fn now_and_then(on: Processor) -> Measured {
    let answers = [Answer::status(502), Answer::default()].into_iter().cycle().take(20);
    let sentry = FakeSentry::start_with(answers);
    let app = App::new(on, settings(&sentry.dsn()).with_max_in_flight(1));
    app.works(10);
    app.settle();
    let stats = app.stats();
    let delivered = stats.transactions_delivered + stats.events_delivered;
    let dropped = stats.transactions_dropped + stats.events_dropped;
    assert_eq!((delivered, dropped, sentry.requests().len()), (10, 10, 20), "{stats}");
    let measured = app.end(SECOND);
    assert_eq!(measured.delivered + measured.dropped[&DropReason::Refused], 20);
    measured
}
