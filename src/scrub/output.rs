use std::borrow::Cow;

/// What Sentry shows in place of a value that was taken out.
pub(super) const FILTERED: &str = "[Filtered]";

/// What stands there instead where there is no room for that.
pub(super) const SHORT: &str = "*";

/// How much longer than twice its length a text may become, in bytes. Segments are divided by the
/// lengths of their texts before, and count each text twice.
const MAX_GROWTH: usize = 48;

/// A text and what is to stand in it in place of some of its parts.
///
/// Nothing is copied before the first part is replaced.
#[derive(Debug)]
pub(super) struct Output<'a> {
    text: &'a str,
    made: String,
    /// Up to where the text is in `made`.
    done: usize,
    is_changed: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, made: String::new(), done: 0, is_changed: false }
    }

    /// Replaces a part by the mark between `quotes`; parts come in order.
    pub(super) fn filter(&mut self, part: (usize, usize), quotes: &str) {
        match quotes {
            "" => self.replace(part, FILTERED, SHORT),
            _ => self.replace(
                part,
                &[quotes, FILTERED, quotes].concat(),
                &[quotes, SHORT, quotes].concat(),
            ),
        }
    }

    /// Replaces a part by `with`, or by `short` if there is no room for that.
    pub(super) fn replace(&mut self, (from, to): (usize, usize), with: &str, short: &str) {
        if matches!(self.text.get(from..to), Some(part) if part == with || part == short) {
            return;
        }
        let room = self.text.len().saturating_mul(2).saturating_add(MAX_GROWTH);
        self.is_changed = true;
        self.made.push_str(self.text.get(self.done..from).unwrap_or_default());
        let rest = self.text.len().saturating_sub(to);
        let length = self.made.len().saturating_add(with.len()).saturating_add(rest);
        self.made.push_str(if length <= room { with } else { short });
        self.done = to;
    }

    /// The text, the same if nothing was replaced.
    pub(super) fn finish(mut self) -> Cow<'a, str> {
        if !self.is_changed {
            return self.text.into();
        }
        self.made.push_str(self.text.get(self.done..).unwrap_or_default());
        self.made.into()
    }
}
