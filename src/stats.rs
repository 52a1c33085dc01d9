mod amount;
mod ledger;
mod reason;
mod unread;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use self::amount::Amount;
pub(crate) use self::ledger::Ledger;
pub use self::reason::DropReason;
pub(crate) use self::unread::Room;

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
