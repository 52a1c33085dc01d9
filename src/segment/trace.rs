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
    /// Its errors have left.
    is_told: bool,
}

/// Spans that leave together, each after its parent.
#[derive(Debug, Default)]
pub(super) struct Subtree {
    pub(super) spans: Vec<SpanData>,
    /// What they took in memory.
    pub(super) bytes: usize,
    /// Those of them whose errors have left before.
    pub(super) told: Vec<SpanId>,
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
        self.slots.push(Slot { span: Some(span), bytes, arrived, is_root, is_told: false });
        self.waiting = self.waiting.saturating_add(1);
        if self.index.is_none() && self.slots.len() > SHORT {
            self.tidy();
        }
        bytes
    }

    /// Takes out a span with everything that waits below it.
    pub(super) fn take_subtree(&mut self, id: SpanId) -> Subtree {
        let mut taken = Subtree::default();
        if let Some(place) = self.find(id) {
            self.take(place, &mut taken);
        }
        let mut at = 0_usize;
        while let Some(span) = taken.spans.get(at) {
            let parent = span.span_context.span_id();
            at = at.saturating_add(1);
            self.take_children(parent, &mut taken);
        }
        self.sent.extend(taken.spans.iter().map(|span| span.span_context.span_id()));
        if self.waiting == 0 {
            self.slots = Vec::new();
            self.index = None;
            self.oldest = 0;
        } else if self.slots.len() > SHORT && self.waiting < self.slots.len().div_euclid(2) {
            self.tidy();
        }
        taken
    }

    /// A copy of a span and of what waits above and below it, each after its parent. Those above
    /// count as told, because this is not about them. None if the span is told itself.
    pub(super) fn copy_branch(&self, id: SpanId) -> Option<Subtree> {
        let itself = self.slot(id).filter(|slot| !slot.is_told)?;
        let mut above = Vec::new();
        let mut parent = itself.span.as_ref()?.parent_span_id;
        // A circle of parents, which only a broken producer makes, ends after one round.
        while parent != id
            && above.len() < self.waiting
            && let Some(span) = self.slot(parent).and_then(|slot| slot.span.as_ref())
        {
            above.push(span);
            parent = span.parent_span_id;
        }
        let mut told: Vec<SpanId> = above.iter().map(|span| span.span_context.span_id()).collect();
        let mut slots = vec![itself];
        let mut at = 0_usize;
        while let Some(parent) = slots.get(at).and_then(|slot| slot.span.as_ref()) {
            at = at.saturating_add(1);
            let parent = parent.span_context.span_id();
            let is_new = |slot: &&Slot| slot.id().is_some_and(|id| !told.contains(&id));
            slots.extend(self.children(parent).filter(|slot| slot.id() != Some(id)).filter(is_new));
            if slots.len() >= self.waiting {
                break;
            }
        }
        told.extend(slots.iter().filter(|slot| slot.is_told).filter_map(|slot| slot.id()));
        let below = slots.iter().filter_map(|slot| slot.span.as_ref());
        let spans = above.into_iter().rev().chain(below).cloned().collect();
        Some(Subtree { spans, bytes: 0, told })
    }

    /// Notes that the errors of a span have left.
    pub(super) fn tell(&mut self, id: SpanId) {
        if let Some(place) = self.find(id)
            && let Some(slot) = self.slots.get_mut(place)
        {
            slot.is_told = true;
        }
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

    pub(super) fn span(&self, id: SpanId) -> Option<&SpanData> {
        self.slot(id)?.span.as_ref()
    }

    fn slot(&self, id: SpanId) -> Option<&Slot> {
        self.slots.get(self.find(id)?)
    }

    fn find(&self, id: SpanId) -> Option<usize> {
        match &self.index {
            Some(index) => index.by_id.get(&id).copied(),
            None => self.slots.iter().position(|slot| {
                slot.span.as_ref().is_some_and(|span| span.span_context.span_id() == id)
            }),
        }
    }

    fn children(&self, parent: SpanId) -> impl Iterator<Item = &Slot> {
        let known = self.index.as_ref().map(|index| index.by_parent.get(&parent));
        let (places, slots) = match known {
            Some(places) => (places.map_or(&[][..], Vec::as_slice), &[][..]),
            None => (&[][..], self.slots.as_slice()),
        };
        let indexed = places.iter().filter_map(|place| self.slots.get(*place));
        let all = slots.iter().filter(|slot| !slot.is_root);
        let is_child = move |slot: &&Slot| {
            slot.span.as_ref().is_some_and(|span| span.parent_span_id == parent)
        };
        indexed.chain(all).filter(is_child)
    }

    fn take_children(&mut self, parent: SpanId, taken: &mut Subtree) {
        if self.waiting == 0 {
            return;
        }
        if let Some(index) = &mut self.index {
            for place in index.by_parent.remove(&parent).unwrap_or_default() {
                self.take(place, taken);
            }
            return;
        }
        for place in self.oldest..self.slots.len() {
            let slot = self.slots.get(place).filter(|slot| !slot.is_root);
            let span = slot.and_then(|slot| slot.span.as_ref());
            if span.is_some_and(|span| span.parent_span_id == parent) {
                self.take(place, taken);
            }
        }
    }

    fn take(&mut self, place: usize, taken: &mut Subtree) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        let Some(span) = slot.span.take() else { return };
        let id = span.span_context.span_id();
        taken.bytes = taken.bytes.saturating_add(slot.bytes);
        taken.told.extend(slot.is_told.then_some(id));
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(index) = &mut self.index {
            index.by_id.remove(&id);
        }
        taken.spans.push(span);
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

impl Slot {
    fn id(&self) -> Option<SpanId> {
        self.span.as_ref().map(|span| span.span_context.span_id())
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
