//! What the application itself has to say about what is sent.
//!
//! A hook gets one item when it is mapped and scrubbed, and gives it back, changed or not, or
//! drops it. See the setters of the exporter: [`with_before_send_transaction`],
//! [`with_before_send_span`] and [`with_before_send`]. [`Hooks`] holds the three of them and can
//! be asked without any I/O, for the tests of an application:
//!
//! ```
//! use opentelemetry::trace::{Tracer, TracerProvider};
//! use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
//! use opentelemetry_sentry::hooks::{Hooks, SpanDecision};
//! use opentelemetry_sentry::mapping::Mapper;
//! use opentelemetry_sentry::protocol::Span;
//!
//! fn without_locks(span: &mut Span) -> SpanDecision {
//!     match span.description.as_str() {
//!         "acquire lock" => SpanDecision::Drop,
//!         _ => SpanDecision::Keep,
//!     }
//! }
//!
//! let spans = InMemorySpanExporter::default();
//! let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
//! let tracer = provider.tracer("shop");
//! tracer.in_span("checkout", |_| {
//!     tracer.in_span("acquire lock", |_| tracer.in_span("SELECT carts", |_| ()));
//! });
//!
//! let mut mapped = Mapper::new().map(spans.get_finished_spans()?);
//! let sent = Hooks::new().with_before_send_span(without_locks).apply(mapped.remove(0));
//! let transaction = sent.transaction.unwrap();
//! let [select] = transaction.spans.as_slice() else { panic!("one span") };
//! assert_eq!(select.description.as_str(), "SELECT carts");
//! assert_eq!(select.parent_span_id, Some(transaction.trace.span_id));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`with_before_send_transaction`]: crate::SentrySpanExporterBuilder::with_before_send_transaction
//! [`with_before_send_span`]: crate::SentrySpanExporterBuilder::with_before_send_span
//! [`with_before_send`]: crate::SentrySpanExporterBuilder::with_before_send

mod limits;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use opentelemetry::trace::SpanId;

use self::limits::{Identity, limit_event, limit_span, limit_transaction};
use crate::count::count;
use crate::mapping::Mapped;
#[cfg(feature = "logs")]
use crate::protocol::Log;
use crate::protocol::{Event, Span, Transaction, retain_spans};
use crate::stats::{Amount, DropReason};

/// The hooks of an exporter; none of them is set at first.
#[derive(Clone, Default)]
pub struct Hooks {
    transaction: Option<Arc<TransactionHook>>,
    span: Option<Arc<SpanHook>>,
    event: Option<Arc<EventHook>>,
    #[cfg(feature = "logs")]
    log: Option<Arc<LogHook>>,
}

type TransactionHook = dyn Fn(Transaction) -> Option<Transaction> + Send + Sync;
type SpanHook = dyn Fn(&mut Span) -> SpanDecision + Send + Sync;
type EventHook = dyn Fn(Event<'static>) -> Option<Event<'static>> + Send + Sync;
#[cfg(feature = "logs")]
type LogHook = dyn Fn(Log) -> Option<Log> + Send + Sync;

/// What becomes of a span below the root of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanDecision {
    /// It is sent, as it is now.
    Keep,
    /// It is not sent; the spans below it move to its parent.
    Drop,
}

/// What is left to be sent of a segment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// The transaction, unless it was ignored or dropped.
    pub transaction: Option<Transaction>,
    /// The errors that were not dropped.
    pub events: Vec<Event<'static>>,
    pub(crate) losses: Losses,
}

/// What is not sent, and the setters of the hooks that panicked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    pub(crate) dropped: Vec<(Amount, DropReason)>,
    pub(crate) panicked: BTreeSet<&'static str>,
}

impl Hooks {
    /// No hooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`SentrySpanExporterBuilder::with_before_send_transaction`](
    /// crate::SentrySpanExporterBuilder::with_before_send_transaction).
    #[must_use]
    pub fn with_before_send_transaction(
        mut self,
        hook: impl Fn(Transaction) -> Option<Transaction> + Send + Sync + 'static,
    ) -> Self {
        self.transaction = Some(Arc::new(hook));
        self
    }

    /// As [`SentrySpanExporterBuilder::with_before_send_span`](
    /// crate::SentrySpanExporterBuilder::with_before_send_span).
    #[must_use]
    pub fn with_before_send_span(
        mut self,
        hook: impl Fn(&mut Span) -> SpanDecision + Send + Sync + 'static,
    ) -> Self {
        self.span = Some(Arc::new(hook));
        self
    }

    /// As [`SentrySpanExporterBuilder::with_before_send`](
    /// crate::SentrySpanExporterBuilder::with_before_send).
    #[must_use]
    pub fn with_before_send(
        mut self,
        hook: impl Fn(Event<'static>) -> Option<Event<'static>> + Send + Sync + 'static,
    ) -> Self {
        self.event = Some(Arc::new(hook));
        self
    }

    /// As [`SentrySpanExporterBuilder::with_before_send_log`](
    /// crate::SentrySpanExporterBuilder::with_before_send_log).
    #[cfg(feature = "logs")]
    #[must_use]
    pub fn with_before_send_log(
        mut self,
        hook: impl Fn(Log) -> Option<Log> + Send + Sync + 'static,
    ) -> Self {
        self.log = Some(Arc::new(hook));
        self
    }

    /// What is sent of a log.
    #[cfg(feature = "logs")]
    pub(crate) fn log(&self, log: Log, losses: &mut Losses) -> Option<Log> {
        let Some(hook) = &self.log else { return Some(log) };
        let (trace_id, span_id) = (log.trace_id.clone(), log.span_id.clone());
        let amount = Amount::logs(1, log.bytes());
        match guarded("with_before_send_log", losses, || hook(log)) {
            Ok(Some(changed)) => {
                let mut changed = Log { trace_id, span_id, ..changed };
                changed.fit();
                return Some(changed);
            }
            Ok(None) => losses.add(amount, DropReason::BeforeSend),
            Err(Panicked) => losses.add(amount, DropReason::HookPanicked),
        }
        None
    }

    /// What is sent of a segment: without what rules ignore, after the hooks, within the limits
    /// of Sentry. A hook that panics loses what it was given, and nothing else.
    pub fn apply(&self, mut mapped: Mapped) -> Outgoing {
        let mut losses = Losses::default();
        let events = self.events(std::mem::take(&mut mapped.events), &mut losses);
        let transaction = self.transaction(mapped, &mut losses);
        Outgoing { transaction, events, losses }
    }

    /// Whether a transaction may be dropped.
    pub(crate) fn may_drop_transactions(&self) -> bool {
        self.transaction.is_some()
    }

    /// What is sent of errors that have no transaction.
    pub(crate) fn events(
        &self,
        events: Vec<Event<'static>>,
        losses: &mut Losses,
    ) -> Vec<Event<'static>> {
        let Some(hook) = &self.event else { return events };
        let apply = |event: Event<'static>| {
            let id = event.event_id;
            match guarded("with_before_send", losses, || hook(event)) {
                Ok(Some(mut event)) => {
                    event.event_id = id;
                    limit_event(&mut event);
                    return Some(event);
                }
                Ok(None) => losses.add(Amount::event(), DropReason::BeforeSend),
                Err(Panicked) => losses.add(Amount::event(), DropReason::HookPanicked),
            }
            None
        };
        events.into_iter().filter_map(apply).collect()
    }

    fn transaction(&self, mut mapped: Mapped, losses: &mut Losses) -> Option<Transaction> {
        losses.add(Amount::spans(count(mapped.ignored_spans)), DropReason::Ignored);
        let whole = amount(&mapped.transaction);
        if mapped.is_ignored {
            losses.add(whole, DropReason::Ignored);
            return None;
        }
        self.spans(&mut mapped, losses);
        let mut transaction = mapped.transaction;
        let identity = Identity::of(&transaction);
        if let Some(hook) = &self.transaction {
            let whole = amount(&transaction);
            match guarded("with_before_send_transaction", losses, || hook(transaction)) {
                Ok(Some(changed)) => transaction = changed,
                Ok(None) => {
                    losses.add(whole, DropReason::BeforeSend);
                    return None;
                }
                Err(Panicked) => {
                    losses.add(whole, DropReason::HookPanicked);
                    return None;
                }
            }
            let gone = whole.spans.saturating_sub(amount(&transaction).spans);
            losses.add(Amount::spans(gone), DropReason::BeforeSend);
        }
        if self.transaction.is_some() || self.span.is_some() {
            limit_transaction(&mut transaction, identity);
        }
        Some(transaction)
    }

    fn spans(&self, mapped: &mut Mapped, losses: &mut Losses) {
        let Some(hook) = &self.span else { return };
        let root = mapped.transaction.trace.span_id;
        let gone = retained(&mut mapped.transaction.spans, Some(root), hook, losses);
        mapped.forget_breadcrumbs(&gone);
    }

    /// What is sent of spans that have no transaction, those at the top of their segment among
    /// them.
    pub(crate) fn streamed(&self, spans: &mut Vec<Span>, losses: &mut Losses) {
        let Some(hook) = &self.span else { return };
        retained(spans, None, hook, losses);
        for span in spans {
            limit_span(span, span.trace_id);
        }
    }
}

/// Has a hook decide about spans; gives the ids of those that it does not want.
fn retained(
    spans: &mut Vec<Span>,
    top: Option<SpanId>,
    hook: &Arc<SpanHook>,
    losses: &mut Losses,
) -> Vec<SpanId> {
    let mut panics: u64 = 0;
    let gone = retain_spans(spans, top, |span| {
        let ids = (span.trace_id, span.span_id, span.parent_span_id);
        let decision = guarded("with_before_send_span", losses, || hook(span));
        (span.trace_id, span.span_id, span.parent_span_id) = ids;
        panics = panics.saturating_add(u64::from(decision.is_err()));
        decision == Ok(SpanDecision::Keep)
    });
    let dropped = count(gone.len()).saturating_sub(panics);
    losses.add(Amount::spans(dropped), DropReason::BeforeSend);
    losses.add(Amount::spans(panics), DropReason::HookPanicked);
    gone
}

impl Losses {
    fn add(&mut self, amount: Amount, reason: DropReason) {
        if amount != Amount::default() {
            self.dropped.push((amount, reason));
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("before_send_transaction", &self.transaction.is_some())
            .field("before_send_span", &self.span.is_some())
            .field("before_send", &self.event.is_some())
            .finish_non_exhaustive()
    }
}

/// A hook that did not come to its end; what it panicked with may hold what must not be told.
#[derive(Debug, PartialEq)]
struct Panicked;

fn guarded<T>(
    setter: &'static str,
    losses: &mut Losses,
    hook: impl FnOnce() -> T,
) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(hook)).map_err(|_| {
        losses.panicked.insert(setter);
        Panicked
    })
}

/// The transaction with all of its spans.
fn amount(transaction: &Transaction) -> Amount {
    let spans = count(transaction.spans.len()).saturating_add(1);
    Amount { spans, transactions: 1, ..Amount::default() }
}
