use std::time::Duration;

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use super::IdMap;
use super::sent::SentIds;
use super::size::heap_bytes;

/// The spans of one trace: those that wait for their parent, and the ids of those that left.
///
/// Waiting spans stand in order of arrival. One that leaves from the middle leaves a gap, and gaps
/// are closed when they are the greater part, so that each span costs the same on average. Short
/// lists are searched from end to end; long ones have an index.
#[derive(Debug, Default)]
pub(super) struct Trace {
    slots: Vec<Slot>,
    waiting: usize,
    /// Before this one all slots are gaps.
    oldest: usize,
    index: Option<Index>,
    pub(super) sent: SentIds,
    /// Under which arrival the trace is known to the buffer as one with waiting spans.
    pub(super) known_since: Option<Duration>,
}

#[derive(Debug)]
struct Slot {
    span: Option<SpanData>,
    bytes: usize,
    arrived: Duration,
    /// It is the root of a segment and no part of what waits above it.
    is_root: bool,
}

/// Where the spans of a long list are. A place in `by_parent` may have become a gap.
#[derive(Debug, Default)]
struct Index {
    by_id: IdMap<SpanId, usize>,
    by_parent: IdMap<SpanId, Vec<usize>>,
}

/// How many slots are searched without an index.
const SHORT: usize = 64;

impl Trace {
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether the span waits here or has left.
    pub(super) fn knows(&self, id: SpanId) -> bool {
        self.sent.contains(id) || self.waits(id)
    }

    pub(super) fn waits(&self, id: SpanId) -> bool {
        self.find(id).is_some()
    }

    /// Takes in a span that is not known yet; gives what it takes in memory.
    pub(super) fn insert(&mut self, span: SpanData, arrived: Duration, is_root: bool) -> usize {
        let bytes = heap_bytes(&span);
        let place = self.slots.len();
        if let Some(index) = &mut self.index {
            index.insert(&span, place, is_root);
        }
        self.slots.push(Slot { span: Some(span), bytes, arrived, is_root });
        self.waiting = self.waiting.saturating_add(1);
        if self.index.is_none() && self.slots.len() > SHORT {
            self.tidy();
        }
        bytes
    }

    /// Takes out a span with everything that waits below it, each after its parent; gives what
    /// they took in memory.
    pub(super) fn take_subtree(&mut self, id: SpanId) -> (Vec<SpanData>, usize) {
        let mut bytes = 0_usize;
        let mut spans = Vec::new();
        if let Some(place) = self.find(id) {
            self.take(place, &mut spans, &mut bytes);
        }
        let mut at = 0_usize;
        while let Some(span) = spans.get(at) {
            let parent = span.span_context.span_id();
            at = at.saturating_add(1);
            self.take_children(parent, &mut spans, &mut bytes);
        }
        self.sent.extend(spans.iter().map(|span| span.span_context.span_id()));
        if self.waiting == 0 {
            self.slots = Vec::new();
            self.index = None;
            self.oldest = 0;
        } else if self.slots.len() > SHORT && self.waiting < self.slots.len().div_euclid(2) {
            self.tidy();
        }
        (spans, bytes)
    }

    /// A span with everything that waits below it, each after its parent.
    pub(super) fn copy_subtree(&self, id: SpanId) -> Vec<SpanData> {
        let mut spans: Vec<&SpanData> = self.span(id).into_iter().collect();
        let mut at = 0_usize;
        // In a circle of parents, which only a broken producer makes, they would go on for ever.
        while let Some(span) = spans.get(at).filter(|_| spans.len() < self.waiting) {
            let parent = span.span_context.span_id();
            at = at.saturating_add(1);
            spans.extend(self.children(parent).filter(|child| child.span_context.span_id() != id));
        }
        spans.into_iter().cloned().collect()
    }

    /// The span that has waited longest.
    pub(super) fn oldest(&mut self) -> Option<(SpanId, Duration)> {
        while self.slots.get(self.oldest).is_some_and(|slot| slot.span.is_none()) {
            self.oldest = self.oldest.saturating_add(1);
        }
        let slot = self.slots.get(self.oldest)?;
        Some((slot.span.as_ref()?.span_context.span_id(), slot.arrived))
    }

    /// The topmost of the spans that wait above this one, or the span itself.
    pub(super) fn top(&self, id: SpanId) -> SpanId {
        let mut top = id;
        // A circle of parents, which only a broken producer makes, ends after one round.
        for _ in 0..self.waiting {
            let Some(parent) = self.span(top).map(|span| span.parent_span_id) else { break };
            if self.find(parent).is_none() {
                break;
            }
            top = parent;
        }
        top
    }

    fn span(&self, id: SpanId) -> Option<&SpanData> {
        self.slots.get(self.find(id)?)?.span.as_ref()
    }

    fn find(&self, id: SpanId) -> Option<usize> {
        match &self.index {
            Some(index) => index.by_id.get(&id).copied(),
            None => self.slots.iter().position(|slot| {
                slot.span.as_ref().is_some_and(|span| span.span_context.span_id() == id)
            }),
        }
    }

    fn children(&self, parent: SpanId) -> impl Iterator<Item = &SpanData> {
        let known = self.index.as_ref().map(|index| index.by_parent.get(&parent));
        let (places, slots) = match known {
            Some(places) => (places.map_or(&[][..], Vec::as_slice), &[][..]),
            None => (&[][..], self.slots.as_slice()),
        };
        let indexed = places.iter().filter_map(|place| self.slots.get(*place));
        let all = slots.iter().filter(|slot| !slot.is_root);
        let spans = indexed.chain(all).filter_map(|slot| slot.span.as_ref());
        spans.filter(move |span| span.parent_span_id == parent)
    }

    fn take_children(&mut self, parent: SpanId, spans: &mut Vec<SpanData>, bytes: &mut usize) {
        if self.waiting == 0 {
            return;
        }
        if let Some(index) = &mut self.index {
            for place in index.by_parent.remove(&parent).unwrap_or_default() {
                self.take(place, spans, bytes);
            }
            return;
        }
        for place in self.oldest..self.slots.len() {
            let slot = self.slots.get(place).filter(|slot| !slot.is_root);
            let span = slot.and_then(|slot| slot.span.as_ref());
            if span.is_some_and(|span| span.parent_span_id == parent) {
                self.take(place, spans, bytes);
            }
        }
    }

    fn take(&mut self, place: usize, spans: &mut Vec<SpanData>, bytes: &mut usize) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        let Some(span) = slot.span.take() else { return };
        *bytes = bytes.saturating_add(slot.bytes);
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(index) = &mut self.index {
            index.by_id.remove(&span.span_context.span_id());
        }
        spans.push(span);
    }

    /// Closes the gaps, and makes the index of a long list anew.
    fn tidy(&mut self) {
        self.slots.retain(|slot| slot.span.is_some());
        self.oldest = 0;
        self.index = None;
        if self.slots.len() > SHORT {
            let mut index = Index::default();
            for (place, slot) in self.slots.iter().enumerate() {
                if let Some(span) = &slot.span {
                    index.insert(span, place, slot.is_root);
                }
            }
            self.index = Some(index);
        }
    }
}

impl Index {
    fn insert(&mut self, span: &SpanData, place: usize, is_root: bool) {
        self.by_id.insert(span.span_context.span_id(), place);
        if !is_root {
            self.by_parent.entry(span.parent_span_id).or_default().push(place);
        }
    }
}
