//! The names of Rust symbols.
//!
//! Symbols reach a backtrace mangled, half decoded or with hashes that change
//! with every build. Sentry groups by the name the author wrote.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::bytes::has;
use crate::steps;

/// A short mangled name can stand for a readable name of many megabytes.
const DEMANGLED_BYTES: usize = 4096;
/// How long `::h` with a hash is.
const HASH_BYTES: usize = 19;

const RUNTIME_CRATES: [&str; 8] =
    ["std", "core", "alloc", "backtrace", "proc_macro", "test", "panic_unwind", "panic_abort"];

/// A text that takes no more than [`DEMANGLED_BYTES`].
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.0.len().saturating_add(part.len()) > DEMANGLED_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(part);
        Ok(())
    }
}

/// The name of a symbol as its author wrote it.
pub(super) fn readable(symbol: &str) -> Cow<'_, str> {
    steps::count(symbol.len());
    let is_mangled = symbol.starts_with(['_', 'Z'])
        && ["_ZN", "ZN", "__ZN", "_R", "__R"].iter().any(|start| symbol.starts_with(start));
    if is_mangled && let Ok(name) = rustc_demangle::try_demangle(symbol) {
        let mut bounded = Bounded(String::new());
        // A name that is too long stays cut.
        let _ = write!(bounded, "{name:#}");
        return bounded.0.into();
    }
    let name = without_hash(symbol);
    if !has(name, |byte| matches!(byte, b'$' | b'[')) && !name.starts_with("_<") {
        return name.into();
    }
    let name = unescaped(name);
    let name = match without_disambiguators(&name) {
        Some(plain) => plain.into(),
        None => name,
    };
    match name.strip_prefix("_<") {
        Some(rest) => format!("<{rest}").into(),
        None => name,
    }
}

fn without_hash(symbol: &str) -> &str {
    let end = symbol.len().saturating_sub(HASH_BYTES);
    match symbol.split_at_checked(end) {
        Some((name, hash)) if hash.strip_prefix("::h").is_some_and(is_hash) => name,
        _ => symbol,
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && is_hex(text)
}

/// Decodes the escapes that old symbols hold for characters of types.
fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains('$') {
        return name.into();
    }
    let mut decoded = String::new();
    let mut rest = name;
    let mut is_escaped = false;
    while let Some((before, after)) = rest.split_once('$') {
        steps::count(before.len());
        decoded.push_str(before);
        let escape = after.split_once('$').and_then(|(code, tail)| Some((escaped(code)?, tail)));
        if let Some((letter, tail)) = escape {
            // The underscore only keeps a part of the symbol from starting with a dollar.
            if decoded == "_" || decoded.ends_with("::_") {
                decoded.pop();
            }
            decoded.push(letter);
            is_escaped = true;
            rest = tail;
        } else {
            decoded.push('$');
            rest = after;
        }
    }
    if !is_escaped {
        return Cow::Borrowed(name);
    }
    decoded.push_str(rest);
    Cow::Owned(decoded.replace("..", "::"))
}

fn escaped(code: &str) -> Option<char> {
    Some(match code {
        "LT" => '<',
        "GT" => '>',
        "RF" => '&',
        "BP" => '*',
        "SP" => '@',
        "LP" => '(',
        "RP" => ')',
        "C" => ',',
        _ => {
            let digits = code.strip_prefix('u').filter(|digits| is_hex(digits))?;
            let code = u32::from_str_radix(digits, 16).ok()?;
            char::from_u32(code).filter(|letter| !letter.is_control())?
        }
    })
}

/// Turns `core[846817f741e54dfd]::fmt` into `core::fmt`; nothing where there is no bracket.
fn without_disambiguators(name: &str) -> Option<String> {
    if !name.contains('[') {
        return None;
    }
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        steps::count(before.len());
        plain.push_str(before);
        let tail = after.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
        let digits = after.len().saturating_sub(tail.len());
        steps::count(digits);
        let follows_name = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        match tail.strip_prefix(']') {
            Some(tail) if follows_name && (1..=16).contains(&digits) => rest = tail,
            _ => {
                plain.push('[');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Some(plain)
}

/// Divides a path at its first `::`.
pub(super) fn split_first(path: &str) -> Option<(&str, &str)> {
    split_colons(path, path.as_bytes().windows(2).position(|pair| pair == b"::")?)
}

/// Divides a path at its last `::`.
pub(super) fn split_last(path: &str) -> Option<(&str, &str)> {
    split_colons(path, path.as_bytes().windows(2).rposition(|pair| pair == b"::")?)
}

fn split_colons(path: &str, index: usize) -> Option<(&str, &str)> {
    let (before, rest) = path.split_at_checked(index)?;
    Some((before, rest.strip_prefix("::")?))
}

/// A part of a text, borrowed where the text is.
pub(super) fn part<'a>(
    text: &Cow<'a, str>,
    part: impl Fn(&str) -> Option<&str>,
) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => part(text).map(Cow::from),
        Cow::Owned(text) => part(text).map(|part| part.to_owned().into()),
    }
}

pub(super) fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether a crate comes with the language.
pub(super) fn is_runtime_crate(package: &str) -> bool {
    RUNTIME_CRATES.contains(&package) || package.starts_with("__rust")
}
