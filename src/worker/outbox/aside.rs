//! What leaves the lanes for the spool, and comes back.

use std::time::{Duration, SystemTime};

use super::super::lanes::Queued;
use super::{Outbox, Phase};
use crate::spool::{Entry, MAX_TRYING, Parcel};
use crate::stats::{Amount, DropReason};

impl Outbox {
    /// Puts an envelope of the spool in line.
    pub(in crate::worker) fn replay(
        &mut self,
        entry: Entry,
        parcel: Parcel,
        now: Duration,
        wall: SystemTime,
    ) {
        if self.phase > Phase::Open {
            self.spooler.give_back(entry, false);
            return;
        }
        let ticket = self.tickets.take();
        self.open.insert(ticket, None);
        let tried = parcel.first_tried.filter(|_| entry.was_tried());
        let tried = tried.map(|tried| wall.duration_since(tried).unwrap_or_default());
        let left = tried.map(|ago| MAX_TRYING.saturating_sub(ago));
        let mut queued = Queued::new(ticket, parcel.envelope, now);
        queued.retry_until = left.map(|left| now.saturating_add(left));
        queued.entry = Some(entry);
        self.lanes.push_anyway(queued);
    }

    /// Sends nothing more, and has everything written that is in line; if `at_once`, also what
    /// is on its way.
    pub(in crate::worker) fn store_rest(
        &mut self,
        at_once: bool,
        now: Duration,
    ) -> Vec<(Amount, DropReason)> {
        let phase = if at_once { Phase::Cut } else { Phase::Storing };
        if !self.spooler.is_there() || self.phase >= phase {
            return Vec::new();
        }
        self.phase = phase;
        self.spooler.hurry();
        if at_once {
            self.flights.cut();
        }
        let rest = self.lanes.take_all();
        self.set_aside(rest, DropReason::ShutDown, now)
    }

    /// Whether something is on its way that may still be written instead.
    pub(in crate::worker) fn can_be_cut(&self) -> bool {
        self.spooler.is_there() && self.phase < Phase::Cut
    }

    /// Notes that an envelope is in the spool: its fate is open, but nobody need wait for it.
    pub(in crate::worker) fn stored(&mut self, ticket: u64) -> Option<Amount> {
        self.open.remove(&ticket).flatten()
    }

    /// Has envelopes written that there is no place for; gives those that are lost.
    pub(super) fn set_aside(
        &mut self,
        queued: Vec<Queued>,
        reason: DropReason,
        now: Duration,
    ) -> Vec<(Amount, DropReason)> {
        let mut lost = Vec::new();
        for Queued { ticket, envelope, retry_until, entry, .. } in queued {
            let amount = Amount::of_envelope(&envelope);
            if let Some(entry) = entry {
                self.spooler.give_back(entry, retry_until.is_some());
                self.open.remove(&ticket);
                continue;
            }
            let wall = SystemTime::now();
            let ago = retry_until.map(|until| MAX_TRYING.saturating_sub(until.saturating_sub(now)));
            let parcel =
                Parcel { envelope, first_tried: ago.and_then(|ago| wall.checked_sub(ago)) };
            if self.spooler.keep(ticket, parcel, self.phase < Phase::Storing).is_err() {
                self.open.remove(&ticket);
                lost.push((amount, reason));
            }
        }
        lost
    }

    /// Whether it is the turn of the spool.
    pub(super) fn may_replay(&self) -> bool {
        self.lanes.is_empty() && self.phase == Phase::Open && self.flights.has_room()
    }

    /// When the spool has its turn, if anything waits there.
    pub(super) fn next_replay(&self) -> Option<Duration> {
        // While the server is down, one request at a time asks whether it is back.
        let may = self.may_replay() && (self.flights.len() == 0 || !self.backoff.is_down());
        let due = self.spooler.next_ask(&self.limits).filter(|_| may)?;
        Some(due.max(self.backoff.until().unwrap_or_default()))
    }
}
