use std::collections::hash_map::Entry;

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use crate::segment::{IdMap, IdSet};
use crate::steps;

/// Which spans stand above which, told without walking from one to the other.
///
/// Of spans whose parents form a circle, the first stands above the others.
#[derive(Debug)]
pub(super) struct Lineage(IdMap<SpanId, Place>);

/// The number of a span where each is followed by all that is below it, and that of the first one
/// behind these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    number: usize,
    end: usize,
}

impl Lineage {
    pub(super) fn of(spans: &[SpanData]) -> Self {
        let id = |span: &SpanData| span.span_context.span_id();
        let ids: IdSet<SpanId> = spans.iter().map(id).collect();
        let mut below: IdMap<SpanId, Vec<SpanId>> = IdMap::default();
        let mut heads = Vec::new();
        for span in spans {
            let parent = Some(span.parent_span_id).filter(|_| !span.parent_span_is_remote);
            match parent.filter(|parent| ids.contains(parent)) {
                Some(parent) => below.entry(parent).or_default().push(id(span)),
                None => heads.push(id(span)),
            }
        }
        // No circle has a head.
        heads.extend(spans.iter().map(id));
        let mut places = IdMap::with_capacity_and_hasher(spans.len(), Default::default());
        let mut open: Vec<(SpanId, bool)> = Vec::new();
        for head in heads {
            open.push((head, false));
            while let Some((span, is_left)) = open.pop() {
                steps::count(1);
                let number = places.len();
                if is_left {
                    if let Some(Place { end, .. }) = places.get_mut(&span) {
                        *end = number;
                    }
                } else if let Entry::Vacant(place) = places.entry(span) {
                    place.insert(Place { number, end: number });
                    open.push((span, true));
                    let next = below.get(&span).into_iter().flatten();
                    open.extend(next.map(|next| (*next, false)));
                }
            }
        }
        Self(places)
    }

    pub(super) fn place(&self, span: SpanId) -> Option<Place> {
        self.0.get(&span).copied()
    }
}

impl Place {
    /// Whether this span is the other one or stands above it.
    pub(super) fn includes(self, other: Self) -> bool {
        steps::count(1);
        self.number <= other.number && other.number < self.end
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::idle::idle_span;

    /// A span that did nothing.
    pub(in crate::mapping) fn span(id: u64, parent: u64) -> SpanData {
        idle_span(7, id, parent)
    }

    fn includes(lineage: &Lineage, above: u64, below: u64) -> bool {
        let place = |id: u64| lineage.place(SpanId::from(id)).expect("a place");
        place(above).includes(place(below))
    }

    #[test]
    fn a_span_includes_what_is_below_it_over_any_number_of_levels() {
        let mut remote = span(5, 2);
        remote.parent_span_is_remote = true;
        let lineage = Lineage::of(&[span(1, 0), span(4, 3), span(2, 1), span(3, 2), remote]);
        assert!(includes(&lineage, 1, 4) && includes(&lineage, 3, 3));
        assert!(!includes(&lineage, 4, 1) && !includes(&lineage, 2, 5));
    }

    #[test]
    fn the_first_of_a_circle_stands_above_the_others() {
        let lineage = Lineage::of(&[span(1, 3), span(2, 1), span(3, 2), span(4, 4)]);
        assert!(includes(&lineage, 1, 3) && !includes(&lineage, 3, 1));
        assert!(includes(&lineage, 4, 4) && !includes(&lineage, 4, 1));
    }

    proptest! {
        #[test]
        fn it_says_the_same_as_walking_from_parent_to_parent(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        ) {
            // The parent of each is one before it, or none.
            let parent = |id: usize| parents[id - 1].index(id);
            let spans: Vec<_> =
                (1..=parents.len()).map(|id| span(id as u64, parent(id) as u64)).collect();
            let lineage = Lineage::of(&spans);
            for below in 1..=parents.len() {
                let up = |id: &usize| Some(parent(*id)).filter(|above| *above > 0);
                let above: Vec<_> = std::iter::successors(Some(below), up).collect();
                for id in 1..=parents.len() {
                    let is_above = above.contains(&id);
                    prop_assert_eq!(includes(&lineage, id as u64, below as u64), is_above);
                }
            }
        }
    }
}
