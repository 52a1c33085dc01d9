use std::borrow::Cow;

use crate::steps;

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location<'a> {
    /// The path as the compiler wrote it.
    pub file: Cow<'a, str>,
    /// The line, counted from one.
    pub line: Option<u64>,
    /// The column, counted from one.
    pub column: Option<u64>,
}

impl<'a> Location<'a> {
    /// Reads `src/main.rs:10:5`, `C:\app\src\main.rs:10` or a path alone.
    ///
    /// Words that do not look like a path are no location.
    #[must_use]
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        steps::count(text.len());
        let text = trimmed(text);
        let (file, line, column) = match path_and_line(text) {
            None => (text, None, None),
            Some((before, last)) => match path_and_line(before) {
                None => (before, Some(last), None),
                Some((file, line)) => (file, Some(line), Some(last)),
            },
        };
        let is_path = file.bytes().any(|byte| matches!(byte, b'/' | b'\\' | b'.'));
        let is_path = is_path && !file.starts_with('<');
        is_path.then(|| Self { file: file.into(), line, column })
    }

    pub(super) fn into_owned(self) -> Location<'static> {
        Location { file: self.file.into_owned().into(), ..self }
    }
}

/// A text without the blanks around it, of which most have none.
pub(super) fn trimmed(text: &str) -> &str {
    let edges = [text.bytes().next(), text.bytes().next_back()];
    match edges.iter().flatten().all(u8::is_ascii_graphic) {
        true => text,
        false => text.trim(),
    }
}

/// Divides `path:10`.
pub(super) fn path_and_line(place: &str) -> Option<(&str, u64)> {
    let digits = place.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (rest, line) = place.split_at_checked(place.len().saturating_sub(digits))?;
    let path = rest.strip_suffix(':').filter(|path| !path.is_empty())?;
    Some((path, line.parse().ok()?))
}

/// A number and nothing else.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(location: Option<Location<'_>>) -> String {
        location.map_or("nowhere".to_owned(), |Location { file, line, column }| {
            let (line, column) = (line.unwrap_or(0), column.unwrap_or(0));
            format!("{file} {line} {column}")
        })
    }

    #[test]
    fn a_location_is_a_path_with_numbers() {
        let table = [
            ("src/main.rs:10:5", "src/main.rs 10 5"),
            (" C:\\main.rs:10 ", "C:\\main.rs 10 0"),
            ("C:\\main.rs", "C:\\main.rs 0 0"),
            ("a.rs:99999999999999999999", "a.rs:99999999999999999999 0 0"),
            ("<unknown source file>:<unknown line>", "nowhere"),
            ("noon:5", "nowhere"),
        ];
        for (text, expected) in table {
            assert_eq!(place(Location::parse(text)), expected);
        }
    }
}
