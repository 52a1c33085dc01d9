//! What is not worth sending, decided when everything about it is known and nothing taken out.

mod health;
mod rule;

pub use self::rule::Ignore;
pub(crate) use self::rule::Subject;
use crate::error::BuildError;
use crate::pattern::Pattern;

/// Which transactions and which spans are not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignoring {
    pub(crate) transactions: Vec<Ignore>,
    pub(crate) spans: Vec<Ignore>,
    pub(crate) health_checks: bool,
}

impl Ignoring {
    pub(crate) fn includes(&self, subject: Subject<'_>) -> bool {
        self.transactions.iter().any(|rule| rule.includes(subject))
            || (self.health_checks && health::is_health_check(subject))
    }

    pub(crate) fn includes_span(&self, subject: Subject<'_>) -> bool {
        self.spans.iter().any(|rule| rule.includes(subject))
    }

    pub(crate) fn has_transaction_rules(&self) -> bool {
        !self.transactions.is_empty() || self.health_checks
    }

    pub(crate) fn has_span_rules(&self) -> bool {
        !self.spans.is_empty()
    }

    /// Whether all patterns can work.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        for (setting, rules) in
            [("with_ignored_transactions", &self.transactions), ("with_ignored_spans", &self.spans)]
        {
            Pattern::check(setting, rules.iter().flat_map(Ignore::patterns))?;
        }
        Ok(())
    }
}
