//! Envelopes that wait in a directory, so that they outlive the process.
//!
//! Each is a file of its own. Its name tells all that is needed for counting and for choosing the
//! next one, so that only what is sent is read. Every step is one file operation that happens
//! wholly or not at all; so there is nothing to repair after a crash.

mod content;
mod directory;
mod name;
mod settings;
mod shelf;
mod store;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

pub use self::settings::Spool;
#[cfg(test)]
pub(crate) use self::store::Taken;
pub(crate) use self::store::{Entry, Found, OpenError, Store};
use crate::protocol::Envelope;
use crate::stats::{Amount, DropReason};

/// An envelope, and when it was sent first if that got no answer.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) envelope: Envelope,
    pub(crate) first_tried: Option<SystemTime>,
}

/// What will not be delivered from the spool, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) amount: Amount,
    pub(crate) reason: DropReason,
}

/// Which kinds of envelopes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) events: bool,
    pub(crate) transactions: bool,
    pub(crate) spans: bool,
    pub(crate) logs: bool,
}

/// How long after its first try an envelope may be sent again; Sentry recognises a second copy
/// for an hour.
pub(crate) const MAX_TRYING: Duration = Duration::from_secs(55 * 60);

impl Lost {
    /// Adds a loss to others of the same reason.
    fn add(losses: &mut Vec<Self>, amount: Amount, reason: DropReason) {
        match losses.iter_mut().find(|lost| lost.reason == reason) {
            Some(lost) => lost.amount = lost.amount.plus(amount),
            None => losses.push(Self { amount, reason }),
        }
    }
}

impl Kinds {
    pub(crate) const NONE: Self =
        Self { events: false, transactions: false, spans: false, logs: false };
    #[cfg(test)]
    pub(crate) const ALL: Self = Self { events: true, transactions: true, spans: true, logs: true };
}
