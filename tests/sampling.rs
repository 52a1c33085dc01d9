//! Which segments are sent when `with_sampling` decides, and what Sentry is told about the others.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::envelope::{Envelope, Item};
use common::recorder::Recorder;
use common::spans::{self, SpanDataExt};
use common::telemetry::{export, stats};
use common::watchdog::watchdog;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceId};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::sampling::{Decision, Rule, Sampling};
use opentelemetry_sentry::segment::{Segment, SegmentBuffer};
use opentelemetry_sentry::{DropReason, Pattern, SentrySpanExporter};

const LIMIT: Duration = Duration::from_secs(60);

fn root() -> SpanData {
    spans::span(1, 0, "work", (0, 100))
}

fn child() -> SpanData {
    spans::span(2, 1, "step", (0, 50))
}

fn segment(spans: Vec<SpanData>) -> Segment {
    let mut segments = SegmentBuffer::new().ingest(spans, Duration::ZERO).segments;
    assert_eq!(segments.len(), 1);
    segments.remove(0)
}

/// Whether a policy keeps a segment of which nothing else would be kept.
fn is_kept(sampling: &Sampling, spans: Vec<SpanData>) -> bool {
    let Decision { is_kept, rate, .. } = sampling.decide(&segment(spans));
    assert_eq!(rate, if is_kept { 1.0 } else { 0.0 });
    is_kept
}

#[test]
fn errors_are_kept_wherever_in_the_segment_they_are() {
    let sampling = Sampling::at_rate(0.0).keep_errors();
    let event = |span: SpanData, name, attributes: &[(&'static str, &'static str)]| {
        let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
        span.event(name, 10, attributes)
    };
    let exception = [("exception.type", "io::Error")];
    for (what, spans, kept) in [
        ("nothing", vec![child(), root()], false),
        ("ok", vec![child(), root().status(Status::Ok)], false),
        ("an error status", vec![child(), root().status(Status::error("no"))], true),
        ("one below", vec![child().status(Status::error("no")), root()], true),
        ("an exception", vec![child(), event(root(), "exception", &exception)], true),
        ("one below", vec![event(child(), "exception", &exception), root()], true),
        ("a logged error", vec![event(child(), "no stock", &[("level", "ERROR")]), root()], true),
        ("a logged warning", vec![event(child(), "low", &[("level", "WARN")]), root()], false),
        ("a note", vec![event(child(), "retry", &[]), root()], false),
    ] {
        assert_eq!(is_kept(&sampling, spans), kept, "{what}");
    }
}

#[test]
fn slow_is_what_takes_longer_from_its_start_to_its_end() {
    let sampling = Sampling::at_rate(0.0).keep_slower_than(Duration::from_millis(100));
    for (from, to, kept) in [(0, 99, false), (0, 100, false), (0, 101, true), (500, 600, false)] {
        let spans = vec![spans::span(1, 0, "work", (from, to))];
        assert_eq!(is_kept(&sampling, spans), kept, "{from} to {to}");
    }
    let slow_child = vec![spans::span(2, 1, "step", (0, 500)), root()];
    assert!(!is_kept(&sampling, slow_child), "it is the root that takes the time");
    let backwards = vec![spans::span(1, 0, "work", (500, 0))];
    assert!(!is_kept(&sampling, backwards));
}

#[test]
fn a_rule_is_about_the_name_the_op_and_the_attributes_of_the_root() {
    let list = Value::Array(Array::from(vec![1_i64, 2]));
    let request = root().kind(SpanKind::Server).attributes([
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/users/{id}"),
        KeyValue::new("http.response.status_code", 404),
        KeyValue::new("user.tier", "gold"),
        KeyValue::new("user.tier", "silver"),
        KeyValue::new("cached", true),
        KeyValue::new("shards", list),
    ]);
    let request = [child().attributes([KeyValue::new("step.name", "first")]), request];
    for (rule, is_match) in [
        (Rule::name("GET /users/{id}"), true),
        (Rule::name("GET /users/*"), true),
        (Rule::name("GET /users/?id}"), true),
        (Rule::name(Pattern::regex("^(GET|HEAD) /users/")), true),
        (Rule::name(Pattern::regex("^/users/")), false),
        (Rule::name("work"), false),
        (Rule::name("step"), false),
        (Rule::op("http.server"), true),
        (Rule::op("http.*"), true),
        (Rule::op("db"), false),
        (Rule::attribute("http.response.status_code", "404"), true),
        (Rule::attribute("http.response.status_code", "4*"), true),
        (Rule::attribute("http.response.status_code", "4??"), true),
        (Rule::attribute("http.response.status_code", "5*"), false),
        (Rule::attribute("user.tier", "silver"), true),
        (Rule::attribute("user.tier", "gold"), false),
        (Rule::attribute("cached", "true"), true),
        (Rule::attribute("shards", "*1*2*"), true),
        (Rule::attribute("shards", "*"), true),
        (Rule::attribute("user.id", "*"), false),
        (Rule::attribute("step.name", "first"), false),
        (Rule::name("GET *").and(Rule::attribute("cached", "true")), true),
        (Rule::name("GET *").and(Rule::attribute("cached", "false")), false),
        (Rule::name("POST *").and(Rule::attribute("cached", "true")), false),
    ] {
        let text = format!("{rule:?}");
        let keep = Sampling::at_rate(0.0).keep(rule.clone());
        assert_eq!(is_kept(&keep, request.to_vec()), is_match, "{text}");
        let drop = Sampling::at_rate(1.0).drop(rule);
        assert_eq!(is_kept(&drop, request.to_vec()), !is_match, "{text}");
    }
    assert!(is_kept(&Sampling::at_rate(0.0).keep(Rule::op("")), vec![root()]), "no op is empty");
}

#[test]
fn a_closure_sees_the_whole_segment() {
    let sampling = Sampling::at_rate(0.0).keep_if(|segment| segment.spans.len() > 1);
    assert!(!is_kept(&sampling, vec![root()]));
    assert!(is_kept(&sampling, vec![child(), root()]));
}

#[test]
fn a_closure_that_panics_keeps_the_segment() {
    let sampling = Sampling::at_rate(0.0).keep_if(|segment| segment.spans[100].name.is_empty());
    assert!(is_kept(&sampling, vec![root()]));
    watchdog(LIMIT, || {
        let (exporter, sentry) = exporter(sampling);
        export(&exporter, trace(TraceId::from(u128::MAX), "work").to_vec()).unwrap();
        exporter.shutdown().unwrap();
        assert_eq!(sentry.payloads("transaction").len(), 1);
        let stats = stats(&exporter);
        assert_eq!(stats.spans_dropped, 0);
        let said = stats.last_error.unwrap_or_default();
        assert!(said.contains("keep_if") && !said.contains("index"), "{said}");
    });
}

#[test]
fn the_first_policy_that_is_about_a_segment_decides() {
    let failed = || vec![root().status(Status::error("no"))];
    let work = || Rule::name("work");
    let nothing = || Sampling::at_rate(0.0);
    assert!(!is_kept(&nothing().drop(work()).keep_errors(), failed()));
    assert!(is_kept(&nothing().keep_errors().drop(work()), failed()));
    assert!(!is_kept(&nothing().drop(work()).keep_if(|_| panic!("not asked")), failed()));
    assert!(!is_kept(&nothing(), failed()));
}

#[test]
fn a_rate_that_is_no_share_is_an_error_that_names_the_setting() {
    let build = |rate| {
        let builder = SentrySpanExporter::builder().with_dsn("https://key@sentry.invalid/42");
        builder.with_transport(Recorder::default()).with_sampling(Sampling::at_rate(rate)).build()
    };
    for rate in [f64::NAN, -0.1, 1.1, f64::INFINITY, f64::NEG_INFINITY] {
        let error = build(rate).err().map(|error| error.to_string()).unwrap_or_default();
        let says = format!("with_sampling: the rate {rate} is not between 0 and 1; use ");
        assert!(error.starts_with(&says), "{error}");
    }
    assert!([0.0, -0.0, 1e-9, 0.5, 1.0].into_iter().all(|rate| build(rate).is_ok()));
}

#[test]
fn a_rule_with_a_pattern_that_cannot_work_is_an_error_that_names_the_setting() {
    let bad = || Rule::op("db").and(Rule::name(Pattern::regex("(")));
    for sampling in [Sampling::at_rate(0.5).keep(bad()), Sampling::at_rate(0.5).drop(bad())] {
        let builder = SentrySpanExporter::builder().with_dsn("https://key@sentry.invalid/42");
        let builder = builder.with_transport(Recorder::default()).with_sampling(sampling);
        let error = builder.build().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("with_sampling: `(` is no regular expression: "), "{error}");
    }
}

/// Ids as random ones are, always the same; by Steele, Lea and Flood's SplitMix64.
struct Ids(u64);

impl Ids {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn trace(&mut self) -> TraceId {
        TraceId::from(u128::from(self.number()) << 64 | u128::from(self.number()))
    }
}

/// Whether `count` is what a share of `of` independent trials gives, by five deviations.
fn is_share(count: u64, of: u64, rate: f64) -> bool {
    let (count, of) = (count as f64, of as f64);
    (count - of * rate).abs() < 5.0 * (of * rate * (1.0 - rate)).sqrt()
}

#[test]
fn of_100_000_traces_all_errors_and_a_tenth_of_the_rest_are_kept_alike_by_all() {
    const TRACES: u64 = 100_000;
    const RATE: f64 = 0.1;
    let new = || Sampling::at_rate(RATE).keep_errors();
    let (one, other) = (new(), new());
    let (mut fine, mut failed) = (segment(vec![root()]), segment(vec![root()]));
    failed.spans[0].status = Status::error("no");
    let mut extrapolated_of_all = 0.0;
    for seed in 1..=10 {
        let mut ids = Ids(seed);
        let (mut errors, mut kept_errors, mut kept_others) = (0, 0, 0);
        let mut extrapolated = 0.0;
        for _ in 0..TRACES {
            let (trace, is_error) = (ids.trace(), ids.number().is_multiple_of(20));
            let segment = if is_error { &mut failed } else { &mut fine };
            let span = &mut segment.spans[0];
            span.span_context = in_trace(trace, 1);
            let decision = one.decide(segment);
            assert_eq!(decision, other.decide(segment));
            errors += u64::from(is_error);
            if decision.is_kept {
                *(if is_error { &mut kept_errors } else { &mut kept_others }) += 1;
                extrapolated += 1.0 / decision.rate;
            }
        }
        assert_eq!(kept_errors, errors);
        assert!(is_share(kept_others, TRACES - errors, RATE), "{kept_others} of {TRACES}");
        println!("seed {seed}: {errors} errors, {kept_others} others, {extrapolated} in all");
        // A single run may be off by chance: its deviation is 0.9 %.
        assert!((extrapolated / TRACES as f64 - 1.0).abs() < 0.03, "{extrapolated}");
        extrapolated_of_all += extrapolated;
    }
    assert!((extrapolated_of_all / (10 * TRACES) as f64 - 1.0).abs() < 0.01);
}

fn in_trace(trace: TraceId, id: u64) -> SpanContext {
    SpanContext::new(trace, id.into(), TraceFlags::SAMPLED, false, Default::default())
}

/// An exporter into memory.
fn exporter(sampling: Sampling) -> (SentrySpanExporter, Recorder) {
    let sentry = Recorder::default();
    let exporter = SentrySpanExporter::builder()
        .with_dsn("https://key@sentry.invalid/42")
        .with_transport(sentry.clone())
        .with_sampling(sampling)
        .build();
    (exporter.expect("an exporter"), sentry)
}

/// A trace of two spans of the last few moments.
fn trace(trace: TraceId, name: &str) -> [SpanData; 2] {
    [(2, 1), (1, 0)].map(|(id, parent)| {
        let span = common::telemetry::span(1, id, parent, name);
        SpanData { span_context: in_trace(trace, id), ..span }
    })
}

fn failed([mut child, root]: [SpanData; 2]) -> [SpanData; 2] {
    let message = KeyValue::new("exception.message", child.span_context.trace_id().to_string());
    child = child.event("exception", 0, [message]);
    child.events.events[0].timestamp = child.end_time;
    [child, root]
}

fn items<'a>(envelopes: &'a [Envelope], kind: &str) -> Vec<(&'a Envelope, &'a Item)> {
    let items = envelopes.iter().flat_map(|it| it.items.iter().map(move |item| (it, item)));
    items.filter(|(_, item)| item.is(kind)).collect()
}

/// What the client reports say, by reason and category.
fn reported(envelopes: &[Envelope]) -> BTreeMap<(String, String), u64> {
    let mut reported = BTreeMap::new();
    for (_, report) in items(envelopes, "client_report") {
        for loss in report.payload["discarded_events"].as_array().expect("losses") {
            let text = |key: &str| loss[key].as_str().expect("a text").to_owned();
            let sum = reported.entry((text("reason"), text("category"))).or_default();
            *sum += loss["quantity"].as_u64().expect("a quantity");
        }
    }
    reported
}

fn sample_rate(quantities: &[(&str, u64)]) -> BTreeMap<(String, String), u64> {
    let entry = |(category, quantity): &(&str, u64)| {
        (("sample_rate".to_owned(), (*category).to_owned()), *quantity)
    };
    quantities.iter().map(entry).collect()
}

#[test]
fn what_is_sent_what_is_counted_and_what_is_reported_agree() {
    watchdog(LIMIT, || {
        const TRACES: u64 = 5000;
        const RATE: f64 = 0.25;
        let sampling = Sampling::at_rate(RATE).keep_errors();
        let (exporter, sentry) = exporter(sampling.clone());
        let mut ids = Ids(1);
        let (mut errors, mut expected) = (0, 0);
        for _ in 0..TRACES / 50 {
            let mut batch = Vec::new();
            for _ in 0..50 {
                let (id, is_error) = (ids.trace(), ids.number().is_multiple_of(20));
                let spans = trace(id, "work");
                let spans = if is_error { failed(spans) } else { spans };
                errors += u64::from(is_error);
                expected += u64::from(sampling.decide(&segment(spans.to_vec())).is_kept);
                batch.extend(spans);
            }
            export(&exporter, batch).unwrap();
        }
        exporter.shutdown().unwrap();
        let stats = stats(&exporter);
        let envelopes = sentry.envelopes();
        let sent = items(&envelopes, "transaction");
        let kept = sent.len() as u64;
        assert_eq!((kept, stats.transactions_delivered), (expected, expected));
        assert!(is_share(kept - errors, TRACES - errors, RATE), "{kept} with {errors} errors");
        assert_eq!(items(&envelopes, "event").len() as u64, errors);
        let mut extrapolated = 0.0;
        for (envelope, _) in sent {
            let head = |key: &str| envelope.header["trace"][key].as_str().expect("a text");
            let number = |key| head(key).parse::<f64>().expect("a number");
            assert_eq!(head("sampled"), "true");
            assert!(number("sample_rand") < number("sample_rate"), "{}", envelope.header);
            extrapolated += 1.0 / number("sample_rate");
        }
        println!("{kept} of {TRACES}, {errors} errors, {extrapolated} in all");
        // Five deviations of the sum, sqrt(4750 * 3) = 119.
        assert!((extrapolated - TRACES as f64).abs() < 600.0, "{extrapolated}");
        let dropped = TRACES - kept;
        assert_eq!(stats.dropped, BTreeMap::from([(DropReason::Sampled, 2 * dropped)]));
        assert_eq!((stats.transactions_dropped, stats.events_dropped), (dropped, 0));
        let told = sample_rate(&[("transaction", dropped), ("span", 2 * dropped)]);
        assert_eq!(reported(&envelopes), told);
    });
}

#[test]
fn errors_of_what_is_not_kept_are_sent_with_what_led_to_them() {
    watchdog(LIMIT, || {
        let (exporter, sentry) = exporter(Sampling::at_rate(0.0));
        let [child, mut root] = failed(trace(7.into(), "work"));
        let end = root.end_time;
        root = root.event("cache miss", 0, []);
        root.events.events[0].timestamp = end - Duration::from_millis(1);
        export(&exporter, vec![child, root]).unwrap();
        exporter.shutdown().unwrap();
        let envelopes = sentry.envelopes();
        assert!(items(&envelopes, "transaction").is_empty());
        let [(envelope, event)] = items(&envelopes, "event")[..] else { panic!("one error") };
        let id = "00000000000000000000000000000007";
        assert_eq!(event.payload["contexts"]["trace"]["trace_id"], id);
        let crumbs = &event.payload["breadcrumbs"];
        let crumbs = crumbs.get("values").unwrap_or(crumbs);
        assert_eq!(crumbs[0]["message"], "cache miss", "{crumbs}");
        let head = &envelope.header["trace"];
        assert_eq!((&head["trace_id"], &head["sampled"]), (&id.into(), &"false".into()));
        assert_eq!(reported(&envelopes), sample_rate(&[("transaction", 1), ("span", 2)]));
        let stats = stats(&exporter);
        assert_eq!((stats.events_delivered, stats.events_dropped), (1, 0));
    });
}

#[test]
fn errors_of_what_is_not_kept_stay_away_if_the_settings_say_so() {
    watchdog(LIMIT, || {
        let sampling = Sampling::at_rate(0.5).with_errors_of_dropped(false);
        let (exporter, sentry) = exporter(sampling);
        export(&exporter, failed(trace(TraceId::from(u128::MAX), "dropped")).to_vec()).unwrap();
        export(&exporter, failed(trace(7.into(), "kept")).to_vec()).unwrap();
        exporter.shutdown().unwrap();
        let envelopes = sentry.envelopes();
        assert_eq!(items(&envelopes, "transaction").len(), 1);
        let [(_, event)] = items(&envelopes, "event")[..] else { panic!("one error") };
        assert_eq!(event.payload["transaction"], "kept");
        let told = sample_rate(&[("error", 1), ("transaction", 1), ("span", 2)]);
        assert_eq!(reported(&envelopes), told);
        let stats = stats(&exporter);
        assert_eq!((stats.events_delivered, stats.events_dropped), (1, 1));
    });
}

#[test]
fn the_parts_of_a_large_segment_and_what_comes_late_share_one_fate() {
    watchdog(LIMIT, || {
        for (has_error, transactions) in [(true, 4), (false, 0)] {
            let (exporter, sentry) = exporter(Sampling::at_rate(0.0).keep_errors());
            let [child, root] = trace(7.into(), "work");
            let [failing, _] = failed(trace(7.into(), "work"));
            let with_id = |span: &SpanData, id: u64| SpanData {
                span_context: in_trace(7.into(), id),
                ..span.clone()
            };
            let mut batch: Vec<_> = (10..2510).map(|id| with_id(&child, id)).collect();
            batch.push(if has_error { failing } else { child.clone() });
            batch.push(root);
            export(&exporter, batch).unwrap();
            export(&exporter, vec![with_id(&child, 5000)]).unwrap();
            exporter.shutdown().unwrap();
            let envelopes = sentry.envelopes();
            let sent = items(&envelopes, "transaction");
            assert_eq!(sent.len(), transactions, "three parts and one late");
            assert!(sent.iter().all(|(it, _)| it.header["trace"]["sample_rate"] == "1"));
            let stats = stats(&exporter);
            let lost = if has_error { 0 } else { 2503 };
            assert_eq!((stats.spans_received, stats.spans_dropped), (2503, lost));
        }
    });
}

#[test]
fn the_rate_of_the_sampler_before_counts_too() {
    watchdog(LIMIT, || {
        let (exporter, sentry) = exporter(Sampling::at_rate(0.5).keep(Rule::name("gold")));
        for (id, name) in [(1, "gold"), (2, "other")] {
            let [child, root] = trace(TraceId::from(id), name);
            let root = root.attributes([KeyValue::new("sentry.sample_rate", 0.5)]);
            export(&exporter, vec![child, root]).unwrap();
        }
        exporter.shutdown().unwrap();
        let envelopes = sentry.envelopes();
        let rates = items(&envelopes, "transaction").into_iter().map(|(envelope, item)| {
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            (text(&item.payload["transaction"]), text(&envelope.header["trace"]["sample_rate"]))
        });
        let rates: BTreeMap<_, _> = rates.collect();
        let rate = |name: &str| rates.get(&Some(name.to_owned())).cloned().flatten();
        assert_eq!((rate("gold"), rate("other")), (Some("0.5".into()), Some("0.25".into())));
    });
}
