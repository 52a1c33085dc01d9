use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::Settings;
use super::closing::Closing;
use super::inbox::{Delivery, Failure, Message, Source};
use super::intake::{Intake, Prepared};
use super::outbox::{Outbox, Unanswered};
use super::own_traffic::OwnTraffic;
use super::probe;
use super::quiet::Quiet;
use super::spotlight::Spotlight;
use super::verdict::Verdict;
use super::voice::Voice;
use super::waiting::Waiting;
use crate::dsn::dsn_text;
use crate::mapping::Mapper;
use crate::propagation::TraceHead;
use crate::protocol::ItemKind;
use crate::segment::{Segment, SegmentBuffer};
use crate::stats::{Amount, DropReason, Ledger, count};

/// The state of the thread.
pub(super) struct Worker {
    settings: Settings,
    pub(super) ledger: Arc<Ledger>,
    started: Instant,
    pub(super) sources: HashMap<Source, (SegmentBuffer, Mapper)>,
    /// Absent where nothing is sent to Sentry.
    intake: Option<Intake>,
    own_traffic: Option<OwnTraffic>,
    pub(super) outbox: Outbox,
    spotlight: Option<Spotlight>,
    to_self: UnboundedSender<Message>,
    pub(super) waiting: Waiting,
    pub(super) voice: Voice,
    pub(super) closing: Option<Closing>,
}

/// How many subtrees leave before requests get their turn.
const STRETCH: usize = 16;

/// How long to sleep at most.
const IDLE: Duration = Duration::from_secs(3600);

impl Worker {
    pub(super) fn new(
        mut settings: Settings,
        ledger: Arc<Ledger>,
        to_self: UnboundedSender<Message>,
        quiet: Quiet,
    ) -> Self {
        let dsn = settings.destination.as_ref().map(|to| &to.dsn);
        let head = || dsn.map(|_| TraceHead::of(Arc::clone(&settings.traces)));
        let spotlight = settings.spotlight.take().map(|to| {
            let dsn = dsn.map(dsn_text).unwrap_or_default();
            Spotlight::new(to, head(), dsn)
        });
        let (intake, own_traffic) = (head().map(Intake::new), dsn.map(OwnTraffic::to));
        Self {
            spotlight,
            intake,
            own_traffic,
            outbox: Outbox::new(&mut settings, to_self.clone()),
            to_self,
            settings,
            ledger,
            started: Instant::now(),
            sources: HashMap::new(),
            waiting: Waiting::default(),
            voice: Voice::new(quiet),
            closing: None,
        }
    }

    pub(super) async fn run(mut self, mut inbox: UnboundedReceiver<Message>) {
        loop {
            let has_more = self.pump();
            self.store_in_time();
            self.dispatch();
            self.waiting.answer(&self.outbox, self.is_copied(), self.now());
            if let Some(result) = self.closed(has_more) {
                // What it was told to do about files is done by then, or never.
                self.outbox.spooler.end();
                inbox.close();
                // Unlike `try_recv`, this waits for senders that were about to put theirs in.
                while let Some(message) = inbox.recv().await {
                    self.handle(message);
                }
                self.end(result);
                return;
            }
            if has_more {
                // The requests under way get their turn between two stretches of work.
                tokio::task::yield_now().await;
                while let Ok(message) = inbox.try_recv() {
                    self.handle(message);
                }
                continue;
            }
            let sleep = self.next_deadline().saturating_sub(self.now()).min(IDLE);
            if let Ok(Some(message)) = tokio::time::timeout(sleep, inbox.recv()).await {
                self.handle(message);
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Resource(source, resource) => {
                self.source(source).1 = self.settings.mapper.clone().with_resource(&resource);
            }
            Message::Batch { source, spans, answer } => {
                self.ledger.take(spans.len());
                // The work on a batch is part of the wait for it.
                let came = self.now();
                self.waiting.came(&spans, came);
                self.ingest(source, spans);
                if let Some(answer) = answer {
                    self.waiting.export(answer, self.outbox.mark(), came);
                }
            }
            Message::Flush(deadline, answer) => {
                self.waiting.flush(answer, deadline, self.outbox.mark(), self.now());
            }
            Message::Shutdown(deadline, answer) => self.close(deadline, answer),
            Message::Check(deadline, answer) => {
                probe::start(self.outbox.destination(), deadline, answer);
            }
            Message::Answered(delivery, answer) => self.answered(delivery, answer),
            Message::Spool(report) => self.spooled(*report),
            Message::Spotlight(answer) => {
                let now = self.now();
                let trouble = self.spotlight.as_mut().and_then(|to| to.answered(answer, now));
                if let Some(trouble) = trouble {
                    self.voice.no_spotlight(&trouble);
                }
            }
        }
    }

    /// Sends some of what has waited too long, or of everything at the end, while there is room
    /// for it; tells whether there is more to do at once.
    fn pump(&mut self) -> bool {
        self.hear_handles();
        let now = self.now();
        self.outbox.report(now, SystemTime::now(), false);
        let sources: Vec<_> = self.sources.keys().copied().collect();
        let mut left = STRETCH;
        for source in sources {
            while left > 0 && self.outbox.has_room() {
                let is_closing = self.closing.is_some();
                let buffer = &mut self.source(source).0;
                let next = if is_closing { buffer.drain_next() } else { buffer.expire_next(now) };
                let Some(segments) = next else { break };
                left = left.saturating_sub(1);
                self.process(source, segments);
            }
        }
        left == 0
    }

    fn source(&mut self, source: Source) -> &mut (SegmentBuffer, Mapper) {
        let Settings { mapper, segment_timeout, pending, max_spans, .. } = &self.settings;
        self.sources.entry(source).or_insert_with(|| {
            let buffer = SegmentBuffer::new().with_timeout(*segment_timeout);
            (buffer.with_max_pending(*pending).with_max_spans(*max_spans), mapper.clone())
        })
    }

    fn ingest(&mut self, source: Source, mut spans: Vec<SpanData>) {
        let all = spans.len();
        if self.closing.is_some() {
            self.lose(Amount::spans(count(all)), DropReason::ShutDown);
            return;
        }
        spans.retain(|span| !self.own_traffic.as_ref().is_some_and(|own| own.includes(span)));
        let own = count(all.saturating_sub(spans.len()));
        let now = self.now();
        let ingested = self.source(source).0.ingest(spans, now);
        for (spans, reason) in [
            (own, DropReason::OwnTraffic),
            (ingested.unsampled, DropReason::Unsampled),
            (ingested.invalid, DropReason::InvalidId),
            (ingested.duplicates, DropReason::Duplicate),
        ] {
            if spans > 0 {
                self.lose(Amount::spans(spans), reason);
            }
        }
        self.process(source, ingested.segments);
    }

    fn process(&mut self, source: Source, segments: Vec<Segment>) {
        for segment in segments {
            let times = (self.now(), SystemTime::now());
            let Some((_, mapper)) = self.sources.get(&source) else { return };
            if let Some(spotlight) = &mut self.spotlight {
                spotlight.copy(&segment, mapper, times);
            }
            let whole = Amount::of(ItemKind::Transaction, count(segment.spans.len()));
            let Some(intake) = &mut self.intake else {
                self.lose(whole, DropReason::NoDsn);
                continue;
            };
            let limits = &self.outbox.limits;
            let prepare = AssertUnwindSafe(|| intake.prepare(segment, mapper, limits, times));
            let prepared = catch_unwind(prepare).unwrap_or_else(|_| Prepared::failed(whole));
            self.ledger.repeated(prepared.repeated_errors);
            let mut dropped = prepared.dropped;
            for envelope in prepared.envelopes {
                dropped.extend(self.outbox.push(envelope, times.0));
            }
            for (amount, reason) in dropped {
                self.lose(amount, reason);
            }
        }
    }

    fn answered(&mut self, delivery: Box<Delivery>, answer: Result<Response<Bytes>, Failure>) {
        let times = (self.now(), SystemTime::now());
        if let Ok(answer) = &answer {
            let status = answer.status().as_u16();
            let all = answer.headers().get_all("x-sentry-rate-limits").iter();
            let all: Vec<_> = all.filter_map(|value| value.to_str().ok()).collect();
            let limits = (!all.is_empty()).then(|| all.join(","));
            let retry_after = answer.headers().get("retry-after");
            let retry_after = retry_after.and_then(|value| value.to_str().ok());
            // A date that the server gives is one of its own clock.
            let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
            let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
            let times = (times.0, date.unwrap_or(times.1));
            self.outbox.limits.update(times, status, limits.as_deref(), retry_after);
            self.voice.answered(status, &delivery);
        }
        let verdict = Verdict::of(&answer, &self.outbox.server());
        let end = match &answer {
            Err(Failure::Cut) => Unanswered::Cut,
            Err(Failure::Transport(error)) if error.is_unsent() => Unanswered::NeverLeft,
            _ => Unanswered::Failed,
        };
        // A report that travelled alone has had its answer, whatever that says.
        let is_told =
            verdict == Verdict::Delivered || (answer.is_ok() && delivery.queued.is_none());
        if answer.is_ok() {
            self.outbox.answered();
            self.ledger.reached();
            self.voice.works();
        }
        match verdict {
            Verdict::Delivered => self.ledger.delivered(delivery.amount, delivery.bytes),
            Verdict::Lost { reason, is_reported, trouble } => {
                self.trouble(format!("could not deliver to Sentry: {trouble}"), reason);
                self.lose_sent(&delivery, reason, is_reported);
            }
            Verdict::Unanswered { trouble } => {
                if let Some(trouble) = trouble {
                    self.trouble(
                        format!("could not deliver to Sentry: {trouble}"),
                        DropReason::Unreachable,
                    );
                }
                match self.outbox.again(delivery, end, times.0, jitter()) {
                    Ok(overflow) => {
                        overflow.into_iter().for_each(|(amount, reason)| self.lose(amount, reason));
                    }
                    Err(delivery) => {
                        self.lose_sent(&delivery, DropReason::Unreachable, true);
                        self.outbox.settle(delivery, false, times.0);
                    }
                }
                return;
            }
        }
        self.outbox.settle(delivery, is_told, times.0);
    }

    pub(super) fn trouble(&mut self, trouble: String, reason: DropReason) {
        let is_new = self.voice.trouble(&trouble, reason);
        self.ledger.trouble(trouble, reason, is_new);
    }

    /// Counts an envelope that was sent in vain; a report that is lost is told again instead.
    fn lose_sent(&mut self, delivery: &Delivery, reason: DropReason, is_reported: bool) {
        match delivery.queued {
            Some(_) if is_reported => self.lose(delivery.amount, reason),
            Some(_) => self.ledger.dropped(delivery.amount, reason),
            None => {}
        }
    }

    fn dispatch(&mut self) {
        let limited = self.outbox.dispatch(self.now(), SystemTime::now());
        for (amount, reason) in limited {
            self.lose(amount, reason);
        }
        if let Some(spotlight) = &mut self.spotlight {
            spotlight.dispatch(&self.to_self);
        }
    }

    /// Whether Spotlight has, or will never have, its copies.
    pub(super) fn is_copied(&self) -> bool {
        self.spotlight.as_ref().is_none_or(Spotlight::is_settled)
    }

    pub(super) fn lose(&mut self, amount: Amount, reason: DropReason) {
        self.ledger.dropped(amount, reason);
        self.lost(amount, reason);
    }

    /// Tells of a loss that is counted already.
    fn lost(&mut self, amount: Amount, reason: DropReason) {
        self.outbox.lose(amount, reason, self.now());
        self.voice.dropped(amount, reason);
    }

    fn hear_handles(&mut self) {
        for (reason, spans) in self.ledger.take_unheard() {
            self.lost(Amount::spans(spans), reason);
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// When there is something to do even if nobody says anything.
    fn next_deadline(&self) -> Duration {
        // Without room, the end of a request is the next thing to happen.
        let buffers = self.sources.values().filter(|_| self.outbox.has_room());
        let is_closing = self.closing.is_some();
        let buffers = buffers.filter_map(|(buffer, _)| match is_closing {
            true => (!buffer.is_empty()).then_some(Duration::ZERO),
            false => buffer.next_deadline(),
        });
        let closing = self.closing.iter().map(|closing| {
            if self.outbox.can_be_cut() { closing.store_at() } else { closing.deadline() }
        });
        let outbox = self.outbox.next_deadline().into_iter().chain(self.outbox.next_try());
        let others = self.waiting.next_deadline().into_iter().chain(outbox);
        let due = buffers.chain(closing).chain(others).min();
        due.unwrap_or(Duration::MAX)
    }
}

/// A number from 0 to 1, so that many processes do not try again at the same moment.
fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    random as f64 / u64::MAX as f64
}
