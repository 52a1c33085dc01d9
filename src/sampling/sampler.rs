use opentelemetry::trace::TraceId;

use super::decision::Decision;
use super::policy::Subject;
use super::settings::Sampling;
use super::share;
use crate::generations::{Generations, Limits, Weight};
use crate::segment::{Segment, SegmentKind};

/// Settings, and what was decided by policies about the traces of the last while.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    known: Generations<TraceId, Past>,
    has_panicked: bool,
}

/// What later segments of a trace need to know of those before.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// The place of the policy that kept a segment of the trace.
    kept: Option<usize>,
    /// The place of the policy that dropped one.
    dropped: Option<usize>,
    /// The rate of the sampler before, which not all roots may tell.
    before: Option<f64>,
}

/// How many traces a generation holds.
const GENERATION: usize = 5000;

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let known = Generations::new(Limits::entries(GENERATION));
        Self { sampling, known, has_panicked: false }
    }

    /// Decides about a segment as if all that came of its trace before were a part of it.
    ///
    /// What follows of a trace that a policy has kept is kept, because half a trace helps nobody.
    /// What a policy dropped takes along only what ended after it, since the other segments of the
    /// trace may be the ones to keep. A policy that stands further up wins over both.
    ///
    /// `before` is the rate of the sampler before where no root tells it.
    pub(crate) fn decide(&mut self, segment: &Segment, before: Option<f64>) -> Decision {
        let Some(subject) = Subject::new(segment) else { return Decision::KEPT };
        let root = subject.root();
        let trace = root.span_context.trace_id();
        let past = self.known.peek(trace).copied().unwrap_or_default();
        let is_late = segment.kind == SegmentKind::Late;
        let recalled = past.kept.or(past.dropped.filter(|_| is_late));
        let found = self.sampling.first_match(&subject, recalled);
        self.has_panicked |= subject.has_panicked();
        let place = found.or(recalled);
        let told = share::told_by(root);
        let before = told.or(past.before).or(before);
        let (kept, dropped) = match found {
            Some(place) if self.sampling.keeps(place) => (Some(place), past.dropped),
            Some(place) => (past.kept, Some(place)),
            None => (past.kept, past.dropped),
        };
        if found.is_some() || (told.is_some() && told != past.before) {
            self.known.insert(trace, Past { kept, dropped, before });
        }
        self.sampling.decision(place, &subject, before.unwrap_or(1.0))
    }

    /// Whether a closure has panicked since it was asked last.
    pub(crate) fn take_panicked(&mut self) -> bool {
        std::mem::take(&mut self.has_panicked)
    }

    /// Whether the errors of what is not kept are sent.
    pub(crate) fn sends_errors_of_dropped(&self) -> bool {
        self.sampling.sends_errors_of_dropped()
    }
}

impl Weight for Past {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry::KeyValue;
    use opentelemetry::trace::Status;
    use opentelemetry_sdk::trace::SpanData;

    use super::*;
    use crate::idle::idle_span;
    use crate::sampling::Rule;
    use crate::segment::SegmentBuffer;

    const ERROR: Status = Status::Error { description: std::borrow::Cow::Borrowed("") };

    /// A trace that a rate of a half drops, and one that it keeps.
    const HIGH: u128 = u64::MAX as u128;
    const LOW: u128 = 1;

    fn segment(trace: u128, kind: SegmentKind, name: &'static str, status: Status) -> Segment {
        let span = SpanData { name: name.into(), status, ..idle_span(trace, 7, 0) };
        let mut segment =
            SegmentBuffer::new().ingest(vec![span], Duration::ZERO).segments.remove(0);
        segment.kind = kind;
        segment
    }

    /// Decides about one segment after the other; gives what became of the last one.
    fn last(
        sampling: Sampling,
        segments: &[(u128, SegmentKind, &'static str, Status)],
    ) -> Decision {
        let mut sampler = Sampler::new(sampling);
        let segments = segments.iter().map(|(trace, kind, name, status)| {
            sampler.decide(&segment(*trace, *kind, name, status.clone()), None)
        });
        segments.last().expect("a segment")
    }

    #[test]
    fn what_follows_of_a_trace_that_a_policy_kept_is_kept() {
        let sampling = || Sampling::at_rate(0.5).keep_errors();
        for kind in [SegmentKind::Root, SegmentKind::Late, SegmentKind::Orphan] {
            let first = (HIGH, SegmentKind::Root, "a", ERROR);
            let next = (HIGH, kind, "b", Status::Unset);
            assert_eq!(last(sampling(), &[first, next.clone()]), Decision::KEPT);
            let by_rate = Decision { is_kept: false, rate: 0.5 };
            assert_eq!(last(sampling(), &[next]), by_rate);
        }
    }

    #[test]
    fn what_follows_of_a_trace_without_a_policy_has_its_share() {
        for (trace, is_kept) in [(LOW, true), (HIGH, false)] {
            let of = |kind| (trace, kind, "a", Status::Unset);
            for kind in [SegmentKind::Root, SegmentKind::Late, SegmentKind::Orphan] {
                let decision = last(Sampling::at_rate(0.5), &[of(SegmentKind::Root), of(kind)]);
                assert_eq!(decision, Decision { is_kept, rate: 0.5 });
            }
        }
    }

    #[test]
    fn an_error_that_comes_late_is_kept_although_its_parent_was_not() {
        let parent = (HIGH, SegmentKind::Root, "a", Status::Unset);
        let child = (HIGH, SegmentKind::Late, "b", ERROR);
        assert_eq!(last(Sampling::at_rate(0.5).keep_errors(), &[parent, child]), Decision::KEPT);
    }

    #[test]
    fn what_a_policy_dropped_takes_along_its_late_spans_alone() {
        let sampling = || Sampling::at_rate(1.0).drop(Rule::name("health"));
        let health = (LOW, SegmentKind::Root, "health", Status::Unset);
        for (kind, is_kept) in
            [(SegmentKind::Root, true), (SegmentKind::Late, false), (SegmentKind::Orphan, true)]
        {
            let decision = last(sampling(), &[health.clone(), (LOW, kind, "b", Status::Unset)]);
            assert_eq!(decision.is_kept, is_kept, "{kind:?}");
        }
    }

    #[test]
    fn the_policy_further_up_wins_over_what_was_decided_before() {
        let health = |status| (LOW, SegmentKind::Root, "health", status);
        let late = (LOW, SegmentKind::Late, "b", ERROR);
        let first = Sampling::at_rate(0.0).drop(Rule::name("health")).keep_errors();
        assert_eq!(last(first, &[health(Status::Unset), late.clone()]), Decision::DROPPED);
        let first = Sampling::at_rate(0.0).keep_errors().drop(Rule::name("health"));
        assert_eq!(last(first, &[health(Status::Unset), late.clone()]), Decision::KEPT);
        let first = Sampling::at_rate(0.0).drop(Rule::name("health")).keep_errors();
        let other = (LOW, SegmentKind::Root, "a", ERROR);
        assert_eq!(last(first, &[other, health(Status::Unset)]), Decision::DROPPED);
    }

    #[test]
    fn the_rate_before_that_one_root_told_counts_for_all_that_follows() {
        let mut sampler = Sampler::new(Sampling::at_rate(0.5));
        // Below a half of all, but not below a half of that half.
        let mut root = segment(3 << 61, SegmentKind::Root, "a", Status::Unset);
        let late = segment(3 << 61, SegmentKind::Late, "b", Status::Unset);
        assert!(sampler.decide(&root, None).is_kept);
        root.spans[0].attributes.push(KeyValue::new("sentry.sample_rate", 0.5));
        assert!(!sampler.decide(&root, None).is_kept);
        assert!(!sampler.decide(&late, None).is_kept);
    }

    #[test]
    fn the_traces_of_a_while_are_remembered_and_no_more() {
        let mut sampler = Sampler::new(Sampling::at_rate(0.0).keep_errors());
        let mut keeps = |trace: usize, status| {
            let segment = segment(trace as u128, SegmentKind::Late, "a", status);
            let is_kept = sampler.decide(&segment, None).is_kept;
            assert!(sampler.known.len() <= 2 * GENERATION);
            is_kept
        };
        assert!((1..=2 * GENERATION).all(|trace| keeps(trace, ERROR)));
        assert!(keeps(1, Status::Unset));
        keeps(2 * GENERATION + 1, ERROR);
        assert!(!keeps(1, Status::Unset) && keeps(GENERATION + 1, Status::Unset));
        (1..=2 * GENERATION)
            .for_each(|trace| assert!(keeps(trace, Status::Unset) == (trace > GENERATION)));
        assert!(keeps(GENERATION + 1, Status::Unset), "traces without a policy take no room");
    }

    #[test]
    fn the_share_is_one_of_what_a_ratio_sampler_before_let_through() {
        let mut sampler = Sampler::new(Sampling::at_rate(0.5));
        // A quarter of all lies below 2^61 of 2^63.
        for (number, is_kept) in [(1, true), ((1 << 60) - 1, true), (1 << 60, false)] {
            let segment = segment(number << 1, SegmentKind::Root, "a", Status::Unset);
            assert_eq!(sampler.decide(&segment, Some(0.25)).is_kept, is_kept, "{number}");
        }
    }
}
