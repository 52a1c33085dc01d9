use std::fmt;

use opentelemetry::{Key, StringValue};
use serde::{Serialize, Serializer};

use super::seen::Places;

/// Tags of a transaction or a span: short texts that Sentry indexes for search.
///
/// Whatever goes in comes out legal (rule R22): Relay refuses keys with other characters than
/// letters, digits, `_`, `.`, `:` and `-`, values of several lines, empty ones, and texts over
/// 200 chars, and shows each refusal to the user as an error.
#[derive(Clone, Default)]
pub struct Tags {
    entries: Vec<(Key, StringValue)>,
    /// As long as nothing was taken out.
    places: Places,
}

impl Tags {
    /// The longest key and the longest value, in chars.
    pub const MAX_CHARS: usize = 200;

    /// Names that Sentry keeps for fields of its own.
    const RESERVED: &[&str] = &["release", "dist", "user", "environment", "filename", "function"];

    /// Sets `key` unless it stands there already; tells whether it was taken.
    ///
    /// Illegal characters of the key become `_`, blanks become `-`; line breaks of the value
    /// become blanks. A tag without key or value, or with a reserved name, is not taken.
    pub fn insert(&mut self, key: Key, value: StringValue) -> bool {
        let key = legal_key(key);
        let value = legal_value(value);
        let taken = !key.as_str().is_empty()
            && !value.as_str().is_empty()
            && !Self::RESERVED.contains(&key.as_str())
            && self.places.find_or_add(&key, self.entries.iter().map(|(key, _)| key)).is_none();
        if taken {
            self.entries.push((key, value));
        }
        taken
    }

    /// The value under `key`.
    pub fn value(&self, key: &str) -> Option<&StringValue> {
        self.entries.iter().find(|(have, _)| have.as_str() == key).map(|(_, value)| value)
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<StringValue> {
        let at = self.entries.iter().position(|(have, _)| have.as_str() == key)?;
        self.places = Places::default();
        Some(self.entries.remove(at).1)
    }

    /// All tags, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &StringValue)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn with_capacity(len: usize) -> Self {
        Self { entries: Vec::with_capacity(len), ..Self::default() }
    }

    /// Takes out all but the first ones.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.places = Places::default();
        self.entries.truncate(len);
    }

    /// Whether there is no tag.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Tags {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

fn legal_key(key: Key) -> Key {
    let text = key.as_str();
    // All are looked at, which takes less than to stop at the first one.
    if text.len() <= Tags::MAX_CHARS && text.bytes().fold(true, |all, byte| all & is_legal(byte)) {
        return key;
    }
    let legal = text.chars().take(Tags::MAX_CHARS).map(|char| match char {
        ' ' => '-',
        char if u8::try_from(char).is_ok_and(is_legal) => char,
        _ => '_',
    });
    Key::from(legal.collect::<String>())
}

fn is_legal(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'-')
}

fn legal_value(value: StringValue) -> StringValue {
    let text = value.as_str();
    if text.len() <= Tags::MAX_CHARS && is_word(text) {
        return value;
    }
    let trimmed = text.trim();
    if trimmed.len() == text.len() && text.len() <= Tags::MAX_CHARS && !text.contains(is_break) {
        return value;
    }
    let line = trimmed.chars().map(|char| if is_break(char) { ' ' } else { char });
    let cut: String = line.take(Tags::MAX_CHARS).collect();
    StringValue::from(cut.trim_end().to_owned())
}

/// Whether a text has nothing in it that would have to go: what is seen of ASCII, blanks inside.
fn is_word(text: &str) -> bool {
    let is_seen = |byte: u8| (b' '..=b'~').contains(&byte);
    let edges = [text.bytes().next(), text.bytes().next_back()];
    // All are looked at, which takes less than to stop at the first one.
    !edges.contains(&Some(b' ')) && text.bytes().fold(true, |all, byte| all & is_seen(byte))
}

fn is_break(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Option<(String, String)> {
        let mut tags = Tags::default();
        tags.insert(Key::from(key.to_owned()), StringValue::from(value.to_owned()));
        let first = tags.iter().next();
        first.map(|(key, value)| (key.to_string(), value.to_string()))
    }

    #[test]
    fn keys_and_values_are_made_legal() {
        for (key, value, legal_key, legal_value) in [
            ("http.route", "/a", "http.route", "/a"),
            ("my key!", "two\nlines\r\n", "my-key_", "two lines"),
            ("clé/ключ", " ok ", "cl______", "ok"),
            ("nul", "a\0b", "nul", "a b"),
        ] {
            assert_eq!(tag(key, value), Some((legal_key.into(), legal_value.into())), "{key}");
        }
        let (key, value) = tag(&"k".repeat(300), &"é".repeat(300)).unwrap();
        assert_eq!((key.chars().count(), value.chars().count()), (200, 200));
    }

    #[test]
    fn empty_reserved_and_repeated_tags_are_not_taken() {
        for (key, value) in [("", "a"), ("a", ""), ("a", "\n"), ("release", "1"), ("user", "x")] {
            assert_eq!(tag(key, value), None, "{key}={value}");
        }
        let mut tags = Tags::default();
        assert!(tags.insert("a b".into(), "1".into()));
        assert!(!tags.insert("a-b".into(), "2".into()));
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"{"a-b":"1"}"#);
    }

    #[test]
    fn the_first_of_many_tags_of_a_name_stays() {
        let mut tags = Tags::default();
        let key = |at: usize| Key::from(format!("k{at}"));
        assert!((0..1000).all(|at| tags.insert(key(at), "first".into())));
        assert!((0..1000).all(|at| !tags.insert(key(at), "second".into())));
        assert_eq!(tags.remove("k999").unwrap().as_str(), "first");
        assert!(tags.insert(key(999), "second".into()));
        assert_eq!(tags.value("k999").unwrap().as_str(), "second");
        assert_eq!(tags.iter().count(), 1000);
    }
}
