use thiserror::Error;

/// Why a request on a connection got no answer.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error("error sending request")]
    Failed(#[from] hyper::Error),
    #[error("error sending request: operation timed out")]
    TimedOut,
    /// Nothing of it was sent, since the connection had ended before.
    #[error("error sending request: connection closed before message completed")]
    Unsent(#[source] hyper::Error),
}
