//! The store as a whole, on real directories.

mod crashes;
mod damage;
mod death;
mod model;
mod rules;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sentry_types::Uuid;
use tempfile::TempDir;

use super::name::{Name, Stage};
use super::{Entry, Found, Kinds, Lost, OpenError, Parcel, Spool, Store, Taken};
use crate::protocol::{Envelope, Item, ItemKind};
use crate::stats::{Amount, DropReason};

const DESTINATION: &str = "https://sentry.example.com/api/42/envelope/";
const OTHER_DESTINATION: &str = "https://sentry.example.com/api/43/envelope/";

const EVENTS: Kinds = Kinds { events: true, ..Kinds::NONE };

/// A time so many seconds into the tests.
fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_167_627 + seconds)
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("spool-").tempdir().unwrap()
}

fn open(dir: &Path, seconds: u64) -> (Store, Found) {
    open_with(Spool::new(dir), seconds)
}

fn open_with(settings: Spool, seconds: u64) -> (Store, Found) {
    Store::open(&settings, DESTINATION, at(seconds)).unwrap()
}

/// A parcel with this number, of two spans if it is a transaction.
fn parcel(kind: ItemKind, id: u128, payload: usize) -> Parcel {
    let spans = match kind {
        ItemKind::Event => 0,
        ItemKind::Transaction => 2,
        ItemKind::Log => 3,
        ItemKind::Span => 4,
    };
    let payload = vec![b'x'; payload];
    let item = Item { kind, event_id: Uuid::from_u128(id), spans, trace: None, payload: &payload };
    Parcel { envelope: Envelope::new(item, None), first_tried: None }
}

fn put(store: &mut Store, kind: ItemKind, id: u128, seconds: u64) -> Vec<Lost> {
    store.put(&parcel(kind, id, 10), at(seconds), false).unwrap()
}

/// The number of what was taken.
fn id(taken: &Taken) -> Option<u128> {
    taken.next.as_ref().map(|(_, parcel)| parcel.envelope.event_id.as_u128())
}

/// Takes an envelope and knows at once that it arrived; gives its number.
fn deliver(store: &mut Store, wanted: Kinds, seconds: u64) -> Option<u128> {
    let taken = store.take(wanted, at(seconds));
    let id = id(&taken);
    assert_eq!(taken.lost, []);
    assert!(taken.trouble.is_none(), "{:?}", taken.trouble);
    if let Some((entry, _)) = taken.next {
        store.remove(entry);
    }
    id
}

fn deliver_all(store: &mut Store, seconds: u64) -> Vec<u128> {
    std::iter::from_fn(|| deliver(store, Kinds::ALL, seconds)).collect()
}

fn take(store: &mut Store, seconds: u64) -> (Entry, Parcel) {
    store.take(Kinds::ALL, at(seconds)).next.unwrap()
}

fn amount(events: u64, transactions: u64) -> Amount {
    Amount { spans: transactions * 2, transactions, events, ..Amount::default() }
}

fn lost(reason: DropReason, events: u64, transactions: u64) -> Lost {
    Lost { amount: amount(events, transactions), reason }
}

/// The names of all files, in order, without the lock.
fn files(dir: &Path) -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "spool.lock")
        .collect();
    files.sort();
    files
}

/// The one file with an envelope.
fn the_file(dir: &Path) -> std::path::PathBuf {
    let files = files(dir);
    assert_eq!(files.len(), 1, "{files:?}");
    dir.join(&files[0])
}

fn name_of(path: &Path) -> Name {
    let (name, stage) = Name::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
    assert_eq!(stage, Stage::Whole);
    name
}
