//! What is in a text, looked at in blocks of bytes.

/// How many bytes at the beginning of a text stand in JSON as they are: no quotes, no backslash and
/// no control characters.
#[inline]
pub(super) fn plain_len(text: &[u8]) -> usize {
    // What has to be escaped often stands together.
    if text.first().is_some_and(|byte| plainness(*byte) == 0) {
        return 0;
    }
    let (blocks, rest) = text.as_chunks();
    let plain = blocks.iter().take_while(|block| !has_escapes(block)).count();
    let at = plain.saturating_mul(16);
    at.saturating_add(match blocks.get(plain) {
        Some(block) => first_escape(block),
        None if text.last_chunk().is_some_and(|end| !has_escapes(end)) => rest.len(),
        None => rest.iter().take_while(|byte| plainness(**byte) != 0).count(),
    })
}

/// Whether something in one of two blocks has to be escaped.
#[inline]
pub(super) fn have_escapes<const LEN: usize>(first: &[u8; LEN], last: &[u8; LEN]) -> bool {
    have_zeros(first, last, plainness)
}

/// Whether all of a text stands in JSON as it is.
pub(crate) fn is_all_plain(text: &[u8]) -> bool {
    !has_zero(text, plainness)
}

/// Whether there is a NUL in a text.
pub(super) fn has_nul(text: &[u8]) -> bool {
    has_zero(text, |byte| byte)
}

/// Zero for a byte that has to be escaped.
///
/// Compilers look at the bytes of a block together with this, by few instructions.
#[inline]
fn plainness(byte: u8) -> u8 {
    let quote = byte ^ b'"';
    let backslash = byte ^ b'\\';
    let control = byte.saturating_sub(b' '.saturating_sub(1));
    quote.min(backslash).min(control)
}

#[inline]
fn has_escapes(block: &[u8; 16]) -> bool {
    have_zeros(block, block, plainness)
}

/// Where the first byte stands that has to be escaped.
#[inline]
fn first_escape(block: &[u8; 16]) -> usize {
    let marks = block.map(|byte| if plainness(byte) == 0 { 0xff } else { 0 });
    let bit = u128::from_le_bytes(marks).trailing_zeros();
    usize::try_from(bit.wrapping_shr(3)).unwrap_or_default()
}

/// Whether `look` makes a zero of a byte of a text.
#[inline]
fn has_zero(text: &[u8], look: impl Fn(u8) -> u8 + Copy) -> bool {
    match text.len() {
        16..=32 => ends_have_zeros::<16>(text, look),
        8..=15 => ends_have_zeros::<8>(text, look),
        4..=7 => ends_have_zeros::<4>(text, look),
        2..=3 => ends_have_zeros::<2>(text, look),
        1 => ends_have_zeros::<1>(text, look),
        0 => false,
        _ => {
            let blocks = text.as_chunks::<16>().0;
            let is_in_block = blocks.iter().any(|block| have_zeros(block, block, look));
            is_in_block || ends_have_zeros::<16>(text, look)
        }
    }
}

// Calls of these would take as much as what they do.

/// The same for a text of one or two blocks, of which the second one is its end.
#[inline(always)]
fn ends_have_zeros<const LEN: usize>(text: &[u8], look: impl Fn(u8) -> u8) -> bool {
    let ends = text.first_chunk::<LEN>().zip(text.last_chunk::<LEN>());
    ends.is_some_and(|(first, last)| have_zeros(first, last, look))
}

#[inline(always)]
fn have_zeros<const LEN: usize>(
    first: &[u8; LEN],
    last: &[u8; LEN],
    look: impl Fn(u8) -> u8,
) -> bool {
    let mut both = [0; LEN];
    for ((both, first), last) in both.iter_mut().zip(first).zip(last) {
        *both = look(*first).min(look(*last));
    }
    both.iter().fold(false, |found, byte| found | (*byte == 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_is_judged_alike_in_every_place() {
        for byte in 0..=u8::MAX {
            let is_plain = byte >= b' ' && byte != b'"' && byte != b'\\';
            for len in 1..40 {
                for at in 0..len {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let expected = if is_plain { len } else { at };
                    assert_eq!(plain_len(&text), expected, "{byte} at {at} of {len}");
                    assert_eq!(is_all_plain(&text), is_plain, "{byte} at {at} of {len}");
                    assert_eq!(has_nul(&text), byte == 0, "{byte} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn every_byte_of_two_blocks_is_looked_at() {
        fn found<const LEN: usize>(byte: u8, at: usize) -> [bool; 2] {
            let (mut block, plain) = ([b'a'; LEN], [b'a'; LEN]);
            block[at % LEN] = byte;
            [have_escapes(&block, &plain), have_escapes(&plain, &block)]
        }
        for byte in 0..=u8::MAX {
            for at in 0..16 {
                let all = [found::<16>, found::<8>, found::<4>, found::<2>];
                for found in all.map(|found| found(byte, at)) {
                    assert_eq!(found, [plainness(byte) == 0; 2], "{byte} at {at}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_ends_before_the_first_byte_to_escape(text: Vec<u8>) {
            let expected = text.iter().take_while(|byte| plainness(**byte) != 0).count();
            prop_assert_eq!(plain_len(&text), expected);
            prop_assert_eq!(is_all_plain(&text), expected == text.len());
            prop_assert_eq!(has_nul(&text), text.contains(&0));
        }
    }
}
