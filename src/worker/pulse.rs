use std::time::Duration;

/// Whether a server that has requests lets them hang, before the first of them has timed out.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Since when it owes an answer.
    since: Option<Duration>,
    is_stalled: bool,
}

/// After how long without any answer nobody waits for the server who has others to feed.
const STALL: Duration = Duration::from_secs(1);

impl Pulse {
    /// A request has ended.
    pub(super) fn beat(&mut self) {
        *self = Self::default();
    }

    /// Takes a look, with so many requests in flight.
    pub(super) fn look(&mut self, now: Duration, in_flight: usize) {
        if in_flight == 0 {
            self.beat();
        } else {
            let since = *self.since.get_or_insert(now);
            self.is_stalled = now.saturating_sub(since) >= STALL;
        }
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// When the next look is due.
    pub(super) fn next_look(&self) -> Option<Duration> {
        self.since.filter(|_| !self.is_stalled).map(|since| since.saturating_add(STALL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_server_stalls_after_a_second_without_an_answer_and_until_the_next_one() {
        let mut pulse = Pulse::default();
        pulse.look(SECOND, 0);
        assert_eq!((pulse.is_stalled(), pulse.next_look()), (false, None));
        pulse.look(SECOND, 3);
        assert_eq!((pulse.is_stalled(), pulse.next_look()), (false, Some(SECOND * 2)));
        pulse.look(SECOND * 2, 3);
        assert_eq!((pulse.is_stalled(), pulse.next_look()), (true, None));
        pulse.beat();
        pulse.look(SECOND * 2, 2);
        assert_eq!((pulse.is_stalled(), pulse.next_look()), (false, Some(SECOND * 3)));
    }
}
