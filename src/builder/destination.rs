use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use sentry_types::Dsn;

use crate::client::{self, ClientSettings};
use crate::dsn::parse_dsn;
use crate::error::BuildError;
use crate::protocol::CLIENT;
use crate::transport::Transport;
use crate::worker::{Destination, envelope_headers};

/// Where the envelopes of a DSN go, and how.
pub(super) fn destination(
    setting: &'static str,
    dsn: &str,
    transport: Option<(&'static str, Arc<dyn Transport>)>,
    client: &ClientSettings,
) -> Result<Destination, BuildError> {
    let dsn = parse_dsn(setting, dsn)?;
    let endpoint =
        dsn.envelope_api_url().as_str().parse().map_err(|_| BuildError::InvalidSetting {
            setting,
            reason: "its host or path cannot be part of an address".into(),
            remedy: crate::dsn::EXAMPLE,
        })?;
    let transport = match transport {
        Some((_, transport)) => transport,
        None => Arc::new(client.transport(setting, &dsn)?),
    };
    // The client's own limit comes first, and says more.
    let limit = client.timeout.unwrap_or(client::DEFAULT_TIMEOUT).saturating_mul(2);
    let headers = headers(&dsn, setting)?;
    Ok(Destination { endpoint, headers, dsn, origin: None, transport, limit })
}

/// The headers of every request; Sentry wants exactly one form of authentication.
fn headers(dsn: &Dsn, setting: &'static str) -> Result<HeaderMap, BuildError> {
    let mut auth =
        format!("Sentry sentry_key={}, sentry_version=7, sentry_client={CLIENT}", dsn.public_key());
    if let Some(secret) = dsn.secret_key().filter(|secret| !secret.is_empty()) {
        auth.push_str(", sentry_secret=");
        auth.push_str(secret);
    }
    let mut auth = HeaderValue::from_str(&auth).map_err(|_| BuildError::InvalidSetting {
        setting,
        reason: "its key has characters that no key has".into(),
        remedy: crate::dsn::EXAMPLE,
    })?;
    auth.set_sensitive(true);
    let mut headers = envelope_headers();
    headers.insert("x-sentry-auth", auth);
    Ok(headers)
}
