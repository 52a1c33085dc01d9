//! One pass over a text that takes out what must not be sent.

use std::borrow::Cow;

use super::family::{Families, Family};
use super::key::{self, Verdict};
use super::output::{Output, SHORT};
use super::settings::Scrubbing;
use super::value::{self, Mark, Style};
use super::{card, mail, shape, steps, url};

/// What stands in place of user and password (rules URL-2 and URL-5).
const NOBODY: &str = "[Filtered]:[Filtered]";

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything, with URLs, JSON or forms in it or not.
    Text,
    /// One URL, or the target of a request.
    Url,
    /// The query string of a URL.
    Query,
    /// The text of a query without its literals, where an assignment tells nothing.
    Statement,
}

/// A text on its way.
struct Pass<'a, 's> {
    text: &'a str,
    bytes: &'a [u8],
    settings: &'s Scrubbing,
    families: Families,
    kind: Kind,
    at: usize,
    /// Before this, nothing is read again.
    floor: usize,
    /// Where the URL ends that we are in.
    url_end: usize,
    in_query: bool,
    is_json: bool,
    /// Whether we are in a string of JSON.
    in_string: bool,
    output: Output<'a>,
}

/// The shortest text in which more than an address, an assignment or a URL can be.
const SHORT_TEXT: usize = 13;

/// How many blanks may stand between a key and what follows it.
const MAX_BLANKS: usize = 8;

/// Keys that are headers, so that what follows on the line is their value.
const HEADERS: &[&str] =
    &["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

/// The text without what must not be sent.
pub(super) fn scrubbed<'a>(
    text: &'a str,
    kind: Kind,
    families: Families,
    settings: &Scrubbing,
) -> Cow<'a, str> {
    let is_short = text.len() < SHORT_TEXT && matches!(kind, Kind::Text | Kind::Statement);
    if is_short && !text.bytes().any(|byte| matches!(byte, b'@' | b':' | b'=' | b'%')) {
        steps::count(text.len());
        return text.into();
    }
    let first = text.bytes().find(|byte| !byte.is_ascii_whitespace());
    let pass = Pass {
        text,
        bytes: text.as_bytes(),
        settings,
        families,
        kind,
        at: 0,
        floor: 0,
        url_end: if matches!(kind, Kind::Url | Kind::Query) { text.len() } else { 0 },
        in_query: kind == Kind::Query,
        is_json: matches!(first, Some(b'{' | b'[')),
        in_string: false,
        output: Output::new(text),
    };
    pass.run()
}

/// A text with the user info of every URL in it replaced.
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    if !text.contains("://") || !text.contains('@') {
        return text.into();
    }
    let families = Families::NONE.with(Family::UserInfo);
    scrubbed(text, Kind::Text, families, &Scrubbing::default())
}

impl<'a> Pass<'a, '_> {
    fn run(mut self) -> Cow<'a, str> {
        while let Some(byte) = self.byte(self.at) {
            let before = self.at;
            match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => self.word(byte),
                b':' => self.colon(),
                b'=' => self.equals(),
                b'@' => self.mail(1),
                b'%' => self.percent(),
                b'?' => self.question_mark(),
                b'#' => self.hash(),
                b'\\' => self.backslash(),
                b'-' => self.dash(),
                b'"' => {
                    self.in_string = self.is_json && !self.in_string;
                    self.at = self.after(1);
                }
                _ => self.at = self.after(1),
            }
            steps::count(self.at.saturating_sub(before));
        }
        self.output.finish()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn after(&self, bytes: usize) -> usize {
        self.at.saturating_add(bytes)
    }

    fn looks_for(&self, family: Family) -> bool {
        self.families.has(family)
    }

    /// Takes out a part, and goes on at `next`.
    fn filter(&mut self, part: (usize, usize), quotes: &str, next: usize) {
        self.output.filter(part, quotes);
        (self.at, self.floor) = (next, next);
    }

    /// A run of letters and digits: it may begin a token or be a number.
    fn word(&mut self, first: u8) {
        let start = self.at;
        if first.is_ascii_digit() && self.looks_for(Family::CardNumbers) {
            let end = card::end(self.bytes, start).filter(|_| !self.is_negative(start));
            if let Some(end) = end {
                // A number of JSON becomes a text of JSON.
                let quotes = if self.is_bare_number(start, end) { "\"" } else { "" };
                return self.filter((start, end), quotes, end);
            }
        } else if self.looks_for(Family::Tokens)
            && let Some((from, to)) = shape::token(self.bytes, start)
        {
            return self.filter((from, to), "", to);
        }
        let rest = self.bytes.get(start..).unwrap_or_default();
        self.at = self.after(rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count());
    }

    /// Whether the number that starts here has a sign.
    fn is_negative(&self, start: usize) -> bool {
        let head = self.bytes.get(..start).unwrap_or_default();
        match head {
            [b'-'] => true,
            [.., before, b'-'] => !before.is_ascii_alphanumeric(),
            _ => false,
        }
    }

    /// Whether a number stands in JSON as a value of its own.
    fn is_bare_number(&self, start: usize, end: usize) -> bool {
        let rest = self.bytes.get(end..).unwrap_or_default();
        let next = rest.iter().take(MAX_BLANKS).find(|byte| !byte.is_ascii_whitespace());
        let before = start.checked_sub(1).and_then(|before| self.byte(before));
        self.is_json
            && !self.in_string
            && before.is_some_and(|byte| byte.is_ascii_whitespace() || b":,[".contains(&byte))
            && next.is_none_or(|byte| b",]}".contains(byte))
    }

    fn colon(&mut self) {
        match (self.byte(self.after(1)), self.byte(self.after(2))) {
            (Some(b'/'), Some(b'/')) => self.url(),
            (Some(b':'), _) => self.at = self.after(2),
            _ => self.assignment(self.after(1), Mark::Colon),
        }
    }

    fn equals(&mut self) {
        if self.in_query && self.at < self.url_end {
            return self.query_value();
        }
        match self.byte(self.after(1)) {
            Some(b'=') => self.at = self.after(2),
            Some(b'>') => self.assignment(self.after(2), Mark::Equals),
            _ => self.assignment(self.after(1), Mark::Equals),
        }
    }

    fn percent(&mut self) {
        let code = self.bytes.get(self.after(1)..self.after(3)).unwrap_or_default();
        match code {
            b"40" => self.mail(3),
            b"3D" | b"3d" | b"3A" | b"3a" => self.assignment(self.after(3), Mark::Encoded),
            [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => self.at = self.after(3),
            _ => self.at = self.after(1),
        }
    }

    fn mail(&mut self, width: usize) {
        let after = self.after(width);
        let around = match self.looks_for(Family::MailAddresses) {
            true => mail::around(self.bytes, (self.at, after), self.floor),
            false => None,
        };
        match around {
            Some((from, to)) => self.filter((from, to), "", to),
            None => (self.at, self.floor) = (after, after),
        }
    }

    fn dash(&mut self) {
        match shape::pem(self.bytes, self.at).filter(|_| self.looks_for(Family::Tokens)) {
            Some(end) => self.filter((self.at, end), "", end),
            None => self.at = self.after(1),
        }
    }

    /// An escape of JSON is no letter of a word.
    fn backslash(&mut self) {
        match self.byte(self.after(1)) {
            Some(b'n' | b'r' | b't' | b'b' | b'f') => {
                self.at = self.after(2);
                self.floor = self.at;
            }
            Some(b'u') => {
                let code = self.bytes.get(self.after(2)..self.after(6)).unwrap_or_default();
                let is_code = code.len() == 4 && code.iter().all(u8::is_ascii_hexdigit);
                self.at = self.after(if is_code { 6 } else { 2 });
                self.floor = self.at;
            }
            Some(b'"' | b'\\' | b'/' | b'\'') => self.at = self.after(2),
            _ => self.at = self.after(1),
        }
    }

    fn url(&mut self) {
        let start = self.after(3);
        if start > self.url_end {
            self.url_end = url::end(self.bytes, start);
            self.in_query = false;
        }
        match url::user_info(self.bytes, start, self.url_end) {
            Some(at) => {
                if self.looks_for(Family::UserInfo) {
                    self.output.replace((start, at), NOBODY, SHORT);
                }
                // What is before the `@` was the user, and is no name of an address.
                self.at = at.saturating_add(1);
                self.floor = self.at;
            }
            None => self.at = start,
        }
    }

    fn question_mark(&mut self) {
        if self.at >= self.url_end
            && self.kind == Kind::Text
            && url::begins_query(self.bytes, self.at)
        {
            self.url_end = url::end(self.bytes, self.at);
            self.in_query = false;
        }
        if self.at < self.url_end {
            self.in_query = true;
        }
        self.at = self.after(1);
    }

    fn hash(&mut self) {
        if self.at < self.url_end && self.looks_for(Family::QueryValues) {
            self.output.replace((self.at, self.url_end), "", "");
            (self.at, self.floor) = (self.url_end, self.url_end);
        } else {
            self.at = self.after(1);
        }
    }

    /// A value of a query string: any, or that of a key of a secret.
    fn query_value(&mut self) {
        let from = self.after(1);
        let rest = self.bytes.get(from..self.url_end).unwrap_or_default();
        let length = rest.iter().take_while(|byte| !matches!(byte, b'&' | b'#')).count();
        let to = from.saturating_add(length);
        steps::count(length);
        let (name, _) = self.key();
        let verdict = self.verdict(name);
        let is_secret = match verdict {
            Verdict::Allowed => false,
            Verdict::Free => self.looks_for(Family::SecretKeys) && key::is_secret_of_query(name),
            _ => true,
        };
        let is_filtered =
            is_secret || (self.looks_for(Family::QueryValues) && verdict != Verdict::Allowed);
        let value = self.text.get(from..to).unwrap_or_default();
        if is_filtered && !matches!(value, "" | SHORT) {
            self.filter((from, to), "", to);
        } else {
            self.at = from;
        }
    }

    /// A mark behind what may be a key: takes out the value if the key says that it is a secret.
    fn assignment(&mut self, start: usize, mark: Mark) {
        let found = self.secret_value(start, mark);
        match found {
            Some((found, quotes)) => {
                let quotes = if found.is_bare { quotes } else { "" };
                self.output.filter((found.from, found.to), quotes);
                (self.at, self.floor) = (found.next, found.next);
            }
            None => self.at = start,
        }
    }

    fn secret_value(&self, start: usize, mark: Mark) -> Option<(value::Found, &'a str)> {
        if self.kind == Kind::Statement {
            return None;
        }
        let (name, quotes) = self.key();
        let verdict = self.verdict(name);
        if matches!(verdict, Verdict::Free | Verdict::Allowed) {
            return None;
        }
        let is_plain = quotes.is_empty() && mark == Mark::Colon;
        let is_header = is_plain && HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header));
        let style = Style { quotes, in_string: self.in_string, mark, is_line: is_header };
        let found = value::find(self.bytes, start, style)?;
        let value = self.text.get(found.from..found.to)?;
        // In a sentence, what follows `token:` may be a word like others.
        let is_word = is_plain
            && verdict == Verdict::Doubtful
            && found.is_bare
            && !shape::looks_random(value.as_bytes());
        (!is_word && !value::is_placeholder(value, name)).then_some((found, quotes))
    }

    fn verdict(&self, name: &str) -> Verdict {
        let verdict = if name.is_empty() { Verdict::Free } else { self.settings.judge(name) };
        match verdict {
            Verdict::Personal if !self.looks_for(Family::Personal) => Verdict::Free,
            Verdict::Doubtful | Verdict::Secret if !self.looks_for(Family::SecretKeys) => {
                Verdict::Free
            }
            verdict => verdict,
        }
    }

    /// The key before the mark, and the quotes around it.
    fn key(&self) -> (&'a str, &'a str) {
        let read = self.bytes.get(self.floor..self.at).unwrap_or_default();
        let length = |bytes: &[u8], is: fn(&u8) -> bool, most: usize| {
            bytes.iter().rev().take(most).take_while(|byte| is(byte)).count()
        };
        let cut = |bytes: &'a [u8], by: usize| {
            bytes.get(..bytes.len().saturating_sub(by)).unwrap_or_default()
        };
        let read = cut(
            read,
            length(read, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'), MAX_BLANKS),
        );
        let quote = length(read, |byte| matches!(byte, b'"' | b'\'' | b'`'), 1);
        // An even number of backslashes escapes each other, and not the quote.
        let escape = match quote {
            0 => 0,
            _ => length(cut(read, quote), |byte| *byte == b'\\', usize::MAX),
        };
        let escape = if escape.is_multiple_of(2) { 0 } else { escape };
        let end = self.floor.saturating_add(read.len());
        let quotes = self.text.get(end.saturating_sub(quote.saturating_add(escape))..end);
        let read = cut(read, quote.saturating_add(escape));
        // As in `user[password]=…`.
        let bracket = match read {
            [.., b'%', b'5', b'D' | b'd'] => 3,
            [.., b']'] => 1,
            _ => 0,
        };
        let read = cut(read, bracket);
        let name = length(
            read,
            |byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b'-' | b'.')
                    || !byte.is_ascii()
            },
            usize::MAX,
        );
        let end = self.floor.saturating_add(read.len());
        // The two digits of a code before it are none of its letters.
        let is_code = cut(read, name).last() == Some(&b'%');
        let name = name.saturating_sub(if is_code { 2 } else { 0 });
        steps::count(name.saturating_add(escape));
        let name = self.text.get(end.saturating_sub(name)..end).unwrap_or_default();
        (name.trim_start_matches(['-', '.']), quotes.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> String {
        scrubbed(text, Kind::Text, Families::default(), &Scrubbing::default()).into_owned()
    }

    fn with_consent(text: &str) -> String {
        let families = Families::default().opened();
        scrubbed(text, Kind::Text, families, &Scrubbing::default()).into_owned()
    }

    #[test]
    fn urls_in_texts_lose_what_is_secret_and_the_rest_stays() {
        for (text, expected) in [
            ("no url", "no url"),
            ("see https://host mail me", "see https://host mail me"),
            (
                "error for url (https://u:S@h/p?api_key=S&b) again",
                "error for url (https://[Filtered]:[Filtered]@h/p?api_key=[Filtered]&b) again",
            ),
            (
                "GET https://bob:pw@h/x?token=1",
                "GET https://[Filtered]:[Filtered]@h/x?token=[Filtered]",
            ),
            ("é=postgres://u:p@h/db", "é=postgres://[Filtered]:[Filtered]@h/db"),
            ("https://h/#access_token=1", "https://h/"),
            (
                "GET /reset?code=abc&x=1 HTTP/1.1",
                "GET /reset?code=[Filtered]&x=[Filtered] HTTP/1.1",
            ),
            ("://", "://"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(without_user_info("a://u:p@h?x=1 b"), "a://[Filtered]:[Filtered]@h?x=1 b");
    }

    #[test]
    fn a_url_and_a_query_are_scrubbed_to_their_end() {
        let of = |text: &str, kind| {
            scrubbed(text, kind, Families::default(), &Scrubbing::default()).into_owned()
        };
        assert_eq!(of("/a?token=1#x", Kind::Url), "/a?token=[Filtered]");
        assert_eq!(of("https://h/?q=it's me&b=", Kind::Url), "https://h/?q=[Filtered]&b=");
        assert_eq!(of("token=a b&flag&c=2", Kind::Query), "token=[Filtered]&flag&c=[Filtered]");
    }

    #[test]
    fn consent_opens_queries_and_addresses_but_no_secrets() {
        for (text, expected) in [
            (
                "https://u:p@h/?page=2&token=x",
                "https://[Filtered]:[Filtered]@h/?page=2&token=[Filtered]",
            ),
            ("https://h/cb?code=x&lang=de#top", "https://h/cb?code=[Filtered]&lang=de#top"),
            ("mail to jo@example.com", "mail to jo@example.com"),
            ("next=%2Fcb%3Ftoken%3Dabc%26a%3D1", "next=%2Fcb%3Ftoken%3D[Filtered]%26a%3D1"),
        ] {
            assert_eq!(with_consent(text), expected);
        }
    }

    #[test]
    fn values_of_secret_keys_are_taken_out_in_any_notation() {
        for (text, expected) in [
            (r#"{"password":"x\"y","a":1}"#, r#"{"password":"[Filtered]","a":1}"#),
            (
                r#"{"Password" : 12, "a":[{"api_key":null}]}"#,
                r#"{"Password" : "[Filtered]", "a":[{"api_key":null}]}"#,
            ),
            (r#"{"credentials":{"a":"}"},"b":2}"#, r#"{"credentials":"[Filtered]","b":2}"#),
            (r#"{"m":"{\"password\":\"x\"}"}"#, r#"{"m":"{\"password\":\"[Filtered]\"}"}"#),
            (r#"{"m":"{\"password\":5}"}"#, r#"{"m":"{\"password\":\"[Filtered]\"}"}"#),
            (r#"{"m":"password: "}"#, r#"{"m":"password: "}"#),
            (r#"{"m":"password=x"}"#, r#"{"m":"password=[Filtered]"}"#),
            ("a=b&password=x+y&c=d", "a=b&password=[Filtered]&c=d"),
            (
                "user[password]=x&user%5Bpassword%5D=y",
                "user[password]=[Filtered]&user%5Bpassword%5D=[Filtered]",
            ),
            ("Server=h;Password=a,b!;Database=d", "Server=h;Password=[Filtered];Database=d"),
            ("{'password': 'x', 'n': 1}", "{'password': '[Filtered]', 'n': 1}"),
            (
                "Login { user: \"jo\", password: Some(\"x\") }",
                "Login { user: \"jo\", password: Some(\"[Filtered]\") }",
            ),
            ("(password=x, next)", "(password=[Filtered], next)"),
            ("\"password\"=>\"x\"", "\"password\"=>\"[Filtered]\""),
            ("Authorization: Bearer abc def\nHost: h", "Authorization: [Filtered]\nHost: h"),
            ("cookie: a=1; b=2", "cookie: [Filtered]"),
            ("password=[Filtered], then", "password=[Filtered], then"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn texts_that_only_look_secret_stay() {
        for text in [
            "unexpected token: expected ident",
            "token::parse failed in auth::session",
            "UPDATE u SET password = ? WHERE token = $1",
            "password = :password",
            "author=jo monkey: banana",
            "token_type=bearer, token_count: 12",
            "Bearer authentication failed",
            "password=true secret=none",
            "a ? b : c == d",
            "C:\\new\\temp",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn an_escape_of_json_is_never_torn() {
        assert_eq!(clean(r#"{"m":"a\njo@example.com"}"#), r#"{"m":"a\n[Filtered]"}"#);
        assert_eq!(clean(r#"{"m":"a\u0041b@example.com"}"#), r#"{"m":"a\u0041[Filtered]"}"#);
        assert_eq!(clean(r#"{"n":4111111111111111}"#), r#"{"n":"[Filtered]"}"#);
    }

    #[test]
    fn many_secrets_do_not_make_a_text_much_longer() {
        let query = "a=1&".repeat(1000);
        let once = scrubbed(&query, Kind::Query, Families::default(), &Scrubbing::default());
        assert!(once.len() <= query.len() * 2 + 60, "{}", once.len());
        assert!(!once.contains('1'));
    }

    #[test]
    fn no_text_is_looked_at_again_and_again() {
        for piece in [
            "password=",
            "token:",
            "a@",
            "a%40",
            "eyJ-",
            "eyJaaaaaaa.",
            "sk-a",
            "://",
            "a://b@",
            "?a",
            "a?b=",
            "\\\"",
            "\"password\":[",
            "-----BEGIN ",
            "Bearer ",
            "Basic+",
            "4111 ",
            "password='",
            "token: {",
            "\"a\":",
            "cookie: ",
            "SK",
            "hooks.slack.com/services/",
            "é@",
            "password=:",
            "token: Bearer ",
            "%3D",
            "x",
            "password: ****",
            "a-",
            "\\",
        ] {
            let text = piece.repeat(20_000);
            for text in [text.clone(), format!("{{\"m\":\"{text}")] {
                let steps = steps::of(|| drop(clean(&text)));
                assert!(steps <= text.len() * 8 + 100, "{piece}: {steps} for {}", text.len());
            }
        }
    }

    /// Pieces of what the pass reacts to, in any order.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "password",
                "token",
                "api_key",
                "=",
                ":",
                ": ",
                "://",
                "@",
                "%40",
                "?",
                "&",
                "#",
                "\"",
                "\\\"",
                "\\",
                "'",
                "{",
                "}",
                "[",
                "]",
                ",",
                " ",
                "\n",
                "https://",
                "jo@example.com",
                "a.b",
                "eyJhbGciOi.eyJzdWIiOi.x",
                "4111111111111111",
                "4111 1111",
                "Bearer ",
                "Basic ",
                "[Filtered]",
                "*",
                "…",
                "é",
                "%3D",
                "%5D",
                "-----BEGIN X-----",
                "-----END X-----",
                "Some(",
                ")",
                "user:",
                "\\n",
                "\\u00",
                "sk-",
                "AKIA",
                "x",
                "1",
                ";",
                "$1",
                "cookie",
                "/",
                "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            ])
            .prop_map(str::to_owned),
            "[a-zA-Z0-9]{1,12}",
            "\\PC{0,3}",
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(|float| serde_json::json!(float)),
            Just(4_111_111_111_111_111_i64.into()),
            pieces().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            let key = prop_oneof![
                prop::sample::select(vec!["password", "token", "a", "session", "ip_address"])
                    .prop_map(str::to_owned),
                pieces(),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::hash_map(key, inner.clone(), 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
                // JSON as a text in JSON.
                inner.prop_map(|json| json.to_string().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn once_more_changes_nothing(text in pieces()) {
            for families in [Families::default(), Families::default().opened()] {
                for kind in [Kind::Text, Kind::Url, Kind::Query, Kind::Statement] {
                    let settings = Scrubbing::default();
                    let once = scrubbed(&text, kind, families, &settings);
                    let twice = scrubbed(&once, kind, families, &settings);
                    prop_assert_eq!(&twice, &once, "{:?} of {}", kind, text);
                }
            }
        }

        #[test]
        fn json_stays_json(json in json(), pretty: bool) {
            let text = if pretty { format!("{json:#}") } else { json.to_string() };
            if json.is_object() || json.is_array() {
                let clean = clean(&text);
                let parsed = serde_json::from_str::<serde_json::Value>(&clean);
                prop_assert!(parsed.is_ok(), "{}\nbecame\n{}", text, clean);
            }
        }

        #[test]
        fn the_work_grows_with_the_text_and_no_faster(text in pieces(), times in 1_usize..50) {
            let text = text.repeat(times);
            let steps = steps::of(|| drop(clean(&text)));
            let most = text.len() * 8 + 100;
            prop_assert!(steps <= most, "{steps} steps for {} bytes", text.len());
        }
    }
}
