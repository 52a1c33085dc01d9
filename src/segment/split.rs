use std::collections::HashMap;

use opentelemetry_sdk::trace::SpanData;

use super::size::{heap_bytes, max_wire_bytes, wire_bytes};
use super::{Part, Segment, SegmentKind};

/// How much of a transaction its spans may fill, in bytes of JSON, estimated from above.
///
/// Relay cuts the list of spans at 819,200 bytes and refuses an item over 1 MiB.
const MAX_BYTES: usize = 780_000;

/// What a span takes of the room in a transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    spans: usize,
    bytes: usize,
}

/// Where a span goes.
#[derive(Clone, Copy, Debug)]
struct Place {
    part: usize,
    /// Room was kept in the part for everything below the span, too.
    whole: bool,
}

/// Divides a segment into parts that one transaction each can hold; none if one holds all of it.
///
/// Every span ends up in exactly one part and keeps its parent id, so that the trace stays whole.
/// A subtree that fits nowhere else moves as a whole to a part of its own or joins the spans that
/// had to move before it; only one that no part could hold is divided.
pub(super) fn divide(segment: &mut Segment, max_spans: usize) -> Option<Vec<Segment>> {
    let limit = Weight { spans: max_spans.saturating_add(1), bytes: MAX_BYTES };
    let spans = segment.spans.len();
    // Most segments are far too small for a closer look.
    if (Weight { spans, bytes: max_wire_bytes(spans, segment.bytes) }).fits(limit) {
        return None;
    }
    let weights: Vec<Weight> = segment.spans.iter().map(Weight::of).collect();
    if weights.iter().copied().fold(Weight::default(), Weight::plus).fits(limit) {
        return None;
    }
    let root = segment.root()?.span_context.span_id();
    let places = places(&segment.spans, &weights, limit);
    let of = places.iter().map(|place| place.part).max().unwrap_or(0).saturating_add(1);
    let mut parts: Vec<Vec<SpanData>> = (0..of).map(|_| Vec::new()).collect();
    for (span, place) in std::mem::take(&mut segment.spans).into_iter().zip(places) {
        if let Some(part) = parts.get_mut(place.part) {
            part.push(span);
        }
    }
    let parts = parts.into_iter().zip(1_usize..).map(|(spans, number)| {
        let kind = if number == 1 { segment.kind } else { SegmentKind::Late };
        let bytes = spans.iter().map(heap_bytes).fold(0, usize::saturating_add);
        let part = Some(Part { root, number, of });
        Segment { part, told: segment.told.clone(), ..Segment::new(spans, kind, bytes) }
    });
    Some(parts.collect())
}

/// Decides for each span, parents first.
fn places(spans: &[SpanData], weights: &[Weight], limit: Weight) -> Vec<Place> {
    let parents = parents(spans);
    let subtrees = subtrees(&parents, weights);
    let mut rooms = vec![limit];
    let mut places: Vec<Place> = Vec::with_capacity(spans.len());
    for ((parent, weight), subtree) in parents.iter().zip(weights).zip(&subtrees) {
        let parent = parent.and_then(|parent| places.get(parent)).copied();
        let at = parent.map_or(0, |parent| parent.part);
        let newest = rooms.len().saturating_sub(1);
        let follows = parent.is_some_and(|parent| parent.whole);
        let place = if follows || take(&mut rooms, at, *subtree) {
            Place { part: at, whole: true }
        } else if !subtree.fits(limit) && take(&mut rooms, at, *weight) {
            Place { part: at, whole: false }
        } else if newest != at && take(&mut rooms, newest, *subtree) {
            Place { part: newest, whole: true }
        } else {
            let whole = subtree.fits(limit);
            rooms.push(limit.minus(if whole { *subtree } else { *weight }));
            Place { part: newest.saturating_add(1), whole }
        };
        places.push(place);
    }
    places
}

/// For each span the index of its parent, which stands before it.
fn parents(spans: &[SpanData]) -> Vec<Option<usize>> {
    let mut seen = HashMap::with_capacity(spans.len());
    let mut parents = Vec::with_capacity(spans.len());
    for (at, span) in spans.iter().enumerate() {
        parents.push(seen.get(&span.parent_span_id).copied());
        seen.insert(span.span_context.span_id(), at);
    }
    parents
}

/// For each span its own weight and that of everything below it.
fn subtrees(parents: &[Option<usize>], weights: &[Weight]) -> Vec<Weight> {
    let mut subtrees = weights.to_vec();
    for (at, parent) in parents.iter().enumerate().rev() {
        let Some(own) = subtrees.get(at).copied() else {
            continue;
        };
        if let Some(sum) = parent.and_then(|parent| subtrees.get_mut(parent)) {
            *sum = sum.plus(own);
        }
    }
    subtrees
}

fn take(rooms: &mut [Weight], part: usize, weight: Weight) -> bool {
    match rooms.get_mut(part) {
        Some(room) if weight.fits(*room) => {
            *room = room.minus(weight);
            true
        }
        _ => false,
    }
}

impl Weight {
    fn of(span: &SpanData) -> Self {
        // One that is larger than the room has its values shortened later, so it fits alone.
        Self { spans: 1, bytes: wire_bytes(span).min(MAX_BYTES) }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_add(other.spans),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_sub(other.spans),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    fn fits(self, room: Self) -> bool {
        self.spans <= room.spans && self.bytes <= room.bytes
    }
}
