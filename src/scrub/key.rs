//! What the key of a value says about it.

use super::lists::{ADDRESSES, DOUBTFUL, DOUBTFUL_ALONE, DOUBTFUL_AT_END, OWNERS, may_tell};
use super::word::{Word, each_word};

/// What a key says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Free,
    /// It may be sent, whatever it is.
    Allowed,
    /// It is a secret, if it looks like one.
    Doubtful,
    /// It is a secret.
    Secret,
    /// It tells where a person is.
    Personal,
}

/// The longest key that is read to its end; a longer one is judged by its last part.
const MAX_KEY: usize = 256;

/// Judges a key by the words of its last part, and by the names of the parts before.
pub(super) fn judge(key: &str) -> Verdict {
    // What is cut off may be the beginning of a word.
    if key.len() <= MAX_KEY && !may_tell(key.as_bytes()) {
        return Verdict::Free;
    }
    let (before, last) = parts(key);
    // No word of a secret is that short.
    let verdict = if last.len() < 3 { Verdict::Free } else { judge_last(last) };
    match before {
        Some(before) if verdict == Verdict::Free && is_under_secret(before) => {
            let (mut word, mut is_about) = (Word::default(), false);
            each_word(last, |found| {
                (word, is_about) = (*found, found.is_about());
            });
            if is_about { Verdict::Free } else { Verdict::Secret }
        }
        _ => verdict,
    }
}

/// Whether the value of such a key of a query string is a secret in any case.
pub(super) fn is_secret_of_query(key: &str) -> bool {
    let mut is_secret = false;
    each_word(parts(key).1, |word| is_secret |= word.is_secret_of_query());
    is_secret
}

/// The key as it is compared with others: letters and digits in lower case.
pub(super) fn normal(key: &str) -> String {
    let kept = key.chars().filter(|char| !matches!(char, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase).collect()
}

fn parts(key: &str) -> (Option<&str>, &str) {
    let start = key.len().saturating_sub(MAX_KEY);
    let key = key.get(start..).unwrap_or(key);
    match key.rsplit_once('.') {
        Some((before, last)) if !last.is_empty() => (Some(before), last),
        _ => (None, key),
    }
}

fn judge_last(last: &str) -> Verdict {
    let mut before = Word::default();
    let (mut words, mut verdict) = (0_usize, Verdict::Free);
    each_word(last, |word| {
        words = words.saturating_add(1);
        if word.is_secret() || word.makes_secret(&before) {
            verdict = Verdict::Secret;
        } else if verdict == Verdict::Free && word.is_on(DOUBTFUL) {
            verdict = Verdict::Doubtful;
        }
        before = *word;
    });
    let verdict = match verdict {
        Verdict::Free if words == 1 && before.is_on(DOUBTFUL_ALONE) => Verdict::Doubtful,
        Verdict::Free if words <= 2 && before.is_on(DOUBTFUL_AT_END) => Verdict::Doubtful,
        Verdict::Free if is_address(last) => return Verdict::Personal,
        Verdict::Free => return Verdict::Free,
        verdict => verdict,
    };
    // `token_type`, but not `type` alone, which is free anyway.
    if words > 1 && before.is_about() { Verdict::Free } else { verdict }
}

fn is_address(last: &str) -> bool {
    let is = |name: &&str| {
        last.len() == name.len()
            && last
                .bytes()
                .zip(name.bytes())
                .all(|(a, b)| a.eq_ignore_ascii_case(&b) || (b == b'_' && matches!(a, b'-' | b' ')))
    };
    ADDRESSES.iter().any(is)
}

/// Whether one of these parts is a name for secrets as a whole.
fn is_under_secret(before: &str) -> bool {
    before.split('.').any(|part| OWNERS.iter().any(|name| part.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_secrets_are_known_in_any_spelling() {
        for key in [
            "password",
            "user.Password",
            "userPassword",
            "DB_PASSWORD",
            "app.password.value",
            "X-API-Key",
            "apiKey",
            "APIKey",
            "aws_secret_access_key",
            "clientSecret",
            "PHPSESSID",
            "session_id",
            "set-cookie",
            "proxy-authorization",
            "mysql_pwd",
            "csrfmiddlewarexsrf-token-csrf",
            "credit_card",
            "_csrf",
        ] {
            assert_eq!(judge(key), Verdict::Secret, "{key}");
        }
        for key in ["token", "access_token", "auth", "session", "connect.sid", "user_session"] {
            assert_eq!(judge(key), Verdict::Doubtful, "{key}");
        }
        for key in ["ip_address", "user.ip_address", "REMOTE_ADDR", "X-Forwarded-For"] {
            assert_eq!(judge(key), Verdict::Personal, "{key}");
        }
    }

    #[test]
    fn keys_that_only_resemble_them_are_free() {
        for key in [
            "",
            ".",
            "author",
            "tokenizer",
            "monkey",
            "key",
            "cache.key",
            "session.id",
            "mcp.session.id",
            "gen_ai.usage.input_tokens",
            "gen_ai.token.type",
            "token_count",
            "password_length",
            "auth.method",
            "secretary",
            "http.request.method",
            "passworded.é",
        ] {
            assert_eq!(judge(key), Verdict::Free, "{key}");
        }
    }

    #[test]
    fn lists_of_users_are_compared_without_capitals_and_marks() {
        assert_eq!(normal("Customer-ID_ß"), "customeridß");
    }
}
