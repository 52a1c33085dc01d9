use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::symptoms::Symptoms;

/// Why no answer came. Never holds the key or the body.
///
/// Its text has all that is known; [`source`](Error::source) gives the error that told it, for
/// those who want to look into that.
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportError {
    /// What went wrong, in the words of whoever found out.
    pub reason: String,
    /// What that means.
    pub kind: TransportErrorKind,
    /// Whether trying again is of no use, because something came that is no answer of HTTP.
    pub is_final: bool,
    cause: Arc<dyn Error + Send + Sync>,
}

/// What it means that no answer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The connection ended before the answer did.
    Closed,
    /// No connection came about: it was refused, there is no way, or it took too long.
    Connect,
    /// The name of the host is not known.
    Dns,
    /// Something came that is no answer of HTTP.
    NotHttp,
    /// None of the others, or nobody knows.
    #[default]
    Other,
    /// The proxy did not let the request through.
    Proxy(ProxyFault),
    /// The answer took too long; the request may have arrived.
    Timeout,
    /// There is a connection, but no secure one.
    Tls(TlsFault),
}

/// Why there is no secure connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server wants a certificate of the client, or does not take the one it was given.
    ClientCertificate,
    /// The certificate of the server is valid no more, or not yet.
    Expired,
    /// The other side does not speak TLS at all.
    NotTls,
    /// None of the others.
    #[default]
    Other,
    /// Nobody that is trusted vouches for the certificate; it may have been signed by itself.
    UnknownIssuer,
    /// The certificate is that of another host.
    WrongHost,
}

/// Why a proxy is of no help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyFault {
    /// It wants to know who asks, or does not accept the name and password it was given.
    Credentials,
    /// It does not lead to the host of the DSN.
    Refused,
    /// There is no connection to it.
    Unreachable,
}

impl TransportError {
    /// An error told by another one, with all of its sources.
    ///
    /// Its kind is found out if the other one is a [`reqwest::Error`] or comes from an
    /// [`io::Error`](std::io::Error); otherwise it is [`TransportErrorKind::Other`].
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = match error.into().downcast::<reqwest::Error>() {
            Ok(error) => Box::new(error.without_url()),
            Err(error) => error,
        };
        let reason = text(&*error);
        let (kind, is_final) = Symptoms::of(&*error, &reason).diagnosis();
        Self { reason, kind, is_final, cause: error.into() }
    }

    /// Says what the error means, and with that whether trying again is of any use.
    pub fn with_kind(mut self, kind: TransportErrorKind) -> Self {
        self.is_final = kind == TransportErrorKind::NotHttp;
        self.kind = kind;
        self
    }

    /// What to check, if that is known.
    pub fn advice(&self) -> Option<&'static str> {
        self.kind.advice()
    }

    /// Whether the request certainly never reached the server, so that a later copy of it cannot
    /// be a second one.
    pub fn is_unsent(&self) -> bool {
        use TransportErrorKind::{Connect, Dns, Proxy, Tls};
        matches!(self.kind, Connect | Dns | Proxy(_) | Tls(_))
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl fmt::Debug for TransportError {
    /// Without the cause, which may show more than the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("reason", &self.reason)
            .field("kind", &self.kind)
            .field("is_final", &self.is_final)
            .finish_non_exhaustive()
    }
}

impl TransportErrorKind {
    pub(crate) fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Closed => "check the network between here and the host of the DSN",
            Self::Connect => {
                "check host and port of the DSN, that the server is up, and whether a proxy is \
                 needed"
            }
            Self::Dns => "check the host of the DSN and the name resolution of this machine",
            Self::NotHttp => {
                "something answers there that is no Sentry server; check host and port of the DSN"
            }
            Self::Other => return None,
            Self::Proxy(fault) => fault.advice(),
            Self::Timeout => {
                "check that the host of the DSN answers, or allow more by with_timeout"
            }
            Self::Tls(fault) => fault.advice(),
        })
    }
}

impl TlsFault {
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::ClientCertificate => {
                "the server wants to see a certificate that it knows; set one by \
                 with_client_certificate"
            }
            Self::Expired => {
                "the server's certificate is out of date; renew it, and check the clock of this \
                 machine"
            }
            Self::NotTls => {
                "the server does not speak TLS; the DSN should probably begin with http://"
            }
            Self::Other => {
                "check that the server, and what stands before it, speaks TLS 1.2 or 1.3"
            }
            Self::UnknownIssuer => {
                "nobody that is trusted has signed the server's certificate, or it is self-signed; \
                 trust it by with_ca_certificate, or, for tests only, set \
                 with_danger_accept_invalid_certs"
            }
            Self::WrongHost => {
                "the server's certificate is for another host; put a name that it holds into the \
                 DSN"
            }
        }
    }
}

impl ProxyFault {
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Credentials => {
                "the proxy wants to know who asks; give it a name and a password as in \
                 http://user:password@proxy:3128, by with_proxy or the variable HTTPS_PROXY"
            }
            Self::Refused => {
                "the proxy does not lead to the host of the DSN; check what it allows, with_proxy \
                 and the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
            }
            Self::Unreachable => {
                "the proxy does not answer; check with_proxy and the variables HTTPS_PROXY, \
                 HTTP_PROXY and NO_PROXY"
            }
        }
    }
}

/// What an error says, and its sources where they add something.
fn text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const ALL: [TransportErrorKind; 15] = [
        TransportErrorKind::Closed,
        TransportErrorKind::Connect,
        TransportErrorKind::Dns,
        TransportErrorKind::NotHttp,
        TransportErrorKind::Timeout,
        TransportErrorKind::Proxy(ProxyFault::Credentials),
        TransportErrorKind::Proxy(ProxyFault::Refused),
        TransportErrorKind::Proxy(ProxyFault::Unreachable),
        TransportErrorKind::Tls(TlsFault::ClientCertificate),
        TransportErrorKind::Tls(TlsFault::Expired),
        TransportErrorKind::Tls(TlsFault::NotTls),
        TransportErrorKind::Tls(TlsFault::Other),
        TransportErrorKind::Tls(TlsFault::UnknownIssuer),
        TransportErrorKind::Tls(TlsFault::WrongHost),
        TransportErrorKind::Other,
    ];

    #[test]
    fn every_kind_that_says_something_has_an_advice_of_its_own() {
        let advice: Vec<_> = ALL.iter().filter_map(|kind| kind.advice()).collect();
        let different: std::collections::HashSet<_> = advice.iter().collect();
        assert_eq!((advice.len(), different.len()), (14, 14));
    }

    #[test]
    fn what_failed_on_the_way_to_the_server_never_reached_it() {
        use TransportErrorKind::{Closed, NotHttp, Other, Timeout};
        for kind in ALL {
            let error = TransportError::new("it failed").with_kind(kind);
            let may_have_arrived = matches!(kind, Closed | NotHttp | Other | Timeout);
            assert_eq!(error.is_unsent(), !may_have_arrived, "{kind:?}");
            assert_eq!(error.is_final, kind == NotHttp, "{kind:?}");
        }
    }

    #[test]
    fn an_error_keeps_that_which_told_it() {
        let error = TransportError::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!((error.kind, error.is_unsent()), (TransportErrorKind::Connect, true));
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::ConnectionRefused));
        assert!(!format!("{error:?}").contains("cause"), "{error:?}");
    }
}
