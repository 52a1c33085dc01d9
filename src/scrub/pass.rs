//! One pass over a text that takes out what must not be sent.

use std::borrow::Cow;

use super::byte::Class;
use super::calm::{calm, is_json, marks};
use super::family::{Families, Family};
use super::key::{self, Verdict};
use super::output::{Output, SHORT};
use super::settings::Scrubbing;
use super::url::Url;
use super::value::{Found, Mark};
use super::{assignment, card, mail, shape, url};
use crate::steps;

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

/// How far the next value of JSON is looked for behind a number.
const MAX_BLANKS: usize = 8;

/// A text on its way.
pub(super) struct Pass<'a, 's> {
    text: &'a str,
    bytes: &'a [u8],
    settings: &'s Scrubbing,
    families: Families,
    kind: Kind,
    at: usize,
    /// Before this, nothing is read again.
    floor: usize,
    url: Url,
    marks: Class,
    is_json: bool,
    /// Whether we are in a string of JSON.
    in_string: bool,
    output: Output<'a>,
}

impl<'a, 's> Pass<'a, 's> {
    /// A pass that begins where the text is `calm` no more.
    pub(super) fn new(
        (text, calm): (&'a str, usize),
        kind: Kind,
        families: Families,
        settings: &'s Scrubbing,
    ) -> Self {
        let url = match kind {
            Kind::Text | Kind::Statement => Url::default(),
            Kind::Url | Kind::Query => Url::whole(text.as_bytes(), kind == Kind::Query),
        };
        Self {
            text,
            bytes: text.as_bytes(),
            settings,
            families,
            kind,
            at: calm,
            floor: 0,
            url,
            marks: marks(text, settings.has_lists()),
            is_json: is_json(text),
            in_string: false,
            output: Output::new(text),
        }
    }

    pub(super) fn run(self) -> Cow<'a, str> {
        self.run_by(calm)
    }

    /// The same with another way to tell how much may be passed by.
    pub(super) fn run_by(mut self, calm: impl Fn(&[u8], Class) -> usize) -> Cow<'a, str> {
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
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at = self.after(calm(rest, self.marks));
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
        let next = self.bytes.get(self.after(1)..).unwrap_or_default();
        if first.is_ascii_digit() && card::may_begin(next) && self.looks_for(Family::CardNumbers) {
            let end = card::end(self.bytes, start).filter(|_| !self.is_negative(start));
            if let Some(end) = end {
                // A number of JSON becomes a text of JSON.
                let quotes = if self.is_bare_number(start, end) { "\"" } else { "" };
                return self.filter((start, end), quotes, end);
            }
        } else if shape::may_begin(first, next)
            && self.looks_for(Family::Tokens)
            && let Some((from, to)) = shape::token(self.bytes, start)
        {
            return self.filter((from, to), "", to);
        }
        let is_part = |byte: &&u8| Class::of(**byte).is(Class::WORD);
        self.at = self.after(next.iter().take_while(is_part).count().saturating_add(1));
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
            // The whole of the value goes, so that what is before the colon is no key.
            _ if self.url.is_query(self.at) && self.looks_for(Family::QueryValues) => {
                self.at = self.after(1);
            }
            _ => self.assignment(self.after(1), Mark::Colon),
        }
    }

    fn equals(&mut self) {
        if self.url.is_query(self.at) {
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
        if start > self.url.end() {
            self.url = Url::from_place(self.bytes, start);
        }
        match self.url.user_info(self.bytes, start) {
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
        if !self.url.holds(self.at)
            && self.kind == Kind::Text
            && url::begins_query(self.bytes, self.at)
        {
            self.url = Url::from_place(self.bytes, self.at);
        }
        self.url.has_query |= self.url.holds(self.at);
        self.at = self.after(1);
    }

    fn hash(&mut self) {
        let end = self.url.end();
        if self.url.holds(self.at) && self.looks_for(Family::QueryValues) {
            self.output.replace((self.at, end), "", "");
            (self.at, self.floor) = (end, end);
        } else {
            self.at = self.after(1);
        }
    }

    /// A value of a query string: any, or that of a key of a secret.
    fn query_value(&mut self) {
        let from = self.after(1);
        let rest = self.bytes.get(from..self.url.end()).unwrap_or_default();
        let length = rest.iter().take_while(|byte| !matches!(byte, b'&' | b'#')).count();
        let to = from.saturating_add(length);
        steps::count(length);
        let name = assignment::key(self.text, (self.floor, self.at)).name;
        let verdict = self.verdict(name);
        let is_secret = match verdict {
            Verdict::Allowed => false,
            Verdict::Free => self.looks_for(Family::SecretKeys) && key::is_secret_of_query(name),
            _ => true,
        };
        let is_filtered =
            is_secret || (self.looks_for(Family::QueryValues) && verdict != Verdict::Allowed);
        let value = self.text.get(from..to).unwrap_or_default();
        let value = if self.kind == Kind::Text { url::without_position(value) } else { value };
        let to = from.saturating_add(value.len());
        if is_filtered && !matches!(value, "" | SHORT) {
            self.filter((from, to), "", to);
        } else {
            self.at = from;
        }
    }

    /// A mark behind what may be a key: takes out the value if the key says that it is a secret.
    fn assignment(&mut self, start: usize, mark: Mark) {
        let found = match self.kind {
            Kind::Statement => None,
            _ => self.secret_value(start, mark),
        };
        match found {
            Some((found, quotes)) => {
                let quotes = if found.is_bare { quotes } else { "" };
                self.output.filter((found.from, found.to), quotes);
                (self.at, self.floor) = (found.next, found.next);
            }
            None => self.at = start,
        }
    }

    fn secret_value(&self, start: usize, mark: Mark) -> Option<(Found, &'a str)> {
        let key = assignment::key(self.text, (self.floor, self.at));
        let is_secret = match self.verdict(key.name) {
            Verdict::Free | Verdict::Allowed => return None,
            Verdict::Doubtful => false,
            Verdict::Secret | Verdict::Personal => true,
        };
        let found = key.value(self.text, start, mark, (is_secret, self.in_string))?;
        Some((found, key.quotes))
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
}
