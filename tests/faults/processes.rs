//! Processes that end, or start others, while something is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::app::{ALL, App, Processor, settings};
use super::fault::faults;
use super::measured::Measured;
use crate::common::sentry::{Answer, FakeSentry, SOON};

faults! {
    "Processes";
    a_process_that_exits_while_sending on ALL, by exits,
        "A process calls `std::process::exit` while its requests hang.",
        "It ends at once with its own exit code and without a word on standard error; what was not delivered is lost.";
    a_process_that_returns_while_sending on ALL, by returns,
        "A process ends its work while its requests hang, without a shutdown and with the provider still held.",
        "The same.";
    a_process_that_shuts_down_before_it_exits on ALL, by shuts_down,
        "A process shuts down and exits, with a server that takes 0.3 s for each answer.",
        "All arrives; no word on standard error.";
    processes_started_while_sending on ALL, by starts_others,
        "An application starts another process, which stays, while its requests wait for their answers.",
        "All arrives; the other process has none of our sockets.";
}

/// How the process below is told what to do: the processor, the ending and the DSN.
const TASK: &str = "FAULTS_TASK";
const SECOND: Duration = Duration::from_secs(1);

fn exits(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    ends(on, "exits", &sentry, 7)
}

fn returns(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::hang());
    ends(on, "returns", &sentry, 0)
}

fn shuts_down(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::default().delay(SECOND.mul_f32(0.3)));
    let measured = ends(on, "shuts down", &sentry, 7);
    assert_eq!((sentry.transactions().len(), sentry.events().len()), (3, 3));
    measured.lost_nothing()
}

/// A process of ours ends in this way with this code.
fn ends(on: Processor, ending: &str, sentry: &FakeSentry, code: i32) -> Measured {
    let mut process = start(&format!("{}|{ending}|{}", on.name(), sentry.dsn()));
    let mut said = BufReader::new(process.stdout.take().unwrap());
    sentry.wait_for(6, SOON);
    // Now it may go on to its end.
    process.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut line = String::new();
    while !line.starts_with("stats ") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "the process says nothing");
    }
    let start = Instant::now();
    let status = process.wait().unwrap();
    let shutdown = start.elapsed();
    let mut error = String::new();
    process.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((status.code(), error.as_str()), (Some(code), ""));
    assert!(shutdown < 2 * SECOND, "{shutdown:?}");
    let numbers: Vec<u64> = line.split(' ').skip(1).map(|it| it.trim().parse().unwrap()).collect();
    let [spans, delivered, pending, export] = numbers[..] else { panic!("{line}") };
    assert_eq!(spans, delivered + pending, "{line}");
    let export = Duration::from_micros(export);
    Measured { spans, delivered, pending, export, shutdown, ..Measured::default() }
}

fn start(task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::processes::the_process", "--ignored", "--nocapture"])
        .env(TASK, task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the tests above run as a process of its own.
#[test]
#[ignore = "the other tests start it"]
fn the_process() {
    let task = std::env::var(TASK).expect("a task");
    let task: Vec<_> = task.split('|').collect();
    let [on, ending, dsn] = task[..] else { panic!("{task:?}") };
    if ending == "waits" {
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let on = ALL.iter().find(|processor| processor.name() == on).expect("a processor");
    let app = App::new(*on, settings(dsn));
    app.works(3);
    app.hand_over();
    let _ = std::io::stdin().read(&mut [0]);
    let shutdown = match ending {
        "shuts down" => {
            let shutdown = app.shut_down(2 * SECOND);
            app.ended(shutdown)
        }
        _ => app.measured(Duration::ZERO),
    };
    let Measured { spans, delivered, pending, export, .. } = shutdown;
    println!("\nstats {spans} {delivered} {pending} {}", export.as_micros());
    if ending != "returns" {
        std::process::exit(7);
    }
    // As a global provider would be.
    std::mem::forget(app);
}

fn starts_others(on: Processor) -> Measured {
    let sentry = FakeSentry::always(Answer::default().delay(SECOND.mul_f32(0.3)));
    let app = App::to(on, &sentry);
    app.works(3);
    app.hand_over();
    sentry.wait_for(6, SOON);
    let mut other = start("|waits|");
    if let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", other.id())) {
        let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        let open: Vec<_> =
            open.filter(|open| open.to_string_lossy().starts_with("socket:")).collect();
        assert!(open.is_empty(), "{open:?}");
    }
    app.settle();
    let measured = app.end(SECOND).lost_nothing();
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    measured
}
