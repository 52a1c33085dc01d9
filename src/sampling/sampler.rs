use std::collections::HashMap;

use foldhash::fast::RandomState;
use opentelemetry::trace::TraceId;

use super::decision::Decision;
use super::policy::Subject;
use super::settings::Sampling;
use super::share;
use crate::segment::{Segment, SegmentKind};

/// Settings, and what was decided by policies about the traces of the last while.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    known: Known,
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

/// Pasts in two generations: when the young one is full, it takes the place of the old one.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<TraceId, Past, RandomState>,
    old: HashMap<TraceId, Past, RandomState>,
}

/// How many traces a generation holds.
const GENERATION: usize = 5000;

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        Self { sampling, known: Known::default() }
    }

    /// Decides about a segment as if all that came of its trace before were a part of it.
    ///
    /// What follows of a trace that a policy has kept is kept, because half a trace helps nobody.
    /// What a policy dropped takes along only what ended after it, since the other segments of the
    /// trace may be the ones to keep. A policy that stands further up wins over both.
    pub(crate) fn decide(&mut self, segment: &Segment) -> Decision {
        let Some(subject) = Subject::new(segment) else { return Decision::KEPT };
        let root = subject.root();
        let trace = root.span_context.trace_id();
        let past = self.known.get(trace);
        let is_late = segment.kind == SegmentKind::Late;
        let recalled = past.kept.or(past.dropped.filter(|_| is_late));
        let found = self.sampling.first_match(&subject, recalled);
        let place = found.or(recalled);
        let told = share::told_by(root);
        let before = told.or(past.before);
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

    /// Whether the errors of what is not kept are sent.
    pub(crate) fn sends_errors_of_dropped(&self) -> bool {
        self.sampling.sends_errors_of_dropped()
    }
}

impl Known {
    fn get(&self, trace: TraceId) -> Past {
        let past = self.young.get(&trace).or_else(|| self.old.get(&trace));
        past.copied().unwrap_or_default()
    }

    fn insert(&mut self, trace: TraceId, past: Past) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(trace, past);
    }
}
