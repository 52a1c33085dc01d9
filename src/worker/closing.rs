use std::sync::mpsc::SyncSender;
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::inbox::Deadline;
use crate::stats::Stats;

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Closing {
    timeout: Duration,
    deadline: Duration,
    /// When what is left goes to the spool, if there is one.
    store_at: Duration,
    answer: SyncSender<OTelSdkResult>,
    has_reported: bool,
    /// How many spans and logs were lost by then.
    lost_before: (u64, u64),
}

/// How much of the time is kept for writing what could not be sent.
const STORING: Duration = Duration::from_secs(2);

impl Closing {
    /// A shutdown that begins now, after so many spans and logs were lost.
    pub(super) fn new(
        asked: Deadline,
        now: Duration,
        answer: SyncSender<OTelSdkResult>,
        lost_before: (u64, u64),
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
        let spans = stats.spans_dropped.saturating_sub(self.lost_before.0);
        let logs = stats.logs_dropped.saturating_sub(self.lost_before.1);
        let lost = match (spans, logs) {
            (0, 0) => return Ok(()),
            (spans, 0) => format!("{spans} spans"),
            (0, logs) => format!("{logs} logs"),
            (spans, logs) => format!("{spans} spans and {logs} logs"),
        };
        match &stats.last_error {
            Some(error) => Err(OTelSdkError::InternalFailure(format!("{lost} were lost: {error}"))),
            None => Ok(()),
        }
    }

    pub(super) fn tell(self, result: OTelSdkResult) {
        // Whoever gave up waiting has dropped the other end.
        let _ = self.answer.try_send(result);
    }
}
