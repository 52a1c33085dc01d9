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
