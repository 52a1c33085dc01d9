use std::borrow::Cow;

use sentry_types::protocol::v7::{Addr, Frame, Stacktrace};

use super::in_app::InApp;

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
#[derive(Default)]
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
    pub(super) fn stacktrace(&self, in_app: &InApp) -> Option<Stacktrace> {
        let (mut frames, origins): (Vec<Frame>, Vec<Option<Origin>>) = kept(&self.calls)
            .map(|call| {
                let frame = call.frame();
                let decided = in_app.decision(&frame);
                let origin = decided.map_or(Some(call.origin), |is_in_app| {
                    is_in_app.then_some(Origin::Application)
                });
                (frame, origin)
            })
            .rev()
            .unzip();
        let has_application = origins.contains(&Some(Origin::Application));
        for (frame, origin) in frames.iter_mut().zip(origins) {
            frame.in_app = Some(match origin {
                Some(Origin::Application) => true,
                // A trace through libraries alone still groups better by them than by nothing.
                Some(Origin::ThirdParty) => !has_application,
                Some(Origin::Runtime) | None => false,
            });
        }
        (!frames.is_empty()).then(|| Stacktrace { frames, ..Stacktrace::default() })
    }
}

impl Call<'_> {
    fn frame(&self) -> Frame {
        let cut = |text: &Cow<'_, str>| cut_to(text, NAME_CHARS);
        let cut_path = |path: &str| cut_to(path, PATH_CHARS);
        let path = self.path.as_deref();
        let filename = self.filename.as_deref().or_else(|| path.map(last_name));
        Frame {
            function: self.function.as_ref().map(cut),
            symbol: self.symbol.as_ref().map(cut),
            module: self.module.as_ref().map(cut),
            package: self.package.as_ref().map(cut),
            filename: filename.map(cut_path),
            abs_path: path.map(cut_path),
            lineno: self.line,
            colno: self.column,
            instruction_addr: self.address.map(Addr),
            ..Frame::default()
        }
    }
}

fn cut_to(text: &str, chars: usize) -> String {
    if text.len() <= chars { text.to_owned() } else { text.chars().take(chars).collect() }
}

/// Those of a long list, newest first, that the server would keep.
pub(super) fn kept<T>(calls: &[T]) -> impl DoubleEndedIterator<Item = &T> {
    let newest_of_end = calls.len().saturating_sub(OLDEST_FRAMES);
    let (newest, rest) =
        calls.split_at_checked(NEWEST_FRAMES.min(calls.len())).unwrap_or((calls, &[]));
    let skipped = newest_of_end.saturating_sub(newest.len());
    newest.iter().chain(rest.iter().skip(skipped))
}

/// The name of the file itself.
pub(super) fn last_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
