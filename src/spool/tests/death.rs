//! Processes that are killed or may write no more.

#[path = "../../../tests/common/watchdog.rs"]
#[allow(unreachable_pub)]
mod watchdog;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use self::watchdog::watchdog;
use super::*;

/// Tells a test that it runs in a child, and in which directory.
const DIRECTORY: &str = "SPOOL_TEST_DIRECTORY";

/// Tells it whether what it writes is to survive a loss of power as well.
const DURABLE: &str = "SPOOL_TEST_DURABLE";

const WRITER: &str = "spool::tests::death::a_writer_for_the_test_that_kills_it";

const ROUNDS: usize = 25;

/// How long the payload of an envelope of the writer is.
fn payload(number: u128) -> usize {
    usize::try_from(number % 50).unwrap() * 997
}

#[test]
#[ignore = "runs until it is killed, by the test below"]
fn a_writer_for_the_test_that_kills_it() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let (mut store, _) = open(Path::new(&dir), 0);
    let durable = env::var_os(DURABLE).is_some_and(|durable| durable == "true");
    let mut stdout = std::io::stdout();
    // The name of the test stands in front of the first line without an end.
    stdout.write_all(b"\n").unwrap();
    for number in 0..2000 {
        let kind = if number % 2 == 0 { ItemKind::Event } else { ItemKind::Transaction };
        let parcel = parcel(kind, number, payload(number));
        assert_eq!(store.put(&parcel, at(0), durable).unwrap(), []);
        stdout.write_all(format!("put {number}\n").as_bytes()).unwrap();
        stdout.flush().unwrap();
    }
}

#[test]
fn a_process_that_is_killed_at_any_moment_loses_nothing_that_was_put() {
    watchdog(Duration::from_secs(120), kill_and_count);
}

fn kill_and_count() {
    let mut killed_while_writing = 0;
    for round in 0..ROUNDS {
        let dir = directory();
        let mut child = Command::new(env::current_exe().unwrap())
            .args([WRITER, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, dir.path())
            .env(DURABLE, (round % 2 == 0).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let enough = 1 + round * round * 37 % 120;
        let mut printed = (&mut lines).filter(|line| line.starts_with("put ")).take(enough).count();
        assert_eq!(printed, enough);
        for _ in 0..round * 7919 % 20_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        printed += lines.filter(|line| line.starts_with("put ")).count();

        killed_while_writing +=
            files(dir.path()).iter().filter(|file| file.ends_with(".tmp")).count();
        let (mut store, found) = open(dir.path(), 0);
        assert!(found.lost.is_empty());
        assert!(
            found.envelopes == printed || found.envelopes == printed + 1,
            "{printed} were put and {} found",
            found.envelopes
        );
        for number in 0..u128::try_from(found.envelopes).unwrap() {
            let taken = store.take(Kinds::ALL, at(0));
            assert_eq!(taken.lost, []);
            let (entry, parcel) = taken.next.unwrap();
            assert_eq!(parcel.envelope.event_id.as_u128(), number);
            let expected = super::parcel(parcel.envelope.kind, number, payload(number));
            assert_eq!(parcel.envelope.parts(), expected.envelope.parts());
            store.remove(entry);
        }
        assert_eq!(files(dir.path()), [""; 0]);
    }
    println!("{killed_while_writing} of {ROUNDS} were killed in the middle of a file");
}

const LIMITED: &str = "spool::tests::death::a_process_that_may_write_little";

#[test]
#[ignore = "needs the limit that the test below sets"]
fn a_process_that_may_write_little() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let dir = Path::new(&dir);
    let (mut store, _) = open(dir, 0);
    put(&mut store, ItemKind::Event, 1, 0);
    let large = parcel(ItemKind::Event, 2, 500_000);
    for durable in [true, false] {
        let error = store.put(&large, at(0), durable).unwrap_err();
        assert_eq!(error.0.kind(), std::io::ErrorKind::FileTooLarge, "{error}");
        assert_eq!((files(dir).len(), store.len()), (1, 1), "nothing of it is left");
    }
    put(&mut store, ItemKind::Event, 3, 0);
    assert_eq!(deliver_all(&mut store, 0), [1, 3]);
    println!("the store goes on");
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_leaves_the_store_usable() {
    let dir = directory();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh"])
        .arg(env::current_exe().unwrap())
        .args([LIMITED, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("the store goes on"), "{text}");
}
