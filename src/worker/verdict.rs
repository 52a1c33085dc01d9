use bytes::Bytes;
use http::{Response, StatusCode};

use super::inbox::Failure;
use crate::stats::DropReason;

/// What the end of a request means for its envelope. Any answer is final.
///
/// <https://develop.sentry.dev/sdk/foundations/transport/>
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Delivered,
    /// Lost, and whether Sentry has to be told of it.
    Lost {
        reason: DropReason,
        is_reported: bool,
        trouble: String,
    },
    /// No answer came; the same envelope may be sent again.
    Unanswered {
        /// Absent if it was broken off on this side.
        trouble: Option<String>,
    },
}

impl Verdict {
    pub(super) fn of(answer: &Result<Response<Bytes>, Failure>, server: &str) -> Self {
        let (reason, trouble) = match answer {
            Ok(answer) if answer.status().is_success() => return Self::Delivered,
            Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                let trouble = format!("429: {}", DropReason::RateLimited);
                // The server has counted it itself.
                return Self::Lost { reason: DropReason::RateLimited, is_reported: false, trouble };
            }
            Ok(answer) => (DropReason::Refused, refusal(answer.status(), server)),
            Err(Failure::Transport(error)) => {
                let advice = error.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
                let trouble = format!("{server}: {}{advice}", error.reason);
                if !error.is_final {
                    return Self::Unanswered { trouble: Some(trouble) };
                }
                (DropReason::Unreachable, trouble)
            }
            Err(Failure::Cut) => return Self::Unanswered { trouble: None },
            Err(Failure::Panicked) => (DropReason::Internal, "the transport panicked".to_owned()),
        };
        Self::Lost { reason, is_reported: true, trouble }
    }
}

/// What an answer that is no acceptance means, and what to do about it.
fn refusal(status: StatusCode, server: &str) -> String {
    let advice = match status.as_u16() {
        300..=399 => "it points elsewhere; put the final address into the DSN",
        400 => "check key and project id of the DSN, and that its host is a Sentry server",
        401 | 403 => "the key of the DSN is unknown or disabled, or the project is",
        404 | 405 => "check host, path and project id of the DSN",
        407 => "the proxy wants credentials; see with_proxy",
        413 => "the server or a proxy before it takes less than Sentry does",
        500..=599 => "the server or a proxy before it is in trouble",
        _ => "check that the DSN points to a Sentry server",
    };
    format!("{server} answered {status}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{TransportError, TransportErrorKind};

    fn verdict(status: u16) -> Verdict {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        Verdict::of(&Ok(answer), "https://h:443")
    }

    #[test]
    fn only_a_2xx_is_a_delivery() {
        for status in [200, 201, 202, 204] {
            assert_eq!(verdict(status), Verdict::Delivered);
        }
        for status in [302, 400, 401, 403, 404, 407, 413, 418, 500, 503] {
            let Verdict::Lost { reason, is_reported, trouble } = verdict(status) else {
                panic!("{status}");
            };
            assert_eq!((reason, is_reported), (DropReason::Refused, true), "{status}");
            let start = format!("https://h:443 answered {status} ");
            assert!(trouble.starts_with(&start) && trouble.contains("; "), "{trouble}");
        }
    }

    #[test]
    fn a_429_is_not_reported_because_the_server_knows() {
        assert!(matches!(
            verdict(429),
            Verdict::Lost { reason: DropReason::RateLimited, is_reported: false, .. }
        ));
    }

    #[test]
    fn no_answer_says_why_and_what_to_check() {
        let error = TransportError::new(std::fmt::Error).with_kind(TransportErrorKind::Dns);
        let verdict = Verdict::of(&Err(Failure::Transport(error.clone())), "https://h:443");
        let trouble = "https://h:443: an error occurred when formatting an argument; check the \
                       host of the DSN and the name resolution of this machine";
        assert_eq!(verdict, Verdict::Unanswered { trouble: Some(trouble.to_owned()) });
        let error = error.with_kind(TransportErrorKind::NotHttp);
        let Verdict::Lost { reason, .. } = Verdict::of(&Err(Failure::Transport(error)), "") else {
            panic!()
        };
        assert_eq!(reason, DropReason::Unreachable);
    }
}
