use std::fmt;

use super::plain::{is_all_plain, plain_len};

/// Formats a value as the inside of a text.
pub(super) struct Escaped<'a>(pub(super) &'a mut Vec<u8>);

/// Writes a text in quotes.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len().saturating_add(2));
    out.push(b'"');
    if is_all_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        escaped(out, text.as_bytes());
    }
    out.push(b'"');
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
