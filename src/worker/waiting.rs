use std::sync::mpsc::SyncSender;
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;

use super::inbox::Answer;
use super::outbox::Outbox;

/// Those who wait for delivery or for room.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Waiter>);

#[derive(Debug)]
struct Waiter {
    until: Until,
    /// After which it is no use to wait on; without one, the other side has its own clock.
    deadline: Option<Duration>,
}

#[derive(Debug)]
enum Until {
    Room(SyncSender<()>),
    /// The envelopes before this mark are delivered or given up.
    Settled(u64, SyncSender<()>),
    Flushed(u64, SyncSender<OTelSdkResult>),
}

/// How long an `export` waits at most.
const EXPORT_WAIT: Duration = Duration::from_secs(2);

impl Waiting {
    pub(super) fn export(&mut self, answer: Answer, mark: u64, now: Duration) {
        let until = match answer {
            Answer::Room(answer) => Until::Room(answer),
            Answer::Delivered(answer) => Until::Settled(mark, answer),
        };
        self.0.push(Waiter { until, deadline: Some(now.saturating_add(EXPORT_WAIT)) });
    }

    pub(super) fn flush(&mut self, answer: SyncSender<OTelSdkResult>, mark: u64) {
        self.0.push(Waiter { until: Until::Flushed(mark, answer), deadline: None });
    }

    /// Tells those whose wait is over.
    pub(super) fn answer(&mut self, outbox: &Outbox, now: Duration) {
        self.0.retain(|waiter| {
            let is_over = match &waiter.until {
                Until::Room(_) => outbox.has_room(),
                Until::Settled(mark, _) | Until::Flushed(mark, _) => outbox.is_settled(*mark),
            };
            if !is_over && waiter.deadline.is_none_or(|deadline| deadline > now) {
                return true;
            }
            // Whoever gave up waiting has dropped the other end.
            match &waiter.until {
                Until::Room(answer) | Until::Settled(_, answer) => drop(answer.try_send(())),
                Until::Flushed(_, answer) => drop(answer.try_send(Ok(()))),
            }
            false
        });
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.0.iter().filter_map(|waiter| waiter.deadline).min()
    }
}
