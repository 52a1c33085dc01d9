use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Stats;
use super::amount::Amount;
use super::reason::DropReason;
use super::unread::{Room, Unread};
#[cfg(feature = "logs")]
use crate::count::count;

/// The counters behind [`Stats`], shared by the handles and the worker of an exporter.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
    unread: Unread,
    #[cfg(feature = "logs")]
    unread_logs: Unread,
    /// The same of panics, and how many found no room.
    unread_panics: AtomicUsize,
    surplus_panics: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    stats: Stats,
    untold: Option<String>,
    /// What handles had to drop and the thread has not heard of.
    unheard: BTreeMap<DropReason, Amount>,
    /// The same as `untold` of an outage, which need not be told any more once it is over.
    untold_outage: Option<String>,
}

/// How many panics may be handed over before the thread takes them, each of which takes the thread a few milliseconds.
const MAX_UNREAD_PANICS: usize = 100;

impl Ledger {
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.entries().stats.clone();
        let settled = stats.spans_delivered.saturating_add(stats.spans_dropped);
        let all = stats.spans_received.saturating_add(stats.spans_recovered);
        let settled_logs = stats.logs_delivered.saturating_add(stats.logs_dropped);
        let all_logs = stats.logs_received.saturating_add(stats.logs_recovered);
        Stats {
            spans_pending: all.saturating_sub(settled),
            logs_pending: all_logs.saturating_sub(settled_logs),
            ..stats
        }
    }

    /// Notes that spans are handed over, if there is room for them.
    pub(crate) fn hand_over(&self, spans: usize, bytes: usize) -> Room {
        self.unread.add(spans, bytes)
    }

    /// Notes that the thread has taken spans.
    pub(crate) fn take(&self, spans: usize, bytes: usize) {
        self.unread.take(spans, bytes);
    }

    /// Notes that a panic is handed over; tells whether there is room for it. Takes no lock.
    #[cfg_attr(not(feature = "panic"), allow(dead_code, reason = "only the hook hands them over"))]
    pub(crate) fn hand_over_panic(&self) -> bool {
        let before = self.unread_panics.fetch_add(1, Ordering::Relaxed);
        let has_room = before < MAX_UNREAD_PANICS;
        if !has_room {
            self.take_panic();
            self.surplus_panics.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// Notes that the thread has taken a panic.
    pub(crate) fn take_panic(&self) {
        self.unread_panics.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many panics found no room since it was asked last.
    pub(crate) fn take_surplus_panics(&self) -> u64 {
        self.surplus_panics.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn received(&self, spans: u64) {
        add(&mut self.entries().stats.spans_received, spans);
    }

    /// Notes what an earlier process had left.
    pub(crate) fn recovered(&self, amount: Amount) {
        let stats = &mut self.entries().stats;
        add(&mut stats.spans_recovered, amount.spans);
        add(&mut stats.logs_recovered, amount.logs);
    }

    /// Notes that log records are handed over; tells whether there is room for them.
    #[cfg(feature = "logs")]
    pub(crate) fn hand_over_logs(&self, logs: usize, bytes: usize) -> bool {
        add(&mut self.entries().stats.logs_received, count(logs));
        self.unread_logs.add(logs, bytes) != Room::None
    }

    /// Notes that the thread has taken log records.
    #[cfg(feature = "logs")]
    pub(crate) fn take_logs(&self, logs: usize, bytes: usize) {
        self.unread_logs.take(logs, bytes);
    }

    /// Notes how much waits in the spool.
    pub(crate) fn spooled(&self, amount: Amount) {
        let stats = &mut self.entries().stats;
        stats.spans_spooled = amount.spans;
        stats.logs_spooled = amount.logs;
    }

    pub(crate) fn delivered(&self, amount: Amount, bytes: u64) {
        let stats = &mut self.entries().stats;
        add(&mut stats.spans_delivered, amount.spans);
        add(&mut stats.transactions_delivered, amount.transactions);
        add(&mut stats.events_delivered, amount.events);
        add(&mut stats.logs_delivered, amount.logs);
        add(&mut stats.envelopes_delivered, 1);
        add(&mut stats.bytes_delivered, bytes);
    }

    /// Counts a loss that a handle could not hand over, for the thread to report.
    pub(crate) fn dropped_by_handle(&self, amount: Amount, reason: DropReason) {
        self.dropped(amount, reason);
        let unheard = &mut self.entries().unheard;
        let sum = unheard.entry(reason).or_default();
        *sum = sum.plus(amount);
    }

    /// The losses of handles that the thread has not heard of.
    pub(crate) fn take_unheard(&self) -> BTreeMap<DropReason, Amount> {
        std::mem::take(&mut self.entries().unheard)
    }

    pub(crate) fn dropped(&self, amount: Amount, reason: DropReason) {
        let stats = &mut self.entries().stats;
        add(&mut stats.spans_dropped, amount.spans);
        add(&mut stats.transactions_dropped, amount.transactions);
        add(&mut stats.events_dropped, amount.events);
        add(&mut stats.logs_dropped, amount.logs);
        if amount.logs > 0 {
            add(stats.dropped_logs.entry(reason).or_default(), amount.logs);
        } else {
            add(stats.dropped.entry(reason).or_default(), amount.spans);
        }
        if amount.events > 0 {
            add(stats.dropped_events.entry(reason).or_default(), amount.events);
        }
    }

    pub(crate) fn repeated(&self, errors: u64) {
        add(&mut self.entries().stats.repeated_errors, errors);
    }

    /// Notes a trouble for the statistics, and a new one for the next `export` to tell.
    pub(crate) fn trouble(&self, text: String, reason: DropReason, is_new: bool) {
        let mut entries = self.entries();
        entries.stats.last_error = Some(text.clone());
        match reason {
            _ if !is_new => {}
            DropReason::Unreachable => entries.untold_outage = Some(text),
            _ => entries.untold = Some(text),
        }
    }

    /// Notes that the server can be reached.
    pub(crate) fn reached(&self) {
        self.entries().untold_outage = None;
    }

    /// The last trouble, if no `export` has told it yet.
    pub(crate) fn take_untold(&self) -> Option<String> {
        let mut entries = self.entries();
        let outage = entries.untold_outage.take();
        entries.untold.take().or(outage)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counter: &mut u64, amount: u64) {
    *counter = counter.saturating_add(amount);
}
