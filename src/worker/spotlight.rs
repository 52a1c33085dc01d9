use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use sentry_types::protocol::v7::Event;

use super::encode;
use super::inbox::{Inbox, Message};
use crate::count::count;
use crate::hooks::{Hooks, Losses, Outgoing};
use crate::mapping::{Mapped, Mapper};
use crate::propagation::{Origin, TraceHead};
#[cfg(feature = "logs")]
use crate::protocol::Logs;
use crate::protocol::{Envelope, Item, ItemKind, Letterhead};
use crate::sampling::Decision;
use crate::segment::Segment;
use crate::transport::{Backoff, Transport, TransportError};

/// A copy of everything for the Spotlight of a developer (rule R40).
///
/// It shares nothing with the way to Sentry: neither queue nor limits nor counters. It gets what
/// personal data there is, because it stays on the machine, and it loses copies rather than
/// keeping them. What rules ignore it does not get either, and hooks are called for its copies
/// once more, because these are other ones.
///
/// <https://develop.sentry.dev/sdk/foundations/client/integrations/spotlight/>
pub(super) struct Spotlight {
    url: http::Uri,
    headers: HeaderMap,
    transport: Arc<dyn Transport>,
    head: Option<TraceHead>,
    hooks: Hooks,
    letterhead: Letterhead,
    queue: VecDeque<Bytes>,
    bytes: usize,
    is_sending: bool,
    backoff: Backoff,
    has_complained: bool,
    #[cfg(feature = "logs")]
    twins: super::log_errors::Twins,
}

/// What a copy is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// A segment with its errors.
    Segment,
    /// Errors without the segment that they belong to.
    Errors,
    /// A record of a log.
    #[cfg(feature = "logs")]
    Log,
}

/// How much may wait, in bytes; the oldest go first.
const MAX_BYTES: usize = 8 * 1024 * 1024;

impl Spotlight {
    pub(super) fn new(
        (url, transport): (http::Uri, Arc<dyn Transport>),
        head: Option<TraceHead>,
        hooks: Hooks,
        dsn: String,
    ) -> Self {
        Self {
            url,
            headers: super::envelope_headers(),
            transport,
            head,
            hooks,
            letterhead: Letterhead::of(&dsn),
            queue: VecDeque::new(),
            bytes: 0,
            is_sending: false,
            backoff: Backoff::of_spotlight(),
            has_complained: false,
            #[cfg(feature = "logs")]
            twins: Default::default(),
        }
    }

    #[cfg(feature = "logs")]
    pub(super) fn with_log_errors(mut self, is_on: bool) -> Self {
        self.twins = super::log_errors::Twins::new(is_on);
        self
    }

    /// Puts a copy of a segment in line, unless Spotlight has been away until now.
    ///
    /// `origin` is the project that Sentry's copy goes to, where there are several.
    pub(super) fn copy(
        &mut self,
        segment: &Segment,
        mapper: &Mapper,
        origin: Option<&Origin>,
        times: Times,
    ) {
        let map = |mapper: &Mapper| mapper.map_segment(segment.clone());
        self.put_in_line(mapper, map, (Told::Segment, origin), times);
    }

    /// The same for errors without the transaction that they belong to.
    pub(super) fn copy_errors(
        &mut self,
        mapper: &Mapper,
        map: impl Fn(&Mapper) -> Option<Mapped>,
        origin: Option<&Origin>,
        times: Times,
    ) {
        self.put_in_line(mapper, map, (Told::Errors, origin), times);
    }

    /// The same for the error that a log tells of, unless its span has told it.
    #[cfg(feature = "logs")]
    pub(super) fn copy_logged(
        &mut self,
        mapper: &Mapper,
        map: impl Fn(&Mapper) -> Option<Mapped>,
        times: Times,
    ) {
        self.put_in_line(mapper, map, (Told::Log, None), times);
    }

    fn put_in_line(
        &mut self,
        mapper: &Mapper,
        map: impl Fn(&Mapper) -> Option<Mapped>,
        of: (Told, Option<&Origin>),
        (now, wall): Times,
    ) {
        if !self.backoff.allows(now, 0) {
            return;
        }
        let mapper = mapper.clone().with_send_default_pii(true);
        let map = AssertUnwindSafe(|| Some(self.envelopes(map(&mapper)?, of, wall)));
        let envelopes = catch_unwind(map).ok().flatten().unwrap_or_default();
        self.enqueue(envelopes);
    }

    /// The same for records of logs.
    #[cfg(feature = "logs")]
    pub(super) fn copy_logs(
        &mut self,
        records: &[super::inbox::Record],
        mapper: &Mapper,
        trace: opentelemetry::trace::TraceId,
        (now, wall): Times,
    ) {
        if !self.backoff.allows(now, 0) {
            return;
        }
        let mapper = mapper.clone().with_send_default_pii(true);
        let map = AssertUnwindSafe(|| {
            let (mut logs, mut full) = (Logs::default(), Vec::new());
            for (record, scope) in records {
                let log = mapper.map_log(record, scope, (trace, wall));
                let log = self.hooks.log(log, &mut Losses::default());
                if let Some(log) = log
                    && let Ok(Err(json)) = logs.add(&log)
                {
                    full.push(std::mem::replace(&mut logs, Logs::of(&json, log.bytes())));
                }
            }
            full.push(logs);
            full.retain(|logs| !logs.is_empty());
            full
        });
        let lists = catch_unwind(map).unwrap_or_default();
        let begin = self.letterhead.dated(wall);
        let seal =
            |logs| super::logs::envelope(logs, |item| Envelope::new(item, None)).seal(&begin, None);
        let envelopes = lists.into_iter().map(seal).collect();
        self.enqueue(envelopes);
    }

    fn enqueue(&mut self, envelopes: Vec<Bytes>) {
        for envelope in envelopes {
            self.bytes = self.bytes.saturating_add(envelope.len());
            self.queue.push_back(envelope);
        }
        while self.bytes > MAX_BYTES && self.pop().is_some() {}
    }

    /// Sends the next one, if none is on its way.
    pub(super) fn dispatch(&mut self, inbox: &Inbox) {
        if self.is_sending {
            return;
        }
        let Some(envelope) = self.pop() else { return };
        self.is_sending = true;
        let request = super::request(&self.url, &self.headers, envelope);
        let (transport, inbox) = (Arc::clone(&self.transport), inbox.clone());
        tokio::spawn(async move {
            let answer = transport.send(request).await.map(|answer| answer.status());
            let _ = inbox.send(Message::Spotlight(answer));
        });
    }

    /// Takes note of an answer; gives what is to be said, the first time that it failed.
    pub(super) fn answered(&mut self, answer: Answer, now: Duration) -> Option<String> {
        self.is_sending = false;
        let trouble = match answer {
            Ok(status) if status.is_success() => {
                self.backoff.answered();
                return None;
            }
            Ok(status) => format!("it answered {status}"),
            Err(error) => error.reason,
        };
        self.backoff.failed(now, 1.0);
        (self.queue, self.bytes) = (VecDeque::new(), 0);
        let is_new = !std::mem::replace(&mut self.has_complained, true);
        is_new.then(|| format!("{}: {trouble}", self.url))
    }

    /// Whether there is nothing more to wait for.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_sending && self.queue.is_empty()
    }

    fn envelopes(
        &mut self,
        mut mapped: Mapped,
        (told, origin): (Told, Option<&Origin>),
        wall: SystemTime,
    ) -> Vec<Bytes> {
        self.leave_out_twins(&mut mapped.events, told);
        let is_whole = told == Told::Segment;
        let (transaction, events) = if is_whole {
            let Outgoing { transaction, events, .. } = self.hooks.apply(mapped);
            (transaction, events)
        } else {
            let events = std::mem::take(&mut mapped.events);
            (Some(mapped.transaction), self.hooks.events(events, &mut Losses::default()))
        };
        let head = self.head.as_mut().zip(transaction.as_ref());
        let trace = head
            .and_then(|(head, transaction)| head.context_at(origin, transaction, Decision::KEPT));
        let begin = self.letterhead.dated(wall);
        let seal = |kind, event_id, spans, payload: &[u8]| {
            let item = Item { kind, event_id, spans, trace: trace.as_ref(), payload };
            Envelope::new(item, None).seal(&begin, None)
        };
        let mut payload = Vec::new();
        let mut envelopes = Vec::new();
        for event in events {
            let event_id = event.event_id;
            if let Ok(payload) = encode::event(event, &mut payload) {
                #[cfg(feature = "logs")]
                self.twins.sent(event_id);
                envelopes.push(seal(ItemKind::Event, event_id, 0, payload));
            }
        }
        if let Some(mut transaction) = transaction.filter(|_| is_whole)
            && let Ok(payload) = encode::transaction(&mut transaction, &mut payload)
        {
            let spans = count(transaction.spans.len());
            envelopes.push(seal(ItemKind::Transaction, transaction.event_id, spans, payload));
        }
        envelopes
    }

    #[cfg(feature = "logs")]
    fn leave_out_twins(&mut self, events: &mut Vec<Event<'static>>, told: Told) {
        match told {
            Told::Log => self.twins.leave_out_known(events),
            Told::Segment | Told::Errors => self.twins.leave_out_logged(events),
        };
    }

    #[cfg(not(feature = "logs"))]
    fn leave_out_twins(&self, _: &mut [Event<'static>], _: Told) {}

    fn pop(&mut self) -> Option<Bytes> {
        let envelope = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(envelope.len());
        Some(envelope)
    }
}

/// The time of the worker and that of the world.
type Times = (Duration, SystemTime);

/// How a request ended.
pub(super) type Answer = Result<http::StatusCode, TransportError>;
