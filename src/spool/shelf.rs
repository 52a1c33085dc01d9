use std::collections::BTreeMap;

use super::Kinds;
use super::name::Name;
use crate::protocol::ItemKind;
use crate::stats::Amount;

/// Which files there are, in the order in which they go.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) events: Pile,
    pub(super) transactions: Pile,
    pub(super) spans: Pile,
    pub(super) logs: Pile,
    /// What is being sent.
    pub(super) taken: Pile,
    /// What is left for a later start, most of it because it is for another destination.
    pub(super) left: Pile,
}

/// Files of one sort with what they take on disk, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Pile {
    files: BTreeMap<Name, u64>,
    bytes: u64,
    amount: Amount,
}

/// What file systems give out at once.
const BLOCK: u64 = 4096;

impl Shelf {
    /// What a file of this length takes on disk.
    pub(super) fn bytes_of(len: u64) -> u64 {
        len.div_ceil(BLOCK).max(1).saturating_mul(BLOCK)
    }

    pub(super) fn bytes(&self) -> u64 {
        let own = self.own();
        own.iter().fold(self.left.bytes, |sum, pile| sum.saturating_add(pile.bytes))
    }

    /// What waits for this destination or is on its way there.
    pub(super) fn amount(&self) -> Amount {
        self.own().iter().fold(Amount::default(), |sum, pile| sum.plus(pile.amount))
    }

    pub(super) fn len(&self) -> usize {
        self.own().iter().fold(0, |sum, pile| sum.saturating_add(pile.files.len()))
    }

    /// Where a file of this kind waits.
    pub(super) fn pile(&mut self, kind: ItemKind) -> &mut Pile {
        match kind {
            ItemKind::Event => &mut self.events,
            ItemKind::Transaction => &mut self.transactions,
            ItemKind::Span => &mut self.spans,
            ItemKind::Log => &mut self.logs,
        }
    }

    pub(super) fn oldest(&self, wanted: Kinds) -> Option<&Name> {
        [
            wanted.events.then(|| self.events.oldest()).flatten(),
            wanted.transactions.then(|| self.transactions.oldest()).flatten(),
            wanted.spans.then(|| self.spans.oldest()).flatten(),
            wanted.logs.then(|| self.logs.oldest()).flatten(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether one more file fits if all leave that go before it.
    pub(super) fn has_room_for(&self, kind: ItemKind, bytes: u64, max_bytes: u64) -> bool {
        let mut staying = self.taken.bytes;
        if kind != ItemKind::Event {
            staying = staying.saturating_add(self.events.bytes);
        }
        if matches!(kind, ItemKind::Span | ItemKind::Log) {
            staying = staying.saturating_add(self.transactions.bytes);
        }
        if kind == ItemKind::Log {
            staying = staying.saturating_add(self.spans.bytes);
        }
        staying.saturating_add(bytes) <= max_bytes
    }

    /// Takes out the one that leaves first if there are too many; what is being sent stays.
    pub(super) fn evict(&mut self, max_bytes: u64) -> Option<Evicted> {
        if self.bytes() <= max_bytes {
            return None;
        }
        if let Some(name) = self.left.pop() {
            return Some(Evicted::Left(name));
        }
        let logs = self.logs.pop();
        let next = logs.or_else(|| self.spans.pop()).or_else(|| self.transactions.pop());
        next.or_else(|| self.events.pop()).map(Evicted::Own)
    }

    fn own(&self) -> [&Pile; 5] {
        [&self.events, &self.transactions, &self.spans, &self.logs, &self.taken]
    }
}

/// What had to leave.
#[derive(Debug)]
pub(super) enum Evicted {
    Own(Name),
    Left(Name),
}

impl Pile {
    pub(super) fn add(&mut self, name: Name, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.amount = self.amount.plus(name.amount());
        self.files.insert(name, bytes);
    }

    /// Takes a file out; gives what it takes on disk.
    pub(super) fn remove(&mut self, name: &Name) -> Option<u64> {
        let bytes = self.files.remove(name)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.amount = self.amount.minus(name.amount());
        Some(bytes)
    }

    pub(super) fn oldest(&self) -> Option<&Name> {
        self.files.first_key_value().map(|(name, _)| name)
    }

    fn pop(&mut self) -> Option<Name> {
        let name = self.oldest()?.clone();
        self.remove(&name);
        Some(name)
    }
}
