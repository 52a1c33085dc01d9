use bytes::Bytes;
use http::{Response, StatusCode};

use super::inbox::Failure;
use crate::stats::DropReason;
use crate::transport::Refusal;

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
    Unanswered(Unanswered),
}

/// How a request ended that got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// It surely did not reach the server.
    NeverLeft(String),
    /// It may have.
    Failed(String),
    /// It may have; it was broken off on this side.
    Cut,
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
            Ok(answer) => {
                let refusal = Refusal::of(answer);
                (DropReason::Refused, format!("{server} {refusal}; {}", refusal.advice()))
            }
            Err(Failure::Transport(error)) => {
                let advice = error.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
                let trouble = format!("{server}: {}{advice}", error.reason);
                if error.is_final {
                    (DropReason::Unreachable, trouble)
                } else if error.is_unsent() {
                    return Self::Unanswered(Unanswered::NeverLeft(trouble));
                } else {
                    return Self::Unanswered(Unanswered::Failed(trouble));
                }
            }
            Err(Failure::Cut) => return Self::Unanswered(Unanswered::Cut),
            Err(Failure::Panicked) => (DropReason::Internal, "the transport panicked".to_owned()),
        };
        Self::Lost { reason, is_reported: true, trouble }
    }

    /// What there is to say of it.
    pub(super) fn trouble(&self) -> Option<(&str, DropReason)> {
        match self {
            Self::Lost { reason, trouble, .. } => Some((trouble, *reason)),
            Self::Unanswered(Unanswered::NeverLeft(trouble) | Unanswered::Failed(trouble)) => {
                Some((trouble, DropReason::Unreachable))
            }
            Self::Unanswered(Unanswered::Cut) | Self::Delivered => None,
        }
    }
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
    fn a_refusal_is_shown_in_the_words_of_the_server() {
        let mut answer = Response::new(Bytes::from_static(b"{\"detail\":\"no such project\"}"));
        *answer.status_mut() = StatusCode::FORBIDDEN;
        let Verdict::Lost { trouble, .. } = Verdict::of(&Ok(answer), "https://h:443") else {
            panic!()
        };
        let start = "https://h:443 answered 403 Forbidden (no such project); the key of the DSN";
        assert!(trouble.starts_with(start), "{trouble}");
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
        assert_eq!(verdict, Verdict::Unanswered(Unanswered::NeverLeft(trouble.to_owned())));
        let error = error.with_kind(TransportErrorKind::NotHttp);
        let Verdict::Lost { reason, .. } = Verdict::of(&Err(Failure::Transport(error)), "") else {
            panic!()
        };
        assert_eq!(reason, DropReason::Unreachable);
    }
}
