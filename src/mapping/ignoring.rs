use std::sync::Arc;

use opentelemetry::trace::SpanId;

use super::{Mapped, Mapper};
use crate::error::BuildError;
use crate::ignore::{Ignore, Ignoring};
use crate::pattern::Pattern;

impl Mapper {
    /// Which transactions are not sent; by default none. Further calls add rules.
    #[must_use]
    pub fn with_ignored_transactions<I: Into<Ignore>>(
        mut self,
        rules: impl IntoIterator<Item = I>,
    ) -> Self {
        self.ignoring_mut().transactions.extend(rules.into_iter().map(Into::into));
        self
    }

    /// Which spans below a root are not sent; by default none. Further calls add rules.
    #[must_use]
    pub fn with_ignored_spans<I: Into<Ignore>>(
        mut self,
        rules: impl IntoIterator<Item = I>,
    ) -> Self {
        self.ignoring_mut().spans.extend(rules.into_iter().map(Into::into));
        self
    }

    /// Whether successful questions for health and metrics are not sent; by default they are.
    #[must_use]
    pub fn with_ignored_health_checks(mut self, ignored: bool) -> Self {
        self.ignoring_mut().health_checks = ignored;
        self
    }

    /// Whether all patterns can work.
    pub(crate) fn check_patterns(&self) -> Result<(), BuildError> {
        self.ignoring.check()?;
        Pattern::check("with_ignored_errors", &self.errors.ignored)
    }

    fn ignoring_mut(&mut self) -> &mut Ignoring {
        Arc::make_mut(&mut self.ignoring)
    }
}

impl Mapped {
    pub(super) fn ignore_spans(&mut self, ignoring: &Ignoring) {
        if ignoring.has_span_rules() {
            let gone = self.transaction.retain_spans(|span| !ignoring.includes_span(span));
            self.ignored_spans = gone.len();
            self.forget_breadcrumbs(&gone);
        }
    }

    /// Takes out of the transaction what these spans have recorded.
    pub(crate) fn forget_breadcrumbs(&mut self, spans: &[SpanId]) {
        if spans.is_empty() || self.crumb_spans.is_empty() {
            return;
        }
        let mut recorders = self.crumb_spans.iter();
        self.transaction
            .breadcrumbs
            .retain(|_| recorders.next().is_none_or(|recorder| !spans.contains(recorder)));
        self.crumb_spans.retain(|recorder| !spans.contains(recorder));
    }
}
