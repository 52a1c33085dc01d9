use std::time::Duration;

/// When to try again after the server could not be reached.
///
/// While it is down, one request at a time asks whether it is back, at growing intervals; the first
/// answer of any kind opens the way for all. Times are those of the worker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    until: Duration,
}

impl Backoff {
    /// With these delays after the first failure and after many.
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0, until: Duration::ZERO }
    }

    /// For Sentry itself.
    pub(crate) const fn of_sentry() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(30))
    }

    /// For a Spotlight beside it (rule R40).
    pub(crate) const fn of_spotlight() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(60))
    }

    /// The server could not be reached; `jitter` from 0 to 1 spreads the next tries of many.
    pub(crate) fn failed(&mut self, now: Duration, jitter: f64) {
        // Requests that were under way together fail together, and count once.
        if self.is_down() && now < self.until {
            return;
        }
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX));
        let delay = doubled.min(self.longest).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        self.failures = self.failures.saturating_add(1);
        self.until = now.saturating_add(delay);
    }

    pub(crate) fn answered(&mut self) {
        *self = Self::new(self.first, self.longest);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.failures > 0
    }

    /// Whether one more request may leave, with so many in flight.
    pub(crate) fn allows(&self, now: Duration, in_flight: usize) -> bool {
        !self.is_down() || (now >= self.until && in_flight == 0)
    }

    /// When the next try is due, if the server is down.
    pub(crate) fn until(&self) -> Option<Duration> {
        self.is_down().then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn tries_become_rarer_up_to_half_a_minute_and_one_answer_ends_it() {
        let mut backoff = Backoff::of_sentry();
        let mut now = MS(1000);
        let mut delays = Vec::new();
        for _ in 0..10 {
            backoff.failed(now, 1.0);
            delays.push((backoff.until().unwrap() - now).as_millis());
            now = backoff.until().unwrap();
        }
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert!(
            backoff.allows(now, 0) && !backoff.allows(now, 1) && !backoff.allows(now - MS(1), 0)
        );
        backoff.answered();
        assert!(backoff.allows(now, 100) && backoff.until().is_none());
    }

    #[test]
    fn jitter_takes_up_to_half_and_failures_at_the_same_time_count_once() {
        let mut backoff = Backoff::of_sentry();
        backoff.failed(MS(0), 0.0);
        backoff.failed(MS(1), 0.0);
        assert_eq!(backoff.until(), Some(MS(125)));
    }
}
