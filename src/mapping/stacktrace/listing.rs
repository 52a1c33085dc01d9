//! The calls that a backtrace of Rust lists, newest first, with their symbols and places alone.

use super::call::Call;
use crate::mapping::error_text::{Heading, numbered, string_literal};
use crate::mapping::location::{Location, trimmed};
use crate::mapping::symbol::is_hex;
use crate::steps;

/// Reads `Backtrace [{ fn: "app::main", file: "src/main.rs", line: 3 }]`.
pub(super) fn debug_calls(text: &str) -> Option<Vec<Call<'_>>> {
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
        let mut call = Call { symbol: Some(symbol), ..Call::default() };
        if let Some((file, after)) = rest.strip_prefix(", file: ").and_then(string_literal) {
            rest = after;
            call.path = Some(file);
            call.line = rest.strip_prefix(", line: ").and_then(|after| {
                rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
                after.strip_suffix(rest)?.parse().ok()
            });
        }
        rest = rest.strip_prefix(" }")?;
        steps::count(entry.len().saturating_sub(rest.len()));
        calls.push(call);
    }
    (!calls.is_empty()).then_some(calls)
}

/// How many calls most backtraces have at most.
const USUAL_CALLS: usize = 32;

/// Reads the numbered list of calls that all the other forms are.
pub(super) fn listed_calls<'a>(lines: &[&'a str]) -> Option<Vec<Call<'a>>> {
    let lines = below_heading(lines);
    // Most calls take two lines.
    let mut calls: Vec<Call<'_>> = Vec::with_capacity(USUAL_CALLS.min(lines.len() / 2));
    let lines = lines.iter().map(|line| (*line, without_indent(line)));
    let mut lines = lines.map(|(line, inner)| (line, inner, position(inner))).peekable();
    let mut last_number = None;
    let mut is_inside = false;
    let mut is_convincing = false;
    let mut foreign = 0_usize;
    while let Some((line, inner, position)) = lines.next() {
        steps::count(line.len());
        let following = lines.peek().and_then(|(.., position)| position.as_ref());
        let is_located = matches!(following, Some(Some(_)));
        if is_inside
            && let Some(location) = position
            && let Some(call) = calls.last_mut()
        {
            (call.path, call.line, call.column) = match location {
                Some(place) => (Some(place.file), place.line, place.column),
                None => (None, None, None),
            };
        } else if let Some((number, rest)) = numbered_call(inner) {
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
            calls.push(Call { symbol: Some(symbol.into()), address, ..Call::default() });
        } else if is_inside && is_continuation(line, is_located) {
            let address = calls.last().and_then(|call| call.address);
            calls.push(Call { symbol: Some(line.trim().into()), address, ..Call::default() });
        } else {
            is_inside = false;
        }
    }
    (is_convincing && foreign <= calls.len()).then_some(calls)
}

/// The lines below the heading of a backtrace, or all when there is none, up to another heading.
fn below_heading<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let (mut start, mut end) = (0_usize, None);
    let mut is_below = false;
    for (at, line) in lines.iter().enumerate() {
        let heading = Heading::parse(line);
        if heading == Some(Heading::Backtrace) && !is_below {
            (start, end, is_below) = (at.saturating_add(1), None, true);
        } else if heading.is_some() || line.trim_end() == "Caused by:" {
            end.get_or_insert(at);
        }
        if is_below && end.is_some() {
            break;
        }
    }
    lines.get(start..end.unwrap_or(lines.len())).unwrap_or_default()
}

/// A line without the blanks before it, which are those of ASCII nearly always.
fn without_indent(line: &str) -> &str {
    let rest = line.trim_ascii_start();
    match rest.as_bytes().first() {
        Some(b'!'..=b'~') => rest,
        _ => rest.trim_start(),
    }
}

/// The number and the rest of `12: app::main`.
fn numbered_call(line: &str) -> Option<(usize, &str)> {
    let (_, number, text) = numbered(line)?;
    Some((number, trimmed(text))).filter(|(_, symbol)| !symbol.is_empty())
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
    let path = trimmed(line.strip_prefix("at ")?);
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
