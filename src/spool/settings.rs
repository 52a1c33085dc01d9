use std::path::PathBuf;
use std::time::Duration;

/// A directory where envelopes wait that cannot be sent now.
///
/// It is created if need be, readable by its owner alone. One exporter at a time can use it; two
/// exporters of one machine need two directories. Other files in it are left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Spool {
    pub(crate) dir: PathBuf,
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Duration,
}

impl Spool {
    /// How much the files take together by default, in bytes.
    pub const DEFAULT_MAX_BYTES: u64 = 256 * 1024 * 1024;

    /// How long an envelope waits by default.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

    /// A spool in this directory, with defaults for all else.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), max_bytes: Self::DEFAULT_MAX_BYTES, max_age: Self::DEFAULT_MAX_AGE }
    }

    /// How much the files may take together, in bytes, each counted in whole blocks of 4 KiB; over
    /// it the oldest transactions are dropped first and errors last. Default: 256 MiB.
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How long an envelope may wait; what is older is dropped. Sentry refuses transactions that
    /// started more than 5 days ago. Default: 3 days.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }
}
