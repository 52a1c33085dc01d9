//! From envelopes to Sentry: sending, and understanding the answers.

mod backoff;
mod http;
mod losses;
mod rate_limit;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

pub(crate) use self::backoff::Backoff;
pub(crate) use self::http::HttpTransport;
pub(crate) use self::losses::{Category, Losses};
pub(crate) use self::rate_limit::RateLimits;

/// Delivers envelopes: over HTTP by default, or in any way an application likes.
///
/// Runs on the exporter's own thread, which drives a Tokio runtime of its own, several deliveries
/// at a time. It must not block that thread. No telemetry that it makes is recorded.
///
/// The request is a complete `POST` to the envelope endpoint of the DSN; its body is the envelope,
/// compressed if `Content-Encoding` says so. Header values that hold the key are marked sensitive.
/// An HTTP answer of any status is an `Ok`: what it means for the envelope is decided by the
/// exporter, which also reads the rate limits in its headers.
///
/// ```
/// use bytes::Bytes;
/// use opentelemetry_sentry::transport::{Transport, TransportError};
///
/// #[derive(Debug)]
/// struct Bridge(reqwest::Client);
///
/// #[async_trait::async_trait]
/// impl Transport for Bridge {
///     async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
///         let request = reqwest::Request::try_from(request).map_err(TransportError::new)?;
///         let answer = self.0.execute(request).await.map_err(TransportError::new)?;
///         let status = answer.status();
///         let mut response = http::Response::new(Bytes::new());
///         *response.status_mut() = status;
///         *response.headers_mut() = answer.headers().clone();
///         Ok(response)
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one envelope and gives the answer.
    ///
    /// # Errors
    ///
    /// If no answer came: the host cannot be found or reached, TLS failed, time ran out. The same
    /// envelope is then sent again later, unless the error says that this is of no use.
    async fn send(
        &self,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Response<Bytes>, TransportError>;
}

/// Why no answer came. Never holds the key or the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct TransportError {
    /// What went wrong, in the words of whoever found out.
    pub reason: String,
    /// What to check, if that is known.
    pub advice: Option<&'static str>,
    /// Whether trying again is of no use, because something came that is no answer of HTTP.
    pub is_final: bool,
}

impl TransportError {
    /// An error told by another one, with all of its sources.
    pub fn new(error: impl std::error::Error) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !reason.contains(&text) {
                reason.push_str(": ");
                reason.push_str(&text);
            }
            source = error.source();
        }
        Self { reason, advice: None, is_final: false }
    }

    /// Whether the request surely did not reach the server.
    pub(crate) fn never_left(&self) -> bool {
        false
    }

    pub(crate) fn with_advice(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }
}
