use sentry_types::protocol::v7::Event;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::{EventJson, MAX_ITEM_BYTES, Transaction, limit_texts, shorten, write_json};

/// How long texts may stay, in bytes, where a transaction is too large; tried in this order.
const SHORTER: [usize; 5] = [4096, 1024, 256, 64, 16];

/// How long texts of an event may be, and how long they stay where it is too large, in bytes.
const MAX_EVENT_TEXT: usize = 64 * 1024;
const SHORT_EVENT_TEXT: usize = 8 * 1024;
const SHORTEST_EVENT_TEXT: usize = 256;

/// How large the buffer for the next payload stays at least, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

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
pub(super) fn transaction<'a>(
    transaction: &mut Transaction,
    payload: &'a mut Vec<u8>,
) -> serde_json::Result<&'a [u8]> {
    write_over(payload, transaction)?;
    while payload.len() > MAX_ITEM_BYTES && !transaction.breadcrumbs.is_empty() {
        let half = transaction.breadcrumbs.len().div_ceil(2);
        transaction.breadcrumbs.drain(..half);
        write_over(payload, transaction)?;
    }
    for longest in SHORTER {
        if payload.len() <= MAX_ITEM_BYTES {
            return Ok(payload);
        }
        shorten_all(transaction, longest);
        write_over(payload, transaction)?;
    }
    while payload.len() > MAX_ITEM_BYTES && !transaction.spans.is_empty() {
        transaction.truncate_spans(transaction.spans.len().div_euclid(2));
        write_over(payload, transaction)?;
    }
    Ok(payload)
}

/// An event as JSON that Sentry accepts: with shorter texts, or without breadcrumbs, extras and
/// causes if need be.
pub(super) fn event<'a>(
    event: Event<'static>,
    payload: &'a mut Vec<u8>,
) -> serde_json::Result<&'a [u8]> {
    write_over(payload, &EventJson(&event))?;
    if payload.len() <= MAX_EVENT_TEXT {
        return Ok(payload);
    }
    let mut json: Value = serde_json::from_slice(payload)?;
    limit_texts(&mut json, MAX_EVENT_TEXT);
    write_over(payload, &json)?;
    if payload.len() > MAX_ITEM_BYTES {
        limit_texts(&mut json, SHORT_EVENT_TEXT);
        write_over(payload, &json)?;
    }
    for field in ["breadcrumbs", "extra", "request", "exception"] {
        if payload.len() <= MAX_ITEM_BYTES {
            break;
        }
        if let Some(fields) = json.as_object_mut() {
            fields.remove(field);
        }
        write_over(payload, &json)?;
    }
    if payload.len() > MAX_ITEM_BYTES {
        if let Some(fields) = json.as_object_mut() {
            fields.retain(|key, _| ESSENTIAL.contains(&key.as_str()));
        }
        limit_texts(&mut json, SHORTEST_EVENT_TEXT);
        write_over(payload, &json)?;
    }
    Ok(payload)
}

/// Writes a value in the place of the last one; a buffer that had to be large stays so only for as
/// long as values are.
fn write_over(payload: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    let kept = payload.len().saturating_mul(2).max(KEPT_BYTES);
    payload.clear();
    payload.shrink_to(kept);
    write_json(payload, value)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_as_large_as_what_was_written_lately() {
        let mut payload = Vec::new();
        let mut capacity_after = |len| {
            write_over(&mut payload, &"a".repeat(len)).unwrap();
            payload.capacity()
        };
        let large = capacity_after(300_000);
        assert_eq!([capacity_after(300_000), capacity_after(1)], [large; 2]);
        assert_eq!(capacity_after(1), KEPT_BYTES);
    }
}
