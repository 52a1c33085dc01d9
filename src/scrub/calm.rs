//! How much of a text may be passed by when secrets are looked for.

use super::byte::Class;
use super::{card, shape};

/// What is looked at in a text wherever it stands.
pub(super) fn marks(text: &str) -> Class {
    if is_json(text) { Class::MARK.and(Class::QUOTE) } else { Class::MARK }
}

/// Whether a text seems to be JSON.
pub(super) fn is_json(text: &str) -> bool {
    let first = text.bytes().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}

/// How many bytes there are before the first to look at. Here, nothing is in the middle of a word.
pub(super) fn calm(bytes: &[u8], marks: Class) -> usize {
    let mut rest = bytes.iter();
    loop {
        let Some(mut byte) = rest.next() else { return bytes.len() };
        let mut class = Class::of(*byte);
        if class.is(Class::WORD) {
            let next = rest.as_slice();
            if class.is(Class::BEGIN) && (class.is(marks) || may_begin(*byte, next)) {
                break;
            }
            while class.is(Class::WORD) {
                let Some(next) = rest.next() else { return bytes.len() };
                (byte, class) = (next, Class::of(*next));
            }
        }
        if class.is(marks) {
            match (byte, rest.as_slice()) {
                // A dash alone is nothing, nor is what stands between the names of a path.
                (b'-', [after, ..]) if *after != b'-' => {}
                (b':', [b':', ..]) => drop(rest.next()),
                _ => break,
            }
        }
    }
    bytes.len().saturating_sub(rest.len()).saturating_sub(1)
}

/// Whether a token or the number of a card may begin with this byte.
fn may_begin(first: u8, next: &[u8]) -> bool {
    match first {
        b'0'..=b'9' => card::may_begin(next),
        _ => shape::may_begin(first, next),
    }
}
