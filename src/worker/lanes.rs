use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::{Envelope, ItemKind};
use crate::spool::Entry;
use crate::transport::{Category, RateLimits};

/// Envelopes that wait to be sent: errors before transactions and spans before logs, bounded in
/// bytes.
#[derive(Debug)]
pub(super) struct Lanes {
    events: VecDeque<Queued>,
    transactions: VecDeque<Queued>,
    spans: VecDeque<Queued>,
    logs: VecDeque<Queued>,
    bytes: usize,
    max_bytes: usize,
}

/// An envelope and the number under which it is waited for.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) ticket: u64,
    pub(super) envelope: Envelope,
    /// When it was put in line first.
    pub(super) since: Duration,
    /// When it was sent last.
    pub(super) sent: Duration,
    /// Until when it may be sent again, if it was sent without an answer and may have arrived.
    pub(super) retry_until: Option<Duration>,
    /// Its file in the spool.
    pub(super) entry: Option<Entry>,
    /// How often it got no answer while others did.
    pub(super) strikes: u32,
    /// How often it was sent.
    pub(super) tries: u32,
}

impl Queued {
    pub(super) fn new(ticket: u64, envelope: Envelope, since: Duration) -> Self {
        Self {
            ticket,
            envelope,
            since,
            sent: since,
            retry_until: None,
            entry: None,
            strikes: 0,
            tries: 0,
        }
    }
}

impl Lanes {
    pub(super) fn new(max_bytes: usize) -> Self {
        let lane = VecDeque::new;
        let (events, transactions, spans, logs) = (lane(), lane(), lane(), lane());
        Self { events, transactions, spans, logs, bytes: 0, max_bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        [&self.events, &self.transactions, &self.spans, &self.logs]
            .into_iter()
            .all(VecDeque::is_empty)
    }

    /// Whether producers should wait: half of the room is kept for those that cannot.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.max_bytes.div_euclid(2)
    }

    /// What the next envelope holds in memory, in bytes.
    pub(super) fn next_bytes(&self, is_down: bool) -> usize {
        let next = self.lane(self.next_kind(is_down)).front();
        next.map_or(0, |queued| queued.envelope.len())
    }

    /// Puts one in line that has a file in the spool: it is the only one at a time.
    pub(super) fn push_anyway(&mut self, queued: Queued) {
        self.bytes = self.bytes.saturating_add(queued.envelope.len());
        self.lane_mut(queued.envelope.kind).push_back(queued);
    }

    /// Puts one in line; gives those that must leave for it, the oldest logs first, then
    /// spans and transactions.
    pub(super) fn push(&mut self, queued: Queued) -> Vec<Queued> {
        if queued.envelope.len() > self.max_bytes {
            return vec![queued];
        }
        self.push_anyway(queued);
        let mut overflow = Vec::new();
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.take(|lanes| {
                let Self { events, transactions, spans, logs, .. } = lanes;
                let lanes = [logs, spans, transactions, events];
                lanes.into_iter().find_map(VecDeque::pop_front)
            })
        {
            overflow.push(oldest);
        }
        overflow
    }

    /// Takes out everything.
    pub(super) fn take_all(&mut self) -> Vec<Queued> {
        self.bytes = 0;
        self.events
            .drain(..)
            .chain(self.transactions.drain(..))
            .chain(self.spans.drain(..))
            .chain(self.logs.drain(..))
            .collect()
    }

    /// The next one to send.
    pub(super) fn pop(&mut self, is_down: bool) -> Option<Queued> {
        let kind = self.next_kind(is_down);
        self.take(|lanes| lanes.lane_mut(kind).pop_front())
    }

    /// Errors come first. While the server is down they take turns with the others, because it may
    /// be one error that looks like an outage.
    fn next_kind(&self, is_down: bool) -> ItemKind {
        let mut fronts = [ItemKind::Event, ItemKind::Transaction, ItemKind::Span, ItemKind::Log]
            .into_iter()
            .filter_map(|kind| Some((kind, self.lane(kind).front()?.tries)));
        // Of those that were tried as often, the first one counts.
        let next = if is_down { fronts.min_by_key(|(_, tries)| *tries) } else { fronts.next() };
        next.map_or(ItemKind::Transaction, |(kind, _)| kind)
    }

    fn lane(&self, kind: ItemKind) -> &VecDeque<Queued> {
        match kind {
            ItemKind::Event => &self.events,
            ItemKind::Transaction => &self.transactions,
            ItemKind::Span => &self.spans,
            ItemKind::Log => &self.logs,
        }
    }

    fn lane_mut(&mut self, kind: ItemKind) -> &mut VecDeque<Queued> {
        match kind {
            ItemKind::Event => &mut self.events,
            ItemKind::Transaction => &mut self.transactions,
            ItemKind::Span => &mut self.spans,
            ItemKind::Log => &mut self.logs,
        }
    }

    /// Takes out everything that the limits forbid.
    pub(super) fn take_limited(&mut self, limits: &RateLimits, now: Duration) -> Vec<Queued> {
        let mut limited = Vec::new();
        if limits.is_limited(Category::Error, now) {
            limited.extend(self.events.drain(..));
        }
        if limits.is_limited(Category::Transaction, now) {
            limited.extend(self.transactions.drain(..));
        }
        if limits.is_limited(Category::Span, now) {
            limited.extend(self.spans.drain(..));
        }
        if limits.is_limited(Category::LogItem, now) {
            limited.extend(self.logs.drain(..));
        }
        let bytes = limited.iter().map(|queued| queued.envelope.len());
        self.bytes = bytes.fold(self.bytes, usize::saturating_sub);
        limited
    }

    fn take(&mut self, from: impl FnOnce(&mut Self) -> Option<Queued>) -> Option<Queued> {
        let queued = from(self)?;
        self.bytes = self.bytes.saturating_sub(queued.envelope.len());
        Some(queued)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use sentry_types::Uuid;

    use super::*;
    use crate::protocol::Item;

    fn queued(ticket: u64, kind: ItemKind) -> Queued {
        let payload = vec![b'x'; 60];
        let item = Item { kind, event_id: Uuid::nil(), spans: 1, trace: None, payload: &payload };
        Queued::new(ticket, Envelope::new(item, None), Duration::ZERO)
    }

    fn room_for_two() -> Lanes {
        Lanes::new(queued(0, ItemKind::Transaction).envelope.len() * 5 / 2)
    }

    fn tickets(queued: Vec<Queued>) -> Vec<u64> {
        queued.into_iter().map(|queued| queued.ticket).collect()
    }

    #[test]
    fn errors_leave_before_transactions() {
        let mut lanes = Lanes::new(100_000);
        for (ticket, kind) in [
            (1, ItemKind::Transaction),
            (2, ItemKind::Event),
            (3, ItemKind::Transaction),
            (4, ItemKind::Event),
        ] {
            assert!(lanes.push(queued(ticket, kind)).is_empty());
        }
        assert_eq!(tickets(std::iter::from_fn(|| lanes.pop(false)).collect()), [2, 4, 1, 3]);
        assert_eq!((lanes.is_empty(), lanes.bytes), (true, 0));
    }

    #[test]
    fn while_the_server_is_down_an_error_that_was_tried_lets_a_transaction_go_first() {
        let mut lanes = Lanes::new(100_000);
        lanes.push(Queued { tries: 1, ..queued(1, ItemKind::Event) });
        lanes.push(queued(2, ItemKind::Transaction));
        assert_eq!(lanes.pop(true).map(|queued| queued.ticket), Some(2));
        assert_eq!(lanes.pop(true).map(|queued| queued.ticket), Some(1));
    }

    #[test]
    fn when_memory_is_full_the_oldest_transactions_go_and_errors_last() {
        let mut lanes = room_for_two();
        for (ticket, kind) in [(1, ItemKind::Event), (2, ItemKind::Transaction)] {
            assert!(lanes.push(queued(ticket, kind)).is_empty());
        }
        assert_eq!(tickets(lanes.push(queued(3, ItemKind::Transaction))), [2]);
        assert_eq!(tickets(lanes.push(queued(4, ItemKind::Event))), [3]);
        assert_eq!(tickets(lanes.push(queued(5, ItemKind::Event))), [1]);
    }

    #[test]
    fn logs_leave_last_and_are_the_first_to_go() {
        let mut lanes = room_for_two();
        lanes.push(queued(1, ItemKind::Log));
        lanes.push(queued(2, ItemKind::Transaction));
        assert_eq!(tickets(lanes.push(queued(3, ItemKind::Event))), [1]);
        assert_eq!(tickets(lanes.push(queued(4, ItemKind::Log))), [4]);
        lanes.pop(false);
        lanes.push(queued(5, ItemKind::Log));
        assert_eq!(tickets(std::iter::from_fn(|| lanes.pop(false)).collect()), [2, 5]);
    }

    #[test]
    fn a_limit_takes_out_what_it_names() {
        let mut lanes = Lanes::new(100_000);
        lanes.push(queued(1, ItemKind::Event));
        lanes.push(queued(2, ItemKind::Transaction));
        let mut limits = RateLimits::default();
        let now = (Duration::from_secs(5), SystemTime::UNIX_EPOCH);
        limits.update(now, 200, Some("60:transaction;span:organization"), None);
        assert_eq!(tickets(lanes.take_limited(&limits, now.0)), [2]);
        assert_eq!(lanes.pop(false).map(|queued| queued.ticket), Some(1));
        assert_eq!(lanes.bytes, 0);
    }
}
