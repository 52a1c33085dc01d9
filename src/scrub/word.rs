//! The words that keys consist of.

/// The longest word of the lists.
const MAX_WORD: usize = 16;

/// A word of a key in lower case.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
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
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether the value under a key with this word is a secret.
    pub(super) fn is_secret(&self) -> bool {
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
    pub(super) fn makes_secret(&self, before: &Self) -> bool {
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
    pub(super) fn is_about(&self) -> bool {
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
    pub(super) fn is_secret_of_query(&self) -> bool {
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

/// Calls for each word of a key: between other characters than letters and digits, and where
/// small letters turn into capitals.
pub(super) fn each_word(key: &str, mut found: impl FnMut(&Word)) {
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
