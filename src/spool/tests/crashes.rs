//! What each step leaves on the disk if the process ends right after it.

use super::*;

/// What a directory holds: names and bytes.
type Snapshot = Vec<(String, Vec<u8>)>;

fn snapshot(dir: &Path) -> Snapshot {
    files(dir).into_iter().map(|file| (file.clone(), fs::read(dir.join(file)).unwrap())).collect()
}

/// Opens a directory with just these files, as after a crash; tells which envelopes are there.
fn reopen(snapshot: &Snapshot, seconds: u64) -> (Vec<u128>, Vec<Lost>) {
    let dir = directory();
    for (file, bytes) in snapshot {
        fs::write(dir.path().join(file), bytes).unwrap();
    }
    let (mut store, found) = open(dir.path(), seconds);
    let delivered = deliver_all(&mut store, seconds);
    assert_eq!(files(dir.path()), [""; 0], "nothing is left over");
    (delivered, found.lost)
}

#[test]
fn an_envelope_that_was_being_written_was_never_there() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Event, 2, 0);
    let whole = snapshot(dir.path());
    for len in 0..=whole[1].1.len() {
        let unfinished = (format!("{}.tmp", whole[1].0), whole[1].1[..len].to_vec());
        assert_eq!(reopen(&vec![whole[0].clone(), unfinished], 0), (vec![1], vec![]));
    }
    assert_eq!(reopen(&whole, 0), (vec![1, 2], vec![]));
}

#[test]
fn an_envelope_that_was_being_sent_is_sent_again_in_time_or_counted() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Event, 2, 0);
    let (entry, _) = take(&mut store, 100);
    let sending = snapshot(dir.path());
    let limit = crate::spool::MAX_TRYING.as_secs();
    assert_eq!(reopen(&sending, 100 + limit), (vec![1, 2], vec![]));
    let too_late = vec![lost(DropReason::Expired, 1, 0)];
    assert_eq!(reopen(&sending, 101 + limit), (vec![2], too_late.clone()));
    store.retry_later(entry);
    let again = snapshot(dir.path());
    assert_eq!(reopen(&again, 100 + limit), (vec![2, 1], vec![]));
    assert_eq!(reopen(&again, 101 + limit), (vec![2], too_late));
}

#[test]
fn an_envelope_that_was_given_back_waits_as_if_never_tried() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    let (entry, _) = take(&mut store, 100);
    store.give_back(entry);
    let day = 24 * 60 * 60;
    assert_eq!(reopen(&snapshot(dir.path()), day), (vec![1], vec![]));
}

#[test]
fn an_envelope_that_arrived_is_gone() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    put(&mut store, ItemKind::Event, 2, 0);
    let (entry, _) = take(&mut store, 0);
    store.remove(entry);
    assert_eq!(reopen(&snapshot(dir.path()), 0), (vec![2], vec![]));
}

#[test]
fn a_crash_before_the_surplus_left_is_made_good_at_the_start() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Transaction, 1, 0);
    put(&mut store, ItemKind::Transaction, 2, 0);
    drop(store);
    let (store, found) = open_with(Spool::new(dir.path()).with_max_bytes(4096), 0);
    assert_eq!(found.lost, [lost(DropReason::SpoolFull, 0, 1)]);
    assert_eq!((store.len(), files(dir.path()).len()), (1, 1));
}
