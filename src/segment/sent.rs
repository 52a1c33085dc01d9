use opentelemetry::trace::SpanId;

use super::IdSet;

/// The ids of the spans of a trace that left, oldest first.
#[derive(Debug, Default)]
pub(super) struct SentIds {
    list: std::collections::VecDeque<SpanId>,
    /// The same, once the list is too long to be searched.
    set: Option<IdSet<SpanId>>,
}

/// How many ids are searched from end to end.
const SHORT: usize = 64;

impl SentIds {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    #[inline]
    pub(super) fn contains(&self, id: SpanId) -> bool {
        // Most traces leave at once, and are asked about before.
        !self.is_empty() && self.has(id)
    }

    fn has(&self, id: SpanId) -> bool {
        match &self.set {
            Some(set) => set.contains(&id),
            None => self.list.contains(&id),
        }
    }

    pub(super) fn extend(&mut self, ids: impl Iterator<Item = SpanId> + Clone) {
        self.list.extend(ids.clone());
        match &mut self.set {
            Some(set) => set.extend(ids),
            None if self.list.len() > SHORT => self.set = Some(self.list.iter().copied().collect()),
            None => {}
        }
    }

    /// Forgets the oldest ones.
    pub(super) fn forget(&mut self, count: usize) {
        for id in self.list.drain(..count.min(self.list.len())) {
            if let Some(set) = &mut self.set {
                set.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten_first_however_many_there_are() {
        for len in [3_u64, 300] {
            let mut sent = SentIds::default();
            sent.extend((1..=len).map(SpanId::from));
            sent.forget(2);
            let knows = |id| sent.contains(SpanId::from(id));
            assert_eq!([1, 2, 3, len, len + 1].map(knows), [false, false, true, true, false]);
            sent.forget(1000);
            assert!(sent.is_empty());
        }
    }
}
