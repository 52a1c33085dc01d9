use std::collections::HashMap;

use opentelemetry::trace::TraceId;
use sentry_types::Dsn;
use sentry_types::protocol::v7::{DynamicSamplingContext, OrganizationId, SampleRand};

use crate::protocol::{Transaction, TransactionSource};
use crate::sampling::{Decision, number, told_rate};

/// What the trace headers of an exporter say, alike in all segments of a trace.
#[derive(Debug)]
pub(crate) struct TraceHead {
    public_key: String,
    org_id: Option<OrganizationId>,
    known: Known,
}

/// The headers of the traces of the last while, in two generations: when the young one is full,
/// it takes the place of the old one.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<TraceId, Shared>,
    old: HashMap<TraceId, Shared>,
}

/// A header, and the name of the head of the trace, which not all segments may tell.
#[derive(Clone, Debug)]
struct Shared {
    context: DynamicSamplingContext,
    /// The rate of the sampler before.
    rate: f64,
    name: Option<String>,
}

/// How many traces a generation holds.
const GENERATION: usize = 2000;

impl TraceHead {
    pub(crate) fn of(dsn: &Dsn) -> Self {
        Self {
            public_key: dsn.public_key().to_owned(),
            org_id: org_id(dsn.host()),
            known: Known::default(),
        }
    }

    /// The `trace` header of everything that belongs to the segment of this transaction, by which
    /// Sentry samples a trace as a whole (rules DSC-1, DSC-4 to DSC-7 and DSC-9).
    ///
    /// The first segment of a trace decides, and once it comes, the head of the trace. A segment
    /// that is named by a URL never tells a name. The rate is that of each segment, because Sentry
    /// counts a segment by it.
    pub(crate) fn context(
        &mut self,
        transaction: &Transaction,
        decision: Decision,
    ) -> DynamicSamplingContext {
        let trace = transaction.trace.trace_id;
        let is_named = transaction.source != TransactionSource::Url;
        let is_head = transaction.trace.parent_span_id.is_none();
        let shared = match self.known.get(trace).filter(|_| !is_head) {
            Some(known) => known.clone(),
            None => {
                let name = (is_head && is_named).then(|| transaction.name.to_string());
                let rate = told_rate(transaction.trace.data.value("sentry.sample_rate"));
                let rate = rate.unwrap_or(1.0);
                let shared = Shared { context: self.own(transaction), rate, name };
                self.known.insert(trace, shared.clone());
                shared
            }
        };
        let context = sampled(shared.context, trace, shared.rate, decision);
        match shared.name.filter(|_| is_named) {
            Some(name) => context.with_transaction(name),
            None => context,
        }
    }

    fn own(&self, transaction: &Transaction) -> DynamicSamplingContext {
        let mut context = DynamicSamplingContext::new()
            .with_trace_id(transaction.trace.trace_id.to_bytes().into())
            .with_public_key(self.public_key.clone());
        if let Some(release) = &transaction.release {
            context = context.with_release(release.to_string());
        }
        if let Some(environment) = &transaction.environment {
            context = context.with_environment(environment.to_string());
        }
        match self.org_id {
            Some(org_id) => context.with_org_id(org_id),
            None => context,
        }
    }
}

impl Known {
    fn get(&self, trace: TraceId) -> Option<&Shared> {
        self.young.get(&trace).or_else(|| self.old.get(&trace))
    }

    fn insert(&mut self, trace: TraceId, shared: Shared) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(trace, shared);
    }
}

/// Tells the rate of a segment, the sampler before and the decision taken together.
fn sampled(
    context: DynamicSamplingContext,
    trace: TraceId,
    before: f64,
    decision: Decision,
) -> DynamicSamplingContext {
    let rate = (before * decision.rate) as f32;
    // A rate that is too small to be told is still one.
    let rate = if decision.is_kept { rate.max(f32::MIN_POSITIVE) } else { rate };
    let context = context.with_sample_rate(rate).with_sampled(decision.is_kept);
    match sample_rand(trace, f64::from(rate), decision.is_kept) {
        Some(rand) => context.with_sample_rand(rand),
        None => context,
    }
}

/// The number that OpenTelemetry's ratio sampler compares with the rate, so that all services of
/// a trace state the same one; scaled where another sampler decided otherwise (rule DSC-5). It is
/// below the rate if and only if the segment is sampled.
fn sample_rand(trace: TraceId, rate: f64, is_sampled: bool) -> Option<SampleRand> {
    const MILLION: f64 = 1e6;
    let rand = (number(trace) as f64 / (1_u64 << 63) as f64).min(0.999_999_9);
    let cut = match is_sampled {
        true if rand < rate => (rand * MILLION).floor(),
        true => (rand * rate * MILLION).floor(),
        false => (rand.max(rate) * MILLION).ceil(),
    };
    SampleRand::try_from((cut / MILLION).clamp(0.0, 0.999_999)).ok()
}

/// The organization that the first label of a host names (rule DSC-7).
fn org_id(host: &str) -> Option<OrganizationId> {
    let (label, _) = host.split_once('.')?;
    label.strip_prefix('o')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
    use opentelemetry::{InstrumentationScope, KeyValue};
    use opentelemetry_sdk::trace::SpanData;
    use serde_json::Value as Json;

    use super::*;
    use crate::mapping::Mapper;

    #[test]
    fn the_number_is_below_the_rate_and_the_same_in_all_services() {
        let rand =
            |trace: u128, rate| sample_rand(TraceId::from(trace), rate, true).unwrap().to_string();
        assert_eq!(rand(0, 1.0), "0.000000");
        assert_eq!(rand(u128::from(u64::MAX), 1.0), "0.999999");
        assert_eq!(rand(u128::from(u64::MAX), 0.25), "0.249999");
        assert_eq!(rand(0x4c79_f60c_1121_4eb3_8604_f4ae_0781_bfb2, 1.0), "0.523513");
    }

    #[test]
    fn the_number_is_below_the_rate_exactly_if_the_segment_is_sampled() {
        for (low, rate, is_kept) in
            [(0, 0.1, true), (1 << 62, 0.1, true), (u64::MAX, 1.0, true), (1 << 62, 0.1, false)]
                .into_iter()
                .chain([
                    (u64::MAX, 0.99, false),
                    (0, 0.0, false),
                    (1_844_674_407_370_960_000, 0.1, false),
                ])
        {
            let decision = Decision { is_kept, rate };
            let context =
                sampled(DynamicSamplingContext::new(), u128::from(low).into(), 1.0, decision);
            let header = serde_json::to_value(context).unwrap();
            let number = |key| header[key].as_str().unwrap().parse::<f64>().unwrap();
            let is_below = number("sample_rand") < number("sample_rate");
            assert_eq!(is_below, is_kept, "{header}");
            assert_eq!(header["sampled"], is_kept.to_string());
        }
    }

    #[test]
    fn the_rate_is_that_of_each_segment_and_of_the_sampler_before() {
        let mut head = TraceHead::of(&"https://key@sentry.invalid/42".parse().unwrap());
        let mut rate = |id, is_kept, rate| {
            let mapped = Mapper::new().map(vec![span(1, id, 0, 0.5)]).remove(0);
            let context = head.context(&mapped.transaction, Decision { is_kept, rate });
            serde_json::to_value(context).unwrap()["sample_rate"].take()
        };
        assert_eq!(rate(1, true, 0.25), "0.125");
        assert_eq!(rate(2, true, 1.0), "0.5");
        assert_eq!(rate(3, false, 0.25), "0.125");
        assert_eq!(rate(4, false, 0.0), "0");
        assert_ne!(rate(5, true, 1e-300), "0", "a rate of nothing for what was kept");
    }

    fn header(head: &mut TraceHead, span: SpanData) -> serde_json::Value {
        let mapped = Mapper::new().map(vec![span]).remove(0);
        serde_json::to_value(head.context(&mapped.transaction, Decision::KEPT)).unwrap()
    }

    fn span(trace: u128, id: u64, parent: u64, rate: f64) -> SpanData {
        let (trace, id) = (TraceId::from(trace), SpanId::from(id));
        let context =
            SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default());
        SpanData {
            span_context: context,
            parent_span_id: SpanId::from(parent),
            parent_span_is_remote: parent > 0,
            span_kind: SpanKind::Internal,
            name: format!("span {id}").into(),
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: vec![KeyValue::new("sentry.sample_rate", rate)],
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn all_segments_of_a_trace_say_what_its_head_says() {
        let mut head = TraceHead::of(&"https://key@o7.ingest.sentry.io/42".parse().unwrap());
        let early = header(&mut head, span(1, 2, 9, 1.0));
        assert_eq!((&early["sample_rate"], &early["transaction"]), (&"1".into(), &Json::Null));
        let first = header(&mut head, span(1, 1, 0, 0.25));
        assert_eq!(first["transaction"], "span 0000000000000001");
        assert_eq!((&first["sample_rate"], &first["org_id"]), (&"0.25".into(), &"7".into()));
        assert_eq!(header(&mut head, span(1, 3, 1, 1.0)), first);
        let mut by_url = span(1, 4, 1, 1.0);
        by_url.attributes.push(KeyValue::new("sentry.source", "url"));
        let by_url = header(&mut head, by_url);
        assert_eq!((&by_url["sample_rate"], &by_url["transaction"]), (&"0.25".into(), &Json::Null));
        assert_ne!(header(&mut head, span(2, 3, 1, 1.0)), first);
    }

    #[test]
    fn the_traces_of_a_while_are_remembered_and_no_more() {
        let mut known = Known::default();
        let mut insert = |from: usize, to: usize| {
            for trace in from..to {
                let context = DynamicSamplingContext::new();
                let shared = Shared { context, rate: 1.0, name: None };
                known.insert(TraceId::from(trace as u128), shared);
            }
            assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
            known.get(TraceId::from(1)).is_some()
        };
        assert!(insert(1, GENERATION + 1));
        assert!(insert(GENERATION + 1, 2 * GENERATION + 1));
        assert!(!insert(2 * GENERATION + 1, 2 * GENERATION + 2));
    }

    #[test]
    fn the_organization_comes_from_the_host() {
        let id = |host| org_id(host).map(|id| id.to_string());
        assert_eq!(id("o123456.sentry.io").as_deref(), Some("123456"));
        assert_eq!(id("o1.ingest.de.sentry.io").as_deref(), Some("1"));
        for host in ["my-org.sentry.io", "sentry.example.com", "o12", "localhost", "ox.y"] {
            assert_eq!(id(host), None, "{host}");
        }
    }
}
