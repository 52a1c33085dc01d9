use opentelemetry::{Array, Key, StringValue, Value};

use super::plain::has_nul;

pub(super) const MAX_TEXT_BYTES: usize = 16 * 1024;
pub(super) const MAX_ARRAY_LEN: usize = 256;
pub(super) const MAX_KEY_BYTES: usize = 512;

/// How long a number is at most, with a comma.
pub(crate) const NUMBER_BYTES: usize = 26;

/// The longest name of a transaction, in chars.
pub(crate) const MAX_NAME_CHARS: usize = 200;

/// Shortens what is longer than Sentry keeps.
pub(crate) fn limit(value: &mut Value) {
    match value {
        Value::String(text) => shorten(text, MAX_TEXT_BYTES),
        Value::Array(Array::Bool(values)) => values.truncate(MAX_ARRAY_LEN),
        Value::Array(Array::I64(values)) => values.truncate(MAX_ARRAY_LEN),
        Value::Array(Array::F64(values)) => values.truncate(MAX_ARRAY_LEN),
        Value::Array(Array::String(texts)) => {
            texts.truncate(MAX_ARRAY_LEN);
            texts.iter_mut().for_each(|text| shorten(text, MAX_TEXT_BYTES));
        }
        _ => {}
    }
}

/// The same of a key.
pub(super) fn limit_key(key: &mut Key) {
    if let Some(short) = shortened(key.as_str(), MAX_KEY_BYTES) {
        *key = Key::from(short);
    }
}

/// Whether a key may stay as it is.
pub(crate) fn is_legal_key(key: &str) -> bool {
    !key.is_empty() && fits(key, MAX_KEY_BYTES)
}

/// About how many bytes a value has; none if [`limit`] would change it.
#[inline]
pub(crate) fn legal_len(value: &Value) -> Option<usize> {
    let legal = |text: &StringValue| {
        let text = text.as_str();
        fits(text, MAX_TEXT_BYTES).then_some(text.len())
    };
    match value {
        Value::String(text) => legal(text),
        Value::Bool(_) | Value::I64(_) | Value::F64(_) => Some(NUMBER_BYTES),
        Value::Array(array) => {
            let len = match array {
                Array::Bool(values) => values.len(),
                Array::I64(values) => values.len(),
                Array::F64(values) => values.len(),
                Array::String(texts) => {
                    let lens = texts.iter().map(|text| Some(legal(text)?.saturating_add(1)));
                    return (texts.len() <= MAX_ARRAY_LEN).then(|| lens.sum()).flatten();
                }
                _ => return None,
            };
            (len <= MAX_ARRAY_LEN).then(|| len.saturating_mul(NUMBER_BYTES))
        }
        _ => None,
    }
}

/// Cuts a text to `longest` bytes, with a mark, if it is longer.
pub(crate) fn shorten(text: &mut StringValue, longest: usize) {
    if let Some(short) = shortened(text.as_str(), longest) {
        *text = StringValue::from(short);
    }
}

/// A copy of `text`, cut in the same way.
pub(crate) fn limited(text: &str, bytes: usize) -> String {
    shortened(text, bytes).unwrap_or_else(|| text.to_owned())
}

/// `text` cut to at most `bytes` bytes, with a `…` where something was cut and without NUL.
///
/// `None` where nothing has to change, so that the text can be kept without a copy.
#[inline]
pub(crate) fn shortened(text: &str, bytes: usize) -> Option<String> {
    (!fits(text, bytes)).then(|| shorter(text, bytes))
}

/// The first chars of a text that has more.
pub(crate) fn first_chars(text: &str, most: usize) -> Option<&str> {
    // No char is shorter than a byte.
    if text.len() <= most {
        return None;
    }
    let (end, _) = text.char_indices().nth(most)?;
    text.get(..end)
}

/// Whether a text of at most so many bytes may stay as it is.
#[inline]
fn fits(text: &str, bytes: usize) -> bool {
    text.len() <= bytes && !has_nul(text.as_bytes())
}

fn shorter(text: &str, bytes: usize) -> String {
    let too_long = text.len() > bytes;
    let room = if too_long { bytes.saturating_sub('…'.len_utf8()) } else { text.len() };
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let kept = text.get(..end).unwrap_or_default();
    let mut out = kept.replace('\0', "\u{fffd}");
    if too_long {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_of_more_chars_is_cut_to_the_first() {
        let text = "aé…z";
        let firsts = [0, 1, 2, 3, 4, 9].map(|most| first_chars(text, most));
        assert_eq!(firsts, [Some(""), Some("a"), Some("aé"), Some("aé…"), None, None]);
    }

    #[test]
    fn a_value_has_a_length_unless_it_is_changed() {
        let text = |len| StringValue::from("a".repeat(len));
        for (value, expected) in [
            (Value::from(true), Some(NUMBER_BYTES)),
            (Value::from(text(MAX_TEXT_BYTES)), Some(MAX_TEXT_BYTES)),
            (Value::from(text(MAX_TEXT_BYTES + 1)), None),
            (Value::from("nul\0"), None),
            (Value::Array(vec![1.5; 2].into()), Some(2 * NUMBER_BYTES)),
            (Value::Array(vec![1; MAX_ARRAY_LEN + 1].into()), None),
            (Value::Array(vec![text(1), text(2)].into()), Some(5)),
            (Value::Array(vec![text(0); MAX_ARRAY_LEN + 1].into()), None),
            (Value::Array(vec![text(1), text(MAX_TEXT_BYTES + 1)].into()), None),
        ] {
            let mut limited = value.clone();
            limit(&mut limited);
            assert_eq!((legal_len(&value), limited == value), (expected, expected.is_some()));
            assert!(legal_len(&limited).is_some());
        }
    }
}
