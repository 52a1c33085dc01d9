use std::collections::HashSet;

use opentelemetry::{otel_debug, otel_info, otel_warn};

use super::inbox::Delivery;
use super::quiet::Quiet;
use super::way::Way;
use crate::stats::{Amount, DropReason, Stats};

/// What the thread says in OpenTelemetry's internal log; never a key or a body.
#[derive(Debug)]
pub(super) struct Voice {
    quiet: Quiet,
    /// Troubles that have been said and need not be said again.
    said: HashSet<(Way, String)>,
    /// The same, until the server is reached again.
    said_of_outage: HashSet<(Way, String)>,
    said_drops: HashSet<DropReason>,
}

/// How many different troubles are said.
const MAX_SAID: usize = 32;

impl Voice {
    pub(super) fn new(quiet: Quiet) -> Self {
        Self {
            quiet,
            said: HashSet::new(),
            said_of_outage: HashSet::new(),
            said_drops: HashSet::new(),
        }
    }

    /// A loss, if it is the first of its kind.
    pub(super) fn dropped(&mut self, amount: Amount, reason: DropReason) {
        if reason.is_wanted() || !self.said_drops.insert(reason) {
            return;
        }
        let Amount { spans, events, logs, .. } = amount;
        self.quiet.speak(|| {
            otel_warn!(
                name: "SentryExporter.Dropped",
                reason = reason.to_string(),
                spans = spans,
                events = events,
                logs = logs,
                note = "further losses of this kind are counted in stats()"
            );
        });
    }

    /// What keeps envelopes from being delivered, once; an outage, once each time. Tells whether
    /// it was new.
    pub(super) fn trouble(&mut self, way: Way, what: &str, reason: DropReason) -> bool {
        let said = match reason {
            DropReason::Unreachable => &mut self.said_of_outage,
            _ => &mut self.said,
        };
        let is_new = said.len() < MAX_SAID && said.insert((way, what.to_owned()));
        if is_new {
            self.quiet.speak(|| {
                otel_warn!(name: "SentryExporter.DeliveryFailed", reason = what);
            });
        }
        is_new
    }

    /// That Spotlight cannot be reached, which concerns nothing else.
    pub(super) fn no_spotlight(&mut self, trouble: &str) {
        self.quiet.speak(|| {
            otel_warn!(
                name: "SentryExporter.SpotlightFailed",
                reason = trouble,
                advice = "start Spotlight, or unset SENTRY_SPOTLIGHT; this is said once"
            );
        });
    }

    pub(super) fn works(&mut self, now_up: Way) {
        let before = self.said_of_outage.len();
        self.said_of_outage.retain(|(way, _)| *way != now_up);
        if self.said_of_outage.len() < before {
            self.quiet.speak(|| {
                otel_info!(name: "SentryExporter.DeliveryWorks");
            });
        }
    }

    pub(super) fn answered(&mut self, status: u16, delivery: &Delivery) {
        let (bytes, amount) = (delivery.bytes, delivery.amount);
        let event_id = delivery.queued.as_ref().map(|queued| queued.envelope.event_id);
        self.quiet.speak(|| {
            otel_debug!(
                name: "SentryExporter.Answered",
                status = status,
                event_id = event_id.map(|id| id.simple().to_string()).unwrap_or_default(),
                bytes = bytes,
                transactions = amount.transactions,
                spans = amount.spans,
                events = amount.events
            );
        });
    }

    /// The totals at the end, if anything was lost that should not have been.
    pub(super) fn ended(&mut self, stats: &Stats) {
        let mut reasons = stats.dropped.keys().chain(stats.dropped_logs.keys());
        if reasons.any(|reason| !reason.is_wanted()) {
            self.quiet.speak(|| {
                otel_warn!(name: "SentryExporter.Shutdown", summary = stats.to_string());
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_once_however_often_another_project_answers() {
        let mut voice = Voice::new(Quiet::new());
        let (away, up) = (Way::other(0), Way::DEFAULT);
        assert!(voice.trouble(away, "gone", DropReason::Unreachable));
        voice.works(up);
        assert!(!voice.trouble(away, "gone", DropReason::Unreachable));
        voice.works(away);
        assert!(voice.trouble(away, "gone", DropReason::Unreachable));
    }
}
