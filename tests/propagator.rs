//! What `SentryPropagator` reads and writes, and what `SentrySampler` decides.

mod common;

use std::collections::HashMap;
use std::time::Duration;

use common::recorder::Recorder;
use common::watchdog::watchdog;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{SamplingDecision, SdkTracerProvider, ShouldSample};
use opentelemetry_sentry::{SentryPropagator, SentrySampler, SentrySpanExporter};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const OTHER: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "7c51afd529da4a2a";

/// What Sentry's SDK for JavaScript sends in `baggage`.
const TOLD: &str = "sentry-environment=production,sentry-release=shop%401.0,\
    sentry-public_key=0123456789abcdef0123456789abcdef,\
    sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-org_id=7,\
    sentry-transaction=GET%20%2Forders,sentry-sampled=true,\
    sentry-sample_rand=0.8797184083143456,sentry-sample_rate=1";

type Headers = HashMap<String, String>;

fn headers(given: &[(&str, &str)]) -> Headers {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sentry_trace(flag: &str) -> String {
    format!("{TRACE}-{SPAN}{flag}")
}

/// An exporter of the organization 7, and what it sends.
fn exporter(strict: bool) -> (SentrySpanExporter, Recorder) {
    let recorder = Recorder::default();
    let exporter = SentrySpanExporter::builder()
        .with_dsn("https://key@o7.ingest.sentry.io/42")
        .with_release("stock@2")
        .with_transport(recorder.clone())
        .with_strict_trace_continuation(strict)
        .build()
        .unwrap();
    (exporter, recorder)
}

/// A local span of the trace.
fn local(trace: u128, is_sampled: bool) -> SpanContext {
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    SpanContext::new(trace.into(), SpanId::from(5), flags, false, TraceState::default())
}

fn with_span(context: &Context, span: SpanContext) -> Context {
    // OpenTelemetry has no other way to put a bare span context into a context.
    context.with_remote_span_context(span)
}

fn injected(propagator: &dyn TextMapPropagator, context: &Context) -> Headers {
    let mut headers = Headers::new();
    propagator.inject_context(context, &mut headers);
    headers
}

fn parent(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

#[test]
fn either_family_of_headers_gives_the_remote_parent() {
    let (propagator, own) = (SentryPropagator::new(), sentry_trace("-1"));
    let w3c = format!("00-{TRACE}-{SPAN}-00");
    let other = format!("00-{OTHER}-1111111111111111-01");
    for (given, trace, is_sampled) in [
        (vec![("sentry-trace", own.as_str())], TRACE, true),
        (vec![("sentry-trace", &own), ("baggage", TOLD)], TRACE, true),
        (vec![("traceparent", &w3c)], TRACE, false),
        (vec![("sentry-trace", &own), ("traceparent", &other)], TRACE, true),
        (vec![("sentry-trace", "nonsense"), ("traceparent", &other)], OTHER, true),
        (vec![("traceparent", &other), ("baggage", TOLD)], OTHER, true),
    ] {
        let context = parent(&propagator.extract_with_context(&Context::new(), &headers(&given)));
        assert_eq!(context.trace_id().to_string(), trace, "{given:?}");
        assert_eq!((context.is_remote(), context.is_sampled()), (true, is_sampled), "{given:?}");
        if trace == TRACE {
            assert_eq!(context.span_id().to_string(), SPAN);
        }
    }
}

#[test]
fn a_process_continues_the_trace_of_the_one_that_started_it() {
    let own = "SENTRY_TRACE";
    let parent_of = |switch: Option<&str>, trace: Option<&str>| {
        let baggage = format!("sentry-trace_id={TRACE},sentry-public_key=theirs,team=blue");
        let variables =
            [(own, trace), ("SENTRY_BAGGAGE", Some(&*baggage)), ("SENTRY_USE_ENVIRONMENT", switch)];
        temp_env::with_vars(variables, || {
            let propagator = SentryPropagator::new();
            let context = propagator.context_from_env();
            (parent(&context), injected(&propagator, &context).remove("baggage"))
        })
    };
    let told = sentry_trace("-1");
    for switch in [None, Some("1"), Some("")] {
        let (parent, baggage) = parent_of(switch, Some(&format!(" {told}\n")));
        assert!(parent.is_remote() && parent.is_sampled());
        assert!(told.starts_with(&format!("{}-{}", parent.trace_id(), parent.span_id())));
        let mut members = members(&baggage.unwrap());
        members.sort();
        assert_eq!(members.len(), 3, "{members:?}");
        assert!(members.contains(&"team=blue".to_owned()), "{members:?}");
    }
    for (switch, trace) in
        [(Some("False"), Some(&*told)), (Some("0"), Some(&*told)), (None, Some("x")), (None, None)]
    {
        let (parent, _) = parent_of(switch, trace);
        assert!(!parent.is_valid(), "{switch:?} {trace:?}: {parent:?}");
    }
}

#[test]
fn headers_that_cannot_be_read_are_as_good_as_none() {
    let propagator = SentryPropagator::new();
    let double = format!("{0}, {0}", sentry_trace("-1"));
    let short = format!("{}-{SPAN}-1", &TRACE[1..]);
    for given in [
        vec![],
        vec![("sentry-trace", "")],
        vec![("sentry-trace", double.as_str())],
        vec![("sentry-trace", &short), ("traceparent", "00-0-0-01")],
        vec![("baggage", TOLD)],
        vec![("tracestate", "a=1")],
    ] {
        let local = with_span(&Context::new(), local(9, true));
        let context = propagator.extract_with_context(&local, &headers(&given));
        assert_eq!(parent(&context), parent(&local), "{given:?}");
        assert_eq!(context.baggage().len(), 0);
    }
}

#[test]
fn the_state_of_a_trace_comes_with_its_own_traceparent_only() {
    let propagator = SentryPropagator::new();
    let own = format!("00-{TRACE}-{SPAN}-01");
    let other = format!("00-{OTHER}-{SPAN}-01");
    let from_sentry = sentry_trace("-1");
    for (given, state) in [
        (vec![("traceparent", own.as_str())], "a=1,b=2"),
        (vec![("traceparent", &own), ("sentry-trace", &from_sentry)], "a=1,b=2"),
        (vec![("traceparent", &other), ("sentry-trace", &from_sentry)], ""),
        (vec![("sentry-trace", &from_sentry)], ""),
    ] {
        let mut given = headers(&given);
        given.insert("tracestate".into(), "a=1,b=2".into());
        let context = propagator.extract_with_context(&Context::new(), &given);
        assert_eq!(parent(&context).trace_state().header(), state, "{given:?}");
        let sent = injected(&propagator, &context);
        assert_eq!(sent.get("tracestate").map_or("", String::as_str), state);
    }
}

#[test]
fn what_came_is_passed_on_as_it_came() {
    let propagator = SentryPropagator::new();
    for (flag, baggage, w3c) in [
        ("-1", TOLD, "01"),
        ("-0", "a=1", "00"),
        ("", "sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-public_key=k", "01"),
    ] {
        let given = headers(&[("sentry-trace", &sentry_trace(flag)), ("baggage", baggage)]);
        let context = propagator.extract_with_context(&Context::new(), &given);
        let traceparent = format!("00-{TRACE}-{SPAN}-{w3c}");
        let mut expected = given.clone();
        assert_eq!(injected(&propagator.clone().with_traceparent(false), &context), expected);
        expected.insert("traceparent".into(), traceparent);
        assert_eq!(injected(&propagator, &context), expected);
    }
}

#[test]
fn a_span_of_this_process_is_the_parent_that_is_told() {
    let propagator = SentryPropagator::new();
    for (is_sampled, flag) in [(true, "1"), (false, "0")] {
        let context = with_span(&Context::new(), local(0xabc, is_sampled));
        let sent = injected(&propagator, &context);
        let ids = "00000000000000000000000000000abc-0000000000000005";
        assert_eq!(sent["sentry-trace"], format!("{ids}-{flag}"));
        assert_eq!(sent["traceparent"], format!("00-{ids}-0{flag}"));
        assert_eq!(sent.get("baggage"), None, "without a DSN there is nothing to tell");
    }
    assert_eq!(injected(&propagator, &Context::new()), Headers::new());
}

#[test]
fn a_trace_that_begins_here_tells_what_is_known_and_no_name() {
    let (exporter, _) = exporter(false);
    let propagator = exporter.propagator();
    let trace = 0x4c79_f60c_1121_4eb3_8604_f4ae_0781_bfb2;
    let context = with_span(&Context::new(), local(trace, true))
        .with_baggage([KeyValue::new("user", "é, 7"), KeyValue::new("sentry-sampled", "false")]);
    let expected = "user=%C3%A9%2C%207,sentry-trace_id=4c79f60c11214eb38604f4ae0781bfb2,\
        sentry-public_key=key,sentry-sample_rate=1,sentry-sample_rand=0.523513,\
        sentry-sampled=true,sentry-release=stock%402,sentry-environment=production,sentry-org_id=7";
    // The second time it is remembered.
    for _ in 0..2 {
        assert_eq!(injected(&propagator, &context)["baggage"], expected);
    }
}

#[test]
fn traces_of_other_organizations_are_not_continued() {
    let with = |org: &str| TOLD.replace("sentry-org_id=7", org);
    for (baggage, loose, strict) in [
        (with("sentry-org_id=7"), true, true),
        (with("sentry-org_id=8"), false, false),
        (with("sentry-org_id=x"), false, false),
        (with("sentry-foo=1"), true, false),
        (String::new(), true, false),
    ] {
        for (is_strict, expected) in [(false, loose), (true, strict)] {
            let (exporter, _) = exporter(is_strict);
            let propagator = exporter.propagator();
            let baggage = format!("a=1,{baggage}");
            let given = headers(&[
                ("sentry-trace", &sentry_trace("-1")),
                ("traceparent", &format!("00-{TRACE}-{SPAN}-01")),
                ("baggage", &baggage),
            ]);
            // Behind those of OpenTelemetry as well as alone.
            let stock = TraceContextPropagator::new().extract_with_context(&Context::new(), &given);
            let stock = BaggagePropagator::new().extract_with_context(&stock, &given);
            for before in [Context::new(), stock] {
                let context = propagator.extract_with_context(&before, &given);
                assert_eq!(parent(&context).is_valid(), expected, "{is_strict} {baggage}");
                assert_eq!(context.baggage().get("a").map(|value| value.as_str()), Some("1"));
                if !expected {
                    assert_eq!(injected(&propagator, &context), headers(&[("baggage", "a=1")]));
                }
            }
        }
    }
}

#[test]
fn the_organization_that_is_set_counts_with_and_without_a_dsn() {
    let given = headers(&[("sentry-trace", &sentry_trace("-1")), ("baggage", TOLD)]);
    for (org_id, is_continued) in [(7, true), (8, false)] {
        let with_dsn = SentrySpanExporter::builder()
            .with_dsn("https://key@o9.ingest.sentry.io/42")
            .with_transport(Recorder::default());
        for builder in [with_dsn, SentrySpanExporter::builder()] {
            let exporter = temp_env::with_vars_unset(["SENTRY_DSN", "SENTRY_SPOTLIGHT"], || {
                builder.with_org_id(org_id).build().unwrap()
            });
            let propagator = exporter.propagator();
            let context = propagator.extract_with_context(&Context::new(), &given);
            assert_eq!(parent(&context).is_valid(), is_continued, "{org_id}");
            let span = with_span(&Context::new(), local(1, true));
            let baggage = injected(&propagator, &span).remove("baggage");
            assert_eq!(baggage.is_some(), exporter.is_enabled());
            let told = format!("sentry-org_id={org_id}");
            assert!(baggage.is_none_or(|text| text.ends_with(&told)));
        }
    }
}

#[test]
fn a_trace_without_anything_of_sentry_is_continued_even_strictly() {
    let (exporter, _) = exporter(true);
    let given = headers(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01")), ("baggage", "a=1")]);
    let context = exporter.propagator().extract_with_context(&Context::new(), &given);
    assert_eq!(parent(&context).trace_id().to_string(), TRACE);
}

/// All orders of the three, each with the place of ours.
fn orders(ours: &SentryPropagator) -> Vec<(String, TextMapCompositePropagator)> {
    type Boxed = Box<dyn TextMapPropagator + Send + Sync>;
    ["swb", "sbw", "wsb", "bsw", "wbs", "bws", "s"]
        .into_iter()
        .map(|order| {
            let all = order.chars().map(|letter| match letter {
                's' => Box::new(ours.clone()) as Boxed,
                'w' => Box::new(TraceContextPropagator::new()),
                _ => Box::new(BaggagePropagator::new()),
            });
            (order.to_owned(), TextMapCompositePropagator::new(all.collect()))
        })
        .collect()
}

fn members(header: &str) -> Vec<String> {
    let mut members: Vec<_> = header
        .split(',')
        .map(|member| member.replace("%40", "@").replace("%2F", "/").replace("%20", " "))
        .collect();
    members.sort();
    members
}

#[test]
fn in_any_order_beside_others_a_trace_goes_through_with_all_that_came_with_it() {
    let (exporter, _) = exporter(false);
    let baggage = format!("a=1,{TOLD},b=x;p=q");
    let given = headers(&[
        ("sentry-trace", &sentry_trace("-1")),
        ("traceparent", &format!("00-{TRACE}-{SPAN}-01")),
        ("baggage", &baggage),
    ]);
    for (order, propagator) in orders(&exporter.propagator()) {
        let context = propagator.extract_with_context(&Context::new(), &given);
        assert_eq!(parent(&context).trace_id().to_string(), TRACE, "{order}");
        let span = local(u128::from_str_radix(TRACE, 16).unwrap(), true);
        let sent = injected(&propagator, &with_span(&context, span));
        assert_eq!(sent["sentry-trace"], format!("{TRACE}-0000000000000005-1"), "{order}");
        assert_eq!(sent["traceparent"], format!("00-{TRACE}-0000000000000005-01"), "{order}");
        assert_eq!(members(&sent["baggage"]), members(&baggage), "{order}");
        if order.ends_with('s') {
            assert_eq!(sent["baggage"], format!("a=1,b=x;p=q,{TOLD}"), "{order}");
        }
    }
}

#[test]
fn in_any_order_but_before_that_of_baggage_a_trace_that_begins_here_tells_of_itself() {
    let (exporter, _) = exporter(false);
    for (number, (order, propagator)) in (1..).zip(orders(&exporter.propagator())) {
        let span = with_span(&Context::new(), local(number, true));
        let told = |headers: &Headers| {
            headers.get("baggage").is_some_and(|text| text.contains("sentry-public_key=key"))
        };
        assert!(told(&injected(&propagator, &span)), "{order}");
        let mut baggage = Baggage::new();
        baggage.insert("a", "1");
        let sent = injected(&propagator, &span.with_baggage(baggage));
        assert_eq!(told(&sent), order.find('s') > order.find('b'), "{order}");
        assert!(sent["baggage"].starts_with("a=1"), "{order}");
        assert!(sent["sentry-trace"].ends_with("-0000000000000005-1"), "{order}");
    }
}

/// The headers of the transactions and errors that a local root makes which continues a trace.
fn sent_after(given: &[(&str, &str)], name: &'static str) -> Vec<Value> {
    let given = headers(given);
    watchdog(LIMIT, move || {
        let (exporter, recorder) = exporter(false);
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = provider.tracer("tests");
        let above = exporter.propagator().extract_with_context(&Context::new(), &given);
        let root = Context::new().with_span(tracer.start_with_context(name, &above));
        root.span().record_error(&std::io::Error::other("the table is locked"));
        root.span().end();
        provider.shutdown().unwrap();
        let envelopes = recorder.envelopes().into_iter();
        envelopes.map(|envelope| envelope.header["trace"].clone()).collect()
    })
}

#[test]
fn sentry_is_told_with_everything_what_the_head_said() {
    let told = json!({
        "environment": "production",
        "release": "shop@1.0",
        "public_key": "0123456789abcdef0123456789abcdef",
        "trace_id": TRACE,
        "org_id": "7",
        "transaction": "GET /orders",
        "sampled": "true",
        "sample_rand": "0.8797184083143456",
        "sample_rate": "1",
    });
    let own = |headers: &[Value]| headers.iter().all(|header| header["public_key"] == "key");
    let (sentry, w3c) = (sentry_trace("-1"), format!("00-{TRACE}-{SPAN}-01"));
    let both = sent_after(&[("sentry-trace", &sentry), ("baggage", TOLD)], "work");
    assert_eq!(both, [told.clone(), told.clone()]);
    let by_w3c = sent_after(&[("traceparent", &w3c), ("baggage", TOLD)], "work");
    assert_eq!(by_w3c, [told.clone(), told], "a service between knew nothing of Sentry");
    let silent = sent_after(&[("sentry-trace", &sentry)], "work");
    assert_eq!(silent, [Value::Null, Value::Null], "nobody else may speak for the head");
    let broken = TOLD.replace("sample_rate=1", "sample_rate=high");
    let broken = sent_after(&[("sentry-trace", &sentry), ("baggage", &broken)], "work");
    assert_eq!(broken, [Value::Null, Value::Null]);
    let w3c = sent_after(&[("traceparent", &w3c)], "work");
    assert!(w3c.len() == 2 && own(&w3c), "{w3c:?}");
    let none = sent_after(&[], "work");
    assert!(none.len() == 2 && own(&none), "{none:?}");
    assert!(none.iter().all(|header| header["transaction"] == "work"), "{none:?}");
}

/// What a sampler decides about a trace, and the rate that it notes.
fn decided(sampler: &SentrySampler, above: Option<&Context>, trace: u128) -> (bool, Option<f64>) {
    let kind = opentelemetry::trace::SpanKind::Server;
    let result = sampler.should_sample(above, trace.into(), "work", &kind, &[], &[]);
    let is_sampled = result.decision == SamplingDecision::RecordAndSample;
    assert!(is_sampled || result.decision == SamplingDecision::Drop);
    let rate = result.attributes.iter().find(|entry| entry.key.as_str() == "sentry.sample_rate");
    (is_sampled, rate.map(|entry| entry.value.as_str().parse().unwrap()))
}

#[test]
fn a_trace_that_begins_here_is_sampled_if_its_number_is_below_the_rate() {
    // The numbers of these traces are 0, 0.25, 0.5 and almost 1.
    let traces = [0, 1 << 62, 1 << 63, u128::from(u64::MAX)];
    for (rate, expected) in [
        (0.0, [false; 4]),
        (-1.0, [false; 4]),
        (f64::NAN, [false; 4]),
        (0.25, [true, false, false, false]),
        (0.3, [true, true, false, false]),
        (0.75, [true, true, true, false]),
        (1.0, [true; 4]),
        (7.0, [true; 4]),
    ] {
        let sampler = SentrySampler::new(rate);
        for (trace, expected) in traces.into_iter().zip(expected) {
            let (is_sampled, noted) = decided(&sampler, None, trace);
            assert_eq!(is_sampled, expected, "{rate} {trace:x}");
            assert_eq!(noted.is_some(), is_sampled);
            assert!(noted.is_none_or(|noted| (noted - rate.clamp(0.0, 1.0)).abs() < 1e-6));
            let invalid = Context::new();
            assert_eq!(decided(&sampler, Some(&invalid), trace).0, expected);
        }
    }
}

#[test]
fn a_decision_that_was_made_is_kept_and_one_that_was_left_open_is_made_by_the_heads_number() {
    let propagator = SentryPropagator::new();
    let (never, always) = (SentrySampler::new(0.0), SentrySampler::new(1.0));
    let half = SentrySampler::new(0.5);
    let incoming = |flag: &str, baggage: &str| {
        let given = headers(&[("sentry-trace", &sentry_trace(flag)), ("baggage", baggage)]);
        propagator.extract_with_context(&Context::new(), &given)
    };
    let trace = u128::from_str_radix(TRACE, 16).unwrap();
    assert_eq!(decided(&never, Some(&incoming("-1", "")), trace), (true, None));
    assert_eq!(decided(&always, Some(&incoming("-0", "")), trace), (false, None));
    assert_eq!(decided(&never, Some(&incoming("", "")), trace), (false, None));
    assert_eq!(decided(&always, Some(&incoming("", "")), trace), (true, Some(1.0)));
    let ids = format!("sentry-trace_id={TRACE},sentry-public_key=k");
    for (rand, expected) in [("0.4999", (true, Some(0.5))), ("0.5", (false, None))] {
        let given = incoming("", &format!("{ids},sentry-sample_rand={rand}"));
        assert_eq!(decided(&half, Some(&given), trace), expected, "{rand}");
        // A span below one of this process goes its way, whatever came with the trace.
        for is_sampled in [true, false] {
            let below = with_span(&given, local(trace, is_sampled));
            assert_eq!(decided(&half, Some(&below), trace), (is_sampled, None));
        }
    }
}

#[test]
fn other_services_and_sentry_hear_the_rate_of_the_sampler() {
    let headers = watchdog(LIMIT, || {
        let (exporter, recorder) = exporter(false);
        let provider = SdkTracerProvider::builder()
            .with_sampler(exporter.sampler(0.999))
            .with_simple_exporter(exporter.clone())
            .build();
        let tracer = provider.tracer("tests");
        // One in a thousand is not sampled.
        let root = loop {
            let root = Context::new().with_span(tracer.start("work"));
            if root.span().span_context().is_sampled() {
                break root;
            }
        };
        let sent = injected(&exporter.propagator(), &root);
        assert!(sent["baggage"].contains("sentry-sample_rate=0.999,"), "{sent:?}");
        root.span().end();
        drop(root);
        provider.shutdown().unwrap();
        let given = SentryPropagator::new().extract_with_context(&Context::new(), &sent);
        assert!(parent(&given).is_sampled());
        recorder.envelopes().into_iter().map(|it| it.header["trace"].clone()).collect::<Vec<_>>()
    });
    assert_eq!(headers.len(), 1);
    assert_eq!(headers[0]["sample_rate"], "0.999");
}

/// A generator of numbers that is good enough to make nonsense.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.next(from.len())]
    }

    /// A value of one of the headers, whole or broken in a place.
    fn value(&mut self, whole: &[&str]) -> String {
        const PIECES: &[&str] = &[
            "",
            "-",
            "=",
            ",",
            ";",
            "%",
            "%ff",
            "%00",
            "\r\n",
            " ",
            "\t",
            "é",
            "0",
            "f",
            "a=1",
            "sentry-",
            "sentry-trace_id=",
            "sentry-sampled=true",
            "sentry-org_id=8",
            ",,",
            "00-",
        ];
        let mut text = match self.next(4) {
            0 => String::new(),
            _ => self.pick(whole).to_owned(),
        };
        for _ in 0..self.next(4) {
            let at = self.next(text.len() + 1);
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            match self.next(3) {
                0 => text.truncate(at),
                _ => text.insert_str(at, self.pick(PIECES)),
            }
        }
        if self.next(200) == 0 {
            text = text.repeat(self.next(60) + 1);
        }
        text
    }
}

/// Cases by default; `PROPTEST_CASES` says another number.
const CASES: usize = 20_000;

#[test]
fn nothing_that_comes_is_applied_by_half_or_makes_more_of_itself() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    watchdog(LIMIT * 10, move || {
        let (exporter, _) = exporter(false);
        let propagator = exporter.propagator();
        let own = [sentry_trace("-1"), sentry_trace("-0"), sentry_trace("")];
        let own = own.each_ref().map(String::as_str);
        let w3c = [format!("00-{TRACE}-{SPAN}-01"), format!("00-{OTHER}-{SPAN}-00")];
        let w3c = w3c.each_ref().map(String::as_str);
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let mut continued = 0;
        for case in 0..cases.unwrap_or(CASES) {
            let mut given = Headers::new();
            for (name, whole) in [
                ("sentry-trace", own.as_slice()),
                ("traceparent", &w3c),
                ("baggage", &[TOLD, "a=1,b=2;p"]),
                ("tracestate", &["a=1", "a=1,b=2"]),
            ] {
                if numbers.next(3) > 0 {
                    given.insert(name.into(), numbers.value(whole));
                }
            }
            let context = propagator.extract_with_context(&Context::new(), &given);
            let parent = parent(&context);
            let says = |name: &str, id: &dyn ToString| {
                given.get(name).is_some_and(|text| text.contains(&id.to_string()))
            };
            if parent.is_valid() {
                continued += 1;
                let from = ["sentry-trace", "traceparent"]
                    .into_iter()
                    .find(|name| says(name, &parent.trace_id()) && says(name, &parent.span_id()));
                assert!(from.is_some() && parent.is_remote(), "{case}: {given:?}");
            }
            let sent = injected(&propagator, &context);
            let again = propagator.extract_with_context(&Context::new(), &sent);
            let again = (again.span().span_context().clone(), injected(&propagator, &again));
            assert_eq!(
                (again.0.trace_id(), again.0.span_id(), again.0.trace_flags()),
                (parent.trace_id(), parent.span_id(), parent.trace_flags()),
                "{case}: {given:?} {sent:?}"
            );
            assert_eq!(again.1, sent, "{case}: {given:?}");
            for (name, value) in &sent {
                assert!(value.len() <= 8192, "{case}: {name}");
                let is_text =
                    value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
                assert!(is_text || name == "tracestate", "{case}: {name} {value:?}");
            }
            if let Some(baggage) = sent.get("baggage") {
                assert!(baggage.split(',').count() <= 64, "{case}: {baggage}");
                // All of what the head said of this trace, or nothing.
                let told = baggage.split(',').filter(|member| member.starts_with("sentry-"));
                let told: Vec<_> = told.collect();
                let came = given.get("baggage").map(String::as_str).unwrap_or_default();
                assert!(told.iter().all(|member| came.contains(member)), "{case}: {given:?}");
                assert!(
                    told.is_empty() || baggage.contains(&parent.trace_id().to_string()),
                    "{case}: {given:?} {sent:?}"
                );
            }
        }
        assert!(continued * 5 > cases.unwrap_or(CASES), "only {continued} were continued");
    });
}
