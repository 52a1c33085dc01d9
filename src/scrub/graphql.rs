//! Documents of GraphQL without their literals.

use std::borrow::Cow;

use super::output::Output;
use crate::steps;

/// What stands in place of a text and of a number.
const TEXT: &str = "\"?\"";
const NUMBER: &str = "0";

/// A document on its way.
struct Document<'a> {
    bytes: &'a [u8],
    at: usize,
    output: Output<'a>,
}

/// The document with `"?"` in place of texts, `0` in place of numbers and `#?` in place of comments
/// that hold more than words. Names, variables, enum values, booleans and blanks stay, so that
/// documents that differ in values alone become one.
pub(super) fn without_literals(document: &str) -> Cow<'_, str> {
    steps::count(document.len());
    let pass = Document { bytes: document.as_bytes(), at: 0, output: Output::new(document) };
    pass.run()
}

impl<'a> Document<'a> {
    fn run(mut self) -> Cow<'a, str> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' if self.rest().starts_with(b"\"\"\"") => self.block(),
                // No document has texts in single quotes, but one that is refused may.
                b'"' | b'\'' => self.text(*byte),
                b'#' => self.comment(),
                b'-' | b'0'..=b'9' => self.number(),
                byte if is_of_name(byte) => self.at = self.after(self.length_of(is_of_name)),
                _ => self.at = self.after(1),
            }
        }
        self.output.finish()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn after(&self, bytes: usize) -> usize {
        self.at.saturating_add(bytes)
    }

    /// How many of the next bytes are of this kind.
    fn length_of(&self, is_of_kind: impl Fn(&u8) -> bool) -> usize {
        self.rest().iter().take_while(|byte| is_of_kind(byte)).count()
    }

    fn replace(&mut self, to: usize, with: &str) {
        let to = to.min(self.bytes.len());
        self.output.replace((self.at, to), with, with);
        self.at = to;
    }

    /// A text; one that has no end goes to that of the document.
    fn text(&mut self, quote: u8) {
        let mut end = self.after(1);
        while let Some(byte) = self.bytes.get(end) {
            end = end.saturating_add(if *byte == b'\\' { 2 } else { 1 });
            if *byte == quote {
                break;
            }
        }
        self.replace(end, TEXT);
    }

    /// A text of several lines, in which `\"""` is no end.
    fn block(&mut self) {
        let mut end = self.after(3);
        while let Some(rest) = self.bytes.get(end..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with(b"\"\"\"") {
                end = end.saturating_add(3);
                break;
            }
            end = end.saturating_add(if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 });
        }
        self.replace(end, TEXT);
    }

    fn comment(&mut self) {
        let length = self.length_of(|byte| !matches!(byte, b'\n' | b'\r'));
        let end = self.after(length);
        self.at = self.after(1);
        let body = self.bytes.get(self.at..end).unwrap_or_default();
        let is_word = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'\t' | b',');
        match body.iter().all(is_word) {
            true => self.at = end,
            false => self.replace(end, "?"),
        }
    }

    fn number(&mut self) {
        let sign = usize::from(self.rest().starts_with(b"-"));
        let is_number = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
        let (mut end, mut before) = (self.after(sign), b' ');
        while let Some(byte) = self.bytes.get(end) {
            let is_exponent = matches!(before, b'e' | b'E') && matches!(byte, b'+' | b'-');
            if !is_number(byte) && !is_exponent {
                break;
            }
            before = *byte;
            end = end.saturating_add(1);
        }
        match end == self.after(sign) {
            true => self.at = end,
            false => self.replace(end, NUMBER),
        }
    }
}

/// Names are ASCII; what is not has no place outside of texts, and is none to judge.
fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_of_documents_go_and_their_shape_stays() {
        for (document, clean) in [
            (
                "query Find($id: ID = 7) { user(name: \"Jo\", age: -3.5e+2) { id } }",
                "query Find($id: ID = 0) { user(name: \"?\", age: 0) { id } }",
            ),
            ("{ f(a: \"x\\\"y\", b: [1, 2], c: \"\") }", "{ f(a: \"?\", b: [0, 0], c: \"?\") }"),
            ("{ f(a: \"\"\"one \"two\" \\\"\"\" three\"\"\") }", "{ f(a: \"?\") }"),
            ("{ f(a: \"no end) }", "{ f(a: \"?\""),
            ("{ f(a: \"\"\"no end) }", "{ f(a: \"?\""),
            ("{ f(a: 'x') }", "{ f(a: \"?\") }"),
            ("# for jo@x\r\n{ f } # the list", "#?\r\n{ f } # the list"),
            ("{ f(a: 0x1F, b: -, c: 12ab) }", "{ f(a: 0, b: -, c: 0) }"),
            ("{\"query\": \"{ f }\", \"id\": 5}", "{\"?\": \"?\", \"?\": 0}"),
        ] {
            assert_eq!(without_literals(document), clean);
            assert_eq!(without_literals(clean), clean, "once more changes nothing");
        }
    }

    #[test]
    fn a_document_without_literals_stays_as_it_is() {
        for document in [
            "query Q1($a: Int!, $b2: [ID!]) @cached { hero2: hero(id: $a, in: JEDI, on: true) { ...F } }",
            "mutation { add(input: {a: $a, b: null, sort: DESC}) { ok } }\n\nfragment F on H { n }",
            "",
        ] {
            let clean = without_literals(document);
            assert!(matches!(clean, Cow::Borrowed(same) if same == document), "{clean}");
        }
    }

    proptest! {
        #[test]
        fn no_text_comes_through_whatever_is_in_it(value in "[^\"\\\\\n]{0,20}", number in 10..99_u32) {
            let one = without_literals("{ f(a: \"zz\", b: 1) { x } }").into_owned();
            let document = format!("{{ f(a: \"{value}\", b: {number}) {{ x }} }}");
            prop_assert_eq!(without_literals(&document), one);
        }
    }
}
