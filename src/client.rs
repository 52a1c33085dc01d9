use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Proxy, redirect};
use sentry_types::{Dsn, Scheme};

use crate::error::BuildError;
use crate::transport::{HttpTransport, Transport, TransportError};

/// How the exporter's own HTTP client is to be.
#[derive(Clone, Default)]
pub(crate) struct ClientSettings {
    pub(crate) timeout: Option<Duration>,
    pub(crate) proxy: Option<String>,
    pub(crate) ca_certificate: Option<Vec<u8>>,
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
        .redirect(redirect::Policy::none())
        .timeout(SPOTLIGHT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .no_proxy();
    let client = client.build().map_err(|error| {
        BuildError::InternalFailure(TransportError::new(error.without_url()).reason)
    })?;
    Ok(Arc::new(HttpTransport::new(client)))
}

impl ClientSettings {
    pub(crate) fn build(&self, setting: &'static str, dsn: &Dsn) -> Result<Client, BuildError> {
        if dsn.scheme() == Scheme::Https && !cfg!(any(feature = "rustls", feature = "native-tls")) {
            return Err(BuildError::InvalidSetting {
                setting,
                reason: "it begins with https, and this program was built without TLS".into(),
                remedy: "enable the feature `rustls` or `native-tls` of opentelemetry-sentry",
            });
        }
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        // A redirect would turn the POST into a GET that looks like a success.
        let mut client = Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true);
        if let Some(proxy) = &self.proxy {
            client =
                client.proxy(Proxy::all(proxy).map_err(|error| BuildError::InvalidSetting {
                    setting: "with_proxy",
                    reason: TransportError::new(error.without_url()).reason,
                    remedy: "use an address such as http://proxy.example.com:3128",
                })?);
        } else if is_local(dsn.host()) {
            client = client.no_proxy();
        }
        self.with_tls(client)?.build().map_err(|error| {
            BuildError::InternalFailure(TransportError::new(error.without_url()).reason)
        })
    }

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    fn with_tls(
        &self,
        client: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, BuildError> {
        // Whatever else is compiled in, the library for TLS does not change by it.
        #[cfg(feature = "rustls")]
        let client = client.tls_backend_rustls();
        let Some(pem) = &self.ca_certificate else {
            return Ok(client.tls_danger_accept_invalid_certs(self.accept_invalid_certs));
        };
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
        Ok(client
            .tls_certs_merge(certificates)
            .tls_danger_accept_invalid_certs(self.accept_invalid_certs))
    }

    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    fn with_tls(
        &self,
        client: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, BuildError> {
        if self.ca_certificate.is_none() && !self.accept_invalid_certs {
            return Ok(client);
        }
        Err(BuildError::InvalidSetting {
            setting: "with_ca_certificate or with_danger_accept_invalid_certs",
            reason: "this program was built without TLS".into(),
            remedy: "enable the feature `rustls` or `native-tls` of opentelemetry-sentry",
        })
    }
}

/// Whether the host is this machine, to which no proxy leads.
fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
