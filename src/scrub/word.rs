//! The words that keys consist of.

use super::lists::{self, ABOUT, OF_QUERIES, PAIRS, SECRETS};

/// A word of a key in lower case.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    bytes: [u8; Self::MAX_LEN],
    length: usize,
}

impl Word {
    /// How long a word of the lists is at most, in bytes.
    pub(super) const MAX_LEN: usize = 16;

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
        }
        self.length = self.length.saturating_add(1);
    }

    /// The word; empty if it is longer than any that is known.
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether it stands on a list.
    pub(super) fn is_on(&self, list: &[&str]) -> bool {
        list.iter().any(|word| word.as_bytes() == self.as_bytes())
    }

    /// Whether the value under a key with this word is a secret.
    pub(super) fn is_secret(&self) -> bool {
        let first = self.bytes.first().copied().unwrap_or_default();
        lists::is_known(first, self.length) && self.is_on(SECRETS)
    }

    /// Whether it makes a secret out of what the word before it tells.
    pub(super) fn makes_secret(&self, before: &Self) -> bool {
        PAIRS
            .iter()
            .any(|(last, befores)| last.as_bytes() == self.as_bytes() && before.is_on(befores))
    }

    /// Whether what it names is about a secret, but none.
    pub(super) fn is_about(&self) -> bool {
        self.is_on(ABOUT)
    }

    /// Whether the value of a query's key with this word is a secret.
    pub(super) fn is_secret_of_query(&self) -> bool {
        self.is_on(OF_QUERIES)
    }
}

/// Calls for each word of a key: between other characters than letters and digits, and where
/// small letters turn into capitals.
pub(super) fn each_word(key: &str, mut found: impl FnMut(&Word)) {
    let mut word = Word::default();
    let mut before = 0_u8;
    let mut bytes = key.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let is_part = byte.is_ascii_alphanumeric();
        let begins = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || (before.is_ascii_uppercase()
                    && bytes.peek().is_some_and(|next| next.is_ascii_lowercase())));
        if (!is_part || begins) && word.length > 0 {
            found(&word);
            word = Word::default();
        }
        if is_part {
            word.push(byte);
        }
        before = byte;
    }
    if word.length > 0 {
        found(&word);
    }
}
