use sentry_types::protocol::v7::Event;

use crate::protocol::{MAX_ITEM_BYTES, Transaction, event_json, limit_texts, shorten};

/// How long texts may stay, in bytes, where a transaction is too large; tried in this order.
const SHORTER: [usize; 5] = [4096, 1024, 256, 64, 16];

/// How long texts of an event may be, and how long they stay where it is too large, in bytes.
const MAX_EVENT_TEXT: usize = 64 * 1024;
const SHORT_EVENT_TEXT: usize = 8 * 1024;
const SHORTEST_EVENT_TEXT: usize = 256;

/// What of an event is left where nothing else helps.
const ESSENTIAL: &[&str] = &[
    "environment",
    "event_id",
    "level",
    "logentry",
    "platform",
    "release",
    "sdk",
    "timestamp",
    "transaction",
];

/// A transaction as JSON that Sentry accepts.
///
/// Segments are divided, and single spans shortened, long before this. Where it is too large all
/// the same, the oldest breadcrumbs go first, then texts are shortened, and only then the last of
/// its spans are cut off.
pub(super) fn transaction(transaction: &mut Transaction) -> serde_json::Result<Vec<u8>> {
    let mut payload = serde_json::to_vec(transaction)?;
    while payload.len() > MAX_ITEM_BYTES && !transaction.breadcrumbs.is_empty() {
        let half = transaction.breadcrumbs.len().div_ceil(2);
        transaction.breadcrumbs.drain(..half);
        payload = serde_json::to_vec(transaction)?;
    }
    for longest in SHORTER {
        if payload.len() <= MAX_ITEM_BYTES {
            return Ok(payload);
        }
        shorten_all(transaction, longest);
        payload = serde_json::to_vec(transaction)?;
    }
    while payload.len() > MAX_ITEM_BYTES && !transaction.spans.is_empty() {
        transaction.truncate_spans(transaction.spans.len().div_euclid(2));
        payload = serde_json::to_vec(transaction)?;
    }
    Ok(payload)
}

/// An event as JSON that Sentry accepts: with shorter texts, or without breadcrumbs, extras and
/// causes if need be.
pub(super) fn event(event: &Event<'_>) -> serde_json::Result<Vec<u8>> {
    let mut json = event_json(event)?;
    limit_texts(&mut json, MAX_EVENT_TEXT);
    let mut payload = serde_json::to_vec(&json)?;
    if payload.len() > MAX_ITEM_BYTES {
        limit_texts(&mut json, SHORT_EVENT_TEXT);
        payload = serde_json::to_vec(&json)?;
    }
    for field in ["breadcrumbs", "extra", "request", "exception"] {
        if payload.len() <= MAX_ITEM_BYTES {
            break;
        }
        if let Some(fields) = json.as_object_mut() {
            fields.remove(field);
        }
        payload = serde_json::to_vec(&json)?;
    }
    if payload.len() > MAX_ITEM_BYTES {
        if let Some(fields) = json.as_object_mut() {
            fields.retain(|key, _| ESSENTIAL.contains(&key.as_str()));
        }
        limit_texts(&mut json, SHORTEST_EVENT_TEXT);
        payload = serde_json::to_vec(&json)?;
    }
    Ok(payload)
}

fn shorten_all(transaction: &mut Transaction, longest: usize) {
    transaction.trace.data.shorten(longest);
    transaction.trace.links.iter_mut().for_each(|link| link.attributes.shorten(longest));
    for span in &mut transaction.spans {
        shorten(&mut span.description, longest.max(64));
        span.data.shorten(longest);
        span.links.iter_mut().for_each(|link| link.attributes.shorten(longest));
    }
}
