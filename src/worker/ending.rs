//! What the worker does from a shutdown on.

use std::sync::mpsc::SyncSender;
use std::time::SystemTime;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::closing::Closing;
use super::inbox::Deadline;
use super::run::Worker;
use crate::count::count;
use crate::stats::{Amount, DropReason};

impl Worker {
    /// From now on nothing more is taken in, and everything that waits is sent.
    pub(super) fn close(&mut self, deadline: Deadline, answer: SyncSender<OTelSdkResult>) {
        if self.closing.is_some() {
            let _ = answer.try_send(Err(OTelSdkError::AlreadyShutdown));
            return;
        }
        self.outboxes.close();
        // Errors leave with their segments, all of which leave now.
        self.early.clear();
        let stats = self.ledger.stats();
        let lost = (stats.spans_dropped, stats.logs_dropped);
        self.closing = Some(Closing::new(deadline, self.now(), answer, lost));
    }

    /// Has the rest written when a shutdown has too little time left to send it, or nowhere to.
    pub(super) fn store_in_time(&mut self) {
        let now = self.now();
        let Some(closing) = &self.closing else { return };
        let is_time = now >= closing.store_at();
        if is_time || self.outboxes.first().is_down() {
            for (amount, reason) in self.outboxes.first_mut().store_rest(is_time, now) {
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
        if !is_empty || !self.outboxes.is_idle() {
            return None;
        }
        if closing.may_report() {
            self.outboxes.report(now, SystemTime::now(), true);
        }
        self.outboxes.is_idle().then(|| closing.outcome(&self.ledger.stats()))
    }

    pub(super) fn end(&mut self, result: OTelSdkResult) {
        self.left();
        self.outboxes.abandon(&self.ledger);
        // What still waits for its parent was not reached in time.
        let waiting = self.sources.values().map(|(buffer, _)| count(buffer.len()));
        let waiting = waiting.fold(0, u64::saturating_add);
        if waiting > 0 {
            self.ledger.dropped(Amount::spans(waiting), DropReason::ShutDown);
        }
        self.voice.ended(&self.ledger.stats());
        self.waiting.end(&self.outboxes);
        if let Some(closing) = self.closing.take() {
            closing.tell(result);
        }
    }
}
