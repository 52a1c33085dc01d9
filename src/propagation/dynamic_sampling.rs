use std::sync::Arc;

use opentelemetry::StringValue;
use opentelemetry::trace::TraceId;

use super::origin::Origin;
use super::registry::{Earlier, Service, Told, TraceRegistry};
use super::sampling;
use crate::generations::{Generations, Limits, Weight};
use crate::protocol::{
    MAX_NAME_CHARS, TraceHeader, TraceKey, Transaction, TransactionSource, first_chars,
};
use crate::sampling::{Decision, told_rate};

/// What the trace headers of an exporter say, alike in all segments of a trace.
#[derive(Debug)]
pub(crate) struct TraceHead {
    /// What came with a trace, or left with it.
    traces: Arc<TraceRegistry>,
    /// The traces that did neither.
    known: Generations<TraceId, Head>,
    /// What was said of the software last, which nearly all traces say.
    service: Arc<Service>,
}

/// Of what the header of a trace is made that nobody was told anything about.
#[derive(Clone, Debug)]
struct Head {
    rate: Option<f64>,
    /// What the head of the trace may tell, which not all segments may.
    name: Option<StringValue>,
    service: Arc<Service>,
}

/// What is said of a trace by what is sent of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) trace: TraceId,
    /// By which it was sampled.
    pub(crate) rate: Option<f64>,
    pub(crate) name: Option<&'a StringValue>,
    /// Whether the name may be told.
    pub(crate) is_named: bool,
    /// Whether it is that of the head of the trace.
    pub(crate) is_head: bool,
    /// Whether it is more than errors.
    pub(crate) is_sent: bool,
}

/// What a generation holds; nothing in it is long.
const LIMITS: Limits = Limits::entries(2000);

impl TraceHead {
    pub(crate) fn of(traces: Arc<TraceRegistry>) -> Self {
        Self { traces, known: Generations::new(LIMITS), service: Arc::default() }
    }

    /// The `trace` header of everything that belongs to the segment of this transaction, by which
    /// Sentry samples a trace as a whole (rules DSC-1 to DSC-7 and DSC-9).
    ///
    /// What came from the head of the trace, or what other services were told, is said as it was;
    /// nothing if the head said nothing. Else the first segment of a trace decides, and once it
    /// comes, the head of the trace. A segment that is named by a URL never tells a name. The rate
    /// is that of each segment, because Sentry counts a segment by it.
    ///
    /// `origin` is one of several projects, whose key and organization it tells where no other
    /// service was told those of the exporter.
    pub(crate) fn context_at(
        &mut self,
        origin: Option<&Origin>,
        transaction: &Transaction,
        decision: Decision,
    ) -> Option<TraceHeader> {
        let header = self.undecided(transaction, origin, true)?;
        Some(decided(header, transaction.trace.trace_id, decision))
    }

    /// The same for errors whose transaction is not sent, or not yet: what stands for it has
    /// nothing to say about the trace, least of all its name.
    pub(crate) fn context_of_errors(
        &mut self,
        origin: Option<&Origin>,
        transaction: &Transaction,
        decision: Decision,
    ) -> Option<TraceHeader> {
        let header = self.undecided(transaction, origin, false)?;
        Some(decided(header, transaction.trace.trace_id, decision))
    }

    /// The rate by which a trace was sampled before it came here, if anybody told it.
    pub(crate) fn rate_of(&self, trace: TraceId) -> Option<f64> {
        self.traces.rate_of(trace)
    }

    /// The header as it is where every segment is sent.
    fn undecided(
        &mut self,
        transaction: &Transaction,
        origin: Option<&Origin>,
        is_sent: bool,
    ) -> Option<TraceHeader> {
        let trace = transaction.trace.trace_id;
        let rate = told_rate(transaction.trace.data.value("sentry.sample_rate"));
        let rate = match self.traces.context_at(trace, rate) {
            Earlier::Context(told) => return told.header(),
            Earlier::Nothing { rate } => rate,
        };
        let service = Told {
            release: transaction.release.as_ref().map(StringValue::as_str),
            environment: transaction.environment.as_ref().map(StringValue::as_str),
        };
        let said = Said {
            trace,
            rate,
            name: Some(&transaction.name),
            is_named: is_sent && transaction.source != TransactionSource::Url,
            is_head: is_sent && transaction.trace.parent_span_id.is_none(),
            is_sent,
        };
        self.own(said, service, origin)
    }

    /// The header of spans that are sent without a transaction, and of the errors with them.
    ///
    /// Relay takes no spans without a header of their trace, so what the head of the trace left
    /// open is filled in.
    pub(crate) fn context_of_spans(
        &mut self,
        said: Said<'_>,
        service: impl Fn() -> Service,
        origin: Option<&Origin>,
    ) -> Option<TraceHeader> {
        let Said { trace, rate, .. } = said;
        let told = match self.traces.context_at(trace, rate) {
            Earlier::Context(told) => told,
            Earlier::Nothing { rate } => {
                return self.own(Said { rate, ..said }, service().told(), origin);
            }
        };
        let rate = rate.or_else(|| self.traces.rate_of(trace));
        let own = || self.traces.own(trace, (rate, true), service().told(), origin);
        let id = trace.to_string();
        let is_it = |told: &TraceHeader| {
            told.value(TraceKey::TraceId).is_some_and(|told| told.eq_ignore_ascii_case(&id))
        };
        let Some(told) = told.header().filter(is_it) else { return own() };
        if told.value(TraceKey::SampleRate).is_some() {
            return Some(told);
        }
        let own = own()?;
        let rate = own.value(TraceKey::SampleRate)?;
        Some(told.with(TraceKey::SampleRate, rate))
    }

    /// The header of a trace that nobody has told anything about.
    fn own(
        &mut self,
        said: Said<'_>,
        service: Told<'_>,
        origin: Option<&Origin>,
    ) -> Option<TraceHeader> {
        let Said { trace, rate, name, is_named, is_head, is_sent } = said;
        let header = |(rate, name): (_, Option<&StringValue>), service| {
            let mut header = self.traces.own(trace, (rate, true), service, origin)?;
            if let Some(name) = name.filter(|_| is_named) {
                header.set(TraceKey::Transaction, name.as_str());
            }
            Some(header)
        };
        if !is_head && let Some(known) = self.known.find(trace) {
            return header((known.rate, known.name.as_ref()), known.service.told());
        }
        let name = name.filter(|_| is_head && is_named).map(short);
        let header = header((rate, name.as_ref()), service)?;
        if is_sent {
            if self.service.told() != service {
                self.service = Arc::new(service.owned());
            }
            let service = Arc::clone(&self.service);
            self.known.insert(trace, Head { rate, name, service });
        }
        Some(header)
    }
}

impl Weight for Head {}

/// A name as a transaction may have it; that of a streamed span may be longer.
fn short(name: &StringValue) -> StringValue {
    let first = first_chars(name.as_str(), MAX_NAME_CHARS);
    first.map_or_else(|| name.clone(), |first| first.to_owned().into())
}

/// Tells the rate of a segment, the sampler before and the decision taken together, and a number
/// that is below it if and only if the segment is sampled (rule DSC-5).
fn decided(header: TraceHeader, trace: TraceId, decision: Decision) -> TraceHeader {
    if decision == Decision::KEPT {
        return header;
    }
    let number = |key| header.value(key).and_then(sampling::parse);
    let rate = number(TraceKey::SampleRate).unwrap_or(1.0) * decision.rate;
    // A rate that is too small to be told is still one.
    let least = if decision.is_kept { f32::MIN_POSITIVE } else { 0.0 };
    let rate = f64::from((rate as f32).max(least));
    let rand = number(TraceKey::SampleRand).unwrap_or_else(|| sampling::rand_of(trace));
    let rand = sampling::agreeing(rand, rate, decision.is_kept);
    header
        .with(TraceKey::SampleRate, sampling::rate_text(rate))
        .with(TraceKey::SampleRand, sampling::rand_text(rand))
        .with(TraceKey::Sampled, if decision.is_kept { "true" } else { "false" })
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::TraceId;
    use opentelemetry_sdk::trace::SpanData;
    use serde_json::{Value as Json, json};

    use super::super::continuation::Continuation;
    use super::super::member::Member;
    use super::super::sampling_context::SamplingContext;
    use super::*;
    use crate::idle::idle_span;
    use crate::mapping::Mapper;

    fn head() -> TraceHead {
        let dsn = "https://key@o7.ingest.sentry.io/42".parse().unwrap();
        let registry = TraceRegistry::new(Some(&dsn), Continuation::default(), Service::default());
        TraceHead::of(Arc::new(registry))
    }

    fn header(head: &mut TraceHead, span: SpanData) -> serde_json::Value {
        let mapped = Mapper::new().map(vec![span]).remove(0);
        serde_json::to_value(head.context_at(None, &mapped.transaction, Decision::KEPT)).unwrap()
    }

    fn span(trace: u128, id: u64, parent: u64, rate: f64) -> SpanData {
        SpanData {
            parent_span_is_remote: parent > 0,
            name: format!("span {id:016x}").into(),
            attributes: vec![KeyValue::new("sentry.sample_rate", rate)],
            ..idle_span(trace, id, parent)
        }
    }

    #[test]
    fn all_segments_of_a_trace_say_what_its_head_says() {
        let mut head = head();
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
    fn no_name_is_longer_than_that_of_a_transaction() {
        let mut mapped = Mapper::new().map(vec![span(1, 1, 0, 1.0)]).remove(0);
        mapped.transaction.name = "é".repeat(201).into();
        let mut head = head();
        let header = head.context_at(None, &mapped.transaction, Decision::KEPT).unwrap();
        assert_eq!(header.value(TraceKey::Transaction), Some(&*"é".repeat(200)));
        assert_eq!(
            head.known.find(mapped.transaction.trace.trace_id).map(|it| it.name.clone()),
            Some(Some("é".repeat(200).into()))
        );
    }

    #[test]
    fn what_the_head_says_of_the_software_stays_whatever_comes_between() {
        let mut head = head();
        let mut said = |release: &'static str, span| {
            let mapped = Mapper::new().with_release(release).map(vec![span]).remove(0);
            let header = head.context_at(None, &mapped.transaction, Decision::KEPT).unwrap();
            header.value(TraceKey::Release).map(str::to_owned).unwrap()
        };
        assert_eq!(said("shop@1", span(1, 1, 0, 1.0)), "shop@1");
        assert_eq!(said("shop@2", span(2, 1, 0, 1.0)), "shop@2");
        assert_eq!(said("shop@2", span(1, 2, 1, 1.0)), "shop@1");
        assert_eq!(said("shop@1", span(2, 2, 1, 1.0)), "shop@2");
    }

    #[test]
    fn each_project_is_told_its_own_key_and_all_the_same_of_the_trace() {
        let mut head = head();
        let origin = |dsn: &str| Origin::of(&dsn.parse().unwrap(), Continuation::default());
        let [first, second] =
            ["https://one@o1.ingest.sentry.io/1", "https://two@sentry.example/2"].map(origin);
        let mut said = |origin, span| {
            let mapped = Mapper::new().map(vec![span]).remove(0);
            let header = head.context_at(origin, &mapped.transaction, Decision::KEPT);
            let mut header = serde_json::to_value(header).unwrap();
            let keys = (header["public_key"].take(), header["org_id"].take());
            (keys, header["transaction"].take(), header["sample_rate"].take())
        };
        let name = json!("span 0000000000000001");
        let root = said(Some(&first), span(1, 1, 0, 0.5));
        assert_eq!(root, ((json!("one"), json!("1")), name.clone(), json!("0.5")));
        let late = said(Some(&second), span(1, 2, 1, 1.0));
        assert_eq!(late, ((json!("two"), Json::Null), name.clone(), json!("0.5")));
        let other = said(None, span(1, 3, 1, 1.0));
        assert_eq!(other, ((json!("key"), json!("7")), name, json!("0.5")));
    }

    #[test]
    fn the_number_is_below_the_rate_exactly_if_the_segment_is_sampled() {
        for (low, rate, is_kept) in [
            (0, 0.1, true),
            (1 << 62, 0.1, true),
            (u64::MAX, 1.0, true),
            (1 << 62, 0.1, false),
            (u64::MAX, 0.99, false),
            (0, 0.0, false),
            (1_844_674_407_370_960_000, 0.1, false),
        ] {
            let trace = TraceId::from(u128::from(low));
            let own = TraceHeader::default()
                .with(TraceKey::SampleRate, "1")
                .with(TraceKey::SampleRand, sampling::rand_text(sampling::rand_of(trace)))
                .with(TraceKey::Sampled, "true");
            let decided = decided(own, trace, Decision { is_kept, rate });
            let number = |key| sampling::parse(decided.value(key).unwrap()).unwrap();
            let is_below = number(TraceKey::SampleRand) < number(TraceKey::SampleRate);
            assert_eq!(is_below, is_kept, "{decided:?}");
            assert_eq!(decided.value(TraceKey::Sampled), Some(&*is_kept.to_string()));
        }
    }

    #[test]
    fn the_rate_is_that_of_each_segment_and_of_the_sampler_before() {
        let mut head = head();
        let mut rate = |id, is_kept, rate| {
            let mapped = Mapper::new().map(vec![span(1, id, 0, 0.5)]).remove(0);
            let context = head.context_at(None, &mapped.transaction, Decision { is_kept, rate });
            serde_json::to_value(context).unwrap()["sample_rate"].take()
        };
        assert_eq!(rate(1, true, 0.25), "0.125");
        assert_eq!(rate(2, true, 1.0), "0.5");
        assert_eq!(rate(3, false, 0.25), "0.125");
        assert_eq!(rate(4, false, 0.0), "0");
        assert_ne!(rate(5, true, 1e-300), "0", "a rate of nothing for what was kept");
    }

    #[test]
    fn a_decision_about_a_trace_from_elsewhere_multiplies_the_rate_of_its_head() {
        let mut head = head();
        let told = "sentry-trace_id=00000000000000000000000000000001,sentry-public_key=theirs,\
            sentry-sample_rate=0.5,sentry-sample_rand=0.4,sentry-sampled=true";
        head.traces.keep(TraceId::from(1), incoming(told));
        let mut child = span(1, 2, 9, 1.0);
        child.attributes.clear();
        let mapped = Mapper::new().map(vec![child]).remove(0);
        let decision = Decision { is_kept: true, rate: 0.25 };
        let header =
            serde_json::to_value(head.context_at(None, &mapped.transaction, decision)).unwrap();
        assert_eq!(header["sample_rate"], "0.125");
        assert_eq!(header["sample_rand"], "0.050000", "scaled below the rate");
        assert_eq!((&header["sampled"], &header["public_key"]), (&json!("true"), &json!("theirs")));
    }

    /// What another service said of trace 1.
    fn incoming(text: &str) -> Arc<SamplingContext> {
        let members: Vec<_> =
            text.split(',').filter(|raw| !raw.is_empty()).map(Member::of).collect();
        Arc::new(SamplingContext::of(&members).unwrap())
    }

    #[test]
    fn what_the_head_said_is_said_to_the_last_digit_with_nothing_added() {
        let mut head = head();
        let told = "sentry-trace_id=00000000000000000000000000000001,sentry-public_key=theirs,\
            sentry-sample_rand=0.8797184083143456,sentry-sampled=true,sentry-color=red,\
            sentry-transaction=GET%20%2Fa;p";
        head.traces.keep(TraceId::from(1), incoming(told));
        let mut child = span(1, 2, 9, 1.0);
        child.attributes.clear();
        let expected = json!({
            "trace_id": "00000000000000000000000000000001",
            "public_key": "theirs",
            "sample_rand": "0.8797184083143456",
            "sampled": "true",
            "transaction": "GET /a",
        });
        assert_eq!(header(&mut head, child), expected);
        let own_rate = header(&mut head, span(1, 3, 9, 0.5));
        assert_eq!(
            (&own_rate["sample_rate"], &own_rate["sample_rand"]),
            (&json!("0.5"), &expected["sample_rand"])
        );
    }

    #[test]
    fn a_head_that_said_nothing_or_not_enough_leaves_no_header() {
        for told in ["", "sentry-trace_id=00000000000000000000000000000001", "sentry-public_key=k"]
        {
            let mut head = head();
            head.traces.keep(TraceId::from(1), incoming(told));
            assert_eq!(header(&mut head, span(1, 2, 9, 1.0)), Json::Null, "{told}");
        }
    }

    #[test]
    fn what_was_told_to_other_services_stays_as_it_was() {
        let mut head = head();
        head.traces.rate(TraceId::from(1), 0.25);
        let told = head.traces.begin(TraceId::from(1), true).unwrap();
        assert_eq!(
            told.as_str(),
            "sentry-trace_id=00000000000000000000000000000001,sentry-public_key=key,\
             sentry-sample_rate=0.25,sentry-sample_rand=0.000000,sentry-sampled=true,\
             sentry-org_id=7"
        );
        let root = header(&mut head, span(1, 1, 0, 0.25));
        assert_eq!(root, serde_json::to_value(told.header()).unwrap());
        assert_eq!(head.traces.begin(TraceId::from(1), true), Some(told));
    }

    #[test]
    fn a_rate_that_comes_late_moves_the_number_below_it_where_the_trace_began() {
        let mut head = head();
        let trace = u128::from(u64::MAX);
        head.traces.begin(TraceId::from(trace), true).unwrap();
        let late = header(&mut head, span(trace, 1, 0, 0.25));
        assert_eq!(
            (&late["sample_rate"], &late["sample_rand"]),
            (&json!("0.25"), &json!("0.249999"))
        );
    }

    #[test]
    fn a_trace_that_is_not_sampled_tells_no_rate_that_did_not_drop_it() {
        let head = head();
        let told = head.traces.begin(TraceId::from(1), false).unwrap();
        assert_eq!(told.value(TraceKey::Sampled).as_deref(), Some("false"));
        assert_eq!((told.value(TraceKey::SampleRate), told.rand()), (None, None));
    }

    #[test]
    fn errors_without_their_transaction_say_nothing_that_stays() {
        let mut head = head();
        let alone = Mapper::new().map(vec![span(1, 9, 0, 1.0)]).remove(0);
        let early = head.context_of_errors(None, &alone.transaction, Decision::KEPT).unwrap();
        assert_eq!(
            (early.value(TraceKey::SampleRate), early.value(TraceKey::Transaction)),
            (Some("1"), None)
        );
        let root = header(&mut head, span(1, 1, 0, 0.25));
        assert_eq!(root["sample_rate"], "0.25");
        let after = head.context_of_errors(None, &alone.transaction, Decision::KEPT).unwrap();
        assert_eq!(after.value(TraceKey::SampleRate), Some("0.25"), "what the head said");
        assert_eq!(header(&mut head, span(1, 3, 1, 1.0)), root);
    }

    #[test]
    fn the_rate_of_a_sampler_here_or_before_is_known() {
        let head = head();
        assert_eq!(head.rate_of(TraceId::from(1)), None);
        head.traces.rate(TraceId::from(1), 0.25);
        assert_eq!(head.rate_of(TraceId::from(1)), Some(0.25));
        let told = "sentry-trace_id=00000000000000000000000000000002,sentry-public_key=theirs,\
            sentry-sample_rate=0.5";
        head.traces.keep(TraceId::from(2), incoming(told));
        assert_eq!(head.rate_of(TraceId::from(2)), Some(0.5));
    }
}
