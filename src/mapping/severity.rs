use sentry_types::protocol::v7::Level;
use tracing_core::Level as TracingLevel;

use super::facts::Facts;
use crate::semconv::Attribute::{self, Level as LevelKey, SentryLevel};

/// How bad an event says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Traced(TracingLevel),
    /// Worse than what `tracing` knows.
    Fatal,
}

impl Severity {
    /// The level that `tracing` or another recorder gave to an event (rule EXC-5).
    pub(super) fn logged(facts: &Facts<'_>) -> Option<Self> {
        Self::read(facts, LevelKey)
    }

    /// The level that Sentry is to show, whatever the recorder's is.
    pub(super) fn told(facts: &Facts<'_>) -> Option<Self> {
        Self::read(facts, SentryLevel)
    }

    fn read(facts: &Facts<'_>, attribute: Attribute) -> Option<Self> {
        Some(match facts.text(&[attribute])?.to_ascii_lowercase().as_str() {
            "trace" => Self::Traced(TracingLevel::TRACE),
            "debug" => Self::Traced(TracingLevel::DEBUG),
            "info" => Self::Traced(TracingLevel::INFO),
            "warn" | "warning" => Self::Traced(TracingLevel::WARN),
            "error" => Self::Traced(TracingLevel::ERROR),
            "fatal" | "critical" => Self::Fatal,
            _ => return None,
        })
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Fatal => Self::Fatal,
            Severity::Traced(TracingLevel::ERROR) => Self::Error,
            Severity::Traced(TracingLevel::WARN) => Self::Warning,
            Severity::Traced(TracingLevel::INFO) => Self::Info,
            Severity::Traced(_) => Self::Debug,
        }
    }
}
