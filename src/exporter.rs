mod batch_sizes;
#[cfg(feature = "logs")]
mod logs;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use opentelemetry::{Context, otel_warn};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use self::batch_sizes::{BatchSizes, Wait};
#[cfg(feature = "logs")]
pub use self::logs::SentryLogExporter;
use crate::check::Finding;
use crate::count::count;
use crate::error::BuildError;
use crate::mapping::Mapper;
use crate::propagation::{SentryPropagator, SentrySampler, Service, TraceRegistry};
use crate::segment::Batch;
use crate::sentry_sdk::Registry;
use crate::stats::{Amount, DropReason, Ledger, Room, Stats};
use crate::worker::{self, Answer, Deadline, EXPORT_WAIT, Inbox, Message, Settings, Source};

/// Sends the spans of OpenTelemetry to Sentry.
///
/// Register it with the batch processor of a tracer provider, and keep a clone where you want to
/// [`flush`](Self::flush) or read [`stats`](Self::stats). A clone is a handle to the same thread,
/// buffers and counters: two providers can share one exporter, each with its own resource, and the
/// first of them that shuts down shuts it down for both. Without a DSN the exporter does nothing,
/// quietly.
///
/// # When spans are delivered
///
/// `export` hands its spans to the exporter's own thread. On the thread of the batch processor it
/// waits until all complete segments are delivered, at most 2 seconds, when its batch was not a
/// full one; so `provider.force_flush()` means delivered. Anywhere else it never waits: with the
/// simple processor or the one for asynchronous runtimes, call [`flush`](Self::flush).
///
/// Call `provider.shutdown()` before the program ends: what is still buffered then, and segments
/// whose root has not ended, are only sent by that. In asynchronous code call it through
/// `tokio::task::spawn_blocking`, because it blocks.
#[derive(Clone)]
pub struct SentrySpanExporter {
    shared: Arc<Shared>,
    source: Source,
}

/// What all handles have in common.
struct Shared {
    /// Absent without a DSN.
    inbox: Option<Inbox>,
    ledger: Arc<Ledger>,
    links: Links,
    /// Whether spans have ended.
    is_shut_down: AtomicBool,
    /// How many of spans and logs have not ended; the thread ends with the last of them.
    open: AtomicUsize,
    has_said_disabled: AtomicBool,
    #[cfg(feature = "panic")]
    has_panic_hook: AtomicBool,
    next_source: AtomicU64,
    batches: BatchSizes,
}

/// What other parts of the application share with the thread.
#[derive(Debug)]
struct Links {
    /// What propagators and samplers know of traces.
    traces: Arc<TraceRegistry>,
    /// Tells what a resource says of a service.
    mapper: Mapper,
    #[cfg_attr(
        not(any(feature = "sentry", feature = "panic")),
        allow(dead_code, reason = "nobody else says what Sentry's SDK has sent")
    )]
    registry: Arc<Registry>,
}

/// How long a call waits for the thread where the thread itself should have answered before.
const ANSWER_WAIT: Duration = Duration::from_secs(4);

/// How long dropping the last handle may take.
const DROP_WAIT: Duration = Duration::from_millis(900);

impl SentrySpanExporter {
    pub(crate) fn start(settings: Settings, full_batch: usize) -> Result<Self, BuildError> {
        let ledger = Arc::new(Ledger::default());
        let links = Links {
            traces: Arc::clone(&settings.traces),
            mapper: settings.mapper.clone(),
            registry: Arc::clone(&settings.registry),
        };
        let inbox = worker::spawn(settings, Arc::clone(&ledger))
            .map_err(|error| BuildError::InternalFailure(error.to_string()))?;
        Ok(Self::with_inbox(Some(inbox), ledger, links, full_batch))
    }

    pub(crate) fn disabled(traces: Arc<TraceRegistry>) -> Self {
        let links = Links { traces, mapper: Mapper::new(), registry: Arc::default() };
        Self::with_inbox(None, Arc::default(), links, usize::MAX)
    }

    fn with_inbox(
        inbox: Option<Inbox>,
        ledger: Arc<Ledger>,
        links: Links,
        full_batch: usize,
    ) -> Self {
        let shared = Shared {
            inbox,
            ledger,
            links,
            is_shut_down: AtomicBool::new(false),
            open: AtomicUsize::new(1),
            has_said_disabled: AtomicBool::new(false),
            #[cfg(feature = "panic")]
            has_panic_hook: AtomicBool::new(false),
            next_source: AtomicU64::new(1),
            batches: BatchSizes::new(full_batch),
        };
        Self { shared: Arc::new(shared), source: Source::default() }
    }

    /// Waits until everything that is complete is delivered or given up, blocking the thread.
    ///
    /// Segments whose root has not ended yet stay where they are. Works on any thread, also inside
    /// of an asynchronous runtime, which it blocks, and after a shutdown.
    ///
    /// # Errors
    ///
    /// [`OTelSdkError::Timeout`] if `timeout` passed before; everything goes on then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use opentelemetry_sdk::{error::OTelSdkResult, trace::SdkTracerProvider};
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// fn before_freezing(provider: &SdkTracerProvider, exporter: &SentrySpanExporter) -> OTelSdkResult {
    ///     provider.force_flush()?; // What the batch processor holds comes to the exporter.
    ///     exporter.flush(Duration::from_secs(2))
    /// }
    /// ```
    pub fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.shared.flush(timeout)
    }

    /// Asks the server whether it takes what is sent, and explains the answer, blocking the thread.
    ///
    /// The probe goes the way of everything else, through the same transport, but past queues, rate
    /// limits and pauses after failures, so that it also tells how things stand while nothing is
    /// sent. It is an envelope with an empty client report, so that nothing shows up in Sentry. With
    /// a router all projects are asked, and the first that is not right is told. An answer comes
    /// within `timeout`, at the latest as [`Finding::TimedOut`].
    ///
    /// Call it at the start of a program, or from a command that says how it is set up. It works on
    /// any thread, also inside of an asynchronous runtime, which it blocks. After a shutdown it
    /// says [`Finding::ShutDown`].
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::from_env()?;
    /// let finding = exporter.check(Duration::from_secs(5));
    /// if !finding.is_ok() {
    ///     eprintln!("{finding}");
    /// }
    /// # Ok::<(), opentelemetry_sentry::BuildError>(())
    /// ```
    pub fn check(&self, timeout: Duration) -> Finding {
        let Some(inbox) = &self.shared.inbox else {
            return Finding::Disabled;
        };
        let (answer, answered) = mpsc::sync_channel(1);
        if inbox.send(Message::Check(Deadline::after(timeout), answer)).is_err() {
            return Finding::ShutDown;
        }
        match answered.recv_timeout(timeout) {
            Ok(finding) => finding,
            Err(RecvTimeoutError::Timeout) => Finding::TimedOut { after: timeout },
            Err(RecvTimeoutError::Disconnected) => Finding::ShutDown,
        }
    }

    /// What carries traces from and to other services, see [`SentryPropagator`].
    ///
    /// It shares with this exporter what the heads of traces say, so that Sentry gets it with
    /// everything that is sent. Traces that begin here are told the release and environment of
    /// the provider that was built last. Without a DSN it passes on what comes.
    ///
    /// ```
    /// use opentelemetry::global;
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::builder().build()?;
    /// global::set_text_map_propagator(exporter.propagator());
    /// # Ok::<(), opentelemetry_sentry::BuildError>(())
    /// ```
    pub fn propagator(&self) -> SentryPropagator {
        SentryPropagator::sharing(Arc::clone(&self.shared.links.traces))
    }

    /// A sampler for the provider, which samples this share of the traces that begin here, from 0
    /// to 1, see [`SentrySampler`]. The exporter's propagators tell the rate to other services.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::builder().build()?;
    /// let provider = SdkTracerProvider::builder()
    ///     .with_sampler(exporter.sampler(0.25))
    ///     .with_batch_exporter(exporter)
    ///     .build();
    /// # Ok::<(), opentelemetry_sentry::BuildError>(())
    /// ```
    pub fn sampler(&self, rate: f64) -> SentrySampler {
        SentrySampler::sharing(rate, Arc::clone(&self.shared.links.traces))
    }

    /// Whether there is a DSN or a Spotlight; without, the exporter does nothing.
    pub fn is_enabled(&self) -> bool {
        self.shared.inbox.is_some()
    }

    /// What became of all spans so far.
    ///
    /// ```
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::builder().build()?;
    /// let stats = exporter.stats();
    /// println!("{stats}");
    /// for (reason, spans) in &stats.dropped {
    ///     println!("{spans} spans were lost: {reason}");
    /// }
    /// # Ok::<(), opentelemetry_sentry::BuildError>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.shared.ledger.stats()
    }

    fn hand_over(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        let Some(inbox) = &self.shared.inbox else {
            self.say_disabled();
            return Ok(());
        };
        let amount = count(spans.len());
        self.shared.ledger.received(amount);
        if self.shared.is_shut_down.load(Ordering::Acquire) {
            return self.refuse(amount);
        }
        let batch = Batch::of(spans);
        let spans = batch.spans();
        let room = self.shared.ledger.hand_over(spans.len(), batch.bytes());
        if room == Room::None {
            self.shared.ledger.dropped_by_handle(Amount::spans(amount), DropReason::QueueFull);
            return Err(OTelSdkError::InternalFailure(
                "spans come faster than they are mapped".into(),
            ));
        }
        let wait = self.shared.batches.wait(spans.iter().map(|span| span.end_time));
        let (answer, answered) = mpsc::sync_channel(1);
        let may_wait = may_wait();
        let answer = if wait == Wait::ForDelivery && may_wait {
            Some(Answer::Delivered(answer))
        } else {
            // That there is little room has to be known even where nobody can wait for more.
            (room == Room::Scarce).then_some(Answer::Room(answer))
        };
        let waits = answer.is_some() && may_wait;
        let source = self.source;
        let is_burst = wait == Wait::InBurst;
        if inbox.send(Message::Batch { source, batch, is_burst, answer }).is_err() {
            return self.refuse(amount);
        }
        if waits {
            // What has not been delivered by now still is in good hands.
            let _ = answered.recv_timeout(EXPORT_WAIT);
        }
        self.shared.batches.ended();
        match self.shared.ledger.take_untold() {
            Some(trouble) => Err(OTelSdkError::InternalFailure(trouble)),
            None => Ok(()),
        }
    }

    /// Says once that nothing is sent; not while it is built, when often nobody listens yet.
    fn say_disabled(&self) {
        if !self.shared.has_said_disabled.swap(true, Ordering::Relaxed) {
            otel_warn!(
                name: "SentryExporter.Disabled",
                reason = "there is no DSN, so no spans are sent: set SENTRY_DSN or call with_dsn"
            );
        }
    }

    fn refuse(&self, spans: u64) -> OTelSdkResult {
        self.shared.ledger.dropped_by_handle(Amount::spans(spans), DropReason::ShutDown);
        Err(OTelSdkError::AlreadyShutdown)
    }
}

#[cfg(any(feature = "sentry", feature = "panic"))]
impl SentrySpanExporter {
    /// What Sentry's own SDK says that it has sent.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.shared.links.registry
    }
}

/// A way to an exporter that does not keep it alive.
#[cfg(feature = "panic")]
pub(crate) struct WeakExporter(std::sync::Weak<Shared>);

#[cfg(feature = "panic")]
impl WeakExporter {
    pub(crate) fn upgrade(&self) -> Option<SentrySpanExporter> {
        let shared = self.0.upgrade()?;
        Some(SentrySpanExporter { shared, source: Source::default() })
    }
}

#[cfg(feature = "panic")]
impl SentrySpanExporter {
    pub(crate) fn weak(&self) -> WeakExporter {
        WeakExporter(Arc::downgrade(&self.shared))
    }

    /// Whether the exporter had no hook until now.
    pub(crate) fn claim_panic_hook(&self) -> bool {
        !self.shared.has_panic_hook.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn release_panic_hook(&self) {
        self.shared.has_panic_hook.store(false, Ordering::Release);
    }

    /// Hands over a panic; nobody hears of one after the end.
    pub(crate) fn tell_panic(&self, panic: crate::mapping::Panic) {
        if let Some(inbox) = &self.shared.inbox
            && self.shared.ledger.hand_over_panic()
        {
            let _ = inbox.send(Message::Panic(Box::new(panic)));
        }
    }
}

impl SpanExporter for SentrySpanExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.hand_over(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.shared.shut_down(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush(ANSWER_WAIT)
    }

    fn set_resource(&mut self, resource: &Resource) {
        let Some(inbox) = &self.shared.inbox else {
            return;
        };
        let service = resource.get_ref(&opentelemetry::Key::from_static_str("service.name"));
        if service.is_none_or(|name| name.as_str().starts_with("unknown_service")) {
            otel_warn!(
                name: "SentryExporter.NoServiceName",
                advice = "Sentry groups by service: set OTEL_SERVICE_NAME, or Resource::builder().with_service_name"
            );
        }
        let mapper = self.shared.links.mapper.clone().with_resource(resource);
        self.shared.links.traces.set_service(Service::of(&mapper));
        // Handles of other providers keep theirs.
        self.source = Source(self.shared.next_source.fetch_add(1, Ordering::Relaxed));
        let _ = inbox.send(Message::Resource(self.source, resource.clone()));
    }
}

impl fmt::Debug for SentrySpanExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentrySpanExporter")
            .field("enabled", &self.is_enabled())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        let Some(inbox) = &self.inbox else {
            return Ok(());
        };
        let (answer, answered) = mpsc::sync_channel(1);
        if inbox.send(Message::Flush(Deadline::after(timeout), answer)).is_err() {
            return Ok(());
        }
        wait(&answered, timeout).unwrap_or(Ok(()))
    }

    fn shut_down(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shut_down.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        match self.leave() {
            true => self.tell_end(timeout, Message::Shutdown),
            false => self.tell_end(timeout, Message::Leave),
        }
    }

    /// Notes that spans, or logs, have ended; tells whether nothing is left.
    fn leave(&self) -> bool {
        self.open.fetch_sub(1, Ordering::AcqRel) <= 1
    }

    fn tell_end(
        &self,
        timeout: Duration,
        end: impl FnOnce(Deadline, SyncSender<OTelSdkResult>) -> Message,
    ) -> OTelSdkResult {
        let Some(inbox) = &self.inbox else {
            return Ok(());
        };
        let (answer, answered) = mpsc::sync_channel(1);
        if inbox.send(end(Deadline::after(timeout), answer)).is_err() {
            return Ok(());
        }
        wait(&answered, timeout).unwrap_or(Err(OTelSdkError::Timeout(timeout)))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.shut_down(DROP_WAIT);
    }
}

/// Waits for the thread; nothing if it has ended without an answer.
fn wait(answered: &Receiver<OTelSdkResult>, timeout: Duration) -> Option<OTelSdkResult> {
    match answered.recv_timeout(timeout) {
        Ok(result) => Some(result),
        Err(RecvTimeoutError::Timeout) => Some(Err(OTelSdkError::Timeout(timeout))),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Whether this thread is that of the batch processor, which is there to wait.
///
/// It has telemetry suppressed and no asynchronous runtime; threads of an application do not.
fn may_wait() -> bool {
    Context::is_current_telemetry_suppressed() && tokio::runtime::Handle::try_current().is_err()
}
