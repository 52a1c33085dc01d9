//! Backtraces of Ruby: "cart.rb:10:in `total'", with or without the error.

use std::borrow::Cow;

use super::call::{Call, Raised, Traceback};
use super::lines::{add_line, below, lines, origin, path_and_line, stable_name};

const GEMS: [&str; 3] = ["/gems/", "\\gems\\", "/vendor/bundle/"];
const RUNTIME: [&str; 1] = ["/lib/ruby/"];

/// Reads the text; the causes follow the error they led to.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    let mut is_open = false;
    for line in lines(text) {
        let inner = line.trim();
        let from = inner.strip_prefix("from ").filter(|_| line.starts_with(['\t', ' ']));
        if let Some(call) = from.and_then(call_alone) {
            raised.last_mut()?.calls.push(call);
            is_open = false;
        } else if let Some((call, text)) = call_with_text(inner) {
            let (value, ty, is_whole) = match text.and_then(error) {
                Some((value, ty)) => (value, ty, true),
                None => (text.unwrap_or(""), "", text.is_none()),
            };
            match raised.last_mut() {
                Some(last) if text.is_none() => last.calls.push(call),
                _ => {
                    let calls = vec![call];
                    raised.push(Raised { ty, value: value.into(), calls, ..Raised::default() });
                    is_open = !is_whole || text.is_some();
                }
            }
        } else if let Some(last) = raised.last_mut().filter(|_| is_open) {
            // The type stands at the end of the first line of the text.
            match error(inner).filter(|_| last.ty.is_empty()) {
                Some((value, ty)) => {
                    last.ty = ty;
                    add_line(&mut last.value, value);
                }
                None => add_line(&mut last.value, line),
            }
        } else if !inner.is_empty() && !inner.starts_with("... ") {
            return None;
        }
    }
    (!raised.is_empty()).then_some(Traceback { platform: "ruby", raised })
}

/// Divides `text (RuntimeError)`.
fn error(text: &str) -> Option<(&str, &str)> {
    let (value, ty) = text.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let is_name = ty.starts_with(|first: char| first.is_ascii_uppercase())
        && ty.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':');
    is_name.then(|| (value.trim_end(), ty))
}

fn call_alone(line: &str) -> Option<Call<'_>> {
    call_with_text(line).and_then(|(call, text)| text.is_none().then_some(call))
}

/// Reads "cart.rb:10:in `total'" and the text that may follow a colon.
fn call_with_text(line: &str) -> Option<(Call<'_>, Option<&str>)> {
    let (place, rest) = line.split_once(":in `").or_else(|| line.split_once(":in '"))?;
    let (path, number) = path_and_line(place)?;
    let (name, text) = match rest.split_once("': ") {
        Some((name, text)) => (name, Some(text)),
        None => (rest.strip_suffix('\'')?, None),
    };
    if path.contains(": ") || name.contains('\'') {
        return None;
    }
    let gem_file = below(path, &GEMS);
    let standard_file = below(path, &RUNTIME);
    let is_internal = path.starts_with("<internal:");
    let (module, function) = divided(name);
    let is_runtime = is_internal || (gem_file.is_none() && standard_file.is_some());
    let call = Call {
        function: Some(function),
        module: module.map(Cow::from),
        filename: Some(match gem_file {
            Some(file) => file.into(),
            None if is_internal => path.into(),
            None => stable_name(path, None).into(),
        }),
        path: Some(path.into()),
        line: Some(number),
        origin: origin(is_runtime, || gem_file.is_some()),
        ..Call::default()
    };
    Some((call, text))
}

/// Divides `block in Cart#total`, as Ruby writes it since 3.4.
fn divided(name: &str) -> (Option<&str>, Cow<'_, str>) {
    let (prefix, method) = name.rsplit_once(" in ").unwrap_or(("", name));
    let Some((module, function)) = method
        .rsplit_once(['#', '.'])
        .filter(|(module, _)| module.starts_with(|first: char| first.is_uppercase()))
    else {
        return (None, name.into());
    };
    match prefix {
        "" => (Some(module), function.into()),
        prefix => (Some(module), format!("{prefix} in {function}").into()),
    }
}
