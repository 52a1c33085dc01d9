use std::io;

use opentelemetry::{Array, StringValue, Value};

use super::data::{Data, shortened};
use super::span::Link;

/// How long texts may stay where a map is too large, in bytes; tried in this order.
const SHORTER: [usize; 10] = [8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 8];

/// A byte of a text becomes at most this many bytes of JSON.
const MAX_ESCAPE: usize = 6;

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
                Value::Array(_) => Self::MAX_ARRAY_LEN.saturating_mul(26),
                _ => 26,
            };
            sum.saturating_add(text(key.as_str())).saturating_add(value).saturating_add(6)
        })
    }
}

/// Shortens what links carry until each of them takes its share of `max_bytes`.
pub(crate) fn fit_links(links: &mut [Link], max_bytes: usize) {
    let share = max_bytes.checked_div(links.len()).unwrap_or(max_bytes);
    links.iter_mut().for_each(|link| link.attributes.fit(share));
}

/// Cuts a text to `longest` bytes, with a mark, if it is longer.
pub(crate) fn shorten(text: &mut StringValue, longest: usize) {
    if let Some(short) = shortened(text.as_str(), longest) {
        *text = StringValue::from(short);
    }
}

/// How many bytes of JSON this is.
fn json_len(data: &Data) -> usize {
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, data) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;

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
