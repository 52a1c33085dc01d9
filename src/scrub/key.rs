//! What the key of a value says about it.

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

/// The longest word of the lists.
const MAX_WORD: usize = 16;

/// The longest key that is read to its end; a longer one is judged by its last part.
const MAX_KEY: usize = 256;

/// A word of a key in lower case.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    bytes: [u8; MAX_WORD],
    length: usize,
}

impl Word {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
        }
        self.length = self.length.saturating_add(1);
    }

    /// The word; empty if it is longer than any that is known.
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether the value under a key with this word is a secret.
    fn is_secret(&self) -> bool {
        matches!(
            self.as_bytes(),
            b"accesskey"
                | b"accesstoken"
                | b"apikey"
                | b"apitoken"
                | b"authkey"
                | b"authorization"
                | b"authtoken"
                | b"cardnumber"
                | b"clientsecret"
                | b"connectionstring"
                | b"cookie"
                | b"cookies"
                | b"credential"
                | b"credentials"
                | b"creditcard"
                | b"csrf"
                | b"csrftoken"
                | b"cvc"
                | b"cvv"
                | b"idtoken"
                | b"jsessionid"
                | b"jwt"
                | b"otp"
                | b"passcode"
                | b"passphrase"
                | b"passwd"
                | b"password"
                | b"passwords"
                | b"phpsessid"
                | b"privatekey"
                | b"pwd"
                | b"refreshtoken"
                | b"secret"
                | b"secretkey"
                | b"secrets"
                | b"sessid"
                | b"sessionid"
                | b"sessiontoken"
                | b"signingkey"
                | b"ssn"
                | b"xcsrftoken"
                | b"xsrf"
                | b"xsrftoken"
        )
    }

    /// Whether it makes a secret out of what the word before it tells.
    fn makes_secret(&self, before: &Self) -> bool {
        match self.as_bytes() {
            b"key" => matches!(
                before.as_bytes(),
                b"access"
                    | b"account"
                    | b"api"
                    | b"auth"
                    | b"encryption"
                    | b"master"
                    | b"private"
                    | b"secret"
                    | b"session"
                    | b"shared"
                    | b"signing"
            ),
            b"id" | b"ids" => before.as_bytes() == b"session",
            b"string" => before.as_bytes() == b"connection",
            b"card" => before.as_bytes() == b"credit",
            b"number" => before.as_bytes() == b"card",
            b"code" => before.as_bytes() == b"security",
            _ => false,
        }
    }

    /// Whether what it names is about a secret, but none.
    fn is_about(&self) -> bool {
        matches!(
            self.as_bytes(),
            b"age"
                | b"alg"
                | b"algorithm"
                | b"arn"
                | b"at"
                | b"attempts"
                | b"budget"
                | b"changed"
                | b"consent"
                | b"count"
                | b"enabled"
                | b"endpoint"
                | b"error"
                | b"errors"
                | b"expired"
                | b"expires"
                | b"expiry"
                | b"failures"
                | b"in"
                | b"index"
                | b"kind"
                | b"len"
                | b"length"
                | b"limit"
                | b"method"
                | b"mode"
                | b"name"
                | b"names"
                | b"outcome"
                | b"policy"
                | b"present"
                | b"provider"
                | b"required"
                | b"reset"
                | b"result"
                | b"rotation"
                | b"scheme"
                | b"size"
                | b"status"
                | b"strength"
                | b"ttl"
                | b"type"
                | b"types"
                | b"uri"
                | b"url"
                | b"usage"
                | b"valid"
                | b"version"
        )
    }

    /// Whether the value of a query's key with this word is a secret.
    fn is_secret_of_query(&self) -> bool {
        matches!(
            self.as_bytes(),
            b"assertion"
                | b"code"
                | b"hmac"
                | b"key"
                | b"nonce"
                | b"sig"
                | b"signature"
                | b"state"
                | b"ticket"
                | b"verifier"
        )
    }
}

/// Judges a key by the words of its last part, and by the names of the parts before.
pub(super) fn judge(key: &str) -> Verdict {
    let (before, last) = parts(key);
    let verdict = judge_last(last);
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
    let (mut words, mut verdict, mut is_about) = (0_usize, Verdict::Free, false);
    each_word(last, |word| {
        words = words.saturating_add(1);
        is_about = word.is_about();
        if word.is_secret() || word.makes_secret(&before) {
            verdict = Verdict::Secret;
        } else if verdict == Verdict::Free && word.as_bytes() == b"token" {
            verdict = Verdict::Doubtful;
        }
        before = *word;
    });
    let verdict = match (verdict, before.as_bytes()) {
        (Verdict::Free, b"auth" | b"bearer" | b"sid" | b"symfony") if words == 1 => {
            Verdict::Doubtful
        }
        (Verdict::Free, b"session") if words <= 2 => Verdict::Doubtful,
        (Verdict::Free, _) if is_address(last) => return Verdict::Personal,
        (verdict, _) => verdict,
    };
    // `token_type`, but not `type` alone, which is free anyway.
    if is_about && words > 1 { Verdict::Free } else { verdict }
}

/// Keys of addresses on Sentry's list.
fn is_address(last: &str) -> bool {
    let is = |name: &str| {
        last.len() == name.len()
            && last
                .bytes()
                .zip(name.bytes())
                .all(|(a, b)| a.eq_ignore_ascii_case(&b) || (b == b'_' && matches!(a, b'-' | b' ')))
    };
    matches!(last.len(), 9..=15)
        && ["ip_address", "remote_addr", "x_forwarded_for", "x_real_ip"].into_iter().any(is)
}

/// Whether one of these parts is a name for secrets as a whole.
fn is_under_secret(before: &str) -> bool {
    before.split('.').any(|part| {
        matches!(part.len(), 3..=13)
            && [
                "authorization",
                "cookie",
                "cookies",
                "credentials",
                "passwd",
                "password",
                "pwd",
                "set-cookie",
            ]
            .iter()
            .any(|name| part.eq_ignore_ascii_case(name))
    })
}

/// Calls for each word of a key: between other characters than letters and digits, and where
/// small letters turn into capitals.
fn each_word(key: &str, mut found: impl FnMut(&Word)) {
    let mut word = Word::default();
    let mut before = 0_u8;
    let mut bytes = key.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let is_part = byte.is_ascii_alphanumeric();
        let begins = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || (before.is_ascii_uppercase()
                    && bytes.peek().is_some_and(|next| next.is_ascii_lowercase())));
        if (!is_part || begins) && word.length > 0 {
            found(&word);
            word = Word::default();
        }
        if is_part {
            word.push(byte);
        }
        before = byte;
    }
    if word.length > 0 {
        found(&word);
    }
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
