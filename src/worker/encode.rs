use opentelemetry::{Array, StringValue, Value};
use sentry_types::protocol::v7::Event;

use crate::protocol::{Data, MAX_ITEM_BYTES, Transaction, event_json, shortened};

/// The most that a transaction may take; Relay cuts the list of its spans at this many bytes.
const MAX_TRANSACTION_BYTES: usize = 819_200;

/// How long texts may stay, in bytes, where a transaction is too large; tried in this order.
const SHORTER: [usize; 5] = [4096, 1024, 256, 64, 16];

/// A transaction as JSON that Sentry accepts, and how many spans had to be cut off for that.
///
/// Where it is too large, the longest texts are shortened, then breadcrumbs go, and only then the
/// last of its spans.
pub(super) fn transaction(transaction: &mut Transaction) -> serde_json::Result<(Vec<u8>, u64)> {
    let mut payload = serde_json::to_vec(transaction)?;
    for bytes in SHORTER {
        if payload.len() <= MAX_TRANSACTION_BYTES {
            return Ok((payload, 0));
        }
        shorten(transaction, bytes);
        payload = serde_json::to_vec(transaction)?;
    }
    transaction.breadcrumbs.clear();
    let mut cut = 0_u64;
    while payload.len() > MAX_TRANSACTION_BYTES && !transaction.spans.is_empty() {
        let keep = transaction.spans.len().saturating_div(2);
        cut = cut.saturating_add(
            u64::try_from(transaction.spans.len().saturating_sub(keep)).unwrap_or(u64::MAX),
        );
        transaction.spans.truncate(keep);
        payload = serde_json::to_vec(transaction)?;
    }
    Ok((payload, cut))
}

/// An event as JSON that Sentry accepts: without breadcrumbs, extras and causes if need be.
pub(super) fn event(event: &Event<'_>) -> serde_json::Result<Vec<u8>> {
    let mut json = event_json(event)?;
    let mut payload = serde_json::to_vec(&json)?;
    for field in ["breadcrumbs", "extra", "request", "exception"] {
        if payload.len() <= MAX_ITEM_BYTES {
            break;
        }
        if let Some(fields) = json.as_object_mut() {
            fields.remove(field);
        }
        payload = serde_json::to_vec(&json)?;
    }
    Ok(payload)
}

fn shorten(transaction: &mut Transaction, bytes: usize) {
    shorten_data(&mut transaction.trace.data, bytes);
    transaction.trace.links.iter_mut().for_each(|link| shorten_data(&mut link.attributes, bytes));
    for span in &mut transaction.spans {
        shorten_text(&mut span.description, bytes.max(64));
        shorten_data(&mut span.data, bytes);
        span.links.iter_mut().for_each(|link| shorten_data(&mut link.attributes, bytes));
    }
    for breadcrumb in &mut transaction.breadcrumbs {
        if let Some(short) = breadcrumb.message.as_deref().and_then(|text| shortened(text, bytes)) {
            breadcrumb.message = Some(short);
        }
    }
}

fn shorten_data(data: &mut Data, bytes: usize) {
    for (_, value) in data.iter_mut() {
        match value {
            Value::String(text) => shorten_text(text, bytes),
            Value::Array(Array::String(texts)) => {
                texts.truncate(bytes.saturating_div(16));
                texts.iter_mut().for_each(|text| shorten_text(text, bytes));
            }
            Value::Array(Array::Bool(values)) => values.truncate(bytes.saturating_div(16)),
            Value::Array(Array::I64(values)) => values.truncate(bytes.saturating_div(16)),
            Value::Array(Array::F64(values)) => values.truncate(bytes.saturating_div(16)),
            _ => {}
        }
    }
}

fn shorten_text(text: &mut StringValue, bytes: usize) {
    if let Some(short) = shortened(text.as_str(), bytes) {
        *text = StringValue::from(short);
    }
}
