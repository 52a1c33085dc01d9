use std::borrow::Cow;

use opentelemetry::trace::{SpanContext, TraceState};

use super::family::Family;
use super::key::Verdict;
use super::output::FILTERED;
use super::scrubber::Scrubber;
use super::text::Kind;

impl Scrubber {
    /// The context, if something had to be taken out of its trace state.
    pub(super) fn context(&self, context: &SpanContext) -> Option<SpanContext> {
        if *context.trace_state() == TraceState::NONE {
            return None;
        }
        let header = context.trace_state().header();
        let entries = header.split(',').filter_map(|entry| entry.split_once('='));
        let clean: Vec<_> = entries
            .map(|(key, value)| {
                let is_secret = self.families().has(Family::SecretKeys)
                    && self.settings.judge(key) == Verdict::Secret;
                let value = match is_secret {
                    true => FILTERED.into(),
                    false => self.text(value, Kind::Text),
                };
                (self.text(key, Kind::Text), value)
            })
            .collect();
        let is_same = |(key, value): &(Cow<'_, str>, Cow<'_, str>)| {
            matches!((key, value), (Cow::Borrowed(_), Cow::Borrowed(_)))
        };
        if clean.iter().all(is_same) {
            return None;
        }
        // What is no state any more is left out.
        let state = TraceState::from_key_value(clean).unwrap_or_default();
        Some(SpanContext::new(
            context.trace_id(),
            context.span_id(),
            context.trace_flags(),
            context.is_remote(),
            state,
        ))
    }
}
