//! The application: some hundred traces a second, some of them with errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::mood::Dice;

pub struct Load {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Made>,
}

/// What the application has made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    pub spans: u64,
    pub traces: u64,
    pub errors: u64,
}

const TRACES_PER_SECOND: u64 = 300;
const CHILDREN: u64 = 4;

/// The exporter remembers the ids of 100,000 spans; memory is measured with all of them there.
const TRACES_TO_WARM_UP: u64 = 22_000;

impl Load {
    /// Warms up, and goes on in the background.
    pub fn start(provider: &SdkTracerProvider, seed: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (provider, until) = (provider.clone(), Arc::clone(&is_over));
        let (mut dice, mut made) = (Dice::new(!seed), Made::default());
        while made.traces < TRACES_TO_WARM_UP {
            made.one(&provider, &mut dice);
            if made.traces % 100 == 0 {
                provider.force_flush().expect("a healthy server");
            }
        }
        let thread = thread::spawn(move || {
            let start = Instant::now();
            while !until.load(Ordering::Relaxed) {
                let due = start.elapsed().as_millis() as u64 * TRACES_PER_SECOND / 1000;
                while made.traces < TRACES_TO_WARM_UP + due {
                    made.one(&provider, &mut dice);
                }
                thread::sleep(Duration::from_millis(2));
            }
            made
        });
        Self { is_over, thread }
    }

    pub fn stop(self) -> Made {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load does not panic")
    }
}

impl Made {
    fn one(&mut self, provider: &SdkTracerProvider, dice: &mut Dice) {
        let has_error = dice.below(4) == 0;
        trace(provider, dice, has_error);
        self.spans += CHILDREN + 1;
        self.traces += 1;
        self.errors += u64::from(has_error);
    }
}

/// The memory of this process, of which the server takes nothing.
pub fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

fn trace(provider: &SdkTracerProvider, dice: &mut Dice, has_error: bool) {
    let tracer = provider.tracer("soak");
    let root = tracer.span_builder("GET /orders/{id}").with_kind(SpanKind::Server);
    let root = Context::new().with_span(root.start(&tracer));
    for child in 0..CHILDREN {
        let mut span = tracer.start_with_context("SELECT orders", &root);
        span.set_attribute(KeyValue::new("db.query.text", "SELECT name FROM orders WHERE id = $1"));
        span.set_attribute(KeyValue::new("customer", dice.below(1_000_000) as i64));
        if child == 0 && has_error {
            let row = dice.below(1_000_000);
            span.record_error(&std::io::Error::other(format!("row {row} is locked")));
        }
        span.end();
    }
    root.span().end();
}
