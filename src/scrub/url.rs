//! URLs in texts.

use crate::steps;

/// The URL of a text that is being read; it is empty before the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Url {
    end: usize,
    /// Where its last `@` is.
    last_at: Option<usize>,
    /// Whether its query string has begun.
    pub(super) has_query: bool,
}

impl Url {
    /// One that is the whole of a text.
    pub(super) fn whole(bytes: &[u8], has_query: bool) -> Self {
        Self { end: bytes.len(), last_at: last_at(bytes), has_query }
    }

    /// The rest of one that goes on at `at`, in a text of people.
    pub(super) fn from_place(bytes: &[u8], at: usize) -> Self {
        let end = end(bytes, at);
        let last = last_at(bytes.get(at..end).unwrap_or_default());
        Self { end, last_at: last.map(|last| at.saturating_add(last)), has_query: false }
    }

    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Whether it goes on behind `at`.
    pub(super) fn holds(&self, at: usize) -> bool {
        at < self.end
    }

    /// Whether its query string has begun and goes on behind `at`.
    pub(super) fn is_query(&self, at: usize) -> bool {
        self.has_query && self.holds(at)
    }

    /// Where the user info ends that starts at `start`.
    pub(super) fn user_info(&self, bytes: &[u8], start: usize) -> Option<usize> {
        // Without an `@` ahead, a URL is not read again for each one that is in it.
        self.last_at.filter(|at| *at >= start)?;
        user_info(bytes, start, self.end)
    }
}

/// Where the URL ends that has a byte at `at`, in a text of people.
fn end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| !is_end(**byte)).count();
    steps::count(length);
    at.saturating_add(length)
}

/// Where the last `@` is, if there is one; most have none.
fn last_at(url: &[u8]) -> Option<usize> {
    steps::count(url.len());
    if url.contains(&b'@') { url.iter().rposition(|byte| *byte == b'@') } else { None }
}

/// Where the user info ends that starts at `start`: at the last `@` of the authority.
fn user_info(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let rest = bytes.get(start..end)?;
    let length = rest.iter().take_while(|byte| !matches!(byte, b'/' | b'?' | b'#')).count();
    steps::count(length);
    let authority = rest.get(..length)?;
    let mut at = authority.iter().rposition(|byte| *byte == b'@');
    if at.is_none() && holds_password(authority) {
        steps::count(rest.len());
        at = rest.iter().rposition(|byte| *byte == b'@');
    }
    Some(start.saturating_add(at?))
}

/// Whether what seems to be a host and a port is a user and the beginning of a password, in which
/// somebody forgot to encode what ends an authority.
fn holds_password(authority: &[u8]) -> bool {
    let mut parts = authority.splitn(2, |byte| *byte == b':');
    let (name, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    !name.is_empty() && !name.starts_with(b"[") && rest.iter().any(|byte| !byte.is_ascii_digit())
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

/// A part of a URL without the line and the column that stack traces write behind it.
pub(super) fn without_position(value: &str) -> &str {
    let before_number = |text: &str| {
        let (before, number) = text.rsplit_once(':')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && number.len() < 10).then_some(before.len())
    };
    let line = before_number(value).and_then(|at| value.get(..at));
    line.and_then(before_number).and_then(|at| value.get(..at)).unwrap_or(value)
}

/// Whether a URL ends before this byte.
fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || byte.is_ascii_control()
        || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b')' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_what_ends_an_authority() {
        for (url, found) in [
            ("app:Ab/9xQ@db.host/x", Some("app:Ab/9xQ")),
            ("app:a#b?c@db", Some("app:a#b?c")),
            ("app@db/x", Some("app")),
            ("h:8080/@me", None),
            ("h/a:b@c", None),
            ("[::1]:80/a@b", None),
            ("h", None),
        ] {
            let at = user_info(url.as_bytes(), 0, url.len());
            assert_eq!(at.map(|at| &url[..at]), found, "{url}");
        }
    }

    #[test]
    fn a_line_and_a_column_are_no_part_of_a_value() {
        for (value, rest) in [
            ("2:1:4837", "2"),
            (":1:2", ""),
            ("12:34", "12:34"),
            ("a:b:3", "a:b:3"),
            ("4111:1111111111:1", "4111:1111111111:1"),
            ("", ""),
        ] {
            assert_eq!(without_position(value), rest, "{value}");
        }
    }
}
