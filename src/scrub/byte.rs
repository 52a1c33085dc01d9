//! What a byte of a text may mean.

use super::shape;
use super::table::Table;

/// Kinds that a byte is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u32);

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
    /// What names of values consist of.
    pub(super) const NAME: Self = Self(1 << 7);
    /// A colon, which is looked at behind a name that may tell something.
    pub(super) const COLON: Self = Self(1 << 8);
    /// A colon, which is looked at behind any name.
    pub(super) const ANY_COLON: Self = Self(1 << 9);
    /// What keys of the conventions consist of: small letters, `.` and `_`.
    pub(super) const PLAIN: Self = Self(1 << 10);

    #[inline]
    pub(super) fn of(byte: u8) -> Self {
        Self(CLASSES.of(byte))
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
            b':' => Self::COLON.and(Self::ANY_COLON).and(Self::SHORT).and(Self::QUERY),
            b'@' | b'%' => Self::MARK.and(Self::SHORT).and(Self::QUERY),
            b'=' => Self::MARK.and(Self::SHORT),
            b'?' => Self::MARK,
            b'\\' | b'#' => Self::MARK.and(Self::QUERY),
            b'-' => Self::MARK.and(Self::QUERY).and(Self::NAME),
            b'"' => Self::QUOTE.and(Self::QUERY),
            b'\'' | b'`' | b'[' | b'$' | b'/' => Self::QUERY,
            b'0'..=b'9' => Self::LETTER.and(Self::SMALL).and(Self::BEGIN).and(Self::QUERY),
            b'a'..=b'z' => Self::LETTER.and(Self::SMALL).and(Self::PLAIN),
            b'A'..=b'Z' => Self::LETTER,
            b'_' | b'.' => Self::NAME.and(Self::PLAIN),
            0x80.. => Self::NAME,
            _ => Self(0),
        };
        if shape::begins(byte) { class.and(Self::BEGIN) } else { class }
    }

    const LETTER: Self = Self::WORD.and(Self::NAME);
}

/// The kinds of all bytes.
static CLASSES: Table = {
    let (mut all, mut byte) = (Table::EMPTY, u8::MAX);
    loop {
        all = all.with(byte, Class::judged(byte).0);
        match byte.checked_sub(1) {
            Some(before) => byte = before,
            None => break all,
        }
    }
};

/// What is left of a text from the first byte on that is of a kind.
#[inline]
pub(super) fn rest_from(mut rest: &[u8], is: impl Fn(Class) -> bool) -> &[u8] {
    let is = |byte: &u8| is(Class::of(*byte));
    // In fours, for which the end is looked up once.
    while let Some((four, others)) = rest.split_first_chunk::<4>() {
        if let Some(at) = four.iter().position(is) {
            return rest.get(at..).unwrap_or_default();
        }
        rest = others;
    }
    let at = rest.iter().position(is).unwrap_or(rest.len());
    rest.get(at..).unwrap_or_default()
}
