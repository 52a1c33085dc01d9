//! A directory for what memory cannot hold and for what a shutdown could not deliver.
#![cfg(feature = "spool")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::answer::Answer;
use common::place::{Place, dsn_of};
use common::sentry::{FakeSentry, SOON};
use common::telemetry::{export, span, stats};
use common::watchdog::watchdog;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::{
    DropReason, SentrySpanExporter, SentrySpanExporterBuilder, Spool, Stats,
};

const LIMIT: Duration = Duration::from_secs(60);

/// How much later than the timeout of a shutdown its end may come on a busy machine.
const TOLERANCE: Duration = Duration::from_secs(1);

fn builder(dsn: &str, dir: &Path) -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_dsn(dsn).with_spool(Spool::new(dir))
}

fn exporter(dsn: &str, dir: &Path) -> SentrySpanExporter {
    builder(dsn, dir).build().unwrap()
}

/// So many traces of one span; each becomes an envelope.
fn traces(exporter: &SentrySpanExporter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        // The outage is told once.
        let _ = export(exporter, vec![span(u128::from(number) + 1, number + 1, 0, "work")]);
    }
}

fn wait_until(exporter: &SentrySpanExporter, done: impl Fn(&Stats) -> bool) {
    let start = Instant::now();
    while !done(&stats(exporter)) {
        assert!(start.elapsed() < LIMIT / 2, "{:?}", stats(exporter));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The ids of all transactions; each came once.
fn arrived(sentry: &FakeSentry) -> BTreeSet<String> {
    let ids = sentry.transactions().iter().map(|it| it["event_id"].to_string()).collect::<Vec<_>>();
    let once: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(once.len(), ids.len(), "something arrived twice");
    once
}

fn envelopes_in(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name());
    files.filter(|name| name.to_string_lossy().contains("transaction")).count()
}

#[test]
fn what_an_outage_leaves_at_the_shutdown_is_sent_by_the_next_process() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let first = exporter(&place.dsn(), dir.path());
        traces(&first, 0..10);
        first.shutdown_with_timeout(SOON).unwrap();
        let left = stats(&first);
        assert_eq!((left.spans_spooled, left.spans_pending, left.spans_dropped), (10, 10, 0));
        assert_eq!(envelopes_in(dir.path()), 10);

        let sentry = FakeSentry::at(&place, Answer::default());
        let (start, second) = (Instant::now(), exporter(&place.dsn(), dir.path()));
        sentry.wait_for(10, SOON);
        assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
        assert_eq!(arrived(&sentry).len(), 10);
        wait_until(&second, |stats| stats.spans_delivered == 10);
        second.shutdown_with_timeout(SOON).unwrap();
        let told = stats(&second);
        assert_eq!((told.spans_recovered, told.spans_received, told.spans_spooled), (10, 0, 0));
        assert_eq!(envelopes_in(dir.path()), 0);
    });
}

#[test]
fn what_memory_cannot_hold_during_an_outage_waits_on_disk() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let exporter = builder(&place.dsn(), dir.path()).with_queue_bytes(10_000).build().unwrap();
        traces(&exporter, 0..40);
        wait_until(&exporter, |stats| stats.spans_spooled >= 20);
        let sentry = FakeSentry::at(&place, Answer::default());
        wait_until(&exporter, |stats| stats.spans_delivered == 40);
        assert_eq!(arrived(&sentry).len(), 40);
        exporter.shutdown_with_timeout(SOON).unwrap();
        assert_eq!((stats(&exporter).spans_dropped, envelopes_in(dir.path())), (0, 0));
    });
}

#[test]
fn what_is_on_its_way_when_a_shutdown_runs_out_of_time_is_sent_again_with_the_same_id() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let hanging = FakeSentry::at(&place, Answer::hang());
        let first = exporter(&place.dsn(), dir.path());
        traces(&first, 0..5);
        hanging.wait_for(5, SOON);
        let (start, timeout) = (Instant::now(), Duration::from_secs(1));
        first.shutdown_with_timeout(timeout).unwrap();
        assert!(start.elapsed() < timeout + TOLERANCE, "{:?}", start.elapsed());
        let tried = arrived(&hanging);
        drop(hanging);

        let sentry = FakeSentry::at(&place, Answer::default());
        let second = exporter(&place.dsn(), dir.path());
        sentry.wait_for(5, SOON);
        assert_eq!(arrived(&sentry), tried);
        second.shutdown_with_timeout(SOON).unwrap();
    });
}

#[test]
fn a_limit_of_transactions_leaves_them_on_disk() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let first = exporter(&place.dsn(), dir.path());
        traces(&first, 0..3);
        first.shutdown_with_timeout(SOON).unwrap();
        let limit = "60:transaction;span:organization";
        let sentry =
            FakeSentry::at(&place, Answer::default().header("X-Sentry-Rate-Limits", limit));
        let second = exporter(&place.dsn(), dir.path());
        // The first one tells of the limit.
        wait_until(&second, |stats| stats.spans_delivered == 1);
        second.shutdown_with_timeout(SOON).unwrap();
        let told = stats(&second);
        assert_eq!(
            (told.spans_spooled, told.spans_dropped, sentry.transactions().len()),
            (2, 0, 1)
        );
    });
}

#[test]
fn an_envelope_that_memory_could_never_hold_is_sent_from_the_disk() {
    watchdog(LIMIT, || {
        let dir = tempfile::tempdir().unwrap();
        let sentry = FakeSentry::start();
        let exporter = builder(&sentry.dsn(), dir.path()).with_queue_bytes(500).build().unwrap();
        traces(&exporter, 0..3);
        wait_until(&exporter, |stats| stats.spans_delivered == 3);
        exporter.flush(SOON).unwrap();
        assert_eq!((arrived(&sentry).len(), envelopes_in(dir.path())), (3, 0));
    });
}

#[test]
fn what_was_delivered_by_the_time_of_the_shutdown_leaves_no_file() {
    watchdog(LIMIT, || {
        for _ in 0..10 {
            let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
            let first = exporter(&place.dsn(), dir.path());
            traces(&first, 0..1);
            first.shutdown_with_timeout(SOON).unwrap();
            let sentry = FakeSentry::at(&place, Answer::default().delay(Duration::from_millis(50)));
            let second = exporter(&place.dsn(), dir.path());
            sentry.wait_for(1, SOON);
            second.shutdown_with_timeout(SOON).unwrap();
            assert_eq!((stats(&second).spans_delivered, envelopes_in(dir.path())), (1, 0));
        }
    });
}

#[test]
fn one_failure_at_the_shutdown_does_not_break_off_what_is_on_its_way() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let sentry = FakeSentry::at(&place, Answer::default().delay(Duration::from_millis(500)));
        sentry.once(Answer::close_before_answer().delay(Duration::from_millis(100)));
        let exporter = exporter(&place.dsn(), dir.path());
        traces(&exporter, 0..6);
        sentry.wait_for(6, SOON);
        exporter.shutdown_with_timeout(SOON).unwrap();
        let told = stats(&exporter);
        assert!(told.spans_delivered >= 5 && told.spans_dropped == 0, "{told:?}");
    });
}

#[test]
fn a_directory_that_another_exporter_has_is_taken_over_when_that_ends() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let first = exporter(&place.dsn(), dir.path());
        let second = exporter(&place.dsn(), dir.path());
        traces(&first, 0..2);
        first.shutdown_with_timeout(SOON).unwrap();
        wait_until(&second, |stats| stats.spans_recovered == 2);
        traces(&second, 2..4);
        second.shutdown_with_timeout(SOON).unwrap();
        assert_eq!((stats(&second).spans_spooled, envelopes_in(dir.path())), (4, 4));
    });
}

#[test]
fn while_another_exporter_has_the_directory_what_would_go_there_is_counted_as_lost() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let _first = exporter(&place.dsn(), dir.path());
        let second = builder(&place.dsn(), dir.path()).with_queue_bytes(10_000).build().unwrap();
        traces(&second, 0..40);
        wait_until(&second, |stats| stats.spans_dropped >= 20);
        // What memory held got its last try as if there were no spool.
        second.shutdown_with_timeout(SOON).unwrap_err();
        let told = stats(&second);
        let [full, unreachable] = [DropReason::SpoolFull, DropReason::Unreachable]
            .map(|reason| told.dropped.get(&reason).copied().unwrap_or_default());
        assert!(full >= 20 && unreachable > 0 && full + unreachable == 40, "{told:?}");
    });
}

#[test]
fn a_directory_that_goes_away_costs_what_would_go_there_and_nothing_else() {
    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let exporter = builder(&place.dsn(), dir.path()).with_queue_bytes(10_000).build().unwrap();
        dir.close().unwrap();
        traces(&exporter, 0..40);
        wait_until(&exporter, |stats| stats.spans_dropped >= 20);
        let sentry = FakeSentry::at(&place, Answer::default());
        exporter.flush(SOON).unwrap();
        let told = stats(&exporter);
        assert_eq!(told.spans_delivered + told.spans_dropped, 40, "{told:?}");
        assert_eq!(told.dropped.get(&DropReason::SpoolFull), Some(&told.spans_dropped));
        assert_eq!(arrived(&sentry).len() as u64, told.spans_delivered);
    });
}

#[test]
fn a_directory_that_cannot_be_is_an_error_that_names_the_setting() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let dir = file.path().join("spool");
    let error = builder(&Place::new().dsn(), &dir).build().unwrap_err().to_string();
    assert!(error.starts_with("with_spool: ") && error.contains("cannot be used"), "{error}");
    assert!(
        error.ends_with("; use a directory that this process can create and write to"),
        "{error}"
    );
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_was_on_disk() {
    watchdog(LIMIT, || {
        for round in 1..=4 {
            let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "--ignored",
                    "--nocapture",
                    "a_process_for_the_test_that_kills_it",
                ])
                .env("SPOOL_OF_TEST", dir.path())
                .env("ADDRESS_OF_TEST", place.address().to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let numbers = lines.map_while(Result::ok);
            let numbers = numbers.filter_map(|line| line.strip_prefix("on disk ")?.parse().ok());
            let seen: u64 = numbers.take(round * 5).last().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();

            let sentry = FakeSentry::at(&place, Answer::default());
            let exporter = exporter(&place.dsn(), dir.path());
            wait_until(&exporter, |stats| stats.spans_recovered > 0 && stats.spans_pending == 0);
            let told = stats(&exporter);
            assert!(told.spans_recovered >= seen && seen > 0, "{seen} were on disk: {told:?}");
            assert_eq!((told.spans_dropped, told.spans_delivered), (0, told.spans_recovered));
            assert_eq!(arrived(&sentry).len() as u64, told.spans_delivered);
        }
    });
}

#[test]
#[ignore = "runs until it is killed, by the test above"]
fn a_process_for_the_test_that_kills_it() {
    let dir = std::env::var_os("SPOOL_OF_TEST").unwrap();
    let dsn = dsn_of(std::env::var("ADDRESS_OF_TEST").unwrap().parse().unwrap());
    let exporter = builder(&dsn, Path::new(&dir)).with_queue_bytes(5000).build().unwrap();
    let (mut number, mut before) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        // No more than can be sent again within the time of the test.
        if number < 60 {
            traces(&exporter, number..number + 1);
            number += 1;
        }
        let spooled = stats(&exporter).spans_spooled;
        while before < spooled {
            before += 1;
            println!("on disk {before}");
        }
    }
}
