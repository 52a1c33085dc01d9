use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;

use super::trace::{Subtree, Trace};
use super::whole::Whole;
use super::{Batch, IdMap, Segment, SegmentKind, is_local_root};
use crate::count::count;

/// Holds spans until their local root has come, then gives the whole segment.
///
/// The time is the time since any fixed moment, and comes in with every call, so that nothing
/// here waits or sleeps. Cost per span is constant however much is waiting.
#[derive(Debug)]
pub struct SegmentBuffer {
    /// Boxed, because a table of small entries stays in the caches of the machine.
    traces: IdMap<TraceId, Box<Trace>>,
    /// The traces with waiting spans, by the arrival of the oldest one or an earlier moment.
    ages: BTreeSet<(Duration, [u8; 16])>,
    waiting: usize,
    bytes: usize,
    /// How many spans of which trace left, in order, so that the oldest are forgotten first.
    sent: VecDeque<(TraceId, usize)>,
    remembered: usize,
    timeout: Duration,
    max_pending: Bounds,
    max_spans: usize,
    is_dividing: bool,
    /// Empty between two segments.
    places: Vec<usize>,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) traces: usize,
}

/// What a batch brought.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Ingested {
    /// The segments that are whole now.
    pub segments: Vec<Segment>,
    /// Spans that were not sampled and must not be sent.
    pub unsampled: u64,
    /// Spans without a valid trace or span id, which Sentry would refuse.
    pub invalid: u64,
    /// Further copies of spans that had come before.
    pub duplicates: u64,
}

impl SegmentBuffer {
    /// How long a span waits for its parent by default.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

    /// How many spans wait by default before the oldest are sent without their parent.
    pub const DEFAULT_MAX_PENDING_SPANS: usize = 200_000;

    /// How much memory waiting spans take by default before the oldest are sent, in bytes.
    pub const DEFAULT_MAX_PENDING_BYTES: usize = 128 * 1024 * 1024;

    /// How many traces may have waiting spans by default before the oldest are sent.
    pub const DEFAULT_MAX_PENDING_TRACES: usize = 100_000;

    /// How many ids of sent spans are remembered, to know a late child from an orphan.
    const REMEMBERED: usize = 100_000;

    /// A buffer with the defaults.
    pub fn new() -> Self {
        Self {
            traces: IdMap::default(),
            ages: BTreeSet::new(),
            waiting: 0,
            bytes: 0,
            sent: VecDeque::new(),
            remembered: 0,
            timeout: Self::DEFAULT_TIMEOUT,
            max_pending: Bounds::default(),
            max_spans: crate::protocol::MAX_SPANS,
            is_dividing: true,
            places: Vec::new(),
        }
    }

    /// How long a span waits for its parent, from its arrival on.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many spans may wait; over it the oldest leave without their parent.
    #[must_use]
    pub fn with_max_pending_spans(mut self, spans: usize) -> Self {
        self.max_pending.spans = spans;
        self
    }

    /// How much memory waiting spans may take, in bytes; over it the oldest leave.
    #[must_use]
    pub fn with_max_pending_bytes(mut self, bytes: usize) -> Self {
        self.max_pending.bytes = bytes;
        self
    }

    /// How many traces may have waiting spans; over it the oldest span leaves.
    #[must_use]
    pub fn with_max_pending_traces(mut self, traces: usize) -> Self {
        self.max_pending.traces = traces;
        self
    }

    pub(crate) fn with_max_pending(mut self, bounds: Bounds) -> Self {
        self.max_pending = bounds;
        self
    }

    /// How many spans besides the root a segment holds before it leaves in parts.
    #[must_use]
    pub fn with_max_spans(mut self, spans: usize) -> Self {
        self.max_spans = spans;
        self
    }

    /// Leaves it to [`Segment::in_parts`] to divide what is too large for one transaction.
    pub(crate) fn undivided(mut self) -> Self {
        self.is_dividing = false;
        self
    }

    /// Takes in a batch and gives the segments that it made whole.
    ///
    /// The whole batch is looked at before anything leaves, so that a child that ended after its
    /// root, but came along with it, is part of its segment (rule SEG-3).
    pub fn ingest(&mut self, batch: Vec<SpanData>, now: Duration) -> Ingested {
        self.take_in(Batch::of(batch), now)
    }

    /// The same of spans that were measured before.
    pub(crate) fn take_in(&mut self, batch: Batch, now: Duration) -> Ingested {
        let mut ingested = Ingested::default();
        let (mut roots, mut begun) = (Vec::new(), Vec::new());
        let (mut spans, mut sizes) = batch.into_sides();
        // Spans of a trace often come one after the other.
        while let Some((trace_id, is_sampled, run)) = next_run(spans.as_slice()) {
            if !is_sampled || trace_id == TraceId::INVALID {
                let Ingested { invalid, unsampled, .. } = &mut ingested;
                let lost = if is_sampled { invalid } else { unsampled };
                *lost = lost.saturating_add(count(run));
                spans.by_ref().zip(sizes.by_ref()).take(run).for_each(drop);
                continue;
            }
            let trace = self.traces.entry(trace_id).or_default();
            if trace.waiting() == 0 {
                begun.push(trace_id);
            }
            if trace.is_empty()
                && let Some(whole) = Whole::take(&mut spans, &mut sizes, run, &mut self.places)
                && let Some(root) = whole.spans.first()
            {
                let id = root.span_context.span_id();
                roots.push((root.start_time, trace_id, id, SegmentKind::Root));
                self.waiting = self.waiting.saturating_add(whole.spans.len());
                self.bytes = self.bytes.saturating_add(whole.bytes);
                trace.insert_whole(whole);
                continue;
            }
            trace.break_up(now);
            trace.reserve(run);
            for bytes in sizes.by_ref().take(run) {
                let Some(span) = spans.as_slice().first() else { break };
                let id = span.span_context.span_id();
                let is_invalid = id == SpanId::INVALID;
                if is_invalid || trace.knows(id) {
                    let Ingested { invalid, duplicates, .. } = &mut ingested;
                    let lost = if is_invalid { invalid } else { duplicates };
                    *lost = lost.saturating_add(1);
                    drop(spans.next());
                    continue;
                }
                let kind = kind_of_root(span, trace);
                roots.extend(kind.map(|kind| (span.start_time, trace_id, id, kind)));
                self.waiting = self.waiting.saturating_add(1);
                self.bytes = self.bytes.saturating_add(bytes);
                trace.insert_first(&mut spans, bytes, now, kind.is_some());
            }
        }
        roots.sort_by_key(|(start, ..)| *start);
        ingested.segments.reserve(roots.len());
        for (_, trace, id, kind) in roots {
            self.complete(trace, id, kind, &mut ingested.segments);
        }
        for trace_id in begun {
            self.began(trace_id, now);
        }
        while self.is_over_bounds()
            && let Some((trace, oldest, _)) = self.oldest()
        {
            let segments = self.give_up(trace, oldest);
            ingested.segments.extend(segments);
        }
        ingested
    }

    /// Gives what has waited for its parent longer than the timeout.
    pub fn expire(&mut self, now: Duration) -> Vec<Segment> {
        std::iter::from_fn(|| self.expire_next(now)).flatten().collect()
    }

    /// Gives everything that waits, whatever its age.
    pub fn drain(&mut self) -> Vec<Segment> {
        std::iter::from_fn(|| self.drain_next()).flatten().collect()
    }

    /// The same as [`expire`](Self::expire), one subtree at a time.
    pub(crate) fn expire_next(&mut self, now: Duration) -> Option<Vec<Segment>> {
        let (trace, oldest, arrived) = self.oldest()?;
        let is_due = arrived.saturating_add(self.timeout) <= now;
        is_due.then(|| self.give_up(trace, oldest))
    }

    /// The same as [`drain`](Self::drain), one subtree at a time.
    pub(crate) fn drain_next(&mut self) -> Option<Vec<Segment>> {
        let (trace, oldest, _) = self.oldest()?;
        Some(self.give_up(trace, oldest))
    }

    /// When [`expire`](Self::expire) may have something to give, if nothing comes in before.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.ages.first().map(|(arrived, _)| arrived.saturating_add(self.timeout))
    }

    /// The span of these ids, if it waits for its parent.
    pub(crate) fn waiting(&self, trace: TraceId, span: SpanId) -> Option<&SpanData> {
        self.traces.get(&trace)?.span(span)
    }

    /// A copy of a span that waits and of what waits above and below it, for the errors of it and
    /// of what is below; none if they have left.
    pub(crate) fn branch(&self, trace: TraceId, span: SpanId) -> Option<Segment> {
        let Subtree { spans, bytes, told } = self.traces.get(&trace)?.copy_branch(span)?;
        Some(Segment { told, ..Segment::new(spans, SegmentKind::Orphan, bytes) })
    }

    /// Notes that the errors of spans have left.
    pub(crate) fn tell(&mut self, trace: TraceId, spans: &[SpanId]) {
        if let Some(trace) = self.traces.get_mut(&trace) {
            spans.iter().for_each(|span| trace.tell(*span));
        }
    }

    /// How many spans wait for their parent.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    fn is_over_bounds(&self) -> bool {
        let Bounds { spans, bytes, traces } = self.max_pending;
        self.waiting > spans || self.bytes > bytes || self.ages.len() > traces
    }

    /// The span that has waited longest of all, with its arrival.
    fn oldest(&mut self) -> Option<(TraceId, SpanId, Duration)> {
        while let Some(&(since, id)) = self.ages.first() {
            let trace_id = TraceId::from_bytes(id);
            let trace = self.traces.get_mut(&trace_id)?;
            match trace.oldest() {
                Some((span, arrived)) if arrived == since => {
                    return Some((trace_id, span, arrived));
                }
                // Older ones have left since; the trace takes the place of its oldest by now.
                oldest => {
                    trace.known_since = oldest.map(|(_, arrived)| arrived);
                    self.ages.pop_first();
                    self.ages.extend(trace.known_since.map(|arrived| (arrived, id)));
                }
            }
        }
        None
    }

    /// Sends a span that waited in vain, with all that waits above and below it.
    fn give_up(&mut self, trace_id: TraceId, oldest: SpanId) -> Vec<Segment> {
        let top = self.traces.get(&trace_id).map_or(oldest, |trace| trace.top(oldest));
        let mut segments = Vec::new();
        self.complete(trace_id, top, SegmentKind::Orphan, &mut segments);
        segments
    }

    fn complete(
        &mut self,
        trace_id: TraceId,
        root: SpanId,
        kind: SegmentKind,
        segments: &mut Vec<Segment>,
    ) {
        let Some(trace) = self.traces.get_mut(&trace_id) else { return };
        let Subtree { spans, bytes, told } = trace.take_subtree(root, &mut self.places);
        if spans.is_empty() {
            return;
        }
        if trace.waiting() == 0
            && let Some(since) = trace.known_since.take()
        {
            self.ages.remove(&(since, trace_id.to_bytes()));
        }
        self.waiting = self.waiting.saturating_sub(spans.len());
        self.bytes = self.bytes.saturating_sub(bytes);
        self.remember(trace_id, spans.len());
        let segment = Segment { told, ..Segment::new(spans, kind, bytes) };
        if self.is_dividing {
            segments.extend(segment.in_parts(self.max_spans));
        } else {
            segments.push(segment);
        }
    }

    /// Notes a trace of which nothing waited before, if something does now.
    fn began(&mut self, trace_id: TraceId, now: Duration) {
        let Some(trace) = self.traces.get_mut(&trace_id) else { return };
        if trace.waiting() > 0 {
            trace.known_since = Some(now);
            self.ages.insert((now, trace_id.to_bytes()));
        } else if trace.is_empty() {
            self.traces.remove(&trace_id);
        } else {
            trace.free();
        }
    }

    /// Notes that spans of a trace left, and forgets the oldest ones beyond what is remembered.
    fn remember(&mut self, trace_id: TraceId, spans: usize) {
        self.sent.push_back((trace_id, spans));
        self.remembered = self.remembered.saturating_add(spans);
        while self.remembered > Self::REMEMBERED
            && self.sent.len() > 1
            && let Some((trace_id, spans)) = self.sent.pop_front()
        {
            self.remembered = self.remembered.saturating_sub(spans);
            let Some(trace) = self.traces.get_mut(&trace_id) else { continue };
            trace.sent.forget(spans);
            if trace.sent.is_empty() && trace.waiting() == 0 {
                self.traces.remove(&trace_id);
            }
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            spans: SegmentBuffer::DEFAULT_MAX_PENDING_SPANS,
            bytes: SegmentBuffer::DEFAULT_MAX_PENDING_BYTES,
            traces: SegmentBuffer::DEFAULT_MAX_PENDING_TRACES,
        }
    }
}

impl Default for SegmentBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// The trace of the first span, whether it is sampled, and how many spans at the beginning have
/// both in common.
fn next_run(spans: &[SpanData]) -> Option<(TraceId, bool, usize)> {
    let of = |span: &SpanData| (span.span_context.trace_id(), span.span_context.is_sampled());
    let (trace_id, is_sampled) = of(spans.first()?);
    let run = spans.iter().take_while(|span| of(span) == (trace_id, is_sampled)).count();
    Some((trace_id, is_sampled, run))
}

/// What makes this span a root, if it need not wait for its parent.
fn kind_of_root(span: &SpanData, trace: &Trace) -> Option<SegmentKind> {
    if is_local_root(span) {
        return Some(SegmentKind::Root);
    }
    trace.sent.contains(span.parent_span_id).then_some(SegmentKind::Late)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};

    use super::*;
    use crate::idle::idle_span;

    /// A span of trace 1; it starts at second `id`. A parent of 0 is none.
    fn span(id: u64, parent: u64) -> SpanData {
        let start_time = UNIX_EPOCH + Duration::from_secs(1_000_000 + id);
        let end_time = start_time + Duration::from_secs(1);
        SpanData { start_time, end_time, ..idle_span(1, id, parent) }
    }

    fn remote(id: u64, parent: u64) -> SpanData {
        SpanData { parent_span_is_remote: true, ..span(id, parent) }
    }

    /// The ids of each segment, sorted below the root, with its kind.
    fn ids(segments: &[Segment]) -> Vec<(SegmentKind, Vec<u64>)> {
        let id = |span: &SpanData| u64::from_be_bytes(span.span_context.span_id().to_bytes());
        segments
            .iter()
            .map(|segment| {
                let mut ids: Vec<_> = segment.spans.iter().map(id).collect();
                ids[1..].sort();
                (segment.kind, ids)
            })
            .collect()
    }

    const T: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn what_seemed_whole_leaves_with_what_came_later_in_its_batch() {
        let mut buffer = SegmentBuffer::new();
        let batch =
            vec![span(2, 1), span(1, 0), idle_span(2, 9, 0), span(3, 2), span(2, 1), span(5, 4)];
        let ingested = buffer.ingest(batch, T(0));
        let mut segments = ids(&ingested.segments);
        segments.sort_by_key(|(_, ids)| ids.len());
        let root = SegmentKind::Root;
        assert_eq!(segments, [(root, vec![9]), (root, vec![1, 2, 3])]);
        assert_eq!((ingested.duplicates, buffer.len()), (1, 1));
        let more = vec![span(2, 1), span(4, 1)];
        let ingested = buffer.ingest(more, T(1));
        assert_eq!(ids(&ingested.segments), [(SegmentKind::Late, vec![4, 5])]);
        assert_eq!((ingested.duplicates, buffer.is_empty()), (1, true));
        assert_eq!(buffer.bytes, 0);
    }

    #[test]
    fn children_of_earlier_batches_wait_for_their_root() {
        let mut buffer = SegmentBuffer::new();
        assert!(buffer.ingest(vec![span(3, 2), span(4, 2)], T(0)).segments.is_empty());
        assert!(buffer.ingest(vec![span(2, 1)], T(1)).segments.is_empty());
        let segments = buffer.ingest(vec![span(1, 0), span(5, 1)], T(2)).segments;
        assert_eq!(ids(&segments), [(SegmentKind::Root, vec![1, 2, 3, 4, 5])]);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_remote_parent_starts_a_segment_even_where_the_parent_is_known() {
        let mut buffer = SegmentBuffer::new();
        let batch = vec![span(3, 2), remote(2, 1), span(4, 1), span(1, 0)];
        let segments = buffer.ingest(batch, T(0)).segments;
        let root = SegmentKind::Root;
        assert_eq!(ids(&segments), [(root, vec![1, 4]), (root, vec![2, 3])]);
    }

    #[test]
    fn a_late_child_leaves_at_once_at_any_depth() {
        let mut buffer = SegmentBuffer::new();
        buffer.ingest(vec![span(2, 1), span(1, 0)], T(0));
        assert!(buffer.ingest(vec![span(4, 3)], T(1)).segments.is_empty());
        let late = buffer.ingest(vec![span(3, 2)], T(2)).segments;
        assert_eq!(ids(&late), [(SegmentKind::Late, vec![3, 4])]);
        let later = buffer.ingest(vec![span(5, 4)], T(3)).segments;
        assert_eq!(ids(&later), [(SegmentKind::Late, vec![5])]);
    }

    #[test]
    fn an_orphan_leaves_with_all_below_it_when_the_oldest_has_waited_long_enough() {
        let mut buffer = SegmentBuffer::new().with_timeout(T(10));
        buffer.ingest(vec![span(4, 3)], T(0));
        buffer.ingest(vec![span(3, 2), span(5, 9)], T(5));
        assert_eq!(buffer.next_deadline(), Some(T(10)));
        assert!(buffer.expire(T(9)).is_empty());
        assert_eq!(ids(&buffer.expire(T(10))), [(SegmentKind::Orphan, vec![3, 4])]);
        assert_eq!(buffer.next_deadline(), Some(T(15)));
        assert_eq!(ids(&buffer.drain()), [(SegmentKind::Orphan, vec![5])]);
        assert_eq!(buffer.next_deadline(), None);
    }

    #[test]
    fn a_copy_of_the_branch_of_a_span_takes_nothing_away() {
        // Short lists are searched, long ones have an index.
        for count in [5, 200] {
            let mut buffer = SegmentBuffer::new();
            let mut spans: Vec<_> = (10..10 + count).map(|id| span(id, 9)).collect();
            spans.extend([span(5, 3), span(4, 3), span(6, 5), span(3, 2)]);
            buffer.ingest(spans, T(0));
            let branch = buffer.branch(TraceId::from(1), SpanId::from(5)).unwrap();
            assert_eq!(branch.told, [SpanId::from(3)], "this is not about what is above");
            assert_eq!(branch.root().unwrap().span_context.span_id(), SpanId::from(3));
            assert_eq!(ids(&[branch]), [(SegmentKind::Orphan, vec![3, 5, 6])]);
            assert!(buffer.waiting(TraceId::from(1), SpanId::from(5)).is_some());
            assert_eq!(buffer.len() as u64, count + 4);
            assert!(buffer.branch(TraceId::from(1), SpanId::from(2)).is_none());
            buffer.tell(TraceId::from(1), &[SpanId::from(5), SpanId::from(2)]);
            assert!(buffer.branch(TraceId::from(1), SpanId::from(5)).is_none(), "it has left");
            let branch = buffer.branch(TraceId::from(1), SpanId::from(6)).unwrap();
            assert_eq!(branch.told, [SpanId::from(5), SpanId::from(3)]);
            let told = buffer.drain().into_iter().flat_map(|segment| segment.told);
            assert!(told.eq([SpanId::from(5)]));
        }
        let mut circle = SegmentBuffer::new();
        circle.ingest(vec![span(1, 2), span(2, 1)], T(0));
        let branch = circle.branch(TraceId::from(1), SpanId::from(1)).unwrap();
        assert_eq!(branch.spans.len(), 2);
    }

    #[test]
    fn over_the_bound_the_oldest_are_sent_and_not_dropped() {
        let mut buffer = SegmentBuffer::new().with_max_pending_spans(2);
        let orphans = buffer.ingest(vec![span(2, 9), span(3, 9), span(4, 2)], T(0)).segments;
        assert_eq!(ids(&orphans), [(SegmentKind::Orphan, vec![2, 4])]);
        assert_eq!(buffer.len(), 1);
    }

    #[test]
    fn bytes_and_traces_are_bounds_as_well() {
        let mut buffer = SegmentBuffer::new().with_max_pending_bytes(4096);
        let big = SpanData { name: "n".repeat(3000).into(), ..span(2, 9) };
        assert!(buffer.ingest(vec![big], T(0)).segments.is_empty());
        let big = SpanData { name: "n".repeat(3000).into(), ..span(3, 9) };
        let orphans = buffer.ingest(vec![big], T(1)).segments;
        assert_eq!(ids(&orphans), [(SegmentKind::Orphan, vec![2])]);

        let of_trace = |trace: u128, id| {
            let context = SpanContext::new(
                TraceId::from(trace),
                SpanId::from(id),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            );
            SpanData { span_context: context, ..span(id, 9) }
        };
        let mut buffer = SegmentBuffer::new().with_max_pending_traces(2);
        let batch = vec![of_trace(1, 2), of_trace(1, 3), of_trace(2, 4)];
        assert!(buffer.ingest(batch, T(0)).segments.is_empty());
        let orphans = buffer.ingest(vec![of_trace(3, 5)], T(1)).segments;
        assert_eq!(ids(&orphans), [(SegmentKind::Orphan, vec![2]), (SegmentKind::Orphan, vec![3])]);
    }

    #[test]
    fn what_must_not_be_sent_is_counted() {
        let mut buffer = SegmentBuffer::new();
        let unsampled = SpanData {
            span_context: SpanContext::new(
                TraceId::from(1),
                SpanId::from(7),
                TraceFlags::default(),
                false,
                TraceState::NONE,
            ),
            ..span(7, 0)
        };
        let batch = vec![unsampled, span(0, 1), span(2, 1), span(2, 1), span(1, 0), span(1, 0)];
        let ingested = buffer.ingest(batch, T(0));
        assert_eq!((ingested.unsampled, ingested.invalid, ingested.duplicates), (1, 1, 2));
        assert_eq!(ids(&ingested.segments), [(SegmentKind::Root, vec![1, 2])]);
        assert_eq!(buffer.ingest(vec![span(1, 0), span(2, 1)], T(1)).duplicates, 2);
        assert_eq!((buffer.len(), buffer.next_deadline()), (0, None));
    }

    #[test]
    fn a_trace_of_which_nothing_could_be_taken_is_not_remembered() {
        let mut buffer = SegmentBuffer::new();
        assert_eq!(buffer.ingest(vec![span(0, 1), span(0, 2)], T(0)).invalid, 2);
        assert!(buffer.traces.is_empty());
    }

    #[test]
    fn a_circle_of_parents_still_leaves() {
        let mut buffer = SegmentBuffer::new();
        buffer.ingest(vec![span(1, 2), span(2, 1), span(3, 3)], T(0));
        let mut spans: Vec<u64> =
            ids(&buffer.drain()).into_iter().flat_map(|(_, ids)| ids).collect();
        spans.sort();
        assert_eq!(spans, [1, 2, 3]);
    }

    #[test]
    fn more_spans_than_a_transaction_holds_leave_in_parts_that_lose_nothing() {
        let mut batch: Vec<_> = (2..=1501).map(|id| span(id, 1)).collect();
        batch.push(span(1, 0));
        let segments = SegmentBuffer::new().ingest(batch, T(0)).segments;
        let sizes: Vec<_> = segments.iter().map(|segment| segment.spans.len()).collect();
        assert_eq!(sizes, [1001, 500]);
        let parts: Vec<_> = segments.iter().map(|segment| segment.part.unwrap()).collect();
        assert_eq!(
            parts.iter().map(|part| (part.number, part.of)).collect::<Vec<_>>(),
            [(1, 2), (2, 2)]
        );
        assert!(parts.iter().all(|part| part.root == SpanId::from(1)));
        let mut all: Vec<u64> = ids(&segments).into_iter().flat_map(|(_, ids)| ids).collect();
        all.sort();
        assert_eq!(all, (1..=1501).collect::<Vec<_>>());
    }

    #[test]
    fn whole_subtrees_move_to_another_part_before_single_spans_do() {
        let mut buffer = SegmentBuffer::new().with_max_spans(5);
        let mut batch = vec![span(1, 0), span(10, 1), span(20, 1), span(30, 1)];
        batch.extend([span(11, 10), span(12, 10), span(21, 20), span(22, 20), span(31, 30)]);
        let segments = buffer.ingest(batch, T(0)).segments;
        let root = SegmentKind::Root;
        assert_eq!(
            ids(&segments),
            [(root, vec![1, 10, 11, 12, 30, 31]), (SegmentKind::Late, vec![20, 21, 22])]
        );
    }
}
