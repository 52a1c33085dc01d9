//! Commands of Redis and its like without what must not be sent.

use std::borrow::Cow;

use super::output::Output;

/// Commands whose first argument is no key, but a secret.
const SECRETS: &[&str] = &["AUTH", "HELLO"];

/// Settings that are passwords.
const PASSWORDS: &[&str] =
    &["requirepass", "masterauth", "primaryauth", "auth-pass", "tls-key-file-pass"];

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
pub(super) fn without_passwords(command: &str) -> Cow<'_, str> {
    let mut output = Output::new(command);
    let mut at = 0_usize;
    for line in command.split_inclusive(['\n', '\r', ';']) {
        let mut before = Before::default();
        for part in line.split_inclusive(|char: char| char.is_ascii_whitespace() || char == ';') {
            let word =
                part.trim_end_matches(|char: char| char.is_ascii_whitespace() || char == ';');
            let end = at.saturating_add(word.len());
            if !word.is_empty() && before.is_secret(word.trim_matches(['"', '\''])) {
                output.filter((at, end), "");
            }
            at = at.saturating_add(part.len());
        }
    }
    output.finish()
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
            ("PING\nauth jo hunter2\nGET a", "PING\nauth [Filtered] [Filtered]\nGET a"),
            ("PING;AUTH hunter2;GET a", "PING;AUTH [Filtered];GET a"),
            ("HELLO 3 AUTH jo hunter2", "HELLO 3 AUTH [Filtered] [Filtered]"),
            ("\"AUTH\" \"hunter2\"", "\"AUTH\" [Filtered]"),
            ("CONFIG SET requirepass hunter2", "CONFIG SET requirepass [Filtered]"),
            ("ACL SETUSER jo on >hunter2 ~*", "ACL SETUSER jo on [Filtered] ~*"),
            ("SADD roles auth admin", "SADD roles auth admin"),
            ("SET requirepass 1", "SET requirepass 1"),
            ("GET a", "GET a"),
        ] {
            assert_eq!(without_passwords(command), clean);
            assert_eq!(without_passwords(clean), clean, "once more changes nothing");
        }
    }
}
