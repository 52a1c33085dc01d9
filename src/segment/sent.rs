use std::collections::{HashSet, VecDeque};

use super::pending::SpanKey;

/// The ids of the spans that left last, so that a late child is known as one at any depth.
///
/// Exact and bounded: the oldest id makes room for the newest.
#[derive(Debug)]
pub(super) struct SentSpans {
    known: HashSet<SpanKey>,
    order: VecDeque<SpanKey>,
    capacity: usize,
}

impl SentSpans {
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), capacity }
    }

    pub(super) fn contains(&self, key: &SpanKey) -> bool {
        self.known.contains(key)
    }

    pub(super) fn insert(&mut self, key: SpanKey) {
        if self.capacity == 0 || !self.known.insert(key) {
            return;
        }
        if self.order.len() >= self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceId};

    use super::*;

    #[test]
    fn the_oldest_id_is_forgotten_first_and_none_before_the_table_is_full() {
        let key = |id: u64| SpanKey { trace: TraceId::from(1), span: SpanId::from(id) };
        let mut sent = SentSpans::new(3);
        for id in [1, 2, 2, 3, 4] {
            sent.insert(key(id));
        }
        assert_eq!([1, 2, 3, 4].map(|id| sent.contains(&key(id))), [false, true, true, true]);
    }
}
