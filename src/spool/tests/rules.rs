use super::*;
use crate::spool::MAX_TRYING;

const BLOCK: u64 = 4096;

#[test]
fn the_oldest_of_the_wanted_kinds_comes_first_even_if_the_clock_jumps_back() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 100);
    put(&mut store, ItemKind::Transaction, 1, 100);
    put(&mut store, ItemKind::Event, 2, 90);
    put(&mut store, ItemKind::Transaction, 3, 80);
    drop(store);
    let (mut store, found) = open(dir.path(), 70);
    assert_eq!((found.envelopes, found.amount), (3, amount(1, 2)));
    put(&mut store, ItemKind::Event, 4, 60);
    assert_eq!(deliver(&mut store, EVENTS, 60), Some(2));
    assert_eq!(deliver_all(&mut store, 60), [1, 3, 4]);
    assert!(!store.has(Kinds::ALL));
    assert_eq!(files(dir.path()), [""; 0]);
}

#[test]
fn an_envelope_comes_back_as_it_was_written_with_the_time_of_its_first_try() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    let written = parcel(ItemKind::Transaction, 1, 1000);
    store.put(&written, at(0), true).unwrap();
    let tried = Parcel { first_tried: Some(at(5)), ..parcel(ItemKind::Transaction, 2, 1) };
    store.put(&tried, at(6), true).unwrap();
    drop(store);
    let (mut store, _) = open(dir.path(), 10);
    let (_, first) = take(&mut store, 20);
    assert_eq!(first.envelope.parts(), written.envelope.parts());
    assert_eq!(first.first_tried, Some(at(20)));
    let (_, second) = take(&mut store, 30);
    assert_eq!(second.first_tried, Some(at(5)));
}

#[test]
fn over_the_bound_the_oldest_transactions_leave_first_and_errors_last() {
    let dir = directory();
    let (mut store, _) = open_with(Spool::new(dir.path()).with_max_bytes(3 * BLOCK), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Transaction, 2, 0);
    put(&mut store, ItemKind::Transaction, 3, 0);
    let full = DropReason::SpoolFull;
    assert_eq!(put(&mut store, ItemKind::Transaction, 4, 0), [lost(full, 0, 1)]);
    assert_eq!(put(&mut store, ItemKind::Event, 5, 0), [lost(full, 0, 1)]);
    assert_eq!(put(&mut store, ItemKind::Event, 6, 0), [lost(full, 0, 1)]);
    assert_eq!(put(&mut store, ItemKind::Event, 7, 0), [lost(full, 1, 0)]);
    assert_eq!(put(&mut store, ItemKind::Transaction, 8, 0), [lost(full, 0, 1)], "itself");
    assert_eq!((store.amount(), store.len(), store.bytes()), (amount(3, 0), 3, 3 * BLOCK));
    assert_eq!(deliver_all(&mut store, 0), [5, 6, 7]);
    assert_eq!(store.bytes(), 0);
}

#[test]
fn what_is_being_sent_does_not_leave_and_what_is_too_large_does_not_come_in() {
    let dir = directory();
    let (mut store, _) = open_with(Spool::new(dir.path()).with_max_bytes(2 * BLOCK), 0);
    put(&mut store, ItemKind::Transaction, 1, 0);
    put(&mut store, ItemKind::Transaction, 2, 0);
    let (entry, _) = take(&mut store, 0);
    let full = DropReason::SpoolFull;
    let large = parcel(ItemKind::Event, 3, 5000);
    assert_eq!(store.put(&large, at(0), false).unwrap(), [lost(full, 1, 0)]);
    assert_eq!(put(&mut store, ItemKind::Event, 4, 0), [lost(full, 0, 1)]);
    store.give_back(entry);
    assert_eq!(deliver_all(&mut store, 0), [1, 4]);
}

#[test]
fn a_lower_bound_counts_from_the_next_start() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Transaction, 2, 0);
    put(&mut store, ItemKind::Transaction, 3, 0);
    drop(store);
    let (mut store, found) = open_with(Spool::new(dir.path()).with_max_bytes(2 * BLOCK), 0);
    assert_eq!(found.lost, [lost(DropReason::SpoolFull, 0, 1)]);
    assert_eq!(found.amount, amount(1, 1));
    assert_eq!(deliver_all(&mut store, 0), [1, 3]);
}

#[test]
fn what_is_too_old_is_lost_at_the_start_and_later() {
    let dir = directory();
    let settings = || Spool::new(dir.path()).with_max_age(Duration::from_secs(100));
    let (mut store, _) = open_with(settings(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Transaction, 2, 10);
    put(&mut store, ItemKind::Transaction, 3, 20);
    drop(store);
    let (mut store, found) = open_with(settings(), 101);
    assert_eq!(found.lost, [lost(DropReason::Expired, 1, 0)]);
    assert_eq!((found.envelopes, found.amount), (2, amount(0, 2)));
    let taken = store.take(Kinds::ALL, at(111));
    assert_eq!((id(&taken), taken.lost), (Some(3), vec![lost(DropReason::Expired, 0, 1)]));
}

#[test]
fn what_was_tried_is_not_sent_again_after_55_minutes() {
    let limit = MAX_TRYING.as_secs();
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Transaction, 2, 0);
    put(&mut store, ItemKind::Transaction, 3, 0);
    drop(take(&mut store, 0));
    drop(take(&mut store, 10));
    drop(store);
    let (mut store, found) = open(dir.path(), limit + 1);
    assert_eq!(found.lost, [lost(DropReason::Expired, 1, 0)]);
    let (entry, parcel) = take(&mut store, limit + 1);
    assert_eq!(parcel.envelope.event_id, Uuid::from_u128(2), "sent again in time");
    store.retry_later(entry);
    let (entry, _) = take(&mut store, limit + 1);
    store.give_back(entry);
    let (entry, _) = take(&mut store, limit * 2);
    store.retry_later(entry);
    let taken = store.take(Kinds::ALL, at(limit * 2));
    assert_eq!(taken.lost, [lost(DropReason::Expired, 0, 1)]);
    assert_eq!(id(&taken), Some(3));
}

#[test]
fn what_was_not_tried_keeps_its_place_and_what_got_no_answer_goes_to_the_end() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    for id in 1..=3 {
        put(&mut store, ItemKind::Event, id, 0);
    }
    let before = files(dir.path());
    let (entry, _) = take(&mut store, 10);
    assert_ne!(files(dir.path()), before);
    store.give_back(entry);
    assert_eq!(files(dir.path()), before);
    let (entry, parcel) = take(&mut store, 20);
    assert_eq!(parcel.first_tried, Some(at(20)), "the first try that counts");
    store.retry_later(entry);
    drop(store);
    let (mut store, found) = open(dir.path(), 30);
    assert_eq!(found.envelopes, 3);
    assert_eq!(deliver(&mut store, Kinds::ALL, 30), Some(2));
    assert_eq!(deliver(&mut store, Kinds::ALL, 30), Some(3));
    let (_, parcel) = take(&mut store, 30);
    assert_eq!(parcel.first_tried, Some(at(20)));
}

#[test]
fn one_at_a_time_can_use_a_directory() {
    let dir = directory();
    let (store, _) = open(dir.path(), 0);
    let settings = Spool::new(dir.path());
    let second = Store::open(&settings, DESTINATION, at(0));
    assert!(matches!(&second, Err(OpenError::InUse { dir: used }) if used == dir.path()));
    assert!(second.unwrap_err().to_string().contains("give each a directory of its own"));
    drop(store);
    assert!(Store::open(&settings, DESTINATION, at(0)).is_ok());
}

#[cfg(unix)]
#[test]
fn a_store_that_is_dropped_frees_its_directory_even_while_programs_are_started() {
    let dir = directory();
    let starting: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..30 {
                    assert!(std::process::Command::new("true").status().unwrap().success());
                }
            })
        })
        .collect();
    let mut opened = 0;
    while !starting.iter().all(std::thread::JoinHandle::is_finished) {
        drop(open(dir.path(), 0));
        opened += 1;
    }
    for thread in starting {
        thread.join().unwrap();
    }
    assert!(opened > 0);
}

#[test]
fn what_is_for_another_project_stays_for_when_that_is_set_again() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    drop(store);
    let settings = Spool::new(dir.path()).with_max_bytes(2 * BLOCK);
    let (mut other, found) = Store::open(&settings, OTHER_DESTINATION, at(0)).unwrap();
    assert_eq!(found.amount, amount(1, 0));
    let taken = other.take(Kinds::ALL, at(0));
    assert_eq!((id(&taken), taken.lost), (None, vec![lost(DropReason::OtherDestination, 1, 0)]));
    assert_eq!((other.amount(), other.len(), other.bytes()), (amount(0, 0), 0, BLOCK));
    assert!(!other.has(Kinds::ALL));
    put(&mut other, ItemKind::Transaction, 2, 0);
    drop(other);
    let (mut store, _) = open(dir.path(), 0);
    assert_eq!(deliver(&mut store, EVENTS, 0), Some(1));
}

#[test]
fn what_is_for_another_project_leaves_first() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    drop(store);
    let settings = Spool::new(dir.path()).with_max_bytes(2 * BLOCK);
    let (mut other, _) = Store::open(&settings, OTHER_DESTINATION, at(0)).unwrap();
    drop(other.take(Kinds::ALL, at(0)));
    put(&mut other, ItemKind::Transaction, 2, 0);
    assert_eq!(put(&mut other, ItemKind::Transaction, 3, 0), [], "nothing of its own is lost");
    assert_eq!((other.amount(), files(dir.path()).len()), (amount(0, 2), 2));
}

#[test]
fn files_of_others_are_left_alone() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    drop(store);
    let ours = the_file(dir.path());
    let name = name_of(&ours);
    let link = Name { sequence: 7, ..name }.file(Stage::Whole);
    let folder = Name { sequence: 8, ..name }.file(Stage::Unfinished);
    fs::create_dir(dir.path().join(&folder)).unwrap();
    let theirs = ["notes.txt", "old.envelope", "x.envelope.tmp", "y.envelope.corrupt"];
    for file in theirs {
        fs::write(dir.path().join(file), "theirs").unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(&ours, dir.path().join(&link)).unwrap();
    let (mut store, found) = open(dir.path(), 0);
    assert_eq!(found.envelopes, 1);
    assert_eq!(deliver_all(&mut store, 0), [1]);
    let mut left = vec![folder];
    left.extend(theirs.map(str::to_owned));
    #[cfg(unix)]
    left.push(link);
    left.sort();
    assert_eq!(files(dir.path()), left);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_waits() {
    use std::os::unix::fs::PermissionsExt;
    let dir = directory();
    let path = dir.path().join("a/b");
    let (mut store, _) = open(&path, 0);
    put(&mut store, ItemKind::Event, 1, 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("spool.lock")), 0o600);
    for file in files(&path) {
        assert_eq!(mode(&path.join(file)), 0o600);
    }
}
