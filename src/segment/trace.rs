use std::time::Duration;
use std::vec;

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use super::IdMap;
use super::sent::SentIds;
use super::size::heap_bytes;
use super::whole::Whole;

/// The spans of one trace: those that wait for their parent, and the ids of those that left.
///
/// Waiting spans stand in order of arrival. One that leaves from the middle leaves a gap, and gaps
/// are closed when they are the greater part, so that each span costs the same on average. Short
/// lists are searched from end to end; long ones have an index.
#[derive(Debug, Default)]
pub(super) struct Trace {
    spans: Vec<Option<SpanData>>,
    /// What is known of each of them, so that no search has to walk over the spans themselves.
    slots: Vec<Slot>,
    waiting: usize,
    /// Before this one all slots are gaps.
    oldest: usize,
    index: Option<Box<Index>>,
    /// What came in one piece, until its batch has been looked at; then there is nothing else.
    whole: Option<Box<Whole>>,
    pub(super) sent: SentIds,
    /// Under which arrival the trace is known to the buffer as one with waiting spans.
    pub(super) known_since: Option<Duration>,
}

#[derive(Debug)]
struct Slot {
    id: SpanId,
    parent: SpanId,
    arrived: Duration,
    /// What it takes in memory; no span comes near the largest number.
    bytes: u32,
    /// The span has left.
    is_gap: bool,
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

    /// Whether nothing is known of the trace.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0 && self.sent.is_empty()
    }

    /// Whether the span waits here or has left.
    pub(super) fn knows(&self, id: SpanId) -> bool {
        self.sent.contains(id) || self.waits(id)
    }

    pub(super) fn waits(&self, id: SpanId) -> bool {
        self.find(id).is_some()
    }

    /// Makes room for so many more spans.
    pub(super) fn reserve(&mut self, spans: usize) {
        self.spans.reserve(spans);
        self.slots.reserve(spans);
    }

    /// Takes in a segment that came in one piece, where nothing is known of the trace.
    pub(super) fn insert_whole(&mut self, whole: Whole) {
        self.waiting = whole.spans.len();
        self.whole = Some(Box::new(whole));
    }

    /// Lets wait what came in one piece, because more has come.
    pub(super) fn break_up(&mut self, arrived: Duration) {
        let Some(whole) = self.whole.take() else { return };
        self.waiting = 0;
        let mut spans = whole.spans.into_iter();
        while let Some(span) = spans.as_slice().first() {
            let (bytes, is_root) = (heap_bytes(span), self.slots.is_empty());
            self.insert_first(&mut spans, bytes, arrived, is_root);
        }
    }

    /// Takes in the first of these spans, which is not known yet and takes so many bytes in memory.
    pub(super) fn insert_first(
        &mut self,
        spans: &mut vec::IntoIter<SpanData>,
        bytes: usize,
        arrived: Duration,
        is_root: bool,
    ) {
        let Some(span) = spans.as_slice().first() else { return };
        let slot = Slot {
            id: span.span_context.span_id(),
            parent: span.parent_span_id,
            arrived,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            is_gap: false,
            is_root,
            is_told: false,
        };
        if let Some(index) = &mut self.index {
            index.insert(&slot, self.slots.len());
        }
        self.slots.push(slot);
        // Straight from list to list, because a span is large.
        self.spans.push(spans.next());
        self.waiting = self.waiting.saturating_add(1);
        if self.index.is_none() && self.slots.len() > SHORT {
            self.tidy();
        }
    }

    /// Takes out a span with everything that waits below it. The list of places is empty before
    /// and afterwards; it is given so that its memory is there already.
    pub(super) fn take_subtree(&mut self, id: SpanId, places: &mut Vec<usize>) -> Subtree {
        if let Some(whole) = self.whole.take() {
            let Whole { spans, bytes } = *whole;
            debug_assert_eq!(spans.first().map(|span| span.span_context.span_id()), Some(id));
            self.waiting = 0;
            self.sent.extend(spans.iter().map(|span| span.span_context.span_id()));
            return Subtree { spans, bytes, told: Vec::new() };
        }
        self.subtree(id, places);
        let mut taken = Subtree { spans: Vec::with_capacity(places.len()), ..Subtree::default() };
        let leaves_nothing = places.len() >= self.waiting;
        for place in places.drain(..) {
            let Some(slot) = self.slots.get_mut(place) else { continue };
            slot.is_gap = true;
            taken.bytes = taken.bytes.saturating_add(slot.bytes());
            taken.told.extend(slot.is_told.then_some(slot.id));
            if let Some(index) = self.index.as_mut().filter(|_| !leaves_nothing) {
                index.by_id.remove(&slot.id);
                index.by_parent.remove(&slot.id);
            }
            if let Some(span) = self.spans.get_mut(place).and_then(Option::take) {
                taken.spans.push(span);
            }
        }
        self.waiting = self.waiting.saturating_sub(taken.spans.len());
        self.sent.extend(taken.spans.iter().map(|span| span.span_context.span_id()));
        if self.slots.len() > SHORT && self.waiting < self.slots.len().div_euclid(2) {
            self.tidy();
        }
        self.free();
        taken
    }

    /// Keeps no memory where nothing waits.
    pub(super) fn free(&mut self) {
        if self.waiting == 0 {
            (self.spans, self.slots) = (Vec::new(), Vec::new());
            self.index = None;
            self.oldest = 0;
        }
    }

    /// The places of a span and of everything that waits below it, each after that of its parent.
    fn subtree(&self, id: SpanId, places: &mut Vec<usize>) {
        let top = self.find(id);
        places.extend(top);
        let mut at = 0_usize;
        while let Some(slot) = places.get(at).and_then(|place| self.slots.get(*place)) {
            if places.len() >= self.waiting {
                break;
            }
            at = at.saturating_add(1);
            // A circle of parents, which only a broken producer makes, ends after one round.
            places.extend(self.children(slot.id).filter(|place| Some(*place) != top));
        }
    }

    /// A copy of a span and of what waits above and below it, each after its parent. Those above
    /// count as told, because this is not about them. None if the span is told itself.
    pub(super) fn copy_branch(&self, id: SpanId) -> Option<Subtree> {
        let itself = self.slot(id).filter(|slot| !slot.is_told)?;
        let mut above = Vec::new();
        let mut parent = itself.parent;
        // A circle of parents, which only a broken producer makes, ends after one round.
        while parent != id
            && above.len() < self.waiting
            && let Some(place) = self.find(parent)
            && let Some(slot) = self.slots.get(place)
        {
            above.push(place);
            parent = slot.parent;
        }
        let mut below = Vec::new();
        self.subtree(id, &mut below);
        below.retain(|place| !above.contains(place));
        let id_of = |place: &usize| self.slots.get(*place).map(|slot| slot.id);
        let is_told = |place: &&usize| self.slots.get(**place).is_some_and(|slot| slot.is_told);
        let told = above.iter().chain(below.iter().filter(is_told)).filter_map(id_of).collect();
        let places = || above.iter().rev().chain(&below);
        let span = |place: &usize| self.spans.get(*place).cloned().flatten();
        let bytes = |place: &usize| self.slots.get(*place).map_or(0, Slot::bytes);
        Some(Subtree {
            spans: places().filter_map(span).collect(),
            bytes: places().map(bytes).fold(0, usize::saturating_add),
            told,
        })
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
        while self.slots.get(self.oldest).is_some_and(|slot| slot.is_gap) {
            self.oldest = self.oldest.saturating_add(1);
        }
        let slot = self.slots.get(self.oldest)?;
        Some((slot.id, slot.arrived))
    }

    /// The topmost of the spans that wait above this one, or the span itself.
    pub(super) fn top(&self, id: SpanId) -> SpanId {
        let mut top = id;
        // A circle of parents, which only a broken producer makes, ends after one round.
        for _ in 0..self.waiting {
            let Some(parent) = self.slot(top).map(|slot| slot.parent) else { break };
            if !self.waits(parent) {
                break;
            }
            top = parent;
        }
        top
    }

    pub(super) fn span(&self, id: SpanId) -> Option<&SpanData> {
        self.spans.get(self.find(id)?)?.as_ref()
    }

    fn slot(&self, id: SpanId) -> Option<&Slot> {
        self.slots.get(self.find(id)?)
    }

    fn find(&self, id: SpanId) -> Option<usize> {
        match &self.index {
            Some(index) => index.by_id.get(&id).copied(),
            None => self.slots.iter().position(|slot| slot.id == id && !slot.is_gap),
        }
    }

    /// The places of what waits directly below a span, but for roots of their own.
    fn children(&self, parent: SpanId) -> impl Iterator<Item = usize> {
        let index = self.index.as_ref();
        let known = index.and_then(|index| index.by_parent.get(&parent)).into_iter().flatten();
        let unknown = if index.is_none() { self.oldest..self.slots.len() } else { 0..0 };
        let is_child = move |place: &usize| {
            self.slots.get(*place).is_some_and(|slot| slot.parent == parent && slot.waits_for_it())
        };
        known.copied().chain(unknown).filter(is_child)
    }

    /// Closes the gaps, and makes the index of a long list anew.
    fn tidy(&mut self) {
        self.spans.retain(Option::is_some);
        self.slots.retain(|slot| !slot.is_gap);
        self.oldest = 0;
        self.index = None;
        if self.slots.len() > SHORT {
            let mut index = Index::default();
            for (place, slot) in self.slots.iter().enumerate() {
                index.insert(slot, place);
            }
            self.index = Some(Box::new(index));
        }
    }
}

impl Slot {
    fn bytes(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    /// Whether a span waits here that leaves with its parent.
    fn waits_for_it(&self) -> bool {
        !self.is_gap && !self.is_root
    }
}

impl Index {
    fn insert(&mut self, slot: &Slot, place: usize) {
        self.by_id.insert(slot.id, place);
        if !slot.is_root {
            self.by_parent.entry(slot.parent).or_default().push(place);
        }
    }
}
