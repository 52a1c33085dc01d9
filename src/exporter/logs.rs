use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};

use super::{DROP_WAIT, EXPORT_WAIT, SentrySpanExporter, Shared, may_wait};
use crate::count::count;
use crate::mapping::rough_bytes;
use crate::stats::{Amount, DropReason, Stats};
use crate::worker::{Message, Source};

/// Sends the records of OpenTelemetry's logs to Sentry.
///
/// It comes from [`SentrySpanExporter::logs`] and shares the thread, the limits, the spool and the
/// counters of that exporter; the two can go to different providers. A clone is a handle to the
/// same.
///
/// # When logs are delivered
///
/// Up to 100 records, or a mebibyte of them, leave together, at the latest 5 seconds after the
/// first of them came. So `provider.force_flush()` does not mean delivered, as it does for spans;
/// [`flush`](Self::flush) does, and so does `provider.shutdown()`.
///
/// # Shutdown
///
/// Spans and logs are shut down each by its own provider, in any order, and nothing is lost by it:
/// the first to go has what it holds delivered, and the thread ends with the last. Records that
/// come after the shutdown of their own provider are lost, and counted.
#[derive(Clone)]
pub struct SentryLogExporter {
    end: Arc<End>,
    source: Source,
}

/// What the handles that came from one call of `logs` have in common.
struct End {
    shared: Arc<Shared>,
    is_shut_down: AtomicBool,
}

impl SentrySpanExporter {
    /// An exporter of logs to the same project.
    ///
    /// Register it with a logger provider, with the batch processor for choice. Each call gives
    /// one that is shut down for itself.
    ///
    /// ```no_run
    /// use opentelemetry_sdk::logs::SdkLoggerProvider;
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::from_env()?;
    /// let logs = SdkLoggerProvider::builder().with_batch_exporter(exporter.logs()).build();
    /// let traces = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    /// # Ok::<(), opentelemetry_sentry::BuildError>(())
    /// ```
    pub fn logs(&self) -> SentryLogExporter {
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        let end = End { shared: Arc::clone(&self.shared), is_shut_down: AtomicBool::new(false) };
        SentryLogExporter { end: Arc::new(end), source: self.source }
    }
}

impl SentryLogExporter {
    /// Waits until all that has come is delivered or given up, blocking the thread.
    ///
    /// It is the same as [`SentrySpanExporter::flush`], so it waits for spans as well.
    ///
    /// # Errors
    ///
    /// [`OTelSdkError::Timeout`] if `timeout` passed before; everything goes on then.
    pub fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.end.shared.flush(timeout)
    }

    /// What became of all logs and spans so far.
    pub fn stats(&self) -> Stats {
        self.end.shared.ledger.stats()
    }

    fn hand_over(&self, batch: &LogBatch<'_>) -> OTelSdkResult {
        let shared = &self.end.shared;
        let Some(inbox) = &shared.inbox else {
            return Ok(());
        };
        let records: Vec<_> =
            batch.iter().map(|(record, scope)| (record.clone(), scope.clone())).collect();
        let logs = records.len();
        let bytes = records.iter().map(|(record, _)| rough_bytes(record));
        let bytes = bytes.fold(0, u64::saturating_add);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let has_room = shared.ledger.hand_over_logs(logs, bytes);
        if self.end.is_shut_down.load(Ordering::Acquire) {
            if has_room {
                shared.ledger.take_logs(logs, bytes);
            }
            return self.refuse(logs);
        }
        if !has_room {
            let amount = Amount::logs(count(logs), 0);
            shared.ledger.dropped_by_handle(amount, DropReason::QueueFull);
            return Err(OTelSdkError::InternalFailure(
                "logs come faster than they are mapped".into(),
            ));
        }
        let (answer, answered) = mpsc::sync_channel(1);
        // The simple processor suppresses telemetry as well, but on threads of the application; it
        // hands over one record at a time.
        let waits = logs > 1 && may_wait();
        let answer = waits.then_some(answer);
        if inbox.send(Message::Logs { source: self.source, records, bytes, answer }).is_err() {
            return self.refuse(logs);
        }
        if waits {
            // What has found no room by now still is in good hands.
            let _ = answered.recv_timeout(EXPORT_WAIT);
        }
        match shared.ledger.take_untold() {
            Some(trouble) => Err(OTelSdkError::InternalFailure(trouble)),
            None => Ok(()),
        }
    }

    fn refuse(&self, logs: usize) -> OTelSdkResult {
        let amount = Amount::logs(count(logs), 0);
        self.end.shared.ledger.dropped_by_handle(amount, DropReason::ShutDown);
        Err(OTelSdkError::AlreadyShutdown)
    }
}

impl LogExporter for SentryLogExporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.hand_over(&batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.end.is_shut_down.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        match self.end.shared.leave() {
            true => self.end.shared.tell_end(timeout, Message::Shutdown),
            false => self.end.shared.tell_end(timeout, Message::Flush),
        }
    }

    fn event_enabled(&self, _: Severity, _: &str, _: Option<&str>) -> bool {
        self.end.shared.inbox.is_some()
    }

    fn set_resource(&mut self, resource: &Resource) {
        let shared = &self.end.shared;
        let Some(inbox) = &shared.inbox else {
            return;
        };
        // Handles of other providers keep theirs.
        self.source = Source(shared.next_source.fetch_add(1, Ordering::Relaxed));
        let _ = inbox.send(Message::Resource(self.source, resource.clone()));
    }
}

impl fmt::Debug for SentryLogExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryLogExporter")
            .field("enabled", &self.end.shared.inbox.is_some())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.is_shut_down.load(Ordering::Acquire) && self.shared.leave() {
            let _ = self.shared.tell_end(DROP_WAIT, Message::Shutdown);
        }
    }
}
