use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::Settings;
use super::inbox::{Delivery, Failure, Message, Source};
use super::intake::{Intake, count};
use super::outbox::Outbox;
use super::own_traffic::OwnTraffic;
use super::quiet::Quiet;
use super::verdict::Verdict;
use super::voice::Voice;
use super::waiting::Waiting;
use crate::mapping::Mapper;
use crate::propagation::TraceHead;
use crate::segment::{Segment, SegmentBuffer};
use crate::stats::{Amount, DropReason, Ledger};

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    settings: Settings,
    ledger: Arc<Ledger>,
    started: Instant,
    sources: HashMap<Source, (SegmentBuffer, Mapper)>,
    intake: Intake,
    own_traffic: OwnTraffic,
    outbox: Outbox,
    waiting: Waiting,
    voice: Voice,
    closing: Option<Closing>,
}

/// A shutdown under way.
#[derive(Debug)]
struct Closing {
    timeout: Duration,
    deadline: Duration,
    answer: SyncSender<OTelSdkResult>,
    is_reported: bool,
}

/// How long to sleep at most.
const IDLE: Duration = Duration::from_secs(3600);

impl Worker {
    pub(super) fn new(
        settings: Settings,
        ledger: Arc<Ledger>,
        to_self: UnboundedSender<Message>,
        quiet: Quiet,
    ) -> Self {
        Self {
            intake: Intake::new(TraceHead::of(&settings.dsn)),
            own_traffic: OwnTraffic::to(&settings.dsn),
            outbox: Outbox::new(&settings, to_self),
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
            let sleep = self.next_deadline().saturating_sub(self.now()).min(IDLE);
            match tokio::time::timeout(sleep, inbox.recv()).await {
                Ok(Some(message)) => self.handle(message),
                Ok(None) => return,
                Err(_) => {}
            }
            self.expire();
            self.dispatch();
            self.waiting.answer(&self.outbox, self.now());
            if let Some(result) = self.closed() {
                inbox.close();
                while let Ok(message) = inbox.try_recv() {
                    self.handle(message);
                }
                self.end(result);
                return;
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
                self.waiting.came(spans.len(), self.now());
                self.ingest(source, spans);
                if let Some(answer) = answer {
                    self.waiting.export(answer, self.outbox.mark(), self.now());
                }
            }
            Message::Flush(answer) => self.waiting.flush(answer, self.outbox.mark()),
            Message::Shutdown(timeout, answer) => self.close(timeout, answer),
            Message::Answered(delivery, answer) => self.answered(delivery, answer),
        }
    }

    fn source(&mut self, source: Source) -> &mut (SegmentBuffer, Mapper) {
        let Settings { mapper, segment_timeout, pending, max_spans, .. } = &self.settings;
        self.sources.entry(source).or_insert_with(|| {
            let buffer = SegmentBuffer::new().with_timeout(*segment_timeout);
            (buffer.with_max_pending(*pending).with_max_spans(*max_spans), mapper.clone())
        })
    }

    fn ingest(&mut self, source: Source, mut spans: Vec<SpanData>) {
        if self.closing.is_some() {
            self.lose(Amount::spans(count(spans.len())), DropReason::ShutDown);
            return;
        }
        let (now, all) = (self.now(), spans.len());
        spans.retain(|span| !self.own_traffic.includes(span));
        let own = count(all.saturating_sub(spans.len()));
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
            let prepared = self.intake.prepare(segment, mapper, &self.outbox.limits, times);
            self.ledger.repeated(prepared.repeated_errors);
            let mut dropped = prepared.dropped;
            for envelope in prepared.envelopes {
                dropped.extend(self.outbox.push(envelope, times.0));
            }
            for (amount, reason) in dropped {
                self.lose(amount, reason);
            }
            // The first requests leave while the rest of a large batch is still being mapped.
            self.dispatch();
        }
    }

    /// Sends everything that waits for a parent, and then only what is there.
    fn close(&mut self, timeout: Duration, answer: SyncSender<OTelSdkResult>) {
        if self.closing.is_some() {
            let _ = answer.try_send(Err(OTelSdkError::AlreadyShutdown));
            return;
        }
        let sources: Vec<_> = self.sources.keys().copied().collect();
        for source in sources {
            let segments = self.source(source).0.drain();
            self.process(source, segments);
        }
        self.outbox.close();
        // Some of the time is kept for what follows the last request.
        let kept = timeout.div_f32(20.0).min(Duration::from_millis(100));
        let deadline = self.now().saturating_add(timeout.saturating_sub(kept));
        self.closing = Some(Closing { timeout, deadline, answer, is_reported: false });
    }

    fn answered(&mut self, delivery: Box<Delivery>, answer: Result<Response<Bytes>, Failure>) {
        let times = (self.now(), SystemTime::now());
        if let Ok(answer) = &answer {
            let status = answer.status().as_u16();
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let limits = header("x-sentry-rate-limits");
            self.outbox.limits.update(times, status, limits, header("retry-after"));
            self.voice.answered(status, &delivery);
        }
        let dsn = &self.settings.dsn;
        let server = format!("{}://{}:{}", dsn.scheme(), dsn.host(), dsn.port());
        let verdict = Verdict::of(&answer, &server);
        let is_told = verdict == Verdict::Delivered;
        if answer.is_ok() {
            self.outbox.answered();
            self.ledger.reached();
            self.voice.works();
        }
        match verdict {
            Verdict::Delivered => self.ledger.delivered(delivery.amount, delivery.bytes),
            Verdict::Lost { reason, is_reported, trouble } => {
                self.trouble(trouble, reason);
                self.lose_sent(&delivery, reason, is_reported);
            }
            Verdict::Unanswered { trouble } => {
                self.trouble(trouble, DropReason::Unreachable);
                match self.outbox.again(delivery, times.0, jitter()) {
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

    fn trouble(&mut self, trouble: String, reason: DropReason) {
        let trouble = format!("could not deliver to Sentry: {trouble}");
        self.voice.trouble(&trouble, reason);
        self.ledger.trouble(trouble, reason);
    }

    /// Counts an envelope that was sent in vain; a report that is lost is told again instead.
    fn lose_sent(&mut self, delivery: &Delivery, reason: DropReason, is_reported: bool) {
        match delivery.queued {
            Some(_) if is_reported => self.lose(delivery.amount, reason),
            Some(_) => drop(self.ledger.dropped(delivery.amount, reason)),
            None => {}
        }
    }

    fn expire(&mut self) {
        let now = self.now();
        let is_due = |buffer: &SegmentBuffer| buffer.next_deadline().is_some_and(|due| due <= now);
        let due: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, (buffer, _))| is_due(buffer))
            .map(|(source, _)| *source)
            .collect();
        for source in due {
            let segments = self.source(source).0.expire(now);
            self.process(source, segments);
        }
        self.outbox.report(now, SystemTime::now(), false);
    }

    fn dispatch(&mut self) {
        let limited = self.outbox.dispatch(self.now(), SystemTime::now());
        for (amount, reason) in limited {
            self.lose(amount, reason);
        }
    }

    /// How the shutdown ended, if it has.
    fn closed(&mut self) -> Option<OTelSdkResult> {
        let (now, is_idle) = (self.now(), self.outbox.is_idle());
        let closing = self.closing.as_mut()?;
        if is_idle && !closing.is_reported {
            closing.is_reported = true;
            self.outbox.report(now, SystemTime::now(), true);
        }
        if self.outbox.is_idle() {
            return Some(Ok(()));
        }
        let is_late = now >= closing.deadline;
        is_late.then_some(Err(OTelSdkError::Timeout(closing.timeout)))
    }

    fn end(&mut self, result: OTelSdkResult) {
        self.outbox.abandon(&self.ledger);
        self.voice.ended(&self.ledger.stats());
        if let Some(closing) = self.closing.take() {
            let _ = closing.answer.try_send(result);
        }
    }

    fn lose(&mut self, amount: Amount, reason: DropReason) {
        let is_first = self.ledger.dropped(amount, reason);
        self.outbox.lose(amount, reason, self.now());
        if is_first && reason != DropReason::Unsampled {
            self.voice.dropped(amount, reason);
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// When there is something to do even if nobody says anything.
    fn next_deadline(&self) -> Duration {
        let buffers = self.sources.values().filter_map(|(buffer, _)| buffer.next_deadline());
        let closing = self.closing.iter().map(|closing| closing.deadline);
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
