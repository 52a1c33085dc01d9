//! Stacks of C++: of `std::stacktrace`, Boost, glibc, gdb and the sanitizers.

use std::borrow::Cow;

use super::call::{Call, Origin, Raised, Traceback};
use super::lines::{begins, lines, number, path_and_line};

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
        // Another stack counts from zero again, or is of another form.
        let is_other = match (last, count) {
            (Some(last), Some(count)) => count <= last,
            (last, count) => !calls.is_empty() && last.is_some() != count.is_some(),
        };
        if is_other {
            break;
        }
        last = count.or(last);
        is_telling |= call.path.is_some() || call.package.is_some();
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
    let (address, rest) = match rest.strip_prefix("0x").and_then(|rest| rest.split_once(" in ")) {
        Some((hex, rest)) => (u64::from_str_radix(hex, 16).ok(), rest),
        None => (None, rest),
    };
    if let Some((name, place)) = rest.rsplit_once(" at ") {
        let (path, line, column) = placed(place)?;
        return Some(made(name, address, Some((path, line, column)), None));
    }
    if let Some((name, binary)) = rest.rsplit_once(" in ").or_else(|| rest.rsplit_once(" from ")) {
        return binary.contains('/').then(|| made(name, address, None, Some(binary)));
    }
    let (name, place) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    if let Some(binary) = place.strip_prefix('(').and_then(|place| place.strip_suffix(')')) {
        let (binary, _) = binary.split_once("+0x")?;
        return Some(made(name, address, None, Some(binary)));
    }
    let (path, line, column) = placed(place).filter(|(path, ..)| path.contains('/'))?;
    Some(made(name, address, Some((path, line, column)), None))
}

fn placed(place: &str) -> Option<(&str, u64, Option<u64>)> {
    let (rest, last) = path_and_line(place)?;
    Some(match path_and_line(rest) {
        Some((path, line)) => (path, line, Some(last)),
        None => (rest, last, None),
    })
    .filter(|(path, ..)| path.contains(['.', '/']) && !path.contains(' '))
}

/// Reads a line of glibc, `./app(_Z1fi+0x1d) [0x55d0]`.
fn symbol(line: &str) -> Option<Call<'_>> {
    let (place, address) = line.trim().strip_suffix(']')?.rsplit_once("[0x")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    let (binary, symbol) = place.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let (name, _) = symbol.rsplit_once('+')?;
    binary.contains('/').then(|| made(name, Some(address), None, Some(binary)))
}

fn made<'a>(
    name: &'a str,
    address: Option<u64>,
    place: Option<(&'a str, u64, Option<u64>)>,
    binary: Option<&'a str>,
) -> Call<'a> {
    let name = name.trim();
    let path = place.map(|(path, ..)| path);
    let is_runtime = begins(name, RUNTIME)
        || path.or(binary).is_some_and(|path| begins(path, RUNTIME_PATHS))
        || name.is_empty();
    let origin = match is_runtime {
        true => Origin::Runtime,
        false if begins(name, THIRD_PARTY) => Origin::ThirdParty,
        false => Origin::Application,
    };
    // What gdb writes between brackets are the values of the arguments.
    let function = without_arguments(name);
    Call {
        function: Some(function).filter(|name| !name.is_empty()).map(Cow::from),
        package: binary.map(Cow::from),
        path: path.map(Cow::from),
        line: place.map(|(_, line, _)| line),
        column: place.and_then(|(_, _, column)| column),
        address,
        origin,
        ..Call::default()
    }
}

/// `shop::total` for `shop::total (count=3)`; the types of parameters follow a name at once.
fn without_arguments(name: &str) -> &str {
    let mut depth = 0_usize;
    for (index, letter) in name.char_indices().rev() {
        match letter {
            ')' => depth = depth.saturating_add(1),
            '(' if depth <= 1 => {
                let before = name.split_at_checked(index).map_or("", |(before, _)| before);
                return before.strip_suffix(' ').unwrap_or(name);
            }
            '(' => depth = depth.saturating_sub(1),
            _ if depth == 0 => return name,
            _ => {}
        }
    }
    name
}
