use std::collections::VecDeque;
use std::time::Duration;

/// The errors of the last minute, of which there may be only so many.
///
/// A sliding window rather than a bucket that fills up again, so that in no minute, wherever it
/// begins, there are more.
#[derive(Debug, Default)]
pub(super) struct Minute(VecDeque<Duration>);

const MINUTE: Duration = Duration::from_secs(60);

impl Minute {
    /// Whether one more may be sent now; if so it counts.
    pub(super) fn admit(&mut self, max: usize, now: Duration) -> bool {
        let is_over = |sent: &Duration| sent.saturating_add(MINUTE) <= now;
        while self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        let is_admitted = self.0.len() < max;
        if is_admitted {
            self.0.push_back(now);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn after_a_minute_there_is_room_again() {
        let mut minute = Minute::default();
        let at = [0, 1, 2, 59, 60, 60, 61, 62].map(Duration::from_secs);
        let admitted = at.map(|now| minute.admit(2, now));
        assert_eq!(admitted, [true, true, false, false, true, false, true, false]);
        assert!(!Minute::default().admit(0, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn in_no_minute_there_are_more(
            steps in prop::collection::vec(0..40_u64, 1..200),
            max in 0..5_usize,
        ) {
            let (mut minute, mut now, mut sent) = (Minute::default(), Duration::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_secs(step);
                if minute.admit(max, now) {
                    sent.push(now);
                }
                prop_assert!(minute.0.len() <= max);
            }
            for first in &sent {
                let within = sent.iter().filter(|at| *at >= first && **at < *first + MINUTE);
                prop_assert!(within.count() <= max);
            }
        }
    }
}
