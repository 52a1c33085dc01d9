use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use tokio::sync::mpsc::UnboundedSender;

use super::inbox::{Delivery, Message};
use super::lanes::{Lanes, Queued};
use super::{Destination, Settings};
use crate::dsn::dsn_text;
use crate::protocol::{Envelope, report_envelope};
use crate::stats::{Amount, DropReason, Ledger, count};
use crate::transport::{Backoff, Losses, RateLimits};

/// What is on its way to Sentry: the lanes, the requests in flight and what was lost.
pub(super) struct Outbox {
    lanes: Lanes,
    in_flight: usize,
    max_in_flight: usize,
    in_flight_bytes: usize,
    max_in_flight_bytes: usize,
    /// The envelopes whose fate is open, by number.
    open: BTreeMap<u64, Amount>,
    next_ticket: u64,
    losses: Losses,
    /// When losses that found no envelope to ride on are told on their own.
    report_due: Option<Duration>,
    pub(super) limits: RateLimits,
    backoff: Backoff,
    /// Nothing is sent twice any more, and nothing waits for the server to come back.
    is_closing: bool,
    is_reporting: bool,
    /// What all requests have in common.
    destination: Option<Destination>,
    /// The DSN, for the header of envelopes.
    dsn: String,
    inbox: UnboundedSender<Message>,
}

/// How long after its first try an envelope that may have arrived is tried again; Sentry would
/// take a later copy for another item.
const MAX_AGE: Duration = Duration::from_secs(55 * 60);

/// How long an envelope waits that surely never arrived; Sentry refuses transactions of 5 days.
const MAX_WAIT: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// How often an envelope may get no answer while others do; it may be one that no server takes.
const MAX_STRIKES: u32 = 5;

/// How long losses wait for an envelope to ride on.
const REPORT_DELAY: Duration = Duration::from_secs(30);

impl Outbox {
    pub(super) fn new(settings: &mut Settings, inbox: UnboundedSender<Message>) -> Self {
        let destination = settings.destination.take();
        Self {
            lanes: Lanes::new(settings.queue_bytes),
            in_flight: 0,
            max_in_flight: settings.max_in_flight,
            in_flight_bytes: 0,
            max_in_flight_bytes: settings.queue_bytes,
            open: BTreeMap::new(),
            next_ticket: 0,
            losses: Losses::default(),
            report_due: None,
            limits: RateLimits::default(),
            backoff: Backoff::of_sentry(),
            is_closing: false,
            is_reporting: settings.client_reports && destination.is_some(),
            dsn: destination.as_ref().map(|to| dsn_text(&to.dsn)).unwrap_or_default(),
            destination,
            inbox,
        }
    }

    /// The number that the next envelope will get: all before it are older.
    pub(super) fn mark(&self) -> u64 {
        self.next_ticket
    }

    /// Whether the fate of all envelopes before this mark is known.
    pub(super) fn is_settled(&self, mark: u64) -> bool {
        self.open.first_key_value().is_none_or(|(oldest, _)| *oldest >= mark)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.in_flight == 0
    }

    /// Whether a producer need not wait; while the server is down it would wait for nothing.
    pub(super) fn has_room(&self) -> bool {
        !self.lanes.is_full() || self.backoff.is_down()
    }

    /// The address of the server, for what is said of it.
    pub(super) fn server(&self) -> String {
        self.destination.as_ref().map(|to| to.endpoint.to_string()).unwrap_or_default()
    }

    pub(super) fn is_down(&self) -> bool {
        self.backoff.is_down()
    }

    /// From now on every envelope gets one more try.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    pub(super) fn push(&mut self, envelope: Envelope, now: Duration) -> Vec<(Amount, DropReason)> {
        let ticket = self.next_ticket;
        self.next_ticket = ticket.saturating_add(1);
        self.open.insert(ticket, Amount::of(envelope.kind, envelope.spans));
        let overflow = self.lanes.push(Queued::new(ticket, envelope, now));
        self.give_up(overflow, DropReason::QueueFull)
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
        let is_open = self.in_flight < self.max_in_flight && !self.backoff.is_down();
        let due = self.report_due.filter(|_| is_open)?;
        Some(due.max(self.limits.all_until()))
    }

    /// When the server is to be asked again whether it is back.
    pub(super) fn next_try(&self) -> Option<Duration> {
        let waits = self.in_flight == 0 && !self.lanes.is_empty() && !self.is_closing;
        self.backoff.until().filter(|_| waits)
    }

    /// Sends what may be sent now; gives what the limits forbid.
    pub(super) fn dispatch(
        &mut self,
        now: Duration,
        wall: SystemTime,
    ) -> Vec<(Amount, DropReason)> {
        let limited = self.lanes.take_limited(&self.limits, now);
        let limited = self.give_up(limited, DropReason::RateLimited);
        while self.in_flight < self.max_in_flight
            && (self.is_closing || self.backoff.allows(now, self.in_flight))
            && self.fits_in_flight()
            && let Some(mut queued) = self.lanes.pop()
        {
            queued.sent = now;
            let losses = self.take_losses();
            let report = (!losses.is_empty()).then(|| losses.report(wall));
            let body = queued.envelope.seal(&self.dsn, wall, report.as_deref());
            self.in_flight_bytes = self.in_flight_bytes.saturating_add(queued.envelope.len());
            let encoding = queued.envelope.content_encoding();
            let delivery = Delivery {
                amount: Amount::of(queued.envelope.kind, queued.envelope.spans),
                queued: Some(queued),
                bytes: count(body.len()),
                losses,
            };
            self.send(delivery, body, encoding);
        }
        limited
    }

    /// Sends the losses on their own, if it is time or `at_once`.
    pub(super) fn report(&mut self, now: Duration, wall: SystemTime, at_once: bool) {
        let is_due = self.report_due.is_some_and(|due| at_once || due <= now);
        let is_open = self.in_flight < self.max_in_flight && now >= self.limits.all_until();
        if !is_due || !is_open || self.backoff.is_down() {
            return;
        }
        let losses = self.take_losses();
        let body = report_envelope(&self.dsn, wall, &losses.report(wall));
        self.send(Delivery { losses, bytes: count(body.len()), ..Delivery::default() }, body, None);
    }

    /// Takes note of an answer, or of the last try; the losses it told are told now, or again.
    pub(super) fn settle(&mut self, delivery: Box<Delivery>, is_told: bool, now: Duration) {
        self.landed(&delivery);
        if let Some(queued) = delivery.queued {
            self.open.remove(&queued.ticket);
        }
        if !is_told {
            self.tell_again(delivery.losses, now);
        }
    }

    /// Takes note of an answer, whatever it says: the server is there.
    pub(super) fn answered(&mut self) {
        self.backoff.answered();
    }

    /// Puts an envelope in line again that got no answer; gives it back if that is of no use.
    ///
    /// Sentry recognises a second copy for an hour; one that surely never arrived has more time.
    pub(super) fn again(
        &mut self,
        mut delivery: Box<Delivery>,
        may_have_arrived: bool,
        now: Duration,
        jitter: f64,
    ) -> Result<Vec<(Amount, DropReason)>, Box<Delivery>> {
        let is_up = !self.backoff.is_down();
        self.backoff.failed(now, jitter);
        if let Some(queued) = &mut delivery.queued {
            queued.strikes = queued.strikes.saturating_add(u32::from(is_up));
            if may_have_arrived {
                queued.first_tried.get_or_insert(queued.sent);
            }
        }
        let is_worth_it = |queued: &Queued| {
            let age = |since| now.saturating_sub(since);
            queued.first_tried.is_none_or(|tried| age(tried) < MAX_AGE)
                && age(queued.since) < MAX_WAIT
                && queued.strikes < MAX_STRIKES
        };
        if self.is_closing || !delivery.queued.as_ref().is_some_and(is_worth_it) {
            return Err(delivery);
        }
        self.landed(&delivery);
        self.tell_again(std::mem::take(&mut delivery.losses), now);
        // At the end of the line, so that one that no server can take does not block the others.
        let overflow = delivery.queued.map(|queued| self.lanes.push(queued)).unwrap_or_default();
        Ok(self.give_up(overflow, DropReason::QueueFull))
    }

    /// Gives up everything that waits or is in flight.
    pub(super) fn abandon(&mut self, ledger: &Ledger) {
        for amount in std::mem::take(&mut self.open).into_values() {
            ledger.dropped(amount, DropReason::ShutDown);
        }
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

    /// Whether memory allows one more request; it always allows one.
    fn fits_in_flight(&self) -> bool {
        let bytes = self.in_flight_bytes.saturating_add(self.lanes.next_bytes());
        self.in_flight == 0 || bytes <= self.max_in_flight_bytes
    }

    fn landed(&mut self, delivery: &Delivery) {
        let bytes = delivery.queued.as_ref().map_or(0, |queued| queued.envelope.len());
        self.in_flight = self.in_flight.saturating_sub(1);
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
    }

    fn take_losses(&mut self) -> Losses {
        self.report_due = None;
        std::mem::take(&mut self.losses)
    }

    fn send(&mut self, delivery: Delivery, body: Bytes, encoding: Option<&'static str>) {
        let Some(destination) = &self.destination else { return };
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = destination.endpoint.clone();
        *request.headers_mut() = destination.headers.clone();
        if let Some(encoding) = encoding {
            request
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        self.in_flight = self.in_flight.saturating_add(1);
        let transport = Arc::clone(&destination.transport);
        Box::new(delivery).start(request, transport, self.inbox.clone());
    }

    fn give_up(&mut self, queued: Vec<Queued>, reason: DropReason) -> Vec<(Amount, DropReason)> {
        let close = |queued: Queued| {
            self.open.remove(&queued.ticket);
            (Amount::of(queued.envelope.kind, queued.envelope.spans), reason)
        };
        queued.into_iter().map(close).collect()
    }
}
