//! Rules of the mapping that no table tells.

mod common;

use common::spans::{SpanDataExt, context, span};
use opentelemetry::trace::{Event, Link, SpanId, SpanKind};
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::mapping::Mapper;
use serde_json::{Value as Json, json};

fn work<V: Into<Value> + Clone>(kind: SpanKind, attributes: &[(&'static str, V)]) -> SpanData {
    let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
    span(2, 0, "work", (0, 10)).kind(kind).attributes(attributes)
}

fn root(span: SpanData) -> Json {
    let mapper = Mapper::new().with_send_default_pii(true);
    serde_json::to_value(mapper.map(vec![span]).remove(0).transaction).unwrap()
}

fn child(mut child: SpanData) -> Json {
    child.parent_span_id = SpanId::from(1);
    let spans = vec![span(1, 0, "root", (0, 20)), child];
    let mapper = Mapper::new().with_send_default_pii(true);
    serde_json::to_value(mapper.map(spans).remove(0).transaction).unwrap()["spans"][0].take()
}

#[test]
fn an_origin_keeps_to_the_grammar_or_is_that_of_the_exporter() {
    for (given, origin) in [
        ("manual", "manual"),
        ("auto.http.axum", "auto.http.axum"),
        ("manual.db.my_pool", "manual.db.my_pool"),
        ("auto.http-client", "auto.otel"),
        ("automatic", "auto.otel"),
        ("my_library", "auto.otel"),
        ("", "auto.otel"),
    ] {
        let span = || work(SpanKind::Internal, &[("sentry.origin", given)]);
        assert_eq!(child(span())["origin"], origin, "{given}");
        let trace = root(span())["contexts"]["trace"].take();
        assert_eq!(
            (&trace["origin"], &trace["data"]["sentry.origin"]),
            (&json!(origin), &json!(origin))
        );
    }
}

#[test]
fn what_is_too_long_for_an_address_is_none() {
    for (address, is_one) in [("203.0.113.7".to_owned(), true), ("a".repeat(9000), false)] {
        let request = [("http.request.method", "GET".to_owned()), ("client.address", address)];
        let env = root(work(SpanKind::Server, &request))["request"]["env"].take();
        assert_eq!(env.get("REMOTE_ADDR").is_some(), is_one, "{env}");
    }
}

#[test]
fn a_root_keeps_a_description_that_is_not_its_name() {
    let described = work(SpanKind::Internal, &[("sentry.description", "July")]);
    let root = root(described.clone());
    assert_eq!(root["transaction"], "work");
    assert_eq!(root["contexts"]["trace"]["data"]["sentry.description"], "July");
    let child = child(described);
    assert_eq!(child["description"], "July");
    assert!(child["data"].get("sentry.description").is_none(), "the field says it");
}

#[test]
fn a_url_is_taken_apart_whatever_the_span_is_about() {
    let data = child(work(SpanKind::Client, &[("url.full", "wss://u:p@h/a?b=1#c")]))["data"].take();
    assert_eq!(data["url"], "wss://[Filtered]:[Filtered]@h/a");
    assert_eq!((&data["http.query"], &data["http.fragment"]), (&json!("b=1"), &json!("c")));
}

#[test]
fn a_call_without_a_name_is_named_by_what_is_known_of_it() {
    let unnamed = |attributes: &[(&'static str, &'static str)]| {
        let mut span = work(SpanKind::Client, attributes);
        span.name = "".into();
        child(span)["description"].take()
    };
    assert_eq!(
        unnamed(&[("rpc.service", "shop.Orders"), ("rpc.method", "Place")]),
        "shop.Orders/Place"
    );
    assert_eq!(
        unnamed(&[("rpc.system.name", "grpc"), ("rpc.method", "shop.Orders/Place")]),
        "shop.Orders/Place"
    );
    assert_eq!(unnamed(&[("rpc.service", "shop.Orders")]), "shop.Orders");
    assert_eq!(unnamed(&[("rpc.system", "grpc")]), "rpc");
    assert_eq!(unnamed(&[]), "<unlabeled transaction>");
}

#[test]
fn what_says_nothing_does_not_stand_in_the_way_of_what_does() {
    let op = |attributes: &[(&'static str, &'static str)]| {
        child(work(SpanKind::Client, attributes))["op"].take()
    };
    assert_eq!(op(&[("db.system", "")]), Json::Null);
    assert_eq!(op(&[("db.system", ""), ("http.method", "GET")]), "http.client");
    let polled = [("messaging.operation.type", "custom"), ("messaging.operation.name", "poll")];
    assert_eq!(op(&[polled[0], polled[1], ("messaging.system", "kafka")]), "queue.receive");
    let codes = [("http.response.status_code", 0), ("http.status_code", 404)];
    assert_eq!(child(work(SpanKind::Client, &codes))["status"], "not_found");
    let codes = [("rpc.response.status_code", ""), ("rpc.grpc.status_code", "5")];
    assert_eq!(child(work(SpanKind::Client, &codes))["status"], "not_found");
}

#[test]
fn what_the_span_says_itself_is_not_replaced() {
    let given = child(work(
        SpanKind::Client,
        &[
            ("db.system", "mariadb"),
            ("db.system.name", "mysql"),
            ("http.status_code", "404"),
            ("http.response.status_code", "200"),
        ],
    ));
    assert_eq!(given["data"]["db.system"], "mariadb");
    assert_eq!(given["data"]["http.response.status_code"], "200");
}

#[test]
fn a_message_waits_from_when_the_queue_took_it_until_it_is_received() {
    let latency = |kind, enqueued: i64| {
        let span = work(kind, &[("messaging.servicebus.message.enqueued_time", enqueued)])
            .attributes([KeyValue::new("messaging.system", "servicebus")]);
        child(span)["data"]["messaging.message.receive.latency"].take()
    };
    assert_eq!(latency(SpanKind::Consumer, 1_795_167_620), 7000);
    assert_eq!(latency(SpanKind::Consumer, 1_795_167_627), 0);
    assert_eq!(latency(SpanKind::Producer, 1_795_167_620), Json::Null, "it is not received yet");
    for wrong in [1_795_167_628, 0, -1, i64::MIN, i64::MAX] {
        assert_eq!(latency(SpanKind::Consumer, wrong), Json::Null, "{wrong}");
    }
    let retries = |deliveries: i64| {
        let span = work(
            SpanKind::Consumer,
            &[("messaging.servicebus.message.delivery_count", deliveries)],
        )
        .attributes([KeyValue::new("messaging.system", "servicebus")]);
        child(span)["data"]["messaging.message.retry.count"].take()
    };
    assert_eq!([1, 5].map(retries), [json!(0), json!(4)]);
    assert_eq!([0, i64::MIN].map(retries), [Json::Null, Json::Null]);
}

#[test]
fn the_cookies_of_a_request_are_those_with_a_name() {
    let cookies = |header: Value| {
        let get = [("http.request.method", "GET"), ("http.request.header.accept", "*/*")];
        let span = work(SpanKind::Server, &get)
            .attributes([KeyValue::new("http.request.header.Cookie", header)]);
        let request = root(span)["request"].take();
        assert_eq!(request["headers"], json!({"accept": "*/*"}));
        request["cookies"].clone()
    };
    assert_eq!(cookies("shop=1;theme; =x; lang=de ".into()), "shop=1; lang=de");
    let list = vec![StringValue::from("a=1"), StringValue::from("b=2")];
    assert_eq!(cookies(Value::Array(list.into())), "a=1; b=2");
    let long = format!("{}=1; b=2", "a".repeat(3000));
    assert_eq!(cookies(long.into()), "b=2");
    for none in ["", "theme", "; ;"] {
        assert_eq!(cookies(none.into()), Json::Null, "{none}");
    }
}

#[test]
fn a_response_has_a_size_if_it_is_one() {
    let response = |attributes: &[(&'static str, i64)]| {
        root(work(SpanKind::Server, attributes))["contexts"]["response"].take()
    };
    let both = [("http.response.status_code", 200), ("http.response.body.size", 4096)];
    assert_eq!(response(&both), json!({"status_code": 200, "body_size": 4096}));
    assert_eq!(response(&both[..1]), json!({"status_code": 200}));
    assert_eq!(response(&both[1..]), Json::Null);
    assert_eq!(response(&[both[0], ("http.response.body.size", -1)]), json!({"status_code": 200}));
}

#[test]
fn a_root_has_as_many_links_as_sentry_keeps_and_counts_the_others() {
    let linked = |links: usize, attributes: usize| {
        let mut span = work::<&str>(SpanKind::Consumer, &[]);
        span.attributes =
            (0..attributes).map(|at| KeyValue::new(format!("key.{at}"), "x".repeat(30))).collect();
        let link = Link::new(context(9), vec![KeyValue::new("queue", "jobs")], 0);
        span.links.links = vec![link; links];
        span.links.dropped_count = 2;
        let trace = root(span)["contexts"]["trace"].take();
        let kept = trace["links"].as_array().unwrap().len();
        (kept, trace["data"]["otel.dropped_links_count"].as_u64().unwrap())
    };
    assert_eq!(linked(100, 0), (100, 2));
    for (links, attributes) in [(128, 0), (128, 30), (128, 128)] {
        let (kept, dropped) = linked(links, attributes);
        assert_eq!(kept as u64 + dropped, links as u64 + 2);
        assert!((30..128).contains(&kept), "{kept} beside {attributes} attributes");
    }
}

#[test]
fn measurements_stand_where_they_were_recorded() {
    let measured = |mut span: SpanData| {
        let value = KeyValue::new("sentry.measurement_value", 3.5);
        let unit = KeyValue::new("sentry.measurement_unit", "ms");
        let time = span.start_time;
        span.events.events.push(Event::new("queue.wait", time, vec![value, unit], 0));
        span
    };
    let expected = json!({"queue.wait": {"value": 3.5, "unit": "millisecond"}});
    let work = || measured(work::<&str>(SpanKind::Internal, &[]));
    assert_eq!(root(work())["measurements"], expected);
    assert_eq!(child(work())["measurements"], expected);
    assert!(root(work()).get("breadcrumbs").is_none());
}

#[test]
fn the_code_of_the_exporter_decides_release_environment_and_dist_before_all_others() {
    let span = work(
        SpanKind::Internal,
        &[("sentry.release", "of the span"), ("sentry.environment", "of the span")],
    );
    let mapper = Mapper::new().with_release("shop@1").with_environment("staging").with_dist("42");
    let mapped = mapper.map(vec![span]).remove(0);
    let json = serde_json::to_value(&mapped.transaction).unwrap();
    assert_eq!(
        (&json["release"], &json["environment"], &json["dist"]),
        (&json!("shop@1"), &json!("staging"), &json!("42"))
    );
}
