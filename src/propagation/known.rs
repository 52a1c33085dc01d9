use std::collections::HashMap;
use std::mem;

use opentelemetry::trace::TraceId;

/// What is known of the traces of the last while, in two generations: when the young one is full,
/// it takes the place of the old one. What is asked for becomes young again.
#[derive(Debug)]
pub(super) struct Known<T> {
    young: HashMap<TraceId, T>,
    old: HashMap<TraceId, T>,
    /// What the young ones take, in bytes.
    bytes: usize,
    limits: Limits,
}

/// What a generation holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) traces: usize,
    /// Of what comes from elsewhere and may have any length.
    pub(super) bytes: usize,
}

/// How much memory a value takes besides its fields.
pub(super) trait Weight {
    fn bytes(&self) -> usize;
}

impl<T: Weight> Known<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bytes: 0, limits }
    }

    pub(super) fn find(&mut self, trace: TraceId) -> Option<&T> {
        if let Some(value) = self.old.remove(&trace) {
            self.insert(trace, value);
        }
        self.young.get(&trace)
    }

    pub(super) fn insert(&mut self, trace: TraceId, value: T) {
        let bytes = self.bytes.saturating_add(value.bytes());
        self.old.remove(&trace);
        if self.young.len() >= self.limits.traces || bytes > self.limits.bytes {
            self.old = mem::take(&mut self.young);
            // A generation has one value of a trace, and this is the newer.
            self.old.remove(&trace);
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(value.bytes());
        if let Some(previous) = self.young.insert(trace, value) {
            self.bytes = self.bytes.saturating_sub(previous.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    fn known(traces: usize, bytes: usize) -> Known<usize> {
        Known::new(Limits { traces, bytes })
    }

    #[test]
    fn the_traces_of_a_while_are_remembered_and_no_more() {
        let mut known = known(100, usize::MAX);
        let mut insert = |from: u128, to: u128| {
            for trace in from..to {
                known.insert(TraceId::from(trace), 0);
                assert!(known.young.len() + known.old.len() <= 200);
            }
            known.young.contains_key(&TraceId::from(1)) || known.old.contains_key(&TraceId::from(1))
        };
        assert!(insert(1, 101));
        assert!(insert(101, 201));
        assert!(!insert(201, 202));
    }

    #[test]
    fn a_trace_that_is_asked_for_stays() {
        let mut known = known(10, usize::MAX);
        for trace in 1..=1000_u128 {
            known.insert(TraceId::from(trace), 0);
            assert_eq!(known.find(TraceId::from(1)), Some(&0), "{trace}");
        }
        assert_eq!(known.find(TraceId::from(2)), None);
    }

    #[test]
    fn long_values_count_more_and_one_trace_counts_once() {
        let mut known = known(1000, 100);
        for trace in 1..=50_u128 {
            known.insert(TraceId::from(trace), 30);
            assert!(known.young.len() + known.old.len() <= 6);
        }
        known.insert(TraceId::from(50), 7);
        assert_eq!(known.find(TraceId::from(50)), Some(&7));
        assert!(!known.old.contains_key(&TraceId::from(50)));
    }
}
