use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::Destination;
use super::inbox::{Delivery, Message};
use super::line::Line;

/// The requests on their way, bounded in number and in bytes.
pub(super) struct Flights {
    /// Absent where nothing is sent to Sentry.
    destination: Option<Destination>,
    /// The headers where the body is compressed, once there was one; there is one way to do that.
    compressed: Option<HeaderMap>,
    inbox: UnboundedSender<Message>,
    tasks: JoinSet<()>,
    open: usize,
    max: usize,
    bytes: usize,
    max_bytes: usize,
}

impl Flights {
    pub(super) fn new(line: Line, inbox: UnboundedSender<Message>) -> Self {
        Self {
            destination: line.destination,
            compressed: None,
            inbox,
            tasks: JoinSet::new(),
            open: 0,
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
        self.open
    }

    /// Whether there may be one more.
    pub(super) fn has_room(&self) -> bool {
        self.open < self.max
    }

    /// Whether memory allows one more that holds so many bytes; it always allows one.
    pub(super) fn holds(&self, bytes: usize) -> bool {
        self.open == 0 || self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    pub(super) fn start(
        &mut self,
        delivery: Delivery,
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
        while self.tasks.try_join_next().is_some() {}
        self.open = self.open.saturating_add(1);
        self.bytes = self.bytes.saturating_add(delivery.held_bytes());
        let transport = Arc::clone(&destination.transport);
        let (inbox, limit) = (self.inbox.clone(), destination.limit);
        Box::new(delivery).start(request, transport, inbox, limit, &mut self.tasks);
    }

    /// Takes note of the end of one.
    pub(super) fn landed(&mut self, delivery: &Delivery) {
        self.open = self.open.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(delivery.held_bytes());
    }

    /// Breaks all of them off; each still tells of its end.
    pub(super) fn cut(&mut self) {
        self.tasks.abort_all();
    }
}
