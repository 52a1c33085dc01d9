use super::*;

/// Opens a directory whose one file was changed, and takes from it.
fn take_changed(dir: &Path, change: impl FnOnce(&Path)) -> Taken {
    let (mut store, _) = open(dir, 0);
    put(&mut store, ItemKind::Transaction, 1, 0);
    drop(store);
    change(&the_file(dir));
    let (mut store, found) = open(dir, 0);
    assert_eq!(found.lost, []);
    let taken = store.take(Kinds::ALL, at(0));
    assert_eq!((store.len(), store.bytes(), store.amount()), (0, 0, amount(0, 0)));
    taken
}

fn assert_set_aside(dir: &Path, taken: &Taken, what: &str) {
    assert_eq!(id(taken), None, "{what}");
    assert_eq!(taken.lost, [lost(DropReason::Corrupt, 0, 1)], "{what}");
    assert!(taken.trouble.is_none(), "{what}");
    let aside = the_file(dir);
    assert!(aside.to_str().unwrap().ends_with(".envelope.corrupt"), "{what}: {aside:?}");
    fs::remove_file(aside).unwrap();
}

#[test]
fn a_file_that_was_cut_or_changed_anywhere_is_set_aside_and_counted() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Transaction, 1, 0);
    drop(store);
    let file = the_file(dir.path());
    let whole = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    for len in 0..whole.len() {
        let taken = take_changed(dir.path(), |file| fs::write(file, &whole[..len]).unwrap());
        assert_set_aside(dir.path(), &taken, &format!("cut to {len}"));
        let mut flipped = whole.clone();
        flipped[len] ^= 1 << (len % 8);
        let taken = take_changed(dir.path(), |file| fs::write(file, &flipped).unwrap());
        assert_set_aside(dir.path(), &taken, &format!("flipped at {len}"));
    }
}

#[test]
fn garbage_of_any_length_is_set_aside_and_counted() {
    let dir = directory();
    let garbage = [
        b"\0".repeat(4096),
        b"\n".repeat(10),
        b"{}\n".to_vec(),
        b"{\"crc32\":\"00000000\",\n".to_vec(),
        b"\xff".repeat(3 * 1024 * 1024),
    ];
    for garbage in garbage {
        let taken = take_changed(dir.path(), |file| fs::write(file, &garbage).unwrap());
        assert_set_aside(dir.path(), &taken, &format!("{} bytes", garbage.len()));
    }
}

#[test]
fn a_file_under_the_name_of_another_is_set_aside() {
    let dir = directory();
    let taken = take_changed(dir.path(), |file| {
        let other = Name { event_id: Uuid::from_u128(2), ..name_of(file) };
        fs::rename(file, dir.path().join(other.file(Stage::Whole))).unwrap();
    });
    assert_set_aside(dir.path(), &taken, "renamed");
}

#[test]
fn at_most_32_damaged_files_are_kept_the_newest() {
    let dir = directory();
    for id in 0..40 {
        let (mut store, _) = open(dir.path(), 0);
        put(&mut store, ItemKind::Event, id, 0);
        let files = files(dir.path());
        let file = files.iter().find(|file| file.ends_with(".envelope")).unwrap();
        fs::write(dir.path().join(file), "damaged").unwrap();
        let taken = store.take(Kinds::ALL, at(0));
        assert_eq!(taken.lost, [lost(DropReason::Corrupt, 1, 0)]);
    }
    let files = files(dir.path());
    assert_eq!(files.len(), 32);
    let (oldest, _) = Name::parse(&files[0]).unwrap();
    assert_eq!(oldest.event_id, Uuid::from_u128(8));
}

#[test]
fn a_damaged_file_does_not_stop_those_behind_it() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    fs::write(the_file(dir.path()), "damaged").unwrap();
    put(&mut store, ItemKind::Event, 2, 0);
    let taken = store.take(Kinds::ALL, at(0));
    assert_eq!((id(&taken), taken.lost), (Some(2), vec![lost(DropReason::Corrupt, 1, 0)]));
}

#[test]
fn a_file_that_has_gone_is_counted_and_nothing_else() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    fs::remove_file(the_file(dir.path())).unwrap();
    let taken = store.take(Kinds::ALL, at(0));
    assert_eq!((id(&taken), taken.lost), (None, vec![lost(DropReason::Corrupt, 1, 0)]));
    assert_eq!(store.bytes(), 0);
}

#[test]
fn a_directory_that_goes_away_is_an_error_and_no_end() {
    let dir = directory();
    let path = dir.path().join("spool");
    let (mut store, _) = open(&path, 0);
    put(&mut store, ItemKind::Transaction, 1, 0);
    let moved = dir.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    fs::write(&path, "a file where the directory was").unwrap();
    let event = parcel(ItemKind::Event, 2, 10);
    let error = store.put(&event, at(0), true).unwrap_err();
    assert!(error.to_string().starts_with("cannot write to the spool: "), "{error}");
    let taken = store.take(Kinds::ALL, at(0));
    assert!(taken.next.is_none() && taken.lost.is_empty());
    assert!(taken.trouble.is_some());
    assert_eq!(store.amount(), amount(0, 1), "nothing is lost yet");
    fs::remove_file(&path).unwrap();
    fs::rename(&moved, &path).unwrap();
    assert_eq!(store.put(&event, at(0), true).unwrap(), []);
    assert_eq!(deliver_all(&mut store, 0), [1, 2]);
}

#[test]
fn a_place_where_no_directory_can_be_is_an_error_that_names_it() {
    let dir = directory();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("spool")] {
        let error = Store::open(&Spool::new(&path), DESTINATION, at(0)).unwrap_err();
        assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::create_dir(dir.path().join("spool.lock")).unwrap();
    let error = Store::open(&Spool::new(dir.path()), DESTINATION, at(0)).unwrap_err();
    assert!(error.to_string().contains("spool.lock is no file"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_that_the_system_cannot_read_does_not_stop_the_others_for_long() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    put(&mut store, ItemKind::Event, 1, 0);
    let path = dir.path().to_owned();
    let moved = dir.path().with_extension("moved");
    put(&mut store, ItemKind::Event, 2, 0);
    fs::rename(&path, &moved).unwrap();
    fs::write(&path, "").unwrap();
    for is_left in [false, false, true] {
        let taken = store.take(Kinds::ALL, at(0));
        assert!(taken.trouble.is_some() && taken.next.is_none());
        assert_eq!(taken.lost.len(), usize::from(is_left));
    }
    fs::remove_file(&path).unwrap();
    fs::rename(&moved, &path).unwrap();
    assert_eq!(deliver_all(&mut store, 0), [2]);
    drop(store);
    let (mut store, _) = open(dir.path(), 0);
    assert_eq!(deliver_all(&mut store, 0), [1], "it is there for the next start");
}

#[test]
fn an_envelope_that_is_too_long_to_be_read_again_is_not_written() {
    let dir = directory();
    let (mut store, _) = open(dir.path(), 0);
    let long = parcel(ItemKind::Event, 1, 2 * 1024 * 1024);
    assert!(store.put(&long, at(0), false).is_err());
    assert_eq!((files(dir.path()).len(), store.bytes()), (0, 0));
    let longest = parcel(ItemKind::Event, 2, crate::protocol::MAX_ITEM_BYTES);
    assert_eq!(store.put(&longest, at(0), false).unwrap(), []);
    assert_eq!(deliver_all(&mut store, 0), [2]);
}
