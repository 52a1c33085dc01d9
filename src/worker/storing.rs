//! What the worker has to do with the directory of the spool.

use std::time::SystemTime;

use super::run::Worker;
use super::spool_report::{Done, Report};
use crate::stats::{Amount, DropReason};

impl Worker {
    /// Takes note of what became of an envelope in the directory.
    pub(super) fn spooled(&mut self, report: Report) {
        let now = self.now();
        self.outboxes.first_mut().spooler.heard(&report, now);
        self.ledger.spooled(report.amount);
        if let Done::Opened(found) = &report.done {
            let lost = report.lost.iter().map(|lost| lost.amount);
            let recovered = lost.fold(found.amount, Amount::plus);
            self.ledger.recovered(recovered);
        }
        for lost in report.lost {
            self.lose(lost.amount, lost.reason);
        }
        match report.done {
            Done::Kept(written) => drop(self.outboxes.first_mut().stored(written.ticket)),
            Done::Failed(written, reason) => {
                self.trouble(reason, DropReason::SpoolFull);
                if let Some(amount) = self.outboxes.first_mut().stored(written.ticket) {
                    self.lose(amount, DropReason::SpoolFull);
                }
            }
            Done::Taken(Some(taken)) => {
                let (entry, parcel) = *taken;
                self.outboxes.first_mut().replay(entry, parcel, now, SystemTime::now());
            }
            Done::Noted(Some(reason)) => {
                self.trouble(reason, DropReason::SpoolFull);
            }
            Done::Opened(_) | Done::Taken(None) | Done::Noted(None) => {}
        }
    }
}
