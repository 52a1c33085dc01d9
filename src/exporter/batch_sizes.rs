use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Tells a full batch from one that left the processor's queue empty.
///
/// The exporter is not told how large a batch of its processor can be, so it learns it: from the
/// environment, from the largest batch seen, and from batches of the same size that follow each
/// other at once, as they do while the queue is being emptied.
#[derive(Debug)]
pub(super) struct BatchSizes {
    largest: AtomicUsize,
    previous: AtomicUsize,
    /// How many batches of the same size in a row followed each other at once.
    repeats: AtomicUsize,
    started: Instant,
    /// When the last `export` ended, in microseconds since the start.
    ended: AtomicU64,
}

/// Batches under this size are not taken for full ones because they repeat.
const MIN_REPEATED: usize = 32;

/// How many times a size has to repeat.
const REPEATS: usize = 3;

/// How soon after a full batch the next one comes.
const AT_ONCE: Duration = Duration::from_millis(1);

impl BatchSizes {
    pub(super) fn new(full_batch: usize) -> Self {
        Self {
            largest: AtomicUsize::new(full_batch),
            previous: AtomicUsize::new(0),
            repeats: AtomicUsize::new(0),
            started: Instant::now(),
            ended: AtomicU64::new(0),
        }
    }

    pub(super) fn is_full(&self, len: usize) -> bool {
        let largest = self.largest.fetch_max(len, Ordering::Relaxed);
        let previous = self.previous.swap(len, Ordering::Relaxed);
        let pause = self.micros().saturating_sub(self.ended.load(Ordering::Relaxed));
        let follows_at_once = Duration::from_micros(pause) < AT_ONCE;
        if len == previous && len >= MIN_REPEATED && follows_at_once {
            self.repeats.fetch_add(1, Ordering::Relaxed);
        } else {
            self.repeats.store(0, Ordering::Relaxed);
        }
        len >= largest || self.repeats.load(Ordering::Relaxed) >= REPEATS
    }

    pub(super) fn ended(&self) {
        self.ended.store(self.micros(), Ordering::Relaxed);
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
