//! Tracebacks of Python: `Traceback (most recent call last):`.

use std::borrow::Cow;

use super::call::{Call, Origin, Raised, Traceback};
use super::lines::{add_line, below, is_type, lines, number, origin, stable_name};

const HEADING: &str = "Traceback (most recent call last):";
const LINKS: [&str; 2] = [
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
];
const PACKAGES: [&str; 4] =
    ["/site-packages/", "/dist-packages/", "\\site-packages\\", "\\dist-packages\\"];

/// Reads the text; the exceptions of a chain come root cause first.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    let mut current: Option<Raised<'_>> = None;
    // How far the lines of a group are indented whose parts are being told.
    let mut group: Option<usize> = None;
    for line in lines(text) {
        let line = line.trim_end();
        let inner = line.trim_start();
        let indent = line.len().saturating_sub(inner.len());
        let is_drawn = inner.starts_with(['|', '+']);
        if is_drawn && group.is_some_and(|group| indent > group) {
            continue;
        }
        // The parts of a group follow its own calls, between lines that are drawn.
        group = inner.starts_with("+-+--").then_some(indent);
        if group.is_some() {
            continue;
        }
        let line = without_margin(line);
        if line.ends_with(HEADING) {
            raised.extend(current.replace(Raised::default()).filter(is_whole));
        } else if let Some(open) = &mut current {
            if LINKS.contains(&line) {
                raised.extend(current.take().filter(is_whole));
            } else if open.ty.is_empty() {
                read(open, line)?;
            } else {
                add_line(&mut open.value, line);
            }
        }
    }
    raised.extend(current.filter(is_whole));
    for raised in &mut raised {
        raised.calls.reverse();
    }
    raised.reverse();
    raised
        .iter()
        .any(|raised| !raised.calls.is_empty())
        .then_some(Traceback { platform: "python", raised })
}

fn is_whole(raised: &Raised<'_>) -> bool {
    !raised.ty.is_empty() || !raised.calls.is_empty()
}

/// Reads a line below the heading; nothing if no traceback of Python has such a line.
fn read<'a>(raised: &mut Raised<'a>, line: &'a str) -> Option<()> {
    if let Some(place) = line.strip_prefix("  File \"") {
        // Without a function it is the place of an error of syntax.
        raised.calls.extend(call(place));
    } else if !line.starts_with(' ') && !line.is_empty() {
        let (ty, text) = thrown(line)?;
        let calls = std::mem::take(&mut raised.calls);
        *raised = Raised { calls, ..Raised::dotted(ty, text) };
    }
    Some(())
}

/// Divides `shop.Sold: gone`; a class that a function made is `shop.main.<locals>.Sold`.
fn thrown(line: &str) -> Option<(&str, &str)> {
    let (ty, text) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    is_type(&ty.replace(".<locals>.", ".")).then_some((ty, text))
}

/// Reads `app/views.py", line 3, in get`.
fn call(place: &str) -> Option<Call<'_>> {
    let (path, rest) = place.rsplit_once("\", line ")?;
    let (line, function) = rest.split_once(", in ")?;
    let package_file = below(path, &PACKAGES);
    let standard_file = standard_file(path);
    let below_root = package_file.or(standard_file);
    let is_runtime = package_file.is_none() && standard_file.is_some();
    let is_frozen = path.starts_with("<frozen ");
    Some(Call {
        function: Some(function.into()),
        module: below_root.and_then(module).map(Cow::from),
        filename: Some(stable_name(path, below_root).into()),
        path: Some(path.into()),
        line: Some(number(line)?),
        origin: match origin(is_runtime || is_frozen, || package_file.is_some()) {
            Origin::Application if path.starts_with("<__array_function__") => Origin::ThirdParty,
            origin => origin,
        },
        ..Call::default()
    })
}

/// What follows the directory of the standard library, such as `/lib/python3.11/`.
fn standard_file(path: &str) -> Option<&str> {
    if let Some((_, rest)) = path.split_once("/lib/python") {
        let (version, rest) = rest.split_once('/')?;
        let is_version = version.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
        return is_version.then_some(rest);
    }
    let (root, rest) = path.split_once("\\Lib\\").or_else(|| path.split_once("\\lib\\"))?;
    root.contains("Python").then_some(rest)
}

/// `requests.api` for `requests/api.py`.
fn module(file: &str) -> Option<String> {
    let name = file.strip_suffix(".py")?.replace(['/', '\\'], ".");
    Some(name.strip_suffix(".__init__").map_or(name.clone(), str::to_owned))
}

/// A line of a group without the bars that are drawn at its left.
fn without_margin(line: &str) -> &str {
    let inner = line.trim_start();
    match inner.strip_prefix("| ").or_else(|| inner.strip_prefix("+ ")) {
        Some(rest) if line.starts_with("  ") => rest,
        _ => line,
    }
}
