//! The text Rust programs record for an error, taken apart.
//!
//! Reports of anyhow, eyre and color-eyre carry their causes, a source
//! location and a backtrace inside one text. Sentry groups and shows these
//! far better as separate values, so they are separated here, but only where
//! the structure is really there: any other text stays as it is.

use std::borrow::Cow;
use std::str::Chars;

use super::ansi::without_ansi;
use super::bytes::has;
use super::location::Location;
use crate::steps;

/// What the text of an error says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ErrorText {
    /// What went wrong, in the words of the outermost error.
    pub message: String,
    /// The messages of the causes, from the outermost to the root.
    pub causes: Vec<String>,
    /// Where in the source the error was made.
    pub location: Option<Location<'static>>,
    /// The text of the backtrace below the report.
    pub backtrace: Option<String>,
}

/// The title of a part of a report that lists calls or spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    Backtrace,
    Spantrace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Message,
    Causes,
    Location,
    Spantrace,
    Backtrace,
    Notes,
}

/// The causes of a report while its lines are read.
#[derive(Default)]
struct Causes {
    texts: Vec<String>,
    /// The column of the colon after the numbers, when they are numbered.
    colon: Option<usize>,
    blanks: usize,
}

impl ErrorText {
    /// Takes the text of an error apart.
    ///
    /// A text without any known structure becomes the message, unchanged.
    #[must_use]
    pub(super) fn parse(text: &str) -> Self {
        let unquoted = match string_literal(text) {
            Some((value, "")) => value,
            _ => Cow::Borrowed(text),
        };
        let plain = without_ansi(&unquoted);
        let coloured = plain.len() < unquoted.len();
        Self::from_report(&plain, coloured)
            .unwrap_or_else(|| Self { message: unquoted.into_owned(), ..Self::default() })
    }

    /// Reads the report of an error library, or nothing when it is none.
    fn from_report(text: &str, coloured: bool) -> Option<Self> {
        // What opens a part of a report never stands alone.
        if !has(text, |byte| byte == b'\n') {
            return None;
        }
        let lines: Vec<&str> = text.lines().collect();
        let (mut message, mut notes) = (Vec::new(), Vec::new());
        let mut causes = Causes::default();
        let mut report = Self::default();
        let mut section = Section::Message;
        let mut is_list = false;
        let mut is_report = coloured;
        let mut previous = "";
        for (index, &line) in lines.iter().enumerate() {
            let following = lines.get(index.saturating_add(1)).copied().unwrap_or("");
            steps::count(line.len());
            if let Some(started) = Section::start(section, previous, line, following) {
                section = started;
                is_report = true;
                if section == Section::Backtrace {
                    let rest = lines.get(index.saturating_add(1)..).unwrap_or_default();
                    report.backtrace = Some(rest.join("\n").trim_end().to_owned());
                    break;
                }
            } else {
                match section {
                    // Color-eyre leaves the first line blank and lists the message as well.
                    Section::Message if message.is_empty() && index > 0 && is_first(line) => {
                        is_list = true;
                        section = Section::Causes;
                        causes.add(line);
                    }
                    Section::Message if message.is_empty() && line.trim().is_empty() => {}
                    Section::Message => message.push(line),
                    Section::Causes if causes.add(line) => {}
                    Section::Location if report.location.is_none() => {
                        report.location = Location::parse(line).map(Location::into_owned);
                    }
                    Section::Spantrace | Section::Backtrace => {}
                    _ if is_hint(line) => is_report = true,
                    _ => {
                        section = Section::Notes;
                        notes.push(line);
                    }
                }
            }
            previous = line;
        }
        report.causes = causes.texts;
        report.message = if is_list && !report.causes.is_empty() {
            report.causes.remove(0)
        } else {
            message.join("\n").trim_end().to_owned()
        };
        let is_structured = is_report && section != Section::Message;
        if !is_structured || report.message.is_empty() {
            return None;
        }
        let notes = notes.join("\n");
        if !notes.trim().is_empty() {
            report.message.push_str("\n\n");
            report.message.push_str(notes.trim());
        }
        Some(report)
    }
}

impl Heading {
    /// The heading that a line is.
    pub(super) fn parse(line: &str) -> Option<Self> {
        steps::count(line.len());
        // Most lines end otherwise than any heading does.
        if line.ends_with(|last: char| last.is_ascii_graphic() && !matches!(last, ':' | 'E')) {
            return None;
        }
        let line = line.trim();
        let title = line.trim_matches('━');
        if title.len() < line.len() {
            return match title.trim() {
                "BACKTRACE" => Some(Self::Backtrace),
                "SPANTRACE" => Some(Self::Spantrace),
                _ => None,
            };
        }
        line.eq_ignore_ascii_case("stack backtrace:").then_some(Self::Backtrace)
    }
}

impl Section {
    /// The section that `line` opens, judged with the lines around it.
    fn start(current: Self, previous: &str, line: &str, following: &str) -> Option<Self> {
        match Heading::parse(line) {
            Some(Heading::Spantrace) => return Some(Self::Spantrace),
            Some(Heading::Backtrace) if line.contains('━') || numbered(following).is_some() => {
                return Some(Self::Backtrace);
            }
            _ => {}
        }
        if !previous.trim().is_empty() {
            return None;
        }
        match line.trim_end() {
            "Caused by:" => (current == Self::Message
                && following.starts_with([' ', '\t'])
                && !following.trim().is_empty())
            .then_some(Self::Causes),
            "Location:" => Location::parse(following)
                .is_some_and(|location| location.line.is_some())
                .then_some(Self::Location),
            _ => None,
        }
    }
}

impl Causes {
    /// Takes a line of the list, or says that the list is over.
    fn add(&mut self, line: &str) -> bool {
        steps::count(line.len());
        if line.trim().is_empty() {
            self.blanks = self.blanks.saturating_add(1);
            return true;
        }
        if !line.starts_with([' ', '\t']) {
            return false;
        }
        // Numbers are right-aligned, so a numbered line of a message stands elsewhere.
        let item = numbered(line).filter(|&(colon, number, _)| {
            number == self.texts.len() && (self.texts.is_empty() || self.colon == Some(colon))
        });
        match (item, self.texts.last_mut()) {
            (Some((colon, _, text)), _) => {
                self.colon = Some(colon);
                self.texts.push(text.trim_end().to_owned());
            }
            (None, None) => self.texts.push(line.trim().to_owned()),
            (None, Some(last)) => {
                let indent = self.colon.map_or(4, |colon| colon.saturating_add(2));
                last.extend(std::iter::repeat_n('\n', self.blanks.saturating_add(1)));
                last.push_str(dedented(line, indent));
            }
        }
        self.blanks = 0;
        true
    }
}

/// The type that the `Debug` text of an error begins with.
///
/// The outermost name of `ParseIntError { kind: InvalidDigit }` says more than
/// a general word for an error, and it is the best there is when the type
/// itself was not recorded.
#[must_use]
pub(super) fn type_of_debug(text: &str) -> Option<&str> {
    steps::count(text.len());
    let text = text.trim();
    let rest =
        text.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    let name = text.strip_suffix(rest)?;
    let is_camel_case = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.contains(|letter: char| letter.is_ascii_lowercase());
    // Prose such as `Error(s) found` does not end with the bracket.
    let is_debug = rest.is_empty()
        || ((rest.starts_with('{') || rest.starts_with(" {")) && rest.ends_with('}'))
        || (rest.starts_with('(') && rest.ends_with(')'));
    (is_camel_case && is_debug).then_some(name)
}

/// Divides the path of a Rust type into its module and its name.
///
/// A name that is no Rust path, such as a Java class, stays whole.
#[must_use]
pub(super) fn split_type(path: &str) -> (Option<&str>, &str) {
    let whole = (None, path);
    let mut depth = 0_usize;
    let (mut earlier, mut last) = (' ', ' ');
    let mut division = None;
    steps::count(path.len());
    for (index, letter) in path.char_indices() {
        match letter {
            '<' => depth = depth.saturating_add(1),
            '>' if last != '-' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if letter.is_whitespace() || "&*([".contains(letter) => return whole,
            _ if (earlier, last) == (':', ':') => division = Some(index),
            _ => {}
        }
        (earlier, last) = (last, letter);
    }
    let parts = division.and_then(|index| path.split_at_checked(index));
    match parts.and_then(|(module, name)| Some((module.strip_suffix("::")?, name))) {
        Some((module, name)) if !module.is_empty() => (Some(module), name),
        _ => whole,
    }
}

/// Reads the string literal that a text begins with, and gives what follows.
///
/// `Debug` escapes control characters, so a literal with a bare one is none.
pub(super) fn string_literal(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let text = text.strip_prefix('"')?;
    let is_plain = |letter: char| !matches!(letter, '"' | '\\') && !letter.is_control();
    let rest = text.trim_start_matches(is_plain);
    let plain = text.strip_suffix(rest)?;
    steps::count(plain.len());
    if let Some(rest) = rest.strip_prefix('"') {
        return Some((plain.into(), rest));
    }
    let mut letters = rest.chars();
    let mut value = plain.to_owned();
    loop {
        steps::count(1);
        match letters.next()? {
            '"' => return Some((value.into(), letters.as_str())),
            '\\' => value.push(escaped(&mut letters)?),
            control if control.is_control() => return None,
            letter => value.push(letter),
        }
    }
}

fn escaped(letters: &mut Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        literal @ ('\\' | '"' | '\'') => literal,
        'u' => {
            let (digits, rest) = letters.as_str().strip_prefix('{')?.split_once('}')?;
            *letters = rest.chars();
            let is_hex = digits.chars().all(|digit| digit.is_ascii_hexdigit());
            let code = is_hex.then(|| u32::from_str_radix(digits, 16).ok())??;
            char::from_u32(code)?
        }
        _ => return None,
    })
}

/// The column of the colon, the number and the text of `   0: text`.
pub(super) fn numbered(line: &str) -> Option<(usize, usize, &str)> {
    steps::count(line.len());
    let item = line.trim_start();
    let digits = item.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = item.split_at_checked(digits)?;
    let text = rest.strip_prefix(": ").or_else(|| rest.strip_prefix(":\t"))?;
    let column = line.len().saturating_sub(rest.len());
    Some((column, number.parse().ok()?, text))
}

fn dedented(line: &str, indent: usize) -> &str {
    let mut rest = line;
    for _ in 0..indent {
        let Some(shorter) = rest.strip_prefix(' ') else {
            break;
        };
        rest = shorter;
    }
    rest
}

/// Whether a line is the first of a numbered list.
fn is_first(line: &str) -> bool {
    line.starts_with(' ') && numbered(line).is_some_and(|(_, number, _)| number == 0)
}

/// Whether a line only tells how to see more.
fn is_hint(line: &str) -> bool {
    ["Run with ", "Backtrace omitted", "note: "].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANYHOW: &str = "\
could not load

Caused by:
    0: multi
       line cause

       after a blank
    1: invalid digit found in string

Stack backtrace:
   0: <E as anyhow::context::ext::StdError>::ext_context
   1: crashapp::main
";

    const EYRE: &str = "\
could not load
from the file

Caused by:
   0: multi
      1: line cause
   1: invalid digit found in string

Location:
    src/main.rs:36:41

Stack backtrace:
   0: eyre::capture_handler
";

    const COLOR_EYRE: &str = "
   0: \x1b[91mcould not load\x1b[0m
   1: \x1b[91mmulti
      line cause\x1b[0m
   2: \x1b[91minvalid digit found in string\x1b[0m

Location:
   \x1b[35msrc/main.rs\x1b[0m:\x1b[35m36\x1b[0m

  ━━━━━━━━━━━━━━━━━━━━━━ SPANTRACE ━━━━━━━━━━━━━━━━━━━━━━━

   0: crashapp::a_span
      at src/main.rs:50

  ━━━━━━━━━━━━━━━━━━━━━━ BACKTRACE ━━━━━━━━━━━━━━━━━━━━━━━
  \x1b[96m                              ⋮ 4 frames hidden ⋮                               \x1b[0m
   5: \x1b[32mcrashapp::main\x1b[0m\x1b[90m::he99d6fed0f4ab7c0\x1b[0m
";

    const WITHOUT_BACKTRACE: &str = "
   0: could not load
   1: invalid digit found in string

Location:
   src/main.rs:45

\x1b[96mNote\x1b[0m: a note
\x1b[96mSuggestion\x1b[0m: try it

Backtrace omitted. Run with RUST_BACKTRACE=1 environment variable to display it.
Run with RUST_BACKTRACE=full to include source snippets.
";

    const SINGLE: &str = "could not load\n\nCaused by:\n    first line\n    second: line\n";

    const PANIC: &str = "thread 'main' panicked at src/main.rs:20:63:\nboom\nstack backtrace:\n   0:     0x5 - app::main\n";

    fn message(text: &str) -> ErrorText {
        ErrorText { message: text.to_owned(), ..ErrorText::default() }
    }

    fn place(location: Option<Location<'_>>) -> String {
        location.map_or("nowhere".to_owned(), |Location { file, line, column }| {
            let (line, column) = (line.unwrap_or(0), column.unwrap_or(0));
            format!("{file} {line} {column}")
        })
    }

    /// The message, the causes, the place and the last line of the backtrace, one a line.
    fn told(text: &str) -> String {
        let report = ErrorText::parse(text);
        let backtrace = report.backtrace.unwrap_or_default();
        let last = backtrace.lines().last().unwrap_or("no backtrace").trim();
        let (message, causes) = (report.message, report.causes.join("; "));
        format!("{message}\n{causes}\n{}\n{last}", place(report.location)).replace("\n\n", "\n-\n")
    }

    #[test]
    fn reports_are_taken_apart() {
        let expected = "\
could not load
multi
line cause
-
after a blank; invalid digit found in string
nowhere
1: crashapp::main

could not load
from the file
multi
1: line cause; invalid digit found in string
src/main.rs 36 41
0: eyre::capture_handler

could not load
multi
line cause; invalid digit found in string
src/main.rs 36 0
5: crashapp::main::he99d6fed0f4ab7c0

could not load
-
Note: a note
Suggestion: try it
invalid digit found in string
src/main.rs 45 0
no backtrace

could not load
first line
second: line
nowhere
no backtrace

thread 'main' panicked at src/main.rs:20:63:
boom
-
nowhere
0:     0x5 - app::main";
        let forms = [ANYHOW, EYRE, COLOR_EYRE, WITHOUT_BACKTRACE, SINGLE, PANIC];
        for (form, expected) in forms.into_iter().zip(expected.split("\n\n")) {
            assert_eq!(told(form), expected);
        }
    }

    #[test]
    fn a_complete_string_literal_is_unquoted() {
        let table = [
            (r#""could not \"open\"\n""#, "could not \"open\"\n"),
            (r#""\t\r\\\'\0\u{1f600}""#, "\t\r\\'\0😀"),
            (r#""""#, ""),
        ];
        for (text, expected) in table {
            assert_eq!(ErrorText::parse(text), message(expected));
        }
        let quoted = ErrorText::parse(&format!("{ANYHOW:?}"));
        assert_eq!(quoted, ErrorText::parse(ANYHOW));
    }

    #[test]
    fn any_other_text_stays_whole() {
        let texts = [
            "connection refused\n",
            "\"two\nlines\"",
            "\x1b[31mred\x1b[0m words",
            "Caused by:\n    nothing above",
            "it failed\nCaused by:\n    no blank line",
            "it failed\n\nCaused by:\nnot indented",
            "it failed\n\nCaused by: a thing",
            "where?\n\nLocation:\n    Berlin",
            "it failed\nStack backtrace:\nunsupported",
            "stack backtrace:\n   0: app::main\n",
            "\n   0: app::main\n             at src/main.rs:3\n",
            "   0: first\n   1: second",
            "java.lang.IllegalStateException: x\n\tat com.app.Main.main(Main.java:10)\nCaused by: java.io.IOException",
        ];
        let quotes =
            r#"|gone|no: digit|"open|"a" and "b"|"bad \q"|"\u{110000}"|"\u{+41}"|"\u{}"|""""#;
        for text in texts.into_iter().chain(quotes.split('|')) {
            assert_eq!(ErrorText::parse(text), message(text));
        }
    }

    #[test]
    fn the_type_of_a_debug_text_is_its_first_name() {
        let named = "ParseIntError { kind: InvalidDigit }|Io(Os { code: 2 })|Error{code: 2}|Timeout\n|Utf8Error {\n    valid_up_to: 1,\n}\n";
        let names = named.split('|').map(|text| type_of_debug(text).unwrap());
        let names: Vec<&str> = names.collect();
        assert_eq!(names.join(" "), "ParseIntError Io Error Timeout Utf8Error");
        let nameless =
            "Error: something|Error(s) found|Could not open|HTTP|timeout(5)|Größe(5)|_A(5)|Gone.|";
        for text in nameless.split('|') {
            assert_eq!(type_of_debug(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_divides_before_its_last_name() {
        let divided = "std::io | Error
app | Wrapper<std::io::Error>
app::Outer<fn() -> a::B> | Inner
alloc::boxed | Box<dyn core::error::Error>";
        for row in divided.lines() {
            let (module, name) = row.split_once(" | ").unwrap();
            assert_eq!(split_type(&format!("{module}::{name}")), (Some(module), name));
        }
        let whole =
            "java.lang.NullPointerException|&std::io::Error|it was std::io|::Error|Error::|Error|";
        for path in whole.split('|') {
            assert_eq!(split_type(path), (None, path));
        }
    }

    #[test]
    fn a_megabyte_of_anything_is_looked_at_a_few_times() {
        let pieces = "\n| |\"|\\|\x1b]|<|A(|a:|━|\n\nCaused by:\n    0: a|\n\nLocation:\n|\n a";
        let wide = " ".repeat(50_000);
        for piece in pieces.split('|') {
            let run = piece.repeat(50_000 / piece.len());
            for text in [
                piece.repeat(1_000_000 / piece.len()),
                format!("\"{run}\""),
                format!("{run}\na\n{}", " 0: a\n".repeat(10_000)),
                format!("a\n\nCaused by:\n{wide}0: b\n{run}"),
                format!("a\n\nCaused by:\n  0: b\n{}", format!("{wide}c\n").repeat(20)),
            ] {
                let work = steps::of(|| {
                    let _ = (ErrorText::parse(&text), type_of_debug(&text), split_type(&text));
                });
                let looks = text.len()..=text.len() * 20;
                assert!(looks.contains(&work), "{work} {} {piece:?}", text.len());
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), path in "[a-z:<>() é-]{0,40}") {
            prop_assume!(!text.starts_with('"'));
            let _ = (ErrorText::parse(&text), type_of_debug(&text), split_type(&text), split_type(&path));
            prop_assert_eq!(ErrorText::parse(&format!("{text:?}")), ErrorText::parse(&text));
        }

        #[test]
        fn no_change_to_a_report_makes_it_panic(
            form in prop::sample::select(vec![ANYHOW, EYRE, COLOR_EYRE, WITHOUT_BACKTRACE]),
            changes in prop::collection::vec((0..2000_usize, any::<char>()), 1..20),
        ) {
            let mut letters: Vec<char> = form.chars().collect();
            for (index, letter) in changes {
                let index = index % letters.len();
                letters[index] = letter;
            }
            let _ = ErrorText::parse(&letters.into_iter().collect::<String>());
        }
    }
}
