use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::kind::TransportErrorKind;
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

    use super::super::kind::{ProxyFault, TlsFault};
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
