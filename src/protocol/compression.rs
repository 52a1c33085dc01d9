use super::Deflater;

/// How bodies of requests are compressed.
///
/// Everything that takes envelopes of Sentry understands gzip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all: the least work, and about five times the bytes.
    None,
    /// By gzip, at a level from 1, the fastest, to 9, the smallest.
    Gzip(u32),
}

impl Compression {
    /// What is wrong with it.
    pub(crate) fn fault(self) -> Option<String> {
        match self {
            Self::Gzip(level) if !(1..=9).contains(&level) => {
                Some(format!("gzip has the levels 1 to 9, and this is {level}"))
            }
            _ => None,
        }
    }

    pub(crate) fn deflater(self) -> Option<Deflater> {
        match self {
            Self::None => None,
            Self::Gzip(level) => Some(Deflater::new(flate2::Compression::new(level))),
        }
    }
}

impl Default for Compression {
    /// The fastest level: spans are alike, so that it shrinks them to a fifth already.
    fn default() -> Self {
        Self::Gzip(1)
    }
}
