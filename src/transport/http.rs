use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{ProxyFault, Transport, TransportError, TransportErrorKind};

/// Sends by an asynchronous client of `reqwest`.
#[derive(Debug)]
pub(crate) struct HttpTransport {
    client: reqwest::Client,
    /// Whether all connections are to a proxy.
    has_proxy: bool,
}

/// A request without an answer.
struct Failure {
    error: TransportError,
    /// Whether the connection ended before any answer.
    is_closed: bool,
}

/// How much of an answer is read so that its connection can be used again, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How long the rest of an answer is waited for, once its status has come.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// How much of an answer is kept, in bytes: enough for why it is a refusal.
const MAX_KEPT_BYTES: usize = 1024;

impl HttpTransport {
    pub(crate) fn new(client: reqwest::Client) -> Self {
        Self { client, has_proxy: false }
    }

    /// Sends by a client that reaches everything through a proxy.
    pub(crate) fn through_proxy(client: reqwest::Client) -> Self {
        Self { client, has_proxy: true }
    }

    async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, Failure> {
        self.client.execute(request).await.map_err(|error| {
            let is_closed = is_closed(&error);
            Failure { error: self.explain(error), is_closed }
        })
    }

    fn explain(&self, error: reqwest::Error) -> TransportError {
        let error = TransportError::new(error);
        match error.kind {
            TransportErrorKind::Connect | TransportErrorKind::Dns if self.has_proxy => {
                error.with_kind(TransportErrorKind::Proxy(ProxyFault::Unreachable))
            }
            _ => error,
        }
    }
}

impl Failure {
    /// What became of a request of which two copies failed: if one of them may have arrived, so
    /// may the request.
    fn or(self, second: Self) -> Self {
        if second.error.is_unsent() && !self.error.is_unsent() { self } else { second }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(
        &self,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(|error| self.explain(error))?;
        // The server may close a connection at the very moment at which it is used again.
        let again = request.try_clone();
        let mut answer = match (self.execute(request).await, again) {
            (Err(first), Some(again)) if first.is_closed => {
                self.execute(again).await.map_err(|second| first.or(second))
            }
            (answer, _) => answer,
        }
        .map_err(|failure| failure.error)?;
        let mut kept = BytesMut::new();
        // The status decides; a body that breaks off or never ends changes nothing about it. It
        // is read so that the connection can be used again, and only as far as that is cheap.
        let _ = tokio::time::timeout(BODY_WAIT, read_body(&mut answer, &mut kept)).await;
        let mut response = ::http::Response::new(kept.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

async fn read_body(answer: &mut reqwest::Response, kept: &mut BytesMut) {
    let mut read = 0_usize;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read = read.saturating_add(chunk.len());
        let room = MAX_KEPT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if read > MAX_ANSWER_BYTES {
            break;
        }
    }
}

/// Whether the connection ended before any answer; a second copy would be recognised as one.
fn is_closed(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let reset = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if reset == Some(io::ErrorKind::ConnectionReset)
            || error.to_string().contains("connection closed before message completed")
        {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_have_arrived_if_one_of_its_copies_may() {
        use TransportErrorKind::{Closed, Connect, Timeout};
        let failure = |kind| Failure {
            error: TransportError::new("it failed").with_kind(kind),
            is_closed: kind == Closed,
        };
        for (first, second, expected) in [
            (Closed, Connect, Closed),
            (Closed, Timeout, Timeout),
            (Connect, Connect, Connect),
            (Connect, Timeout, Timeout),
        ] {
            assert_eq!(failure(first).or(failure(second)).error.kind, expected);
        }
    }
}
