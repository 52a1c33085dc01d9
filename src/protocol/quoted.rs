use std::fmt;

use super::plain::{Block, plain_len};

/// Formats a value as the inside of a text.
pub(super) struct Escaped<'a>(pub(super) &'a mut Vec<u8>);

/// Writes a text in quotes.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    let text = text.as_bytes();
    out.push(b'"');
    let start = out.len();
    let has_escapes = match text.len() {
        16.. => copied::<16>(out, text),
        8.. => copied::<8>(out, text),
        4.. => copied::<4>(out, text),
        _ => copied::<1>(out, text),
    };
    if has_escapes {
        out.truncate(start);
        escaped(out, text);
    }
    out.push(b'"');
}

/// Copies a text as it is, and tells whether there is something in it that has to be escaped.
///
/// Most texts are short, and blocks of a fixed length cost the least to copy. The last one is the
/// end of the text, which overlaps with the one before.
#[inline]
fn copied<const LEN: usize>(out: &mut Vec<u8>, text: &[u8]) -> bool
where
    [u8; LEN]: Block,
{
    let (blocks, rest) = text.as_chunks::<LEN>();
    let mut found = false;
    for block in blocks {
        found |= block.has_escapes();
        out.extend_from_slice(block);
    }
    if !rest.is_empty()
        && let Some(end) = text.last_chunk::<LEN>()
    {
        found |= end.has_escapes();
        let overlap = LEN.saturating_sub(rest.len());
        out.truncate(out.len().saturating_sub(overlap));
        out.extend_from_slice(end);
    }
    found
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
