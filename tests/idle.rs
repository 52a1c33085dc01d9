//! A thread that has nothing to do does nothing, whatever it waits for.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use common::sentry::{Answer, FakeSentry, SOON};
use common::telemetry::{export, export_and_wait, exporter, span};
use common::watchdog::watchdog;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::SentrySpanExporter;

const LIMIT: Duration = Duration::from_secs(90);

/// The exporter's thread is found by its name, so there must be no other one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone(body: impl FnOnce() + Send + 'static) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    watchdog(LIMIT, body);
}

/// All threads of exporters; a name is cut after 15 bytes.
fn tasks() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let is_ours = |name: String| name.trim_end() == "sentry-transpor";
    tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(is_ours)).collect()
}

/// Waits for that many threads: one that starts has no name yet, and one that ends is still there.
fn wait_for_tasks(count: usize) -> Vec<PathBuf> {
    loop {
        let tasks = tasks();
        if tasks.len() == count {
            return tasks;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Hundredths of a second that a thread has worked, and how often it has slept.
fn effort(task: &Path) -> (u64, u64) {
    let stat = fs::read_to_string(task.join("stat")).unwrap();
    let fields: Vec<_> = stat.split(' ').collect();
    let ticks = [13, 14].map(|field: usize| fields[field].parse::<u64>().unwrap());
    let status = fs::read_to_string(task.join("status")).unwrap();
    let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    (ticks.iter().sum(), sleeps.unwrap().trim().parse().unwrap())
}

fn assert_idle() {
    let task = wait_for_tasks(1).remove(0);
    let before = effort(&task);
    thread::sleep(Duration::from_secs(1));
    let after = effort(&task);
    let (ticks, sleeps) = (after.0 - before.0, after.1 - before.1);
    assert!(ticks < 20 && sleeps < 50, "{ticks} hundredths of work, {sleeps} times asleep");
}

#[test]
fn it_is_gone_after_a_shutdown_and_after_the_drop_of_the_last_handle() {
    alone(|| {
        let sentry = FakeSentry::start();
        let (one, other) = (exporter(&sentry), exporter(&sentry));
        wait_for_tasks(2);
        one.shutdown().unwrap();
        wait_for_tasks(1);
        drop(other);
        wait_for_tasks(0);
    });
}

#[test]
fn with_nothing_to_send() {
    alone(|| {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, vec![span(1, 1, 0, "work"), span(2, 2, 1, "child")]).unwrap();
        assert_idle();
        exporter.shutdown().unwrap();
    });
}

#[test]
fn while_a_server_hangs() {
    alone(|| {
        let sentry = FakeSentry::always(Answer::hang());
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_max_in_flight(1).build().unwrap();
        export(&exporter, (1..9).map(|trace| span(trace, 1, 0, "work")).collect()).unwrap();
        sentry.wait_for(1, SOON);
        assert_idle();
    });
}

#[test]
fn while_a_child_waits_for_its_root_without_end() {
    alone(|| {
        let sentry = FakeSentry::start();
        let builder = SentrySpanExporter::builder().with_dsn(sentry.dsn());
        let exporter = builder.with_segment_timeout(Duration::MAX).build().unwrap();
        export(&exporter, vec![span(1, 2, 1, "child")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_idle();
    });
}

#[test]
fn while_a_shutdown_without_end_waits_for_an_answer() {
    alone(|| {
        let sentry = FakeSentry::always(Answer::default().delay(Duration::from_secs(2)));
        let exporter = exporter(&sentry);
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        sentry.wait_for(1, SOON);
        let shutdown = thread::spawn(move || exporter.shutdown_with_timeout(Duration::MAX));
        assert_idle();
        shutdown.join().unwrap().unwrap();
    });
}

#[test]
#[ignore = "takes half a minute, the time that losses wait for an envelope to ride on"]
fn while_sentry_wants_nothing_at_all_and_there_are_losses_to_report() {
    alone(|| {
        let sentry = FakeSentry::start_with([Answer::status(429).header("Retry-After", "3600")]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, vec![span(1, 1, 0, "work")]).unwrap_err();
        export_and_wait(&exporter, vec![span(2, 1, 0, "work")]).unwrap();
        // The losses wait half a minute for an envelope to ride on.
        thread::sleep(Duration::from_secs(31));
        assert_idle();
    });
}
