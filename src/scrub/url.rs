//! URLs in texts.

use super::steps;

/// Where the URL ends that has a byte at `at`, in a text of people.
pub(super) fn end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| !is_end(**byte)).count();
    steps::count(length);
    at.saturating_add(length)
}

/// Where the user info ends that starts at `start`: at the last `@` of the authority.
pub(super) fn user_info(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let rest = bytes.get(start..end)?;
    let length = rest.iter().take_while(|byte| !matches!(byte, b'/' | b'?' | b'#')).count();
    steps::count(length);
    let at = rest.get(..length)?.iter().rposition(|byte| *byte == b'@')?;
    Some(start.saturating_add(at))
}

/// Whether a query string begins behind a `?` at `at`, in a text of people: with a key and `=`.
pub(super) fn begins_query(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    let rest = bytes.get(at.saturating_add(1)..).unwrap_or_default();
    let is_key = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%' | b'~')
    };
    let length = rest.iter().take_while(|byte| is_key(byte)).count();
    steps::count(length);
    before.is_some_and(|byte| !is_end(*byte) && !matches!(byte, b'=' | b'(' | b',' | b'?'))
        && length > 0
        && rest.get(length) == Some(&b'=')
}

/// Whether a URL ends before this byte.
pub(super) fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || byte.is_ascii_control()
        || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b')' | b'\\')
}
