//! Small readers that the languages share.

use super::call::{Origin, last_name};
pub(super) use crate::mapping::location::{number, path_and_line};
use crate::steps;

/// The lines of a text, counted as work.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.lines().inspect(|line| steps::count(line.len().saturating_add(1)))
}

/// Divides `type: text` where the type has the shape of a name with dots or backslashes.
pub(super) fn type_and_text(line: &str) -> Option<(&str, &str)> {
    let (ty, text) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    is_type(ty).then_some((ty, text))
}

/// Whether a text has the shape of the name of a type, alone or with its modules.
pub(super) fn is_type(name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || "_$.\\`+:".contains(letter);
    let last = name.rsplit(['.', '\\', ':', '+']).next().unwrap_or("");
    name.chars().all(is_part)
        && name.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '\\'))
        && last.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// What follows the first of these parts that a path has.
pub(super) fn below<'a>(path: &'a str, parts: &[&str]) -> Option<&'a str> {
    steps::count(path.len().saturating_mul(parts.len()));
    parts.iter().find_map(|part| path.rsplit_once(part).map(|(_, rest)| rest))
}

/// Whether a name begins with one of these.
pub(super) fn begins<'a>(name: &str, prefixes: impl IntoIterator<Item = &'a str>) -> bool {
    prefixes.into_iter().any(|prefix| name.starts_with(prefix))
}

/// The file name that stays the same wherever a program is installed.
pub(super) fn stable_name<'a>(path: &'a str, below_root: Option<&'a str>) -> &'a str {
    let is_absolute = path.starts_with(['/', '\\']) || path.contains(":\\") || path.contains(":/");
    match below_root {
        Some(rest) => rest,
        None if is_absolute => last_name(path),
        None => path.trim_start_matches("./"),
    }
}

/// Whose code it is by the libraries and the runtime that have a name or path of their own.
pub(super) fn origin(is_runtime: bool, is_third_party: impl FnOnce() -> bool) -> Origin {
    if is_runtime {
        Origin::Runtime
    } else if is_third_party() {
        Origin::ThirdParty
    } else {
        Origin::Application
    }
}

/// A text of several lines, added to line by line.
pub(super) fn add_line(text: &mut std::borrow::Cow<'_, str>, line: &str) {
    let text = text.to_mut();
    text.push('\n');
    text.push_str(line);
}
