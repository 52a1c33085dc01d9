use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tower::{BoxError, Layer, Service};

/// Takes connections away from the client that made them, if they speak HTTP/1.1 and lead to the
/// server itself.
///
/// Names, proxies and TLS are the client's business. What it does for each request, such as getting
/// ready for redirects that it is not to follow, takes more than all the rest of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap;

/// What makes connections, with a tap.
#[derive(Clone, Debug)]
pub(crate) struct Tapped<S>(S);

/// A connection to the server.
pub(super) trait Stream: Read + Write + Send + Unpin + 'static {}

impl<S: Read + Write + Send + Unpin + 'static> Stream for S {}

/// The client has no connection, because this has it.
struct Taken(Mutex<Option<Box<dyn Stream>>>);

/// What a client did not get that fails with this error, if that was all that it lacked.
pub(super) fn taken(error: &reqwest::Error) -> Option<Box<dyn Stream>> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(Taken(stream)) = error.downcast_ref() {
            return stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        source = error.source();
    }
    None
}

impl<S> Layer<S> for Tap {
    type Service = Tapped<S>;

    fn layer(&self, service: S) -> Tapped<S> {
        Tapped(service)
    }
}

impl<S, To> Service<To> for Tapped<S>
where
    S: Service<To, Error = BoxError>,
    S::Response: Connection + Stream,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: To) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let stream = connecting.await?;
            let about = stream.connected();
            // The client knows what such a proxy has to be told, and how to speak HTTP/2.
            if about.is_proxied() || about.is_negotiated_h2() {
                return Ok(stream);
            }
            Err(Taken(Mutex::new(Some(Box::new(stream)))).into())
        })
    }
}

impl Error for Taken {}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was taken")
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Taken")
    }
}
