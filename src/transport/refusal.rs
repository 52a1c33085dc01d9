use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

/// What the server said that did not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// In the words of the server, if they are few.
    pub(crate) detail: Option<String>,
}

/// How long words of the server may be, in characters.
const MAX_DETAIL: usize = 160;

/// A word of so many letters and digits may be a key.
const MAX_WORD: usize = 16;

impl Refusal {
    pub(crate) fn of(answer: &Response<Bytes>) -> Self {
        Self { status: answer.status(), detail: detail(answer.body()) }
    }

    /// What it means, and what to do about it.
    pub(crate) fn advice(&self) -> &'static str {
        Self::advice_for(self.status.as_u16())
    }

    /// What a status means, and what to do about it.
    pub(crate) fn advice_for(status: u16) -> &'static str {
        match status {
            300..=399 => "it points elsewhere; put the final address into the DSN",
            400 => "check key and project id of the DSN, and that its host is a Sentry server",
            401 | 403 => "the key of the DSN is unknown or disabled, or the project is",
            404 | 405 => "check host, path and project id of the DSN",
            407 => "the proxy wants credentials; see with_proxy",
            413 => "the server or a proxy before it takes less than Sentry does",
            500..=599 => "the server or a proxy before it is in trouble",
            _ => "check that the DSN points to a Sentry server",
        }
    }

    /// Whether the server says something about this.
    pub(crate) fn is_about(&self, word: &str) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.to_ascii_lowercase().contains(word))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status)?;
        self.detail.iter().try_for_each(|detail| write!(f, " ({detail})"))
    }
}

/// What a server says about its refusal, unless it is long, no plain text, or may tell a secret.
fn detail(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let detail = body.get("detail")?.as_str()?.trim();
    let is_short = !detail.is_empty() && detail.chars().count() <= MAX_DETAIL;
    let is_plain = !detail.chars().any(char::is_control);
    let is_harmless = !detail
        .split(|char: char| !char.is_alphanumeric())
        .any(|word| word.len() >= MAX_WORD && word.contains(|char: char| char.is_ascii_digit()));
    (is_short && is_plain && is_harmless).then(|| detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_plain_words_of_the_server_are_shown() {
        for (body, expected) in [
            (
                r#"{"detail":"event submission rejected with_reason: ProjectId"}"#,
                Some("event submission rejected with_reason: ProjectId"),
            ),
            (
                r#"{"detail":" bad sentry DSN public key ","causes":[]}"#,
                Some("bad sentry DSN public key"),
            ),
            (r#"{"detail":""}"#, None),
            (r#"{"detail":"two\nlines"}"#, None),
            (r#"{"detail":"no key 0123456789abcdef0123456789abcdef"}"#, None),
            (r#"{"detail":{"code":1}}"#, None),
            (r#"{"detail":"cut o"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(detail(body.as_bytes()).as_deref(), expected, "{body}");
        }
        let long = format!("{{\"detail\":\"{}\"}}", "no ".repeat(100));
        assert_eq!(detail(long.as_bytes()), None);
    }
}
