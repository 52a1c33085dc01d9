//! Spans that are sent as they come, without a wait for the root of their segment.

mod common;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use common::answer::Answer;
use common::recorder::Recorder;
use common::sentry::{FakeSentry, KEY, SOON};
use common::spans::{SpanDataExt, span as fixed};
use common::telemetry::{export, export_and_wait, provider, span, stats};
use common::watchdog::watchdog;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Event, Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
    Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use opentelemetry_sentry::{
    DropReason, Ignore, Protocol, Router, Sampling, SentrySpanExporter, SentrySpanExporterBuilder,
    SpanDecision,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const LIMIT: Duration = Duration::from_secs(60);

const DSN: &str = "https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/42";

fn builder() -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_protocol(Protocol::SpanV2)
}

fn exporter(sentry: &FakeSentry) -> SentrySpanExporter {
    builder().with_dsn(sentry.dsn()).build().unwrap()
}

fn items(lists: &[Json]) -> Vec<Json> {
    lists.iter().flat_map(|list| list["items"].as_array().expect("items").clone()).collect()
}

/// All spans that arrived, in order.
fn arrived(sentry: &FakeSentry) -> Vec<Json> {
    items(&sentry.payloads("span"))
}

/// The one of this name.
fn named<'a>(spans: &'a [Json], name: &str) -> &'a Json {
    let mut found = spans.iter().filter(|span| span["name"] == name);
    let (first, second) = (found.next(), found.next());
    assert!(second.is_none(), "{name} is there twice");
    first.unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

fn attribute<'a>(span: &'a Json, key: &str) -> &'a Json {
    &span["attributes"][key]["value"]
}

/// A span that records an error.
fn failed(mut span: SpanData, text: &'static str) -> SpanData {
    let attributes =
        vec![KeyValue::new("exception.type", "Broke"), KeyValue::new("exception.message", text)];
    span.events.events.push(Event::new("exception", span.end_time, attributes, 0));
    span.status = Status::error(text);
    span
}

/// The lists of spans that are sent of these batches, each flushed before the next, with the headers.
fn sent(builder: SentrySpanExporterBuilder, batches: Vec<Vec<SpanData>>) -> Vec<(Json, Json)> {
    let recorder = Recorder::default();
    let mut exporter = builder.with_dsn(DSN).with_transport(recorder.clone()).build().unwrap();
    let resource = [KeyValue::new("service.name", "shop"), KeyValue::new("host.name", "web-1")];
    exporter.set_resource(&Resource::builder_empty().with_attributes(resource).build());
    for batch in batches {
        export(&exporter, batch).unwrap();
        exporter.flush(SOON).unwrap();
    }
    exporter.shutdown_with_timeout(SOON).unwrap();
    let mut sent = Vec::new();
    for envelope in recorder.envelopes() {
        for item in envelope.items.into_iter().filter(|item| item.is("span")) {
            let mut header = item.header;
            header["trace"] = envelope.header["trace"].clone();
            header.as_object_mut().unwrap().remove("length");
            sent.push((header, item.payload));
        }
    }
    sent
}

/// The same without what changes from one version to the next.
fn envelopes(batches: Vec<Vec<SpanData>>) -> Vec<Json> {
    let mut sent = sent(builder(), batches);
    for (_, payload) in &mut sent {
        for span in payload["items"].as_array_mut().unwrap() {
            span["attributes"]["sentry.sdk.version"]["value"] = "[version]".into();
        }
    }
    sent.into_iter().map(|(header, payload)| json!([header, payload])).collect()
}

fn request() -> SpanData {
    fixed(1, 0, "GET", (0, 250)).kind(SpanKind::Server).attributes([
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/users/{id}"),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("url.path", "/users/7"),
        KeyValue::new("user.id", "7"),
    ])
}

fn query(id: u64, parent: u64) -> SpanData {
    fixed(id, parent, "SELECT users", (10, 20)).kind(SpanKind::Client).attributes([
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.query.text", "SELECT name FROM users WHERE id = $1"),
    ])
}

#[test]
fn a_trace_over_two_batches_leaves_in_two_envelopes() {
    let late = query(4, 1);
    let batches = vec![vec![query(2, 1)], vec![query(3, 1), request()], vec![late]];
    insta::assert_json_snapshot!(envelopes(batches));
}

#[test]
fn attributes_tell_their_types_and_links_theirs() {
    let texts = |texts: &[&'static str]| texts.iter().copied().map(StringValue::from).collect();
    let array = |array: Array| Value::Array(array);
    let mut span = fixed(1, 9, "work", (0, 1)).remote_parent().attributes([
        KeyValue::new("bool", true),
        KeyValue::new("int", i64::MIN),
        KeyValue::new("double", 1.0),
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("text", "a"),
        KeyValue::new("empty", ""),
        KeyValue::new("texts", array(Array::String(texts(&["a", "b"])))),
        KeyValue::new("ints", array(Array::I64(vec![1, 2]))),
        KeyValue::new("doubles", array(Array::F64(vec![0.5, 1.0]))),
        KeyValue::new("not all numbers", array(Array::F64(vec![0.5, f64::NEG_INFINITY]))),
        KeyValue::new("bools", array(Array::Bool(vec![true, false]))),
        KeyValue::new("nothing", array(Array::I64(Vec::new()))),
    ]);
    let linked =
        SpanContext::new(5_u128.into(), 6_u64.into(), TraceFlags::SAMPLED, true, TraceState::NONE);
    let attributes = vec![KeyValue::new("sentry.link.type", "previous_trace")];
    span.links.links.push(Link::new(linked, attributes, 0));
    span.status = Status::error("too late");
    span.events.events.push(Event::new(
        "rows",
        span.start_time,
        vec![
            KeyValue::new("sentry.measurement_value", 7),
            KeyValue::new("sentry.measurement_unit", "byte"),
        ],
        0,
    ));
    insta::assert_json_snapshot!(envelopes(vec![vec![span]]));
}

#[test]
fn a_child_arrives_while_its_root_is_still_open() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = provider(&exporter);
        let tracer = provider.tracer("shop");
        let root = Context::new().with_span(tracer.start("order"));
        tracer.start_with_context("early", &root).end();
        provider.force_flush().unwrap();
        let spans = arrived(&sentry);
        let early = named(&spans, "early");
        let id = root.span().span_context().span_id().to_string();
        assert_eq!((&early["parent_span_id"], &early["is_segment"]), (&json!(id), &json!(false)));
        let segment = early["attributes"].get("sentry.segment.id");
        assert_eq!(segment, None, "nobody knows yet which span is the root");

        tracer.start_with_context("in time", &root).end();
        let open = tracer.start_with_context("late", &root);
        root.span().end();
        provider.force_flush().unwrap();
        drop(open);
        provider.shutdown().unwrap();
        let spans = arrived(&sentry);
        for name in ["order", "in time", "late"] {
            let span = named(&spans, name);
            assert_eq!(span["is_segment"], name == "order");
            assert_eq!(attribute(span, "sentry.segment.id"), &json!(id), "{name}");
            assert_eq!(attribute(span, "sentry.segment.name"), "order", "{name}");
        }
        let order = named(&spans, "order");
        assert_eq!(attribute(order, "sentry.segment.name.source"), "custom");
        let stats = stats(&exporter);
        assert_eq!((stats.spans_received, stats.spans_delivered), (4, 4), "{stats:?}");
        assert_eq!((stats.transactions_delivered, stats.envelopes_delivered), (0, 3));
    });
}

#[test]
fn spans_of_two_traces_never_share_an_envelope() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let batch = vec![
            span(1, 1, 0, "a"),
            span(2, 2, 0, "b"),
            span(1, 3, 0, "c"),
            span(2, 4, 9, "d"),
            span(3, 5, 9, "e"),
        ];
        export_and_wait(&exporter, batch).unwrap();
        let names = sentry.payloads("span").into_iter().map(|list| {
            let names = items(&[list]);
            names.iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect::<String>()
        });
        assert_eq!(names.collect::<BTreeSet<_>>(), ["ac", "bd", "e"].map(str::to_owned).into());
        for envelope in sentry.envelopes() {
            let trace = &envelope.header["trace"];
            assert_eq!((&trace["sample_rate"], &trace["sampled"]), (&json!("1"), &json!("true")));
            assert_eq!(trace["environment"], "production");
            assert!(trace["public_key"].is_string(), "{trace}");
            let header = &envelope.items[0].header;
            assert_eq!(header["content_type"], "application/vnd.sentry.items.span.v2+json");
        }
    });
}

#[test]
fn an_error_leaves_with_its_batch_and_is_not_told_again_by_the_spans_above() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, vec![failed(span(1, 3, 2, "query"), "no money")]).unwrap();
        let event = sentry.events().remove(0);
        assert_eq!(event["contexts"]["trace"]["span_id"], "0000000000000003");
        assert_eq!(event["exception"]["values"][0]["value"], "no money");
        assert_eq!(event.get("transaction"), None, "nobody knows the name yet");

        // The same on its way up, a status alone, and another error.
        export_and_wait(&exporter, vec![failed(span(1, 2, 1, "pay"), "no money")]).unwrap();
        let mut root = span(1, 1, 0, "order");
        root.status = Status::error("it failed");
        export_and_wait(&exporter, vec![root]).unwrap();
        assert_eq!(sentry.events().len(), 1);
        export_and_wait(&exporter, vec![failed(span(1, 4, 1, "retry"), "no stock")]).unwrap();
        let events = sentry.events();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1]["transaction"], "order", "a late span knows its segment");
        exporter.shutdown_with_timeout(SOON).unwrap();
        let stats = stats(&exporter);
        assert_eq!((stats.events_delivered, stats.repeated_errors), (2, 1), "{stats:?}");
        assert_eq!((stats.spans_delivered, stats.events_dropped), (4, 0), "{stats:?}");
    });
}

/// A span that records what a report says of itself.
fn reported(mut span: SpanData, text: &'static str, more: &[KeyValue]) -> SpanData {
    let said = [KeyValue::new("exception.message", text)];
    let attributes = said.iter().chain(more).cloned().collect();
    span.events.events.push(Event::new("exception", span.end_time, attributes, 0));
    span
}

#[test]
fn an_error_that_left_with_its_context_is_not_told_again_in_any_words_that_were_said_of_it() {
    const IN_CONTEXT: &str = "no day\n\nCaused by:\n    locked";
    for (above, is_typed) in [(IN_CONTEXT, false), ("locked", true), ("locked", false)] {
        watchdog(LIMIT, move || {
            let typed = &[KeyValue::new("exception.type", "shop::Locked")][..];
            let more = if is_typed { typed } else { &[] };
            let sentry = FakeSentry::start();
            let exporter = exporter(&sentry);
            let batch = vec![
                reported(span(1, 3, 2, "query"), "locked", typed),
                reported(span(1, 2, 1, "load"), IN_CONTEXT, &[]),
            ];
            export_and_wait(&exporter, batch).unwrap();
            export_and_wait(&exporter, vec![reported(span(1, 1, 0, "day"), above, more)]).unwrap();
            exporter.shutdown_with_timeout(SOON).unwrap();
            let events = sentry.events();
            assert_eq!((events.len(), stats(&exporter).repeated_errors), (1, 2), "{above}");
            let values = events[0]["exception"]["values"].as_array().unwrap();
            let types: Vec<_> = values.iter().map(|it| it["type"].as_str().unwrap()).collect();
            assert_eq!(types, ["Locked", "Error"]);
        });
    }
}

#[test]
fn a_bare_status_above_another_one_makes_no_second_issue() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let status = |mut span: SpanData| {
            span.status = Status::error("it failed");
            span
        };
        export_and_wait(&exporter, vec![status(span(1, 2, 1, "inner"))]).unwrap();
        export_and_wait(&exporter, vec![status(span(1, 1, 0, "outer"))]).unwrap();
        export_and_wait(&exporter, vec![status(span(2, 1, 0, "elsewhere"))]).unwrap();
        let spans: Vec<_> = sentry
            .events()
            .iter()
            .map(|event| event["contexts"]["trace"]["trace_id"].as_str().unwrap().to_owned())
            .collect();
        let traces = [1_u128, 2].map(|trace| format!("{trace:032x}"));
        assert_eq!(spans, traces);
        exporter.shutdown_with_timeout(SOON).unwrap();
    });
}

#[test]
fn a_limit_of_spans_stops_them_alone_and_is_told() {
    watchdog(LIMIT, || {
        let limit = Answer {
            headers: vec![("X-Sentry-Rate-Limits".into(), "60:span:organization".into())],
            ..Answer::default()
        };
        let sentry = FakeSentry::start_with([limit]);
        let exporter = exporter(&sentry);
        export_and_wait(&exporter, vec![span(1, 1, 0, "first")]).unwrap();
        let batch = vec![span(2, 1, 0, "second"), failed(span(2, 2, 1, "third"), "no money")];
        export_and_wait(&exporter, batch).unwrap();
        exporter.shutdown_with_timeout(SOON).unwrap();
        let stats = stats(&exporter);
        assert_eq!(stats.dropped.get(&DropReason::RateLimited), Some(&2), "{stats:?}");
        assert_eq!((stats.spans_delivered, stats.events_delivered), (1, 1), "{stats:?}");
        assert_eq!(stats.transactions_dropped, 0, "{stats:?}");
        let reports = sentry.payloads("client_report");
        let losses: Vec<_> =
            reports.iter().flat_map(|it| it["discarded_events"].as_array().unwrap()).collect();
        let expected = json!({"reason": "ratelimit_backoff", "category": "span", "quantity": 2});
        assert_eq!(losses, [&expected]);
    });
}

#[test]
fn a_limit_of_spans_also_stops_those_in_line() {
    watchdog(LIMIT, || {
        let limit = Answer {
            headers: vec![("X-Sentry-Rate-Limits".into(), "60:span:organization".into())],
            delay: Duration::from_millis(200),
            ..Answer::default()
        };
        let sentry = FakeSentry::start_with([limit]);
        let builder = builder().with_dsn(sentry.dsn()).with_max_in_flight(1);
        let exporter = builder.build().unwrap();
        export(&exporter, (1..4).map(|trace| span(trace, 1, 0, "work")).collect()).unwrap();
        exporter.flush(SOON).unwrap();
        let stats = stats(&exporter);
        assert_eq!(stats.spans_delivered, 1, "{stats:?}");
        assert_eq!(stats.dropped.get(&DropReason::RateLimited), Some(&2), "{stats:?}");
    });
}

#[test]
fn a_limit_of_transactions_is_none_of_spans() {
    watchdog(LIMIT, || {
        let limit = Answer {
            headers: vec![("X-Sentry-Rate-Limits".into(), "60:transaction:key".into())],
            ..Answer::default()
        };
        let sentry = FakeSentry::always(limit);
        let exporter = exporter(&sentry);
        for trace in 1..4 {
            export_and_wait(&exporter, vec![span(trace, 1, 0, "work")]).unwrap();
        }
        assert_eq!(stats(&exporter).spans_delivered, 3);
    });
}

#[test]
fn what_looks_at_whole_segments_is_refused_with_the_way_out() {
    let closure = |_: &_, _: &_| None::<String>;
    let attribute = KeyValue::new("tenant", "");
    let by_root = Router::by_attribute(attribute.key, [("shop", DSN)]);
    for (setting, way_out, builder) in [
        ("with_sampling", "sampler", builder().with_sampling(Sampling::at_rate(0.1))),
        (
            "with_before_send_transaction",
            "with_before_send_span",
            builder().with_before_send_transaction(Some),
        ),
        (
            "with_ignored_transactions",
            "sampler",
            builder().with_ignored_transactions(["GET /health"]),
        ),
        ("with_ignored_health_checks", "sampler", builder().with_ignored_health_checks(true)),
        ("with_router", "by_resource_attribute", builder().with_router(by_root)),
        (
            "with_router",
            "by_resource_attribute",
            builder().with_router(Router::new(closure, [("shop", DSN)])),
        ),
    ] {
        let error = builder.clone().with_dsn(DSN).build().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{setting}: ")), "{error}");
        assert!(error.contains("with_protocol(Protocol::SpanV2)"), "{error}");
        assert!(error.contains(way_out), "{error}");
        let transactions = builder.with_protocol(Protocol::Transactions).with_dsn(DSN);
        assert!(transactions.build().is_ok(), "{setting} goes with transactions");
    }
}

#[test]
fn what_the_sampler_lets_through_tells_its_rate() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = SdkTracerProvider::builder()
            .with_sampler(exporter.sampler(0.5))
            .with_batch_exporter(exporter.clone())
            .build();
        for _ in 0..100 {
            provider.tracer("shop").start("work").end();
        }
        provider.shutdown().unwrap();
        let envelopes = sentry.envelopes();
        assert!((20..80).contains(&envelopes.len()), "{} traces", envelopes.len());
        assert_eq!(stats(&exporter).spans_delivered, envelopes.len() as u64);
        for envelope in envelopes {
            assert_eq!(envelope.header["trace"]["sample_rate"], "0.5");
        }
    });
}

#[test]
fn a_hook_sees_every_span_and_what_it_drops_hands_its_children_up() {
    let hook = |span: &mut opentelemetry_sentry::protocol::Span| {
        if span.description.as_str() == "lock" {
            return SpanDecision::Drop;
        }
        span.data.insert("seen", true);
        span.data.remove("host.name");
        SpanDecision::Keep
    };
    let batch = vec![
        fixed(1, 0, "order", (0, 9)),
        fixed(2, 1, "lock", (1, 8)),
        fixed(3, 2, "inner", (2, 7)),
    ];
    let sent = sent(builder().with_before_send_span(hook), vec![batch]);
    let spans = items(&[sent[0].1.clone()]);
    assert_eq!(spans.len(), 2);
    assert_eq!(named(&spans, "inner")["parent_span_id"], "0000000000000001");
    for span in &spans {
        assert_eq!(attribute(span, "seen"), true);
        assert_eq!(span["attributes"].get("host.name"), None);
    }
}

#[test]
fn the_header_of_a_trace_says_no_name_that_a_hook_took_away() {
    let named = |hook: fn(&mut opentelemetry_sentry::protocol::Span) -> SpanDecision| {
        let batches =
            vec![vec![fixed(1, 0, "order of jo", (0, 9))], vec![fixed(2, 1, "late", (1, 8))]];
        let sent = sent(builder().with_before_send_span(hook), batches);
        let names = sent.iter().map(|(header, _)| header["trace"]["transaction"].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(named(|_| SpanDecision::Keep), ["order of jo", "order of jo"]);
    let renamed = named(|span| {
        if span.parent_span_id.is_none() {
            span.description = "mailbox".into();
            span.data.remove("sentry.name");
        }
        SpanDecision::Keep
    });
    assert_eq!(renamed, ["mailbox", "mailbox"]);
    let dropped = named(|span| match span.parent_span_id {
        None => SpanDecision::Drop,
        Some(_) => SpanDecision::Keep,
    });
    assert_eq!(dropped, [Json::Null], "of the span that is left");
}

#[test]
fn what_a_hook_drops_is_counted_and_told() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let hook = |span: &mut opentelemetry_sentry::protocol::Span| {
            assert!(span.description.as_str() != "poison", "this hook panics");
            SpanDecision::Drop
        };
        let builder = builder().with_dsn(sentry.dsn()).with_before_send_span(hook);
        let exporter = builder.build().unwrap();
        export(&exporter, vec![span(1, 1, 0, "root"), span(1, 2, 1, "poison")]).unwrap();
        let _ = exporter.shutdown_with_timeout(SOON);
        let stats = stats(&exporter);
        let lost = |reason| stats.dropped.get(&reason).copied();
        assert_eq!(lost(DropReason::BeforeSend), Some(1), "{stats:?}");
        assert_eq!(lost(DropReason::HookPanicked), Some(1), "{stats:?}");
        assert_eq!(arrived(&sentry), Vec::<Json>::new());
    });
}

#[test]
fn rules_leave_out_spans_but_never_the_root_of_a_segment() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let rules = [Ignore::name("lock")];
        let builder = builder().with_dsn(sentry.dsn()).with_ignored_spans(rules);
        let exporter = builder.build().unwrap();
        let batch = vec![
            span(1, 1, 0, "lock"),
            span(1, 2, 1, "lock"),
            span(1, 3, 2, "inner"),
            failed(span(2, 4, 9, "lock"), "no money"),
        ];
        export_and_wait(&exporter, batch).unwrap();
        let spans = arrived(&sentry);
        assert_eq!(spans.len(), 2);
        assert_eq!(named(&spans, "inner")["parent_span_id"], "0000000000000001");
        assert_eq!(sentry.events().len(), 1, "its error is sent all the same");
        let stats = stats(&exporter);
        assert_eq!(stats.dropped.get(&DropReason::Ignored), Some(&2), "{stats:?}");
    });
}

#[test]
fn secrets_leave_with_no_span() {
    let span = fixed(1, 0, "order", (0, 9)).attributes([
        KeyValue::new("password", "hunter2"),
        KeyValue::new("url.full", "https://me:pw@h/?token=abc"),
        KeyValue::new("user.email", "ada@example.com"),
    ]);
    let text = sent(builder(), vec![vec![span]])[0].1.to_string();
    for secret in ["hunter2", "pw@", "abc", "ada@"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn the_resource_names_the_project() {
    watchdog(LIMIT, || {
        let (shop, rest) = (FakeSentry::start(), FakeSentry::start());
        let router = Router::by_resource_attribute("service.name", [("shop", shop.dsn())]);
        let exporter = builder().with_dsn(rest.dsn()).with_router(router).build().unwrap();
        for service in ["shop", "billing"] {
            let mut handle = exporter.clone();
            handle.set_resource(&Resource::builder_empty().with_service_name(service).build());
            export_and_wait(&handle, vec![span(1, 2, 1, service)]).unwrap();
        }
        exporter.flush(SOON).unwrap();
        assert_eq!(named(&arrived(&shop), "shop")["name"], "shop");
        assert_eq!(named(&arrived(&rest), "billing")["name"], "billing");
        assert_eq!((arrived(&shop).len(), arrived(&rest).len()), (1, 1));
    });
}

#[test]
fn spotlight_gets_transactions_of_what_came_together() {
    watchdog(LIMIT, || {
        let (sentry, spotlight) = (FakeSentry::start(), FakeSentry::start());
        let builder = builder().with_dsn(sentry.dsn()).with_spotlight(spotlight.url("/stream"));
        let exporter = builder.build().unwrap();
        export(&exporter, vec![span(1, 2, 1, "inner"), span(1, 1, 0, "order")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(spotlight.payloads("span"), Vec::<Json>::new());
        assert_eq!(spotlight.transactions()[0]["spans"].as_array().unwrap().len(), 1);
        assert_eq!((sentry.transactions().len(), arrived(&sentry).len()), (0, 2));
    });
}

#[test]
fn spotlight_gets_an_error_once_however_many_spans_above_tell_it() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        for dsn in [sentry.dsn(), String::new()] {
            let spotlight = FakeSentry::start();
            let builder = builder().with_dsn(dsn).with_spotlight(spotlight.url("/stream"));
            let exporter = builder.build().unwrap();
            for (id, parent) in [(3, 2), (2, 1), (1, 0)] {
                let span = failed(span(1, id, parent, "work"), "no money");
                export(&exporter, vec![span]).unwrap();
                exporter.flush(SOON).unwrap();
            }
            exporter.shutdown_with_timeout(SOON).unwrap();
            assert_eq!((spotlight.events().len(), spotlight.transactions().len()), (1, 3));
        }
        assert_eq!(sentry.events().len(), 1);
    });
}

#[test]
fn without_a_dsn_only_spotlight_gets_something() {
    watchdog(LIMIT, || {
        let spotlight = FakeSentry::start();
        let builder = builder().with_dsn("").with_spotlight(spotlight.url("/stream"));
        let exporter = builder.build().unwrap();
        export(&exporter, vec![span(1, 1, 0, "order")]).unwrap();
        exporter.shutdown_with_timeout(SOON).unwrap();
        assert_eq!(spotlight.transactions().len(), 1);
        assert_eq!(stats(&exporter).dropped.get(&DropReason::NoDsn), Some(&1));
    });
}

#[test]
fn a_trace_whose_head_told_nothing_has_a_header_all_the_same() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = provider(&exporter);
        let (first, second, third) = ("1".repeat(32), "2".repeat(32), "3".repeat(32));
        let told = |trace: &str| {
            format!("sentry-trace_id={trace},sentry-public_key=browser,sentry-sampled=true")
        };
        for (trace, baggage, key) in [
            (&first, String::new(), KEY),
            (&second, told(&third), KEY),
            (&third, told(&third), "browser"),
        ] {
            let parent = format!("{trace}-00000000000000aa-1");
            let headers = [("sentry-trace".to_owned(), parent), ("baggage".to_owned(), baggage)];
            let headers = HashMap::from(headers);
            let remote = exporter.propagator().extract(&headers);
            provider.tracer("shop").start_with_context("served", &remote).end();
            provider.force_flush().unwrap();
            let header = sentry.envelopes().pop().unwrap().header["trace"].clone();
            assert_eq!(&header["trace_id"], trace, "{header}");
            assert_eq!((&header["sample_rate"], &header["public_key"]), (&json!("1"), &json!(key)));
        }
    });
}

#[test]
fn a_child_that_leaves_before_its_root_tells_the_rate_that_was_decided_here() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let exporter = exporter(&sentry);
        let provider = SdkTracerProvider::builder()
            .with_sampler(exporter.sampler(0.25))
            .with_batch_exporter(exporter.clone())
            .build();
        let tracer = provider.tracer("shop");
        // Whoever began these traces left the decision to others.
        for trace in 1_u128..100 {
            let parent = format!("{trace:016x}{trace:016x}-00000000000000aa");
            let headers = HashMap::from([("sentry-trace".to_owned(), parent)]);
            let remote = exporter.propagator().extract(&headers);
            let root = remote.with_span(tracer.start_with_context("root", &remote));
            tracer.start_with_context("child", &root).end();
            provider.force_flush().unwrap();
            root.span().end();
        }
        provider.shutdown().unwrap();
        let envelopes = sentry.envelopes();
        assert!(envelopes.len() >= 2, "nothing was sampled");
        for envelope in envelopes {
            assert_eq!(envelope.header["trace"]["sample_rate"], "0.25");
        }
    });
}

#[cfg(feature = "spool")]
#[test]
fn what_an_outage_leaves_is_sent_by_the_next_process() {
    use common::place::Place;
    use opentelemetry_sentry::Spool;

    watchdog(LIMIT, || {
        let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
        let exporter = || {
            let builder = builder().with_dsn(place.dsn()).with_spool(Spool::new(dir.path()));
            builder.build().unwrap()
        };
        let first = exporter();
        let _ = export(&first, vec![span(1, 1, 0, "order"), span(1, 2, 1, "inner")]);
        first.shutdown_with_timeout(SOON).unwrap();
        let left = stats(&first);
        assert_eq!((left.spans_spooled, left.spans_pending, left.spans_dropped), (2, 2, 0));

        let sentry = FakeSentry::at(&place, Answer::default());
        let second = exporter();
        sentry.wait_for(1, SOON);
        second.flush(SOON).unwrap();
        assert_eq!(arrived(&sentry).len(), 2);
        let stats = stats(&second);
        assert_eq!((stats.spans_recovered, stats.spans_delivered), (2, 2), "{stats:?}");
        assert_eq!(sentry.envelopes()[0].header["trace"]["sample_rate"], "1");
    });
}

#[test]
fn a_large_batch_leaves_in_lists_that_sentry_takes_with_each_span_in_one() {
    let large = "é".repeat(5000);
    for (spans, parts, lists) in [(1000, 0, 1), (2001, 0, 3), (150, 6, 2)] {
        let span = |id| {
            let parts = (0..parts).map(|part| KeyValue::new(format!("part.{part}"), large.clone()));
            fixed(id, 1, "work", (0, 1)).attributes(parts)
        };
        let recorder = Recorder::default();
        let exporter = builder().with_dsn(DSN).with_transport(recorder.clone()).build().unwrap();
        export(&exporter, (2..spans + 2).map(span).collect()).unwrap();
        exporter.shutdown_with_timeout(LIMIT).unwrap();
        let envelopes = recorder.envelopes();
        assert_eq!(envelopes.len(), lists);
        let mut ids = BTreeSet::new();
        for envelope in envelopes {
            let length = envelope.items[0].header["length"].as_u64().unwrap();
            assert!(length <= 5_000_000, "{length} bytes");
            for span in items(&envelope.payloads("span")) {
                assert!(ids.insert(span["span_id"].to_string()));
            }
        }
        assert_eq!((ids.len() as u64, stats(&exporter).spans_delivered), (spans, spans));
    }
}

/// A tree of spans as the parent of each, with 0 for none, and the number of its batch.
fn tree() -> impl Strategy<Value = Vec<(u64, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 1..14).prop_map(|spans| {
        let parent = |(at, (parent, batch)): (usize, (prop::sample::Index, u8))| {
            // The spans have the ids 1, 2 and so on; all but the first stand below an earlier one.
            (if at == 0 { 0 } else { parent.index(at) as u64 + 1 }, batch)
        };
        spans.into_iter().enumerate().map(parent).collect()
    })
}

/// Exports a tree, batch by batch; gives the spans and how many errors came, all of one text.
fn exported(tree: &[(u64, u8)], make: impl Fn(SpanData) -> SpanData) -> (Vec<Json>, usize) {
    let recorder = Recorder::default();
    let exporter = builder().with_dsn(DSN).with_transport(recorder.clone()).build().unwrap();
    let now = SystemTime::now();
    let ended = |id, parent| SpanData { end_time: now, ..span(7, id, parent, "work") };
    for number in 0..3 {
        let spans = (1..).zip(tree).filter(|(_, (_, batch))| *batch == number);
        let batch = spans.map(|(id, (parent, _))| make(ended(id, *parent))).collect();
        export(&exporter, batch).unwrap();
    }
    exporter.shutdown_with_timeout(SOON).unwrap();
    let stats = stats(&exporter);
    assert_eq!(stats.spans_delivered, tree.len() as u64, "{stats:?}");
    (items(&recorder.payloads("span")), recorder.payloads("event").len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn however_a_tree_is_cut_no_span_says_a_segment_that_is_not_its_own(tree in tree()) {
        let (spans, _) = exported(&tree, |span| span);
        prop_assert_eq!(spans.len(), tree.len());
        let root_came = tree[0].1;
        for span in &spans {
            let id = u64::from_str_radix(span["span_id"].as_str().unwrap(), 16).unwrap();
            let (parent, _) = tree[id as usize - 1];
            let told = span["parent_span_id"].as_str();
            prop_assert_eq!(told.map_or(0, |id| u64::from_str_radix(id, 16).unwrap()), parent);
            prop_assert_eq!(&span["is_segment"], &json!(id == 1));
            let segment = span["attributes"].get("sentry.segment.id").map(|it| &it["value"]);
            prop_assert!(segment.is_none_or(|it| *it == "0000000000000001"), "{segment:?}");
            // One is known where all above came before, or with it.
            let path = std::iter::successors(Some(id), |id| match tree[*id as usize - 1].0 {
                0 => None,
                parent => Some(parent),
            });
            let batches: Vec<_> = path.map(|id| tree[id as usize - 1].1).collect();
            if batches.is_sorted_by(|below, above| below >= above) {
                prop_assert!(segment.is_some(), "{id} came after {root_came}");
            }
        }
    }

    #[test]
    fn an_error_on_its_way_up_is_told_once_however_its_spans_are_cut(
        cuts in prop::collection::vec(0..2_u8, 1..9),
    ) {
        // Each span stands below the one before it, and never leaves after it.
        let mut batch = 2_u8;
        let chain = (0..).zip(&cuts).map(|(parent, cut)| {
            batch = batch.saturating_sub(*cut);
            (parent, batch)
        });
        let chain: Vec<_> = chain.collect();
        let (_, errors) = exported(&chain, |span| failed(span, "no money"));
        prop_assert_eq!(errors, 1);
        let (_, errors) = exported(&chain, |mut span| {
            span.status = Status::error("no money");
            span
        });
        prop_assert_eq!(errors, 1);
    }
}
