use async_trait::async_trait;
use bytes::Bytes;

use super::{Transport, TransportError};

/// Sends by an asynchronous client of `reqwest`.
#[derive(Debug)]
pub(crate) struct HttpTransport(reqwest::Client);

/// How much of an answer is read so that its connection can be used again, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

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
        let mut answer = self.0.execute(request).await.map_err(explain)?;
        let mut body = Vec::new();
        // The status decides; a body that breaks off or never ends changes nothing about it.
        while let Ok(Some(chunk)) = answer.chunk().await {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = ::http::Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

fn explain(error: reqwest::Error) -> TransportError {
    let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
    let error = TransportError::new(error.without_url());
    let text = error.reason.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    error.with_advice(if says(&["certificate", "unknownissuer", "handshake", "tls", "ssl"]) {
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
