//! The escape sequences of terminals.

use std::borrow::Cow;

use super::bytes::has;
use crate::steps;

/// A text without the escape sequences that colour it on a terminal.
pub(super) fn without_ansi(text: &str) -> Cow<'_, str> {
    const ESCAPE: char = '\u{1b}';
    steps::count(text.len());
    if !has(text, |byte| byte == b'\x1b') {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split(ESCAPE);
    let mut plain = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let shown = if let Some(sequence) = piece.strip_prefix('[') {
            let end = sequence.trim_start_matches(|letter| matches!(letter, ' '..='?'));
            end.strip_prefix(|letter| matches!(letter, '@'..='~')).unwrap_or(end)
        } else if let Some(command) = piece.strip_prefix(']') {
            command.split_once('\u{7}').map_or("", |(_, shown)| shown)
        } else {
            piece.strip_prefix('\\').unwrap_or(piece)
        };
        plain.push_str(shown);
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_terminals_are_removed() {
        let links = "\x1b]8;;http://x\x07a\x1b]8;;\x07 \x1b]8;;http://x\x1b\\b";
        assert_eq!(without_ansi(links), "a b");
        assert_eq!(without_ansi("\x1b[1;31mred\x1b[0m"), "red");
        assert_eq!(without_ansi("cut \x1b[3").into_owned() + &without_ansi("\x1b"), "cut ");
    }
}
