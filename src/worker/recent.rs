//! What is known of spans that left without their segment, for those that come after them.

use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry::trace::{SpanId, TraceId};

use crate::generations::{Generations, Limits, Weight};
use crate::mapping::SegmentTitle;
use crate::segment::{ErrorMark, FailedBelow, Segment, SegmentKind};

/// The spans of late, as far as others depend on them.
#[derive(Debug)]
pub(super) struct Recent {
    /// To which segment a span belongs, where that was known.
    titles: Generations<(TraceId, SpanId), Arc<SegmentTitle>>,
    /// What failed below spans that had not come yet.
    failed: Generations<TraceId, Vec<FailedBelow>>,
}

/// What a generation holds; the names of segments may have any length.
const TITLES: Limits = Limits { entries: 50_000, bytes: 8 * 1024 * 1024 };
const FAILED: Limits = Limits::entries(2000);

/// How many failures of one trace are remembered.
const MAX_FAILED: usize = 100;

impl Recent {
    pub(super) fn new() -> Self {
        Self { titles: Generations::new(TITLES), failed: Generations::new(FAILED) }
    }

    /// Tells spans what has failed below them; gives the segment that they belong to, if the span
    /// above them has left and knew it.
    pub(super) fn describe(&self, piece: &mut Segment) -> Option<Arc<SegmentTitle>> {
        let top = piece.spans.first()?;
        let (trace, parent) = (top.span_context.trace_id(), top.parent_span_id);
        let is_root = piece.kind == SegmentKind::Root;
        let title = self.titles.peek((trace, parent)).filter(|_| !is_root).cloned();
        if let Some(failed) = self.failed.peek(trace) {
            let ids: HashSet<_> = ids(piece).collect();
            piece.failed_below =
                failed.iter().filter(|it| ids.contains(&it.span)).copied().collect();
        }
        title
    }

    /// Notes that spans belong to this segment.
    pub(super) fn note_title(
        &mut self,
        trace: TraceId,
        spans: impl Iterator<Item = SpanId>,
        title: &Arc<SegmentTitle>,
    ) {
        for span in spans {
            self.titles.insert((trace, span), Arc::clone(title));
        }
    }

    /// Notes what failed below a span that is still to come.
    pub(super) fn note_failed(
        &mut self,
        (trace, span): (TraceId, SpanId),
        marks: Vec<Option<ErrorMark>>,
    ) {
        if marks.is_empty() {
            return;
        }
        let mut failed = self.failed.peek(trace).cloned().unwrap_or_default();
        for error in marks {
            let new = FailedBelow { span, error };
            // Many calls may fail below one span in the same way.
            if !failed.contains(&new) {
                failed.push(new);
            }
        }
        let surplus = failed.len().saturating_sub(MAX_FAILED);
        failed.drain(..surplus);
        self.failed.insert(trace, failed);
    }
}

impl Weight for Arc<SegmentTitle> {
    fn bytes(&self) -> usize {
        self.name.as_str().len()
    }
}

impl Weight for Vec<FailedBelow> {}

/// The ids of the spans that hang together.
pub(super) fn ids(piece: &Segment) -> impl Iterator<Item = SpanId> {
    piece.spans.iter().map(|span| span.span_context.span_id())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Event, SpanContext, TraceFlags, TraceState};

    use super::*;
    use crate::mapping::stand_in;
    use crate::protocol::TransactionSource;

    fn piece(kind: SegmentKind, id: u64, parent: u64) -> Segment {
        let flags = TraceFlags::SAMPLED;
        let context = SpanContext::new(7.into(), id.into(), flags, false, TraceState::NONE);
        let event = Event::new("event", std::time::UNIX_EPOCH, Vec::new(), 0);
        let mut piece = Segment::of(stand_in(context, event));
        piece.kind = kind;
        piece.spans.iter_mut().for_each(|span| span.parent_span_id = parent.into());
        piece
    }

    fn title() -> Arc<SegmentTitle> {
        let source = TransactionSource::Route;
        Arc::new(SegmentTitle { id: 1.into(), name: "GET /".into(), source })
    }

    #[test]
    fn a_span_belongs_to_the_segment_of_the_span_above_it() {
        let mut recent = Recent::new();
        recent.note_title(7.into(), [1.into(), 2.into()].into_iter(), &title());
        let describe = |kind, parent| recent.describe(&mut piece(kind, 9, parent));
        assert_eq!(describe(SegmentKind::Late, 2), Some(title()));
        assert_eq!(describe(SegmentKind::Orphan, 3), None, "nobody knows the span above");
        assert_eq!(describe(SegmentKind::Root, 2), None, "a root is a segment of its own");
    }

    #[test]
    fn a_span_is_told_what_failed_below_it_and_no_other() {
        let mut recent = Recent::new();
        let mark = ErrorMark { said: 5, stack: None, is_fatal: false };
        recent.note_failed((7.into(), 1.into()), vec![Some(mark), None]);
        recent.note_failed((7.into(), 3.into()), vec![None]);
        recent.note_failed((8.into(), 1.into()), vec![None]);
        let mut above = piece(SegmentKind::Root, 1, 0);
        recent.describe(&mut above);
        let failed = |error| FailedBelow { span: 1.into(), error };
        assert_eq!(above.failed_below, [failed(Some(mark)), failed(None)]);
        let mut beside = piece(SegmentKind::Root, 2, 0);
        recent.describe(&mut beside);
        assert_eq!(beside.failed_below, []);
    }

    #[test]
    fn what_fails_again_and_again_takes_the_place_of_nothing_else() {
        let mut recent = Recent::new();
        let mark = |said| Some(ErrorMark { said, stack: None, is_fatal: false });
        recent.note_failed((7.into(), 1.into()), vec![mark(5)]);
        for _ in 0..1000 {
            recent.note_failed((7.into(), 2.into()), vec![mark(6), None]);
        }
        let mut above = piece(SegmentKind::Root, 1, 0);
        recent.describe(&mut above);
        assert_eq!(above.failed_below, [FailedBelow { span: 1.into(), error: mark(5) }]);
        assert_eq!(recent.failed.peek(7.into()).map(Vec::len), Some(3));
    }

    #[test]
    fn memory_is_bounded() {
        let mut recent = Recent::new();
        for id in 0..200_000_u64 {
            recent.note_title(7.into(), [id.into()].into_iter(), &title());
            recent.note_failed((7.into(), id.into()), vec![None]);
            recent.note_failed((u128::from(id).into(), 1.into()), vec![None]);
        }
        assert!(recent.titles.len() <= 2 * TITLES.entries);
        assert!(recent.failed.len() <= 2 * FAILED.entries);
        let marks = (0..300).map(|said| Some(ErrorMark { said, stack: None, is_fatal: false }));
        recent.note_failed((9.into(), 1.into()), marks.collect());
        assert_eq!(recent.failed.peek(9.into()).map(Vec::len), Some(MAX_FAILED));
    }
}
