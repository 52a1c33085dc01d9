use ::http::{HeaderMap, HeaderValue, Request, Response, Uri, header, uri};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};

use super::broken::Broken;
use super::tap::Stream;

/// A connection on which requests of HTTP/1.1 are sent one after the other.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    server: Uri,
    host: HeaderValue,
}

/// How many headers are added: `Accept`, `Host` and `Content-Length`.
const MORE_HEADERS: usize = 3;

impl Line {
    /// Begins to speak on a connection that leads to the server of this address.
    pub(super) async fn open(stream: Box<dyn Stream>, server: &Uri) -> Result<Self, Broken> {
        let (mut sender, connection) = handshake(stream).await?;
        let connection = tokio::spawn(connection);
        if let Err(closed) = sender.ready().await {
            // The connection itself knows more.
            let ended = connection.await.unwrap_or(Ok(()));
            return Err(ended.err().unwrap_or(closed).into());
        }
        Ok(Self { sender, server: server.clone(), host: host(server) })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether it leads to the server of this address.
    pub(super) fn leads_to(&self, address: &Uri) -> bool {
        self.server.scheme() == address.scheme() && self.server.authority() == address.authority()
    }

    /// Sends a copy of the request.
    pub(super) async fn send(
        &mut self,
        request: &Request<Bytes>,
    ) -> Result<Response<Incoming>, Broken> {
        self.sender.ready().await.map_err(Broken::Unsent)?;
        let sent = self.sender.try_send_request(self.copy(request)).await;
        sent.map_err(|mut error| match error.take_message() {
            Some(_) => Broken::Unsent(error.into_error()),
            None => error.into_error().into(),
        })
    }

    fn copy(&self, request: &Request<Bytes>) -> Request<Full<Bytes>> {
        let given = request.headers();
        let mut headers = HeaderMap::with_capacity(given.len().saturating_add(MORE_HEADERS));
        headers.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(header::HOST).or_insert_with(|| self.host.clone());
        let mut copy = Request::new(Full::new(request.body().clone()));
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() =
            request.uri().path_and_query().cloned().map(Uri::from).unwrap_or_default();
        *copy.headers_mut() = headers;
        copy
    }
}

/// The host as a header tells it, with its port if that is not the usual one.
fn host(address: &Uri) -> HeaderValue {
    let usual = if address.scheme() == Some(&uri::Scheme::HTTPS) { 443 } else { 80 };
    let host = address.host().unwrap_or_default();
    let host = match address.port_u16().filter(|port| *port != usual) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
        None => HeaderValue::try_from(host),
    };
    host.unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_with_its_port_if_that_is_not_the_usual_one() {
        for (address, expected) in [
            ("http://sentry.example/api/42/envelope/", "sentry.example"),
            ("http://sentry.example:80/api/42/envelope/", "sentry.example"),
            ("https://sentry.example:443/api/42/envelope/", "sentry.example"),
            ("http://sentry.example:443/api/42/envelope/", "sentry.example:443"),
            ("https://[::1]:8443/api/42/envelope/", "[::1]:8443"),
        ] {
            assert_eq!(host(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
