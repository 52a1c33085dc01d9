use std::fmt;

use super::plain::{have_escapes, plain_len};

/// Formats a value as the inside of a text.
pub(super) struct Escaped<'a>(pub(super) &'a mut Vec<u8>);

/// Writes a text in quotes.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    framed(out, [b'"'], text.as_bytes(), [b'"']);
}

/// Writes a key in quotes, with what stands before it and a colon behind it.
pub(super) fn quoted_key(out: &mut Vec<u8>, before: u8, key: &str) {
    framed(out, [before, b'"'], key.as_bytes(), *b"\":");
}

#[inline]
fn framed<const N: usize>(out: &mut Vec<u8>, begin: [u8; N], text: &[u8], end: [u8; N]) {
    let is_written = match text.len() {
        32..=64 => short::<32, 68, N>(out, begin, text, end),
        16..=31 => short::<16, 36, N>(out, begin, text, end),
        8..=15 => short::<8, 20, N>(out, begin, text, end),
        4..=7 => short::<4, 12, N>(out, begin, text, end),
        2..=3 => short::<2, 8, N>(out, begin, text, end),
        _ => false,
    };
    if !is_written {
        long(out, begin, text, end);
    }
}

/// Writes a text of one or two blocks, unless something in it has to be escaped or there is little
/// room; tells whether it did.
///
/// Most texts are short, and blocks of a fixed length cost the least to look at and to copy. The
/// second one is the end of the text, which overlaps with the first one. `ROOM` is for both of them
/// and what stands around them, so that it is asked for only once.
#[inline]
fn short<const LEN: usize, const ROOM: usize, const N: usize>(
    out: &mut Vec<u8>,
    begin: [u8; N],
    text: &[u8],
    end: [u8; N],
) -> bool {
    const { assert!(ROOM >= 2 * LEN + 2 * N, "the longest text does not fit") };
    let start = out.len();
    let has_room = out.capacity().wrapping_sub(start) >= ROOM;
    let (Some(first), Some(last)) = (text.first_chunk::<LEN>(), text.last_chunk::<LEN>()) else {
        return false;
    };
    if !has_room || have_escapes(first, last) {
        return false;
    }
    out.extend_from_slice(&[0; ROOM]);
    let behind = N.wrapping_add(text.len());
    if let Some(room) = out.last_chunk_mut::<ROOM>() {
        put(room, 0, begin);
        put(room, N, *first);
        put(room, behind.wrapping_sub(LEN), *last);
        put(room, behind, end);
    }
    out.truncate(start.wrapping_add(behind).wrapping_add(N));
    true
}

#[inline]
fn put<const LEN: usize>(room: &mut [u8], at: usize, block: [u8; LEN]) {
    if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = block;
    }
}

// By itself, because it would make the way of short texts longer.
#[inline(never)]
fn long<const N: usize>(out: &mut Vec<u8>, begin: [u8; N], text: &[u8], end: [u8; N]) {
    out.extend_from_slice(&begin);
    escaped(out, text);
    out.extend_from_slice(&end);
}

fn escaped(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some((plain, rest)) = text.split_at_checked(plain_len(text)) {
        out.extend_from_slice(plain);
        let Some((byte, rest)) = rest.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            // Sentry's database takes none (rule ATTR-9).
            b'\0' => out.extend_from_slice("\u{fffd}".as_bytes()),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => {
                let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or('0');
                out.extend_from_slice(b"\\u00");
                out.extend([digit(control >> 4), digit(control & 0xf)].map(|digit| digit as u8));
            }
        }
        text = rest;
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_is_written_as_serde_json_writes_it_whatever_room_there_is() {
        for len in 0..70 {
            for at in 0..len.max(1) {
                for char in ["a", "\"", "\\", "\n", "\u{1f}", " ", "\u{7f}", "é"] {
                    let mut text = "-".repeat(len);
                    text.replace_range(at..len.min(at + 1), char);
                    let expected = serde_json::to_string(&text).unwrap();
                    for room in [0, 2 * len, 1000] {
                        let mut out = Vec::with_capacity(room);
                        quoted(&mut out, &text);
                        assert_eq!(str::from_utf8(&out), Ok(expected.as_str()));
                        quoted_key(&mut out, b',', &text);
                        let both = format!("{expected},{expected}:");
                        assert_eq!(str::from_utf8(&out), Ok(both.as_str()));
                    }
                }
            }
        }
    }
}
