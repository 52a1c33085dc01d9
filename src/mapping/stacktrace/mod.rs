//! The text of a stack trace as frames of Sentry.
//!
//! Stack traces reach the exporter only as text. Sentry groups issues by frames, so a text that
//! surely is a trace of a known language is read line by line, and any other text is refused,
//! because wrong frames group worse than none.

mod call;
mod cpp;
mod crates;
mod dotnet;
mod go;
mod in_app;
mod java;
mod javascript;
mod lines;
mod php;
mod python;
mod ruby;
mod rust;
mod steps;

use sentry_types::protocol::v7::Stacktrace;

use self::call::{Raised, Traceback};
pub(super) use self::in_app::InApp;
use super::error_text::without_ansi;

/// Reads the text of a trace in one language; the trace of another one gives nothing.
type Parser = for<'a> fn(&'a str) -> Option<Traceback<'a>>;

/// Rust comes first: its reports may hold the text of an error of another language.
const PARSERS: [Parser; 9] = [
    rust::parse,
    python::parse,
    java::parse,
    javascript::parse,
    dotnet::parse,
    go::parse,
    php::parse,
    ruby::parse,
    cpp::parse,
];

/// How many errors of a chain are read, counted from the outermost.
const MAX_ERRORS: usize = 50;

/// What a text says of an error and its causes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace {
    /// Sentry's name of the language.
    pub(super) platform: &'static str,
    /// The error itself first, its root cause last; never empty.
    pub(super) errors: Vec<Error>,
}

/// An error, as far as the text of its trace names it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Error {
    pub(super) module: Option<String>,
    pub(super) ty: Option<String>,
    pub(super) value: Option<String>,
    pub(super) stacktrace: Option<Stacktrace>,
}

/// Reads the text of a stack trace.
///
/// The frames come in Sentry's order, the oldest call first. A text that is not surely the trace
/// of a known language, such as prose, gives nothing.
#[must_use]
pub(super) fn parse(text: &str, in_app: &InApp) -> Option<Trace> {
    let text = without_ansi(text);
    let Traceback { platform, raised } = PARSERS.iter().find_map(|parse| parse(&text))?;
    let errors: Vec<Error> =
        raised.into_iter().take(MAX_ERRORS).map(|raised| error(raised, in_app)).collect();
    errors.iter().any(|error| error.stacktrace.is_some()).then_some(Trace { platform, errors })
}

fn error(raised: Raised<'_>, in_app: &InApp) -> Error {
    let owned = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    Error {
        stacktrace: raised.stacktrace(in_app),
        module: owned(raised.module),
        ty: owned(raised.ty),
        value: owned(&raised.value),
    }
}
