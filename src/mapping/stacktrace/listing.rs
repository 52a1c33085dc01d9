//! The calls that a backtrace of Rust lists, line by line.

use std::borrow::Cow;

use crate::mapping::error_text::{Heading, numbered, string_literal};
use crate::mapping::location::Location;
use crate::mapping::symbol::is_hex;
use crate::steps;

/// A call as a line names it.
pub(super) struct Line<'a> {
    pub(super) symbol: Cow<'a, str>,
    pub(super) address: Option<u64>,
    pub(super) location: Option<Location<'a>>,
}

/// Reads the calls in any of the forms, the newest first; nothing where it is none of them.
pub(super) fn lines(text: &str) -> Option<Vec<Line<'_>>> {
    debug_calls(text).or_else(|| listed_calls(text))
}

/// Reads `Backtrace [{ fn: "app::main", file: "src/main.rs", line: 3 }]`.
fn debug_calls(text: &str) -> Option<Vec<Line<'_>>> {
    const BEGIN: &str = "Backtrace [";
    // This is much faster to say than where it is.
    if !text.contains(BEGIN) {
        return None;
    }
    let (_, mut rest) = text.split_once(BEGIN)?;
    let mut calls = Vec::new();
    while let Some(entry) = rest
        .trim_start_matches(|letter: char| letter == ',' || letter.is_whitespace())
        .strip_prefix("{ fn: ")
    {
        let (symbol, after) = match string_literal(entry) {
            Some(literal) => literal,
            None => ("<unknown>".into(), entry.strip_prefix("<unknown>")?),
        };
        rest = after;
        let mut location = None;
        if let Some((file, after)) = rest.strip_prefix(", file: ").and_then(string_literal) {
            rest = after;
            let line = rest.strip_prefix(", line: ").and_then(|after| {
                rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
                after.strip_suffix(rest)?.parse().ok()
            });
            location = Some(Location { file, line, column: None });
        }
        rest = rest.strip_prefix(" }")?;
        steps::count(entry.len().saturating_sub(rest.len()));
        calls.push(Line { symbol, address: None, location });
    }
    (!calls.is_empty()).then_some(calls)
}

/// How many calls most backtraces have.
const USUAL_CALLS: usize = 32;

/// Reads the numbered list of calls that all the other forms are.
fn listed_calls(text: &str) -> Option<Vec<Line<'_>>> {
    let mut calls: Vec<Line<'_>> = Vec::with_capacity(USUAL_CALLS);
    let mut lines = below_heading(text).lines().map(|line| (line, position(line))).peekable();
    let mut last_number = None;
    let mut is_inside = false;
    let mut is_convincing = false;
    let mut foreign = 0_usize;
    while let Some((line, position)) = lines.next() {
        steps::count(line.len());
        let following = lines.peek().and_then(|(_, position)| position.as_ref());
        let is_located = matches!(following, Some(Some(_)));
        if is_inside
            && let Some(location) = position
            && let Some(call) = calls.last_mut()
        {
            call.location = location;
        } else if let Some((number, rest)) = numbered_call(line) {
            let (address, symbol) = addressed(rest);
            let is_call = address.is_some() || following.is_some();
            // Where both are known, what it looks like says nothing new.
            let is_plain = !(is_call && is_convincing) && is_symbol(symbol);
            is_inside = is_call || is_plain;
            if !is_inside {
                foreign = foreign.saturating_add(1);
                continue;
            }
            if last_number.is_some_and(|last| number <= last) {
                // A second backtrace below the first counts from zero again.
                if number == 0 {
                    break;
                }
                return None;
            }
            last_number = Some(number);
            is_convincing |= is_plain && (is_located || is_telling(symbol));
            calls.push(Line { symbol: symbol.into(), address, location: None });
        } else if is_inside && is_continuation(line, is_located) {
            let address = calls.last().and_then(|call| call.address);
            calls.push(Line { symbol: line.trim().into(), address, location: None });
        } else {
            is_inside = false;
        }
    }
    (is_convincing && foreign <= calls.len()).then_some(calls)
}

/// What stands below the heading of a backtrace, or all when there is none, up to another heading.
fn below_heading(text: &str) -> &str {
    let (mut start, mut end) = (0_usize, None);
    let (mut at, mut is_below) = (0_usize, false);
    for whole in text.split_inclusive('\n') {
        let next = at.saturating_add(whole.len());
        let line = whole.lines().next().unwrap_or_default();
        let heading = Heading::parse(line);
        if heading == Some(Heading::Backtrace) && !is_below {
            (start, end, is_below) = (next, None, true);
        } else if heading.is_some() || line.trim_end() == "Caused by:" {
            end.get_or_insert(at);
        }
        if is_below && end.is_some() {
            break;
        }
        at = next;
    }
    text.get(start..end.unwrap_or(text.len())).unwrap_or_default()
}

/// The number and the rest of `  12: app::main`.
fn numbered_call(line: &str) -> Option<(usize, &str)> {
    let (_, number, text) = numbered(line)?;
    Some((number, text.trim())).filter(|(_, symbol)| !symbol.is_empty())
}

/// Divides `0x55d3c8a0b1c2 - app::main`.
fn addressed(rest: &str) -> (Option<u64>, &str) {
    rest.strip_prefix("0x")
        .and_then(|rest| rest.split_once(" - "))
        .and_then(|(hex, symbol)| {
            let address = is_hex(hex).then(|| u64::from_str_radix(hex, 16).ok())??;
            Some((Some(address), without_missing_hash(symbol.trim())))
        })
        .unwrap_or((None, without_missing_hash(rest)))
}

/// Color-eyre writes `<unknown>` where a symbol has no hash.
fn without_missing_hash(symbol: &str) -> &str {
    symbol.strip_suffix("<unknown>").filter(|name| !name.is_empty()).unwrap_or(symbol)
}

/// The place in `at src/main.rs:10:5`; the inner value lacks when it is unknown.
fn position(line: &str) -> Option<Option<Location<'_>>> {
    // Blanks of ASCII are trimmed faster than others.
    let path = line.trim_ascii_start().trim_start().strip_prefix("at ")?.trim();
    if path.starts_with("<unknown") {
        return Some(None);
    }
    Location::parse(path).filter(|location| location.line.is_some()).map(Some)
}

/// Whether a line names a function that was inlined into the one above.
fn is_continuation(line: &str, is_located: bool) -> bool {
    let symbol = line.trim();
    line.starts_with("      ") && is_symbol(symbol) && (is_located || is_telling(symbol))
}

/// Whether a text has the shape of a symbol: no blanks outside its brackets.
fn is_symbol(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut last = b' ';
    let mut colons = 0_usize;
    let mut is_in_word = false;
    steps::count(text.len());
    for (index, byte) in text.bytes().enumerate() {
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_';
        if is_word && is_in_word {
            continue;
        }
        is_in_word = is_word;
        let starts_part = (colons == 2 || last == b' ') && depth == 0;
        match byte {
            b'<' | b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b'>' if last == b'-' => {}
            b'>' | b')' | b']' | b'}' if depth == 0 => return false,
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            b':' if colons < 2 && last != b' ' => {}
            b'_' | b'$' => {}
            b'-' | b'+' if last == b' ' => {}
            b'.' | b'#' | b'@' if !starts_part => {}
            _ if is_letter(text, index, !starts_part) => {}
            _ => return false,
        }
        let is_name = byte != b':' || depth > 0;
        if is_name && colons == 1 {
            return false;
        }
        colons = if is_name { 0 } else { colons.saturating_add(1) };
        last = byte;
    }
    depth == 0 && !matches!(last, b' ' | b':' | b'.' | b'-' | b'+')
}

/// Whether a byte is that of a letter, or of a digit where one may stand.
fn is_letter(text: &str, index: usize, or_digit: bool) -> bool {
    // What begins a letter has been looked at already.
    let letter = text.get(index..).and_then(|rest| rest.chars().next());
    letter.is_none_or(|letter| letter.is_alphabetic() || (or_digit && letter.is_alphanumeric()))
}

/// Whether a symbol can hardly stand in any other list.
pub(super) fn is_telling(symbol: &str) -> bool {
    symbol.contains("::")
        || matches!(symbol, "main" | "_start" | "rust_begin_unwind" | "<unknown>" | "<no info>")
        || ["__rust", "__libc_start", "_ZN", "_R"].iter().any(|start| symbol.starts_with(start))
}
