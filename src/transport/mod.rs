//! From envelopes to Sentry: sending, and understanding the answers.

mod answer;
mod backoff;
mod broken;
mod direct;
mod error;
mod http;
mod idle;
mod kind;
mod line;
mod losses;
mod rate_limit;
mod refusal;
mod symptoms;
mod tap;

use std::fmt;

#[doc(no_inline)]
pub use ::http::{Request, Response};
#[doc(no_inline)]
pub use async_trait::async_trait;
#[doc(no_inline)]
pub use bytes::Bytes;

pub(crate) use self::backoff::Backoff;
pub use self::error::TransportError;
pub(crate) use self::http::HttpTransport;
pub use self::kind::{ProxyFault, TlsFault, TransportErrorKind};
pub(crate) use self::losses::{Category, Losses};
pub(crate) use self::rate_limit::{RateLimits, date};
pub(crate) use self::refusal::Refusal;
pub(crate) use self::tap::Tap;

/// Delivers envelopes: over HTTP by default, or in any way an application likes.
///
/// Runs on the exporter's own thread, which drives a Tokio runtime of its own, several deliveries
/// at a time. It must not block that thread. What has not ended after a minute is given up, as if no
/// answer had come. No telemetry that it makes is recorded.
///
/// The request is a complete `POST` to the envelope endpoint of the DSN; its body is the envelope,
/// compressed if `Content-Encoding` says so. Header values that hold the key are marked sensitive.
/// An HTTP answer of any status is an `Ok`: what it means for the envelope is decided by the
/// exporter, which also reads the rate limits in its headers. Of the body, its first 1024 bytes are
/// enough: they are for the explanation in messages about refusals, and may be left out.
///
/// What the signature needs stands beside the trait, so that none of `async-trait`, `bytes` and
/// `http` has to be a dependency of the application, in a version that fits.
///
/// ```
/// use opentelemetry_sentry::transport::{Bytes, Request, Response, async_trait};
/// use opentelemetry_sentry::transport::{Transport, TransportError};
///
/// #[derive(Debug)]
/// struct Bridge(reqwest::Client);
///
/// #[async_trait]
/// impl Transport for Bridge {
///     async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
///         let request = reqwest::Request::try_from(request).map_err(TransportError::new)?;
///         let answer = self.0.execute(request).await.map_err(TransportError::new)?;
///         let status = answer.status();
///         let mut response = Response::new(Bytes::new());
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
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}
