use std::cell::Cell;
use std::rc::Rc;

/// The numbers of envelopes, in the order in which they were put in line, wherever they go.
#[derive(Clone, Debug, Default)]
pub(super) struct Tickets(Rc<Cell<u64>>);

impl Tickets {
    pub(super) fn take(&self) -> u64 {
        let ticket = self.0.get();
        self.0.set(ticket.saturating_add(1));
        ticket
    }

    /// The number that the next envelope will get: all before it are older.
    pub(super) fn mark(&self) -> u64 {
        self.0.get()
    }
}
