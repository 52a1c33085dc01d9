//! What scrubbing costs where there is nothing to scrub: mapping and JSON with and without it.
//!
//! `cargo bench --bench scrubbing` runs both side by side and prints their ratio in time. To count
//! instructions, run the program twice under a counter, `-- --only on` and `-- --only off`; with
//! `--rounds N` it maps N times 100 traces. It measures, and judges nothing.

mod traces;

use std::hint::black_box;
use std::time::{Duration, Instant};

use opentelemetry_sentry::mapping::Mapper;
use opentelemetry_sentry::{Family, Scrubbing};

const TRACES: u128 = 100;
const SPANS_PER_TRACE: u64 = 9;

/// How long it takes to map all traces and write them as JSON.
fn time(mapper: &Mapper) -> Duration {
    let traces: Vec<_> = (0..TRACES).map(|number| traces::trace(number, SPANS_PER_TRACE)).collect();
    let start = Instant::now();
    for trace in traces {
        for mapped in mapper.map(trace) {
            black_box(mapped.transaction.to_json().expect("JSON"));
        }
    }
    start.elapsed()
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

fn main() {
    let rounds = argument("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(200_usize);
    let none = Family::ALL.iter().fold(Scrubbing::default(), |all, family| all.without(*family));
    let (on, off) = (Mapper::new(), Mapper::new().with_scrubbing(none));
    if let Some(only) = argument("--only") {
        let mapper = if only == "on" { &on } else { &off };
        for _ in 0..rounds {
            time(mapper);
        }
        return;
    }
    // One after the other, so that both have the same machine.
    let mut times: Vec<_> = (0..rounds).map(|_| (time(&on), time(&off))).collect();
    times.sort_by(|a, b| ratio(*a).total_cmp(&ratio(*b)));
    let middle = times.get(rounds / 2).copied().unwrap_or_default();
    println!(
        "with scrubbing {:.3} times as long as without, the middle of {rounds}",
        ratio(middle)
    );
}

fn ratio((on, off): (Duration, Duration)) -> f64 {
    on.as_secs_f64() / off.as_secs_f64()
}
