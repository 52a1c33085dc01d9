use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Transport, TransportError};

/// Sends by an asynchronous client of `reqwest`.
#[derive(Debug)]
pub(crate) struct HttpTransport(reqwest::Client);

/// How much of an answer is read so that its connection can be used again, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How long the rest of an answer is waited for, once its status has come.
const BODY_WAIT: Duration = Duration::from_secs(1);

impl HttpTransport {
    pub(crate) fn new(client: reqwest::Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(
        &self,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(explain)?;
        // The server may close a connection at the very moment at which it is used again.
        let again = request.try_clone();
        let mut answer = match (self.0.execute(request).await, again) {
            (Err(error), Some(again)) if is_closed(&error) => self.0.execute(again).await,
            (answer, _) => answer,
        }
        .map_err(explain)?;
        // The status decides; a body that breaks off or never ends changes nothing about it. It
        // is read so that the connection can be used again, and only as far as that is cheap.
        let _ = tokio::time::timeout(BODY_WAIT, read_body(&mut answer)).await;
        let mut response = ::http::Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

async fn read_body(answer: &mut reqwest::Response) {
    let mut read = 0_usize;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read = read.saturating_add(chunk.len());
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

fn explain(error: reqwest::Error) -> TransportError {
    let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
    let error = TransportError::new(error.without_url());
    let text = error.reason.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_final =
        says(&["invalid http", "invalid content-length", "head is too large", "builder error"]);
    let error = TransportError { is_final, ..error };
    error.with_advice(if is_final {
        "something answers there that is no Sentry server; check host and port of the DSN"
    } else if says(&["corrupt message", "invalidcontenttype", "wrong version number"]) {
        "the server does not speak TLS; the DSN should probably begin with http://"
    } else if says(&["certificate", "unknownissuer", "handshake", "tls", "ssl"]) {
        "trust the server's certificate by with_ca_certificate, or, for tests only, set \
         with_danger_accept_invalid_certs; check that the DSN says http or https as the server does"
    } else if says(&["proxy", "tunnel"]) {
        "check with_proxy and the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    } else if says(&["dns", "lookup", "name or service"]) {
        "check the host of the DSN and the name resolution of this machine"
    } else if is_timeout {
        "check that the host of the DSN answers, or allow more by with_timeout"
    } else if is_connect {
        "check host and port of the DSN, that the server is up, and whether a proxy is needed"
    } else {
        "check the network between here and the host of the DSN"
    })
}
