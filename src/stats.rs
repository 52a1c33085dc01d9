use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::transport::{Category, Losses};

/// What became of the spans and logs of an exporter so far.
///
/// At every moment `spans_received` + `spans_recovered` = `spans_delivered` + `spans_pending` +
/// `spans_dropped`; the same holds for logs, of which there are none without the feature `logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Spans that `export` was given.
    pub spans_received: u64,
    /// Spans that an earlier process had left in the spool.
    pub spans_recovered: u64,
    /// Spans of transactions that the server has accepted.
    pub spans_delivered: u64,
    /// Spans that wait for their parent, for a connection or for an answer, those in the spool
    /// among them.
    pub spans_pending: u64,
    /// Spans that wait in the spool; what is there at the end is for the next process.
    pub spans_spooled: u64,
    /// Spans that will not be delivered, for whatever reason.
    pub spans_dropped: u64,
    /// Transactions that the server has accepted.
    pub transactions_delivered: u64,
    /// Error events that the server has accepted.
    pub events_delivered: u64,
    /// Envelopes that the server has accepted.
    pub envelopes_delivered: u64,
    /// The bytes of their bodies, compressed as they went over the wire.
    pub bytes_delivered: u64,
    /// Transactions that will not be delivered.
    pub transactions_dropped: u64,
    /// Error events that will not be delivered.
    pub events_dropped: u64,
    /// Records of an error on further spans than the first, and of errors that Sentry's own SDK
    /// has sent, which are not sent again.
    pub repeated_errors: u64,
    /// The dropped spans by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// The dropped error events by reason.
    pub dropped_events: BTreeMap<DropReason, u64>,
    /// Log records that `export` was given.
    pub logs_received: u64,
    /// Log records that an earlier process had left in the spool.
    pub logs_recovered: u64,
    /// Log records that the server has accepted.
    pub logs_delivered: u64,
    /// Log records that wait to be sent, for a connection or for an answer, those in the spool
    /// among them.
    pub logs_pending: u64,
    /// Log records that wait in the spool.
    pub logs_spooled: u64,
    /// Log records that will not be delivered, for whatever reason.
    pub logs_dropped: u64,
    /// The dropped log records by reason.
    pub dropped_logs: BTreeMap<DropReason, u64>,
    /// What went wrong last, without any secret.
    pub last_error: Option<String>,
}

/// Why something was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// A hook of the application took it out, see
    /// [`with_before_send`](crate::SentrySpanExporterBuilder::with_before_send).
    BeforeSend,
    /// Its file in the spool could not be read.
    Corrupt,
    /// A copy of the span had come before.
    Duplicate,
    /// It waited in the spool longer than it may.
    Expired,
    /// A hook of the application panicked while it had it.
    HookPanicked,
    /// A rule of the application says that it is not worth sending, see
    /// [`with_ignored_transactions`](crate::SentrySpanExporterBuilder::with_ignored_transactions).
    Ignored,
    /// Mapping or a transport of the application failed in a way it must not.
    Internal,
    /// The trace or span id was zero.
    InvalidId,
    /// There is no DSN; Spotlight alone was given a copy.
    NoDsn,
    /// Its file in the spool is for another DSN and stays there.
    OtherDestination,
    /// The span started more than 5 days ago or ended in the future; Sentry would refuse it.
    OutsideTimeWindow,
    /// The span describes a request to the server that spans are sent to.
    OwnTraffic,
    /// Memory for what waits to be sent was full.
    QueueFull,
    /// Sentry had asked to be sent no more of this.
    RateLimited,
    /// The server answered, but did not accept.
    Refused,
    /// `with_sampling` had decided against the segment.
    Sampled,
    /// The exporter was shut down before it could be delivered.
    ShutDown,
    /// The spool was full, or could not be written to; `last_error` says why.
    SpoolFull,
    /// The transaction was larger than Sentry takes, with all texts shortened.
    TooLarge,
    /// A segment, or a minute, had more errors than are sent.
    TooManyErrors,
    /// The server could not be reached.
    Unreachable,
    /// The router named no project for it, and there was none for the rest; see
    /// [`with_router`](crate::SentrySpanExporterBuilder::with_router).
    Unrouted,
    /// The sampler had decided against the span.
    Unsampled,
}

/// The counters behind [`Stats`], shared by the handles and the worker of an exporter.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
    /// Spans that were handed over and that the thread has not looked at yet.
    unread: AtomicUsize,
    /// The same of panics, and how many found no room.
    unread_panics: AtomicUsize,
    /// The same of logs.
    #[cfg(feature = "logs")]
    unread_logs: AtomicUsize,
    surplus_panics: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    stats: Stats,
    untold: Option<String>,
    /// What handles had to drop and the thread has not heard of.
    unheard: BTreeMap<DropReason, Amount>,
    /// The same as `untold` of an outage, which need not be told any more once it is over.
    untold_outage: Option<String>,
}

/// Items of one kind that were delivered or dropped together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) spans: u64,
    pub(crate) transactions: u64,
    pub(crate) events: u64,
    pub(crate) logs: u64,
    /// What Sentry counts these logs for, as far as they were looked at.
    pub(crate) log_bytes: u64,
}

/// How many spans may be handed over before the thread takes them.
///
/// Only producers that never wait come near to it.
const MAX_UNREAD: usize = 50_000;

/// The same of panics, each of which takes the thread a few milliseconds.
const MAX_UNREAD_PANICS: usize = 100;

impl DropReason {
    /// The reason in the words of Sentry's client reports; none for what Sentry need not be told.
    ///
    /// <https://develop.sentry.dev/sdk/telemetry/client-reports/>
    pub(crate) fn reported_as(self) -> Option<&'static str> {
        match self {
            Self::Duplicate
            | Self::NoDsn
            | Self::OtherDestination
            | Self::OwnTraffic
            | Self::Unrouted
            | Self::Unsampled => None,
            Self::BeforeSend => Some("before_send"),
            Self::HookPanicked => Some("callback_error"),
            Self::Ignored => Some("ignored"),
            Self::Corrupt | Self::Internal => Some("internal_sdk_error"),
            Self::InvalidId | Self::OutsideTimeWindow => Some("invalid"),
            Self::QueueFull | Self::ShutDown => Some("queue_overflow"),
            Self::RateLimited => Some("ratelimit_backoff"),
            Self::Refused => Some("send_error"),
            Self::Sampled => Some("sample_rate"),
            Self::TooLarge | Self::TooManyErrors => Some("buffer_overflow"),
            Self::SpoolFull => Some("cache_overflow"),
            Self::Expired | Self::Unreachable => Some("network_error"),
        }
    }

    /// Whether the application itself decided so, which is no trouble to tell of.
    pub(crate) fn is_wanted(self) -> bool {
        matches!(self, Self::BeforeSend | Self::Ignored | Self::Sampled | Self::Unsampled)
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::BeforeSend => "a hook of the application took it out",
            Self::Corrupt => "its file in the spool could not be read",
            Self::Duplicate => "the same span had come before",
            Self::Expired => "it waited in the spool longer than it may",
            Self::HookPanicked => "a hook of the application panicked",
            Self::Ignored => "a rule of the application ignores it",
            Self::Internal => "it could not be mapped or sent because of an internal error",
            Self::InvalidId => "the trace or span id is zero",
            Self::NoDsn => "there is no DSN; only Spotlight gets a copy",
            Self::OtherDestination => "its file in the spool is for another DSN and stays there",
            Self::OutsideTimeWindow => "it is older than 5 days or ends in the future",
            Self::OwnTraffic => "it describes a request to the server that spans are sent to",
            Self::QueueFull => "the queue is full; see with_queue_bytes",
            Self::RateLimited => "Sentry asked for a pause (rate limit or quota)",
            Self::Refused => "the server did not accept it",
            Self::Sampled => "with_sampling decided against it",
            Self::ShutDown => "the exporter was shut down before it could be delivered",
            Self::SpoolFull => "the spool is full or cannot be written to",
            Self::TooLarge => "it is larger than Sentry takes",
            Self::TooManyErrors => "a segment, or a minute, had more errors than are sent",
            Self::Unreachable => "the server could not be reached",
            Self::Unrouted => "no route of with_router is for it",
            Self::Unsampled => "the sampler decided against it",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} spans received = {} delivered + {} pending + {} dropped; \
             {} transactions, {} events, {} envelopes, {} bytes",
            self.spans_received,
            self.spans_delivered,
            self.spans_pending,
            self.spans_dropped,
            self.transactions_delivered,
            self.events_delivered,
            self.envelopes_delivered,
            self.bytes_delivered,
        )?;
        for (reason, spans) in &self.dropped {
            write!(f, "; {spans} spans dropped: {reason}")?;
        }
        for (reason, events) in &self.dropped_events {
            write!(f, "; {events} events dropped: {reason}")?;
        }
        if self.logs_received > 0 || self.logs_recovered > 0 {
            write!(
                f,
                "; {} logs received = {} delivered + {} pending + {} dropped",
                self.logs_received, self.logs_delivered, self.logs_pending, self.logs_dropped
            )?;
        }
        for (reason, logs) in &self.dropped_logs {
            write!(f, "; {logs} logs dropped: {reason}")?;
        }
        Ok(())
    }
}

impl Amount {
    pub(crate) fn spans(spans: u64) -> Self {
        Self { spans, ..Self::default() }
    }

    pub(crate) fn event() -> Self {
        Self { events: 1, ..Self::default() }
    }

    #[cfg(feature = "logs")]
    pub(crate) fn logs(logs: u64, log_bytes: u64) -> Self {
        Self { logs, log_bytes, ..Self::default() }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_add(other.spans),
            transactions: self.transactions.saturating_add(other.transactions),
            events: self.events.saturating_add(other.events),
            logs: self.logs.saturating_add(other.logs),
            log_bytes: self.log_bytes.saturating_add(other.log_bytes),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_sub(other.spans),
            transactions: self.transactions.saturating_sub(other.transactions),
            events: self.events.saturating_sub(other.events),
            logs: self.logs.saturating_sub(other.logs),
            log_bytes: self.log_bytes.saturating_sub(other.log_bytes),
        }
    }

    /// Puts a loss of this amount into the next client report.
    pub(crate) fn report(self, reason: DropReason, losses: &mut Losses) {
        if let Some(reason) = reason.reported_as() {
            losses.add(reason, Category::Error, self.events);
            losses.add(reason, Category::Transaction, self.transactions);
            losses.add(reason, Category::Span, self.spans);
            losses.add(reason, Category::LogItem, self.logs);
            losses.add(reason, Category::LogByte, self.log_bytes);
        }
    }
}

impl Ledger {
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.entries().stats.clone();
        let settled = stats.spans_delivered.saturating_add(stats.spans_dropped);
        let all = stats.spans_received.saturating_add(stats.spans_recovered);
        let settled_logs = stats.logs_delivered.saturating_add(stats.logs_dropped);
        let all_logs = stats.logs_received.saturating_add(stats.logs_recovered);
        Stats {
            spans_pending: all.saturating_sub(settled),
            logs_pending: all_logs.saturating_sub(settled_logs),
            ..stats
        }
    }

    /// Notes that spans are handed over; tells whether there is room for them.
    pub(crate) fn hand_over(&self, spans: usize) -> bool {
        let unread = self.unread.fetch_add(spans, Ordering::Relaxed).saturating_add(spans);
        let has_room = unread <= MAX_UNREAD || unread == spans;
        if !has_room {
            self.take(spans);
        }
        has_room
    }

    /// Notes that the thread has taken spans.
    pub(crate) fn take(&self, spans: usize) {
        self.unread.fetch_sub(spans, Ordering::Relaxed);
    }

    /// Notes that a panic is handed over; tells whether there is room for it. Takes no lock.
    #[cfg_attr(not(feature = "panic"), allow(dead_code, reason = "only the hook hands them over"))]
    pub(crate) fn hand_over_panic(&self) -> bool {
        let before = self.unread_panics.fetch_add(1, Ordering::Relaxed);
        let has_room = before < MAX_UNREAD_PANICS;
        if !has_room {
            self.take_panic();
            self.surplus_panics.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// Notes that the thread has taken a panic.
    pub(crate) fn take_panic(&self) {
        self.unread_panics.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many panics found no room since it was asked last.
    pub(crate) fn take_surplus_panics(&self) -> u64 {
        self.surplus_panics.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn received(&self, spans: u64) {
        add(&mut self.entries().stats.spans_received, spans);
    }

    /// Notes what an earlier process had left.
    pub(crate) fn recovered(&self, amount: Amount) {
        let stats = &mut self.entries().stats;
        add(&mut stats.spans_recovered, amount.spans);
        add(&mut stats.logs_recovered, amount.logs);
    }

    /// Notes that log records are handed over; tells whether there is room for them.
    #[cfg(feature = "logs")]
    pub(crate) fn hand_over_logs(&self, logs: usize) -> bool {
        add(&mut self.entries().stats.logs_received, count(logs));
        let unread = self.unread_logs.fetch_add(logs, Ordering::Relaxed).saturating_add(logs);
        let has_room = unread <= MAX_UNREAD || unread == logs;
        if !has_room {
            self.take_logs(logs);
        }
        has_room
    }

    /// Notes that the thread has taken log records.
    #[cfg(feature = "logs")]
    pub(crate) fn take_logs(&self, logs: usize) {
        self.unread_logs.fetch_sub(logs, Ordering::Relaxed);
    }

    /// Notes how much waits in the spool.
    pub(crate) fn spooled(&self, amount: Amount) {
        let stats = &mut self.entries().stats;
        stats.spans_spooled = amount.spans;
        stats.logs_spooled = amount.logs;
    }

    pub(crate) fn delivered(&self, amount: Amount, bytes: u64) {
        let stats = &mut self.entries().stats;
        add(&mut stats.spans_delivered, amount.spans);
        add(&mut stats.transactions_delivered, amount.transactions);
        add(&mut stats.events_delivered, amount.events);
        add(&mut stats.logs_delivered, amount.logs);
        add(&mut stats.envelopes_delivered, 1);
        add(&mut stats.bytes_delivered, bytes);
    }

    /// Counts a loss that a handle could not hand over, for the thread to report.
    pub(crate) fn dropped_by_handle(&self, amount: Amount, reason: DropReason) {
        self.dropped(amount, reason);
        let unheard = &mut self.entries().unheard;
        let sum = unheard.entry(reason).or_default();
        *sum = sum.plus(amount);
    }

    /// The losses of handles that the thread has not heard of.
    pub(crate) fn take_unheard(&self) -> BTreeMap<DropReason, Amount> {
        std::mem::take(&mut self.entries().unheard)
    }

    pub(crate) fn dropped(&self, amount: Amount, reason: DropReason) {
        let stats = &mut self.entries().stats;
        add(&mut stats.spans_dropped, amount.spans);
        add(&mut stats.transactions_dropped, amount.transactions);
        add(&mut stats.events_dropped, amount.events);
        add(&mut stats.logs_dropped, amount.logs);
        if amount.logs > 0 {
            add(stats.dropped_logs.entry(reason).or_default(), amount.logs);
        } else {
            add(stats.dropped.entry(reason).or_default(), amount.spans);
        }
        if amount.events > 0 {
            add(stats.dropped_events.entry(reason).or_default(), amount.events);
        }
    }

    pub(crate) fn repeated(&self, errors: u64) {
        add(&mut self.entries().stats.repeated_errors, errors);
    }

    /// Notes a trouble for the statistics, and a new one for the next `export` to tell.
    pub(crate) fn trouble(&self, text: String, reason: DropReason, is_new: bool) {
        let mut entries = self.entries();
        entries.stats.last_error = Some(text.clone());
        match reason {
            _ if !is_new => {}
            DropReason::Unreachable => entries.untold_outage = Some(text),
            _ => entries.untold = Some(text),
        }
    }

    /// Notes that the server can be reached.
    pub(crate) fn reached(&self) {
        self.entries().untold_outage = None;
    }

    /// The last trouble, if no `export` has told it yet.
    pub(crate) fn take_untold(&self) -> Option<String> {
        let mut entries = self.entries();
        let outage = entries.untold_outage.take();
        entries.untold.take().or(outage)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A length as a number of spans or bytes.
pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn add(counter: &mut u64, amount: u64) {
    *counter = counter.saturating_add(amount);
}
