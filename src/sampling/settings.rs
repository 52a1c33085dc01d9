use std::sync::Arc;
use std::time::Duration;

use super::decision::Decision;
use super::policy::{Policy, Subject};
use super::rule::Rule;
use super::share;
use crate::error::BuildError;
use crate::pattern::Pattern;
use crate::segment::Segment;

/// Which segments are sent: what the policies say, in their order, and of the rest a share.
///
/// The first policy that is about a segment decides. The share of the rest is that of OpenTelemetry's
/// ratio samplers, by the trace id alone, so that all services of a trace keep the same traces,
/// whatever process or language they are of. Sentry is told the rate of each segment and counts
/// right in spite of it: 1 for what a policy keeps, the rate for the rest.
///
/// Errors of segments that are not kept are sent all the same; see
/// [`with_errors_of_dropped`](Self::with_errors_of_dropped). The sampler of the provider must be
/// `AlwaysOn`, alone or in `ParentBased`, which is the default: what it turns down never comes here.
///
/// ```
/// use std::time::Duration;
/// use opentelemetry_sentry::sampling::{Rule, Sampling};
///
/// let sampling = Sampling::at_rate(0.1)
///     .drop(Rule::name("GET /health*"))
///     .keep_errors()
///     .keep_slower_than(Duration::from_secs(2))
///     .keep(Rule::attribute("user.tier", "gold"))
///     .keep_if(|segment| segment.spans.len() > 500);
/// # let _ = sampling;
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until they are given to `with_sampling`"]
pub struct Sampling {
    rate: f64,
    policies: Vec<Policy>,
    errors_of_dropped: bool,
}

/// Who is given these settings.
const SETTER: &str = "with_sampling";

impl Sampling {
    /// Keeps this share of the traces that no policy is about, from 0 to 1.
    ///
    /// Another number is an error of
    /// [`build`](crate::SentrySpanExporterBuilder::build).
    pub fn at_rate(rate: f64) -> Self {
        Self { rate, policies: Vec::new(), errors_of_dropped: true }
    }

    /// Keeps segments in which a span has an error status or recorded an error: an exception, or a
    /// line that was logged as an error.
    pub fn keep_errors(self) -> Self {
        self.with(Policy::KeepErrors)
    }

    /// Keeps segments whose root span took longer.
    pub fn keep_slower_than(self, duration: Duration) -> Self {
        self.with(Policy::KeepSlowerThan(duration))
    }

    /// Keeps segments that look like this.
    pub fn keep(self, rule: Rule) -> Self {
        self.with(Policy::Keep(rule))
    }

    /// Drops segments that look like this.
    pub fn drop(self, rule: Rule) -> Self {
        self.with(Policy::Drop(rule))
    }

    /// Keeps segments for which this says `true`.
    ///
    /// It runs on the exporter's thread, once for each segment that no policy before is about, and
    /// holds up the others meanwhile. If it panics, the segment is kept, and that is said once.
    pub fn keep_if(self, is_kept: impl Fn(&Segment) -> bool + Send + Sync + 'static) -> Self {
        self.with(Policy::KeepIf(Arc::new(is_kept)))
    }

    /// Whether the errors of segments that are not kept make issues all the same. Default: `true`.
    pub fn with_errors_of_dropped(mut self, sent: bool) -> Self {
        self.errors_of_dropped = sent;
        self
    }

    /// What becomes of a segment, by itself.
    ///
    /// An exporter also remembers what it decided about the trace before: what follows of a trace
    /// that a policy has kept is kept.
    pub fn decide(&self, segment: &Segment) -> Decision {
        let Some(subject) = Subject::new(segment) else { return Decision::KEPT };
        let before = share::told_by(subject.root()).unwrap_or(1.0);
        self.decision(self.first_match(&subject, None), &subject, before)
    }

    /// Whether these settings can work.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(BuildError::InvalidSetting {
                setting: SETTER,
                reason: format!("the rate {} is not between 0 and 1", self.rate),
                remedy: "use the share of traces to keep, such as `Sampling::at_rate(0.1)`",
            });
        }
        let rules = self.policies.iter().filter_map(Policy::rule);
        Pattern::check(SETTER, rules.flat_map(Rule::patterns))
    }

    pub(super) fn sends_errors_of_dropped(&self) -> bool {
        self.errors_of_dropped
    }

    pub(super) fn keeps(&self, place: usize) -> bool {
        self.policies.get(place).is_none_or(Policy::keeps)
    }

    /// The place of the first policy that is about the segment, among those before `end`.
    pub(super) fn first_match(&self, subject: &Subject<'_>, end: Option<usize>) -> Option<usize> {
        let mut policies = self.policies.iter().take(end.unwrap_or(usize::MAX));
        policies.position(|policy| policy.matches(subject))
    }

    /// What a policy says, or the rate where none is about the segment.
    pub(super) fn decision(
        &self,
        place: Option<usize>,
        subject: &Subject<'_>,
        before: f64,
    ) -> Decision {
        match place {
            Some(place) if self.keeps(place) => Decision::KEPT,
            Some(_) => Decision::DROPPED,
            None => {
                let trace = subject.root().span_context.trace_id();
                Decision { is_kept: share::is_kept(trace, self.rate, before), rate: self.rate }
            }
        }
    }

    fn with(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }
}
