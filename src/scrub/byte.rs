//! What a byte of a text may mean.

/// Kinds that a byte is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    /// A letter or a digit.
    pub(super) const WORD: Self = Self(1);
    /// A letter or a digit that a token or the number of a card begins with.
    pub(super) const BEGIN: Self = Self(1 << 1);
    /// What is looked at wherever it stands.
    pub(super) const MARK: Self = Self(1 << 2);
    /// A mark that makes a short text worth a look.
    pub(super) const SHORT: Self = Self(1 << 3);
    /// A quote of JSON.
    pub(super) const QUOTE: Self = Self(1 << 4);
    /// What is looked at in a query: it may begin or end a literal, or be more than one.
    pub(super) const QUERY: Self = Self(1 << 5);
    /// A small letter or a digit.
    pub(super) const SMALL: Self = Self(1 << 6);

    #[inline]
    pub(super) fn of(byte: u8) -> Self {
        Self(CLASSES.get(usize::from(byte)).copied().unwrap_or_default())
    }

    #[inline]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is of one of these kinds.
    #[inline]
    pub(super) const fn is(self, kinds: Self) -> bool {
        self.0 & kinds.0 != 0
    }

    const fn judged(byte: u8) -> Self {
        let class = match byte {
            b'@' | b':' | b'%' => Self::MARK.and(Self::SHORT).and(Self::QUERY),
            b'=' => Self::MARK.and(Self::SHORT),
            b'?' => Self::MARK,
            b'\\' => Self::MARK.and(Self::QUERY),
            b'-' | b'#' => Self::MARK.and(Self::QUERY),
            b'"' => Self::QUOTE.and(Self::QUERY),
            b'\'' | b'`' | b'[' | b'$' | b'/' => Self::QUERY,
            b'0'..=b'9' => Self::WORD.and(Self::SMALL).and(Self::BEGIN).and(Self::QUERY),
            b'a'..=b'z' => Self::WORD.and(Self::SMALL),
            b'A'..=b'Z' => Self::WORD,
            _ => Self(0),
        };
        if super::shape::begins(byte) { class.and(Self::BEGIN) } else { class }
    }
}

/// The kinds of all bytes.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let (mut rest, mut byte) = (classes.as_mut_slice(), 0_u8);
    while let Some((class, others)) = rest.split_first_mut() {
        *class = Class::judged(byte).0;
        (rest, byte) = (others, byte.wrapping_add(1));
    }
    classes
};
