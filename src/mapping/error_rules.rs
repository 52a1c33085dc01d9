use super::Mapper;
use super::event_filter::EventFilter;
use crate::pattern::Pattern;

/// What the user wants to become of errors.
#[derive(Clone, Debug)]
pub(super) struct ErrorRules {
    pub(super) filter: EventFilter,
    pub(super) is_deduplicated: bool,
    pub(super) ignored: Vec<Pattern>,
    pub(super) max_per_segment: usize,
    pub(super) max_per_minute: Option<usize>,
}

/// How many errors of one segment are sent by default.
const MAX_PER_SEGMENT: usize = 500;

impl Default for ErrorRules {
    fn default() -> Self {
        Self {
            filter: EventFilter::new(),
            is_deduplicated: true,
            ignored: Vec::new(),
            max_per_segment: MAX_PER_SEGMENT,
            max_per_minute: None,
        }
    }
}

impl Mapper {
    /// Which events make issues and which are breadcrumbs, by level and target.
    #[must_use]
    pub fn with_event_filter(mut self, filter: EventFilter) -> Self {
        self.errors.filter = filter;
        self
    }

    /// Whether an error that several spans recorded on its way up, or one span twice, makes one
    /// event; by default it does.
    #[must_use]
    pub fn with_deduplication(mut self, deduplicated: bool) -> Self {
        self.errors.is_deduplicated = deduplicated;
        self
    }

    /// Errors that make no event, by patterns for their type or text, before anything is scrubbed;
    /// by default none.
    ///
    /// A pattern is for the type with or without its path, for the text, for both as
    /// `type: text`, or for the message that was logged. Further calls add to the list.
    #[must_use]
    pub fn with_ignored_errors<P: Into<Pattern>>(
        mut self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Self {
        self.errors.ignored.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// How many errors of one segment make events, besides fatal ones; by default 500.
    #[must_use]
    pub fn with_max_errors_per_segment(mut self, errors: usize) -> Self {
        self.errors.max_per_segment = errors;
        self
    }

    /// How many errors may be sent in any minute; counted where there is a clock.
    pub(crate) fn with_max_errors_per_minute(mut self, errors: usize) -> Self {
        self.errors.max_per_minute = Some(errors);
        self
    }

    pub(crate) fn max_errors_per_minute(&self) -> Option<usize> {
        self.errors.max_per_minute
    }
}
