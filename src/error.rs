use std::fmt;

/// Why an exporter could not be built.
///
/// The message names the setting, what is wrong with it and what a good value looks like. It never
/// holds the key of the DSN.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting has a value that cannot work.
    #[error("{setting}: {reason}; {remedy}")]
    InvalidSetting {
        /// The setter or the environment variable that gave the value.
        setting: &'static str,
        /// What is wrong with the value.
        reason: String,
        /// What to do about it, with an example.
        remedy: &'static str,
    },
    /// The machine could not give what the exporter needs, such as a thread.
    #[error("the exporter could not start: {0}")]
    InternalFailure(String),
}

impl fmt::Debug for BuildError {
    /// The message, because that is what a `main` that returns the error prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
