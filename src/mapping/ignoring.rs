use std::sync::Arc;

use opentelemetry::Key;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use super::transaction::flags;
use super::{Mapped, Mapper, span};
use crate::error::BuildError;
use crate::ignore::{Ignore, Ignoring, Subject};
use crate::pattern::Pattern;
use crate::segment::Segment;

/// What the rules say of the spans of a segment.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) is_ignored: bool,
    /// Whether each span below the root is ignored; empty if none is.
    spans: Vec<bool>,
}

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

    /// The setter of the rules for transactions, if there are any.
    pub(crate) fn ignores_transactions_by(&self) -> Option<&'static str> {
        let ignoring = &*self.ignoring;
        let by_rules = (!ignoring.transactions.is_empty()).then_some("with_ignored_transactions");
        by_rules.or(ignoring.health_checks.then_some("with_ignored_health_checks"))
    }

    /// What the rules say of a segment from which nothing is taken out yet.
    pub(super) fn judge(&self, segment: &Segment) -> Verdict {
        let ignoring = &*self.ignoring;
        let Some((root, below)) = segment.spans.split_first() else { return Verdict::default() };
        let is_ignored = ignoring.has_transaction_rules() && self.ignores(root, segment);
        let mut spans = Vec::new();
        if ignoring.has_span_rules() {
            spans.extend(below.iter().map(|span| ignores_span(ignoring, span)));
        }
        Verdict { is_ignored, spans }
    }

    fn ignores(&self, root: &SpanData, segment: &Segment) -> bool {
        let shown = span::Mapped::of(root, true);
        let flags = flags(segment.kind, segment.part);
        let value = |key: &str| {
            let flag = || flags.iter().find(|flag| flag.key.as_str() == key);
            let of_resource = || self.given_resource.as_ref()?.get_ref(&Key::from(key.to_owned()));
            shown
                .value(key, &root.attributes)
                .or_else(|| flag().map(|flag| &flag.value))
                .or_else(of_resource)
        };
        let op = shown.op.as_ref();
        self.ignoring.includes(Subject::new(shown.name.as_str(), op, shown.status, &value))
    }

    fn ignoring_mut(&mut self) -> &mut Ignoring {
        Arc::make_mut(&mut self.ignoring)
    }
}

impl Mapped {
    pub(super) fn ignore_spans(&mut self, verdict: &Verdict) {
        if verdict.spans.contains(&true) {
            let mut verdicts = verdict.spans.iter();
            let gone = self.transaction.retain_spans(|_| verdicts.next() != Some(&true));
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

pub(super) fn ignores_span(ignoring: &Ignoring, span: &SpanData) -> bool {
    let shown = span::Mapped::of(span, false);
    let value = |key: &str| shown.value(key, &span.attributes);
    let op = shown.op.as_ref();
    ignoring.includes_span(Subject::new(shown.name.as_str(), op, shown.status, &value))
}
