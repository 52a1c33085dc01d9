use std::vec;

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use super::is_local_root;

/// A segment that came in one piece: its root and all that is below it, one after the other.
///
/// Most do, and need no search for what waits, nor a list to wait in.
#[derive(Debug)]
pub(super) struct Whole {
    /// Each after its parent.
    pub(super) spans: Vec<SpanData>,
    /// What they take in memory.
    pub(super) bytes: usize,
}

/// How many spans are compared one by one.
const SHORT: usize = 64;

impl Whole {
    /// Takes the first of these spans, so many, with what each takes in memory, if they are that.
    /// The list of places is empty before and afterwards; it is given so that its memory is there
    /// already.
    pub(super) fn take(
        spans: &mut vec::IntoIter<SpanData>,
        sizes: &mut vec::IntoIter<usize>,
        count: usize,
        places: &mut Vec<usize>,
    ) -> Option<Self> {
        let is_whole = find_order(spans.as_slice().get(..count)?, places);
        let whole = is_whole.then(|| {
            let bytes = sizes.by_ref().take(count).fold(0, usize::saturating_add);
            let mut taken = Vec::with_capacity(count);
            taken.extend(spans.by_ref().take(count));
            arrange(&mut taken, places);
            Self { spans: taken, bytes }
        });
        places.clear();
        whole
    }
}

/// Notes the places of the spans, each after that of its parent; tells whether they are a root and
/// all that is below it.
fn find_order(spans: &[SpanData], places: &mut Vec<usize>) -> bool {
    let mut all = [(SpanId::INVALID, SpanId::INVALID); SHORT];
    let Some(all) = all.get_mut(..spans.len()) else { return false };
    // Ids are random, so that most of a short trace have a bit of their own.
    let mut bits = 0_u64;
    for (place, span) in spans.iter().enumerate() {
        let (id, parent) = (span.span_context.span_id(), span.parent_span_id);
        let is_root = is_local_root(span);
        let bit = 1_u64.wrapping_shl(u64::from_be_bytes(id.to_bytes()) as u32);
        let mut before = all.iter().take(place);
        let is_again = bits & bit != 0 && before.any(|(other, _)| *other == id);
        if id == SpanId::INVALID || is_again || (is_root && !places.is_empty()) {
            return false;
        }
        bits |= bit;
        places.extend(is_root.then_some(place));
        // No span is below one without an id.
        let below = if is_root { SpanId::INVALID } else { parent };
        if let Some(noted) = all.get_mut(place) {
            *noted = (id, below);
        }
    }
    let mut at = 0_usize;
    while places.len() < all.len()
        && let Some((id, _)) = places.get(at).and_then(|place| all.get(*place))
    {
        at = at.saturating_add(1);
        let children = all.iter().enumerate().filter(|(_, (_, parent))| parent == id);
        places.extend(children.map(|(place, _)| place));
    }
    !places.is_empty() && places.len() == all.len()
}

/// Puts spans into the order of these places, of which the first is that of the root.
fn arrange(spans: &mut Vec<SpanData>, places: &mut [usize]) {
    let Some((root, order)) = places.split_first_mut() else { return };
    // Mostly it came last, and the others stand right.
    if *root > 0 && *root < spans.len() {
        let span = spans.remove(*root);
        spans.insert(0, span);
    }
    let Some((_, below)) = spans.split_first_mut() else { return };
    for place in order.iter_mut().filter(|place| **place > *root) {
        *place = place.saturating_sub(1);
    }
    for at in 0..below.len() {
        // What stood before this one has given its place away.
        let places =
            std::iter::successors(order.get(at).copied(), |from| order.get(*from).copied());
        let from = places.into_iter().find(|from| *from >= at);
        if let Some(from) = from.filter(|from| *from > at && *from < below.len()) {
            below.swap(at, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, TraceFlags, TraceId, TraceState};
    use proptest::prelude::*;

    use super::super::size::heap_bytes;
    use super::*;
    use crate::idle::idle_span;

    fn id(span: &SpanData) -> u64 {
        u64::from_be_bytes(span.span_context.span_id().to_bytes())
    }

    /// The ids of a whole segment in its order, or nothing, and how many spans are left.
    fn taken(spans: &[(u64, u64)], count: usize) -> (Option<Vec<u64>>, usize) {
        let spans: Vec<_> = spans.iter().map(|(id, parent)| idle_span(1, *id, *parent)).collect();
        let sizes: Vec<_> = spans.iter().map(heap_bytes).collect();
        let bytes = sizes.iter().take(count).sum::<usize>();
        let (mut spans, mut sizes) = (spans.into_iter(), sizes.into_iter());
        let mut places = Vec::new();
        let whole = Whole::take(&mut spans, &mut sizes, count, &mut places);
        assert!(places.is_empty());
        assert_eq!(spans.len(), sizes.len());
        if let Some(whole) = &whole {
            assert_eq!(whole.bytes, bytes);
        }
        (whole.map(|whole| whole.spans.iter().map(id).collect()), spans.len())
    }

    #[test]
    fn a_root_with_all_that_is_below_it_is_whole_in_any_order() {
        let of = |spans: &[(u64, u64)]| taken(spans, spans.len()).0;
        assert_eq!(of(&[(1, 0)]), Some(vec![1]));
        assert_eq!(of(&[(2, 1), (3, 1), (1, 0)]), Some(vec![1, 2, 3]));
        assert_eq!(of(&[(4, 2), (2, 1), (5, 3), (3, 1), (1, 0)]), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(of(&[(3, 2), (1, 0), (2, 1)]), Some(vec![1, 2, 3]));
        assert_eq!(taken(&[(2, 1), (1, 0), (9, 8)], 2), (Some(vec![1, 2]), 1));
    }

    #[test]
    fn what_is_not_one_tree_with_one_root_is_left_as_it_is() {
        for spans in [
            vec![],
            vec![(2, 1)],
            vec![(1, 0), (2, 0)],
            vec![(1, 0), (3, 2)],
            vec![(1, 0), (2, 2)],
            vec![(1, 0), (2, 3), (3, 2)],
            vec![(2, 1), (2, 1), (1, 0)],
            vec![(1, 0), (1, 1)],
            vec![(0, 1), (1, 0)],
            (1..=65).map(|id| (id, id - 1)).collect(),
        ] {
            assert_eq!(taken(&spans, spans.len()), (None, spans.len()), "{spans:?}");
        }
    }

    #[test]
    fn a_span_with_a_remote_parent_is_a_root() {
        let context = |id: u64| {
            let id = SpanId::from(id);
            SpanContext::new(TraceId::from(1), id, TraceFlags::SAMPLED, false, TraceState::NONE)
        };
        let root = SpanData { parent_span_is_remote: true, ..idle_span(1, 1, 2) };
        let child = SpanData { span_context: context(2), ..idle_span(1, 2, 1) };
        let mut spans = vec![child, root].into_iter();
        let whole = Whole::take(&mut spans, &mut vec![1, 2].into_iter(), 2, &mut Vec::new());
        let whole = whole.unwrap();
        assert_eq!((whole.spans.iter().map(id).collect(), whole.bytes), (vec![1, 2], 3));
    }

    proptest! {
        #[test]
        fn each_comes_after_its_parent_level_by_level_in_the_order_of_arrival(
            parents in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
            seed in any::<u64>(),
        ) {
            // Each span has its parent among those with a smaller number.
            let mut spans = vec![(1, 0)];
            for (parent, id) in parents.iter().zip(2_u64..) {
                spans.push((id, parent.index(spans.len()) as u64 + 1));
            }
            spans.sort_by_key(|(id, _)| (id ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut expected = vec![1];
            for at in 0..spans.len() {
                let parent = expected[at];
                expected.extend(spans.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
            }
            prop_assert_eq!(taken(&spans, spans.len()), (Some(expected), 0));
        }
    }
}
