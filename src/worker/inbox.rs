use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use super::lanes::Queued;
use super::spool_report::Report;
use super::way::Way;
use crate::check::Finding;
use crate::mapping::Panic;
use crate::segment::Batch;
use crate::stats::Amount;
use crate::transport::{Losses, TransportError};

/// The way to the worker.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    messages: UnboundedSender<Message>,
    urgent: Arc<Notify>,
}

/// The worker takes no more messages.
#[derive(Debug)]
pub(crate) struct Ended;

/// What the worker is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// The resource of the provider behind this source.
    Resource(Source, Resource),
    /// Spans, whether many more come behind them, and who waits for what about them.
    Batch { source: Source, batch: Batch, is_burst: bool, answer: Option<Answer> },
    /// Records of logs, and who waits for room for more.
    #[cfg(feature = "logs")]
    Logs { source: Source, records: Vec<Record>, bytes: usize, answer: Option<SyncSender<()>> },
    /// Somebody waits until everything that is complete by now is delivered.
    Flush(Deadline, SyncSender<OTelSdkResult>),
    /// Send what is there, within this time, and end.
    Shutdown(Deadline, SyncSender<OTelSdkResult>),
    /// No more spans come, but perhaps logs: send all spans, also those that wait for parents.
    #[cfg_attr(not(feature = "logs"), allow(dead_code, reason = "spans go last without logs"))]
    Leave(Deadline, SyncSender<OTelSdkResult>),
    /// A thread of the application has panicked.
    #[cfg_attr(not(feature = "panic"), allow(dead_code, reason = "only the hook tells it"))]
    Panic(Box<Panic>),
    /// Somebody asks whether the server takes anything.
    Check(Deadline, SyncSender<Finding>),
    /// A request to Spotlight has ended.
    Spotlight(Result<http::StatusCode, TransportError>),
    /// Something happened in the directory of the spool.
    Spool(Box<Report>),
    /// A request has ended.
    Answered(Box<Delivery>, Result<http::Response<Bytes>, Failure>),
}

/// A record of a log, and who made it.
#[cfg(feature = "logs")]
pub(crate) type Record =
    (opentelemetry_sdk::logs::SdkLogRecord, opentelemetry::InstrumentationScope);

/// How long somebody waits for an answer, and from when on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) timeout: Duration,
    pub(crate) asked: Instant,
}

/// Which provider spans come from; each has a resource and a buffer of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Source(pub(crate) u64);

/// What an `export` waits for, and how to tell it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Room for more.
    Room(SyncSender<()>),
    /// Delivery of all segments that are complete.
    Delivered(SyncSender<()>),
}

/// Why a request has ended without an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Transport(TransportError),
    Panicked,
    /// It was broken off, to be stored.
    Cut,
}

/// An envelope on its way: what its fate will mean for the books.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// To be sent again if no answer comes; a report that travels alone has none.
    pub(super) queued: Option<Queued>,
    pub(super) amount: Amount,
    /// Which project it is for.
    pub(super) way: Way,
    /// Its number among those of this project.
    pub(super) flight: u64,
    pub(super) bytes: u64,
    /// The losses that ride along.
    pub(super) losses: Losses,
}

impl Inbox {
    /// It says of urgent messages, besides sending them, that they are there.
    pub(super) fn new(messages: UnboundedSender<Message>, urgent: Arc<Notify>) -> Self {
        Self { messages, urgent }
    }

    pub(crate) fn send(&self, message: Message) -> Result<(), Ended> {
        let is_urgent = message.is_urgent();
        self.messages.send(message).map_err(|_| Ended)?;
        if is_urgent {
            self.urgent.notify_one();
        }
        Ok(())
    }
}

impl Message {
    /// Whether somebody waits for what it asks for.
    pub(super) fn is_urgent(&self) -> bool {
        match self {
            Self::Batch { answer: Some(Answer::Room(_)), .. } => true,
            Self::Batch { is_burst, answer, .. } => !is_burst && answer.is_some(),
            #[cfg(feature = "logs")]
            Self::Logs { answer, .. } => answer.is_some(),
            Self::Flush(..) | Self::Leave(..) | Self::Shutdown(..) | Self::Check(..) => true,
            Self::Resource(..)
            | Self::Panic(_)
            | Self::Spotlight(_)
            | Self::Spool(_)
            | Self::Answered(..) => false,
        }
    }

    /// Whether it is spans behind which many more come.
    pub(super) fn is_burst(&self) -> bool {
        matches!(self, Self::Batch { is_burst: true, .. })
    }
}

impl Deadline {
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { timeout, asked: Instant::now() }
    }

    /// What is left of the time.
    pub(super) fn left(self) -> Duration {
        self.timeout.saturating_sub(self.asked.elapsed())
    }
}
