use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{Kinds, Lost, Parcel, Spool};
use crate::stats::Amount;

/// The envelopes in the directory, which no one else uses meanwhile.
#[derive(Debug)]
pub(crate) struct Store {}

/// What was in the directory when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) envelopes: usize,
    pub(crate) amount: Amount,
    pub(crate) lost: Vec<Lost>,
}

/// An envelope that was taken and whose file is still there.
///
/// Dropped without a word, it waits until the directory is opened again.
#[derive(Debug)]
pub(crate) struct Entry {}

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

impl Store {
    /// Takes hold of the directory, and cleans up what an earlier process left.
    pub(crate) fn open(
        settings: &Spool,
        destination: &str,
        wall: SystemTime,
    ) -> Result<(Self, Found), OpenError> {
        todo!()
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
        todo!()
    }

    /// The oldest envelope of these kinds; from now on it counts as tried.
    pub(crate) fn take(&mut self, wanted: Kinds, wall: SystemTime) -> Taken {
        todo!()
    }

    /// Deletes an envelope whose fate is known.
    pub(crate) fn remove(&mut self, entry: Entry) {
        todo!()
    }

    /// Puts an envelope in line again that was not sent after all.
    pub(crate) fn give_back(&mut self, entry: Entry) {
        todo!()
    }

    /// Puts an envelope in line again that was sent and got no answer.
    pub(crate) fn retry_later(&mut self, entry: Entry) {
        todo!()
    }

    /// Whether an envelope of these kinds can be taken.
    pub(crate) fn has(&self, wanted: Kinds) -> bool {
        todo!()
    }

    /// What is in the files of this exporter, those that are taken among them.
    pub(crate) fn amount(&self) -> Amount {
        todo!()
    }

    /// How many files these are.
    pub(crate) fn len(&self) -> usize {
        todo!()
    }

    /// What all files take together, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        todo!()
    }
}
