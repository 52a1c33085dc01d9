use std::collections::HashMap;
use std::collections::hash_map::Entry;

use opentelemetry::Key;

/// Keys that were seen, of which some cannot be told apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen(u64);

/// Where keys stand in a list that only grows; noted once it is too long to compare one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Option<HashMap<Key, usize>>);

/// The longest list in which keys are compared one by one; SDKs keep 128 attributes.
pub(crate) const MANY: usize = 512;

impl Seen {
    /// Notes a key; tells whether it, or one like it, was there before.
    pub(crate) fn insert(&mut self, key: &str) -> bool {
        let key = key.as_bytes();
        let middle = key.get(key.len().div_euclid(2)).copied().unwrap_or_default();
        let last = key.last().copied().unwrap_or_default();
        let place = u32::from(middle)
            .wrapping_mul(5)
            .wrapping_add(u32::from(last).wrapping_mul(3))
            .wrapping_add(key.len() as u32);
        let bit = 1_u64.wrapping_shl(place);
        let is_known = self.0 & bit != 0;
        self.0 |= bit;
        is_known
    }
}

impl Places {
    /// Where a key stands among all that there are; one that is new is to come behind them.
    pub(super) fn find_or_add<'a>(
        &mut self,
        key: &Key,
        mut keys: impl ExactSizeIterator<Item = &'a Key>,
    ) -> Option<usize> {
        let next = keys.len();
        if next <= MANY {
            return keys.position(|other| other == key);
        }
        let places = self.0.get_or_insert_with(|| keys.cloned().zip(0..).collect());
        match places.entry(key.clone()) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(new) => {
                new.insert(next);
                None
            }
        }
    }
}
