//! Keys and tokens that are known by how they begin.

use super::table::Table;
use crate::steps;

/// A beginning of tokens, what they consist of, and how many such chars follow at least.
struct Shape {
    begin: &'static [u8],
    chars: Chars,
    at_least: usize,
}

#[derive(Clone, Copy)]
enum Chars {
    /// Capitals and digits.
    Capitals,
    /// Hexadecimal digits.
    Hex,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Those and dots.
    Dotted,
}

use Chars::{Capitals, Dotted, Hex, Url};

const fn shape(begin: &'static str, chars: Chars, at_least: usize) -> Shape {
    Shape { begin: begin.as_bytes(), chars, at_least }
}

const SHAPES: &[Shape] = &[
    // Amazon.
    shape("AKIA", Capitals, 16),
    shape("ASIA", Capitals, 16),
    shape("ABIA", Capitals, 16),
    shape("ACCA", Capitals, 16),
    // Google.
    shape("AIza", Url, 30),
    shape("ya29.", Dotted, 20),
    shape("GOCSPX-", Url, 20),
    // GitHub and GitLab.
    shape("ghp_", Url, 20),
    shape("gho_", Url, 20),
    shape("ghu_", Url, 20),
    shape("ghs_", Url, 20),
    shape("ghr_", Url, 20),
    shape("github_pat_", Url, 20),
    shape("glpat-", Url, 16),
    // Stripe.
    shape("sk_live_", Url, 10),
    shape("sk_test_", Url, 10),
    shape("rk_live_", Url, 10),
    shape("rk_test_", Url, 10),
    shape("whsec_", Url, 16),
    // Slack.
    shape("xoxa-", Url, 10),
    shape("xoxb-", Url, 10),
    shape("xoxe-", Url, 10),
    shape("xoxe.", Dotted, 10),
    shape("xoxo-", Url, 10),
    shape("xoxp-", Url, 10),
    shape("xoxr-", Url, 10),
    shape("xoxs-", Url, 10),
    shape("xapp-", Url, 10),
    // Registries of packages.
    shape("npm_", Url, 30),
    shape("pypi-", Url, 40),
    // Others.
    shape("SG.", Dotted, 30),
    shape("SK", Hex, 32),
    shape("dop_v1_", Hex, 40),
    shape("glsa_", Url, 30),
    shape("hf_", Url, 30),
    shape("shpat_", Hex, 32),
    shape("sk-ant-", Url, 20),
    shape("sk-proj-", Url, 20),
    shape("sk-", Url, 40),
    shape("sntrys_", Dotted, 20),
    shape("sntryu_", Url, 20),
];

/// The address of an incoming webhook, behind which a secret follows.
const WEBHOOK: &[u8] = b"hooks.slack.com/services/";

/// The shortest of all, in bytes.
const MIN_BYTES: usize = 13;

/// The shortest first part of a JWT, `{"alg":…`.
const MIN_JWT_HEADER: usize = 10;

/// How else begins what is looked for, in any case.
const OTHERS: &[&[u8]] = &[b"Bearer", b"bearer", b"Basic", b"basic", b"eyJ", WEBHOOK];

/// The second and the third bytes of what begins with a byte, without their case.
struct Next {
    second: Table,
    third: Table,
}

/// Of all that is looked for.
static NEXT: Next = {
    let mut next = Next { second: Table::EMPTY, third: Table::EMPTY };
    let (mut shapes, mut others) = (SHAPES, OTHERS);
    while let [shape, rest @ ..] = shapes {
        (next, shapes) = (next.with(shape.begin), rest);
    }
    while let [begin, rest @ ..] = others {
        (next, others) = (next.with(begin), rest);
    }
    next
};

impl Next {
    const fn with(self, begin: &[u8]) -> Self {
        match begin {
            [first, second, rest @ ..] => Self {
                second: self.second.with(*first, bit(*second)),
                third: self
                    .third
                    .with(*first, if let [third, ..] = rest { bit(*third) } else { u32::MAX }),
            },
            _ => self,
        }
    }
}

const fn bit(byte: u8) -> u32 {
    1 << (byte & 31)
}

/// Whether something that is looked for begins with this byte.
pub(super) const fn begins(first: u8) -> bool {
    NEXT.second.of(first) != 0
}

/// Whether a token may begin like this, or `Bearer`, `Basic`, a JWT or the webhook; most words are
/// not looked at any further.
#[inline]
pub(super) fn may_begin(first: u8, next: &[u8]) -> bool {
    match next {
        [second, third, ..] => {
            NEXT.second.of(first) & bit(*second) != 0 && NEXT.third.of(first) & bit(*third) != 0
        }
        _ => false,
    }
}

/// The part of a text to take out where a word starts that begins a token.
pub(super) fn token(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(start..)?;
    let (first, second) = (*rest.first()?, *rest.get(1)?);
    if rest.len() < MIN_BYTES {
        return None;
    }
    let (from, to) = match first {
        b'B' | b'b' => credentials(rest)?,
        // One look at each run of such chars.
        b'e' if start.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(|b| is_url(*b)) => {
            return None;
        }
        b'e' => (0, jwt(rest)?),
        b'h' if second == b'o' => webhook(rest)?,
        _ => {
            let third = rest.get(2);
            let mut shapes = SHAPES.iter().filter(|shape| {
                shape.begin.first() == Some(&first)
                    && shape.begin.get(1) == Some(&second)
                    && (shape.begin.get(2) == third || shape.begin.len() < 3)
            });
            (0, shapes.find_map(|shape| shape.length(rest))?)
        }
    };
    Some((start.saturating_add(from), start.saturating_add(to)))
}

/// Where the block in PEM ends that starts at `start`; at a quote or the end if it is cut off.
pub(super) fn pem(bytes: &[u8], start: usize) -> Option<usize> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    const DASHES: &[u8] = b"-----";
    let rest = bytes.get(start..)?;
    if !rest.starts_with(BEGIN) {
        return None;
    }
    let mut at = BEGIN.len();
    while let Some(byte) = rest.get(at) {
        let here = rest.get(at..)?;
        if matches!(byte, b'"' | b'\'' | b'<' | b'{') {
            break;
        }
        // An escape is not torn, and the quote that it may stand before is not taken.
        if *byte == b'\\' {
            let run = here.iter().take_while(|byte| **byte == b'\\').count();
            if matches!(here.get(run), Some(b'"' | b'\'')) {
                break;
            }
            at = at.saturating_add(run).saturating_add(run % 2);
            continue;
        }
        if here.starts_with(END) {
            let label = here.get(END.len()..)?;
            let length = label
                .iter()
                .take(80)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b' ')
                .count();
            let dashes = label.get(length..)?.starts_with(DASHES);
            at = at.saturating_add(END.len()).saturating_add(length);
            if dashes {
                at = at.saturating_add(DASHES.len());
            }
            break;
        }
        at = at.saturating_add(1);
    }
    steps::count(at);
    Some(start.saturating_add(at).min(bytes.len()))
}

impl Shape {
    /// How long the token is that a text begins with.
    fn length(&self, text: &[u8]) -> Option<usize> {
        let rest = text.strip_prefix(self.begin)?;
        let length = run(rest, self.chars);
        let next = rest.get(length).copied().unwrap_or(b' ');
        let is_whole = match self.chars {
            Capitals => length == self.at_least && !is_url(next),
            Hex => length >= self.at_least && !is_url(next),
            Url | Dotted => length >= self.at_least,
        };
        is_whole.then(|| self.begin.len().saturating_add(length))
    }
}

/// What follows `Bearer` or `Basic`, if it looks like credentials and not like a word.
fn credentials(text: &[u8]) -> Option<(usize, usize)> {
    let scheme = [&b"bearer"[..], b"basic"].into_iter().find(|scheme| {
        text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    })?;
    let rest = text.get(scheme.len()..)?;
    let gap = match rest {
        [b'%', b'2', b'0', ..] => 3,
        [b'+', ..] => 1,
        _ => rest.iter().take(4).take_while(|byte| matches!(byte, b' ' | b'\t')).count(),
    };
    let value = rest.get(gap..).filter(|_| gap > 0)?;
    let is_part = |byte: &u8| is_url(*byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=');
    let length = value.iter().take_while(|byte| is_part(byte)).count();
    steps::count(length);
    let value = value.get(..length)?;
    let begin = scheme.len().saturating_add(gap);
    looks_random(value).then(|| (begin, begin.saturating_add(length)))
}

/// Whether this is no word of a language: long enough, with digits or capitals in it. What begins
/// like this is it as well.
pub(super) fn looks_random(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().skip(1).any(is);
    text.len() >= 6
        && (has(u8::is_ascii_digit)
            || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
            || has(|byte| *byte == b'=')
            || text.len() >= 24)
}

/// Three parts of Base64, of which the first two begin with a brace; five if it is encrypted.
fn jwt(text: &[u8]) -> Option<usize> {
    const BEGIN: &[u8] = b"eyJ";
    if !text.starts_with(BEGIN) {
        return None;
    }
    let header = run(text, Url);
    if header < MIN_JWT_HEADER {
        return None;
    }
    let rest = text.get(header..)?.strip_prefix(b".")?;
    let payload = run(rest, Url);
    let length = run(text, Dotted);
    let dots = text.get(..length)?.iter().filter(|byte| **byte == b'.').count();
    (dots >= 2 && (payload >= 4 || dots >= 4)).then_some(length)
}

/// The path of a webhook, which is its secret.
fn webhook(text: &[u8]) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(WEBHOOK)?;
    let length = rest.iter().take_while(|byte| is_url(**byte) || **byte == b'/').count();
    steps::count(length);
    (length >= 10).then(|| (WEBHOOK.len(), WEBHOOK.len().saturating_add(length)))
}

fn run(text: &[u8], chars: Chars) -> usize {
    let is_part = |byte: &u8| match chars {
        Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        Hex => byte.is_ascii_hexdigit(),
        Url => is_url(*byte),
        Dotted => is_url(*byte) || *byte == b'.',
    };
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    steps::count(length);
    length
}

fn is_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_is_passed_by() {
        let others: [&[u8]; 3] = [b"BEARER", b"bASIC", b"SKf"];
        let shapes = SHAPES.iter().map(|shape| shape.begin);
        for begin in shapes.filter(|begin| begin.len() > 2).chain(others).chain(OTHERS.to_vec()) {
            let text = String::from_utf8_lossy(begin);
            assert!(begins(begin[0]) && may_begin(begin[0], &begin[1..]), "{text}");
        }
        for word in ["select", "order", "to", "GET", "DELETE", "https", "id", "shop", "where", "e"]
        {
            let bytes = word.as_bytes();
            assert!(!may_begin(bytes[0], &bytes[1..]), "{word}");
        }
    }
}
