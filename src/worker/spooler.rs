use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedSender;

use super::inbox::Message;
use super::lanes::Queued;
use super::quiet;
use crate::spool::{Entry, Kinds, Opening, Parcel, Store};
use crate::stats::{Amount, DropReason};

/// The way to the directory in which envelopes wait that memory cannot hold.
///
/// A thread of its own owns the directory, because writing for good takes its time.
#[derive(Debug)]
pub(super) struct Spooler {
    /// Absent without a directory.
    orders: Option<Sender<Order>>,
    /// Nothing more is to be written.
    is_over: Arc<AtomicBool>,
    /// What was handed over and is not written yet.
    unwritten: usize,
    unwritten_bytes: usize,
    stored: Kinds<usize>,
    is_asked: bool,
    /// Before which none is sent again.
    next: Duration,
}

/// What the thread is to do.
#[derive(Debug)]
enum Order {
    Keep { queued: Queued, first_tried: Option<SystemTime> },
    Take(Kinds<bool>),
    /// Its fate is known.
    Remove(Entry),
    /// It has to wait on.
    GiveBack(Entry, Option<SystemTime>),
}

/// What the thread has done.
#[derive(Debug)]
pub(crate) struct Report {
    done: Done,
    pub(super) lost: Vec<(Amount, DropReason)>,
    stored: Kinds<usize>,
    pub(super) spans: u64,
}

#[derive(Debug)]
enum Done {
    /// The directory is ours, with what an earlier process left.
    Opened(Amount),
    Kept(Queued),
    Failed(Queued, String),
    Taken(Option<(Entry, Parcel)>),
    Other,
}

/// What the worker has to do about a report.
#[derive(Debug)]
pub(super) enum Outcome {
    Recovered(Amount),
    Kept(Queued),
    Failed(Queued, String),
    Taken(Entry, Parcel),
    Nothing,
}

/// How much may be handed over and not be written yet, in bytes.
const MAX_UNWRITTEN: usize = 16 * 1024 * 1024;

/// How long to wait between two envelopes of the directory, so that they do not flood a server
/// that has just come back.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait for a directory that another process owns.
const IN_USE: Duration = Duration::from_secs(2);

impl Spooler {
    pub(super) fn new(opening: Option<Opening>, inbox: UnboundedSender<Message>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let orders = opening.and_then(|opening| {
            let (orders, received) = mpsc::channel();
            let clerk = Clerk { opening: Some(opening), store: None, inbox, is_over: Arc::clone(&is_over) };
            let thread = thread::Builder::new().name("sentry-spool".into());
            thread.spawn(move || quiet::within(|| clerk.run(&received))).ok().map(|_| orders)
        });
        Self {
            orders,
            is_over,
            unwritten: 0,
            unwritten_bytes: 0,
            stored: Kinds::default(),
            is_asked: false,
            next: Duration::ZERO,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.orders.is_some()
    }

    /// Whether all that was handed over is written.
    pub(super) fn is_settled(&self) -> bool {
        self.unwritten == 0
    }

    /// Takes an envelope to the directory; gives it back where that cannot be.
    pub(super) fn keep(&mut self, mut queued: Queued, first_tried: Option<SystemTime>) -> Result<(), Queued> {
        let bytes = self.unwritten_bytes.saturating_add(queued.envelope.len());
        let Some(orders) = self.orders.as_ref().filter(|_| bytes <= MAX_UNWRITTEN) else {
            return Err(queued);
        };
        if let Some(entry) = queued.entry.take() {
            let _ = orders.send(Order::GiveBack(entry, first_tried));
            return Ok(());
        }
        self.unwritten = self.unwritten.saturating_add(1);
        self.unwritten_bytes = bytes;
        let _ = orders.send(Order::Keep { queued, first_tried });
        Ok(())
    }
}
