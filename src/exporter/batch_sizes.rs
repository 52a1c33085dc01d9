use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::worker::spread;

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
    /// The same of the last full batch of a burst; zero if there was none.
    burst: AtomicU64,
}

/// How long an `export` waits for its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all, unless too much waits: more may stand behind it than a queue can hold.
    ForRoom,
    /// The same; it is in the midst of a burst, full or not.
    InBurst,
    /// Until it is delivered.
    ForDelivery,
}

/// Batches under this size are not taken for full ones because they repeat.
const MIN_REPEATED: usize = 32;

/// How many times a size has to repeat.
const REPEATS: usize = 3;

/// How soon after a full batch the next one comes.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Spans of a full batch that ended within this time are a burst; what comes this soon after them
/// may belong to it.
const BURST: Duration = Duration::from_millis(5);

impl BatchSizes {
    pub(super) fn new(full_batch: usize) -> Self {
        Self {
            largest: AtomicUsize::new(full_batch),
            previous: AtomicUsize::new(0),
            repeats: AtomicUsize::new(0),
            started: Instant::now(),
            ended: AtomicU64::new(0),
            burst: AtomicU64::new(0),
        }
    }

    /// How long to wait for a batch of spans that ended at these times.
    pub(super) fn wait(&self, ends: impl ExactSizeIterator<Item = SystemTime> + Clone) -> Wait {
        let burst = Duration::from_micros(self.burst.load(Ordering::Relaxed));
        let now = Duration::from_micros(self.micros());
        if !self.is_full(ends.len()) {
            let is_after = burst > Duration::ZERO && now.saturating_sub(burst) < BURST;
            return if is_after { Wait::InBurst } else { Wait::ForDelivery };
        }
        let is_burst = spread(ends).is_some_and(|spread| spread < BURST);
        self.burst.store(if is_burst { self.micros().max(1) } else { 0 }, Ordering::Relaxed);
        if is_burst { Wait::InBurst } else { Wait::ForRoom }
    }

    fn is_full(&self, len: usize) -> bool {
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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// The waits for batches of so many spans, of which one ended every so many microseconds.
    fn waits<const N: usize>(batches: [(usize, u64); N]) -> [Wait; N] {
        let sizes = BatchSizes::new(512);
        batches.map(|(len, micros)| {
            let spans = (0..len).map(|at| Duration::from_micros(at as u64 * micros));
            let ends: Vec<_> = spans.map(|at| UNIX_EPOCH + at).collect();
            sizes.wait(ends.into_iter())
        })
    }

    #[test]
    fn what_comes_at_once_behind_a_full_batch_of_a_burst_belongs_to_it() {
        use Wait::{ForDelivery, ForRoom, InBurst};
        assert_eq!(waits([(300, 1), (511, 1)]), [ForDelivery; 2], "no batch was full");
        assert_eq!(waits([(512, 50), (300, 1)]), [ForRoom, ForDelivery], "20,000 spans a second");
        assert_eq!(waits([(512, 1), (300, 1), (7, 9)]), [InBurst; 3]);
        assert_eq!(waits([(512, 1), (512, 50), (7, 1)]), [InBurst, ForRoom, ForDelivery]);
    }
}
