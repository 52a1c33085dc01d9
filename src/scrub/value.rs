//! Values that follow a key: where they start and end, and in which quotes the mark must stand.

use super::output::{FILTERED, SHORT};
use super::shape::looks_random;
use crate::steps;

/// How a key and its value are put down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style<'a> {
    /// The quotes around the key, with what escapes them; empty if it has none.
    pub(super) quotes: &'a str,
    /// Whether the text is inside of a string of JSON, which a quote ends.
    pub(super) in_string: bool,
    pub(super) mark: Mark,
    /// Whether the rest of the line is the value, as in headers.
    pub(super) is_line: bool,
}

/// What stands between a key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Colon,
    Equals,
    /// Either of them with its code in place of it, as in a URL inside of a URL.
    Encoded,
}

/// A value that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Where to go on; behind the quotes.
    pub(super) next: usize,
    /// Whether the mark needs the quotes of the key.
    pub(super) is_bare: bool,
}

/// The longest name before a bracket or quote that is part of a value, such as `Some(`.
const MAX_NAME: usize = 32;

/// Schemes of credentials in headers.
const SCHEMES: &[&str] = &["apikey", "basic", "bearer", "digest", "negotiate", "token"];

/// The value that starts at `start` or after blanks.
pub(super) fn find(bytes: &[u8], start: usize, style: Style<'_>) -> Option<Found> {
    let is_blank = |byte: u8| match style.quotes {
        "" => matches!(byte, b' ' | b'\t'),
        _ => byte.is_ascii_whitespace(),
    };
    let rest = bytes.get(start..)?;
    let start = start.saturating_add(rest.iter().take_while(|byte| is_blank(**byte)).count());
    let rest = bytes.get(start..)?;
    // A quote may follow a letter, as in `b'…'`, or a name, as in `Some("…")`.
    let name = rest.iter().take(MAX_NAME).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let opened = match rest.get(name) {
        Some(b'(') if name > 0 => name.saturating_add(1),
        _ if name == 1 && matches!(rest.first(), Some(b'b' | b'u' | b'r' | b'E' | b'N')) => name,
        _ => 0,
    };
    let found = quoted(bytes, start.saturating_add(opened), style.in_string);
    if found.is_some() {
        return found;
    }
    if style.quotes.is_empty() { free(bytes, start, style) } else { json(bytes, start, style) }
}

/// Whether a value is none: a placeholder of a query or template, a mark, a truth.
pub(super) fn is_placeholder(value: &str, key: &str) -> bool {
    if matches!(value, "" | "?" | "…" | "%s" | FILTERED | SHORT) {
        return true;
    }
    if value.bytes().all(|byte| byte == b'*') {
        return true;
    }
    let words = ["null", "none", "nil", "undefined", "true", "false", "yes", "no"];
    if words.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return true;
    }
    match value.as_bytes().first() {
        Some(b'$' | b'?') => value.bytes().skip(1).all(|byte| byte.is_ascii_digit()),
        Some(b':' | b'@') if !key.is_empty() => {
            value.get(1..).is_some_and(|name| name.eq_ignore_ascii_case(key))
        }
        Some(b'{' | b'<') if !key.is_empty() => {
            let name = value.get(1..).and_then(|rest| rest.strip_suffix(['}', '>']));
            name.is_some_and(|name| name.eq_ignore_ascii_case(key))
        }
        _ => false,
    }
}

/// A value in quotes.
fn quoted(bytes: &[u8], start: usize, in_string: bool) -> Option<Found> {
    let rest = bytes.get(start..)?;
    let escapes = rest.iter().take_while(|byte| **byte == b'\\').count();
    let quote = *rest.get(escapes)?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return None;
    }
    // This one ends the string of JSON: an even number of backslashes escapes each other.
    if quote == b'"' && in_string && escapes.is_multiple_of(2) {
        return None;
    }
    let from = start.saturating_add(escapes).saturating_add(1);
    let mut at = from;
    let (to, next) = loop {
        let Some(byte) = bytes.get(at) else { break (at, at) };
        let after = at.saturating_add(1);
        match *byte {
            b'\\' => {
                let run = bytes.get(at..).unwrap_or_default();
                let run = run.iter().take_while(|byte| **byte == b'\\').count();
                let end = at.saturating_add(run);
                let next = bytes.get(end).copied();
                let is_close = escapes > 0 && next == Some(quote) && run <= escapes;
                if is_close {
                    break (at, end.saturating_add(1));
                }
                // An odd backslash takes the next char with it.
                at = if run.is_multiple_of(2) { end } else { end.saturating_add(1) };
            }
            // Inside of JSON, no other quote may be crossed.
            b'"' if quote != b'"' || escapes > 0 => {
                if in_string || escapes > 0 {
                    break (at, at);
                }
                at = after;
            }
            byte if byte == quote && escapes == 0 => break (at, after),
            b'\n' if quote != b'"' => break (at, at),
            _ => at = after,
        }
    };
    steps::count(next.saturating_sub(start));
    let to = to.min(bytes.len());
    Some(Found { from, to, next: next.min(bytes.len()), is_bare: false })
}

/// A value of JSON that is in no quotes: a number, or a whole list or object.
fn json(bytes: &[u8], start: usize, style: Style<'_>) -> Option<Found> {
    let first = *bytes.get(start)?;
    let to = match first {
        b'{' | b'[' => closing(bytes, start, style.quotes.len() > 1 || style.in_string),
        _ => {
            let rest = bytes.get(start..)?;
            let is_part = |byte: &u8| {
                !byte.is_ascii_whitespace()
                    && !matches!(byte, b',' | b'}' | b']' | b'"' | b'\'' | b'\\' | b';' | b'&')
            };
            start.saturating_add(rest.iter().take_while(|byte| is_part(byte)).count())
        }
    };
    steps::count(to.saturating_sub(start));
    (to > start).then_some(Found { from: start, to, next: to, is_bare: true })
}

/// Where the list or object ends that starts at `start`; `is_escaped` if it is inside of a string,
/// and ends with it at the latest.
fn closing(bytes: &[u8], start: usize, is_escaped: bool) -> usize {
    let (mut depth, mut at, mut in_string) = (0_usize, start, false);
    while let Some(byte) = bytes.get(at) {
        let after = at.saturating_add(1);
        match byte {
            b'\\' if is_escaped => {
                let run = bytes.get(at..).unwrap_or_default();
                let run = run.iter().take_while(|byte| **byte == b'\\').count();
                at = at.saturating_add(run);
                if run == 1 && bytes.get(at) == Some(&b'"') {
                    in_string = !in_string;
                }
                // What is escaped goes with it.
                at = if run.is_multiple_of(2) { at } else { at.saturating_add(1) };
                continue;
            }
            b'\\' => {
                at = at.saturating_add(2);
                continue;
            }
            b'"' if is_escaped => return at,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth = depth.saturating_add(1),
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return after;
                }
            }
            _ => {}
        }
        at = after;
    }
    bytes.len()
}

/// A value in a form, a query, a list of settings or a sentence.
fn free(bytes: &[u8], start: usize, style: Style<'_>) -> Option<Found> {
    let rest = bytes.get(start..)?;
    let mut length = rest.iter().take_while(|byte| is_free(**byte, style)).count();
    steps::count(length);
    if style.mark == Mark::Encoded {
        length = encoded(rest.get(..length)?);
    }
    // `authorization=Bearer x` is one value.
    let value = rest.get(..length)?;
    if SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme.as_bytes()))
        && rest.get(length) == Some(&b' ')
    {
        let after = length.saturating_add(1);
        let more = rest.get(after..)?;
        let more = more.get(..more.iter().take_while(|byte| is_free(**byte, style)).count())?;
        if looks_random(more) || more.starts_with(FILTERED.as_bytes()) {
            length = after.saturating_add(more.len());
        }
    }
    // Punctuation at its end is that of the sentence, unless it is that of the mark.
    if !style.is_line && !rest.get(..length)?.ends_with(FILTERED.as_bytes()) {
        let value = rest.get(..length)?;
        let tail = value
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b',' | b')' | b'}' | b']' | b'.' | b':'))
            .count();
        length = length.saturating_sub(tail);
        let value = rest.get(..length.saturating_add(1));
        if value.is_some_and(|value| value.ends_with(FILTERED.as_bytes())) {
            length = length.saturating_add(1);
        }
    }
    let to = start.saturating_add(length);
    steps::count(to.saturating_sub(start));
    (to > start).then_some(Found { from: start, to, next: to, is_bare: true })
}

fn is_free(byte: u8, style: Style<'_>) -> bool {
    match byte {
        b'\n' | b'\r' | b'"' | b'\\' => false,
        _ if style.is_line => true,
        b'&' | b';' | b'\'' | b'`' => false,
        _ => !byte.is_ascii_whitespace(),
    }
}

/// How much of an encoded value stands before an encoded end of it.
fn encoded(value: &[u8]) -> usize {
    let is_end = |code: &[u8]| matches!(code, b"%20" | b"%22" | b"%26" | b"%3B" | b"%3b" | b"%23");
    value.windows(3).position(is_end).unwrap_or(value.len())
}
