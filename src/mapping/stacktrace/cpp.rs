//! Stacks of C++: of `std::stacktrace`, Boost, glibc, gdb and the sanitizers.

use std::borrow::Cow;

use super::call::{Call, Origin, Raised, Traceback};
use super::lines::{begins, lines, number, path_and_line};
use crate::steps;

const RUNTIME: [&str; 11] = [
    "std::",
    "__gnu_cxx::",
    "__cxxabiv1::",
    "__libc_",
    "__cxa_",
    "__GI_",
    "_start",
    "__pthread",
    "start_thread",
    "clone",
    "__asan_",
];
const RUNTIME_PATHS: [&str; 6] =
    ["/usr/include/", "/usr/lib/", "/lib/", "/lib64/", "./csu/", "./nptl/"];
/// How files end that need no directory to be known as such.
const SOURCES: [&str; 16] = [
    ".c", ".cc", ".cpp", ".cxx", ".C", ".h", ".hh", ".hpp", ".hxx", ".inl", ".S", ".s", ".m",
    ".mm", ".cu", ".rs",
];
const THIRD_PARTY: [&str; 6] = ["boost::", "absl::", "folly::", "grpc::", "google::", "Qt"];

/// Reads the text of the first stack.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut is_telling = false;
    let mut last = None;
    for line in lines(text) {
        let Some((count, call)) = numbered(line).or_else(|| symbol(line).map(|call| (None, call)))
        else {
            continue;
        };
        if calls.is_empty() && count.is_some_and(|count| count > 0) {
            continue;
        }
        // Another stack counts from zero again, or is of another form.
        let is_other = match (last, count) {
            (Some(last), Some(count)) => count <= last,
            (last, count) => !calls.is_empty() && last.is_some() != count.is_some(),
        };
        if is_other {
            break;
        }
        last = count.or(last);
        // A word and a path can stand anywhere, but hardly as such a list.
        let is_sure = call.address.is_some() || (call.path.is_some() && line.contains('('));
        is_telling |= is_sure || !calls.is_empty() || line.contains("+0x");
        calls.push(call);
    }
    let is_named = calls.iter().any(|call| call.function.is_some());
    let raised = vec![Raised { calls, ..Raised::default() }];
    (is_telling && is_named).then_some(Traceback { platform: "native", raised })
}

/// Reads a line of `std::stacktrace`, `0# f() at a.cpp:1`, or of gdb, `#0  f () at a.cpp:1`.
fn numbered(line: &str) -> Option<(Option<u64>, Call<'_>)> {
    let line = line.trim();
    let (count, rest) = match line.strip_prefix('#') {
        Some(rest) => rest.split_once(' ')?,
        None => line.split_once("# ")?,
    };
    let count = number(count)?;
    Some((Some(count), call(rest.trim_start())?))
}

/// Reads `0x7f00 in f(int) /srv/a.cpp:1:2`, `f(int) at /srv/a.cpp:1` or `f(int) in ./app`.
fn call(rest: &str) -> Option<Call<'_>> {
    let rest = rest.split_once(" (BuildId: ").map_or(rest, |(rest, _)| rest);
    let (address, rest) = match rest.strip_prefix("0x").and_then(|rest| rest.split_once(" in ")) {
        Some((hex, rest)) => (u64::from_str_radix(hex, 16).ok(), rest),
        None => (None, rest),
    };
    let source = rest.rsplit_once(" at ").and_then(|(name, place)| Some((name, placed(place)?)));
    if let Some((name, place)) = source {
        return made(name, address, Some(place), None);
    }
    let binary = rest.rsplit_once(" in ").or_else(|| rest.rsplit_once(" from "));
    if let Some((name, binary)) = binary.filter(|(_, binary)| binary.contains('/'))
        && let Some(call) = made(name, address, None, Some(binary))
    {
        return Some(call);
    }
    let loaded = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    let loaded = loaded.and_then(|(name, place)| Some((name, place.split_once("+0x")?.0)));
    let (rest, binary) = loaded.map_or((rest, None), |(rest, binary)| (rest, Some(binary)));
    match name_and_path(rest).and_then(|(name, place)| Some((name, placed(place)?))) {
        Some((name, place)) if place.0.contains('/') || begins_path(place.0) => {
            made(name, address, Some(place), binary)
        }
        _ => binary.and_then(|_| made(rest, address, None, binary)),
    }
}

/// Divides `f(int) const /srv/my shop/a.cpp:1:2`.
fn name_and_path(text: &str) -> Option<(&str, &str)> {
    let bytes = words(text)
        .take_while(|word| !begins_path(word))
        .fold(0_usize, |bytes, word| bytes.saturating_add(word.len()).saturating_add(1));
    match text.split_at_checked(bytes) {
        Some((name, path)) => Some((name, path)),
        None => text.rsplit_once(' '),
    }
}

fn begins_path(word: &str) -> bool {
    let drive = word.get(1..3);
    begins(word, ["/", "\\", "./", "../"]) || matches!(drive, Some(":\\" | ":/"))
}

fn placed(place: &str) -> Option<(&str, u64, Option<u64>)> {
    let (rest, last) = path_and_line(place)?;
    let (path, line, column) = match path_and_line(rest) {
        Some((path, line)) => (path, line, Some(last)),
        None => (rest, last, None),
    };
    let is_file = match path.contains('/') {
        true => !path.contains("://"),
        false => SOURCES.iter().any(|ending| path.ends_with(ending)),
    };
    let is_whole = begins_path(path) || !path.contains(' ');
    (is_file && is_whole).then_some((path, line, column))
}

/// Reads a line of glibc, `./app(_Z1fi+0x1d) [0x55d0]`.
fn symbol(line: &str) -> Option<Call<'_>> {
    let (place, address) = line.trim().strip_suffix(']')?.rsplit_once("[0x")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    let (binary, symbol) = place.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let (name, _) = symbol.rsplit_once('+')?;
    binary.contains('/').then(|| made(name, Some(address), None, Some(binary)))?
}

fn made<'a>(
    name: &'a str,
    address: Option<u64>,
    place: Option<(&'a str, u64, Option<u64>)>,
    binary: Option<&'a str>,
) -> Option<Call<'a>> {
    let name = name.trim();
    // What gdb writes between brackets are the values of the arguments.
    let function = without_arguments(name);
    if !is_name(function) {
        return None;
    }
    let path = place.map(|(path, ..)| path);
    let is_runtime = begins(name, RUNTIME)
        || path.or(binary).is_some_and(|path| begins(path, RUNTIME_PATHS))
        || name.is_empty();
    let origin = match is_runtime {
        true => Origin::Runtime,
        false if begins(name, THIRD_PARTY) => Origin::ThirdParty,
        false => Origin::Application,
    };
    Some(Call {
        function: Some(function).filter(|name| !name.is_empty()).map(Cow::from),
        package: binary.map(Cow::from),
        path: path.map(Cow::from),
        line: place.map(|(_, line, _)| line),
        column: place.and_then(|(_, _, column)| column),
        address,
        origin,
        ..Call::default()
    })
}

/// Whether a text has the shape of a function, which prose has not: only a type before a name with
/// its parameters and words such as `const` behind them stand alone.
fn is_name(text: &str) -> bool {
    let is_word =
        |word: &str| !matches!(word, "" | "const" | "volatile" | "&" | "&&") && !is_mark(word);
    let has_parameters = |word: &str| word.rfind('(').is_some_and(|index| index > 0);
    let mut count = 0_usize;
    let mut ends = true;
    for word in words(text).filter(|word| is_word(word)) {
        count = count.saturating_add(1);
        ends = has_parameters(word);
    }
    count <= 1 || ends || text.contains("operator")
}

/// Whether it is `[clone .cold]` or `(.part.0)`.
fn is_mark(word: &str) -> bool {
    word.starts_with('[') || word.starts_with("(.")
}

/// Divides a text at the blanks outside of brackets.
fn words(text: &str) -> impl Iterator<Item = &str> {
    steps::count(text.len());
    let (mut depth, mut last) = (0_usize, ' ');
    text.split(move |letter| {
        match letter {
            '(' | '<' | '[' | '{' => depth = depth.saturating_add(1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '>' if last != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        last = letter;
        letter == ' ' && depth == 0
    })
}

/// `shop::total` for `shop::total (count=3)`; the types of parameters follow a name at once.
fn without_arguments(name: &str) -> &str {
    steps::count(name.len());
    let mut depth = 0_usize;
    let mut quote = None;
    let mut is_escaped = false;
    // Where the last brackets begin that are not in others.
    let mut start = None;
    for (index, letter) in name.char_indices() {
        match (quote, letter) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if depth > 0 => quote = Some(letter),
            (None, '(') => {
                start = if depth == 0 { Some(index) } else { start };
                depth = depth.saturating_add(1);
            }
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    match start.and_then(|index| name.split_at_checked(index)) {
        Some((before, arguments)) if arguments == "()" || arguments.contains('=') => {
            before.strip_suffix(' ').filter(|_| name.ends_with(')')).unwrap_or(name)
        }
        _ => name,
    }
}
