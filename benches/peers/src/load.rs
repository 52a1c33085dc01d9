//! The process that makes spans: one thread that knows nothing of how they are exported.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use crate::exporters;
use crate::web::Web;

pub const SPANS_PER_TRACE: u64 = 20;

/// How long a flush and a shutdown may take, for every exporter.
pub const LIMIT: Duration = Duration::from_secs(10);

/// An exporter behind the SDK it needs, set up as its documentation says.
pub trait Exporter {
    /// Starts and ends the spans of one trace.
    fn trace(&self);
    /// Starts and ends the spans of one trace of a web service.
    fn web(&self, trace: &Web);
    /// Returns when what has ended is delivered or given up.
    fn flush(&self);
    fn shutdown(&self);
}

#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// A window of spans as fast as the thread can, a flush, the next window.
    Closed,
    /// Spans a second, whatever becomes of them.
    Paced(u64),
}

impl Load {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "closed" => Some(Self::Closed),
            rate => rate.parse().ok().map(Self::Paced),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.pad("closed"),
            Self::Paced(rate) => rate.fmt(f),
        }
    }
}

/// Prints the spans that have ended, and the seconds from the first of them until the last was
/// made and until the end of the shutdown.
pub fn run(exporter: &str, load: &str, seconds: &str, window: &str, address: &str) {
    let load = Load::parse(load).expect("a load");
    let time = Duration::from_secs(seconds.parse().expect("seconds"));
    let window: u64 = window.parse().expect("spans");
    end_after(time + 6 * LIMIT);
    let exporter = exporters::start(exporter, address);
    let started = Instant::now();
    let ended = match load {
        Load::Closed => in_windows(&*exporter, window, time),
        Load::Paced(rate) => at_pace(&*exporter, rate, time),
    };
    let made = started.elapsed();
    exporter.shutdown();
    println!("{ended} {} {}", made.as_secs_f64(), started.elapsed().as_secs_f64());
}

fn in_windows(exporter: &dyn Exporter, window: u64, time: Duration) -> u64 {
    let (started, mut ended) = (Instant::now(), 0);
    while started.elapsed() < time {
        for _ in 0..window / SPANS_PER_TRACE {
            exporter.trace();
        }
        ended += window;
        exporter.flush();
    }
    ended
}

fn at_pace(exporter: &dyn Exporter, rate: u64, time: Duration) -> u64 {
    let all = rate * time.as_secs() / SPANS_PER_TRACE;
    let (started, mut traces) = (Instant::now(), 0);
    while traces < all {
        let due = started.elapsed().as_micros() as u64 * rate / SPANS_PER_TRACE / 1_000_000;
        while traces < due.min(all) {
            exporter.trace();
            traces += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    traces * SPANS_PER_TRACE
}

/// An exporter that hangs must not hang the whole run.
pub fn end_after(limit: Duration) {
    thread::spawn(move || {
        thread::sleep(limit);
        eprintln!("no end within {limit:?}");
        std::process::exit(1);
    });
}
