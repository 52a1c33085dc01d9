use std::sync::Arc;
use std::{fmt, thread};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::error::BuildError;
use crate::otlp_endpoint::OtlpEndpoint;
use crate::transport::{Transport, TransportError};
use crate::worker::Quiet;

/// Sends the requests of an OTLP exporter from a thread of its own.
///
/// An asynchronous client fails on the threads of the SDK, which have no runtime, and a blocking
/// one on those of an application that have one. Waiting for another thread works on all of them,
/// and on it telemetry can be kept from making telemetry.
pub(super) struct OtlpClient {
    requests: UnboundedSender<Errand>,
    auth: (HeaderName, HeaderValue),
}

struct Errand {
    request: Request<Bytes>,
    answer: oneshot::Sender<Result<Response<Bytes>, TransportError>>,
}

/// What of a request is the exporter's own; the rest comes from the environment.
const KEPT: [HeaderName; 3] = [CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT];

impl OtlpClient {
    /// Starts the thread, which ends when the client is dropped.
    pub(super) fn start(
        transport: impl Transport,
        endpoint: &OtlpEndpoint,
    ) -> Result<Self, BuildError> {
        let auth = auth(endpoint)?;
        let (requests, inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .thread_name("sentry-otlp-dns")
            .build()
            .map_err(internal)?;
        let body = move || {
            let _quiet = Quiet::new();
            runtime.block_on(run(transport, inbox));
            // A name that is still being looked up must not hold up the end of the thread.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("sentry-otlp".into()).spawn(body).map_err(internal)?;
        Ok(Self { requests, auth })
    }

    fn headers(&self, given: &HeaderMap) -> HeaderMap {
        let kept = KEPT.into_iter().filter_map(|name| {
            let value = given.get(&name)?.clone();
            Some((name, value))
        });
        kept.chain([self.auth.clone()]).collect()
    }
}

#[async_trait]
impl HttpClient for OtlpClient {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        *request.headers_mut() = self.headers(request.headers());
        let (answer, answered) = oneshot::channel();
        self.requests.send(Errand { request, answer }).map_err(|_| "the thread has ended")?;
        Ok(answered.await.map_err(|_| "the request came to no end")??)
    }
}

impl fmt::Debug for OtlpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpClient").finish_non_exhaustive()
    }
}

async fn run(transport: impl Transport, mut inbox: UnboundedReceiver<Errand>) {
    let transport = Arc::new(transport);
    while let Some(Errand { request, answer }) = inbox.recv().await {
        let transport = Arc::clone(&transport);
        tokio::spawn(async move {
            // Whoever asked may have given up meanwhile.
            let _ = answer.send(transport.send(request).await);
        });
    }
}

fn auth(endpoint: &OtlpEndpoint) -> Result<(HeaderName, HeaderValue), BuildError> {
    let (name, value) = endpoint.auth_header();
    let mut value = HeaderValue::from_str(value).map_err(internal)?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

fn internal(error: impl fmt::Display) -> BuildError {
    BuildError::InternalFailure(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use opentelemetry::Context;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Answers with what it was sent, and whether that makes telemetry; says when it is gone.
    #[derive(Debug)]
    struct Echo(Sender<()>);

    impl Drop for Echo {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[async_trait]
    impl Transport for Echo {
        async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
            if request.uri().path() == "/panic" {
                panic!("as asked for");
            }
            let mut headers = request.headers().clone();
            if !Context::is_current_telemetry_suppressed() {
                headers.insert("traced", HeaderValue::from_static("yes"));
            }
            let mut response = Response::new(request.into_body());
            *response.headers_mut() = headers;
            Ok(response)
        }
    }

    fn client() -> (OtlpClient, Receiver<()>) {
        let (gone, is_gone) = channel();
        let endpoint = OtlpEndpoint::from_dsn("https://publickey@h/42").unwrap();
        (OtlpClient::start(Echo(gone), &endpoint).unwrap(), is_gone)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    fn request(path: &str) -> Request<Bytes> {
        let request = Request::post(format!("http://h{path}"))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "gzip")
            .header("user-agent", "exporter")
            .header("authorization", "Bearer of-another-backend")
            .header("x-sentry-auth", "sentry sentry_key=another");
        request.body(Bytes::from_static(b"body")).unwrap()
    }

    #[test]
    fn only_the_headers_of_the_exporter_and_ours_are_sent_and_silently() {
        let (client, _) = client();
        let response = runtime().block_on(client.send_bytes(request("/"))).unwrap();
        let mut headers: Vec<_> =
            response.headers().iter().map(|(k, v)| (k.as_str(), v.to_str().unwrap())).collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                ("content-encoding", "gzip"),
                ("content-type", "application/x-protobuf"),
                ("user-agent", "exporter"),
                ("x-sentry-auth", "sentry sentry_key=publickey"),
            ]
        );
        assert_eq!(response.body(), "body");
        assert!(!format!("{client:?} {response:?}").contains("publickey"));
    }

    #[test]
    fn a_transport_that_panics_costs_its_request_and_no_other() {
        let (client, _) = client();
        let error = runtime().block_on(client.send_bytes(request("/panic"))).unwrap_err();
        assert_eq!(error.to_string(), "the request came to no end");
        assert!(runtime().block_on(client.send_bytes(request("/"))).is_ok());
    }

    #[test]
    fn the_thread_ends_with_its_client() {
        let (client, is_gone) = client();
        assert!(runtime().block_on(client.send_bytes(request("/"))).is_ok());
        assert!(is_gone.try_recv().is_err());
        drop(client);
        is_gone.recv_timeout(SOON).unwrap();
    }
}
