//! Spans that failed where nothing recorded tells of it.

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use super::status::has_error;
use crate::segment::{FailedBelow, IdMap, IdSet};
use crate::steps;

/// The spans of a segment by id, to walk from a span to its root.
struct Tree<'a>(IdMap<SpanId, &'a SpanData>);

impl<'a> Tree<'a> {
    fn of(spans: &'a [SpanData]) -> Self {
        Self(spans.iter().map(|span| (span.span_context.span_id(), span)).collect())
    }

    /// Notes the spans above this one, as far as they are not noted yet.
    fn cover(&self, span: &'a SpanData, covered: &mut IdSet<SpanId>) {
        for above in self.ancestors(span) {
            if !covered.insert(above.span_context.span_id()) {
                break;
            }
        }
    }

    /// The spans above this one, at most all of them, even if their parents form a circle.
    fn ancestors(&self, span: &'a SpanData) -> impl Iterator<Item = &'a SpanData> + '_ {
        let above = |span: &&'a SpanData| {
            steps::count(1);
            let parent = Some(span).filter(|span| !span.parent_span_is_remote)?.parent_span_id;
            self.0.get(&parent).copied()
        };
        std::iter::successors(above(&span), above).take(self.0.len())
    }
}

/// The spans that count by their error status alone, from the leaves up: no deeper span failed,
/// nothing was recorded on them or below, and no exception above.
///
/// What was recorded comes as the span that did, and whether it was an exception.
pub(super) fn statuses<'a>(
    spans: &'a [SpanData],
    below: &[FailedBelow],
    recorded: impl Iterator<Item = (&'a SpanData, bool)> + Clone,
) -> Vec<&'a SpanData> {
    let mut recording: IdMap<SpanId, bool> = IdMap::default();
    for (span, is_exception) in recorded.clone() {
        *recording.entry(span.span_context.span_id()).or_default() |= is_exception;
    }
    let is_bare =
        |span: &SpanData| has_error(span) && !recording.contains_key(&span.span_context.span_id());
    // Most spans that fail say with what.
    if !spans.iter().any(is_bare) {
        return Vec::new();
    }
    let tree = Tree::of(spans);
    let mut covered: IdSet<SpanId> = IdSet::default();
    recorded.for_each(|(span, _)| tree.cover(span, &mut covered));
    for span in below.iter().filter_map(|failed| tree.0.get(&failed.span).copied()) {
        covered.insert(span.span_context.span_id());
        tree.cover(span, &mut covered);
    }
    let mut bare = Vec::new();
    // So the deepest span of a branch comes first.
    for span in spans.iter().rev().filter(|span| has_error(span)) {
        let is_told_above = || {
            tree.ancestors(span).any(|above| {
                recording.get(&above.span_context.span_id()).is_some_and(|exception| *exception)
            })
        };
        let is_covered = covered.contains(&span.span_context.span_id());
        if is_bare(span) && !is_covered && !is_told_above() {
            bare.push(span);
        }
        tree.cover(span, &mut covered);
    }
    bare
}
