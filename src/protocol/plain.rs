//! What is in a text, looked at eight bytes at a time.

/// A byte in each place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// How many bytes at the beginning of a text stand in JSON as they are: no quotes, no backslash and
/// no control characters.
#[inline]
pub(super) fn plain_len(text: &[u8]) -> usize {
    // What has to be escaped often stands together.
    if text.first().is_some_and(|byte| !is_plain(*byte)) {
        return 0;
    }
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0_usize;
    for word in words {
        let found = escapes(u64::from_le_bytes(*word));
        if found != 0 {
            return at.saturating_add(place(found));
        }
        at = at.saturating_add(8);
    }
    at.saturating_add(rest.iter().take_while(|byte| is_plain(**byte)).count())
}

/// Whether something in a block has to be escaped.
pub(super) trait Block {
    fn has_escapes(&self) -> bool;
}

impl Block for [u8; 16] {
    /// Compilers make one comparison of this, where four words would take many steps.
    #[inline]
    fn has_escapes(&self) -> bool {
        self.iter().fold(false, |found, byte| found | !is_plain(*byte))
    }
}

impl Block for [u8; 8] {
    #[inline]
    fn has_escapes(&self) -> bool {
        escapes(u64::from_le_bytes(*self)) != 0
    }
}

impl Block for [u8; 4] {
    #[inline]
    fn has_escapes(&self) -> bool {
        let [a, b, c, d] = *self;
        escapes(u64::from_le_bytes([a, b, c, d, a, b, c, d])) != 0
    }
}

impl Block for [u8; 1] {
    #[inline]
    fn has_escapes(&self) -> bool {
        self.iter().any(|byte| !is_plain(*byte))
    }
}

/// Whether all of a text stands in JSON as it is.
#[inline]
pub(crate) fn is_all_plain(text: &[u8]) -> bool {
    all_words(text, |word| escapes(word) == 0)
}

/// Whether there is a NUL in a text.
#[inline]
pub(super) fn has_nul(text: &[u8]) -> bool {
    !all_words(text, |word| below::<1>(word) == 0)
}

/// Whether a test holds for words that have all bytes of a text in them, and no others.
#[inline]
fn all_words(text: &[u8], holds: impl Fn(u64) -> bool) -> bool {
    if let Some(last) = text.last_chunk::<8>() {
        let words = text.as_chunks::<8>().0;
        let holds = |word: &[u8; 8]| holds(u64::from_le_bytes(*word));
        return words.iter().all(holds) && holds(last);
    }
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (text.first_chunk(), text.last_chunk()) {
        return holds(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]));
    }
    match text {
        [first, .., last] => {
            let middle = text.get(1).unwrap_or(first);
            holds(u64::from_le_bytes([
                *first, *middle, *last, *first, *first, *first, *first, *first,
            ]))
        }
        [byte] => holds(u64::from_le_bytes([*byte; 8])),
        [] => true,
    }
}

#[inline]
fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\')
}

/// Which byte of a word the first mark stands in.
fn place(marks: u64) -> usize {
    usize::try_from(marks.trailing_zeros().wrapping_shr(3)).unwrap_or_default()
}

/// Marks bytes that have to be escaped.
#[inline]
fn escapes(word: u64) -> u64 {
    const QUOTES: u64 = everywhere(b'"');
    const BACKSLASHES: u64 = everywhere(b'\\');
    below::<b' '>(word) | below::<1>(word ^ QUOTES) | below::<1>(word ^ BACKSLASHES)
}

/// Marks bytes of a word that are below `BYTE`, which is at most 128; further marks may stand
/// above the first one.
#[inline]
fn below<const BYTE: u8>(word: u64) -> u64 {
    const HIGHEST: u64 = everywhere(0x80);
    word.wrapping_sub(const { everywhere(BYTE) }) & !word & HIGHEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_is_judged_alike_in_every_place() {
        for byte in 0..=u8::MAX {
            for len in 1..40 {
                for at in 0..len {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let expected = if is_plain(byte) { len } else { at };
                    assert_eq!(plain_len(&text), expected, "{byte} at {at} of {len}");
                    assert_eq!(is_all_plain(&text), is_plain(byte), "{byte} at {at} of {len}");
                    assert_eq!(has_nul(&text), byte == 0, "{byte} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn every_byte_of_a_block_is_looked_at() {
        fn block<const LEN: usize>(byte: u8, at: usize) -> [u8; LEN] {
            let mut block = [b'a'; LEN];
            block[at % LEN] = byte;
            block
        }
        for byte in 0..=u8::MAX {
            for at in 0..16 {
                let found = [
                    block::<16>(byte, at).has_escapes(),
                    block::<8>(byte, at).has_escapes(),
                    block::<4>(byte, at).has_escapes(),
                    block::<1>(byte, at).has_escapes(),
                ];
                assert_eq!(found, [!is_plain(byte); 4], "{byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_ends_before_the_first_byte_to_escape(text: Vec<u8>) {
            let expected = text.iter().take_while(|byte| is_plain(**byte)).count();
            prop_assert_eq!(plain_len(&text), expected);
            prop_assert_eq!(is_all_plain(&text), expected == text.len());
            prop_assert_eq!(has_nul(&text), text.contains(&0));
        }
    }
}
