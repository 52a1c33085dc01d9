use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::inbox::Deadline;
use super::run::Worker;
use crate::stats::{Amount, DropReason, Stats, count};

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Closing {
    timeout: Duration,
    deadline: Duration,
    /// When what is left goes to the spool, if there is one.
    store_at: Duration,
    answer: SyncSender<OTelSdkResult>,
    has_reported: bool,
    lost_before: u64,
}

/// How much of the time is kept for writing what could not be sent.
const STORING: Duration = Duration::from_secs(2);

impl Closing {
    /// A shutdown that begins now, after so many spans were lost.
    pub(super) fn new(
        asked: Deadline,
        now: Duration,
        answer: SyncSender<OTelSdkResult>,
        lost_before: u64,
    ) -> Self {
        // Some of the time is kept for what follows the last request.
        let kept = asked.timeout.div_f32(20.0).min(Duration::from_millis(100));
        let deadline = now.saturating_add(asked.left().saturating_sub(kept));
        let for_storing = asked.timeout.div_f32(3.0).min(STORING);
        Self {
            timeout: asked.timeout,
            deadline,
            store_at: deadline.saturating_sub(for_storing),
            answer,
            has_reported: false,
            lost_before,
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) fn store_at(&self) -> Duration {
        self.store_at
    }

    pub(super) fn is_late(&self, now: Duration) -> bool {
        now >= self.deadline
    }

    /// Whether the losses are still to be told; true only once.
    pub(super) fn may_report(&mut self) -> bool {
        !std::mem::replace(&mut self.has_reported, true)
    }

    pub(super) fn timed_out(&self) -> OTelSdkResult {
        Err(OTelSdkError::Timeout(self.timeout))
    }

    /// How the shutdown ended, with nothing left to send.
    pub(super) fn outcome(&self, stats: &Stats) -> OTelSdkResult {
        let lost = stats.spans_dropped.saturating_sub(self.lost_before);
        match &stats.last_error {
            Some(error) if lost > 0 => {
                Err(OTelSdkError::InternalFailure(format!("{lost} spans were lost: {error}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn tell(self, result: OTelSdkResult) {
        // Whoever gave up waiting has dropped the other end.
        let _ = self.answer.try_send(result);
    }
}

impl Worker {
    /// From now on nothing more is taken in, and everything that waits is sent.
    pub(super) fn close(&mut self, deadline: Deadline, answer: SyncSender<OTelSdkResult>) {
        if self.closing.is_some() {
            let _ = answer.try_send(Err(OTelSdkError::AlreadyShutdown));
            return;
        }
        self.outbox.close();
        let lost = self.ledger.stats().spans_dropped;
        self.closing = Some(Closing::new(deadline, self.now(), answer, lost));
    }

    /// Has the rest written when a shutdown has too little time left to send it, or nowhere to.
    pub(super) fn store_in_time(&mut self) {
        let now = self.now();
        let Some(closing) = &self.closing else { return };
        let is_time = now >= closing.store_at();
        if is_time || self.outbox.is_down() {
            for (amount, reason) in self.outbox.store_rest(is_time, now) {
                self.lose(amount, reason);
            }
        }
    }

    /// How the shutdown ended, if it has.
    pub(super) fn closed(&mut self, has_more: bool) -> Option<OTelSdkResult> {
        let now = self.now();
        let is_empty = !has_more
            && self.is_copied()
            && self.sources.values().all(|(buffer, _)| buffer.is_empty());
        let closing = self.closing.as_mut()?;
        if closing.is_late(now) {
            return Some(closing.timed_out());
        }
        if !is_empty || !self.outbox.is_idle() {
            return None;
        }
        if closing.may_report() {
            self.outbox.report(now, SystemTime::now(), true);
        }
        self.outbox.is_idle().then(|| closing.outcome(&self.ledger.stats()))
    }

    pub(super) fn end(&mut self, result: OTelSdkResult) {
        self.outbox.abandon(&self.ledger);
        // What still waits for its parent was not reached in time.
        let waiting = self.sources.values().map(|(buffer, _)| count(buffer.len()));
        let waiting = waiting.fold(0, u64::saturating_add);
        if waiting > 0 {
            self.ledger.dropped(Amount::spans(waiting), DropReason::ShutDown);
        }
        self.voice.ended(&self.ledger.stats());
        self.waiting.end(&self.outbox);
        if let Some(closing) = self.closing.take() {
            closing.tell(result);
        }
    }
}
