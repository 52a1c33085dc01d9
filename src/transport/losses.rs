use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::json;

use crate::protocol::sent_at;

/// What Sentry counts and limits by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Category {
    Error,
    LogByte,
    LogItem,
    Span,
    Transaction,
}

/// What was lost on our side and has not been told to Sentry yet.
///
/// <https://develop.sentry.dev/sdk/telemetry/client-reports/>
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses(BTreeMap<(&'static str, Category), u64>);

impl Category {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::LogByte => "log_byte",
            Self::LogItem => "log_item",
            Self::Span => "span",
            Self::Transaction => "transaction",
        }
    }
}

impl Losses {
    pub(crate) fn add(&mut self, reason: &'static str, category: Category, quantity: u64) {
        if quantity > 0 {
            let sum = self.0.entry((reason, category)).or_default();
            *sum = sum.saturating_add(quantity);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes back what a report told that did not arrive.
    pub(crate) fn restore(&mut self, losses: Self) {
        for ((reason, category), quantity) in losses.0 {
            self.add(reason, category, quantity);
        }
    }

    /// The payload of a client report.
    pub(crate) fn report(&self, now: SystemTime) -> Vec<u8> {
        let discarded: Vec<_> = self
            .0
            .iter()
            .map(|((reason, category), quantity)| {
                json!({"reason": reason, "category": category.as_str(), "quantity": quantity})
            })
            .collect();
        json!({"timestamp": sent_at(now), "discarded_events": discarded}).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_report_sums_up_and_can_be_taken_back() {
        let mut losses = Losses::default();
        losses.add("network_error", Category::Transaction, 1);
        losses.add("network_error", Category::Span, 0);
        let told = std::mem::take(&mut losses);
        losses.add("network_error", Category::Transaction, 2);
        losses.restore(told);
        assert_eq!(
            String::from_utf8(losses.report(UNIX_EPOCH)).unwrap(),
            "{\"discarded_events\":[{\"category\":\"transaction\",\"quantity\":3,\
             \"reason\":\"network_error\"}],\"timestamp\":\"1970-01-01T00:00:00Z\"}"
        );
    }
}
