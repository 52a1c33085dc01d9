//! Spans on their way to envelopes without a wait for their roots.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use sentry_types::Uuid;
use sentry_types::protocol::v7::Event;

use super::inbox::Source;
use super::intake::{Intake, Prepared};
use super::recent::{Recent, ids};
use super::run::Worker;
use super::toward::Toward;
use crate::count::count;
use crate::hooks::Losses;
use crate::mapping::{Mapper, SegmentTitle, Streamed, may_be_failure};
use crate::propagation::{Said, Service};
use crate::protocol::{
    Envelope, Item, ItemKind, Span, SpanV2, Spans, TraceHeader, TransactionSource,
};
use crate::sampling::told_rate;
use crate::segment::{Segment, SegmentKind};
use crate::stats::{Amount, DropReason};
use crate::transport::Category;

/// What a batch brought of one trace, mapped.
#[derive(Debug, Default)]
struct Together {
    spans: Vec<Span>,
    events: Vec<Event<'static>>,
    /// Those of the spans that are roots of segments.
    segments: HashSet<SpanId>,
    /// The segment at the head of the trace, if that is among them.
    head: Option<SegmentTitle>,
}

impl Worker {
    /// Sends what a batch brought: one list of spans for each trace, or several if it is long.
    pub(super) fn stream(&mut self, source: Source, pieces: Vec<Segment>) {
        for (trace, pieces) in by_trace(pieces) {
            self.stream_trace(source, trace, pieces);
        }
    }

    fn stream_trace(&mut self, source: Source, trace: TraceId, mut pieces: Vec<Segment>) {
        let way = self.way_of_source(source);
        let times = (self.now(), SystemTime::now());
        let Some((_, mapper)) = self.sources.get(&source) else { return };
        if let Some(spotlight) = &mut self.spotlight {
            // It knows transactions alone.
            let origin = way.and_then(|way| self.outboxes.at(way).toward().origin);
            for piece in &mut pieces {
                // It wants no error a second time either.
                self.recent.describe(piece);
                spotlight.copy(piece, mapper, origin, times);
            }
        }
        let spans = pieces.iter().map(|piece| count(piece.spans.len()));
        let whole = Amount::spans(spans.fold(0, u64::saturating_add));
        let Some(way) = way else {
            let events = pieces.iter().map(|piece| count(mapper.count_errors(piece).0));
            let events = events.fold(0, u64::saturating_add);
            self.lose(Amount { events, ..whole }, DropReason::Unrouted);
            return;
        };
        let recent = &mut self.recent;
        let Some(intake) = &mut self.intake else {
            if self.spotlight.is_some() {
                let note = AssertUnwindSafe(|| {
                    pieces.into_iter().for_each(|piece| drop(map(trace, piece, recent, mapper)));
                });
                let _ = catch_unwind(note);
            }
            self.lose(whole, DropReason::NoDsn);
            return;
        };
        let to = self.outboxes.at(way).toward();
        let prepare =
            AssertUnwindSafe(|| intake.stream((trace, pieces), recent, mapper, to, times));
        let prepared = catch_unwind(prepare).unwrap_or_else(|_| Prepared::failed(whole));
        self.put_in_line(way, prepared, times.0);
    }
}

impl Intake {
    /// Maps and compresses what came of a trace, leaving out what the limits forbid.
    fn stream(
        &mut self,
        (trace, pieces): (TraceId, Vec<Segment>),
        recent: &mut Recent,
        mapper: &Mapper,
        to: Toward<'_>,
        (now, wall): (Duration, SystemTime),
    ) -> Prepared {
        let mut prepared = Prepared::default();
        let mut together = Together::default();
        let no_spans = to.limits.is_limited(Category::Span, now);
        let no_errors = to.limits.is_limited(Category::Error, now);
        for piece in pieces {
            let spans = Amount::spans(count(piece.spans.len()));
            if no_spans {
                prepared.dropped.push((spans, DropReason::RateLimited));
                if no_errors || !piece.spans.iter().any(may_be_failure) {
                    let (limited, ignored) = mapper.count_errors(&piece);
                    prepared.drop_errors(limited, DropReason::RateLimited);
                    prepared.drop_errors(ignored, DropReason::Ignored);
                    continue;
                }
            }
            let streamed = map(trace, piece, recent, mapper);
            let repeated = count(streamed.repeated_errors);
            prepared.repeated_errors = prepared.repeated_errors.saturating_add(repeated);
            prepared.drop_errors(streamed.ignored_errors, DropReason::Ignored);
            prepared.drop_errors(streamed.surplus_errors, DropReason::TooManyErrors);
            let ignored = count(streamed.ignored_spans);
            if ignored > 0 && !no_spans {
                prepared.dropped.push((Amount::spans(ignored), DropReason::Ignored));
            }
            together.add(streamed);
        }
        let captured = self.captured.leave_out(&mut together.events, mapper);
        prepared.repeated_errors = prepared.repeated_errors.saturating_add(count(captured));
        self.leave_out_logged(&mut together.events, &mut prepared);
        // What a hook drops was sampled all the same.
        let rate = |span: &Span| told_rate(span.data.value("sentry.sample_rate"));
        let rate = together.spans.iter().find_map(rate);
        let mut losses = Losses::default();
        let events = self.hooks.events(std::mem::take(&mut together.events), &mut losses);
        if no_spans {
            together.spans.clear();
        }
        self.hooks.streamed(&mut together.spans, &mut losses);
        prepared.lost(losses);
        let header = self.header((trace, rate), &together, !no_spans, mapper, to);
        let Together { spans, segments, .. } = together;
        for event in events {
            self.event(event, header.as_ref(), mapper, (to, now), wall, &mut prepared);
        }
        self.lists(spans, &segments, header.as_ref(), &mut prepared);
        prepared
    }

    /// What the header of all this says, of which hooks have seen every word.
    fn header(
        &mut self,
        (trace, rate): (TraceId, Option<f64>),
        together: &Together,
        is_sent: bool,
        mapper: &Mapper,
        to: Toward<'_>,
    ) -> Option<TraceHeader> {
        let Together { spans, head, .. } = together;
        let head = head.as_ref().and_then(|head| {
            let span = spans.iter().find(|span| span.span_id == head.id)?;
            Some((SpanV2::name_of(span), head.source))
        });
        let said = Said {
            trace,
            rate,
            name: head.as_ref().map(|(name, _)| name),
            is_named: head.as_ref().is_none_or(|(_, source)| *source != TransactionSource::Url),
            is_head: is_sent && head.is_some(),
            is_sent,
        };
        let service = || {
            let Some(span) = spans.first() else { return Service::of(mapper) };
            let text = |key| span.data.value(key).map(|value| value.as_str().into_owned());
            Service { release: text("sentry.release"), environment: text("sentry.environment") }
        };
        self.head.context_of_spans(said, service, to.origin)
    }

    /// Compresses spans of one trace, as many in each envelope as Sentry takes.
    fn lists(
        &mut self,
        spans: Vec<Span>,
        segments: &HashSet<SpanId>,
        header: Option<&TraceHeader>,
        prepared: &mut Prepared,
    ) {
        let mut list = Spans::default();
        for span in spans {
            let is_segment = segments.contains(&span.span_id);
            match list.add(&SpanV2::of(span, is_segment)) {
                Ok(Some(full)) => prepared.envelopes.push(self.list(full, header)),
                Ok(None) => {}
                Err(_) => prepared.dropped.push((Amount::spans(1), DropReason::Internal)),
            }
        }
        if list.len() > 0 {
            prepared.envelopes.push(self.list(list, header));
        }
    }

    fn list(&mut self, list: Spans, header: Option<&TraceHeader>) -> Envelope {
        // Nothing in the list has an id that would tell it from another one.
        let id = RandomIdGenerator::default().new_trace_id();
        let (spans, payload) = (list.len(), list.into_payload());
        let item = Item {
            kind: ItemKind::Span,
            event_id: Uuid::from_bytes(id.to_bytes()),
            spans,
            trace: header,
            payload: &payload,
        };
        Envelope::new(item, self.deflater.as_mut())
    }
}

impl Together {
    fn add(&mut self, streamed: Streamed) {
        let is_head = |span: &Span| span.parent_span_id.is_none();
        if streamed.segment_span.is_some() && streamed.spans.first().is_some_and(is_head) {
            self.head = streamed.title;
        }
        self.spans.extend(streamed.spans);
        self.events.extend(streamed.events);
        self.segments.extend(streamed.segment_span);
    }
}

/// Maps what hangs together by what is known of earlier spans, and notes what later ones need.
fn map(trace: TraceId, mut piece: Segment, recent: &mut Recent, mapper: &Mapper) -> Streamed {
    let known = recent.describe(&mut piece);
    let parent = piece.root().map(|top| top.parent_span_id).unwrap_or(SpanId::INVALID);
    let is_root = piece.kind == SegmentKind::Root;
    let ids: Vec<_> = ids(&piece).filter(|_| is_root || known.is_some()).collect();
    let mut streamed = mapper.map_streamed(piece, known.as_deref());
    recent.note_failed((trace, parent), std::mem::take(&mut streamed.marks));
    if let Some(title) = known.or_else(|| streamed.title.clone().map(Arc::new)) {
        recent.note_title(trace, ids.into_iter(), &title);
    }
    streamed
}

/// Puts together what is of one trace, in the order in which it came.
fn by_trace(pieces: Vec<Segment>) -> Vec<(TraceId, Vec<Segment>)> {
    let mut places: HashMap<TraceId, usize> = HashMap::new();
    let mut traces: Vec<(TraceId, Vec<Segment>)> = Vec::new();
    for piece in pieces {
        let Some(trace) = piece.root().map(|top| top.span_context.trace_id()) else { continue };
        let place = *places.entry(trace).or_insert(traces.len());
        match traces.get_mut(place) {
            Some((_, of_trace)) => of_trace.push(piece),
            None => traces.push((trace, vec![piece])),
        }
    }
    traces
}
