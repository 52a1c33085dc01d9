use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use opentelemetry::KeyValue;

/// A list of attributes of which the last ones may stand in a list that others share.
///
/// So what is added to the spans of a transaction needs no memory for each of them. Who changes
/// such a list gets one of its own first.
#[derive(Clone, Default)]
pub(super) struct Entries {
    own: Vec<KeyValue>,
    shared: Option<Shared>,
}

#[derive(Clone)]
struct Shared {
    /// None as long as it is written.
    list: Option<Arc<Vec<KeyValue>>>,
    range: Range<usize>,
}

impl Entries {
    /// These, and after them a part of the list that [`share`](Self::share) will give.
    pub(super) fn beside(own: Vec<KeyValue>, range: Range<usize>) -> Self {
        Self { own, shared: Some(Shared { list: None, range }) }
    }

    /// Gives the list to those that wait for it.
    pub(super) fn share(&mut self, list: &Arc<Vec<KeyValue>>) {
        if let Some(Shared { list: none @ None, .. }) = &mut self.shared {
            *none = Some(Arc::clone(list));
        }
    }

    /// Takes the end of the list that is written, if it is for this one.
    pub(super) fn take_end(&mut self, list: &mut Vec<KeyValue>) {
        if let Some(Shared { list: None, range }) = &self.shared {
            self.own.extend(list.drain(range.start.min(list.len())..));
            self.shared = None;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.own.len().saturating_add(self.shared().len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &KeyValue> {
        self.own.iter().chain(self.shared())
    }

    pub(super) fn to_mut(&mut self) -> &mut Vec<KeyValue> {
        if let Some(shared) = self.shared.take() {
            self.own.extend_from_slice(shared.entries());
        }
        &mut self.own
    }

    fn shared(&self) -> &[KeyValue] {
        self.shared.as_ref().map(Shared::entries).unwrap_or_default()
    }
}

impl Shared {
    fn entries(&self) -> &[KeyValue] {
        let list = self.list.as_ref().and_then(|list| list.get(self.range.clone()));
        list.unwrap_or_default()
    }
}

impl From<Vec<KeyValue>> for Entries {
    fn from(own: Vec<KeyValue>) -> Self {
        Self { own, shared: None }
    }
}

impl fmt::Debug for Entries {
    /// Without what others have of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(entries: &[(&'static str, i64)]) -> Vec<KeyValue> {
        entries.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect()
    }

    #[test]
    fn a_shared_end_is_read_as_if_it_were_own() {
        let list = Arc::new(entries(&[("x", 1), ("y", 2), ("z", 3)]));
        let mut shared = Entries::beside(entries(&[("a", 0)]), 1..3);
        shared.share(&list);
        let own = Entries::from(entries(&[("a", 0), ("y", 2), ("z", 3)]));
        assert_eq!((shared.len(), &shared), (3, &own));
    }

    #[test]
    fn a_change_stays_with_the_one_that_is_changed() {
        let list = Arc::new(entries(&[("x", 1)]));
        let mut first = Entries::beside(Vec::new(), 0..1);
        first.share(&list);
        let second = first.clone();
        first.to_mut().clear();
        assert_eq!((first.len(), second.len(), Arc::strong_count(&list)), (0, 1, 2));
    }

    #[test]
    fn the_last_one_can_take_its_end_out_of_the_list() {
        let mut list = entries(&[("x", 1), ("y", 2)]);
        let mut last = Entries::beside(entries(&[("a", 0)]), 1..2);
        last.take_end(&mut list);
        assert_eq!(last, Entries::from(entries(&[("a", 0), ("y", 2)])));
        assert_eq!(list, entries(&[("x", 1)]));
    }
}
