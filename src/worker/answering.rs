use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::SystemTime;

use bytes::Bytes;
use http::Response;

use super::inbox::{Delivery, Failure};
use super::run::Worker;
use super::verdict::Verdict;
use super::way::Way;
use crate::stats::DropReason;

/// What follows from the end of a request.
impl Worker {
    pub(super) fn answered(
        &mut self,
        delivery: Box<Delivery>,
        answer: Result<Response<Bytes>, Failure>,
    ) {
        let times = (self.now(), SystemTime::now());
        let way = delivery.way;
        if let Ok(answer) = &answer {
            self.outboxes.at_mut(way).heed(times, answer);
            self.voice.answered(answer.status().as_u16(), &delivery);
            self.voice.works(way);
            if self.outboxes.is_up() {
                self.ledger.reached();
            }
        }
        let verdict = Verdict::of(&answer, self.outboxes.at(way).server());
        if let Some((trouble, reason)) = verdict.trouble() {
            self.trouble_at(way, format!("could not deliver to Sentry: {trouble}"), reason);
        }
        // A report that travelled alone has had its answer, whatever that says.
        let is_told =
            verdict == Verdict::Delivered || (answer.is_ok() && delivery.queued.is_none());
        match verdict {
            Verdict::Delivered => self.ledger.delivered(delivery.amount, delivery.bytes),
            Verdict::Lost { reason, is_reported, .. } => {
                self.lose_sent(&delivery, reason, is_reported);
            }
            Verdict::Unanswered(how) => {
                match self.outboxes.at_mut(way).again(delivery, &how, times.0, jitter()) {
                    Ok(overflow) => {
                        for (amount, reason) in overflow {
                            self.lose_at(way, amount, reason);
                        }
                    }
                    Err(delivery) => {
                        self.lose_sent(&delivery, DropReason::Unreachable, true);
                        self.outboxes.at_mut(way).settle(delivery, false, times.0);
                    }
                }
                return;
            }
        }
        self.outboxes.at_mut(way).settle(delivery, is_told, times.0);
    }

    pub(super) fn trouble(&mut self, trouble: String, reason: DropReason) {
        self.trouble_at(Way::DEFAULT, trouble, reason);
    }

    fn trouble_at(&mut self, way: Way, trouble: String, reason: DropReason) {
        let is_new = self.voice.trouble(way, &trouble, reason);
        self.ledger.trouble(trouble, reason, is_new);
    }

    /// Counts an envelope that was sent in vain; a report that is lost is told again instead.
    fn lose_sent(&mut self, delivery: &Delivery, reason: DropReason, is_reported: bool) {
        match delivery.queued {
            Some(_) if is_reported => self.lose_at(delivery.way, delivery.amount, reason),
            Some(_) => self.ledger.dropped(delivery.amount, reason),
            None => {}
        }
    }
}

/// A number from 0 to 1, so that many processes do not try again at the same moment.
fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    random as f64 / u64::MAX as f64
}
