//! Keys in a text, and the values that are assigned to them.

use super::byte::Class;
use super::shape::looks_random;
use super::value::{self, Found, Mark, Style};
use crate::steps;

/// A key in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    /// The quotes around it, with what escapes them.
    pub(super) quotes: &'a str,
}

/// How many blanks may stand between a key and what follows it.
const MAX_BLANKS: usize = 8;

/// Keys that are headers, so that what follows on the line is their value.
const HEADERS: &[&str] =
    &["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

impl Key<'_> {
    /// The value behind the mark, from `start` on, if it is a secret.
    ///
    /// `is_secret` tells a key whose value is one, and not only if it looks like one; `in_string`
    /// a text that is inside of a string of JSON.
    pub(super) fn value(
        self,
        text: &str,
        start: usize,
        mark: Mark,
        (is_secret, in_string): (bool, bool),
    ) -> Option<Found> {
        let is_plain = self.quotes.is_empty() && mark == Mark::Colon;
        let is_line =
            is_plain && HEADERS.iter().any(|header| self.name.eq_ignore_ascii_case(header));
        let style = Style { quotes: self.quotes, in_string, mark, is_line };
        let found = value::find(text.as_bytes(), start, style)?;
        let value = text.get(found.from..found.to)?;
        // In a sentence, what follows `token:` may be a word like others.
        let is_word = is_plain && !is_secret && found.is_bare && !looks_random(value.as_bytes());
        (!is_word && !value::is_placeholder(value, self.name)).then_some(found)
    }
}

/// The key before a mark at `at`, which does not begin before `floor`.
pub(super) fn key(text: &str, (floor, at): (usize, usize)) -> Key<'_> {
    let read = text.as_bytes().get(floor..at).unwrap_or_default();
    let read =
        cut(read, length(read, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'), MAX_BLANKS));
    let quote = length(read, |byte| matches!(byte, b'"' | b'\'' | b'`'), 1);
    // An even number of backslashes escapes each other, and not the quote.
    let escape = match quote {
        0 => 0,
        _ => length(cut(read, quote), |byte| *byte == b'\\', usize::MAX),
    };
    let escape = if escape.is_multiple_of(2) { 0 } else { escape };
    let end = floor.saturating_add(read.len());
    let quotes = text.get(end.saturating_sub(quote.saturating_add(escape))..end);
    let read = cut(read, quote.saturating_add(escape));
    // As in `user[password]=…`.
    let bracket = match read {
        [.., b'%', b'5', b'D' | b'd'] => 3,
        [.., b']'] => 1,
        _ => 0,
    };
    let read = cut(read, bracket);
    let name = length(read, |byte| Class::of(*byte).is(Class::NAME), usize::MAX);
    let end = floor.saturating_add(read.len());
    // The two digits of a code before it are none of its letters.
    let is_code = cut(read, name).last() == Some(&b'%');
    let name = name.saturating_sub(if is_code { 2 } else { 0 });
    steps::count(name.saturating_add(escape));
    let name = text.get(end.saturating_sub(name)..end).unwrap_or_default();
    Key { name: name.trim_start_matches(['-', '.']), quotes: quotes.unwrap_or_default() }
}

/// How many bytes at the end are of a kind, at most `most`.
fn length(bytes: &[u8], is: impl Fn(&u8) -> bool, most: usize) -> usize {
    bytes.iter().rev().take(most).take_while(|byte| is(byte)).count()
}

/// Without so many bytes at the end.
fn cut(bytes: &[u8], by: usize) -> &[u8] {
    bytes.get(..bytes.len().saturating_sub(by)).unwrap_or_default()
}
