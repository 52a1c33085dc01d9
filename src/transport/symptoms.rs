use std::error::Error;
use std::io;

use super::broken::Broken;
use super::kind::{ProxyFault, TlsFault, TransportErrorKind};

/// What an error lets see of what went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Symptoms {
    io: Option<io::ErrorKind>,
    is_builder: bool,
    is_connect: bool,
    is_dns: bool,
    is_timeout: bool,
    /// What `reqwest` or `hyper` says, in lower case. The libraries behind it keep most of their types to
    /// themselves, so that their words are all there is; no other error is judged by its words.
    words: String,
}

/// What rustls, OpenSSL, Security Framework and SChannel say, in this order where they differ.
const EXPIRED: &[&str] =
    &["certificate expired", "expired", "notvalidyet", "not valid yet", "validity period"];
const WRONG_HOST: &[&str] = &[
    "not valid for name",
    "notvalidforname",
    "hostname mismatch",
    "ip address mismatch",
    "host name",
    "cn name does not match",
];
const UNKNOWN_ISSUER: &[&str] = &[
    "unknownissuer",
    "causedasendentity",
    "badsignature",
    "certificate signature failure",
    "self-signed",
    "self signed",
    "unable to get local issuer",
    "unable to verify the first certificate",
    "not trusted",
];
const CLIENT_CERTIFICATE: &[&str] = &[
    "alert: certificate",
    "alert: badcertificate",
    "alert: unsupportedcertificate",
    "alert: unknownca",
    "alert: accessdenied",
    "alert certificate",
    "alert bad certificate",
    "alert unsupported certificate",
    "alert unknown ca",
    "alert access denied",
    "certificate required",
];
const NOT_TLS: &[&str] = &[
    "invalidcontenttype",
    "wrong version number",
    "packet length too long",
    "http request",
    "record overflow",
];
const TLS: &[&str] = &["certificate", "corrupt message", "handshake", "fatal alert", "tls", "ssl"];
const NOT_HTTP: &[&str] = &[
    "invalid http",
    "invalid content-length",
    "unexpected transfer-encoding",
    "head is too large",
];
const CLOSED: &[&str] =
    &["connection closed before message completed", "http2 error", "channel closed"];

impl Symptoms {
    /// The symptoms of an error whose text, with that of its sources, is this.
    pub(super) fn of(error: &(dyn Error + 'static), text: &str) -> Self {
        let mut source = Some(error);
        let mut io = None;
        while let Some(error) = source {
            io = error.downcast_ref::<io::Error>().map(io::Error::kind).or(io);
            source = error.source();
        }
        if let Some(broken) = error.downcast_ref::<Broken>() {
            let is_timeout = matches!(broken, Broken::TimedOut);
            return Self { io, is_timeout, words: text.to_ascii_lowercase(), ..Self::default() };
        }
        let Some(error) = error.downcast_ref::<reqwest::Error>() else {
            return Self { io, ..Self::default() };
        };
        Self {
            io,
            is_builder: error.is_builder(),
            is_connect: error.is_connect(),
            is_dns: error.is_dns(),
            is_timeout: error.is_timeout(),
            words: text.to_ascii_lowercase(),
        }
    }

    /// What they mean, and whether trying again is of no use.
    pub(super) fn diagnosis(&self) -> (TransportErrorKind, bool) {
        let kind = self.kind();
        (kind, kind == TransportErrorKind::NotHttp || self.is_builder)
    }

    fn kind(&self) -> TransportErrorKind {
        use TransportErrorKind as Kind;
        if let Some(fault) = self.proxy_fault() {
            return Kind::Proxy(fault);
        }
        // With TLS 1.3 a server refuses the client's certificate when that has sent already, but
        // before it reads anything of it.
        if self.say(CLIENT_CERTIFICATE) {
            return Kind::Tls(TlsFault::ClientCertificate);
        }
        if self.is_connect {
            return self.kind_of_connect();
        }
        if self.say(NOT_HTTP) {
            return Kind::NotHttp;
        }
        match self.io {
            _ if self.is_timeout => Kind::Timeout,
            Some(io::ErrorKind::TimedOut) => Kind::Timeout,
            Some(
                io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable
            ) => Kind::Connect,
            Some(
                io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::UnexpectedEof
                // Some systems say so of a connection that was there.
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable,
            ) => Kind::Closed,
            _ if self.say(CLOSED) => Kind::Closed,
            _ => Kind::Other,
        }
    }

    /// What it means that no connection came about.
    fn kind_of_connect(&self) -> TransportErrorKind {
        use TransportErrorKind as Kind;
        if self.is_dns || self.say(&["dns error"]) {
            Kind::Dns
        } else if self.say(NOT_TLS) {
            Kind::Tls(TlsFault::NotTls)
        } else if self.is_timeout {
            Kind::Connect
        } else if self.say(WRONG_HOST) {
            Kind::Tls(TlsFault::WrongHost)
        } else if self.say(UNKNOWN_ISSUER) {
            Kind::Tls(TlsFault::UnknownIssuer)
        } else if self.say(EXPIRED) {
            Kind::Tls(TlsFault::Expired)
        } else if self.say(TLS) {
            Kind::Tls(TlsFault::Other)
        } else {
            Kind::Connect
        }
    }

    fn proxy_fault(&self) -> Option<ProxyFault> {
        if !self.say(&["tunnel error", "socks error", "socks proxy"]) {
            return None;
        }
        Some(if self.say(&["authorization required", "user/pass", "credentials not accepted"]) {
            ProxyFault::Credentials
        } else if self.say(&["failed to create underlying connection"]) {
            ProxyFault::Unreachable
        } else {
            ProxyFault::Refused
        })
    }

    fn say(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.words.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(is_connect: bool, words: &str) -> TransportErrorKind {
        Symptoms { is_connect, words: words.to_owned(), ..Symptoms::default() }.kind()
    }

    #[test]
    fn the_words_of_every_tls_library_say_what_is_wrong_with_a_certificate() {
        use TlsFault::{ClientCertificate, Expired, NotTls, Other, UnknownIssuer, WrongHost};
        for (words, fault) in [
            ("invalid peer certificate: certificate expired: verification time 1", Expired),
            ("invalid peer certificate: certificate not valid yet: verification", Expired),
            ("certificate verify failed: (certificate has expired)", Expired),
            ("invalid peer certificate: unknownissuer", UnknownIssuer),
            ("invalid peer certificate: other(othererror(causedasendentity))", UnknownIssuer),
            ("invalid peer certificate: badsignature", UnknownIssuer),
            ("certificate verify failed: (self-signed certificate)", UnknownIssuer),
            ("(unable to get local issuer certificate)", UnknownIssuer),
            ("the certificate was not trusted.", UnknownIssuer),
            ("invalid peer certificate: certificate not valid for name \"a\"; it", WrongHost),
            ("certificate verify failed: (hostname mismatch)", WrongHost),
            ("certificate verify failed: (ip address mismatch)", WrongHost),
            ("the certificate's cn name does not match the passed value.", WrongHost),
            ("received corrupt message of type invalidcontenttype", NotTls),
            ("ssl routines:ssl3_get_record:wrong version number", NotTls),
            ("received fatal alert: certificaterequired", ClientCertificate),
            ("tlsv13 alert certificate required", ClientCertificate),
            ("received fatal alert: handshakefailure", Other),
            ("tls handshake eof", Other),
        ] {
            assert_eq!(kind(true, words), TransportErrorKind::Tls(fault), "{words}");
        }
    }

    #[test]
    fn the_name_of_a_host_is_no_symptom() {
        let words = "certificate not valid for name \"expired.self-signed.socks.example\"; it";
        assert_eq!(kind(true, words), TransportErrorKind::Tls(TlsFault::WrongHost));
    }

    #[test]
    fn a_proxy_is_told_from_what_is_behind_it() {
        use ProxyFault::{Credentials, Refused, Unreachable};
        for (words, fault) in [
            ("tunnel error: proxy authorization required", Credentials),
            ("tunnel error: unsuccessful", Refused),
            ("tunnel error: failed to create underlying connection: tcp", Unreachable),
            ("socks error: credentials not accepted", Credentials),
            ("socks error: failed to create underlying connection", Unreachable),
            ("socks error: host unreachable", Refused),
        ] {
            assert_eq!(kind(true, words), TransportErrorKind::Proxy(fault), "{words}");
        }
    }

    #[test]
    fn what_fails_after_the_connection_came_about_is_no_trouble_with_connecting() {
        use TransportErrorKind::{Closed, Connect, Dns, NotHttp, Other, Timeout};
        assert_eq!(kind(true, "dns error: no such name"), Dns);
        assert_eq!(kind(true, "tcp connect error: connection refused"), Connect);
        assert_eq!(kind(false, "invalid http version parsed"), NotHttp);
        assert_eq!(kind(false, "connection closed before message completed"), Closed);
        assert_eq!(kind(false, "a certificate of good conduct"), Other);
        let io = |io| Symptoms { io: Some(io), ..Symptoms::default() }.kind();
        assert_eq!(io(io::ErrorKind::ConnectionReset), Closed);
        assert_eq!(io(io::ErrorKind::TimedOut), Timeout);
        assert_eq!(io(io::ErrorKind::InvalidData), Other);
        let slow = Symptoms { is_timeout: true, ..Symptoms::default() };
        assert_eq!(slow.kind(), Timeout);
        assert_eq!(Symptoms { is_connect: true, ..slow }.kind(), Connect);
    }

    #[test]
    fn what_can_never_be_sent_is_not_tried_again() {
        let broken = Symptoms { is_builder: true, ..Symptoms::default() };
        assert_eq!(broken.diagnosis(), (TransportErrorKind::Other, true));
        assert_eq!(Symptoms::default().diagnosis(), (TransportErrorKind::Other, false));
    }
}
