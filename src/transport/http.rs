use std::error::Error;
use std::io;
use std::time::Duration;

use ::http::{Request, Response};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::timeout_at;

use super::answer::whole;
use super::broken::Broken;
use super::direct::Direct;
use super::line::Line;
use super::tap::taken;
use super::{ProxyFault, Transport, TransportError, TransportErrorKind};

/// Sends by an asynchronous client of `reqwest`, or on connections that it has made.
#[derive(Debug)]
pub(crate) struct HttpTransport {
    client: reqwest::Client,
    /// Whether all connections are to a proxy.
    has_proxy: bool,
    /// Absent where the client sends everything itself.
    direct: Option<Direct>,
}

/// A request without an answer.
struct Failure {
    error: TransportError,
    /// Whether the connection ended before any answer.
    is_closed: bool,
}

impl HttpTransport {
    pub(crate) fn new(client: reqwest::Client) -> Self {
        Self { client, has_proxy: false, direct: None }
    }

    /// Says that the client reaches everything through a proxy.
    pub(crate) fn through_proxy(self) -> Self {
        Self { has_proxy: true, ..self }
    }

    /// Sends on the connections that a [`Tap`](super::Tap) takes from the client. Each request may
    /// take so long, and each connection may be idle for so long.
    pub(crate) fn tapping(self, timeout: Duration, idle: Duration) -> Self {
        Self { direct: Some(Direct::new(timeout, idle)), ..self }
    }

    /// Sends one copy of a request.
    async fn attempt(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let Some(direct) = &self.direct else {
            return self.by_client(request).await.map_err(|error| self.failure(error));
        };
        let deadline = direct.deadline();
        while let Some(line) = direct.idle(request.uri()) {
            match direct.exchange(line, request, deadline).await {
                // The connection had ended before, so that this was no attempt.
                Err(Broken::Unsent(_)) => {}
                answer => return answer.map_err(|broken| self.failure(broken)),
            }
        }
        let error = match self.by_client(request).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(stream) = taken(&error) else { return Err(self.failure(error)) };
        let line = timeout_at(deadline, Line::open(stream, request.uri())).await;
        let line = line.unwrap_or(Err(Broken::TimedOut)).map_err(|broken| self.failure(broken))?;
        direct.exchange(line, request, deadline).await.map_err(|broken| self.failure(broken))
    }

    async fn by_client(&self, request: &Request<Bytes>) -> reqwest::Result<Response<Bytes>> {
        let request = reqwest::Request::try_from(request.clone())?;
        let answer = self.client.execute(request).await?;
        Ok(whole(Response::<reqwest::Body>::from(answer), None).await.0)
    }

    fn failure(&self, error: impl Error + Send + Sync + 'static) -> Failure {
        let is_closed = is_closed(&error);
        let error = TransportError::new(error);
        let error = match error.kind {
            TransportErrorKind::Connect | TransportErrorKind::Dns if self.has_proxy => {
                error.with_kind(TransportErrorKind::Proxy(ProxyFault::Unreachable))
            }
            _ => error,
        };
        Failure { error, is_closed }
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
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut first: Option<Failure> = None;
        loop {
            match (self.attempt(&request).await, first) {
                (Ok(answer), _) => return Ok(answer),
                // The server may close a connection at the very moment at which it is used again.
                (Err(failure), None) if failure.is_closed => first = Some(failure),
                (Err(failure), None) => return Err(failure.error),
                (Err(second), Some(first)) => return Err(first.or(second).error),
            }
        }
    }
}

/// Whether the connection ended before any answer; a second copy would be recognised as one.
fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let mut source = Some(error);
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
