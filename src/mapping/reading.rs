use std::collections::HashSet;

use opentelemetry::trace::{Event, SpanId};
use opentelemetry_sdk::trace::SpanData;

use super::error_rules::ErrorRules;
use super::exception::{Recorded, Role};
use super::stacktrace::InApp;
use super::status::{has_error, status_text};

/// What the rules say of the events of a segment, read before anything is taken out of them.
#[derive(Debug)]
pub(super) struct Reading {
    roles: Vec<Place>,
    /// The errors that nobody wants to see, by span and event; a bare status has no event.
    ignored: HashSet<(SpanId, Option<usize>)>,
}

/// An event by its span, its place among the events of that, and what it is.
#[derive(Debug)]
struct Place {
    span: usize,
    event: usize,
    role: Role,
}

impl Reading {
    pub(super) fn of(spans: &[SpanData], rules: &ErrorRules, in_app: &InApp) -> Self {
        let mut reading = Self { roles: Vec::new(), ignored: HashSet::new() };
        for (at, span) in spans.iter().enumerate() {
            let events = span.events.iter().enumerate();
            reading.roles.extend(events.map(|(event, said)| {
                let role = Role::of(said, span, &rules.filter);
                Place { span: at, event, role }
            }));
        }
        if !rules.ignored.is_empty() {
            reading.ignored = reading.ignored(spans, rules, in_app);
        }
        reading
    }

    /// The events of such a role, in the order of their spans.
    pub(super) fn events<'a>(
        &self,
        spans: &'a [SpanData],
        is_wanted: impl Fn(Role) -> bool,
    ) -> impl DoubleEndedIterator<Item = (&'a SpanData, (usize, &'a Event), Role)> {
        self.roles.iter().filter(move |place| is_wanted(place.role)).filter_map(|place| {
            let span = spans.get(place.span)?;
            Some((span, (place.event, span.events.events.get(place.event)?), place.role))
        })
    }

    /// Whether nobody wants to see what a span failed with.
    pub(super) fn ignores(&self, span: &SpanData, event: Option<usize>) -> bool {
        self.ignored.contains(&(span.span_context.span_id(), event))
    }

    fn ignored(
        &self,
        spans: &[SpanData],
        rules: &ErrorRules,
        in_app: &InApp,
    ) -> HashSet<(SpanId, Option<usize>)> {
        let fits = |text| rules.ignored.iter().any(|pattern| pattern.fits(text));
        let statuses = spans.iter().filter(|span| has_error(span) && fits(status_text(span)));
        let statuses = statuses.map(|span| (span.span_context.span_id(), None));
        let events = self.events(spans, Role::is_error).filter(|(span, (_, event), role)| {
            Recorded::of(event, *role, span, in_app).is_one_of(&rules.ignored)
        });
        let events = events.map(|(span, (at, _), _)| (span.span_context.span_id(), Some(at)));
        statuses.chain(events).collect()
    }
}
