//! The process that spends: windows of spans that fit into every queue, a flush after each.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::allocations;
use crate::exporters;
use crate::load::{Exporter, end_after};
use crate::web::Web;

/// Which spans a process makes.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub spans: u64,
    /// Spans between two flushes.
    pub window: u64,
    pub spans_per_trace: u64,
    /// Every which span has an exception; none if it is zero.
    pub exception_every: u64,
}

/// Connections, tables and threads that are made only once are not what a span costs.
const WARM_UP_WINDOWS: u64 = 3;

const LIMIT: Duration = Duration::from_secs(1200);

impl Load {
    pub fn warm_up(self) -> u64 {
        self.window * WARM_UP_WINDOWS
    }

    fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split(',').map(|it| it.parse().ok()).collect::<Option<_>>()?;
        let [spans, window, spans_per_trace, exception_every] = numbers.try_into().ok()?;
        Some(Self { spans, window, spans_per_trace, exception_every })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spans, window, spans_per_trace, exception_every } = self;
        write!(f, "{spans},{window},{spans_per_trace},{exception_every}")
    }
}

/// Prints, from the end of the warm-up on: nanoseconds of CPU, those of the thread that makes the
/// spans among them, allocations, bytes of them.
pub fn spend(exporter: &str, load: &str, counting: &str, address: &str) {
    let load = Load::parse(load).expect("a load");
    end_after(LIMIT);
    let exporter = exporters::start(exporter, address);
    make(&*exporter, load, 0, load.warm_up());
    if counting == "counting" {
        allocations::count();
    }
    let before = (cpu(ClockId::ProcessCPUTime), allocations::so_far());
    let making = make(&*exporter, load, load.warm_up(), load.spans);
    let after = (cpu(ClockId::ProcessCPUTime), allocations::so_far());
    exporter.shutdown();
    println!(
        "{} {} {} {}",
        (after.0 - before.0).as_nanos(),
        making.as_nanos(),
        after.1.0 - before.1.0,
        after.1.1 - before.1.1,
    );
}

/// Tells how much of its time the thread took to make the spans, without the flushes.
fn make(exporter: &dyn Exporter, load: Load, first: u64, spans: u64) -> Duration {
    let Load { window, spans_per_trace, exception_every, .. } = load;
    let mut making = Duration::ZERO;
    for window_first in (first..first + spans).step_by(window as usize) {
        let before = cpu(ClockId::ThreadCPUTime);
        for trace in 0..window / spans_per_trace {
            let first = window_first + trace * spans_per_trace;
            exporter.web(&Web { spans: spans_per_trace, first, exception_every });
        }
        making += cpu(ClockId::ThreadCPUTime) - before;
        exporter.flush();
    }
    making
}

/// In user space and in the system.
fn cpu(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().expect("a time after the start")
}
