use super::Destination;
use super::spooler::Opening;
use super::tickets::Tickets;
use super::way::Way;

/// What an outbox is made of.
pub(super) struct Line {
    pub(super) way: Way,
    /// Absent where nothing is sent to Sentry.
    pub(super) destination: Option<Destination>,
    pub(super) opening: Option<Opening>,
    pub(super) tickets: Tickets,
    pub(super) max_in_flight: usize,
    pub(super) queue_bytes: usize,
    pub(super) client_reports: bool,
}
