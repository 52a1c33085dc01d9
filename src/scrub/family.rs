/// A kind of secret or personal value that is looked for.
///
/// All are on by default; [`Scrubbing::without`](super::Scrubbing::without) switches one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// User and password of URLs.
    UserInfo,
    /// Values of query strings, and fragments of URLs.
    QueryValues,
    /// Captured headers and metadata of RPC that carry credentials or say who calls.
    Headers,
    /// Values whose key says that they are secrets: passwords, tokens, keys, cookies, at any depth.
    SecretKeys,
    /// Attributes that tell who or where a person is, or what people have written.
    Personal,
    /// Literals in the text of queries.
    SqlLiterals,
    /// Keys and tokens that are known by their shape, and PEM blocks.
    Tokens,
    /// Numbers of payment cards.
    CardNumbers,
    /// E-mail addresses.
    MailAddresses,
}

/// The families that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Families(u16);

impl Family {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::UserInfo,
        Self::QueryValues,
        Self::Headers,
        Self::SecretKeys,
        Self::Personal,
        Self::SqlLiterals,
        Self::Tokens,
        Self::CardNumbers,
        Self::MailAddresses,
    ];

    /// Those that consent to personal data opens.
    const OPENED: &[Self] =
        &[Self::QueryValues, Self::Personal, Self::SqlLiterals, Self::MailAddresses];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl Families {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn has(self, family: Family) -> bool {
        self.0 & family.bit() != 0
    }

    pub(super) const fn with(self, family: Family) -> Self {
        Self(self.0 | family.bit())
    }

    pub(super) const fn without(self, family: Family) -> Self {
        Self(self.0 & !family.bit())
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Without those that consent opens.
    pub(super) fn opened(self) -> Self {
        Family::OPENED.iter().copied().fold(self, Self::without)
    }
}

impl Default for Families {
    fn default() -> Self {
        Family::ALL.iter().copied().fold(Self::NONE, Self::with)
    }
}
