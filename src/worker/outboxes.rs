use std::time::{Duration, SystemTime};

use super::inbox::Inbox;
use super::line::Line;
use super::outbox::Outbox;
use super::tickets::Tickets;
use super::way::Way;
use super::{Destination, Settings};
use crate::stats::{Amount, DropReason, Ledger};

/// What is on its way to each project.
///
/// Each has lanes, limits, pauses and reports of its own, so that no server holds up another.
pub(super) struct Outboxes {
    first: Outbox,
    /// Those of a router.
    others: Vec<Outbox>,
    tickets: Tickets,
}

/// How much a project's share of the queue is at least, in bytes, unless the whole is less.
const MIN_SHARE: usize = 1024 * 1024;

impl Outboxes {
    pub(super) fn new(settings: &mut Settings, inbox: &Inbox) -> Self {
        let tickets = Tickets::default();
        let first = settings.destination.take();
        let others = settings.routing.as_mut().map(|routing| routing.take_destinations());
        let others = others.unwrap_or_default();
        let projects = others.len().saturating_add(usize::from(first.is_some()));
        let mut opening = settings.spool.take();
        let mut line = |way, destination: Option<Destination>| Line {
            way,
            destination,
            opening: opening.take(),
            tickets: tickets.clone(),
            max_in_flight: share(settings.max_in_flight, projects, 1),
            queue_bytes: share(settings.queue_bytes, projects, MIN_SHARE),
            client_reports: settings.client_reports,
        };
        let first = Outbox::new(line(Way::DEFAULT, first), inbox.clone());
        let others = others.into_iter().enumerate().map(|(place, destination)| {
            Outbox::new(line(Way::other(place), Some(destination)), inbox.clone())
        });
        Self { others: others.collect(), first, tickets }
    }

    /// That of `with_dsn`, which is the only one that may have a spool.
    pub(super) fn first(&self) -> &Outbox {
        &self.first
    }

    pub(super) fn first_mut(&mut self) -> &mut Outbox {
        &mut self.first
    }

    pub(super) fn at(&self, way: Way) -> &Outbox {
        let other = way.place().and_then(|place| self.others.get(place));
        other.unwrap_or(&self.first)
    }

    pub(super) fn at_mut(&mut self, way: Way) -> &mut Outbox {
        let other = way.place().and_then(|place| self.others.get_mut(place));
        other.unwrap_or(&mut self.first)
    }

    /// The number that the next envelope will get: all before it are older.
    pub(super) fn mark(&self) -> u64 {
        self.tickets.mark()
    }

    /// Whether the fate of all envelopes before this mark is known.
    pub(super) fn is_settled(&self, mark: u64) -> bool {
        self.all().all(|outbox| outbox.is_settled(mark))
    }

    /// The same, but for those of a server that is away: a processor would wait for nothing.
    pub(super) fn is_settled_or_down(&self, mark: u64) -> bool {
        let is_away = |outbox: &Outbox| outbox.is_down() || self.is_passed_by(outbox);
        self.all().all(|outbox| outbox.is_settled(mark) || is_away(outbox))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.all().all(Outbox::is_idle)
    }

    /// Whether a producer need not wait.
    pub(super) fn has_room(&self) -> bool {
        self.all().all(|outbox| outbox.has_room() || self.is_passed_by(outbox))
    }

    /// Whether the servers that have been heard of last were all there.
    pub(super) fn is_up(&self) -> bool {
        !self.all().any(Outbox::is_down)
    }

    /// Where something is sent to, that of `with_dsn` first.
    pub(super) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.all().filter_map(Outbox::destination)
    }

    pub(super) fn close(&mut self) {
        self.all_mut().for_each(Outbox::close);
    }

    /// Sends what may be sent now; gives what the limits forbid, and where.
    pub(super) fn dispatch(
        &mut self,
        now: Duration,
        wall: SystemTime,
    ) -> Vec<(Way, Amount, DropReason)> {
        let dispatch = |outbox: &mut Outbox| {
            let (way, limited) = (outbox.way(), outbox.dispatch(now, wall));
            limited.into_iter().map(move |(amount, reason)| (way, amount, reason))
        };
        self.all_mut().flat_map(dispatch).collect()
    }

    /// Sends the losses of each on their own, if it is time or `at_once`.
    pub(super) fn report(&mut self, now: Duration, wall: SystemTime, at_once: bool) {
        self.all_mut().for_each(|outbox| outbox.report(now, wall, at_once));
    }

    /// When there is something to do even if nothing happens.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let looks = self.all().filter(|_| !self.others.is_empty()).filter_map(Outbox::next_look);
        let own = |outbox: &Outbox| outbox.next_deadline().into_iter().chain(outbox.next_try());
        self.all().flat_map(own).chain(looks).min()
    }

    /// Gives up everything that waits or is in flight.
    pub(super) fn abandon(&self, ledger: &Ledger) {
        self.all().for_each(|outbox| outbox.abandon(ledger));
    }

    /// Whether nobody waits for this one, because it lets its requests hang and others do not.
    fn is_passed_by(&self, outbox: &Outbox) -> bool {
        !self.others.is_empty() && outbox.is_stalled()
    }

    fn all(&self) -> impl Iterator<Item = &Outbox> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Outbox> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}

/// The part of one of so many; never less than `least`, as far as the whole allows it.
fn share(whole: usize, projects: usize, least: usize) -> usize {
    whole.div_euclid(projects.max(1)).max(least.min(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_project_has_the_whole_and_many_have_a_least_share() {
        assert_eq!((share(500, 0, 100), share(500, 1, 100)), (500, 500));
        assert_eq!((share(500, 2, 100), share(500, 50, 100)), (250, 100));
        assert_eq!(share(50, 50, 100), 50);
    }
}
