//! What bytes a text has.

/// Whether a text has such a byte.
///
/// All of them are looked at, many at a time, which takes less than to stop at the first. Among
/// other code compilers make a loop of it that takes one after the other.
#[inline(never)]
pub(super) fn has(text: &str, is_such: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |has, byte| has | is_such(byte))
}
