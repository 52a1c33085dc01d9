//! Errors that others have told of, in the words of those that spans record.

use sentry_types::protocol::v7::{Event, Exception};

use super::Mapper;
use super::error_text::ErrorText;
use super::event::STATUS;
use super::exception::{CAUSE, MAX_VALUE_BYTES};
use crate::protocol::limited;

impl Mapper {
    /// The texts of an error as an event of a span with them has them when it is sent.
    pub(crate) fn as_recorded(&self, texts: &[String]) -> Vec<String> {
        let clean = texts.iter().map(|text| self.scrubber.scrub_text(text));
        let clean = clean.flat_map(|text| [ErrorText::parse(&text).message, text]);
        let mut texts: Vec<_> = clean.map(|text| limited(&text, MAX_VALUE_BYTES)).collect();
        texts.retain(|text| !text.is_empty());
        texts.sort();
        texts.dedup();
        texts
    }

    /// Whether an error event is of a span that only has an error status.
    pub(crate) fn is_of_status(event: &Event<'_>) -> bool {
        event.exception.values.is_empty()
            && event.fingerprint.first().is_some_and(|first| first == STATUS)
    }

    /// Whether an error of a chain was recorded itself, and is not only known as a cause.
    pub(crate) fn is_of_record(error: &Exception) -> bool {
        error.mechanism.as_ref().is_some_and(|mechanism| mechanism.ty != CAUSE)
    }
}
