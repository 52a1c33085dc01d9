//! Stacks of Go: a panic, the text of `debug.Stack`, or an error with a stack, by `%+v`.

use std::borrow::Cow;

use super::call::{Call, Origin, Raised, Traceback, last_name};
use super::lines::{add_line, lines, path_and_line};

/// The first names of the packages of the standard library.
const STANDARD: &str = "archive bufio bytes cmp compress container context crypto database debug embed encoding \
    errors expvar flag fmt go hash html image index internal io iter log maps math mime net os \
    path plugin reflect regexp runtime slices sort strconv strings sync syscall testing text \
    time unicode unsafe";
const PACKAGES: [&str; 3] = ["/pkg/mod/", "/vendor/", "@v"];

/// Reads the stack of the first goroutine.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised = Raised::default();
    let mut lines = lines(text).peekable();
    let mut is_told = false;
    let mut is_goroutine = false;
    while let Some(line) = lines.next() {
        if line.starts_with("goroutine ") && line.trim_end().ends_with("]:") {
            if is_goroutine {
                break;
            }
            (is_goroutine, is_told) = (true, true);
        } else if let Some((path, number)) = lines.peek().and_then(|next| place(next)) {
            lines.next();
            raised.calls.push(call(line.trim_end(), path, number)?);
            is_told = true;
        } else if !is_told && let Some((ty, value)) = heading(line) {
            raised.ty = ty;
            raised.value = value.into();
        } else if line.starts_with("[signal ") {
            is_told = true;
        } else if !is_told && !raised.ty.is_empty() {
            add_line(&mut raised.value, line);
        } else if !raised.calls.is_empty() && !line.trim_start().starts_with("...") {
            break;
        }
    }
    raised.ty = if raised.calls.is_empty() { "" } else { raised.ty };
    (!raised.calls.is_empty()).then(|| Traceback { platform: "go", raised: vec![raised] })
}

fn heading(line: &str) -> Option<(&str, &str)> {
    let ty = ["panic", "fatal error"];
    ty.into_iter().find_map(|ty| Some((ty, line.strip_prefix(ty)?.strip_prefix(": ")?)))
}

/// Reads a tab, `/srv/main.go:12` and perhaps ` +0x1d`.
fn place(line: &str) -> Option<(&str, u64)> {
    let place = line.strip_prefix('\t')?.trim_end();
    let place = place.split_once(" +0x").map_or(place, |(place, _)| place);
    path_and_line(place).filter(|(path, _)| path.ends_with(".go") || path.ends_with(".s"))
}

/// Reads `github.com/gin-gonic/gin.(*Context).Next(0xc0001, {0x1, 0x2})`.
fn call<'a>(line: &'a str, path: &'a str, number: u64) -> Option<Call<'a>> {
    let name = line.strip_prefix("created by ").unwrap_or(line);
    let name = name.split_once(" in goroutine ").map_or(name, |(name, _)| name);
    let name = match name.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
        // The stack of an error has no arguments, but a method may end with its type.
        Some((name, arguments)) if !arguments.starts_with('*') => name,
        _ => name,
    };
    let last = last_name(name);
    let directories = name.strip_suffix(last)?;
    // Only what is built in, such as `panic`, is in no package.
    let (package, function) = last.split_once('.').unwrap_or(("", last));
    if name.contains(char::is_whitespace) && !name.contains('[') {
        return None;
    }
    let module = format!("{directories}{package}").replace("%2e", ".");
    let first = module.split('/').next().unwrap_or("");
    let origin = if module.is_empty() || STANDARD.split_whitespace().any(|package| package == first)
    {
        Origin::Runtime
    } else if PACKAGES.iter().any(|part| path.contains(part)) {
        Origin::ThirdParty
    } else {
        Origin::Application
    };
    Some(Call {
        function: Some(function.into()),
        module: Some(module).filter(|module| !module.is_empty()).map(Cow::from),
        path: Some(Cow::from(path)),
        line: Some(number),
        origin,
        ..Call::default()
    })
}
