mod aside;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;

use super::Destination;
use super::flights::Flights;
use super::inbox::{Delivery, Inbox};
use super::lanes::{Lanes, Queued};
use super::line::Line;
use super::pulse::Pulse;
use super::spooler::Spooler;
use super::tickets::Tickets;
use super::toward::Toward;
use super::verdict::Unanswered;
use super::way::Way;
use crate::count::count;
use crate::dsn::dsn_text;
use crate::protocol::{Envelope, Letterhead, report_envelope};
use crate::spool::MAX_TRYING;
use crate::stats::{Amount, DropReason, Ledger};
use crate::transport::{Backoff, Losses, RateLimits};

/// What is on its way to Sentry: the lanes, the requests in flight and what was lost.
pub(super) struct Outbox {
    way: Way,
    lanes: Lanes,
    flights: Flights,
    /// The envelopes whose fate is open, by number, and what is lost if they are; nothing where a
    /// file in the spool keeps it.
    open: BTreeMap<u64, Option<Amount>>,
    tickets: Tickets,
    losses: Losses,
    /// When losses that found no envelope to ride on are told on their own.
    report_due: Option<Duration>,
    pub(super) limits: RateLimits,
    backoff: Backoff,
    pulse: Pulse,
    phase: Phase,
    pub(super) spooler: Spooler,
    is_reporting: bool,
    letterhead: Letterhead,
    /// The address of the server, for what is said of it.
    server: String,
}

/// How long an envelope waits that surely never arrived; Sentry refuses transactions of 5 days.
const MAX_WAIT: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    /// There is none.
    Open,
    /// Every envelope gets one more try, and nothing waits for the server to come back.
    Sending,
    /// What is in line, and what comes, goes to the spool.
    Storing,
    /// What was on its way does as well.
    Cut,
}

/// How often an envelope may get no answer while others do; it may be one that no server takes.
const MAX_STRIKES: u32 = 5;

/// How long losses wait for an envelope to ride on.
const REPORT_DELAY: Duration = Duration::from_secs(30);

impl Outbox {
    pub(super) fn new(mut line: Line, inbox: Inbox) -> Self {
        let spooler = Spooler::new(line.opening.take(), inbox.clone());
        let dsn = line.destination.as_ref().map(|to| dsn_text(&to.dsn));
        let server = line.destination.as_ref().map(|to| to.endpoint.to_string());
        Self {
            way: line.way,
            lanes: Lanes::new(line.queue_bytes),
            open: BTreeMap::new(),
            tickets: line.tickets.clone(),
            losses: Losses::default(),
            report_due: None,
            limits: RateLimits::default(),
            backoff: Backoff::of_sentry(),
            pulse: Pulse::default(),
            phase: Phase::Open,
            spooler,
            is_reporting: line.client_reports && dsn.is_some(),
            letterhead: Letterhead::of(&dsn.unwrap_or_default()),
            server: server.unwrap_or_default(),
            flights: Flights::new(line, inbox),
        }
    }

    /// Which project it is for.
    pub(super) fn way(&self) -> Way {
        self.way
    }

    /// What segments have to know that are to go here.
    pub(super) fn toward(&self) -> Toward<'_> {
        let origin = self.destination().and_then(|to| to.origin.as_ref());
        Toward { limits: &self.limits, origin }
    }

    /// Whether the fate of all envelopes before this mark is known.
    pub(super) fn is_settled(&self, mark: u64) -> bool {
        self.open.first_key_value().is_none_or(|(oldest, _)| *oldest >= mark)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.flights.len() == 0 && self.spooler.is_settled()
    }

    /// Whether a producer need not wait; while the server is down it would wait for nothing.
    pub(super) fn has_room(&self) -> bool {
        !self.lanes.is_full() || self.backoff.is_down()
    }

    pub(super) fn destination(&self) -> Option<&Destination> {
        self.flights.destination()
    }

    /// The address of the server, for what is said of it.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn is_down(&self) -> bool {
        self.backoff.is_down()
    }

    /// Whether the server lets its requests hang.
    pub(super) fn is_stalled(&self) -> bool {
        self.pulse.is_stalled()
    }

    /// When to see whether it does.
    pub(super) fn next_look(&self) -> Option<Duration> {
        self.pulse.next_look()
    }

    /// From now on every envelope gets one more try.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Sending;
    }

    pub(super) fn push(&mut self, envelope: Envelope, now: Duration) -> Vec<(Amount, DropReason)> {
        let ticket = self.tickets.take();
        self.open.insert(ticket, Some(Amount::of_envelope(&envelope)));
        self.queue(Queued::new(ticket, envelope, now), now)
    }

    /// Puts a loss into the next report.
    pub(super) fn lose(&mut self, amount: Amount, reason: DropReason, now: Duration) {
        if self.is_reporting {
            amount.report(reason, &mut self.losses);
            self.await_report(now);
        }
    }

    /// When there is something to do even if nothing happens.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        // With all requests in flight, the end of one of them is the next thing to happen.
        let is_open = self.flights.has_room() && !self.backoff.is_down();
        let report = self.report_due.filter(|_| is_open && self.phase < Phase::Storing);
        let report = report.map(|due| due.max(self.limits.all_until()));
        report.into_iter().chain(self.next_replay()).min()
    }

    /// When the server is to be asked again whether it is back.
    pub(super) fn next_try(&self) -> Option<Duration> {
        let waits = self.flights.len() == 0 && !self.lanes.is_empty() && self.phase == Phase::Open;
        self.backoff.until().filter(|_| waits)
    }

    /// Sends what may be sent now; gives what the limits forbid.
    pub(super) fn dispatch(
        &mut self,
        now: Duration,
        wall: SystemTime,
    ) -> Vec<(Amount, DropReason)> {
        let limited = self.lanes.take_limited(&self.limits, now);
        let mut lost = self.give_up(limited, DropReason::RateLimited);
        let is_down = self.backoff.is_down();
        let mut begin = None;
        while self.flights.has_room()
            && (self.phase > Phase::Open || self.backoff.allows(now, self.flights.len()))
            && self.flights.holds(self.lanes.next_bytes(is_down))
            && let Some(mut queued) = self.lanes.pop(is_down)
        {
            if queued.retry_until.is_some_and(|until| now >= until) {
                lost.extend(self.give_up(vec![queued], DropReason::Unreachable));
                continue;
            }
            queued.sent = now;
            queued.tries = queued.tries.saturating_add(1);
            let losses = self.take_losses();
            let report = (!losses.is_empty()).then(|| losses.report(wall));
            let begin = begin.get_or_insert_with(|| self.letterhead.dated(wall));
            let body = queued.envelope.seal(begin, report.as_deref());
            let encoding = queued.envelope.content_encoding();
            let delivery = Box::new(Delivery {
                amount: Amount::of_envelope(&queued.envelope),
                way: self.way,
                queued: Some(queued),
                bytes: count(body.len()),
                losses,
                ..Delivery::default()
            });
            self.flights.start(delivery, body, encoding);
        }
        if self.may_replay() && self.backoff.allows(now, self.flights.len()) {
            self.spooler.ask(&self.limits, now);
        }
        self.pulse.look(now, self.flights.len());
        lost
    }

    /// Sends the losses on their own, if it is time or `at_once`.
    pub(super) fn report(&mut self, now: Duration, wall: SystemTime, at_once: bool) {
        let is_due = self.report_due.is_some_and(|due| at_once || due <= now);
        let is_open = self.flights.has_room() && now >= self.limits.all_until();
        if !is_due || !is_open || self.phase >= Phase::Storing || self.backoff.is_down() {
            return;
        }
        let losses = self.take_losses();
        let body = report_envelope(&self.letterhead.dated(wall), &losses.report(wall));
        let (way, bytes) = (self.way, count(body.len()));
        let delivery = Delivery { losses, bytes, way, ..Delivery::default() };
        self.flights.start(Box::new(delivery), body, None);
    }

    /// Takes note of an answer, or of the last try; the losses it told are told now, or again.
    pub(super) fn settle(&mut self, delivery: Box<Delivery>, is_told: bool, now: Duration) {
        self.pulse.beat();
        self.flights.landed(&delivery);
        if let Some(queued) = delivery.queued {
            self.open.remove(&queued.ticket);
            queued.entry.into_iter().for_each(|entry| self.spooler.remove(entry));
        }
        if !is_told {
            self.tell_again(delivery.losses, now);
        }
    }

    /// Takes note of an answer, whatever it says: the server is there, and may set limits.
    pub(super) fn heed(&mut self, now: (Duration, SystemTime), answer: &Response<Bytes>) {
        self.backoff.answered();
        self.limits.heed(now, answer);
    }

    /// Puts an envelope in line again that got no answer; gives it back if that is of no use.
    ///
    /// Sentry recognises a second copy for an hour; one that surely never arrived has more time.
    pub(super) fn again(
        &mut self,
        mut delivery: Box<Delivery>,
        how: &Unanswered,
        now: Duration,
        jitter: f64,
    ) -> Result<Vec<(Amount, DropReason)>, Box<Delivery>> {
        let is_up = !self.backoff.is_down();
        let is_cut = *how == Unanswered::Cut;
        if !is_cut {
            self.backoff.failed(now, jitter);
        }
        if let Some(queued) = &mut delivery.queued {
            let is_strike = is_up && !is_cut;
            queued.strikes = queued.strikes.saturating_add(u32::from(is_strike));
            if !matches!(how, Unanswered::NeverLeft(_)) {
                queued.retry_until.get_or_insert(queued.sent.saturating_add(MAX_TRYING));
            }
        }
        let is_worth_it = |queued: &Queued| {
            queued.retry_until.is_none_or(|until| now < until)
                && now.saturating_sub(queued.since) < MAX_WAIT
                && queued.strikes < MAX_STRIKES
        };
        let has_place = self.phase == Phase::Open || self.spooler.is_there();
        if !has_place || !delivery.queued.as_ref().is_some_and(is_worth_it) {
            return Err(delivery);
        }
        self.pulse.beat();
        self.flights.landed(&delivery);
        self.tell_again(std::mem::take(&mut delivery.losses), now);
        // At the end of the line, so that one that no server can take does not block the others.
        Ok(delivery.queued.map(|queued| self.queue(queued, now)).unwrap_or_default())
    }

    /// Gives up everything that waits or is in flight.
    pub(super) fn abandon(&self, ledger: &Ledger) {
        for amount in self.open.values().flatten() {
            ledger.dropped(*amount, DropReason::ShutDown);
        }
    }

    /// Puts an envelope in line, or in the spool if nothing is sent any more; gives what is lost.
    fn queue(&mut self, queued: Queued, now: Duration) -> Vec<(Amount, DropReason)> {
        let has_been_tried = queued.retry_until.is_some();
        let is_last_try = self.phase > Phase::Open && has_been_tried && self.spooler.is_there();
        if self.phase >= Phase::Storing || is_last_try {
            return self.set_aside(vec![queued], DropReason::ShutDown, now);
        }
        let overflow = self.lanes.push(queued);
        self.set_aside(overflow, DropReason::QueueFull, now)
    }

    fn tell_again(&mut self, losses: Losses, now: Duration) {
        self.losses.restore(losses);
        self.await_report(now);
    }

    /// Sets the time of the next report, if there is something to tell and no time is set.
    fn await_report(&mut self, now: Duration) {
        if !self.losses.is_empty() {
            self.report_due.get_or_insert(now.saturating_add(REPORT_DELAY));
        }
    }

    fn take_losses(&mut self) -> Losses {
        self.report_due = None;
        std::mem::take(&mut self.losses)
    }

    fn give_up(&mut self, queued: Vec<Queued>, reason: DropReason) -> Vec<(Amount, DropReason)> {
        let close = |queued: Queued| {
            self.open.remove(&queued.ticket);
            let amount = Amount::of_envelope(&queued.envelope);
            queued.entry.into_iter().for_each(|entry| self.spooler.remove(entry));
            (amount, reason)
        };
        queued.into_iter().map(close).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use http::{HeaderMap, Request};
    use sentry_types::Uuid;

    use super::super::arrivals::Arrivals;
    use super::super::inbox::{Failure, Message};
    use super::*;
    use crate::protocol::{Item, ItemKind};
    use crate::transport::{Transport, TransportError, TransportErrorKind};

    /// Fails at once, in a way that leaves open whether the request arrived.
    #[derive(Debug)]
    struct Closing;

    #[async_trait]
    impl Transport for Closing {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
            Err(TransportError::new("closed").with_kind(TransportErrorKind::Closed))
        }
    }

    fn outbox() -> (Outbox, Arrivals) {
        let destination = Destination {
            dsn: "https://key@sentry.invalid/42".parse().unwrap(),
            endpoint: "https://sentry.invalid/api/42/envelope/".parse().unwrap(),
            origin: None,
            headers: HeaderMap::new(),
            transport: Arc::new(Closing),
            limit: Duration::from_secs(60),
        };
        let line = Line {
            way: Way::DEFAULT,
            destination: Some(destination),
            opening: None,
            tickets: Tickets::default(),
            max_in_flight: 1,
            queue_bytes: 100_000,
            client_reports: true,
        };
        let (inbox, told) = Arrivals::channel();
        (Outbox::new(line, inbox), told)
    }

    fn envelope(kind: ItemKind, id: u128) -> Envelope {
        let event_id = Uuid::from_u128(id);
        Envelope::new(Item { kind, event_id, spans: 1, trace: None, payload: b"{}" }, None)
    }

    /// Sends what may be sent at this second, and lets it fail; gives the id of what was sent.
    async fn fail(
        outbox: &mut Outbox,
        told: &mut Arrivals,
        second: u64,
    ) -> (Option<u128>, Vec<DropReason>) {
        let now = Duration::from_secs(second);
        let lost = outbox.dispatch(now, SystemTime::UNIX_EPOCH);
        let lost = lost.into_iter().map(|(_, reason)| reason).collect();
        if outbox.flights.len() == 0 {
            return (None, lost);
        }
        let Some(Message::Answered(delivery, Err(Failure::Transport(_)))) = told.next(false).await
        else {
            panic!("it ended in another way");
        };
        let id = delivery.queued.as_ref().map(|queued| queued.envelope.event_id.as_u128());
        let how = Unanswered::Failed("closed".to_owned());
        assert!(outbox.again(delivery, &how, now, 1.0).is_ok_and(|lost| lost.is_empty()));
        (id, lost)
    }

    #[tokio::test]
    async fn nothing_is_sent_again_after_its_time_whenever_its_turn_comes() {
        let (mut outbox, mut told) = outbox();
        outbox.push(envelope(ItemKind::Transaction, 1), Duration::ZERO);
        assert_eq!(fail(&mut outbox, &mut told, 0).await, (Some(1), vec![]));
        assert_eq!(fail(&mut outbox, &mut told, 54 * 60).await, (Some(1), vec![]));
        // No try between this and the end of its time.
        let too_late = fail(&mut outbox, &mut told, 55 * 60).await;
        assert_eq!(too_late, (None, vec![DropReason::Unreachable]));
        assert!(outbox.is_idle() && outbox.is_settled(outbox.tickets.mark()));
    }

    #[tokio::test]
    async fn one_error_that_looks_like_an_outage_does_not_hold_up_the_transactions() {
        let (mut outbox, mut told) = outbox();
        outbox.push(envelope(ItemKind::Transaction, 1), Duration::ZERO);
        outbox.push(envelope(ItemKind::Event, 2), Duration::ZERO);
        let mut sent = Vec::new();
        for second in [0, 60, 120, 180] {
            sent.extend(fail(&mut outbox, &mut told, second).await.0);
        }
        assert_eq!(sent, [2, 1, 2, 1]);
    }
}
