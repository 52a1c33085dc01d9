use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tower::{BoxError, Layer, Service};

/// Takes connections away from the client that made them, if they speak HTTP/1.1 and lead to the
/// server itself.
///
/// Names, proxies and TLS are the client's business. What it does for each request, such as getting
/// ready for redirects that it is not to follow, takes more than all the rest of a request.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    /// Whether it still takes connections.
    is_open: Arc<AtomicBool>,
}

/// What makes connections, with a tap.
#[derive(Clone, Debug)]
pub(crate) struct Tapped<S>(S, Tap);

/// A connection to the server.
pub(super) trait Stream: Read + Write + Send + Unpin + 'static {}

impl<S: Read + Write + Send + Unpin + 'static> Stream for S {}

/// The client has no connection, because this has it.
struct Taken {
    stream: Mutex<Option<Box<dyn Stream>>>,
    tap: Tap,
}

/// What a client did not get that fails with this error, if that was all that it lacked.
pub(super) fn taken(error: &reqwest::Error) -> Option<Box<dyn Stream>> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(Taken { stream, .. }) = error.downcast_ref() {
            return stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        source = error.source();
    }
    None
}

impl Default for Tap {
    fn default() -> Self {
        Self { is_open: Arc::new(AtomicBool::new(true)) }
    }
}

impl Drop for Taken {
    /// A client whose errors no longer show what they come from keeps its connections, and so does
    /// one that did not want this one any more.
    fn drop(&mut self) {
        if self.stream.get_mut().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.tap.is_open.store(false, Ordering::Relaxed);
        }
    }
}

impl<S> Layer<S> for Tap {
    type Service = Tapped<S>;

    fn layer(&self, service: S) -> Tapped<S> {
        Tapped(service, self.clone())
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
        let (connecting, tap) = (self.0.call(to), self.1.clone());
        Box::pin(async move {
            let stream = connecting.await?;
            let about = stream.connected();
            // The client knows what such a proxy has to be told, and how to speak HTTP/2.
            let is_of_the_client = about.is_proxied() || about.is_negotiated_h2();
            if is_of_the_client || !tap.is_open.load(Ordering::Relaxed) {
                return Ok(stream);
            }
            Err(Taken { stream: Mutex::new(Some(Box::new(stream))), tap }.into())
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_client_from_which_no_connection_can_be_had_keeps_its_next_ones() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().connector_layer(Tap::default());
        let client = client.build().unwrap();
        let error = client.get(&url).send().await.unwrap_err();
        assert!(taken(&error).is_some());
        drop(error);
        // Nobody looks into this one.
        drop(client.get(&url).send().await.unwrap_err());
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut begin = [0; 4];
                if stream.read_exact(&mut begin).await.is_ok() {
                    return begin;
                }
            }
        };
        let (begin, answer) = tokio::join!(serve, client.get(&url).send());
        assert_eq!(&begin, b"GET ");
        assert!(answer.is_err(), "it was not answered");
    }
}
