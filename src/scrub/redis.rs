//! Commands of Redis and its like without what must not be sent.

use std::borrow::Cow;

use super::output::Output;

/// Commands whose first argument is no key, but a secret.
const SECRETS: &[&str] = &["AUTH", "HELLO"];

/// Settings that are passwords.
const PASSWORDS: &[&str] =
    &["requirepass", "masterauth", "primaryauth", "auth-pass", "tls-key-file-pass"];

const QUOTES: &[char] = &['"', '\''];

/// A command with its key, and `?` for each further argument.
///
/// What follows in another line is an argument like any other, because it may be a part of one.
pub(super) fn without_arguments(command: &str) -> String {
    let mut out = String::with_capacity(command.len());
    let (mut place, mut has_key) = (0_usize, false);
    for part in command.split_inclusive(|char: char| char.is_ascii_whitespace()) {
        let word = part.trim_end_matches(|char: char| char.is_ascii_whitespace());
        let is_kept = match place {
            0 => true,
            1 => has_key && !word.contains(['"', '\'', ';']),
            _ => false,
        };
        out.push_str(if is_kept || word.is_empty() { word } else { "?" });
        out.push_str(part.get(word.len()..).unwrap_or_default());
        if place == 0 && !word.is_empty() {
            // A name with marks in it may be that of two commands.
            let is_plain =
                word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            has_key = is_plain && !is_one_of(SECRETS, word);
        }
        place = place.saturating_add(usize::from(!word.is_empty()));
    }
    out
}

/// The command without the passwords in it.
///
/// All that follows one in its line goes as well, because nothing tells for sure where it ends.
pub(super) fn without_passwords(command: &str) -> Cow<'_, str> {
    let is_end = |char: char| char.is_ascii_whitespace() || char == ';';
    let mut output = Output::new(command);
    let (mut at, mut done) = (0_usize, 0_usize);
    // A semicolon ends a command, or is a part of a word.
    let (mut line, mut part) = (Before::default(), Before::default());
    for piece in command.split_inclusive(is_end) {
        let word = piece.trim_end_matches(is_end);
        let from = at;
        at = at.saturating_add(piece.len());
        if from >= done && !word.is_empty() {
            let bare = word.trim_matches(QUOTES);
            let is_secret = [line.is_secret(bare), part.is_secret(bare)].contains(&true);
            if is_secret {
                let secret = secret_len(command.get(from..).unwrap_or_default());
                done = from.saturating_add(secret);
                output.filter((from, done), "");
            }
        }
        match piece.chars().next_back() {
            Some('\n' | '\r') if at > done => (line, part) = Default::default(),
            Some(';') if at > done => part = Before::default(),
            _ => {}
        }
    }
    output.finish()
}

/// How much of a text goes with the secret at its beginning: its line, and more only if a quote is
/// open at the end of that.
fn secret_len(text: &str) -> usize {
    let (mut quote, mut is_escaped) = (None, false);
    let is_end = |char: char| {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if char == '\\' => is_escaped = true,
            Some(open) if char == open => quote = None,
            None if QUOTES.contains(&char) => quote = Some(char),
            _ => {}
        }
        quote.is_none() && matches!(char, '\n' | '\r')
    };
    let end = text.find(is_end).unwrap_or(text.len());
    text.get(..end)
        .unwrap_or_default()
        .trim_end_matches(|char: char| char.is_ascii_whitespace())
        .len()
}

/// What came of a command before a word of it.
#[derive(Debug, Default)]
struct Before<'a> {
    command: &'a str,
    last: &'a str,
    is_after_auth: bool,
}

impl<'a> Before<'a> {
    /// Whether the next word is a secret.
    fn is_secret(&mut self, word: &'a str) -> bool {
        let is = |names: &[&str]| is_one_of(names, self.command);
        let is_secret = match self.command {
            "" => false,
            _ if self.is_after_auth => true,
            _ if is(&["AUTH"]) => true,
            _ if is(&["CONFIG", "SENTINEL"]) => is_one_of(PASSWORDS, self.last),
            // Passwords and their hashes, to add and to remove.
            _ if is(&["ACL"]) => word.starts_with(['>', '<', '#', '!']),
            _ => false,
        };
        self.is_after_auth |= is(&["HELLO", "MIGRATE"]) && is_one_of(&["AUTH", "AUTH2"], word);
        self.last = word;
        if self.command.is_empty() {
            self.command = word;
        }
        is_secret
    }
}

fn is_one_of(names: &[&str], word: &str) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_command_keeps_its_name_and_its_key() {
        for (command, clean) in [
            ("HGET user:7 name", "HGET user:7 ?"),
            ("AUTH jo hunter2", "AUTH ? ?"),
            ("AUTH\thunter2", "AUTH\t?"),
            (" auth hunter2", " auth ?"),
            ("PING", "PING"),
            ("PING\nAUTH hunter2", "PING\nAUTH ?"),
            ("PING\r\nAUTH jo hunter2", "PING\r\nAUTH ? ?"),
            ("PING;AUTH hunter2", "PING;AUTH ?"),
            ("GET a\nAUTH hunter2", "GET a\n? ?"),
            ("GET a;AUTH hunter2", "GET ? ?"),
            ("CONFIG SET requirepass hunter2", "CONFIG SET ? ?"),
            ("HELLO 3 AUTH jo hunter2", "HELLO ? ? ? ?"),
            ("ACL SETUSER jo >hunter2", "ACL SETUSER ? ?"),
            ("SET k \"one\ntwo three\"", "SET k ?\n? ?"),
            ("set k 0 9 5\r\nvalue", "set k ? ? ?\r\n?"),
        ] {
            assert_eq!(without_arguments(command), clean);
            assert_eq!(without_arguments(clean), clean, "once more changes nothing");
        }
    }

    #[test]
    fn passwords_go_even_where_arguments_stay() {
        for (command, clean) in [
            ("AUTH hunter2", "AUTH [Filtered]"),
            ("PING\nauth jo hunter2\nGET a", "PING\nauth [Filtered]\nGET a"),
            ("PING;AUTH hunter2;GET a", "PING;AUTH [Filtered]"),
            ("HELLO 3 AUTH jo hunter2", "HELLO 3 AUTH [Filtered]"),
            ("\"AUTH\" \"hunter2\"", "\"AUTH\" [Filtered]"),
            ("CONFIG SET requirepass hunter2", "CONFIG SET requirepass [Filtered]"),
            ("ACL SETUSER jo on >hunter2 ~*", "ACL SETUSER jo on [Filtered]"),
            (
                "CONFIG SET requirepass \"correct horse battery\"",
                "CONFIG SET requirepass [Filtered]",
            ),
            ("AUTH hun;ter2", "AUTH [Filtered]"),
            ("AUTH ;hunter2", "AUTH ;[Filtered]"),
            ("AUTH \"hun;ter 2\"\r\nGET a", "AUTH [Filtered]\r\nGET a"),
            ("AUTH \"hun\\\"\nter2\" \nGET a", "AUTH [Filtered] \nGET a"),
            ("AUTH 'hun\nter2\nGET a", "AUTH [Filtered]"),
            ("ACL SETUSER jo on \">pa ss\" ~*", "ACL SETUSER jo on [Filtered]"),
            ("ACL SETUSER jo on >\"pa ss\" ~*\nPING", "ACL SETUSER jo on [Filtered]\nPING"),
            ("ACL SETUSER \"j;o\" >hunter2", "ACL SETUSER \"j;o\" [Filtered]"),
            ("SADD roles auth admin", "SADD roles auth admin"),
            ("SET requirepass 1", "SET requirepass 1"),
            ("GET a", "GET a"),
        ] {
            assert_eq!(without_passwords(command), clean);
            assert_eq!(without_passwords(clean), clean, "once more changes nothing");
        }
    }

    proptest! {
        #[test]
        fn no_part_of_a_password_is_left(
            before in prop_oneof![Just("AUTH "), Just("HELLO 3 AUTH "), Just("PING;AUTH "),
                Just("CONFIG SET requirepass "), Just("ACL SETUSER jo >")],
            password in "([a-f]{1,3}[ ;\\n\\\\\"']{1,2}){0,8}",
        ) {
            let quoted = format!("\"{}\"", password.replace('\\', "\\\\").replace('"', "\\\""));
            let command = format!("{before}{quoted}\nGET key");
            let kept = before.trim_end_matches('>');
            let clean = without_passwords(&command);
            prop_assert_eq!(&*clean, format!("{kept}[Filtered]\nGET key"));
            prop_assert_eq!(&*without_passwords(&clean), &*clean);
        }

        #[test]
        fn once_more_changes_nothing(
            command in "((AUTH|ACL|HELLO|CONFIG|requirepass|>a|b)[ ;\n\r\"'\\\\]{1,3}){0,9}",
        ) {
            let clean = without_passwords(&command).into_owned();
            prop_assert_eq!(&*without_passwords(&clean), &*clean);
        }
    }
}
