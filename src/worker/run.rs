use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry::{otel_debug, otel_info, otel_warn};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::Settings;
use super::delivery::Delivery;
use super::inbox::{Answer, Failure, Message, Source};
use super::intake::{Intake, count};
use super::outbox::Outbox;
use super::quiet::Quiet;
use crate::mapping::Mapper;
use crate::propagation::TraceHead;
use crate::segment::{Segment, SegmentBuffer};
use crate::stats::{Amount, DropReason, Ledger};

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    settings: Settings,
    ledger: Arc<Ledger>,
    quiet: Quiet,
    started: Instant,
    sources: HashMap<Source, (SegmentBuffer, Mapper)>,
    intake: Intake,
    outbox: Outbox,
    waiting: Vec<Waiting>,
    closing: Option<Closing>,
    /// What has been said once and need not be said again until it works again.
    said: HashSet<String>,
}

/// Somebody who waits for envelopes before a mark, or for room.
#[derive(Debug)]
struct Waiting {
    until: Until,
    /// After which it is no use to wait on; without one, the other side has its own clock.
    deadline: Option<Duration>,
}

#[derive(Debug)]
enum Until {
    Room(SyncSender<()>),
    Settled(u64, SyncSender<()>),
    Flushed(u64, SyncSender<OTelSdkResult>),
}

#[derive(Debug)]
struct Closing {
    timeout: Duration,
    deadline: Duration,
    answer: SyncSender<OTelSdkResult>,
    reported: bool,
}

/// How long an `export` waits at most.
const EXPORT_WAIT: Duration = Duration::from_secs(2);

/// How long to sleep where nothing is due.
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
            outbox: Outbox::new(&settings, to_self),
            settings,
            ledger,
            quiet,
            started: Instant::now(),
            sources: HashMap::new(),
            waiting: Vec::new(),
            closing: None,
            said: HashSet::new(),
        }
    }

    pub(super) async fn run(mut self, mut inbox: UnboundedReceiver<Message>) {
        loop {
            let wake = self.started.checked_add(self.next_deadline()).unwrap_or_else(Instant::now);
            match tokio::time::timeout_at(wake, inbox.recv()).await {
                Ok(Some(message)) => self.handle(message),
                Ok(None) => return,
                Err(_) => self.expire(),
            }
            self.dispatch();
            self.answer();
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
                self.ingest(source, spans);
                self.wait(answer);
            }
            Message::Flush(answer) => {
                let until = Until::Flushed(self.outbox.mark(), answer);
                self.waiting.push(Waiting { until, deadline: None });
            }
            Message::Shutdown(timeout, answer) => self.close(timeout, answer),
            Message::Answered(delivery, answer) => self.answered(delivery, answer),
        }
    }

    fn source(&mut self, source: Source) -> &mut (SegmentBuffer, Mapper) {
        let Settings { mapper, segment_timeout, max_spans, .. } = &self.settings;
        self.sources.entry(source).or_insert_with(|| {
            let buffer =
                SegmentBuffer::new().with_timeout(*segment_timeout).with_max_spans(*max_spans);
            (buffer, mapper.clone())
        })
    }

    fn ingest(&mut self, source: Source, spans: Vec<SpanData>) {
        if self.closing.is_some() {
            self.lose(Amount::spans(count(spans.len())), DropReason::ShutDown);
            return;
        }
        let now = self.now();
        let ingested = self.source(source).0.ingest(spans, now);
        for (spans, reason) in [
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
            let Some((_, mapper)) = self.sources.get(&source) else {
                return;
            };
            let prepared = self.intake.prepare(segment, mapper, &self.outbox.limits, times);
            self.ledger.repeated(prepared.repeated_errors);
            let mut dropped = prepared.dropped;
            for envelope in prepared.envelopes {
                dropped.extend(self.outbox.push(envelope));
            }
            for (amount, reason) in dropped {
                self.lose(amount, reason);
            }
            // The first requests leave while the rest of a large batch is still being mapped.
            self.dispatch();
        }
    }

    fn wait(&mut self, answer: Option<Answer>) {
        let until = match answer {
            Some(Answer::Room(answer)) => Until::Room(answer),
            Some(Answer::Delivered(answer)) => Until::Settled(self.outbox.mark(), answer),
            None => return,
        };
        let deadline = Some(self.now().saturating_add(EXPORT_WAIT));
        self.waiting.push(Waiting { until, deadline });
    }

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
        // Some of the time is kept for what follows the last request.
        let deadline = self.now().saturating_add(timeout.mul_f32(0.95));
        self.closing = Some(Closing { timeout, deadline, answer, reported: false });
    }

    fn answered(&mut self, delivery: Delivery, answer: Result<http::Response<Bytes>, Failure>) {
        let times = (self.now(), SystemTime::now());
        let mut told = false;
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let header =
                    |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
                let limits = header("x-sentry-rate-limits");
                self.outbox.limits.update(times, status, limits, header("retry-after"));
                told = answer.status().is_success();
                self.debug(status, &delivery);
                if told {
                    self.ledger.delivered(delivery.amount, delivery.bytes);
                    self.recover();
                } else if status == 429 {
                    // The server has counted it itself.
                    self.ledger.dropped(delivery.amount, DropReason::RateLimited);
                    self.trouble(format!("429 {}", DropReason::RateLimited), None);
                } else {
                    self.lose(delivery.amount, DropReason::Refused);
                    let (reason, advice) = refusal(status);
                    self.trouble(format!("the server answered {reason}"), Some(advice));
                }
            }
            Err(Failure::Transport(error)) => {
                self.lose(delivery.amount, DropReason::Unreachable);
                let server = self.server();
                self.trouble(format!("{server}: {}", error.reason), error.advice);
            }
            Err(Failure::Panicked) => {
                self.lose(delivery.amount, DropReason::Internal);
                self.trouble("the transport panicked".into(), None);
            }
        }
        self.outbox.settle(delivery, told, times.0);
    }

    fn expire(&mut self) {
        let now = self.now();
        let sources: Vec<_> = self.sources.keys().copied().collect();
        for source in sources {
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

    /// Tells those whose wait is over.
    fn answer(&mut self) {
        let now = self.now();
        let outbox = &self.outbox;
        self.waiting.retain(|waiting| {
            let is_over = match &waiting.until {
                Until::Room(_) => !outbox.is_full(),
                Until::Settled(mark, _) | Until::Flushed(mark, _) => outbox.is_settled(*mark),
            };
            if !is_over && waiting.deadline.is_none_or(|deadline| deadline > now) {
                return true;
            }
            // Whoever gave up waiting has dropped the other end.
            match &waiting.until {
                Until::Room(answer) | Until::Settled(_, answer) => drop(answer.try_send(())),
                Until::Flushed(_, answer) => drop(answer.try_send(Ok(()))),
            }
            false
        });
    }

    /// How the shutdown ended, if it has.
    fn closed(&mut self) -> Option<OTelSdkResult> {
        let (now, is_idle) = (self.now(), self.outbox.is_idle());
        let closing = self.closing.as_mut()?;
        if now >= closing.deadline {
            let rest = self.ledger.stats().spans_pending;
            return Some(if is_idle && rest == 0 {
                Ok(())
            } else {
                Err(OTelSdkError::Timeout(closing.timeout))
            });
        }
        if is_idle && !closing.reported {
            closing.reported = true;
            self.outbox.report(now, SystemTime::now(), true);
        }
        self.outbox.is_idle().then_some(Ok(()))
    }

    fn end(&mut self, result: OTelSdkResult) {
        self.outbox.abandon(&self.ledger);
        // What was in flight when the time ran out has no other account.
        let pending = self.ledger.stats().spans_pending;
        if pending > 0 {
            self.ledger.dropped(Amount::spans(pending), DropReason::ShutDown);
        }
        let stats = self.ledger.stats();
        if stats.spans_dropped > 0 || stats.events_dropped > 0 {
            self.quiet.speak(|| {
                otel_warn!(name: "SentryExporter.Shutdown", summary = stats.to_string());
            });
        }
        if let Some(closing) = self.closing.take() {
            let _ = closing.answer.try_send(result);
        }
    }

    fn lose(&mut self, amount: Amount, reason: DropReason) {
        let is_first = self.ledger.dropped(amount, reason);
        self.outbox.lose(amount, reason, self.now());
        if is_first && reason != DropReason::Unsampled {
            let Amount { spans, events, .. } = amount;
            self.quiet.speak(|| {
                otel_warn!(
                    name: "SentryExporter.Dropped",
                    reason = reason.to_string(),
                    spans = spans,
                    events = events,
                    note = "further losses of this kind are counted in stats()"
                );
            });
        }
    }

    /// Says what went wrong, once until it works again.
    fn trouble(&mut self, what: String, advice: Option<&'static str>) {
        let advice = advice.unwrap_or("see the rate limits and quotas of the project");
        let text = format!("could not deliver to Sentry: {what}; {advice}");
        if self.said.insert(what) {
            self.quiet.speak(|| {
                otel_warn!(name: "SentryExporter.DeliveryFailed", reason = text.as_str());
            });
        }
        self.ledger.trouble(text);
    }

    fn recover(&mut self) {
        if !self.said.is_empty() {
            self.said.clear();
            self.quiet.speak(|| {
                otel_info!(name: "SentryExporter.DeliveryWorks");
            });
        }
    }

    fn debug(&mut self, status: u16, delivery: &Delivery) {
        let (bytes, amount) = (delivery.bytes, delivery.amount);
        self.quiet.speak(|| {
            otel_debug!(
                name: "SentryExporter.Answered",
                status = status,
                bytes = bytes,
                transactions = amount.transactions,
                spans = amount.spans,
                events = amount.events
            );
        });
    }

    fn server(&self) -> String {
        let dsn = &self.settings.dsn;
        format!("{}://{}:{}", dsn.scheme(), dsn.host(), dsn.port())
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// When there is something to do even if nobody says anything.
    fn next_deadline(&self) -> Duration {
        let buffers = self.sources.values().filter_map(|(buffer, _)| buffer.next_deadline());
        let waiting = self.waiting.iter().filter_map(|waiting| waiting.deadline);
        let closing = self.closing.iter().map(|closing| closing.deadline);
        let report = self.outbox.next_deadline();
        let due = buffers.chain(waiting).chain(closing).chain(report).min();
        due.unwrap_or_else(|| self.now().saturating_add(IDLE))
    }
}

/// What an answer that is no acceptance means, and what to do about it.
fn refusal(status: u16) -> (String, &'static str) {
    let advice = match status {
        300..=399 => "it points elsewhere; put the final address into the DSN",
        400 => {
            "check the key and the project id of the DSN, and that the address is that of Sentry"
        }
        401 | 403 => "the key of the DSN is unknown or disabled, or the project is",
        404 | 405 => "check host, path and project id of the DSN",
        407 => "the proxy wants credentials; see with_proxy",
        413 => "the server or a proxy before it takes less than Sentry does",
        500..=599 => "the server or a proxy before it is in trouble",
        _ => "check that the DSN points to a Sentry server",
    };
    let text = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    (format!("{status} {}", text.unwrap_or_default()), advice)
}
