use std::collections::HashMap;

use opentelemetry::trace::{Event, SpanId};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::Level;

use super::bare;
use super::error_rules::ErrorRules;
use super::event_filter::EventFilter;
use super::exception::{Recorded, Role};
use super::identity::{Identity, may_be_one};
use super::lineage::{Lineage, Place};
use super::panic::Panics;
use super::reading::Reading;
use super::stacktrace::InApp;
use super::status::has_error;
use crate::segment::{ErrorMark, FailedBelow, IdSet, Segment};

/// With how many records of the same error a further one is compared.
const MAX_COMPARED: usize = 100;

/// What becomes an error event: where it stands in its segment, and what was recorded, if anything.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    /// The span that recorded it.
    pub(super) span: &'a SpanData,
    /// The event of that span and its place among them; absent for a bare error status.
    pub(super) event: Option<(usize, &'a Event)>,
    pub(super) recorded: Option<Recorded>,
    /// The span and event of a record further up that said more of it.
    pub(super) said_more: Option<(&'a SpanData, usize)>,
    /// What was said of it on its way, where it was compared with others.
    marks: Vec<ErrorMark>,
}

/// A record of an error that is sent.
#[derive(Debug)]
struct Known {
    place: Place,
    stack: Option<u64>,
    /// The place of the error among those that are sent.
    of: usize,
}

/// The failures of a segment, after the rules for errors.
#[derive(Debug, Default)]
pub(super) struct Failures<'a> {
    pub(super) sent: Vec<Failure<'a>>,
    /// How many further records there were of these.
    pub(super) repeated: usize,
    /// How many were of a kind that nobody wants to see.
    pub(super) ignored: usize,
    /// How many there were beyond those that one segment may have.
    pub(super) surplus: usize,
}

impl<'a> Failures<'a> {
    pub(super) fn of(
        segment: &'a Segment,
        reading: &Reading,
        with_status: bool,
        rules: &ErrorRules,
        in_app: &InApp,
    ) -> Self {
        let below = &segment.failed_below;
        let (mut sent, repeated) =
            failures(&segment.spans, below, reading, with_status, rules, in_app);
        if !segment.told.is_empty() {
            let told: IdSet<SpanId> = segment.told.iter().copied().collect();
            sent.retain(|failure| !told.contains(&failure.span.span_context.span_id()));
        }
        let all = sent.len();
        sent.retain(|failure| {
            let said = failure.said_more.map(|(span, index)| (span, Some(index)));
            let first = (failure.span, failure.event.map(|(index, _)| index));
            let (span, index) = said.unwrap_or(first);
            !reading.ignores(span, index)
        });
        let ignored = all.saturating_sub(sent.len());
        // What is fatal, such as a panic, is not lost among what is not.
        let mut room = rules.max_per_segment;
        let before = sent.len();
        sent.retain(|failure| {
            let is_kept = failure.is_fatal() || room > 0;
            room = room.saturating_sub(usize::from(!failure.is_fatal()));
            is_kept
        });
        let surplus = before.saturating_sub(sent.len());
        Self { sent, repeated, ignored, surplus }
    }

    /// What the spans above, which are still to come, need not tell again; nothing stands for a
    /// bare status.
    pub(super) fn marks(&self, below: &[FailedBelow]) -> Vec<Option<ErrorMark>> {
        let own = self.sent.iter().flat_map(|failure| {
            let alone = failure.recorded.as_ref().filter(|_| failure.marks.is_empty());
            let alone = alone.map(|recorded| Identity::of(recorded).marks());
            alone.into_iter().flatten().chain(failure.marks.iter().copied())
        });
        let mut marks = Vec::new();
        for mark in own.chain(below.iter().filter_map(|failed| failed.error)).take(MAX_COMPARED) {
            if !marks.contains(&Some(mark)) {
                marks.push(Some(mark));
            }
        }
        let counts = [self.sent.len(), self.repeated, self.ignored, self.surplus, below.len()];
        if marks.is_empty() && counts.iter().any(|count| *count > 0) {
            marks.push(None);
        }
        marks
    }
}

impl<'a> Failure<'a> {
    fn of(
        span: &'a SpanData,
        event: Option<(usize, &'a Event)>,
        recorded: Option<Recorded>,
    ) -> Self {
        Self { span, event, recorded, said_more: None, marks: Vec::new() }
    }

    fn is_fatal(&self) -> bool {
        self.recorded.as_ref().is_some_and(|recorded| recorded.level == Level::Fatal)
    }

    /// How many errors its chain holds.
    fn len(&self) -> usize {
        self.recorded.as_ref().map_or(0, |recorded| recorded.chain.len())
    }

    fn wrap(&mut self, outer: Self) {
        self.marks.extend(outer.marks);
        self.said_more = outer.event.map(|(index, _)| (outer.span, index));
        if let Some((recorded, outer)) = self.recorded.as_mut().zip(outer.recorded) {
            recorded.wrap(outer);
        }
    }
}

/// The failures of a segment, each one once, and how many further records of them there were.
///
/// An error that several spans recorded on its way up counts where it was recorded first, which is
/// the innermost span (rule EXC-11), and says what was said of it in the end. A span that only has
/// an error status counts if nothing was recorded below or above it and no deeper span failed.
fn failures<'a>(
    spans: &'a [SpanData],
    below: &[FailedBelow],
    reading: &Reading,
    with_status: bool,
    rules: &ErrorRules,
    in_app: &InApp,
) -> (Vec<Failure<'a>>, usize) {
    let mut recorded = recorded(spans, reading, in_app);
    // Spans end from the inside out.
    recorded.sort_by_key(|failure| failure.span.end_time);
    let before = recorded.len();
    if rules.is_deduplicated {
        recorded = each_once(recorded, below, spans);
    }
    let repeated = before.saturating_sub(recorded.len());
    if with_status {
        let recorders = recorded.iter().map(|failure| (failure.span, failure.len() > 0));
        let bare = bare::statuses(spans, below, recorders);
        recorded.extend(bare.into_iter().map(|span| Failure::of(span, None, None)));
    }
    (recorded, repeated)
}

/// Leaves of each error the first record on the way up, and no line that logs a panic.
///
/// Context makes no other error of one: what ends in the whole chain of a record below is told there.
/// What is fatal is another thing than the error that led to it, and only repeats what is fatal.
fn each_once<'a>(
    recorded: Vec<Failure<'a>>,
    failed_below: &[FailedBelow],
    spans: &'a [SpanData],
) -> Vec<Failure<'a>> {
    if recorded.is_empty() || (recorded.len() < 2 && failed_below.is_empty()) {
        return recorded;
    }
    let panics = Panics::of(spans);
    let lineage = Lineage::of(spans);
    let mut sent: Vec<Failure<'a>> = Vec::new();
    let mut known: HashMap<u64, Vec<Known>> = HashMap::new();
    for mut failure in recorded {
        if failure.event.is_some_and(|(_, event)| panics.has(event, failure.span)) {
            continue;
        }
        let identity = failure.recorded.as_ref().map(Identity::of);
        let place = lineage.place(failure.span.span_context.span_id());
        let Some((identity, place)) = identity.zip(place) else {
            sent.push(failure);
            continue;
        };
        if has_left(&identity, place, failed_below, &lineage) {
            continue;
        }
        let is_whole = |len| len >= failure.len();
        // The last one is the likeliest to have got this far.
        let alike = identity.sayings().flat_map(|(said, len)| {
            let same = known.get(&said).into_iter().flatten().rev();
            same.map(move |known| (known, len))
        });
        let first = alike.take(MAX_COMPARED).find(|(known, len)| {
            known.fits(place, identity.stack)
                && sent.get(known.of).is_some_and(|sent| match identity.is_fatal {
                    true => is_whole(*len) && sent.is_fatal(),
                    // What one context was added to is not what another one was added to.
                    false => is_whole(*len) || sent.len() == *len,
                })
        });
        let first = first.map(|(known, len)| (known.of, is_whole(len)));
        let of = match first {
            Some((_, true)) => continue,
            Some((of, false)) => of,
            None => sent.len(),
        };
        for said in [identity.said, identity.as_cause] {
            let same = known.entry(said).or_default();
            if same.len() < MAX_COMPARED && same.last().is_none_or(|last| last.of != of) {
                same.push(Known { place, stack: identity.stack, of });
            }
        }
        failure.marks = identity.marks().to_vec();
        match sent.get_mut(of) {
            Some(first) => first.wrap(failure),
            None => sent.push(failure),
        }
    }
    sent
}

/// Whether the error was sent with a span below, before this one came.
fn has_left(
    identity: &Identity,
    place: Place,
    failed_below: &[FailedBelow],
    lineage: &Lineage,
) -> bool {
    let mut same =
        failed_below.iter().filter(|failed| failed.error.is_some_and(|error| identity.has(error)));
    same.any(|failed| lineage.place(failed.span).is_some_and(|below| place.includes(below)))
}

impl Known {
    /// Whether it may be the same error where a record of it stands in this place.
    fn fits(&self, above: Place, stack: Option<u64>) -> bool {
        may_be_one(self.stack, stack) && above.includes(self.place)
    }
}

/// What events recorded, the deepest spans first, for where clocks tell no difference.
fn recorded<'a>(spans: &'a [SpanData], reading: &Reading, in_app: &InApp) -> Vec<Failure<'a>> {
    let errors = reading.events(spans, Role::is_error).rev().map(|(span, event, role)| {
        let recorded = Some(Recorded::of(event.1, role, span, in_app));
        Failure::of(span, Some(event), recorded)
    });
    let mut failures: Vec<_> = errors.collect();
    // The events of one span stay in their order.
    let are_of_one_span = |a: &Failure<'_>, b: &Failure<'_>| std::ptr::eq(a.span, b.span);
    failures.chunk_by_mut(are_of_one_span).for_each(<[_]>::reverse);
    failures
}

/// Whether a span may make an error event.
pub(super) fn is_failure(span: &SpanData, with_status: bool, filter: &EventFilter) -> bool {
    (with_status && has_error(span))
        || span.events.iter().any(|event| Role::of(event, span, filter).is_error())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use opentelemetry::KeyValue;

    use super::super::lineage::tests::span;
    use super::*;
    use crate::mapping::Mapper;
    use crate::segment::SegmentKind;
    use crate::steps;

    /// A chain in which each span has the same records, and what is above ends first.
    fn chain(len: u64, records: usize) -> Segment {
        let spans = (1..=len).map(|id| {
            let mut span = span(id, id - 1);
            span.end_time = UNIX_EPOCH + Duration::from_secs(id);
            let text = [KeyValue::new("exception.message", "no money")];
            let event = Event::new("exception", span.end_time, text.to_vec(), 0);
            span.events.events = vec![event; records];
            span
        });
        Segment {
            spans: spans.collect(),
            kind: SegmentKind::Root,
            part: None,
            told: Vec::new(),
            failed_below: Vec::new(),
            bytes: 0,
        }
    }

    #[test]
    fn equal_records_all_along_a_deep_chain_cost_no_walk_each() {
        let steps_of = |len, records| {
            let segment = chain(len, records);
            steps::of(|| assert_ne!(Mapper::new().count_errors(&segment), (0, 0)))
        };
        // Each record is compared with at most a hundred others, however deep it stands.
        for (len, records) in [(100, 20), (200, 20), (500, 128)] {
            let steps = steps_of(len, records);
            let bound = len as usize * (records * (MAX_COMPARED + 100) + 100);
            assert!(steps < bound, "{len} spans, {records} records: {steps} of {bound} steps");
        }
    }

    #[test]
    fn causes_that_many_other_spans_recorded_cost_no_comparison_with_each_of_them() {
        let report = |itself: String, causes: usize| {
            let mut text = format!("{itself}\n\nCaused by:\n");
            for (number, cause) in (0..causes).rev().enumerate() {
                text += &format!("{number:>5}: cause {cause}\n");
            }
            text
        };
        let mut segment = chain(4000, 1);
        for (at, span) in segment.spans.iter_mut().enumerate().skip(1) {
            span.parent_span_id = SpanId::from(1);
            // The last quarter adds context to what others went through.
            let text = match at {
                ..3000 => report(format!("cause {}", at % 40), at % 40),
                _ => report(format!("number {at}"), 40),
            };
            let text = KeyValue::new("exception.message", text);
            span.events.events.iter_mut().for_each(|event| event.attributes = vec![text.clone()]);
        }
        let steps_with = |is_on| {
            let mapper = Mapper::new().with_deduplication(is_on);
            steps::of(|| assert_eq!(mapper.count_errors(&segment), (4000, 0)))
        };
        let steps = steps_with(true) - steps_with(false);
        let bound = 4000 * (MAX_COMPARED + 100);
        assert!(steps < bound, "{steps} of {bound} steps");
    }
}
