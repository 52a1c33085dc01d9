//! The names of Rust symbols, and the modules and crates they stand in.
//!
//! Symbols reach a backtrace mangled, half decoded or with hashes that change
//! with every build. Sentry groups by the name the author wrote.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::bytes::has;
use crate::steps;

/// A short mangled name can stand for a readable name of many megabytes.
const DEMANGLED_BYTES: usize = 4096;
const NESTED_TYPES: usize = 8;
/// How long `::h` with a hash is.
const HASH_BYTES: usize = 19;

const RUNTIME_CRATES: [&str; 8] =
    ["std", "core", "alloc", "backtrace", "proc_macro", "test", "panic_unwind", "panic_abort"];

/// The place of a function among the modules.
#[derive(Default)]
pub(super) struct Place<'a> {
    /// The modules and the name, without generic arguments.
    pub(super) path: Cow<'a, str>,
    /// The crate.
    pub(super) package: Option<Cow<'a, str>>,
}

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

impl<'a> Place<'a> {
    pub(super) fn into_owned(self) -> Place<'static> {
        Place {
            path: self.path.into_owned().into(),
            package: self.package.map(|package| package.into_owned().into()),
        }
    }

    /// Finds the place of a function or of a type.
    ///
    /// `<Type as Trait>::call` stands at the type, unless that has no path. It
    /// belongs to the crate of the type, unless that is a type of `std`, which
    /// only the crate of the trait can have extended, or a function, which only that crate can
    /// have given methods to.
    pub(super) fn of(name: &'a str) -> Self {
        match bare(name).filter(|name| !name.starts_with('&')) {
            Some(path) => Self::at(path.into()),
            None => Self::nested(name, NESTED_TYPES),
        }
    }

    fn at(path: Cow<'a, str>) -> Self {
        let package = part(&path, |path| split_first(path).map(|(package, _)| package));
        Self { package: package.filter(|package| !package.is_empty()), path }
    }

    fn nested(name: &'a str, nesting: usize) -> Self {
        let name = without_type_prefix(name);
        let Some(nesting) = nesting.checked_sub(1) else {
            return Self::default();
        };
        let Some((inner, rest)) = qualified(name) else {
            return Self::at(without_generics(name));
        };
        let (subject, implemented) = match split_outside(inner, " as ") {
            Some((subject, implemented)) => (subject, Self::nested(implemented, nesting)),
            None => (inner, Self::default()),
        };
        let subject = Self::nested(subject, nesting);
        let is_own = !is_function(&subject.path) || implemented.package.is_none();
        let path = if subject.path.contains("::") { subject.path } else { implemented.path };
        Self {
            path: match &*without_generics(rest) {
                "" => path,
                rest => (path.into_owned() + rest).into(),
            },
            package: match subject.package {
                Some(package) if is_own && !is_runtime_crate(&package) => Some(package),
                package => implemented.package.or(package),
            },
        }
    }
}

/// Whether the path of a type is that of a function or closure.
fn is_function(path: &str) -> bool {
    split_last(path).is_some_and(|(_, name)| {
        name.starts_with(|first: char| first.is_lowercase() || first == '{')
    })
}

/// Strips what stands before the path of a type, as in `&mut dyn app::Trait`.
fn without_type_prefix(name: &str) -> &str {
    let mut rest = name.trim_start();
    while let Some(shorter) = ["&", "mut ", "dyn ", "*const ", "*mut "]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))
        .or_else(|| {
            let (lifetimes, rest) = rest.strip_prefix("for<")?.split_once("> ")?;
            (!lifetimes.contains('<')).then_some(rest)
        })
        .or_else(|| rest.strip_prefix('\'')?.split_once(' ').map(|(_, rest)| rest))
    {
        rest = shorter.trim_start();
    }
    rest
}

/// Divides `<inner>rest`.
fn qualified(name: &str) -> Option<(&str, &str)> {
    let inner = name.strip_prefix('<')?;
    split_outside(inner, ">")
}

/// Divides a text at a separator that stands outside all brackets.
fn split_outside<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0_usize;
    let mut last = b' ';
    let first = separator.as_bytes().first();
    for (index, byte) in text.bytes().enumerate() {
        steps::count(1);
        let is_arrow = byte == b'>' && last == b'-';
        if depth == 0 && !is_arrow && first == Some(&byte) {
            let (before, after) = text.split_at_checked(index)?;
            if let Some(after) = after.strip_prefix(separator) {
                return Some((before, after));
            }
        }
        match byte {
            b'<' | b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b'>' | b')' | b']' | b'}' if !is_arrow => depth = depth.saturating_sub(1),
            _ => {}
        }
        last = byte;
    }
    None
}

/// The path of a type or function, where the name is nothing else.
fn bare(name: &str) -> Option<&str> {
    steps::count(name.len());
    let is_other =
        |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'<' | b'>' | b'(' | b'[' | b',');
    let is_bare = !has(name, is_other) && !has_three_colons(name);
    is_bare.then(|| name.trim_end_matches(':'))
}

/// The bare path of a type or function, up to the first blank.
fn without_generics(name: &str) -> Cow<'_, str> {
    if let Some(path) = bare(name) {
        return path.into();
    }
    let mut path = Vec::new();
    let mut depth = 0_usize;
    let mut last = b' ';
    for (index, byte) in name.bytes().enumerate() {
        steps::count(1);
        match byte {
            b'<' => depth = depth.saturating_add(1),
            b'>' if last != b'-' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            b'(' | b'[' | b',' => break,
            _ if !byte.is_ascii_graphic() && is_blank(name, index) => break,
            _ => path.push(byte),
        }
        last = byte;
    }
    // Only whole letters were left out.
    let mut path = String::from_utf8(path).unwrap_or_default();
    if has_three_colons(&path) {
        path = path.replace("::::", "::");
    }
    path.truncate(path.trim_end_matches(':').len());
    path.into()
}

/// Whether three colons follow each other, as they do where there are four; looked at as in
/// [`has`].
#[inline(never)]
fn has_three_colons(name: &str) -> bool {
    let from = |at: usize| name.as_bytes().get(at..).unwrap_or_default().iter();
    let threes = from(0).zip(from(1)).zip(from(2));
    threes.fold(false, |has, ((first, second), third)| {
        has | ((*first == b':') & (*second == b':') & (*third == b':'))
    })
}

/// Whether a blank begins there.
fn is_blank(text: &str, index: usize) -> bool {
    text.get(index..).is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// Whether a crate comes with the language.
pub(super) fn is_runtime_crate(package: &str) -> bool {
    RUNTIME_CRATES.contains(&package) || package.starts_with("__rust")
}
