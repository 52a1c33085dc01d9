use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;
use slab::Slab;

use super::size::heap_bytes;

/// A span of a trace; span ids alone are only unique within their trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SpanKey {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

/// The spans that wait for a parent, found by id, by parent and by age at constant cost.
///
/// Siblings and ages are lists that run through the slots, so that a span can leave from the
/// middle of either without a search.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slots: Slab<Slot>,
    by_id: HashMap<SpanKey, usize>,
    by_parent: HashMap<SpanKey, List>,
    by_age: List,
    /// How many spans of each trace wait.
    traces: HashMap<TraceId, usize>,
    bytes: usize,
}

/// The ends of a list that runs through the slots.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    first: Option<usize>,
    last: Option<usize>,
}

/// The neighbours of a slot in such a list.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    before: Option<usize>,
    after: Option<usize>,
}

#[derive(Debug)]
struct Slot {
    span: SpanData,
    bytes: usize,
    arrived: Duration,
    siblings: Links,
    ages: Links,
}

impl SpanKey {
    pub(super) fn of(span: &SpanData) -> Self {
        Self { trace: span.span_context.trace_id(), span: span.span_context.span_id() }
    }

    pub(super) fn of_parent(span: &SpanData) -> Self {
        Self { trace: span.span_context.trace_id(), span: span.parent_span_id }
    }
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What the waiting spans take in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn traces(&self) -> usize {
        self.traces.len()
    }

    pub(super) fn contains(&self, key: &SpanKey) -> bool {
        self.by_id.contains_key(key)
    }

    /// Takes a span in; the caller has made sure that its id is not there.
    pub(super) fn insert(&mut self, span: SpanData, arrived: Duration) {
        let (id, parent) = (SpanKey::of(&span), SpanKey::of_parent(&span));
        let bytes = heap_bytes(&span);
        self.bytes = self.bytes.saturating_add(bytes);
        let waiting = self.traces.entry(id.trace).or_default();
        *waiting = waiting.saturating_add(1);
        let children = self.by_parent.entry(parent).or_default();
        let siblings = Links { before: children.last, after: None };
        let ages = Links { before: self.by_age.last, after: None };
        let slot = self.slots.insert(Slot { span, bytes, arrived, siblings, ages });
        children.append(slot, &mut self.slots, |slot| &mut slot.siblings);
        self.by_age.append(slot, &mut self.slots, |slot| &mut slot.ages);
        self.by_id.insert(id, slot);
    }

    /// Takes out every span that waits below `parent`, children before grandchildren.
    pub(super) fn take_descendants(&mut self, parent: SpanKey, into: &mut Vec<SpanData>) {
        let mut at = into.len();
        self.take_children(parent, into);
        while let Some(span) = into.get(at) {
            let parent = SpanKey::of(span);
            at = at.saturating_add(1);
            self.take_children(parent, into);
        }
    }

    /// Takes out the topmost of the spans that wait above the oldest one, or the oldest itself.
    pub(super) fn take_oldest_top(&mut self) -> Option<SpanData> {
        let oldest = &self.slots.get(self.by_age.first?)?.span;
        let mut top = SpanKey::of(oldest);
        let mut parent = SpanKey::of_parent(oldest);
        // A circle of parents, which only a broken producer makes, ends after one round.
        for _ in 0..self.slots.len() {
            let Some(above) = self.by_id.get(&parent).and_then(|slot| self.slots.get(*slot)) else {
                break;
            };
            top = parent;
            parent = SpanKey::of_parent(&above.span);
        }
        self.take(top)
    }

    /// When the oldest span came in.
    pub(super) fn oldest_arrival(&self) -> Option<Duration> {
        self.slots.get(self.by_age.first?).map(|slot| slot.arrived)
    }

    fn take_children(&mut self, parent: SpanKey, into: &mut Vec<SpanData>) {
        let mut next = self.by_parent.remove(&parent).and_then(|children| children.first);
        while let Some(slot) = next.and_then(|slot| self.remove(slot)) {
            next = slot.siblings.after;
            into.push(slot.span);
        }
    }

    fn take(&mut self, id: SpanKey) -> Option<SpanData> {
        let slot = self.remove(*self.by_id.get(&id)?)?;
        let parent = SpanKey::of_parent(&slot.span);
        if let Some(children) = self.by_parent.get_mut(&parent) {
            children.cut(slot.siblings, &mut self.slots, |slot| &mut slot.siblings);
            if children.first.is_none() {
                self.by_parent.remove(&parent);
            }
        }
        Some(slot.span)
    }

    /// Removes a slot from the ages and the ids; its siblings are the caller's to mend.
    fn remove(&mut self, slot: usize) -> Option<Slot> {
        let slot = self.slots.try_remove(slot)?;
        let id = SpanKey::of(&slot.span);
        self.by_id.remove(&id);
        self.bytes = self.bytes.saturating_sub(slot.bytes);
        if let Entry::Occupied(mut waiting) = self.traces.entry(id.trace) {
            match waiting.get().saturating_sub(1) {
                0 => drop(waiting.remove()),
                rest => drop(waiting.insert(rest)),
            }
        }
        self.by_age.cut(slot.ages, &mut self.slots, |slot| &mut slot.ages);
        Some(slot)
    }
}

impl List {
    fn append(&mut self, slot: usize, slots: &mut Slab<Slot>, links: fn(&mut Slot) -> &mut Links) {
        match self.last.and_then(|last| slots.get_mut(last)) {
            Some(last) => links(last).after = Some(slot),
            None => self.first = Some(slot),
        }
        self.last = Some(slot);
    }

    /// Closes the gap that a slot with these neighbours left.
    fn cut(&mut self, gone: Links, slots: &mut Slab<Slot>, links: fn(&mut Slot) -> &mut Links) {
        match gone.before.and_then(|before| slots.get_mut(before)) {
            Some(before) => links(before).after = gone.after,
            None => self.first = gone.after,
        }
        match gone.after.and_then(|after| slots.get_mut(after)) {
            Some(after) => links(after).before = gone.before,
            None => self.last = gone.before,
        }
    }
}
