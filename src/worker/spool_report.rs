use crate::spool::{Entry, Found, Kinds, Lost, Parcel};
use crate::stats::Amount;

/// What the thread has done, and how things stand after it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(super) done: Done,
    pub(super) lost: Vec<Lost>,
    /// What waits in the directory.
    pub(super) amount: Amount,
    pub(super) waits: Kinds,
}

#[derive(Debug)]
pub(super) enum Done {
    /// The directory is ours, with what an earlier process left.
    Opened(Found),
    Kept(Written),
    Failed(Written, String),
    Taken(Option<Box<(Entry, Parcel)>>),
    /// Nothing that the worker has to do something about, but perhaps to say.
    Noted(Option<String>),
}

/// An envelope that was written, or was to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) ticket: u64,
    pub(super) bytes: usize,
}
