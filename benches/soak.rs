//! A long run against a server that is in every kind of trouble, with a balance at its end.
//!
//! `cargo bench --bench soak -- 600 [seed]` makes some hundred traces a second for so many seconds
//! (60 by default), while a server in a process of its own changes its mood at random. It ends
//! healthy; then each item is looked up in the books of both sides, and what does not agree fails
//! the run.

#[path = "../tests/common/mod.rs"]
mod common;

mod soak {
    pub mod balance;
    pub mod load;
    pub mod mood;
    pub mod remote;
    pub mod server;
}

use std::time::{Duration, Instant, SystemTime};

use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sentry::SentrySpanExporter;

use soak::balance::Sums;
use soak::load::{Load, resident_bytes};
use soak::mood::{Dice, Mood};
use soak::remote::Remote;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(2);

fn main() {
    if std::env::args().any(|argument| argument == soak::remote::SERVE) {
        soak::server::main();
        return;
    }
    // Cargo adds an argument of its own.
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let seconds = Duration::from_secs(numbers.next().unwrap_or(60));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = numbers.next().unwrap_or(u64::from(now.subsec_nanos()));
    println!("{} s with seed {seed}", seconds.as_secs());
    run(seconds, seed);
}

fn run(time: Duration, seed: u64) {
    let remote = Remote::start();
    // The exporter says which answers it got to what; the server gets to know.
    tracing::subscriber::set_global_default(remote.listener()).expect("the first subscriber");
    let builder = SentrySpanExporter::builder().with_dsn(remote.dsn()).with_timeout(TIMEOUT);
    let exporter = builder.build().expect("an exporter");
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter.clone()).build();
    let load = Load::start(&provider, seed);
    let (mut dice, start) = (Dice::new(seed), Instant::now());
    let (mut at_a_tenth, mut highest, mut change) = (None, 0, Duration::ZERO);
    while start.elapsed() < time {
        if start.elapsed() >= change {
            remote.change(Mood::any(&mut dice));
            change = start.elapsed() + Duration::from_millis(500 + dice.below(3500));
        }
        if at_a_tenth.is_none() && start.elapsed() >= time / 10 {
            at_a_tenth = Some(resident_bytes());
        }
        highest = highest.max(resident_bytes());
        std::thread::sleep(Duration::from_millis(20));
    }
    remote.change(Mood::Healthy);
    let made = load.stop();
    provider.force_flush().ok();
    exporter.flush(Duration::from_secs(60)).expect("a healthy server takes everything");
    let at_the_end = resident_bytes();
    provider.shutdown().expect("nothing was left to lose");
    let stats = exporter.stats();
    println!("{stats}");
    let lost_before = made.spans - stats.spans_received;
    println!(
        "{made:?} with the warming up, {lost_before} spans of them lost in the queue of the SDK"
    );
    let first = at_a_tenth.unwrap_or(at_the_end);
    println!(
        "resident memory: {:.1} MB at a tenth, {:.1} MB at the end, {:.1} MB at most; end / tenth = {:.3}",
        first as f64 / 1e6,
        at_the_end as f64 / 1e6,
        highest as f64 / 1e6,
        at_the_end as f64 / first as f64
    );
    assert_eq!(stats.spans_received, stats.spans_delivered + stats.spans_dropped, "{stats:?}");
    assert_eq!(stats.spans_pending, 0, "{stats:?}");
    assert!(stats.spans_delivered > 0, "{stats:?}");
    if lost_before == 0 {
        let transactions = stats.transactions_delivered + stats.transactions_dropped;
        let errors = stats.events_delivered + stats.events_dropped;
        assert_eq!((transactions, errors), (made.traces, made.errors), "{stats:?}");
    }
    let agrees = remote.end(Sums {
        transactions: (stats.transactions_delivered, stats.transactions_dropped),
        events: (stats.events_delivered, stats.events_dropped),
    });
    assert!(agrees, "the books of the two sides do not agree; the seed is {seed}");
}
