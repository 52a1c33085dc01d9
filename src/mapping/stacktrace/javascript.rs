//! Stacks of V8, which runs Node.js, Deno and Chrome: `at total (/srv/cart.js:10:5)`.

use std::borrow::Cow;

use super::call::{Call, Origin, Raised, Traceback};
use super::lines::{add_line, below, is_type, lines, origin, path_and_line, stable_name};
use crate::mapping::error_text::numbered;

const PACKAGES: [&str; 2] = ["/node_modules/", "\\node_modules\\"];
const RUNTIME: [&str; 4] = ["node:", "internal/", "ext:", "deno:"];
const WEB: [&str; 2] = ["http://", "https://"];

/// Reads the text; the causes follow the error they led to.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    let mut is_located = false;
    let mut foreign = 0_usize;
    let mut previous = "";
    // How far the calls of the last error are indented.
    let mut depth = 0_usize;
    for line in lines(text) {
        let above = std::mem::replace(&mut previous, line).trim();
        let inner = line.trim();
        let has_calls = raised.last().is_some_and(|last| !last.calls.is_empty());
        let indent = line.len().saturating_sub(line.trim_start().len());
        if let Some(place) = inner.strip_prefix("at ").filter(|_| indent > 0) {
            // Rust writes the places of its calls in the same way, each below a number and a name.
            if numbered(above).is_some() || (raised.is_empty() && !above.is_empty()) {
                return None;
            }
            // What is deeper belongs to an error that is a property of this one.
            if has_calls && indent > depth {
                continue;
            }
            let Some(call) = call(place.trim_end_matches([' ', '{', ','])) else {
                foreign = foreign.saturating_add(1);
                continue;
            };
            is_located |= call.column.is_some();
            if raised.is_empty() {
                raised.push(Raised::default());
            }
            if !has_calls {
                depth = indent;
            }
            raised.last_mut()?.calls.push(call);
        } else if let Some(cause) = inner.strip_prefix("[cause]: ").filter(|_| has_calls) {
            if indent < depth {
                // Anything can be thrown, not only an error.
                let Some((ty, value)) = heading(cause) else { break };
                raised.push(Raised { ty, value: value.into(), ..Raised::default() });
            }
        } else if !has_calls
            && indent == 0
            && let Some((ty, value)) = heading(line)
        {
            // Node.js prints the line of the source above the heading, and others their own words.
            let is_first = raised.first().is_none_or(|first| {
                first.ty.is_empty() || (!is_capital(first.ty) && ty.ends_with("Error"))
            });
            if is_first {
                raised = vec![Raised { ty, value: value.into(), ..Raised::default() }];
            } else if let Some(last) = raised.last_mut() {
                add_line(&mut last.value, line);
            }
        } else if let Some(last) = raised.last_mut().filter(|_| !has_calls) {
            add_line(&mut last.value, line);
        }
    }
    let first = raised.first()?;
    let is_function = |call: &Call<'_>| call.function.is_some() && call.column.is_some();
    // A word in lower case and a colon can begin any text.
    if !first.ty.is_empty() && !is_capital(first.ty) && !first.calls.iter().any(is_function) {
        return None;
    }
    let is_web = |call: &Call<'_>| {
        call.path.as_deref().is_some_and(|path| WEB.iter().any(|start| path.starts_with(start)))
    };
    let platform = match raised.iter().flat_map(|raised| &raised.calls).any(is_web) {
        true => "javascript",
        false => "node",
    };
    let own = raised.iter().map(|raised| raised.calls.len()).max().unwrap_or(0);
    (is_located && foreign < own).then_some(Traceback { platform, raised })
}

/// Reads `Uncaught TypeError [ERR_INVALID_ARG_TYPE]: the text`.
fn heading(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line).trim_end_matches(" {");
    let (name, text) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    let ty = name.split_once(" [").map_or(name, |(ty, _)| ty);
    let is_error = is_type(ty) && !ty.contains(['.', '\\', ':', '/']);
    is_error.then_some((ty, text))
}

fn is_capital(ty: &str) -> bool {
    ty.starts_with(|first: char| first.is_uppercase())
}

/// Reads `async Cart.total [as sum] (/srv/cart.js:10:5)` or a place alone.
fn call(line: &str) -> Option<Call<'_>> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (function, place) = match line.strip_suffix(')').and_then(|line| line.split_once(" (")) {
        Some((function, place)) => (Some(function), place),
        None => (None, line),
    };
    if place == "<anonymous>" || place.starts_with("index ") || place == "native" {
        let function = function.map(Cow::from);
        return Some(Call { function, origin: Origin::Runtime, ..Call::default() });
    }
    // The code of `eval` stands nowhere but in the place that called it.
    let place = match place.strip_prefix("eval at ") {
        Some(nested) => nested.rsplit_once('(')?.1.split_once(')')?.0,
        None => place,
    };
    let (rest, column) = path_and_line(place)?;
    let (path, line) = match path_and_line(rest) {
        Some((path, line)) => (path, (line, Some(column))),
        None => (rest, (column, None)),
    };
    let path = path.strip_prefix("file://").unwrap_or(path);
    if path.contains(['(', ')'])
        || path.ends_with(".rs")
        || !path.contains(['/', '.', ':', '\\', '<', '['])
    {
        return None;
    }
    let below_root = below(path, &PACKAGES);
    let is_runtime =
        RUNTIME.iter().any(|start| path.starts_with(start)) || path.starts_with(['<', '[']);
    let web_name = WEB.iter().find_map(|start| path.strip_prefix(start));
    let filename = match web_name {
        Some(rest) => rest.split_once('/').map_or(rest, |(_, path)| path),
        None if is_runtime => path,
        None => stable_name(path, below_root),
    };
    Some(Call {
        function: function.map(Cow::from),
        package: below_root.map(package).map(Cow::from),
        filename: Some(filename.split('?').next().unwrap_or(filename).into()),
        path: Some(path.into()),
        line: Some(line.0),
        column: line.1,
        origin: origin(is_runtime, || below_root.is_some()),
        ..Call::default()
    })
}

/// `@scope/name` or `name`.
fn package(file: &str) -> String {
    let parts = if file.starts_with('@') { 2 } else { 1 };
    file.split(['/', '\\']).take(parts).collect::<Vec<_>>().join("/")
}
