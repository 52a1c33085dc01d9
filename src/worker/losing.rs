//! What is not delivered: it is counted, told the project that it was meant for, and said.

use super::inbox::Source;
use super::run::Worker;
use super::way::Way;
use crate::stats::{Amount, DropReason};

impl Worker {
    /// Counts a loss, and tells the default project of it.
    pub(super) fn lose(&mut self, amount: Amount, reason: DropReason) {
        self.lose_at(Way::DEFAULT, amount, reason);
    }

    /// The same, but tells the project that it was meant for.
    pub(super) fn lose_at(&mut self, way: Way, amount: Amount, reason: DropReason) {
        self.ledger.dropped(amount, reason);
        self.lost(way, amount, reason);
    }

    /// Counts a loss of which the source is all that is known.
    pub(super) fn lose_of(&mut self, source: Source, amount: Amount, reason: DropReason) {
        let way = self.way_of_source(source).unwrap_or(Way::DEFAULT);
        self.lose_at(way, amount, reason);
    }

    /// Tells of a loss that is counted already.
    fn lost(&mut self, way: Way, amount: Amount, reason: DropReason) {
        let now = self.now();
        self.outboxes.at_mut(way).lose(amount, reason, now);
        self.voice.dropped(amount, reason);
    }

    pub(super) fn hear_handles(&mut self) {
        for (reason, amount) in self.ledger.take_unheard() {
            self.lost(Way::DEFAULT, amount, reason);
        }
        let events = self.ledger.take_surplus_panics();
        if events > 0 {
            self.lose(Amount { events, ..Amount::default() }, DropReason::QueueFull);
        }
    }
}
