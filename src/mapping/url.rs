use std::borrow::Cow;

use url::Url;

use crate::scrub::without_user_info;

/// A URL taken apart for display: without user info, query and fragment (rules URL-1 to URL-4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SplitUrl<'a> {
    /// `scheme://host[:port]/path`, or whatever stands before the query of a text that is no URL.
    pub(super) base: Cow<'a, str>,
    /// Without the leading `?`.
    pub(super) query: Option<&'a str>,
    /// Without the leading `#`.
    pub(super) fragment: Option<&'a str>,
}

impl<'a> SplitUrl<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        if is_bare(text) {
            return Self { base: text.into(), ..Self::default() };
        }
        let end = text.bytes().position(|byte| matches!(byte, b'?' | b'#'));
        let (base, rest) = end.and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""));
        if let Some(media) = data_url(base) {
            return Self { base: media, ..Self::default() };
        }
        let base = without_secrets(base);
        if rest.is_empty() {
            return Self { base, ..Self::default() };
        }
        let (query, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let told = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Self { base, query: query.strip_prefix('?').and_then(told), fragment: told(fragment) }
    }
}

/// The part of a path or target before its query and fragment.
pub(super) fn path(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Whether `port` is what the scheme stands for anyway.
pub(super) fn is_default_port(scheme: &str, port: &str) -> bool {
    matches!((scheme, port), ("http", "80") | ("https", "443"))
}

fn without_secrets(base: &str) -> Cow<'_, str> {
    let clean = match base.as_bytes().contains(&b'@') {
        true => without_user_info(base),
        false => base.into(),
    };
    for (scheme, default_port) in [("http://", ":80"), ("https://", ":443")] {
        let Some(rest) = clean.strip_prefix(scheme) else { continue };
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if let Some(host) = authority.strip_suffix(default_port) {
            return [scheme, host, path].concat().into();
        }
    }
    clean
}

/// Whether a URL has nothing but a host and a path, as most of those have that services call.
fn is_bare(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    // All are looked at, which takes less than to stop at the first one.
    rest.bytes().fold(true, |all, byte| all & !matches!(byte, b'?' | b'#' | b'@' | b':'))
}

fn data_url(base: &str) -> Option<Cow<'_, str>> {
    if !base.starts_with("data:") || Url::parse(base).is_err() {
        return None;
    }
    Some(base.split([',', ';']).next().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_secrets_query_fragment_and_default_port() {
        for (url, base, query, fragment) in [
            ("https://example.com/a?b=1#c", "https://example.com/a", Some("b=1"), Some("c")),
            ("http://example.com:80/", "http://example.com/", None, None),
            ("https://example.com:443", "https://example.com", None, None),
            ("https://example.com:80/x", "https://example.com:80/x", None, None),
            ("http://u:p@h:81/x?", "http://[Filtered]:[Filtered]@h:81/x", None, None),
            ("http://token@h/", "http://[Filtered]:[Filtered]@h/", None, None),
            ("malformed-url-here?q#f", "malformed-url-here", Some("q"), Some("f")),
            ("data:text/plain;base64,SGVsbG8=", "data:text/plain", None, None),
            ("http://[::1]:8080/é?ü", "http://[::1]:8080/é", Some("ü"), None),
            ("", "", None, None),
        ] {
            let expected = SplitUrl { base: base.into(), query, fragment };
            assert_eq!(SplitUrl::new(url), expected, "{url}");
        }
    }
}
