//! How the segment buffer behaves over millions of spans: memory, and time for each span.
//!
//! `cargo bench --bench segments` runs ten million spans; `-- --spans N` another number. Prints
//! figures as ratios of this one run; it measures, and judges nothing.

use std::time::{Duration, Instant, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::segment::SegmentBuffer;

const BATCH: usize = 512;
const SPANS_PER_TRACE: u64 = 20;

/// Random enough, and the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

fn span(trace: u128, id: u64, parent: u64) -> SpanData {
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(trace),
            SpanId::from(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(parent),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "work".into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/users/{id}".to_owned()),
            KeyValue::new("http.response.status_code", 200),
        ],
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// A trace under way: its spans come one by one, children before parents, the root last.
struct Open {
    trace: u128,
    first: u64,
    left: u64,
}

/// Spans of many traces at once, with roots that never come and children that come after them.
struct Traffic {
    random: Random,
    open: Vec<Open>,
    next_id: u64,
    late: Vec<SpanData>,
}

impl Traffic {
    fn new(open: usize) -> Self {
        let mut traffic =
            Self { random: Random(7), open: Vec::new(), next_id: 1, late: Vec::new() };
        for at in 0..open {
            let left = at as u64 % SPANS_PER_TRACE + 1;
            let trace = traffic.start(left);
            traffic.open.push(trace);
        }
        traffic
    }

    fn start(&mut self, left: u64) -> Open {
        let first = self.next_id;
        self.next_id += SPANS_PER_TRACE;
        Open { trace: u128::from(self.random.next()) << 64 | u128::from(first), first, left }
    }

    fn batch(&mut self) -> Vec<SpanData> {
        let mut batch = std::mem::take(&mut self.late);
        while batch.len() < BATCH {
            let at = self.random.next() as usize % self.open.len();
            let Open { trace, first, left } = self.open[at];
            self.open[at].left = left - 1;
            if left > 1 {
                let parent = first + self.random.next() % (left - 1);
                let child = span(trace, first + left - 1, parent);
                let is_late = self.random.one_in(100);
                if is_late { self.late.push(child) } else { batch.push(child) }
            } else {
                if !self.random.one_in(100) {
                    batch.push(span(trace, first, 0));
                }
                self.open[at] = self.start(SPANS_PER_TRACE);
            }
        }
        batch
    }
}

/// The memory of this process in KiB, where the system tells it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn soak(spans: u64) {
    let mut traffic = Traffic::new(10_000);
    let mut buffer = SegmentBuffer::new();
    let (mut sent, mut came, mut busy) = (0, 0, Duration::ZERO);
    let mut samples = Vec::new();
    while came < spans {
        let batch = traffic.batch();
        came += batch.len() as u64;
        // Two thousand spans a second, so that the run spans many timeouts.
        let now = Duration::from_micros(came * 500);
        let started = Instant::now();
        let segments = buffer.ingest(batch, now).segments;
        let expired = buffer.expire(now);
        busy += started.elapsed();
        sent +=
            segments.iter().chain(&expired).map(|segment| segment.spans.len() as u64).sum::<u64>();
        if came * 10 / spans > samples.len() as u64 {
            samples.push((came, resident_kib(), buffer.len()));
        }
    }
    for (came, resident, waiting) in &samples {
        println!("{came:>10} spans: {resident:>7} KiB resident, {waiting:>6} waiting");
    }
    let (first, last) = (samples.first().map_or(0, |at| at.1), samples.last().map_or(0, |at| at.1));
    println!("memory at the end / at a tenth: {:.3}", last as f64 / first.max(1) as f64);
    println!("{} of {came} left, {} wait", sent, buffer.len());
    println!("{:.0} ns for each span", busy.as_nanos() as f64 / came as f64);
}

/// Time for each span with so many others waiting, in nanoseconds.
fn with_waiting(waiting: u64, rounds: usize) -> f64 {
    let mut buffer = SegmentBuffer::new().with_max_pending_spans(1_000_000);
    let mut random = Random(11);
    let orphans = (0..waiting).map(|at| {
        let trace = u128::from(random.next()) << 64 | u128::from(at);
        span(trace, (1 << 40) + at, 1)
    });
    buffer.ingest(orphans.collect(), Duration::ZERO);
    let mut traffic = Traffic::new(100);
    let (mut fastest, mut now) = (f64::MAX, Duration::ZERO);
    for _ in 0..rounds {
        let batches: Vec<_> = (0..20).map(|_| traffic.batch()).collect();
        let spans: usize = batches.iter().map(Vec::len).sum();
        let started = Instant::now();
        for batch in batches {
            now += Duration::from_millis(1);
            drop(buffer.ingest(batch, now));
        }
        fastest = fastest.min(started.elapsed().as_nanos() as f64 / spans as f64);
    }
    fastest
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let given = arguments.iter().position(|argument| argument == "--spans");
    let spans = given.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(10_000_000);
    soak(spans);
    // In turns, so that a slow moment of the machine meets both.
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        few.push(with_waiting(1_000, 40));
        many.push(with_waiting(100_000, 40));
    }
    few.sort_by(f64::total_cmp);
    many.sort_by(f64::total_cmp);
    println!("{:.0} ns with 1,000 waiting, {:.0} ns with 100,000", few[3], many[3]);
    println!("ratio: {:.3}", many[3] / few[3]);
}
