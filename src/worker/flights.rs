use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio::task::AbortHandle;

use super::Destination;
use super::inbox::{Delivery, Inbox};
use super::line::Line;
use crate::segment::IdMap;

/// The requests on their way, bounded in number and in bytes.
pub(super) struct Flights {
    /// Absent where nothing is sent to Sentry.
    destination: Option<Destination>,
    /// The headers where the body is compressed, once there was one; there is one way to do that.
    compressed: Option<HeaderMap>,
    inbox: Inbox,
    /// By the numbers of their deliveries.
    open: IdMap<u64, AbortHandle>,
    started: u64,
    max: usize,
    bytes: usize,
    max_bytes: usize,
}

impl Flights {
    pub(super) fn new(line: Line, inbox: Inbox) -> Self {
        Self {
            destination: line.destination,
            compressed: None,
            inbox,
            open: IdMap::default(),
            started: 0,
            max: line.max_in_flight,
            bytes: 0,
            max_bytes: line.queue_bytes,
        }
    }

    pub(super) fn destination(&self) -> Option<&Destination> {
        self.destination.as_ref()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there may be one more.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < self.max
    }

    /// Whether memory allows one more that holds so many bytes; it always allows one.
    pub(super) fn holds(&self, bytes: usize) -> bool {
        self.open.is_empty() || self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    pub(super) fn start(
        &mut self,
        mut delivery: Box<Delivery>,
        body: Bytes,
        encoding: Option<&'static str>,
    ) {
        let Some(destination) = &self.destination else { return };
        let headers = match encoding {
            Some(encoding) => self.compressed.get_or_insert_with(|| {
                let mut headers = destination.headers.clone();
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
                headers
            }),
            None => &destination.headers,
        };
        let request = super::request(&destination.endpoint, headers, body);
        self.started = self.started.wrapping_add(1);
        delivery.flight = self.started;
        self.bytes = self.bytes.saturating_add(delivery.held_bytes());
        let transport = Arc::clone(&destination.transport);
        let (inbox, limit) = (self.inbox.clone(), destination.limit);
        let task = delivery.start(request, transport, inbox, limit);
        self.open.insert(self.started, task);
    }

    /// Takes note of the end of one.
    pub(super) fn landed(&mut self, delivery: &Delivery) {
        self.open.remove(&delivery.flight);
        self.bytes = self.bytes.saturating_sub(delivery.held_bytes());
    }

    /// Breaks all of them off; each still tells of its end.
    pub(super) fn cut(&mut self) {
        self.open.values().for_each(AbortHandle::abort);
    }
}
