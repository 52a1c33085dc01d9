use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Proxy, redirect};
use sentry_types::{Dsn, Scheme};

use crate::error::BuildError;
use crate::transport::{HttpTransport, Tap, Transport, TransportError};

/// How the exporter's own HTTP client is to be.
#[derive(Clone, Default)]
pub(crate) struct ClientSettings {
    pub(crate) timeout: Option<Duration>,
    pub(crate) proxy: Option<String>,
    pub(crate) ca_certificate: Option<Vec<u8>>,
    pub(crate) client_certificate: Option<Vec<u8>>,
    pub(crate) accept_invalid_certs: bool,
}

/// How long one request may take.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Relay closes connections that were idle for 5 s; ours are given up before.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a copy for Spotlight may take.
const SPOTLIGHT_TIMEOUT: Duration = Duration::from_secs(2);

/// The way to a Spotlight, which is on this machine.
pub(crate) fn of_spotlight() -> Result<Arc<dyn Transport>, BuildError> {
    let client = Client::builder()
        .http1_only()
        .retry(no_retries())
        .redirect(redirect::Policy::none())
        .timeout(SPOTLIGHT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .no_proxy();
    let client = client.build().map_err(|error| {
        BuildError::InternalFailure(TransportError::new(error.without_url()).reason)
    })?;
    Ok(Arc::new(HttpTransport::new(client)))
}

/// Without HTTP/2 a client never retries, but would make a copy of each request for that.
fn no_retries() -> reqwest::retry::Builder {
    reqwest::retry::never().max_retries_per_request(0)
}

/// How soon a connection of HTTP/2 is found to be dead; all requests would wait on it.
#[cfg(feature = "http2")]
const PING: Duration = Duration::from_secs(10);

const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));
const NO_TLS: &str = "enable the feature `rustls` or `native-tls` of opentelemetry-sentry";

impl ClientSettings {
    /// A setter that was called and is about this client.
    pub(crate) fn setter(&self) -> Option<&'static str> {
        [
            (self.timeout.is_some(), "with_timeout"),
            (self.proxy.is_some(), "with_proxy"),
            (self.ca_certificate.is_some(), "with_ca_certificate"),
            (self.client_certificate.is_some(), "with_client_certificate"),
            (self.accept_invalid_certs, "with_danger_accept_invalid_certs"),
        ]
        .into_iter()
        .find_map(|(is_set, setter)| is_set.then_some(setter))
    }

    pub(crate) fn transport(
        &self,
        setting: &'static str,
        dsn: &Dsn,
    ) -> Result<HttpTransport, BuildError> {
        if dsn.scheme() == Scheme::Https && !HAS_TLS {
            return Err(BuildError::InvalidSetting {
                setting,
                reason: "it begins with https, and this program was built without TLS".into(),
                remedy: NO_TLS,
            });
        }
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        // A redirect would turn the POST into a GET that looks like a success.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .connector_layer(Tap::default());
        #[cfg(not(feature = "http2"))]
        let client = client.http1_only().retry(no_retries());
        #[cfg(feature = "http2")]
        let client = client.http2_keep_alive_interval(PING).http2_keep_alive_timeout(PING);
        let client = match &self.proxy {
            Some(address) => client.proxy(proxy(address)?),
            None if is_local(dsn.host()) => client.no_proxy(),
            None => client,
        };
        let client = self.with_tls(client)?.build().map_err(|error| self.fault(error))?;
        let transport = HttpTransport::new(client).tapping(timeout, IDLE_TIMEOUT);
        Ok(match &self.proxy {
            Some(_) => transport.through_proxy(),
            None => transport,
        })
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn with_tls(&self, client: ClientBuilder) -> Result<ClientBuilder, BuildError> {
        // Whatever else is compiled in, the library for TLS does not change by it.
        #[cfg(feature = "rustls")]
        let client = client.tls_backend_rustls();
        let client = match &self.ca_certificate {
            Some(pem) => client.tls_certs_merge(authorities(pem)?),
            None => client,
        };
        let client = match &self.client_certificate {
            Some(pem) => client.identity(identity(pem)?),
            None => client,
        };
        Ok(client.tls_danger_accept_invalid_certs(self.accept_invalid_certs))
    }

    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    fn with_tls(&self, client: ClientBuilder) -> Result<ClientBuilder, BuildError> {
        let setting = [
            (self.ca_certificate.is_some(), "with_ca_certificate"),
            (self.client_certificate.is_some(), "with_client_certificate"),
            (self.accept_invalid_certs, "with_danger_accept_invalid_certs"),
        ]
        .into_iter()
        .find_map(|(is_set, setter)| is_set.then_some(setter));
        let Some(setting) = setting else { return Ok(client) };
        Err(BuildError::InvalidSetting {
            setting,
            reason: "this program was built without TLS".into(),
            remedy: NO_TLS,
        })
    }

    /// Why there is no client: certificates are only looked at when they are put together.
    fn fault(&self, error: reqwest::Error) -> BuildError {
        let reason = TransportError::new(error).reason;
        if self.client_certificate.is_some() {
            return client_certificate_fault(reason);
        }
        BuildError::InternalFailure(reason)
    }
}

/// The proxy at this address, whose password never gets into an error.
fn proxy(address: &str) -> Result<Proxy, BuildError> {
    let fault = |reason: String, remedy| {
        Err(BuildError::InvalidSetting { setting: "with_proxy", reason, remedy })
    };
    let example = "use an address such as http://proxy.example.com:3128 or \
                   http://user:password@proxy.example.com:3128";
    let scheme = address.trim().split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        None | Some("http") => {}
        Some("https") if HAS_TLS => {}
        Some("https") => {
            return fault("it begins with https, and this program has no TLS".into(), NO_TLS);
        }
        Some("socks4" | "socks4a" | "socks5" | "socks5h") if cfg!(feature = "socks") => {}
        Some("socks4" | "socks4a" | "socks5" | "socks5h") => {
            return fault(
                "it is a SOCKS proxy, and this program was built without them".into(),
                "enable the feature `socks` of opentelemetry-sentry",
            );
        }
        Some(_) => return fault("it begins with what is no kind of proxy".into(), example),
    }
    Proxy::all(address.trim()).or_else(|error| fault(TransportError::new(error).reason, example))
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn authorities(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, BuildError> {
    let fault = |reason: String| BuildError::InvalidSetting {
        setting: "with_ca_certificate",
        reason,
        remedy: "give certificates as PEM, beginning with -----BEGIN CERTIFICATE-----",
    };
    let certificates =
        reqwest::Certificate::from_pem_bundle(pem).map_err(|error| fault(error.to_string()))?;
    if certificates.is_empty() {
        return Err(fault("it holds no certificate".into()));
    }
    Ok(certificates)
}

#[cfg(feature = "rustls")]
fn identity(pem: &[u8]) -> Result<reqwest::Identity, BuildError> {
    reqwest::Identity::from_pem(pem)
        .map_err(|error| client_certificate_fault(TransportError::new(error).reason))
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
fn identity(pem: &[u8]) -> Result<reqwest::Identity, BuildError> {
    // The library wants the key on its own, and to begin with this line.
    const BEGIN: &[u8] = b"-----BEGIN PRIVATE KEY-----";
    let key = pem.windows(BEGIN.len()).position(|window| window == BEGIN);
    let key = key.and_then(|start| pem.get(start..)).unwrap_or_default();
    reqwest::Identity::from_pkcs8_pem(pem, key)
        .map_err(|error| client_certificate_fault(TransportError::new(error).reason))
}

fn client_certificate_fault(reason: String) -> BuildError {
    BuildError::InvalidSetting {
        setting: "with_client_certificate",
        reason,
        remedy: "give the certificate and its private key in one PEM, the key beginning with \
                 -----BEGIN PRIVATE KEY-----",
    }
}

/// Whether the host is this machine, to which no proxy leads.
fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
