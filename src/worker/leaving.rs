//! What the worker does after the last span, while logs still come.

use std::sync::mpsc::SyncSender;

use opentelemetry_sdk::error::OTelSdkResult;

use super::inbox::Deadline;
use super::run::Worker;

/// Whether spans still come, and who waits for the last of them.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    has_begun: bool,
    waits: Option<(Deadline, SyncSender<OTelSdkResult>)>,
}

impl Worker {
    /// From now on no segment waits for more of its spans.
    pub(super) fn leave(&mut self, deadline: Deadline, answer: SyncSender<OTelSdkResult>) {
        self.send_all_alone();
        // Errors leave with their segments, all of which leave now.
        self.early.clear();
        self.leaving = Leaving { has_begun: true, waits: Some((deadline, answer)) };
    }

    /// Whether segments are sent as they are.
    pub(super) fn is_draining(&self) -> bool {
        self.closing.is_some() || self.leaving.has_begun
    }

    /// Has the one who waits for the last spans wait for their delivery, once all are in line.
    pub(super) fn left(&mut self) {
        if self.sources.values().all(|(buffer, _)| buffer.is_empty())
            && let Some((deadline, answer)) = self.leaving.waits.take()
        {
            self.waiting.flush(answer, deadline, self.outboxes.mark(), self.now());
        }
    }
}
