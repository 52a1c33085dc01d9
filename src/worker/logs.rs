//! Records of logs on their way to envelopes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use sentry_types::Uuid;

use super::inbox::{Answer, Record, Source};
use super::intake::{Intake, Prepared};
use super::run::Worker;
use super::way::Way;
use crate::count::count;
use crate::hooks::Losses;
use crate::mapping::{Mapper, rough_bytes};
use crate::protocol::{Envelope, Item, ItemKind, Log, Logs};
use crate::stats::{Amount, DropReason};
use crate::transport::Category;

/// The logs that wait to be sent together.
#[derive(Debug)]
pub(super) struct LogBatch {
    logs: Logs,
    /// When they are sent, however few they are.
    due: Option<Duration>,
    /// The trace of all that belongs to none, because Sentry wants one.
    trace: TraceId,
}

/// How long a log waits for others to be sent with.
const WAIT: Duration = Duration::from_secs(5);

impl LogBatch {
    pub(super) fn new() -> Self {
        let trace = RandomIdGenerator::default().new_trace_id();
        Self { logs: Logs::default(), due: None, trace }
    }

    /// Adds a log; gives those that are to be sent now.
    fn add(&mut self, log: &Log, now: Duration) -> serde_json::Result<Option<Logs>> {
        let full = match self.logs.add(log)? {
            Ok(()) => None,
            Err(json) => Some(std::mem::replace(&mut self.logs, Logs::of(&json, log.bytes()))),
        };
        if full.is_some() || self.due.is_none() {
            self.due = Some(now.saturating_add(WAIT));
        }
        Ok(full.or_else(|| self.logs.is_full().then(|| self.take())))
    }

    fn take(&mut self) -> Logs {
        self.due = None;
        std::mem::take(&mut self.logs)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.due
    }
}

impl Worker {
    /// Takes in the records of a batch.
    pub(super) fn logged(
        &mut self,
        source: Source,
        records: Vec<Record>,
        answer: Option<SyncSender<()>>,
    ) {
        let now = self.now();
        self.take_in(source, records, now);
        if let Some(answer) = answer {
            self.waiting.export(Answer::Room(answer), self.outboxes.mark(), now);
        }
    }

    fn take_in(&mut self, source: Source, records: Vec<Record>, now: Duration) {
        let wall = SystemTime::now();
        let mapper = self.source(source).1.clone();
        let trace = self.log_batch.trace;
        if let Some(spotlight) = self.spotlight.as_mut().filter(|_| self.closing.is_none()) {
            spotlight.copy_logs(&records, &mapper, trace, (now, wall));
        }
        let refused = match () {
            () if self.closing.is_some() => Some(DropReason::ShutDown),
            () if self.outboxes.first().destination().is_none() => Some(DropReason::NoDsn),
            () if self.outboxes.first().limits.is_limited(Category::LogItem, now) => {
                Some(DropReason::RateLimited)
            }
            () => None,
        };
        if let Some(reason) = refused {
            let bytes = records.iter().map(|(record, _)| rough_bytes(record));
            let bytes = bytes.fold(0, u64::saturating_add);
            self.lose(Amount::logs(count(records.len()), bytes), reason);
        }
        for record in records {
            if refused.is_none() {
                self.map_log(&record, &mapper, (trace, wall), now);
            }
            // A limit of logs is none of errors.
            if self.settings.log_errors && self.closing.is_none() {
                self.tell_logged(&record, &mapper, (trace, wall));
            }
        }
    }

    fn map_log(
        &mut self,
        (record, scope): &Record,
        mapper: &Mapper,
        at: (TraceId, SystemTime),
        now: Duration,
    ) {
        let map = AssertUnwindSafe(|| mapper.map_log(record, scope, at));
        let (hooks, mut losses) = (&self.settings.hooks, Losses::default());
        let log = catch_unwind(map).ok().map(|log| hooks.log(log, &mut losses));
        let added = match log {
            Some(Some(log)) => self.log_batch.add(&log, now).ok(),
            Some(None) => Some(None),
            None => None,
        };
        match added {
            Some(Some(full)) => self.send_logs_of(full, now),
            Some(None) => {}
            None => self.lose(Amount::logs(1, rough_bytes(record)), DropReason::Internal),
        }
        let mut prepared = Prepared::default();
        prepared.lost(losses);
        self.put_in_line(Way::DEFAULT, prepared, now);
    }

    /// Sends the logs whose time has come, or all of them at the end.
    pub(super) fn send_due_logs(&mut self, now: Duration) {
        let is_due = self.log_batch.due.is_some_and(|due| due <= now);
        if is_due || self.closing.is_some() {
            self.send_logs();
        }
    }

    /// Lets no log wait for others any longer.
    pub(super) fn send_logs(&mut self) {
        let (logs, now) = (self.log_batch.take(), self.now());
        self.send_logs_of(logs, now);
    }

    fn send_logs_of(&mut self, logs: Logs, now: Duration) {
        let Some(intake) = self.intake.as_mut().filter(|_| !logs.is_empty()) else { return };
        let envelope = intake.logs(logs);
        for (amount, reason) in self.outboxes.first_mut().push(envelope, now) {
            self.lose(amount, reason);
        }
    }
}

impl Intake {
    fn logs(&mut self, logs: Logs) -> Envelope {
        envelope(logs, |item| Envelope::new(item, self.deflater.as_mut()))
    }
}

/// The envelope of some logs, which Sentry cannot tell from others by its id.
pub(super) fn envelope(logs: Logs, pack: impl FnOnce(Item<'_>) -> Envelope) -> Envelope {
    let (len, bytes) = logs.amount();
    let id = RandomIdGenerator::default().new_trace_id();
    let event_id = Uuid::from_bytes(id.to_bytes());
    let payload = logs.into_payload();
    let item = Item { kind: ItemKind::Log, event_id, spans: len, trace: None, payload: &payload };
    pack(item).with_log_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Data, LogLevel, Timestamp};

    fn log(body: &str) -> Log {
        Log {
            timestamp: Timestamp::from_micros(1),
            trace_id: "4c79f60c11214eb38604f4ae0781bfb2".into(),
            span_id: None,
            level: LogLevel::Info,
            severity_number: 9,
            body: body.to_owned().into(),
            attributes: Data::default(),
        }
    }

    #[test]
    fn a_log_waits_at_most_five_seconds_for_a_hundred_others() {
        let mut batch = LogBatch::new();
        assert_eq!(batch.next_deadline(), None);
        let second = Duration::from_secs(1);
        for at in 0..99 {
            assert!(batch.add(&log("one"), second * (1 + at)).unwrap().is_none());
        }
        assert_eq!(batch.next_deadline(), Some(second * 6));
        let full = batch.add(&log("last"), second * 5).unwrap().expect("a full list");
        assert_eq!((full.amount().0, batch.next_deadline()), (100, None));
    }

    #[test]
    fn what_does_not_fit_begins_the_next_list_and_its_time() {
        let mut batch = LogBatch::new();
        let large = log(&"x".repeat(60_000));
        let (mut sent, mut second) = (None, 0);
        while sent.is_none() {
            second += 1;
            sent = batch.add(&large, Duration::from_secs(second)).unwrap();
        }
        assert_eq!((sent.unwrap().amount().0, second), (17, 18));
        assert_eq!(batch.next_deadline(), Some(Duration::from_secs(18) + WAIT));
        assert_eq!(batch.take().amount(), (1, 60_000));
    }
}
