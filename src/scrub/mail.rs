//! E-mail addresses.

use crate::steps;

/// The longest name before the `@`, in bytes.
const MAX_LOCAL: usize = 64;

/// The address around an `@` that stands from `at` to `after`: where it starts and ends.
///
/// The part before the `@` does not begin before `floor`.
pub(super) fn around(
    bytes: &[u8],
    (at, after): (usize, usize),
    floor: usize,
) -> Option<(usize, usize)> {
    let head = bytes.get(floor..at)?;
    let local = head.iter().rev().take(MAX_LOCAL).take_while(|byte| is_local(**byte)).count();
    steps::count(local);
    let start = at.saturating_sub(local);
    let name = bytes.get(start..at)?;
    // A mark of punctuation in front is none of the address, nor the rest of a char.
    let is_rest = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    let lead = name.iter().take_while(|byte| !is_word(**byte) || is_rest(**byte)).count();
    let start = start.saturating_add(lead);
    let name = bytes.get(start..at)?;
    let domain = domain(bytes.get(after..)?)?;
    // What follows this user is an address of code.
    (!name.is_empty() && name != b"git").then(|| (start, after.saturating_add(domain)))
}

/// How long the domain is that a text begins with; it ends with a dot and two letters or more.
fn domain(bytes: &[u8]) -> Option<usize> {
    let is_part = |byte: &u8| is_word(*byte) || matches!(byte, b'.' | b'-');
    let length = bytes.iter().take_while(|byte| is_part(byte)).count();
    steps::count(length);
    let mut host =
        bytes.get(..length).filter(|run| run.first().is_some_and(|byte| is_word(*byte)))?;
    while let Some(dot) = host.iter().rposition(|byte| *byte == b'.') {
        let top = bytes.get(dot.saturating_add(1)..length).unwrap_or_default();
        let letters = top.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters >= 2 && !top.get(letters).is_some_and(u8::is_ascii_digit) {
            return Some(dot.saturating_add(1).saturating_add(letters));
        }
        host = host.get(..dot).unwrap_or_default();
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn is_local(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let at = text.find('@')?;
        let (start, end) = around(text.as_bytes(), (at, at + 1), 0)?;
        text.get(start..end)
    }

    #[test]
    fn an_address_has_a_name_and_a_domain_with_a_dot() {
        for (text, address) in [
            ("a@b.co", "a@b.co"),
            ("<jo.doe+x@mail.example.com>.", "jo.doe+x@mail.example.com"),
            ("jörg@müller.example, ok", "jörg@müller.example"),
            ("-x@h.de.", "x@h.de"),
        ] {
            assert_eq!(found(text), Some(address), "{text}");
        }
        for text in [
            "a@b",
            "@b.co",
            "a@.co",
            "a@b.c",
            "pkg@1.2.3",
            "f@@GLIBC_2.2",
            "git@github.com:o/r",
            "a @b.co",
            "express@4.18.2/lib",
            "@Component.class",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
