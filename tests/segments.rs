//! Whatever order, cut, loss and timing spans come in: each leaves exactly once, in the right place.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::segment::{Segment, SegmentBuffer, SegmentKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const TIMEOUT: Duration = Duration::from_secs(100);

/// A span of a forest: the parent is one of those before it, another trace's root, or nobody.
#[derive(Clone, Debug)]
struct Planted {
    parent: Index,
    has_parent: bool,
    is_remote: bool,
    is_lost: bool,
    is_sampled: bool,
    copies: usize,
    start: u64,
}

#[derive(Clone, Debug)]
struct Scenario {
    planted: Vec<Planted>,
    /// The order in which spans arrive, and where batches are cut and how much time passes there.
    order: Vec<Index>,
    cuts: Vec<(usize, u64)>,
    max_spans: usize,
    bounds: Option<(usize, usize, usize)>,
    ends_early: bool,
}

fn planted() -> impl Strategy<Value = Planted> {
    (
        any::<Index>(),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.95),
        prop::sample::select(vec![1_usize, 1, 1, 1, 1, 1, 2, 3]),
        0_u64..50,
    )
        .prop_map(|(parent, has_parent, is_remote, is_lost, is_sampled, copies, start)| {
            Planted { parent, has_parent, is_remote, is_lost, is_sampled, copies, start }
        })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    (
        vec(planted(), 1..40),
        vec(any::<Index>(), 80),
        vec((1_usize..20, 0_u64..60), 80),
        prop_oneof![Just(1000_usize), 1_usize..8],
        proptest::option::weighted(0.3, (0_usize..20, 0_usize..20_000, 0_usize..4)),
        any::<bool>(),
    )
        .prop_map(|(planted, order, cuts, max_spans, bounds, ends_early)| Scenario {
            planted,
            order,
            cuts,
            max_spans,
            bounds,
            ends_early,
        })
}

/// Trace and number of a span; numbers are unique over all traces.
fn key(span: &SpanData) -> (TraceId, SpanId) {
    (span.span_context.trace_id(), span.span_context.span_id())
}

fn parent_key(span: &SpanData) -> (TraceId, SpanId) {
    (span.span_context.trace_id(), span.parent_span_id)
}

/// The spans that arrive, in order of arrival.
fn arrivals(scenario: &Scenario) -> Vec<SpanData> {
    let mut traces: Vec<u128> = Vec::new();
    let mut spans = Vec::new();
    for (at, planted) in scenario.planted.iter().enumerate() {
        let parent = (planted.has_parent && at > 0).then(|| planted.parent.index(at));
        let trace = parent.map_or(at as u128 % 3 + 1, |parent| traces[parent]);
        traces.push(trace);
        let flags = if planted.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000 + planted.start);
        let span = SpanData {
            span_context: SpanContext::new(
                TraceId::from(trace),
                SpanId::from(at as u64 + 1),
                flags,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::from(parent.map_or(0, |parent| parent as u64 + 1)),
            parent_span_is_remote: parent.is_some() && planted.is_remote,
            span_kind: SpanKind::Internal,
            name: "span".into(),
            start_time: start,
            end_time: start,
            attributes: vec![],
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        };
        let copies = if planted.is_lost { 0 } else { planted.copies };
        spans.extend(std::iter::repeat_n(span, copies));
    }
    for (at, index) in scenario.order.iter().enumerate().take(spans.len()) {
        let other = index.index(spans.len());
        spans.swap(at, other);
    }
    spans
}

/// What has left so far, and the checks on it.
#[derive(Default)]
struct Seen {
    left: HashSet<(TraceId, SpanId)>,
    arrived: HashMap<(TraceId, SpanId), Duration>,
}

impl Seen {
    fn segments(
        &mut self,
        segments: Vec<Segment>,
        max_spans: usize,
        has_bounds: bool,
        now: Duration,
    ) {
        let whole: HashSet<_> =
            segments.iter().flat_map(|segment| &segment.spans).map(key).collect();
        for segment in segments {
            assert!(!segment.spans.is_empty());
            assert!(segment.spans.len() <= max_spans + 1, "a segment over its limit");
            let root = segment.root().unwrap().clone();
            let parent = parent_key(&root);
            let is_local_root =
                root.parent_span_id == SpanId::INVALID || root.parent_span_is_remote;
            match segment.kind {
                SegmentKind::Root => assert!(is_local_root),
                SegmentKind::Late => {
                    assert!(self.left.contains(&parent) || whole.contains(&parent));
                }
                SegmentKind::Orphan => {
                    assert!(!is_local_root && !self.left.contains(&parent));
                    let oldest = segment.spans.iter().map(|span| self.arrived[&key(span)]).min();
                    let is_old = oldest.is_some_and(|oldest| now >= oldest + TIMEOUT);
                    assert!(
                        is_old || has_bounds || segment.part.is_some(),
                        "an orphan sent too early"
                    );
                }
                _ => unreachable!(),
            }
            let mut above = HashSet::from([key(&root)]);
            for span in segment.spans.iter().skip(1) {
                assert_eq!(span.span_context.trace_id(), root.span_context.trace_id());
                let is_in_place = above.contains(&parent_key(span));
                assert!(is_in_place || segment.part.is_some(), "a span apart from its parent");
                above.insert(key(span));
            }
            for span in &segment.spans {
                assert!(self.left.insert(key(span)), "a span that leaves twice");
            }
        }
    }
}

fn check(scenario: &Scenario) {
    let (spans, bytes, traces) = scenario.bounds.unwrap_or((usize::MAX, usize::MAX, usize::MAX));
    let mut buffer = SegmentBuffer::new()
        .with_timeout(TIMEOUT)
        .with_max_spans(scenario.max_spans)
        .with_max_pending_spans(spans)
        .with_max_pending_bytes(bytes)
        .with_max_pending_traces(traces);
    let mut arrivals = arrivals(scenario);
    if scenario.ends_early {
        arrivals.truncate(arrivals.len() / 2);
    }
    let mut seen = Seen::default();
    let (mut now, mut refused, all) = (Duration::ZERO, 0, arrivals.len() as u64);
    let mut cuts = scenario.cuts.iter();
    while !arrivals.is_empty() {
        let (len, wait) = *cuts.next().unwrap_or(&(1, 1));
        let rest = arrivals.split_off(len.min(arrivals.len()));
        let batch = std::mem::replace(&mut arrivals, rest);
        for span in batch.iter().filter(|span| span.span_context.is_sampled()) {
            seen.arrived.entry(key(span)).or_insert(now);
        }
        let ingested = buffer.ingest(batch, now);
        refused += ingested.unsampled + ingested.invalid + ingested.duplicates;
        let has_bounds = scenario.bounds.is_some();
        seen.segments(ingested.segments, scenario.max_spans, has_bounds, now);
        now += Duration::from_secs(wait);
        let expired = buffer.expire(now);
        seen.segments(expired, scenario.max_spans, has_bounds, now);
        assert!(buffer.next_deadline().is_none_or(|deadline| deadline > now));
        assert!(buffer.len() <= spans);
        let waiting: Vec<_> =
            seen.arrived.iter().filter(|(key, _)| !seen.left.contains(*key)).collect();
        assert_eq!(waiting.len(), buffer.len());
        assert!(
            waiting.iter().all(|(_, arrived)| now < **arrived + TIMEOUT),
            "a span waits too long"
        );
    }
    seen.segments(buffer.drain(), scenario.max_spans, true, now);
    assert!(buffer.is_empty());
    assert_eq!(seen.left.len(), seen.arrived.len());
    assert_eq!(seen.left.len() as u64 + refused, all, "what came in went out or was counted");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn every_span_that_comes_in_leaves_exactly_once_and_in_time(scenario in scenario()) {
        check(&scenario);
    }
}
