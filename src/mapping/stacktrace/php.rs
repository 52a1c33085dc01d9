//! Stack traces of PHP: `#0 /srv/cart.php(10): Cart->total()`.

use std::borrow::Cow;

use super::call::{Call, Origin, Raised, Traceback};
use super::lines::{
    add_line, below, is_type, lines, number, origin, path_and_line, stable_name, type_and_text,
};
use crate::steps;

const PACKAGES: [&str; 2] = ["/vendor/", "\\vendor\\"];
const NEXT: &str = "Next ";
const HEADINGS: [&str; 4] = ["PHP Fatal error:  ", "Fatal error: ", "Uncaught ", NEXT];

/// Reads the text; PHP tells the root cause of a chain first, Monolog the exception itself.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    // The text of the exception goes on, and its calls are still to come.
    let (mut is_open, mut is_headed) = (false, false);
    let mut is_telling = false;
    let mut is_root_first = false;
    for line in lines(text) {
        let line = line.trim_end();
        if let Some((count, rest)) = numbered(line) {
            if count == 0 && !is_headed {
                raised.push(Raised::default());
            }
            (is_open, is_headed) = (false, false);
            let last = raised.last_mut()?;
            if rest != "{main}" {
                let (function, place) = function_and_place(rest)?;
                is_telling |= place.is_some();
                add(last, function, place);
            } else {
                is_telling = true;
            }
        } else if line == "Stack trace:" || line == "[stacktrace]" {
            if let Some(last) = raised.last_mut().filter(|_| is_open) {
                close_heading(last);
            }
            is_open = false;
        } else if is_open {
            if let Some(last) = raised.last_mut() {
                add_line(&mut last.value, line);
            }
        } else if let Some((ty, value)) = logged(line).or_else(|| heading(line)) {
            is_root_first |= line.starts_with(NEXT);
            raised.push(Raised { ty, value: value.into(), ..Raised::default() });
            (is_open, is_headed) = (true, true);
        }
    }
    raised.retain(|raised| !raised.calls.is_empty());
    if is_root_first {
        raised.reverse();
    }
    (is_telling && !raised.is_empty()).then_some(Traceback { platform: "php", raised })
}

fn numbered(line: &str) -> Option<(u64, &str)> {
    let (count, rest) = line.strip_prefix('#')?.split_once(' ')?;
    Some((number(count)?, rest))
}

/// Reads `PHP Fatal error:  Uncaught Shop\Sold: out of stock in /srv/cart.php:10`.
fn heading(line: &str) -> Option<(&str, &str)> {
    let mut line = line;
    for start in HEADINGS {
        line = line.strip_prefix(start).unwrap_or(line).trim_start();
    }
    type_and_text(line)
}

/// Reads `[object] (Shop\Sold(code: 0): out of stock at /srv/cart.php:10)`, as Monolog writes it.
fn logged(line: &str) -> Option<(&str, &str)> {
    let (_, object) = line.split_once("[object] (")?;
    let (ty, rest) = object.split_once("(code: ")?;
    let (_, text) = rest.split_once("): ")?;
    is_type(ty).then_some((ty, text))
}

/// Takes the place, where the exception was thrown, off the end of its text.
fn close_heading(raised: &mut Raised<'_>) {
    steps::count(raised.value.len());
    let told = match raised.value.strip_suffix(')') {
        Some(logged) => logged.rsplit_once(" at "),
        None => raised.value.rsplit_once(" in "),
    };
    let Some((text, place)) = told else { return };
    let Some((path, line)) = path_and_line(place) else { return };
    raised.calls.push(at(path.to_owned().into(), line));
    raised.value = text.to_owned().into();
}

/// Adds a call, which stands in the function that the place of the call before lies in.
fn add<'a>(raised: &mut Raised<'a>, function: &'a str, place: Option<(&'a str, u64)>) {
    let function: Cow<'_, str> = function.replace("->", "::").into();
    match raised.calls.last_mut() {
        Some(call) if call.function.is_none() => call.function = Some(function),
        _ => {
            let origin = Origin::Runtime;
            raised.calls.push(Call { function: Some(function), origin, ..Call::default() });
        }
    }
    if let Some((path, line)) = place {
        raised.calls.push(at(path.into(), line));
    }
}

fn at(path: Cow<'_, str>, line: u64) -> Call<'_> {
    let below_root = below(&path, &PACKAGES);
    Call {
        filename: Some(stable_name(&path, below_root).to_owned().into()),
        origin: origin(false, || below_root.is_some()),
        path: Some(path),
        line: Some(line),
        ..Call::default()
    }
}

/// Reads `/srv/cart.php(10): Cart->total(1)` or `[internal function]: sort(Array)`.
fn function_and_place(rest: &str) -> Option<(&str, Option<(&str, u64)>)> {
    let (place, call) = rest.split_once(": ")?;
    let function = call.split_once('(').map_or(call, |(function, _)| function);
    let place = match place {
        "[internal function]" => None,
        place => {
            let (path, line) = place.strip_suffix(')')?.rsplit_once('(')?;
            Some((path, number(line)?))
        }
    };
    Some((function, place))
}
