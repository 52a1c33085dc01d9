use std::borrow::Cow;

use sentry_types::protocol::v7::{Addr, Frame, Stacktrace};

use super::in_app::InApp;
use crate::protocol::first_chars;

/// Sentry's server keeps this many frames of each end of a long trace.
const OLDEST_FRAMES: usize = 50;
const NEWEST_FRAMES: usize = 200;
const NAME_CHARS: usize = 512;
const PATH_CHARS: usize = 1024;

/// The text of a trace taken apart.
pub(super) struct Traceback<'a> {
    /// Sentry's name of the language.
    pub(super) platform: &'static str,
    /// The error itself first, its root cause last.
    pub(super) raised: Vec<Raised<'a>>,
}

/// An error and the calls that led to it.
#[derive(Default)]
pub(super) struct Raised<'a> {
    pub(super) module: &'a str,
    pub(super) ty: &'a str,
    pub(super) value: Cow<'a, str>,
    /// The newest call first.
    pub(super) calls: Vec<Call<'a>>,
}

/// A call, as the text gives it.
#[derive(Clone, Default)]
pub(super) struct Call<'a> {
    pub(super) function: Option<Cow<'a, str>>,
    pub(super) symbol: Option<Cow<'a, str>>,
    pub(super) module: Option<Cow<'a, str>>,
    pub(super) package: Option<Cow<'a, str>>,
    pub(super) path: Option<Cow<'a, str>>,
    /// Where it differs from the last name of the path.
    pub(super) filename: Option<Cow<'a, str>>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
    pub(super) address: Option<u64>,
    pub(super) origin: Origin,
}

/// Whose code a call runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    #[default]
    Application,
    ThirdParty,
    Runtime,
}

impl<'a> Raised<'a> {
    /// An error by `type: text`, with the module before the last dot of the type.
    pub(super) fn dotted(ty: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        let (module, ty) = ty.rsplit_once('.').unwrap_or(("", ty));
        Self { module, ty, value: value.into(), calls: Vec::new() }
    }

    /// The frames, the oldest call first; none without calls.
    pub(super) fn into_stacktrace(mut self, in_app: &InApp) -> Option<Stacktrace> {
        keep_ends(&mut self.calls);
        let calls = self.calls.into_iter().rev();
        let mut frames: Vec<Frame> = calls.map(|call| call.into_frame(in_app)).collect();
        let has_application = frames.iter().any(|frame| frame.in_app == Some(true));
        for frame in &mut frames {
            // A trace through libraries alone still groups better by them than by nothing.
            frame.in_app.get_or_insert(!has_application);
        }
        (!frames.is_empty()).then(|| Stacktrace { frames, ..Stacktrace::default() })
    }
}

impl Call<'_> {
    /// The frame, which says nothing of whether it is the application's where it is a library's.
    fn into_frame(self, in_app: &InApp) -> Frame {
        let cut = |text: Cow<'_, str>| cut_to(text, NAME_CHARS);
        let cut_path = |path: Cow<'_, str>| cut_to(path, PATH_CHARS);
        let filename = self.filename.or_else(|| Some(last_name(self.path.as_deref()?).into()));
        let mut frame = Frame {
            function: self.function.map(cut),
            symbol: self.symbol.map(cut),
            module: self.module.map(cut),
            package: self.package.map(cut),
            filename: filename.map(cut_path),
            abs_path: self.path.map(cut_path),
            lineno: self.line,
            colno: self.column,
            instruction_addr: self.address.map(Addr),
            ..Frame::default()
        };
        frame.in_app = in_app.decision(&frame).or(match self.origin {
            Origin::Application => Some(true),
            Origin::ThirdParty => None,
            Origin::Runtime => Some(false),
        });
        frame
    }
}

fn cut_to(text: Cow<'_, str>, chars: usize) -> String {
    match first_chars(&text, chars) {
        Some(first) => first.to_owned(),
        None => text.into_owned(),
    }
}

/// Leaves of a long list, newest first, what the server would keep.
pub(super) fn keep_ends<T>(calls: &mut Vec<T>) {
    let oldest = calls.len().saturating_sub(OLDEST_FRAMES);
    if oldest > NEWEST_FRAMES {
        calls.drain(NEWEST_FRAMES..oldest);
    }
}

/// The name of the file itself.
pub(super) fn last_name(path: &str) -> &str {
    let last = path.bytes().rposition(|byte| matches!(byte, b'/' | b'\\'));
    last.and_then(|index| path.get(index.saturating_add(1)..)).unwrap_or(path)
}
