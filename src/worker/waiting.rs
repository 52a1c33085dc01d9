use std::sync::mpsc::SyncSender;
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::inbox::{Answer, Deadline};
use super::outbox::Outbox;

/// Those who wait for delivery or for room.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiters: Vec<Waiter>,
    pace: Pace,
}

/// How many spans came of late, in this stretch of time and the one before.
#[derive(Debug, Default)]
struct Pace {
    since: Duration,
    spans: u32,
    before: u32,
}

#[derive(Debug)]
struct Waiter {
    until: Until,
    /// After which it is no use to wait on.
    deadline: Duration,
}

#[derive(Debug)]
enum Until {
    Room(SyncSender<()>),
    /// The envelopes before this mark are delivered or given up.
    Settled(u64, SyncSender<()>),
    Flushed {
        mark: u64,
        timeout: Duration,
        answer: SyncSender<OTelSdkResult>,
    },
}

/// How long an `export` waits at most.
const EXPORT_WAIT: Duration = Duration::from_secs(2);

/// How many spans may come while it waits; the queue of the processor holds four times as many.
const MAX_SPANS_MEANWHILE: u32 = 512;

/// How long a stretch of time is.
const STRETCH: Duration = Duration::from_secs(1);

impl Waiting {
    /// Notes that spans came, to know how long an `export` may wait.
    pub(super) fn came(&mut self, spans: usize, now: Duration) {
        self.pace.add(u32::try_from(spans).unwrap_or(u32::MAX), now);
    }

    pub(super) fn export(&mut self, answer: Answer, mark: u64, now: Duration) {
        let until = match answer {
            Answer::Room(answer) => Until::Room(answer),
            Answer::Delivered(answer) => Until::Settled(mark, answer),
        };
        let wait = EXPORT_WAIT.min(self.pace.time_of(MAX_SPANS_MEANWHILE));
        self.waiters.push(Waiter { until, deadline: now.saturating_add(wait) });
    }

    pub(super) fn flush(
        &mut self,
        answer: SyncSender<OTelSdkResult>,
        asked: Deadline,
        mark: u64,
        now: Duration,
    ) {
        let until = Until::Flushed { mark, timeout: asked.timeout, answer };
        self.waiters.push(Waiter { until, deadline: now.saturating_add(asked.left()) });
    }

    /// Tells those whose wait is over.
    pub(super) fn answer(&mut self, outbox: &Outbox, now: Duration) {
        self.waiters.retain(|waiter| {
            let is_over = match &waiter.until {
                Until::Room(_) => outbox.has_room(),
                // While the server is down, a processor would wait for nothing.
                Until::Settled(mark, _) => outbox.is_settled(*mark) || outbox.is_down(),
                Until::Flushed { mark, .. } => outbox.is_settled(*mark),
            };
            if !is_over && waiter.deadline > now {
                return true;
            }
            // Whoever gave up waiting has dropped the other end.
            match &waiter.until {
                Until::Room(answer) | Until::Settled(_, answer) => drop(answer.try_send(())),
                Until::Flushed { answer, timeout, .. } => {
                    let late = Err(OTelSdkError::Timeout(*timeout));
                    drop(answer.try_send(if is_over { Ok(()) } else { late }));
                }
            }
            false
        });
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiters.iter().map(|waiter| waiter.deadline).min()
    }
}

impl Pace {
    fn add(&mut self, spans: u32, now: Duration) {
        let stretches = now.saturating_sub(self.since).as_nanos().div_euclid(STRETCH.as_nanos());
        if stretches > 0 {
            self.before = if stretches == 1 { self.spans } else { 0 };
            self.spans = 0;
            self.since = now;
        }
        self.spans = self.spans.saturating_add(spans);
    }

    /// How long it takes for so many spans to come.
    fn time_of(&self, spans: u32) -> Duration {
        let per_stretch = self.spans.max(self.before).max(1);
        STRETCH.saturating_mul(spans).checked_div(per_stretch).unwrap_or(EXPORT_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn an_export_waits_no_longer_than_the_queue_behind_it_has_room() {
        let mut pace = Pace::default();
        pace.add(1501, MS(100));
        assert!(pace.time_of(512) > MS(300), "a burst is no pace");
        for at in 0..400 {
            pace.add(100, MS(1000 + at * 5));
        }
        let wait = pace.time_of(512);
        assert!((MS(25)..MS(30)).contains(&wait), "{wait:?} at 20,000 spans a second");
        pace.add(10, MS(60_000));
        assert!(pace.time_of(512) >= EXPORT_WAIT);
    }
}
