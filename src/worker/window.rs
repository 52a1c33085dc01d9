use std::time::{Duration, SystemTime};

use opentelemetry::Value;
use sentry_types::protocol::v7::Event;

use crate::protocol::{Span, Timestamp, Transaction};

/// How old the start of a transaction may be for Relay to take it.
const OLDEST: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// How far in the future an end may lie.
const NEWEST: Duration = Duration::from_secs(60);

/// How old an error may be.
const OLDEST_EVENT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Kept off the edges, because a transaction may wait before it is sent.
const MARGIN: Duration = Duration::from_secs(10 * 60);

/// Makes the times of a transaction ones that Sentry accepts; tells whether that was possible.
///
/// Sentry refuses a transaction that starts too early or ends too late as a whole. A child with
/// such times would take the transaction with it, so its times move to the nearest bound of the
/// root, and what they were stays as data.
pub(super) fn admit(transaction: &mut Transaction, now: SystemTime) -> bool {
    let now = Timestamp::from(now);
    let (earliest, latest) = (now.before(OLDEST).after(MARGIN), now.after(NEWEST));
    if transaction.start_timestamp < earliest || transaction.timestamp > latest {
        return false;
    }
    let root = (transaction.start_timestamp, transaction.timestamp);
    for span in &mut transaction.spans {
        if span.start_timestamp < earliest || span.timestamp > latest {
            move_into(span, root);
        }
    }
    true
}

/// The time of an error, or now if Sentry would not believe it.
pub(super) fn admit_event(event: &mut Event<'_>, now: SystemTime) {
    let (time, limit) = (Timestamp::from(event.timestamp), Timestamp::from(now));
    if time < limit.before(OLDEST_EVENT) || time > limit.after(NEWEST) {
        let original = crate::protocol::sent_at(event.timestamp);
        event.extra.insert("original_timestamp".into(), original.into());
        event.timestamp = limit.into();
    }
}

fn move_into(span: &mut Span, (start, end): (Timestamp, Timestamp)) {
    for (key, time) in [
        ("sentry.original_start_timestamp", span.start_timestamp),
        ("sentry.original_timestamp", span.timestamp),
    ] {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        span.data.insert(key, Value::I64(micros));
    }
    span.start_timestamp = span.start_timestamp.clamp(start, end);
    span.timestamp = span.timestamp.clamp(span.start_timestamp, end);
}
