use super::reason::DropReason;
use crate::protocol::{Envelope, ItemKind};
use crate::transport::{Category, Losses};

/// Items of one kind that were delivered or dropped together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) spans: u64,
    pub(crate) transactions: u64,
    pub(crate) events: u64,
    pub(crate) logs: u64,
    /// What Sentry counts these logs for, as far as they were looked at.
    pub(crate) log_bytes: u64,
}

impl Amount {
    pub(crate) fn of(kind: ItemKind, spans: u64) -> Self {
        match kind {
            ItemKind::Event => Self { events: 1, ..Self::default() },
            ItemKind::Transaction => Self { spans, transactions: 1, ..Self::default() },
            ItemKind::Log => Self { logs: spans, ..Self::default() },
            ItemKind::Span => Self::spans(spans),
        }
    }

    /// What is lost if this envelope is.
    pub(crate) fn of_envelope(envelope: &Envelope) -> Self {
        Self { log_bytes: envelope.log_bytes, ..Self::of(envelope.kind, envelope.spans) }
    }

    pub(crate) fn spans(spans: u64) -> Self {
        Self { spans, ..Self::default() }
    }

    pub(crate) fn event() -> Self {
        Self { events: 1, ..Self::default() }
    }

    #[cfg(feature = "logs")]
    pub(crate) fn logs(logs: u64, log_bytes: u64) -> Self {
        Self { logs, log_bytes, ..Self::default() }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_add(other.spans),
            transactions: self.transactions.saturating_add(other.transactions),
            events: self.events.saturating_add(other.events),
            logs: self.logs.saturating_add(other.logs),
            log_bytes: self.log_bytes.saturating_add(other.log_bytes),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_sub(other.spans),
            transactions: self.transactions.saturating_sub(other.transactions),
            events: self.events.saturating_sub(other.events),
            logs: self.logs.saturating_sub(other.logs),
            log_bytes: self.log_bytes.saturating_sub(other.log_bytes),
        }
    }

    /// Puts a loss of this amount into the next client report.
    pub(crate) fn report(self, reason: DropReason, losses: &mut Losses) {
        if let Some(reason) = reason.reported_as() {
            losses.add(reason, Category::Error, self.events);
            losses.add(reason, Category::Transaction, self.transactions);
            losses.add(reason, Category::Span, self.spans);
            losses.add(reason, Category::LogItem, self.logs);
            losses.add(reason, Category::LogByte, self.log_bytes);
        }
    }
}
