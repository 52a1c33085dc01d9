use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, header};

use crate::protocol::Protocol;
use crate::transport::{
    Category, ProxyFault, RateLimits, Refusal, TlsFault, TransportError, TransportErrorKind, date,
};

/// What became of a probe, by [`SentrySpanExporter::check`](crate::SentrySpanExporter::check).
///
/// Its text is one sentence that says what is the matter and what to do about it. It never holds
/// the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The clock of this machine is wrong by more than a minute, by that of the server. Sentry
    /// drops what ends in its future, and shows the rest at the wrong time.
    ClockOff {
        /// How far it is off.
        by: Duration,
        /// Whether it is fast, and not slow.
        is_ahead: bool,
    },
    /// There is no DSN.
    Disabled,
    /// The server does not accept the key of the DSN.
    KeyRefused {
        /// The address.
        server: String,
        /// The status of HTTP.
        status: u16,
        /// In the words of the server.
        detail: Option<String>,
    },
    /// Something answers there that is not Sentry.
    NotSentry {
        /// The address.
        server: String,
        /// What came.
        reason: String,
    },
    /// The server does not know the project of the DSN, or not with this key.
    ProjectUnknown {
        /// The address.
        server: String,
        /// The status of HTTP.
        status: u16,
        /// In the words of the server.
        detail: Option<String>,
    },
    /// A proxy did not let the probe through.
    Proxy {
        /// Why not.
        fault: ProxyFault,
        /// In the words of whoever found out.
        reason: String,
    },
    /// The server wants nothing for a while.
    RateLimited {
        /// Of what: `errors`, `transactions`, or `spans` where these are sent by themselves; of
        /// anything, if none is named.
        categories: Vec<&'static str>,
        /// For how long yet.
        lasts: Duration,
    },
    /// The server does not accept for another reason.
    Refused {
        /// The address.
        server: String,
        /// The status of HTTP.
        status: u16,
        /// In the words of the server.
        detail: Option<String>,
    },
    /// The exporter was shut down.
    ShutDown,
    /// No answer came in time.
    TimedOut {
        /// After how long the check gave up.
        after: Duration,
    },
    /// No secure connection came about.
    Tls {
        /// The address.
        server: String,
        /// Why not.
        fault: TlsFault,
        /// In the words of the library.
        reason: String,
    },
    /// No answer came.
    Unreachable {
        /// The address.
        server: String,
        /// What that means.
        kind: TransportErrorKind,
        /// In the words of whoever found out.
        reason: String,
    },
    /// The server takes what is sent. Whether it also keeps it, it decides later: see the
    /// statistics of the project.
    Works,
}

/// The words of the server, in brackets.
struct Detail<'a>(&'a Option<String>);

/// How wrong a clock may be.
const TOLERANCE: Duration = Duration::from_secs(60);

impl Finding {
    /// Whether spans arrive and are shown at the right time.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Works)
    }

    /// What the answer means to a probe that was under way between these times.
    pub(crate) fn of(
        answer: &Result<Response<Bytes>, TransportError>,
        (endpoint, protocol): (&str, Protocol),
        sent: SystemTime,
        received: SystemTime,
    ) -> Self {
        match answer {
            Ok(answer) => of_answer(answer, (endpoint, protocol), sent, received),
            Err(error) => of_error(error, endpoint, elapsed(sent, received)),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockOff { by, is_ahead } => write!(
                f,
                "the clock of this machine is {} s {} that of the server; set it, because Sentry \
                 drops what is in its future and shows the rest at the wrong time",
                by.as_secs(),
                if *is_ahead { "ahead of" } else { "behind" }
            ),
            Self::Disabled => {
                f.write_str("there is no DSN, so nothing is sent; set SENTRY_DSN or call with_dsn")
            }
            Self::KeyRefused { server, status, detail } => write!(
                f,
                "{server} answered {status}{}; the key of the DSN is unknown or disabled: copy the \
                 DSN again from the project's settings under Client Keys (DSN)",
                Detail(detail)
            ),
            Self::NotSentry { server, reason } => write!(
                f,
                "what answers at {server} is not Sentry: {reason}; check host, port and path of \
                 the DSN"
            ),
            Self::ProjectUnknown { server, status, detail } => write!(
                f,
                "{server} answered {status}{}; there is no such project: check the host of the \
                 DSN and the number at its end",
                Detail(detail)
            ),
            Self::Proxy { fault, reason } => write!(f, "{reason}; {}", fault.advice()),
            Self::RateLimited { categories, lasts } => {
                let what = match &categories[..] {
                    [] => "anything".to_owned(),
                    categories => categories.join(" and "),
                };
                write!(
                    f,
                    "Sentry does not take {what} for {} s; check the quota of the organization \
                     and the rate limit of the project's key, or wait",
                    lasts.as_secs()
                )
            }
            Self::Refused { server, status, detail } => {
                let advice = Refusal::advice_for(*status);
                write!(f, "{server} answered {status}{}; {advice}", Detail(detail))
            }
            Self::ShutDown => f.write_str(
                "the exporter was shut down, so nothing is sent any more; check before that, or \
                 build another one",
            ),
            Self::TimedOut { after } => write!(
                f,
                "no answer came within {:.1} s; check that the host of the DSN answers, and \
                 whether a proxy is needed, or allow more time",
                after.as_secs_f64()
            ),
            Self::Tls { server, fault, reason } => {
                write!(f, "no secure connection to {server}: {reason}; {}", fault.advice())
            }
            Self::Unreachable { server, kind, reason } => {
                write!(f, "{server} gave no answer: {reason}")?;
                kind.advice().iter().try_for_each(|advice| write!(f, "; {advice}"))
            }
            Self::Works => f.write_str(
                "Sentry takes what is sent; whether it also keeps it is seen in the statistics of \
                 the project",
            ),
        }
    }
}

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|detail| write!(f, " ({detail})"))
    }
}

fn of_answer(
    answer: &Response<Bytes>,
    (endpoint, protocol): (&str, Protocol),
    sent: SystemTime,
    received: SystemTime,
) -> Finding {
    if let Some(limited) = rate_limit(answer, protocol, received) {
        return limited;
    }
    let server = endpoint.to_owned();
    if answer.status().is_success() {
        if is_page(answer) {
            return Finding::NotSentry { server, reason: "it answered with a web page".into() };
        }
        return clock(answer.headers(), sent, received).unwrap_or(Finding::Works);
    }
    let refusal = Refusal::of(answer);
    let is_about_project = refusal.is_about("project");
    let is_about_key = refusal.is_about("key") || refusal.is_about("dsn");
    let reason = refusal.to_string();
    let Refusal { status, detail } = refusal;
    match status.as_u16() {
        407 => Finding::Proxy { fault: ProxyFault::Credentials, reason: format!("it {reason}") },
        status @ (400 | 403 | 404) if is_about_project => {
            Finding::ProjectUnknown { server, status, detail }
        }
        status @ 400 if is_about_key => Finding::KeyRefused { server, status, detail },
        status @ (401 | 403) => Finding::KeyRefused { server, status, detail },
        status @ 404 if detail.is_some() => Finding::ProjectUnknown { server, status, detail },
        404 | 405 => Finding::NotSentry { server, reason: format!("it {reason}") },
        status => Finding::Refused { server, status, detail },
    }
}

fn of_error(error: &TransportError, endpoint: &str, after: Duration) -> Finding {
    let (server, reason) = (endpoint.to_owned(), error.reason.clone());
    match error.kind {
        TransportErrorKind::NotHttp => Finding::NotSentry { server, reason },
        TransportErrorKind::Proxy(fault) => Finding::Proxy { fault, reason },
        TransportErrorKind::Timeout => Finding::TimedOut { after },
        TransportErrorKind::Tls(fault) => Finding::Tls { server, fault, reason },
        kind => Finding::Unreachable { server, kind, reason },
    }
}

/// What the server does not want of what is sent, by an answer of any status.
fn rate_limit(
    answer: &Response<Bytes>,
    protocol: Protocol,
    received: SystemTime,
) -> Option<Finding> {
    let mut limits = RateLimits::default();
    limits.heed((Duration::ZERO, received), answer);
    if !limits.all_until().is_zero() {
        return Some(Finding::RateLimited { categories: Vec::new(), lasts: limits.all_until() });
    }
    let spans = match protocol {
        Protocol::Transactions => (Category::Transaction, "transactions"),
        Protocol::SpanV2 => (Category::Span, "spans"),
    };
    let limited: Vec<_> = [(Category::Error, "errors"), spans]
        .map(|(category, name)| (limits.of(category), name))
        .into_iter()
        .filter(|(until, _)| !until.is_zero())
        .collect();
    let lasts = limited.iter().map(|(until, _)| *until).max()?;
    Some(Finding::RateLimited {
        categories: limited.into_iter().map(|(_, name)| name).collect(),
        lasts,
    })
}

/// Whether the answer is for people; that of Sentry is JSON, or nothing.
fn is_page(answer: &Response<Bytes>) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
        || answer.body().trim_ascii_start().starts_with(b"<")
}

/// How wrong the clock is, if it is. The server wrote its time, of which it tells whole seconds, at
/// some moment between sending and receiving.
fn clock(headers: &HeaderMap, sent: SystemTime, received: SystemTime) -> Option<Finding> {
    let date = date(headers)?;
    let ahead = elapsed(date, sent).saturating_sub(Duration::from_secs(1));
    let behind = elapsed(received, date);
    [(ahead, true), (behind, false)]
        .into_iter()
        .find(|(by, _)| *by > TOLERANCE)
        .map(|(by, is_ahead)| Finding::ClockOff { by, is_ahead })
}

fn elapsed(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const SERVER: &str = "https://h/api/42/envelope/";
    const PROTOCOL: Protocol = Protocol::Transactions;

    fn sent() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_167_627)
    }

    fn finding(status: u16, headers: &[(&'static str, &str)], body: &str) -> Finding {
        finding_with(PROTOCOL, status, headers, body)
    }

    fn finding_with(
        protocol: Protocol,
        status: u16,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Finding {
        let mut answer = Response::new(Bytes::from(body.to_owned()));
        *answer.status_mut() = status.try_into().unwrap();
        for (name, value) in headers {
            answer.headers_mut().append(*name, value.parse().unwrap());
        }
        Finding::of(&Ok(answer), (SERVER, protocol), sent(), sent() + Duration::from_secs(2))
    }

    #[test]
    fn an_answer_is_explained() {
        let json = |detail: &str| format!("{{\"detail\":\"{detail}\"}}");
        for (status, body, expected) in [
            (200, "{}".to_owned(), "Sentry takes what is sent"),
            (200, String::new(), "Sentry takes what is sent"),
            (200, " <!doctype html>".to_owned(), "is not Sentry: it answered with a web page"),
            (301, String::new(), "answered 301; it points elsewhere"),
            (400, json("bad project id"), "(bad project id); there is no such project"),
            (400, json("bad sentry DSN public key"), "key); the key of the DSN is unknown"),
            (400, json("bad envelope"), "answered 400 (bad envelope); check key and project"),
            (400, String::new(), "answered 400; check key and project id"),
            (401, String::new(), "answered 401; the key of the DSN is unknown"),
            (403, json("rejected with_reason: ProjectId"), "there is no such project"),
            (403, json("rejected with_reason: Cors"), "the key of the DSN is unknown"),
            (404, json("not here"), "answered 404 (not here); there is no such project"),
            (404, "<html>".to_owned(), "is not Sentry: it answered 404 Not Found; check host"),
            (405, json("no POST"), "is not Sentry: it answered 405 Method Not Allowed (no POST)"),
            (407, String::new(), "it answered 407 Proxy Authentication Required; the proxy wants"),
            (429, String::new(), "Sentry does not take anything for 60 s"),
            (503, json("queue full"), "answered 503 (queue full); the server or a proxy"),
        ] {
            let finding = finding(status, &[], &body);
            let text = finding.to_string();
            assert!(text.contains(expected), "{status} {body}: {text}");
            assert_eq!(finding.is_ok(), text.starts_with("Sentry takes"), "{status} {body}");
        }
    }

    #[test]
    fn a_limit_names_what_is_not_taken_and_for_how_long() {
        let limited = |status, limits| {
            finding(status, &[("x-sentry-rate-limits", limits), ("retry-after", "7")], "{}")
        };
        for (status, limits, expected) in [
            (429, "60::organization", Some((vec![], 60))),
            (429, "", Some((vec![], 7))),
            (200, "60:transaction:key, 9:error:key", Some((vec!["errors", "transactions"], 60))),
            (200, "5:transaction;span:project", Some((vec!["transactions"], 5))),
            (200, "60:metric_bucket:organization", None),
        ] {
            let expected = expected.map_or(Finding::Works, |(categories, seconds)| {
                Finding::RateLimited { categories, lasts: Duration::from_secs(seconds) }
            });
            assert_eq!(limited(status, limits), expected, "{limits}");
        }
        let header = [("x-sentry-rate-limits", "5:span:key, 60:transaction:key")];
        let lasts = Duration::from_secs(5);
        assert_eq!(
            finding_with(Protocol::SpanV2, 200, &header, "{}"),
            Finding::RateLimited { categories: vec!["spans"], lasts }
        );
    }

    #[test]
    fn a_clock_is_wrong_by_more_than_a_minute_at_whatever_moment_the_server_wrote_its_time() {
        let at = |offset: i64| {
            let seconds = u64::try_from(1_795_167_627 + offset).unwrap();
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            finding(200, &[("date", &date)], "{}")
        };
        for offset in [-61, -1, 0, 1, 62] {
            assert_eq!(at(offset), Finding::Works, "{offset}");
        }
        let off =
            |seconds, is_ahead| Finding::ClockOff { by: Duration::from_secs(seconds), is_ahead };
        assert_eq!((at(-62), at(63)), (off(61, true), off(61, false)));
        assert!(at(-3601).to_string().contains("3600 s ahead of"), "{}", at(-3601));
        assert_eq!(finding(200, &[("date", "today")], "{}"), Finding::Works);
    }

    #[test]
    fn no_answer_is_explained() {
        use TransportErrorKind::{Closed, Connect, Dns, NotHttp, Other, Proxy, Timeout, Tls};
        for (kind, expected) in [
            (Closed, "https://h/api/42/envelope/ gave no answer: it failed; check the network"),
            (Connect, "gave no answer: it failed; check host and port"),
            (Dns, "gave no answer: it failed; check the host of the DSN and the name"),
            (NotHttp, "what answers at https://h/api/42/envelope/ is not Sentry: it failed"),
            (Proxy(ProxyFault::Unreachable), "it failed; the proxy does not answer"),
            (Timeout, "no answer came within 2.0 s"),
            (Tls(TlsFault::Expired), "no secure connection to https://h/api/42/envelope/: it"),
            (Tls(TlsFault::UnknownIssuer), "with_ca_certificate"),
        ] {
            let error = TransportError::new("it failed").with_kind(kind);
            let received = sent() + Duration::from_secs(2);
            let finding = Finding::of(&Err(error), (SERVER, PROTOCOL), sent(), received);
            let text = finding.to_string();
            assert!(text.contains(expected) && !finding.is_ok(), "{kind:?}: {text}");
        }
        let error = Err(TransportError::new("it failed").with_kind(Other));
        let finding = Finding::of(&error, (SERVER, PROTOCOL), sent(), sent());
        assert_eq!(finding.to_string(), format!("{SERVER} gave no answer: it failed"));
    }
}
