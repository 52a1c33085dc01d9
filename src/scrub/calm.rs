//! How much of a text may be passed by when secrets are looked for.

use super::byte::{Class, from};
use super::lists::is_known;
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
    let looked_at = marks.and(Class::WORD);
    let mut rest = bytes;
    loop {
        rest = from(rest, |class| class.is(looked_at));
        let [first, next @ ..] = rest else { break };
        if Class::of(*first).is(Class::WORD) {
            if begins(*first, next, marks) {
                break;
            }
            rest = from(next, |class| !class.is(Class::WORD));
        }
        rest = match rest {
            [byte, next @ ..] if !Class::of(*byte).is(marks) => next,
            // A dash alone is nothing, nor is what stands between the names of a path.
            [b'-', next @ ..] if !matches!(next, [] | [b'-', ..]) => next,
            [b':', b':', next @ ..] => next,
            [b':', next @ ..]
                if marks.is(Class::COLON)
                    && !next.starts_with(b"//")
                    && is_behind_nothing(bytes, rest.len()) =>
            {
                next
            }
            _ => break,
        }
    }
    bytes.len().saturating_sub(rest.len())
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

/// Whether a colon, which begins the rest of so many bytes, follows a name that tells nothing of
/// what is behind it: a file before a line, an hour before a minute.
fn is_behind_nothing(bytes: &[u8], rest: usize) -> bool {
    let head = bytes.get(..bytes.len().saturating_sub(rest)).unwrap_or_default();
    let (mut first, mut length) = (0, 0_usize);
    for (at, byte) in head.iter().rev().take(MAX_NAME).enumerate() {
        steps::count(1);
        let class = Class::of(*byte);
        if class.is(Class::SMALL) {
            (first, length) = (*byte, length.saturating_add(1));
        } else if class.is(Class::WORD) || is_known(first, length) {
            return false;
        } else if class.is(Class::NAME) {
            length = 0;
        } else {
            return at > 0;
        }
    }
    // Where the name begins is not known here.
    false
}
