//! Envelopes that wait in a directory, so that they outlive the process.
//!
//! Each is a file of its own. Its name tells all that is needed for counting and for choosing the
//! next one, so that only what is sent is read. Every step is one file operation that happens
//! wholly or not at all; so there is nothing to repair after a crash.

mod settings;
mod store;

use std::time::{Duration, SystemTime};

pub use self::settings::Spool;
pub(crate) use self::store::{Entry, Found, OpenError, PutError, Store, Taken};
use crate::protocol::{Envelope, ItemKind};
use crate::stats::{Amount, DropReason};

/// An envelope, and when it was sent first if that got no answer.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) envelope: Envelope,
    pub(crate) first_tried: Option<SystemTime>,
}

/// What will not be delivered from the spool.
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
}

/// How long after its first try an envelope may be sent again; Sentry recognises a second copy
/// for an hour.
pub(crate) const MAX_TRYING: Duration = Duration::from_secs(55 * 60);

impl Kinds {
    pub(crate) const ALL: Self = Self { events: true, transactions: true };

    fn holds(self, kind: ItemKind) -> bool {
        match kind {
            ItemKind::Event => self.events,
            ItemKind::Transaction => self.transactions,
        }
    }
}
