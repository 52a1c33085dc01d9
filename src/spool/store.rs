use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::content::{Content, Fault, read};
use super::directory::{Directory, MAX_FILE_BYTES};
use super::name::{Name, Stage};
use super::shelf::{Evicted, Shelf};
use super::{Kinds, Lost, Parcel, Spool};
use crate::count::count;
use crate::protocol::Envelope;
use crate::stats::{Amount, DropReason};

/// The envelopes in the directory, which no one else uses meanwhile.
#[derive(Debug)]
pub(crate) struct Store {
    directory: Directory,
    destination: String,
    max_bytes: u64,
    max_age: Duration,
    shelf: Shelf,
    aside: BTreeSet<Name>,
    next_sequence: u64,
    /// How often a file could not be read of late, be it a fault of the disk or of the moment.
    strikes: u32,
}

/// What was in the directory when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many files wait; some of them may turn out to be for another destination.
    #[cfg_attr(not(test), expect(dead_code, reason = "only its amount is counted"))]
    pub(crate) envelopes: usize,
    pub(crate) amount: Amount,
    pub(crate) lost: Vec<Lost>,
}

/// An envelope that was taken and whose file is still there.
///
/// Dropped without a word, it waits until the directory is opened again.
#[derive(Debug)]
#[must_use]
pub(crate) struct Entry {
    /// The name it had before it was taken.
    before: Name,
    name: Name,
}

impl Entry {
    /// Whether it had been tried before it was taken.
    pub(crate) fn was_tried(&self) -> bool {
        self.before.first_tried.is_some()
    }
}

/// What came of the wish for an envelope.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) next: Option<(Entry, Parcel)>,
    /// What turned out to be lost on the way to it.
    pub(crate) lost: Vec<Lost>,
    /// Why there is none although some wait; worth another try later.
    pub(crate) trouble: Option<io::Error>,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{} is in use by another exporter; give each a directory of its own", dir.display())]
    InUse { dir: PathBuf },
    #[error("{} cannot be used: {error}", dir.display())]
    Io { dir: PathBuf, error: io::Error },
}

/// Why an envelope was not written; nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to the spool: {0}")]
pub(crate) struct PutError(pub(crate) io::Error);

/// Why a file gives no envelope.
enum ReadError {
    Damaged,
    OtherDestination,
    Io(io::Error),
}

/// How many files that could not be read are kept.
const MAX_ASIDE: usize = 32;

/// How often the system may fail to read a file before the next one is tried.
const MAX_STRIKES: u32 = 3;

impl Store {
    /// Takes hold of the directory, and cleans up what an earlier process left.
    pub(crate) fn open(
        settings: &Spool,
        destination: &str,
        wall: SystemTime,
    ) -> Result<(Self, Found), OpenError> {
        let dir = || settings.dir.clone();
        let failed = |error| OpenError::Io { dir: dir(), error };
        let directory = Directory::open(dir())
            .map_err(failed)?
            .ok_or_else(|| OpenError::InUse { dir: dir() })?;
        let files = directory.files().map_err(failed)?;
        let mut store = Self {
            directory,
            destination: destination.to_owned(),
            max_bytes: settings.max_bytes,
            max_age: settings.max_age,
            shelf: Shelf::default(),
            aside: BTreeSet::new(),
            next_sequence: 0,
            strikes: 0,
        };
        let mut lost = Vec::new();
        for (name, stage, len) in files {
            store.find(name, stage, len, wall, &mut lost);
        }
        store.bound_aside();
        store.evict(&mut lost);
        let found = Found { envelopes: store.len(), amount: store.amount(), lost };
        Ok((store, found))
    }

    /// Writes an envelope; gives what had to leave for it, which may be the envelope itself.
    ///
    /// If it is `durable`, it survives a loss of power, otherwise only the end of the process.
    pub(crate) fn put(
        &mut self,
        parcel: &Parcel,
        wall: SystemTime,
        durable: bool,
    ) -> Result<Vec<Lost>, PutError> {
        let mut name = Name::of(&parcel.envelope, self.sequence(), wall);
        name.first_tried = parcel.first_tried.map(Into::into);
        let content = Content::new(&parcel.envelope, &self.destination);
        let len = count(content.len());
        if len > MAX_FILE_BYTES {
            return Err(PutError(io::ErrorKind::FileTooLarge.into()));
        }
        let bytes = Shelf::bytes_of(len);
        if !self.shelf.has_room_for(name.kind, bytes, self.max_bytes) {
            return Ok(vec![Lost { amount: name.amount(), reason: DropReason::SpoolFull }]);
        }
        self.directory.write(&name, &content, durable).map_err(PutError)?;
        self.shelf.pile(name.kind).add(name, bytes);
        let mut lost = Vec::new();
        self.evict(&mut lost);
        Ok(lost)
    }

    /// The oldest envelope of these kinds; from now on it counts as tried.
    pub(crate) fn take(&mut self, wanted: Kinds, wall: SystemTime) -> Taken {
        let mut taken = Taken::default();
        while let Some(name) = self.shelf.oldest(wanted).cloned() {
            if name.is_over(wall, self.max_age) {
                self.discard(&name, DropReason::Expired, &mut taken.lost);
                continue;
            }
            match self.read(&name) {
                Ok(envelope) => {
                    self.strikes = 0;
                    match self.mark(&name, wall) {
                        Ok(entry) => {
                            let first_tried = entry.name.first_tried.map(Into::into);
                            taken.next = Some((entry, Parcel { envelope, first_tried }));
                        }
                        Err(error) => taken.trouble = Some(error),
                    }
                    break;
                }
                Err(ReadError::Damaged) => self.set_aside(name, &mut taken.lost),
                Err(ReadError::OtherDestination) => {
                    self.leave(&name, DropReason::OtherDestination, &mut taken.lost);
                }
                Err(ReadError::Io(error)) => {
                    self.strike(&name, &mut taken.lost);
                    taken.trouble = Some(error);
                    break;
                }
            }
        }
        taken
    }

    /// Deletes an envelope whose fate is known.
    pub(crate) fn remove(&mut self, entry: Entry) {
        self.shelf.taken.remove(&entry.name);
        // What cannot be deleted is told apart by its name when it is found again.
        let _ = self.directory.remove(&entry.name, Stage::Whole);
    }

    /// Puts an envelope in line again that was not sent after all.
    pub(crate) fn give_back(&mut self, entry: Entry) {
        self.put_back(&entry.name, entry.before);
    }

    /// Puts an envelope at the end of the line that was sent and got no answer.
    pub(crate) fn retry_later(&mut self, entry: Entry) {
        let sequence = self.sequence();
        let last = Name { sequence, ..entry.name.clone() };
        self.put_back(&entry.name, last);
    }

    /// Whether an envelope of these kinds waits.
    pub(crate) fn has(&self, wanted: Kinds) -> bool {
        self.shelf.oldest(wanted).is_some()
    }

    /// What is in the files of this exporter, those that are taken among them.
    pub(crate) fn amount(&self) -> Amount {
        self.shelf.amount()
    }

    /// How many files these are.
    pub(crate) fn len(&self) -> usize {
        self.shelf.len()
    }

    /// What all files take together, in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.shelf.bytes()
    }

    /// Takes note of a file that was there before.
    fn find(&mut self, name: Name, stage: Stage, len: u64, wall: SystemTime, lost: &mut Vec<Lost>) {
        self.next_sequence = self.next_sequence.max(name.sequence.saturating_add(1));
        match stage {
            Stage::Unfinished => drop(self.directory.remove(&name, stage)),
            Stage::Aside => drop(self.aside.insert(name)),
            Stage::Whole => {
                let is_over = name.is_over(wall, self.max_age);
                self.shelf.pile(name.kind).add(name.clone(), Shelf::bytes_of(len));
                if is_over {
                    self.discard(&name, DropReason::Expired, lost);
                }
            }
        }
    }

    fn sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        sequence
    }

    fn read(&self, name: &Name) -> Result<Envelope, ReadError> {
        let file = self.directory.read(name)?;
        let envelope = read(file, &self.destination)?;
        if name.is_of(&envelope) { Ok(envelope) } else { Err(ReadError::Damaged) }
    }

    /// Takes note that the system could not read a file, and goes past one that blocks the others.
    fn strike(&mut self, name: &Name, lost: &mut Vec<Lost>) {
        self.strikes = self.strikes.saturating_add(1);
        if self.strikes >= MAX_STRIKES {
            self.strikes = 0;
            self.leave(name, DropReason::Corrupt, lost);
        }
    }

    /// Gives a waiting file the name that tells that it was tried.
    fn mark(&mut self, before: &Name, wall: SystemTime) -> io::Result<Entry> {
        let name = before.tried(wall);
        self.directory.rename(before, &name)?;
        if let Some(bytes) = self.shelf.pile(before.kind).remove(before) {
            self.shelf.taken.add(name.clone(), bytes);
        }
        Ok(Entry { before: before.clone(), name })
    }

    /// Puts a file that was taken in line again, under its new name if it can be renamed.
    fn put_back(&mut self, from: &Name, to: Name) {
        let Some(bytes) = self.shelf.taken.remove(from) else { return };
        let name = match self.directory.rename(from, &to) {
            Ok(()) => to,
            Err(_) => from.clone(),
        };
        self.shelf.pile(name.kind).add(name, bytes);
    }

    fn discard(&mut self, name: &Name, reason: DropReason, lost: &mut Vec<Lost>) {
        self.shelf.pile(name.kind).remove(name);
        let _ = self.directory.remove(name, Stage::Whole);
        Lost::add(lost, name.amount(), reason);
    }

    fn set_aside(&mut self, name: Name, lost: &mut Vec<Lost>) {
        self.shelf.pile(name.kind).remove(&name);
        Lost::add(lost, name.amount(), DropReason::Corrupt);
        match self.directory.set_aside(&name) {
            Ok(()) => drop(self.aside.insert(name)),
            Err(_) => drop(self.directory.remove(&name, Stage::Whole)),
        }
        self.bound_aside();
    }

    /// Leaves a file as it is for a later start, which may have the right destination.
    fn leave(&mut self, name: &Name, reason: DropReason, lost: &mut Vec<Lost>) {
        Lost::add(lost, name.amount(), reason);
        if let Some(bytes) = self.shelf.pile(name.kind).remove(name) {
            self.shelf.left.add(name.clone(), bytes);
        }
    }

    fn bound_aside(&mut self) {
        while self.aside.len() > MAX_ASIDE
            && let Some(oldest) = self.aside.pop_first()
        {
            let _ = self.directory.remove(&oldest, Stage::Aside);
        }
    }

    /// Makes the files take no more than they may.
    fn evict(&mut self, lost: &mut Vec<Lost>) {
        while let Some(evicted) = self.shelf.evict(self.max_bytes) {
            let name = match evicted {
                Evicted::Own(name) => {
                    Lost::add(lost, name.amount(), DropReason::SpoolFull);
                    name
                }
                Evicted::Left(name) => name,
            };
            let _ = self.directory.remove(&name, Stage::Whole);
        }
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged => Self::Damaged,
            Fault::OtherDestination => Self::OtherDestination,
        }
    }
}

impl From<io::Error> for ReadError {
    /// A file that is too long or has gone will not become better; others may.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::NotFound => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}
