mod ingest;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Settings;
use super::arrivals::Arrivals;
use super::captured::Captured;
use super::closing::Closing;
use super::early::Early;
use super::inbox::{Inbox, Message, Source};
use super::intake::Intake;
use super::leaving::Leaving;
#[cfg(feature = "logs")]
use super::logs::LogBatch;
use super::outboxes::Outboxes;
use super::own_traffic::OwnTraffic;
use super::panics::Panics;
use super::probe;
use super::quiet::Quiet;
use super::recent::Recent;
use super::routing::Routing;
use super::spotlight::Spotlight;
use super::voice::Voice;
use super::waiting::Waiting;
use crate::dsn::dsn_text;
use crate::mapping::Mapper;
use crate::propagation::TraceHead;
use crate::segment::{IdMap, SegmentBuffer};
use crate::stats::Ledger;

/// The state of the thread.
pub(super) struct Worker {
    pub(super) settings: Settings,
    pub(super) ledger: Arc<Ledger>,
    started: Instant,
    pub(super) sources: IdMap<Source, (SegmentBuffer, Mapper)>,
    /// Absent where nothing is sent to Sentry.
    pub(super) intake: Option<Intake>,
    own_traffic: Vec<OwnTraffic>,
    pub(super) outboxes: Outboxes,
    /// Absent where there is one project alone.
    pub(super) routing: Option<Routing>,
    pub(super) spotlight: Option<Spotlight>,
    pub(super) panics: Panics,
    to_self: Inbox,
    pub(super) waiting: Waiting,
    pub(super) voice: Voice,
    pub(super) early: Early,
    pub(super) recent: Recent,
    #[cfg(feature = "logs")]
    pub(super) log_batch: LogBatch,
    pub(super) leaving: Leaving,
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
        to_self: Inbox,
        quiet: Quiet,
    ) -> Self {
        let dsn = settings.destination.as_ref().map(|to| &to.dsn);
        // Without any project there is no key to tell.
        let has_project = dsn.is_some() || settings.routing.is_some();
        let head = || has_project.then(|| TraceHead::of(Arc::clone(&settings.traces)));
        let spotlight = settings.spotlight.take().map(|to| {
            let dsn = dsn.map(dsn_text).unwrap_or_default();
            Spotlight::new(to, head(), settings.hooks.clone(), dsn)
        });
        #[cfg(feature = "logs")]
        let spotlight = spotlight.map(|it| it.with_log_errors(settings.log_errors));
        let (sampling, hooks) = (settings.sampling.take(), settings.hooks.clone());
        let captured = Captured::of(Arc::clone(&settings.registry));
        let outboxes = Outboxes::new(&mut settings, &to_self);
        let own_traffic = OwnTraffic::to_all(outboxes.destinations().map(|to| &to.dsn));
        let head = TraceHead::of(Arc::clone(&settings.traces));
        let intake = outboxes.destinations().next();
        let intake =
            intake.map(|_| Intake::new(head, sampling, hooks, captured, settings.compression));
        #[cfg(feature = "logs")]
        let intake = intake.map(|intake| intake.with_log_errors(settings.log_errors));
        Self {
            routing: settings.routing.take(),
            spotlight,
            intake,
            own_traffic,
            outboxes,
            to_self,
            settings,
            ledger,
            started: Instant::now(),
            sources: IdMap::default(),
            panics: Panics::default(),
            waiting: Waiting::default(),
            voice: Voice::new(quiet),
            early: Early::default(),
            recent: Recent::new(),
            #[cfg(feature = "logs")]
            log_batch: LogBatch::new(),
            leaving: Leaving::default(),
            closing: None,
        }
    }

    pub(super) async fn run(mut self, mut arrivals: Arrivals) {
        let mut has_begun_requests = false;
        loop {
            let has_more = self.pump();
            self.left();
            self.store_in_time();
            self.dispatch();
            self.waiting.answer(&self.outboxes, self.is_copied(), self.now());
            if let Some(result) = self.closed(has_more) {
                // What it was told to do about files is done by then, or never.
                self.outboxes.first_mut().spooler.end();
                arrivals.close();
                // This waits for senders that were about to put theirs in.
                while let Some(message) = arrivals.next(true).await {
                    self.handle(message);
                }
                self.end(result);
                return;
            }
            if has_more {
                // The requests under way get their turn between two stretches of work.
                tokio::task::yield_now().await;
                while let Some(message) = arrivals.next_now() {
                    self.handle(message);
                }
                continue;
            }
            if std::mem::take(&mut has_begun_requests) {
                // They get their turn before the next batch, while what they send is at hand.
                tokio::task::yield_now().await;
            }
            let sleep = self.next_deadline().saturating_sub(self.now()).min(IDLE);
            let next = arrivals.next(self.is_waited_for());
            if let Ok(Some(message)) = tokio::time::timeout(sleep, next).await {
                has_begun_requests = self.handle_together(message, &mut arrivals);
            }
        }
    }

    /// Whether somebody waits for what came before, or for the end.
    fn is_waited_for(&self) -> bool {
        self.waiting.is_urgent() || self.early.has_flushes() || self.is_draining()
    }

    /// Handles a message; if a request has ended, together with others that have ended as well.
    /// Tells whether there were spans among them.
    fn handle_together(&mut self, mut message: Message, arrivals: &mut Arrivals) -> bool {
        let is_end = |message: &Message| matches!(message, Message::Answered(..));
        while is_end(&message) {
            self.handle(message);
            let Some(next) = arrivals.next_now() else { return false };
            if !is_end(&next) {
                // Other work takes long, and there is room for requests now.
                self.dispatch();
            }
            message = next;
        }
        let is_batch = matches!(message, Message::Batch { .. });
        self.handle(message);
        is_batch
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Resource(source, resource) => {
                self.source(source).1 = self.settings.mapper.clone().with_resource(&resource);
                self.note_resource(source, resource);
            }
            Message::Batch { source, batch, answer, .. } => {
                self.ledger.take(batch.spans().len(), batch.bytes());
                // The work on a batch is part of the wait for it.
                let came = self.now();
                self.waiting.came(batch.spans(), came);
                self.ingest(source, batch);
                if let Some(answer) = answer {
                    self.waiting.export(answer, self.outboxes.mark(), came);
                }
            }
            #[cfg(feature = "logs")]
            Message::Logs { source, records, bytes, answer } => {
                self.ledger.take_logs(records.len(), bytes);
                self.logged(source, records, answer);
            }
            Message::Leave(deadline, answer) => self.leave(deadline, answer),
            Message::Flush(deadline, answer) => {
                #[cfg(feature = "logs")]
                self.send_logs();
                self.send_all_alone();
                self.flush(deadline, answer);
            }
            Message::Shutdown(deadline, answer) => {
                self.send_all_alone();
                self.close(deadline, answer);
            }
            Message::Panic(panic) => self.panicked(&panic),
            Message::Check(deadline, answer) => {
                let protocol = self.settings.protocol;
                probe::start(self.outboxes.destinations(), protocol, deadline, answer);
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
        #[cfg(feature = "logs")]
        self.send_due_logs(now);
        self.outboxes.report(now, SystemTime::now(), false);
        let alone = self.panics.due(now);
        self.send_alone(alone);
        let mut left = STRETCH;
        while left > 0
            && self.closing.is_none()
            && self.outboxes.has_room()
            && self.send_next_early(now)
        {
            left = left.saturating_sub(1);
        }
        self.flush_hurried();
        let is_closing = self.is_draining();
        let is_due = |buffer: &SegmentBuffer| {
            is_closing || buffer.next_deadline().is_some_and(|deadline| deadline <= now)
        };
        let due = self.sources.iter().filter(|(_, (buffer, _))| is_due(buffer));
        for source in due.map(|(source, _)| *source).collect::<Vec<_>>() {
            while left > 0 && self.outboxes.has_room() {
                let buffer = &mut self.source(source).0;
                let next = if is_closing { buffer.drain_next() } else { buffer.expire_next(now) };
                let Some(segments) = next else { break };
                left = left.saturating_sub(1);
                self.process(source, segments);
            }
        }
        left == 0
    }

    pub(super) fn source(&mut self, source: Source) -> &mut (SegmentBuffer, Mapper) {
        let Settings { mapper, segment_timeout, pending, .. } = &self.settings;
        self.sources.entry(source).or_insert_with(|| {
            let buffer = SegmentBuffer::new().with_timeout(*segment_timeout);
            (buffer.with_max_pending(*pending).undivided(), mapper.clone())
        })
    }

    fn dispatch(&mut self) {
        let limited = self.outboxes.dispatch(self.now(), SystemTime::now());
        for (way, amount, reason) in limited {
            self.lose_at(way, amount, reason);
        }
        if let Some(spotlight) = &mut self.spotlight {
            spotlight.dispatch(&self.to_self);
        }
    }

    /// Whether Spotlight has, or will never have, its copies.
    pub(super) fn is_copied(&self) -> bool {
        self.spotlight.as_ref().is_none_or(Spotlight::is_settled)
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// When there is something to do even if nobody says anything.
    fn next_deadline(&self) -> Duration {
        // Without room, the end of a request is the next thing to happen.
        let buffers = self.sources.values().filter(|_| self.outboxes.has_room());
        let is_closing = self.is_draining();
        let buffers = buffers.filter_map(|(buffer, _)| match is_closing {
            true => (!buffer.is_empty()).then_some(Duration::ZERO),
            false => buffer.next_deadline(),
        });
        let closing = self.closing.iter().map(|closing| {
            if self.outboxes.first().can_be_cut() { closing.store_at() } else { closing.deadline() }
        });
        let outboxes = self.outboxes.next_deadline();
        let others = self.waiting.next_deadline().into_iter().chain(outboxes);
        #[cfg(feature = "logs")]
        let others = others.chain(self.log_batch.next_deadline());
        let early = self.early.next_deadline().filter(|_| !is_closing && self.outboxes.has_room());
        let others = others.chain(self.panics.next_deadline()).chain(early);
        let due = buffers.chain(closing).chain(others).min();
        due.unwrap_or(Duration::MAX)
    }
}
