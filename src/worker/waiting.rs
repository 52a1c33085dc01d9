use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;

use super::inbox::{Answer, Deadline};
use super::outboxes::Outboxes;

/// Those who wait for delivery or for room.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiters: Vec<Waiter>,
    pace: Pace,
}

/// How many spans came of late, in this stretch of time and the one before, and how densely.
#[derive(Debug, Default)]
struct Pace {
    since: Duration,
    spans: u32,
    before: u32,
    /// How many spans a second ended while the last full batch was filled, and when that came.
    density: Option<(u32, Duration)>,
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

/// How long an `export` waits at most, also if the thread has not come to its spans by then.
pub(crate) const EXPORT_WAIT: Duration = Duration::from_secs(2);

/// How many spans may come while it waits; the queue of the processor holds twice as many.
const MAX_SPANS_MEANWHILE: u32 = 1024;

/// How long a stretch of time is.
const STRETCH: Duration = Duration::from_secs(1);

/// From how many spans on a batch tells a pace.
const DENSE_BATCH: usize = 256;

/// Spans that end faster than this, in one second, are a burst: no queue could take them for long.
const BURST: u32 = 100_000;

impl Waiting {
    /// Notes that spans came, to know how long an `export` may wait.
    pub(super) fn came(&mut self, spans: &[SpanData], now: Duration) {
        let spread = spread(spans.iter().map(|span| span.end_time));
        self.pace.add(spans.len(), spread.unwrap_or_default(), now);
    }

    pub(super) fn export(&mut self, answer: Answer, mark: u64, now: Duration) {
        let until = match answer {
            Answer::Room(answer) => Until::Room(answer),
            Answer::Delivered(answer) => Until::Settled(mark, answer),
        };
        let wait = EXPORT_WAIT.min(self.pace.time_of(MAX_SPANS_MEANWHILE, now));
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

    /// Whether somebody waits who has asked to, and not only for a batch that may be delivered soon.
    pub(super) fn is_urgent(&self) -> bool {
        self.waiters.iter().any(|waiter| !matches!(waiter.until, Until::Settled(..)))
    }

    /// Tells those whose wait is over.
    pub(super) fn answer(&mut self, outboxes: &Outboxes, is_copied: bool, now: Duration) {
        self.waiters.retain(|waiter| {
            let is_over = match &waiter.until {
                Until::Room(_) => outboxes.has_room(),
                Until::Settled(mark, _) => outboxes.is_settled_or_down(*mark),
                Until::Flushed { mark, .. } => is_copied && outboxes.is_settled(*mark),
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

    /// Tells those who wait for delivery at the end what they have waited for in vain.
    pub(super) fn end(&mut self, outboxes: &Outboxes) {
        self.answer(outboxes, true, Duration::MAX);
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiters.iter().map(|waiter| waiter.deadline).min()
    }
}

impl Pace {
    /// Notes spans that ended within `spread` and came now.
    fn add(&mut self, len: usize, spread: Duration, now: Duration) {
        let spans = u32::try_from(len).unwrap_or(u32::MAX);
        if len >= DENSE_BATCH {
            let per_second = f64::from(spans) / spread.as_secs_f64();
            let is_pace = per_second <= f64::from(BURST);
            self.density = is_pace.then_some((per_second as u32, now));
        }
        let stretches = now.saturating_sub(self.since).as_nanos().div_euclid(STRETCH.as_nanos());
        if stretches > 0 {
            self.before = if stretches == 1 { self.spans } else { 0 };
            self.spans = 0;
            self.since = now;
        }
        self.spans = self.spans.saturating_add(spans);
    }

    /// How long it takes for so many spans to come.
    fn time_of(&self, spans: u32, now: Duration) -> Duration {
        let density = self.density.filter(|(_, since)| now.saturating_sub(*since) < STRETCH);
        let density = density.map_or(0, |(per_second, _)| per_second);
        let per_stretch = self.spans.max(self.before).max(density).max(1);
        STRETCH.saturating_mul(spans).checked_div(per_stretch).unwrap_or(EXPORT_WAIT)
    }
}

/// The time from the first to the last of these.
pub(crate) fn spread(times: impl Iterator<Item = SystemTime> + Clone) -> Option<Duration> {
    let (last, first) = times.clone().max().zip(times.min())?;
    last.duration_since(first).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn an_export_waits_no_longer_than_the_queue_behind_it_has_room() {
        let mut pace = Pace::default();
        pace.add(1501, MS(4), MS(100));
        assert!(pace.time_of(512, MS(100)) > MS(300), "a burst is no pace");
        for at in 0..400 {
            pace.add(100, MS(5), MS(1000 + at * 5));
        }
        let wait = pace.time_of(512, MS(3000));
        assert!((MS(25)..MS(30)).contains(&wait), "{wait:?} at 20,000 spans a second");
        pace.add(10, MS(1), MS(60_000));
        assert!(pace.time_of(512, MS(60_000)) >= EXPORT_WAIT);
    }

    #[test]
    fn the_first_full_batch_tells_the_pace() {
        let mut pace = Pace::default();
        pace.add(512, MS(25), MS(25));
        pace.add(8, MS(0), MS(26));
        let wait = pace.time_of(512, MS(26));
        assert!((MS(24)..MS(27)).contains(&wait), "{wait:?} at 20,000 spans a second");
        assert!(pace.time_of(512, MS(1100)) > MS(900), "what was dense may be over");
        let mut pace = Pace::default();
        pace.add(512, MS(0), MS(25));
        assert!(pace.time_of(512, MS(26)) > MS(900));
    }
}
