use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SendError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, SystemTime};

use super::inbox::{Inbox, Message};
use super::quiet::Quiet;
use super::spool_report::{Done, Report, Written};
use crate::spool::{Entry, Found, Kinds, Lost, OpenError, Parcel, Spool, Store};
use crate::stats::Amount;
use crate::transport::{Category, RateLimits};

/// The way to the directory in which envelopes wait that memory cannot hold.
///
/// A thread of its own does what is done there, because writing for good takes its time.
#[derive(Debug)]
pub(super) struct Spooler {
    /// Absent without a directory.
    orders: Option<Sender<Order>>,
    /// Whether the directory is ours by now.
    is_open: bool,
    signals: Arc<Signals>,
    /// What was handed over and is not written yet.
    unwritten: usize,
    unwritten_bytes: usize,
    /// What could be taken.
    waits: Kinds,
    is_asked: bool,
    /// Before which none is taken.
    next: Duration,
    /// Hears when the thread has ended.
    ended: Receiver<()>,
}

/// A directory, and its store unless another process owns it still.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) settings: Spool,
    pub(crate) destination: String,
    pub(crate) store: Option<(Store, Found)>,
}

/// What the thread is told past the line of its orders.
#[derive(Debug, Default)]
struct Signals {
    /// There is no time left for syncing.
    is_hurried: AtomicBool,
    /// Nothing more is to be written.
    is_over: AtomicBool,
}

/// What the thread is to do.
#[derive(Debug)]
enum Order {
    Keep {
        ticket: u64,
        parcel: Parcel,
        is_durable: bool,
    },
    Take(Kinds),
    /// Its fate is known.
    Remove(Entry),
    /// It has to wait on, perhaps after a try.
    GiveBack(Entry, bool),
}

/// The thread's side.
struct Clerk {
    opening: Option<Opening>,
    store: Option<Store>,
    inbox: Inbox,
    signals: Arc<Signals>,
}

/// How much may be handed over and not be written yet, in bytes.
const MAX_UNWRITTEN: usize = 16 * 1024 * 1024;

/// How long to wait between two envelopes of the directory, so that they do not flood a server
/// that has just come back.
const PAUSE: Duration = Duration::from_millis(100);

/// How often to ask for a directory that another process owns.
const IN_USE: Duration = Duration::from_secs(1);

/// How long to wait for the directory to be released.
const RELEASE: Duration = Duration::from_millis(100);

/// How long to wait after the directory gave nothing.
const TROUBLE: Duration = Duration::from_secs(1);

impl Spooler {
    pub(super) fn new(opening: Option<Opening>, inbox: Inbox) -> Self {
        let signals = Arc::new(Signals::default());
        let is_open = opening.as_ref().is_some_and(|opening| opening.store.is_some());
        let (alive, ended) = mpsc::sync_channel(0);
        let orders = opening.and_then(|opening| {
            let (orders, received) = mpsc::channel();
            let signals = Arc::clone(&signals);
            let clerk = Clerk { opening: Some(opening), store: None, inbox, signals };
            let thread = thread::Builder::new().name("sentry-spool".into());
            let run = move || {
                clerk.run(&received);
                drop::<SyncSender<()>>(alive);
            };
            thread.spawn(run).ok().map(|_| orders)
        });
        Self {
            orders,
            is_open,
            signals,
            unwritten: 0,
            unwritten_bytes: 0,
            waits: Kinds::NONE,
            is_asked: false,
            next: Duration::ZERO,
            ended,
        }
    }

    /// Whether there is a directory to write to.
    pub(super) fn is_there(&self) -> bool {
        self.is_open && self.orders.is_some()
    }

    /// Whether all that was handed over is written, and all that was asked for is there.
    pub(super) fn is_settled(&self) -> bool {
        self.unwritten == 0 && !self.is_asked
    }

    /// Has an envelope written; gives it back if there is no directory, or too much to write.
    ///
    /// If it is durable, it survives a loss of power, otherwise only the end of the process; at
    /// the end, when there is no other place and little time, nothing is too much.
    pub(super) fn keep(
        &mut self,
        ticket: u64,
        parcel: Parcel,
        is_durable: bool,
    ) -> Result<(), Box<Parcel>> {
        let bytes = self.unwritten_bytes.saturating_add(parcel.envelope.len());
        let Some(orders) = self.orders.as_ref().filter(|_| !is_durable || bytes <= MAX_UNWRITTEN)
        else {
            return Err(Box::new(parcel));
        };
        // A thread that is gone has panicked.
        if let Err(SendError(order)) = orders.send(Order::Keep { ticket, parcel, is_durable }) {
            return match order {
                Order::Keep { parcel, .. } => Err(Box::new(parcel)),
                _ => Ok(()),
            };
        }
        self.unwritten = self.unwritten.saturating_add(1);
        self.unwritten_bytes = bytes;
        Ok(())
    }

    /// Asks for the oldest error that no limit forbids, or else transaction or list of spans, if it
    /// is time for it.
    pub(super) fn ask(&mut self, limits: &RateLimits, now: Duration) {
        if self.next_ask(limits).is_some_and(|due| due <= now) {
            self.is_asked = true;
            self.order(Order::Take(self.wanted(limits, now)));
        }
    }

    /// Errors before transactions, as far as the limits allow them.
    fn wanted(&self, limits: &RateLimits, now: Duration) -> Kinds {
        let events = self.waits.events && !limits.is_limited(Category::Error, now);
        let transactions =
            !events && self.waits.transactions && !limits.is_limited(Category::Transaction, now);
        let spans = !events && self.waits.spans && !limits.is_limited(Category::Span, now);
        let is_first = events || transactions || spans;
        let logs = !is_first && !limits.is_limited(Category::LogItem, now);
        Kinds { events, transactions, spans, logs }
    }

    /// When to ask for an envelope, if any waits.
    pub(super) fn next_ask(&self, limits: &RateLimits) -> Option<Duration> {
        let of = |waits: bool, category| waits.then(|| limits.until(category));
        let events = of(self.waits.events, Category::Error);
        let transactions = of(self.waits.transactions, Category::Transaction);
        let logs = of(self.waits.logs, Category::LogItem);
        let spans = of(self.waits.spans, Category::Span);
        let due = events.into_iter().chain(transactions).chain(spans).chain(logs).min()?;
        (!self.is_asked).then(|| due.max(self.next))
    }

    /// Deletes an envelope whose fate is known.
    pub(super) fn remove(&mut self, entry: Entry) {
        self.order(Order::Remove(entry));
    }

    /// Lets an envelope wait on that was taken, and perhaps tried.
    pub(super) fn give_back(&mut self, entry: Entry, is_tried: bool) {
        self.order(Order::GiveBack(entry, is_tried));
    }

    /// Takes note of what the thread has done.
    pub(super) fn heard(&mut self, report: &Report, now: Duration) {
        self.is_open |= matches!(report.done, Done::Opened(_));
        self.waits = report.waits;
        match &report.done {
            Done::Kept(written) | Done::Failed(written, _) => {
                self.unwritten = self.unwritten.saturating_sub(1);
                self.unwritten_bytes = self.unwritten_bytes.saturating_sub(written.bytes);
            }
            Done::Taken(taken) => {
                self.is_asked = false;
                let pause = if taken.is_some() { PAUSE } else { TROUBLE };
                self.next = now.saturating_add(pause);
            }
            Done::Opened(_) | Done::Noted(_) => {}
        }
    }

    /// Lets nothing wait for a sync any more.
    pub(super) fn hurry(&self) {
        self.signals.is_hurried.store(true, Ordering::Release);
    }

    /// Writes nothing more, and releases the directory for whoever comes next.
    pub(super) fn end(&mut self) {
        self.signals.is_over.store(true, Ordering::Release);
        self.orders = None;
        // Not for long: the disk may hang.
        let _ = self.ended.recv_timeout(RELEASE);
    }

    fn order(&self, order: Order) {
        // A thread that is gone has panicked; what it held counts as lost at the end.
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for Spooler {
    fn drop(&mut self) {
        self.end();
    }
}

impl Order {
    /// Whether it tells what became of an envelope, which counts also at the very end.
    fn is_last_word(&self) -> bool {
        matches!(self, Self::Remove(_) | Self::GiveBack(..))
    }
}

impl Clerk {
    fn run(mut self, orders: &Receiver<Order>) {
        let _quiet = Quiet::new();
        if let Some((store, found)) = self.opening.as_mut().and_then(|opening| opening.store.take())
        {
            self.opened(store, found);
        }
        loop {
            // The directory may be handed over by a process that ends while this one starts.
            let wait = if self.opening.is_some() { IN_USE } else { Duration::MAX };
            let is_over = || self.signals.is_over.load(Ordering::Acquire);
            match orders.recv_timeout(wait) {
                Ok(order) if order.is_last_word() || !is_over() => self.obey(order),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => self.open(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn open(&mut self) {
        let Some(opening) = &self.opening else { return };
        let opened = Store::open(&opening.settings, &opening.destination, SystemTime::now());
        match opened {
            Ok((store, found)) => self.opened(store, found),
            Err(OpenError::InUse { .. }) => {}
            Err(error) => {
                self.opening = None;
                self.tell(Done::Noted(Some(error.to_string())), Vec::new());
            }
        }
    }

    fn opened(&mut self, store: Store, mut found: Found) {
        self.store = Some(store);
        self.opening = None;
        let lost = std::mem::take(&mut found.lost);
        self.tell(Done::Opened(found), lost);
    }

    fn obey(&mut self, order: Order) {
        let wall = SystemTime::now();
        match (order, &mut self.store) {
            (Order::Keep { ticket, parcel, is_durable }, Some(store)) => {
                let written = Written { ticket, bytes: parcel.envelope.len() };
                let is_hurried = self.signals.is_hurried.load(Ordering::Acquire);
                match store.put(&parcel, wall, is_durable && !is_hurried) {
                    Ok(lost) => self.tell(Done::Kept(written), lost),
                    Err(error) => self.tell(Done::Failed(written, error.to_string()), Vec::new()),
                }
            }
            (Order::Keep { ticket, parcel, .. }, None) => {
                let written = Written { ticket, bytes: parcel.envelope.len() };
                let is_in_use = self.opening.is_some();
                let reason = if is_in_use {
                    "another process uses the directory"
                } else {
                    "there is no directory"
                };
                let reason = format!("cannot write to the spool: {reason}");
                self.tell(Done::Failed(written, reason), Vec::new());
            }
            (Order::Take(wanted), Some(store)) => {
                let taken = store.take(wanted, wall);
                self.tell(Done::Taken(taken.next.map(Box::new)), taken.lost);
                if let Some(error) = taken.trouble {
                    self.tell(Done::Noted(Some(error.to_string())), Vec::new());
                }
            }
            (Order::Take(_), None) => self.tell(Done::Taken(None), Vec::new()),
            (Order::Remove(entry), Some(store)) => {
                store.remove(entry);
                self.tell(Done::Noted(None), Vec::new());
            }
            (Order::GiveBack(entry, is_tried), Some(store)) => {
                if is_tried {
                    store.retry_later(entry);
                } else {
                    store.give_back(entry);
                }
                self.tell(Done::Noted(None), Vec::new());
            }
            (Order::Remove(_) | Order::GiveBack(..), None) => {}
        }
    }

    fn tell(&self, done: Done, lost: Vec<Lost>) {
        let store = self.store.as_ref();
        let has = |wanted| store.is_some_and(|store| store.has(wanted));
        let report = Report {
            done,
            lost,
            amount: store.map_or_else(Amount::default, Store::amount),
            waits: Kinds {
                events: has(Kinds { events: true, ..Kinds::NONE }),
                transactions: has(Kinds { transactions: true, ..Kinds::NONE }),
                spans: has(Kinds { spans: true, ..Kinds::NONE }),
                logs: has(Kinds { logs: true, ..Kinds::NONE }),
            },
        };
        // No worker, nobody to tell.
        let _ = self.inbox.send(Message::Spool(Box::new(report)));
    }
}
