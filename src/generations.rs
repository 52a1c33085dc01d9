use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// What is known of the last while, in two generations: when the young one is full, it takes the
/// place of the old one.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    // The ids of traces come from elsewhere, so that the hash must not be one that can be foreseen.
    young: HashMap<K, V>,
    /// A key that is among the young ones as well counts there.
    old: HashMap<K, V>,
    /// What the young ones take, in bytes.
    bytes: usize,
    limits: Limits,
}

/// What a generation holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) entries: usize,
    /// Of what comes from elsewhere and may have any length.
    pub(crate) bytes: usize,
}

/// How much memory a value takes besides its fields, in bytes.
pub(crate) trait Weight {
    fn bytes(&self) -> usize {
        0
    }
}

impl Limits {
    /// So many entries of which none is long.
    pub(crate) const fn entries(entries: usize) -> Self {
        Self { entries, bytes: usize::MAX }
    }
}

impl<K: Copy + Eq + Hash, V: Weight> Generations<K, V> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), bytes: 0, limits }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// What is known under a key, which grows no younger by that.
    pub(crate) fn peek(&self, key: K) -> Option<&V> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    /// What is known under a key, which is young again then.
    pub(crate) fn find(&mut self, key: K) -> Option<&V> {
        if !self.young.contains_key(&key)
            && let Some(value) = self.old.remove(&key)
        {
            self.insert(key, value);
        }
        self.young.get(&key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        let bytes = self.bytes.saturating_add(value.bytes());
        if self.young.len() >= self.limits.entries || bytes > self.limits.bytes {
            // The next generation grows where the last but one was.
            mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(value.bytes());
        if let Some(previous) = self.young.insert(key, value) {
            self.bytes = self.bytes.saturating_sub(previous.bytes());
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
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

    fn known(entries: usize, bytes: usize) -> Generations<u32, usize> {
        Generations::new(Limits { entries, bytes })
    }

    #[test]
    fn as_many_as_two_generations_are_remembered_and_no_more() {
        let mut known = known(100, usize::MAX);
        assert!(known.is_empty());
        let mut insert = |keys: std::ops::Range<u32>| {
            for key in keys {
                known.insert(key, 0);
                assert!(known.len() <= 200);
            }
            known.peek(1).is_some()
        };
        assert!(insert(1..101));
        assert!(insert(101..201));
        assert!(!insert(201..202));
        assert!(!known.is_empty());
    }

    #[test]
    fn what_is_asked_for_stays_and_what_is_only_looked_at_does_not() {
        let mut known = known(10, usize::MAX);
        known.insert(1, 0);
        for key in 2..=1000 {
            known.insert(key, 0);
            assert_eq!(known.find(1), Some(&0), "{key}");
        }
        assert_eq!(known.find(2), None);
        for key in 1001..=1020 {
            known.peek(1);
            known.insert(key, 0);
        }
        assert_eq!(known.peek(1), None);
    }

    #[test]
    fn long_values_count_more_and_one_key_counts_once() {
        let mut known = known(1000, 100);
        for key in 1..=50 {
            known.insert(key, 30);
            assert!(known.len() <= 6);
        }
        known.insert(50, 7);
        assert_eq!(known.peek(50), Some(&7));
        assert_eq!(known.find(50), Some(&7));
    }

    #[test]
    fn the_newest_value_of_a_key_counts_in_whichever_generations_it_is() {
        let mut known = known(3, usize::MAX);
        for value in 0..20 {
            known.insert(1, value);
            for other in 0..value % 4 {
                known.insert(100 + other as u32, 0);
            }
            assert_eq!(known.peek(1), Some(&value));
            assert_eq!(known.find(1), Some(&value));
        }
    }
}
