//! How much of a text may be passed by when secrets are looked for.

use super::byte::Class;
use super::lists::may_tell;
use super::{card, shape};
use crate::steps;

/// The longest name that is read here.
const MAX_NAME: usize = 64;

/// What is looked at in a text; `has_lists` where users have listed keys.
pub(super) fn marks(text: &str, has_lists: bool) -> Class {
    let marks = Class::MARK.and(if has_lists { Class::ANY_COLON } else { Class::COLON });
    if is_json(text) { marks.and(Class::QUOTE) } else { marks }
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
            if begins(*byte, rest.as_slice(), marks) {
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
                (b':', next)
                    if marks.is(Class::COLON)
                        && !next.starts_with(b"//")
                        && is_behind_nothing(bytes, next.len()) => {}
                _ => break,
            }
        }
    }
    bytes.len().saturating_sub(rest.len()).saturating_sub(1)
}

/// Whether a token or the number of a card may begin with this byte.
#[inline]
fn begins(first: u8, next: &[u8], marks: Class) -> bool {
    let class = Class::of(first);
    class.is(Class::BEGIN)
        && (class.is(marks)
            || match first {
                b'0'..=b'9' => card::may_begin(next),
                _ => shape::may_begin(first, next),
            })
}

/// Whether a colon, with so many bytes behind it, follows a name that tells nothing of them: a
/// file before a line, an hour before a minute.
// Inside of the loop over a text it would take the registers of that.
#[inline(never)]
fn is_behind_nothing(bytes: &[u8], behind: usize) -> bool {
    let end = bytes.len().saturating_sub(behind).saturating_sub(1);
    let head = bytes.get(end.saturating_sub(MAX_NAME)..end).unwrap_or_default();
    let name = head.rsplit(|byte| !Class::of(*byte).is(Class::NAME)).next().unwrap_or_default();
    steps::count(name.len());
    // Where a name begins that fills all of it is not known here.
    !name.is_empty() && name.len() < head.len() && !may_tell(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_is_passed_by_behind_a_name_that_tells_nothing() {
        let length = |text: &str, has_lists| calm(text.as_bytes(), marks(text, has_lists));
        for text in [
            "   7: shop::stage_7::handle\n             at ./src/orders/stage_7.rs:61:12\n",
            "at 10:20:30",
            "no order: none is left",
            "bei größe:1",
        ] {
            assert_eq!(length(text, false), text.len(), "{text}");
            assert!(length(text, true) < text.len(), "{text}");
        }
        for text in [
            "at ./src/password.rs:61:12",
            "in a token:5",
            "the userPassword:5",
            "see https://example.com",
            "its \"order\": none is left",
            // More of the name may stand before.
            "rs:61 and so on and on",
            &format!("a {}:1", "ab_".repeat(100)),
        ] {
            assert!(length(text, false) < text.len(), "{text}");
        }
    }
}
