//! How much of a text can be copied into JSON as it is.

/// A byte in each place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// How many bytes at the beginning of a text stand in JSON as they are: no quotes, no backslash and
/// no control characters.
pub(super) fn plain_len(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0_usize;
    for word in words {
        let found = escapes(u64::from_le_bytes(*word));
        if found != 0 {
            return at.saturating_add(place(found));
        }
        at = at.saturating_add(8);
    }
    match text.last_chunk::<8>() {
        // The last word begins with bytes that are known to be plain.
        Some(word) if !rest.is_empty() => match escapes(u64::from_le_bytes(*word)) {
            0 => text.len(),
            found => text.len().saturating_sub(8).saturating_add(place(found)),
        },
        Some(_) => text.len(),
        None => rest.iter().take_while(|byte| is_plain(**byte)).count(),
    }
}

fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// Marks the highest bit of bytes that have to be escaped; the lowest mark is always right, one
/// above it may stand for a carry.
fn escapes(word: u64) -> u64 {
    let below = |word: u64, byte: u8| word.wrapping_sub(everywhere(byte)) & !word;
    let control = below(word, b' ');
    let quote = below(word ^ everywhere(b'"'), 1);
    let backslash = below(word ^ everywhere(b'\\'), 1);
    (control | quote | backslash) & everywhere(0x80)
}

/// Which byte of a word the lowest mark stands in.
fn place(marks: u64) -> usize {
    usize::try_from(marks.trailing_zeros().wrapping_shr(3)).unwrap_or_default()
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
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_ends_before_the_first_byte_to_escape(text: Vec<u8>) {
            let expected = text.iter().take_while(|byte| is_plain(**byte)).count();
            prop_assert_eq!(plain_len(&text), expected);
        }
    }
}
