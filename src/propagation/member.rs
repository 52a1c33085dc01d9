use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// One member of a `baggage` header: the bytes that came, and what they say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    raw: String,
    /// Decoded, unless that gives no text.
    pub(super) key: String,
    /// Decoded; absent where that gives no text.
    pub(super) value: Option<String>,
    pub(super) metadata: String,
}

/// What is written as it is; other services read all else only if it is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The same in properties behind a value, which have signs of their own.
const ENCODED_METADATA: &AsciiSet = &ENCODED.remove(b';').remove(b'=').remove(b' ').remove(b'%');

/// What the keys of Sentry's members begin with.
const PREFIX: &str = "sentry-";

impl Member {
    /// Reads what stands between two commas. The bytes stay as they are, blanks around included.
    pub(super) fn of(raw: &str) -> Self {
        let (pair, metadata) = raw.split_once(';').unwrap_or((raw, ""));
        let (key, value) = match pair.split_once('=') {
            Some((key, value)) => (key.trim(), decoded(value)),
            None => (pair.trim(), None),
        };
        Self {
            key: decoded(key).unwrap_or(key.into()).into_owned(),
            value: value.map(Cow::into_owned),
            metadata: metadata.trim().to_owned(),
            raw: raw.to_owned(),
        }
    }

    pub(super) fn new(key: &str, value: &str, metadata: &str) -> Self {
        let mut raw = format!("{key}={}", utf8_percent_encode(value, ENCODED));
        if !metadata.is_empty() {
            raw.push(';');
            raw.extend(utf8_percent_encode(metadata, ENCODED_METADATA));
        }
        Self {
            raw,
            key: key.to_owned(),
            value: Some(value.to_owned()),
            metadata: metadata.to_owned(),
        }
    }

    /// One of Sentry's own, by its key without the prefix.
    pub(super) fn of_sentry(key: &str, value: &str) -> Self {
        Self::new(&format!("{PREFIX}{key}"), value, "")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.raw
    }

    /// The key without the prefix, if this is one of Sentry's members.
    pub(super) fn sentry_key(&self) -> Option<&str> {
        sentry_key(&self.key)
    }

    /// Whether the value is this one. OpenTelemetry's propagator for baggage cuts a value at the
    /// first `=` in it, which changes nothing in what the member says.
    pub(super) fn says(&self, value: &str) -> bool {
        let Some(own) = &self.value else { return false };
        own == value || own.split('=').next().is_some_and(|start| start.trim() == value)
    }
}

/// The rest of a key behind Sentry's prefix.
pub(super) fn sentry_key(key: &str) -> Option<&str> {
    key.strip_prefix(PREFIX)
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text.trim()).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_a_key_a_value_and_perhaps_properties() {
        for (raw, key, value, metadata) in [
            ("a=1", "a", Some("1"), ""),
            (" a = 1 ;p=2;q ", "a", Some("1"), "p=2;q"),
            ("a=b=c", "a", Some("b=c"), ""),
            ("a=%C3%A9%2C", "a", Some("é,"), ""),
            ("%61=", "a", Some(""), ""),
            ("a=%ff", "a", None, ""),
            ("a", "a", None, ""),
            ("%ff=1", "%ff", Some("1"), ""),
            ("", "", None, ""),
        ] {
            let member = Member::of(raw);
            assert_eq!(member.as_str(), raw);
            assert_eq!(
                (member.key.as_str(), member.value.as_deref(), member.metadata.as_str()),
                (key, value, metadata),
                "{raw}"
            );
        }
    }

    #[test]
    fn what_is_written_can_be_read_again_and_has_no_sign_that_ends_it() {
        for (key, value, metadata) in [
            ("a", "x y,z;é=\"\\%\u{1}", ""),
            ("sentry-release", "shop@1.0+7", ""),
            ("b", "", "p=é,;q"),
        ] {
            let member = Member::new(key, value, metadata);
            assert!(member.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{member:?}");
            assert!(!member.as_str().contains(','));
            let again = Member::of(member.as_str());
            assert_eq!((again.key, again.value), (key.to_owned(), Some(value.to_owned())));
        }
        assert_eq!(Member::of_sentry("sample_rate", "0.25").as_str(), "sentry-sample_rate=0.25");
    }

    #[test]
    fn a_value_is_the_same_where_a_stock_propagator_cut_it() {
        let member = Member::of("a=b=c");
        assert!(member.says("b=c") && member.says("b") && !member.says("c") && !member.says(""));
        assert!(!Member::of("a=%ff").says(""));
    }
}
