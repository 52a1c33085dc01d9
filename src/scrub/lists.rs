//! The words of keys that tell something of their values.

use super::byte::{Class, rest_from};
use super::table::Table;

/// Under these, a value is a secret.
pub(super) const SECRETS: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "authkey",
    "authorization",
    "authtoken",
    "cardnumber",
    "clientsecret",
    "connectionstring",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "creditcard",
    "csrf",
    "csrftoken",
    "cvc",
    "cvv",
    "idtoken",
    "jsessionid",
    "jwt",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "phpsessid",
    "privatekey",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "secrets",
    "sessid",
    "sessionid",
    "sessiontoken",
    "signingkey",
    "ssn",
    "xcsrftoken",
    "xsrf",
    "xsrftoken",
];

/// A value is a secret where the key ends with the first word and has one of the others before it.
pub(super) const PAIRS: &[(&str, &[&str])] = &[
    (
        "key",
        &[
            "access",
            "account",
            "api",
            "auth",
            "encryption",
            "master",
            "private",
            "secret",
            "session",
            "shared",
            "signing",
        ],
    ),
    ("id", &["session"]),
    ("ids", &["session"]),
    ("string", &["connection"]),
    ("card", &["credit"]),
    ("number", &["card"]),
    ("code", &["security"]),
];

/// Under these, a value is a secret if it looks like one.
pub(super) const DOUBTFUL: &[&str] = &["token"];

/// The same of words that are the only one of their key.
pub(super) const DOUBTFUL_ALONE: &[&str] = &["auth", "bearer", "sid", "symfony"];

/// The same of words that end a key of at most two.
pub(super) const DOUBTFUL_AT_END: &[&str] = &["session"];

/// Keys of addresses on Sentry's list.
pub(super) const ADDRESSES: &[&str] =
    &["ip_address", "remote_addr", "x_forwarded_for", "x_real_ip"];

/// Names for secrets as a whole.
pub(super) const OWNERS: &[&str] = &[
    "authorization",
    "cookie",
    "cookies",
    "credentials",
    "passwd",
    "password",
    "pwd",
    "set-cookie",
];

/// What these name is about a secret, but none.
pub(super) const ABOUT: &[&str] = &[
    "age",
    "alg",
    "algorithm",
    "arn",
    "at",
    "attempts",
    "budget",
    "changed",
    "consent",
    "count",
    "enabled",
    "endpoint",
    "error",
    "errors",
    "expired",
    "expires",
    "expiry",
    "failures",
    "in",
    "index",
    "kind",
    "len",
    "length",
    "limit",
    "method",
    "mode",
    "name",
    "names",
    "outcome",
    "policy",
    "present",
    "provider",
    "required",
    "reset",
    "result",
    "rotation",
    "scheme",
    "size",
    "status",
    "strength",
    "ttl",
    "type",
    "types",
    "uri",
    "url",
    "usage",
    "valid",
    "version",
];

/// Under these, the value of a query string is a secret.
pub(super) const OF_QUERIES: &[&str] = &[
    "assertion",
    "code",
    "hmac",
    "key",
    "nonce",
    "sig",
    "signature",
    "state",
    "ticket",
    "verifier",
];

/// Whether a word of the key may tell something of its value: one that begins like a word of the
/// lists and is as long. A key with capitals may, too.
pub(super) fn may_tell(key: &[u8]) -> bool {
    let mut rest = key;
    loop {
        let next = rest_from(rest, |class| !class.is(Class::SMALL));
        let length = rest.len().saturating_sub(next.len());
        if rest.first().is_some_and(|first| is_known(*first, length)) {
            return true;
        }
        match next {
            [] => return false,
            [byte, ..] if byte.is_ascii_uppercase() => return true,
            [_, others @ ..] => rest = others,
        }
    }
}

/// Whether a word of the lists begins with this letter and is as long.
pub(super) fn is_known(first: u8, length: usize) -> bool {
    LENGTHS.of(first) & bit(length) != 0
}

/// How long the words are that tell something, alone or together with the next, by their first
/// letters.
static LENGTHS: Table = {
    let all = with_all(Table::EMPTY, SECRETS);
    let (mut all, mut pairs) = (all, PAIRS);
    while let [(_, before), rest @ ..] = pairs {
        (all, pairs) = (with_all(all, before), rest);
    }
    let all = with_all(with_all(with_all(all, DOUBTFUL), DOUBTFUL_ALONE), DOUBTFUL_AT_END);
    with_all(with_all(all, OWNERS), ADDRESSES)
};

const fn with_all(mut table: Table, mut keys: &[&str]) -> Table {
    while let [key, rest @ ..] = keys {
        (table, keys) = (with_key(table, key.as_bytes()), rest);
    }
    table
}

/// With the longest word of a key, unless another tells of it already.
const fn with_key(table: Table, mut key: &[u8]) -> Table {
    let (mut longest, mut most) = (0, 0);
    while let [first, ..] = key {
        let mut length = 0_usize;
        while let [b'a'..=b'z', rest @ ..] = key {
            (length, key) = (length.saturating_add(1), rest);
        }
        if table.of(*first) & bit(length) != 0 {
            return table;
        }
        if length > most {
            (longest, most) = (*first, length);
        }
        if let [_, rest @ ..] = key {
            key = rest;
        }
    }
    table.with(longest, bit(most))
}

/// The bit of a length; those of words on the lists fit in.
const fn bit(length: usize) -> u32 {
    if length < 32 { 1 << length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::calm::{calm, marks};
    use crate::scrub::key::{Verdict, judge};
    use crate::scrub::word::Word;

    #[test]
    fn no_word_of_the_lists_is_passed_by() {
        let befores = PAIRS.iter().flat_map(|(_, before)| *before);
        let singles = [SECRETS, DOUBTFUL, DOUBTFUL_ALONE, DOUBTFUL_AT_END, OWNERS, ADDRESSES];
        for key in singles.into_iter().flatten().chain(befores) {
            assert!(may_tell(key.as_bytes()), "{key}");
            assert!(may_tell(format!("a.b_{key}-c").as_bytes()), "{key}");
            assert!(key.len() <= Word::MAX_LEN, "{key}");
            let text = format!("see {key}:x");
            assert!(calm(text.as_bytes(), marks(&text, false)) < text.len(), "{key}");
        }
        for (last, befores) in PAIRS {
            for before in *befores {
                assert_eq!(judge(&format!("{before}_{last}")), Verdict::Secret, "{before} {last}");
            }
        }
        for key in ["x-forwarded-for", "x real ip", "userPassword"] {
            assert!(may_tell(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn other_words_are_passed_by() {
        let long = "s".repeat(100);
        for key in
            ["", "order.items", "order.id", "http.route", "tokens.é", "stage_7.rs", "61", &long]
        {
            assert!(!may_tell(key.as_bytes()), "{key}");
        }
    }
}
