//! Any sequence of steps, against a list in memory.

use proptest::prelude::*;

use super::*;
use crate::spool::MAX_TRYING;

#[derive(Clone, Debug)]
enum Step {
    Put { kind: ItemKind, blocks: u64, was_tried: bool },
    Take(Kinds),
    Remove(usize),
    GiveBack(usize),
    RetryLater(usize),
    Wait(u64),
    Reopen,
}

/// What the store should hold, in order.
#[derive(Debug, Default)]
struct Model {
    waiting: Vec<Waiting>,
    taken: Vec<(Entry, Waiting, Waiting)>,
    now: u64,
    next_id: u128,
}

#[derive(Clone, Debug)]
struct Waiting {
    place: u128,
    id: u128,
    kind: ItemKind,
    blocks: u64,
    created: u64,
    first_tried: Option<u64>,
}

const BLOCK: u64 = 4096;
const MAX_BLOCKS: u64 = 12;
const MAX_AGE: u64 = 9000;

impl Waiting {
    fn is_over(&self, now: u64) -> bool {
        let is_tried_out = |tried| now - tried > MAX_TRYING.as_secs();
        now - self.created > MAX_AGE || self.first_tried.is_some_and(is_tried_out)
    }

    fn amount(&self) -> Amount {
        match self.kind {
            ItemKind::Event => amount(1, 0),
            ItemKind::Transaction => amount(0, 1),
            ItemKind::Log => Amount { logs: 3, ..Amount::default() },
            ItemKind::Span => Amount::spans(4),
        }
    }
}

impl Model {
    fn place(&mut self) -> u128 {
        self.next_id += 1;
        self.next_id
    }

    fn all(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().chain(self.taken.iter().map(|(_, _, taken)| taken))
    }

    fn blocks(&self) -> u64 {
        self.all().map(|waiting| waiting.blocks).sum()
    }

    fn amount(&self) -> Amount {
        self.all().fold(Amount::default(), |sum, waiting| sum.plus(waiting.amount()))
    }

    fn insert(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
        self.waiting.sort_by_key(|waiting| waiting.place);
    }

    /// Takes in one; gives what is lost for it.
    fn put(&mut self, new: Waiting) -> Amount {
        let stays = |waiting: &&Waiting| match new.kind {
            ItemKind::Event => false,
            ItemKind::Transaction => waiting.kind == ItemKind::Event,
            ItemKind::Span => matches!(waiting.kind, ItemKind::Event | ItemKind::Transaction),
            ItemKind::Log => waiting.kind != ItemKind::Log,
        };
        let taken: u64 = self.taken.iter().map(|(_, _, taken)| taken.blocks).sum();
        let staying: u64 = self.waiting.iter().filter(stays).map(|waiting| waiting.blocks).sum();
        if taken + staying + new.blocks > MAX_BLOCKS {
            return new.amount();
        }
        self.insert(new);
        let mut lost = Amount::default();
        while self.blocks() > MAX_BLOCKS {
            let place = |kind| self.waiting.iter().position(|waiting| waiting.kind == kind);
            let first = place(ItemKind::Log).or_else(|| place(ItemKind::Span));
            let first = first.or_else(|| place(ItemKind::Transaction));
            lost = lost.plus(self.waiting.remove(first.unwrap_or(0)).amount());
        }
        lost
    }

    /// Takes out the next one; gives it and what turned out to be too old.
    fn take(&mut self, wanted: Kinds) -> (Option<Waiting>, Amount) {
        let mut lost = Amount::default();
        let is_wanted = |waiting: &Waiting| match waiting.kind {
            ItemKind::Event => wanted.events,
            ItemKind::Transaction => wanted.transactions,
            ItemKind::Span => wanted.spans,
            ItemKind::Log => wanted.logs,
        };
        while let Some(next) = self.waiting.iter().position(is_wanted) {
            let waiting = self.waiting.remove(next);
            if !waiting.is_over(self.now) {
                return (Some(waiting), lost);
            }
            lost = lost.plus(waiting.amount());
        }
        (None, lost)
    }

    fn reopen(&mut self) -> Amount {
        for (_, _, taken) in std::mem::take(&mut self.taken) {
            self.insert(taken);
        }
        let now = self.now;
        let (over, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|waiting| waiting.is_over(now));
        self.waiting = waiting;
        over.iter().fold(Amount::default(), |sum, waiting| sum.plus(waiting.amount()))
    }
}

fn kind() -> impl Strategy<Value = ItemKind> {
    use ItemKind::{Event, Log, Span, Transaction};
    prop::sample::select(vec![Event, Transaction, Span, Log])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (kind(), 1..6_u64, prop::bool::weighted(0.2))
            .prop_map(|(kind, blocks, was_tried)| Step::Put { kind, blocks, was_tried }),
        5 => any::<[bool; 4]>().prop_map(|[events, transactions, spans, logs]| {
            Step::Take(Kinds { events, transactions, spans, logs })
        }),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => any::<usize>().prop_map(Step::RetryLater),
        2 => (0..3000_u64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

/// Checks that all that is lost is lost for this reason.
fn assert_lost(lost: &[Lost], reason: DropReason, amount: Amount) {
    let expected = if amount == Amount::default() { vec![] } else { vec![Lost { amount, reason }] };
    assert_eq!(lost, expected);
}

proptest! {
    #[test]
    fn any_sequence_of_steps_does_what_a_list_would(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let dir = directory();
        let settings = Spool::new(dir.path())
            .with_max_bytes(MAX_BLOCKS * BLOCK)
            .with_max_age(Duration::from_secs(MAX_AGE));
        let mut model = Model::default();
        let (mut store, _) = open_with(settings.clone(), 0);
        for step in steps {
            match step {
                Step::Put { kind, blocks, was_tried } => {
                    let id = model.place();
                    let len = usize::try_from(blocks * BLOCK - 1000).unwrap();
                    let first_tried = was_tried.then_some(model.now);
                    let parcel =
                        Parcel { first_tried: first_tried.map(at), ..parcel(kind, id, len) };
                    let lost = store.put(&parcel, at(model.now), false).unwrap();
                    let created = model.now;
                    let waiting = Waiting { place: id, id, kind, blocks, created, first_tried };
                    assert_lost(&lost, DropReason::SpoolFull, model.put(waiting));
                }
                Step::Take(wanted) => {
                    let taken = store.take(wanted, at(model.now));
                    let (expected, lost) = model.take(wanted);
                    assert_lost(&taken.lost, DropReason::Expired, lost);
                    assert!(taken.trouble.is_none());
                    assert_eq!(id(&taken), expected.as_ref().map(|waiting| waiting.id));
                    if let (Some((entry, parcel)), Some(before)) = (taken.next, expected) {
                        let first_tried = Some(before.first_tried.unwrap_or(model.now));
                        assert_eq!(parcel.first_tried, first_tried.map(at));
                        let after = Waiting { first_tried, ..before.clone() };
                        model.taken.push((entry, before, after));
                    }
                }
                Step::Remove(n) if !model.taken.is_empty() => {
                    let (entry, _, _) = model.taken.remove(n % model.taken.len());
                    store.remove(entry);
                }
                Step::GiveBack(n) if !model.taken.is_empty() => {
                    let (entry, before, _) = model.taken.remove(n % model.taken.len());
                    store.give_back(entry);
                    model.insert(before);
                }
                Step::RetryLater(n) if !model.taken.is_empty() => {
                    let (entry, _, after) = model.taken.remove(n % model.taken.len());
                    store.retry_later(entry);
                    let place = model.place();
                    model.insert(Waiting { place, ..after });
                }
                Step::Remove(_) | Step::GiveBack(_) | Step::RetryLater(_) => {}
                Step::Wait(seconds) => model.now += seconds,
                Step::Reopen => {
                    drop(store);
                    let (reopened, found) = open_with(settings.clone(), model.now);
                    store = reopened;
                    assert_lost(&found.lost, DropReason::Expired, model.reopen());
                    assert_eq!(found.envelopes, model.waiting.len());
                    assert_eq!(found.amount, model.amount());
                }
            }
            assert_eq!(store.len(), model.all().count());
            assert_eq!(store.amount(), model.amount());
            assert_eq!(store.bytes(), model.blocks() * BLOCK);
            assert_eq!(store.has(Kinds::ALL), !model.waiting.is_empty());
            assert_eq!(files(dir.path()).len(), store.len());
        }
    }
}
