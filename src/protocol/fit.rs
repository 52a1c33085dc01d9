use opentelemetry::{Array, Value};
use serde::Serialize;

use super::data::{Data, Json};
use super::json::to_json;
use super::limit::{NUMBER_BYTES, limit, shorten};
use super::span::Link;

/// How long texts may stay where a map is too large, in bytes; tried in this order.
const SHORTER: [usize; 10] = [8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 8];

/// A byte of a text becomes at most this many bytes of JSON.
const MAX_ESCAPE: usize = 6;

/// What stands around a key and its value.
const ENTRY_MARKS: usize = 6;

/// An element of a list takes at least about this much.
const ELEMENT_BYTES: usize = 16;

impl Data {
    /// Shortens the longest values until all of it takes at most `max_bytes` of JSON.
    ///
    /// Shortened texts end with `…`; nothing is taken out.
    pub(crate) fn fit(&mut self, max_bytes: usize) {
        if self.estimate() <= max_bytes {
            return;
        }
        for longest in SHORTER {
            if json_len(self) <= max_bytes {
                return;
            }
            self.shorten(longest);
        }
    }

    /// Makes of entries that were changed one by one what [`insert`](Self::insert) would have
    /// taken, and of all of them at most `max_bytes` of JSON; the last go if nothing else helps.
    pub(crate) fn limit(&mut self, max_bytes: usize) {
        for (_, value) in self.iter_mut() {
            limit(value);
        }
        self.fit(max_bytes);
        if self.estimate() <= max_bytes || json_len(self) <= max_bytes {
            return;
        }
        let mut left = max_bytes;
        self.retain(|key, value| {
            let len = json_len(&(key.as_str(), Json(value))).saturating_add(1);
            let fits = len <= left;
            left = left.saturating_sub(len);
            fits
        });
    }

    /// Cuts every text to `longest` bytes, and lists in proportion.
    pub(crate) fn shorten(&mut self, longest: usize) {
        let elements = longest.div_euclid(ELEMENT_BYTES).max(1);
        for (_, value) in self.iter_mut() {
            match value {
                Value::String(text) => shorten(text, longest),
                Value::Array(Array::String(texts)) => {
                    texts.truncate(elements);
                    texts.iter_mut().for_each(|text| shorten(text, longest));
                }
                Value::Array(Array::Bool(values)) => values.truncate(elements),
                Value::Array(Array::I64(values)) => values.truncate(elements),
                Value::Array(Array::F64(values)) => values.truncate(elements),
                _ => {}
            }
        }
    }

    /// How much JSON this is at most, without looking at every character.
    fn estimate(&self) -> usize {
        let text = |text: &str| text.len().saturating_mul(MAX_ESCAPE);
        self.iter().fold(0_usize, |sum, (key, value)| {
            let value = match value {
                Value::String(value) => text(value.as_str()),
                Value::Array(Array::String(values)) => {
                    values.iter().fold(0, |sum: usize, value| {
                        sum.saturating_add(text(value.as_str())).saturating_add(3)
                    })
                }
                Value::Array(_) => Self::MAX_ARRAY_LEN.saturating_mul(NUMBER_BYTES),
                _ => NUMBER_BYTES,
            };
            sum.saturating_add(text(key.as_str())).saturating_add(value).saturating_add(ENTRY_MARKS)
        })
    }
}

/// How much JSON so many entries are at most whose keys and values have so many bytes.
pub(crate) fn most_bytes(entries: usize, bytes: usize) -> usize {
    let marks = entries.saturating_mul(ENTRY_MARKS);
    bytes.saturating_mul(MAX_ESCAPE).saturating_add(marks)
}

/// Shortens what links carry until each of them takes its share of `max_bytes`.
pub(crate) fn fit_links(links: &mut [Link], max_bytes: usize) {
    let share = max_bytes.checked_div(links.len()).unwrap_or(max_bytes);
    links.iter_mut().for_each(|link| link.attributes.fit(share));
}

/// How many bytes of JSON this is.
pub(crate) fn json_len(value: &impl Serialize) -> usize {
    to_json(value).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;

    #[test]
    fn what_was_changed_in_place_comes_within_the_limits() {
        let entries = (0..100).map(|at| KeyValue::new(format!("key.{at}"), at));
        let mut data = Data::from(entries.collect::<Vec<_>>());
        for (_, value) in data.iter_mut().take(1) {
            *value = Value::from("\0".repeat(100_000));
        }
        let mut large = data.clone();
        large.limit(200_000);
        assert_eq!(large.len(), 100);
        let text = large.value("key.0").unwrap().as_str().into_owned();
        assert!(text.len() <= 3 * Data::MAX_TEXT_BYTES && !text.contains('\0'), "{}", text.len());
        data.limit(500);
        assert!(json_len(&data) <= 500 && data.len() > 20, "{}", data.len());
        assert_eq!(data.value("key.1"), Some(&Value::I64(1)));
        assert_eq!(data.value("key.99"), None);
    }

    #[test]
    fn only_what_is_too_large_is_shortened_and_nothing_is_taken_out() {
        let attributes = |len: usize| {
            let texts = (0..100).map(|at| KeyValue::new(format!("k{at}"), "\u{1}".repeat(len)));
            texts.chain([KeyValue::new("short", "kept"), KeyValue::new("n", 1)]).collect::<Vec<_>>()
        };
        let small = Data::from(attributes(10));
        let mut fitted = small.clone();
        fitted.fit(10_000);
        assert_eq!(fitted, small);
        let mut large = Data::from(attributes(16_000));
        large.fit(100_000);
        assert!(json_len(&large) <= 100_000);
        assert_eq!(large.len(), 102);
        assert_eq!(large.value("short"), Some(&Value::from("kept")));
        assert!(large.value("k0").unwrap().as_str().ends_with('…'));
    }
}
