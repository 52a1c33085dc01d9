//! One measurement: two processes, and what one of them spent.

use std::process::{Command, Stdio};

use super::load::Load;
use super::rows::Row;
use crate::cell::{Receiver, itself, numbers};

/// What each span took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    pub cpu_ns: f64,
    /// Of the thread that makes the spans.
    pub making_ns: f64,
    pub allocations: f64,
    pub allocated_bytes: f64,
    pub wire_bytes: f64,
    /// Requests for each trace.
    pub requests: f64,
    /// Of all spans, in percent.
    pub lost: f64,
}

/// Measures an exporter; allocations only if they are counted, and else time.
pub fn measure(row: &Row, load: Load, counting: bool) -> Sample {
    let load = in_windows_of(row, load);
    let receiver = Receiver::start(0);
    let counting = if counting { "counting" } else { "timing" };
    let said = itself(&["spend", row.name, &load.to_string(), counting, &receiver.address])
        .stderr(Stdio::inherit())
        .output()
        .expect("a load");
    assert!(said.status.success(), "{} ended with {}", row.name, said.status);
    let spent: [f64; 4] = numbers(&String::from_utf8_lossy(&said.stdout));
    let [cpu_ns, making_ns, allocations, allocated_bytes] =
        spent.map(|all| all / load.spans as f64);
    let ended = (load.spans + load.warm_up()) as f64;
    let [received, requests, bytes] = receiver.end();
    Sample {
        cpu_ns,
        making_ns,
        allocations,
        allocated_bytes,
        wire_bytes: bytes / ended,
        requests: requests / ended * load.spans_per_trace as f64,
        lost: if row.sends { 100.0 * (ended - received) / ended } else { 0.0 },
    }
}

/// Instructions for each span, in user space, of all threads: two runs, of which one has twice as
/// many spans, so that what happens only once is not counted.
pub fn instructions(row: &Row, load: Load) -> f64 {
    let load = in_windows_of(row, load);
    let [one, two] = [1, 2].map(|times| {
        let load = Load { spans: times * load.spans, ..load };
        let receiver = Receiver::start(0);
        let path = itself(&[]).get_program().to_owned();
        let said = Command::new("valgrind")
            .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
            .arg(path)
            .args(["spend", row.name, &load.to_string(), "timing", &receiver.address])
            .output()
            .expect("valgrind");
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{}: {words}", row.name);
        let [received, ..] = receiver.end();
        if row.sends && received < (load.spans + load.warm_up()) as f64 {
            eprintln!("{}: only {received} spans came", row.name);
        }
        let line = words.lines().find(|line| line.contains("refs:")).expect("a count");
        let digits = line.rsplit(':').next().expect("a number");
        digits.trim().replace(',', "").parse::<f64>().expect("a number")
    });
    (two - one) / load.spans as f64
}

fn in_windows_of(row: &Row, load: Load) -> Load {
    let traces = row.traces.unwrap_or(u64::MAX).min(load.window / load.spans_per_trace);
    let window = traces * load.spans_per_trace;
    Load { window, spans: load.spans.next_multiple_of(window), ..load }
}
