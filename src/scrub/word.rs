//! The words that keys consist of.

use super::byte::Class;

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

/// Whether a word of the key may tell something of its value: one that begins like a word of the
/// lists and is as long. A key with capitals may, too.
pub(super) fn may_tell(key: &str) -> bool {
    let is_known = |first: u8, length: usize| {
        let lengths = LENGTHS_OF.get(usize::from(first));
        lengths.is_some_and(|lengths| lengths & bit(length) != 0)
    };
    let (mut first, mut length) = (0, 0_usize);
    for byte in key.bytes() {
        if Class::of(byte).is(Class::SMALL) {
            first = if length == 0 { byte } else { first };
            length = length.saturating_add(1);
        } else if is_known(first, length) || byte.is_ascii_uppercase() {
            return true;
        } else {
            length = 0;
        }
    }
    is_known(first, length)
}

/// How long the words are that tell something of a value, alone or together with the next, by
/// their first letters.
const LENGTHS: &[(u8, &[usize])] = &[
    (b'a', &[3, 4, 6, 7, 8, 9, 11, 13]),
    (b'b', &[6]),
    (b'c', &[3, 4, 6, 7, 9, 10, 11, 12, 16]),
    (b'e', &[10]),
    (b'f', &[9]),
    (b'i', &[7]),
    (b'j', &[3, 10]),
    (b'm', &[6]),
    (b'o', &[3]),
    (b'p', &[3, 6, 7, 8, 9, 10]),
    (b'r', &[4, 12]),
    (b's', &[3, 6, 7, 8, 9, 10, 12]),
    (b't', &[5]),
    (b'x', &[4, 9, 10]),
];

/// The lengths by any first byte, as bits.
static LENGTHS_OF: [u32; 256] = {
    let mut all = [0; 256];
    let (mut rest, mut byte) = (all.as_mut_slice(), 0_u8);
    while let Some((lengths, others)) = rest.split_first_mut() {
        *lengths = lengths_of(byte);
        (rest, byte) = (others, byte.wrapping_add(1));
    }
    all
};

const fn lengths_of(first: u8) -> u32 {
    let (mut all, mut rest) = (0, LENGTHS);
    while let [(letter, lengths), others @ ..] = rest {
        let mut lengths = *lengths;
        while let [length, others @ ..] = lengths {
            all |= if *letter == first { bit(*length) } else { 0 };
            lengths = others;
        }
        rest = others;
    }
    all
}

/// The bit of a length; those of words on the lists fit in.
const fn bit(length: usize) -> u32 {
    if length < 32 { 1 << length } else { 0 }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::key::{Verdict, judge};

    #[test]
    fn no_word_of_the_lists_is_passed_by() {
        let word = |text: &str| {
            let mut word = Word::default();
            text.bytes().for_each(|byte| word.push(byte));
            word
        };
        // All words that stand in this file and where keys are judged.
        let words: Vec<_> = [include_str!("word.rs"), include_str!("key.rs")]
            .into_iter()
            .flat_map(|file| file.split('"'))
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_lowercase()))
            .collect();
        let mut count = 0;
        for text in &words {
            let before = word(text);
            let tells = before.is_secret()
                || judge(text) != Verdict::Free
                || words.iter().any(|next| word(next).makes_secret(&before));
            assert!(!tells || may_tell(text), "{text}");
            assert!(!tells || may_tell(&format!("a.b_{text}-c")), "{text}");
            count += usize::from(tells);
        }
        assert!(count > 60, "{count}");
        for key in ["ip_address", "remote_addr", "x-forwarded-for", "x real ip", "userPassword"] {
            assert!(may_tell(key), "{key}");
        }
        for key in ["", "order.items", "order.id", "http.route", "tokens.é", &"s".repeat(100)] {
            assert!(!may_tell(key), "{key}");
        }
    }
}
