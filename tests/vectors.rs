//! The facts of Sentry's own converters, row by row: what they make of spans.
//!
//! A row whose result we share stands as it is; where we differ, `ours` says what we make of it.
//! Rows about a single span are read field by field; the others are scenes that are played.

mod common;

use std::time::Duration;

use common::recorder::Recorder;
use common::spans::{SpanDataExt, context, span};
use common::telemetry;
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceId};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::mapping::{Mapped, Mapper};
use opentelemetry_sentry::segment::SegmentBuffer;
use opentelemetry_sentry::{DropReason, SentrySpanExporter};
use serde_json::{Value as Json, json};

/// Rows that nobody can execute here, with the reason.
const NOT_EXECUTED: &[(&str, &str)] = &[
    ("js-status-code-invalid", "OpenTelemetry for Rust has no status but Unset, Ok and Error"),
    ("col-12", "OpenTelemetry for Rust has no status but Unset, Ok and Error"),
    ("col-13", "OpenTelemetry for Rust has no text beside Ok"),
    ("relay-15", "OpenTelemetry for Rust has no text beside Unset"),
    ("relay-17", "OpenTelemetry for Rust has no lists of key-value lists"),
    ("js-dsc-08", "the organization is read from the DSN, there is no setting for it"),
    ("relay-22", "what Relay would name a span without `sentry.name`, which is always sent"),
    ("relay-23", "what Relay would name a span without `sentry.name`, which is always sent"),
    ("relay-24", "what Relay would name a span without `sentry.name`, which is always sent"),
];

/// Keys of the data that rows ask for and that are left to Sentry, which derives them itself.
const DERIVED_BY_SENTRY: &[&str] = &["sentry.kind"];

const SOON: Duration = Duration::from_secs(10);

#[test]
fn every_row_gives_what_it_says() {
    let rows = include_str!("data/mapping.jsonl").lines();
    let rows: Vec<Json> = rows.map(|line| serde_json::from_str(line).unwrap()).collect();
    let left_out: Vec<_> = rows
        .iter()
        .filter(|row| !executes(row))
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    for (id, reason) in NOT_EXECUTED {
        println!("{id} is not executed: {reason}");
    }
    println!("rows executed: {} of {}", rows.len() - left_out.len(), rows.len());
    let mut expected: Vec<_> = NOT_EXECUTED.iter().map(|(id, _)| *id).collect();
    expected.sort_by_key(|id| rows.iter().position(|row| row["id"] == *id));
    assert_eq!(left_out, expected);
}

/// Executes a row; false if it says nothing that can be executed.
fn executes(row: &Json) -> bool {
    match row["topic"].as_str().unwrap() {
        "op_desc" | "status" | "url" | "request" => single_span(row),
        "dsc" => trace_header(row),
        "own_traffic" => own_traffic(row),
        "links" => links(row),
        "exception" => exception(row),
        "segment" => segment(row),
        "attributes" | "transaction" => whole_transaction(row),
        "v2" => streamed(row),
        "server_name" => false,
        topic => panic!("{topic} is a topic that nobody knows"),
    }
}

// What comes in

fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(value) => match value.as_i64() {
            Some(value) => Value::I64(value),
            None => Value::F64(value.as_f64()?),
        },
        Json::String(text) => Value::String(text.clone().into()),
        Json::Array(items) => {
            let texts = items
                .iter()
                .map(|item| item.as_str().map(|text| StringValue::from(text.to_owned())));
            Value::Array(Array::String(texts.collect::<Option<_>>()?))
        }
        _ => return None,
    })
}

fn attributes(json: &Json) -> Vec<KeyValue> {
    let Some(map) = json.as_object() else {
        return Vec::new();
    };
    map.iter().map(|(key, json)| KeyValue::new(key.clone(), value(json).unwrap())).collect()
}

fn kind(json: &Json) -> SpanKind {
    match json.as_str() {
        Some("CLIENT") => SpanKind::Client,
        Some("SERVER") => SpanKind::Server,
        Some("PRODUCER") => SpanKind::Producer,
        Some("CONSUMER") => SpanKind::Consumer,
        None | Some("INTERNAL") => SpanKind::Internal,
        Some(kind) => panic!("{kind} is no kind of span"),
    }
}

/// None for statuses that OpenTelemetry for Rust cannot express.
fn status(input: &Json) -> Option<Status> {
    match &input["status"] {
        _ if input.get("status_message").is_some() => None,
        Json::Null => Some(Status::Unset),
        Json::String(name) if name == "Unset" => Some(Status::Unset),
        Json::String(name) if name == "Ok" => Some(Status::Ok),
        Json::Object(map) => Some(Status::error(map.get("Error")?.as_str()?.to_owned())),
        _ => None,
    }
}

fn input_span(input: &Json) -> Option<SpanData> {
    let name = input["name"].as_str().unwrap_or_default();
    Some(
        span(2, 0, name, (0, 10))
            .kind(kind(&input["kind"]))
            .attributes(attributes(&input["attributes"]))
            .status(status(input)?),
    )
}

// What comes out

fn mapper() -> Mapper {
    Mapper::new().with_send_default_pii(true)
}

fn as_root(span: SpanData) -> Mapped {
    mapper().map(vec![span]).remove(0)
}

fn as_child(mut child: SpanData) -> Json {
    child.parent_span_id = SpanId::from(1);
    let spans = vec![span(1, 0, "root", (0, 20)), child];
    let mapped = mapper().map(spans).remove(0);
    serde_json::to_value(&mapped.transaction).unwrap()["spans"][0].take()
}

/// The transactions of batches that come ten seconds apart; at the end nothing is left to wait.
fn transactions(batches: Vec<Vec<SpanData>>) -> Vec<Json> {
    let (mut buffer, mut segments, mut now) = (SegmentBuffer::new(), Vec::new(), Duration::ZERO);
    for batch in batches {
        segments.extend(buffer.ingest(batch, now).segments);
        now += Duration::from_secs(10);
    }
    assert!(buffer.expire(now).is_empty(), "nothing gives up before its time");
    segments.extend(buffer.expire(now + SegmentBuffer::DEFAULT_TIMEOUT));
    assert!(buffer.is_empty());
    let mapped = segments.into_iter().filter_map(|segment| mapper().map_segment(segment));
    mapped.map(|mapped| serde_json::to_value(&mapped.transaction).unwrap()).collect()
}

fn trace(transaction: &Json) -> &Json {
    &transaction["contexts"]["trace"]
}

fn names(spans: &Json) -> Vec<&str> {
    spans.as_array().unwrap().iter().map(|span| span["description"].as_str().unwrap()).collect()
}

/// What reaches the transport, and what was dropped as the exporter's own traffic.
fn export(dsn: &str, options: &Json, span: SpanData) -> (Recorder, u64) {
    let recorder = Recorder::default();
    let mut builder = SentrySpanExporter::builder().with_dsn(dsn).with_transport(recorder.clone());
    for (option, text) in options.as_object().into_iter().flatten() {
        builder = match (option.as_str(), text.as_str()) {
            ("release", Some(release)) => builder.with_release(release),
            ("environment", Some(environment)) => builder.with_environment(environment),
            // Sampling everything is the default.
            ("traces_sample_rate", None) => builder,
            ("dsn", _) => builder,
            _ => panic!("{option} cannot be set"),
        };
    }
    let exporter = builder.build().unwrap();
    let mut recent = telemetry::span(1, 1, 0, &span.name).kind(span.span_kind.clone());
    recent.attributes = span.attributes;
    telemetry::export(&exporter, vec![recent]).unwrap();
    exporter.shutdown_with_timeout(SOON).unwrap();
    let dropped = telemetry::stats(&exporter).dropped;
    (recorder, dropped.get(&DropReason::OwnTraffic).copied().unwrap_or_default())
}

// Rows about a single span

/// Compares a field where the row says something about it; tells whether it did.
fn agrees(id: &str, field: &str, expected: &Json, got: Json) -> bool {
    match expected {
        Json::Null => false,
        expected => {
            assert_eq!(got, *expected, "{id}: {field}");
            true
        }
    }
}

fn single_span(row: &Json) -> bool {
    let id = row["id"].as_str().unwrap();
    let Some(span) = input_span(&row["input"]) else { return false };
    let (theirs, ours) = (&row["expected"], &row["ours"]);
    let shared = row["agrees"] != "no" && row["agrees"] != "n/a";
    // Ours wins; theirs counts where the row does not disagree.
    let expected = |field: &str| match &ours[field] {
        Json::Null if shared && !(ours.is_object() && ours["child"].is_object()) => &theirs[field],
        value => value,
    };
    let root = as_root(span.clone());
    let json = serde_json::to_value(&root.transaction).unwrap();
    let child = as_child(span.clone());
    let is_root = matches!(row["input"]["parent"].as_str(), Some("none" | "remote"));
    let mut checked = false;
    if theirs.get("op").is_some() || ours.get("op").is_some() {
        let op = match &ours["op"] {
            Json::Null if ours.get("op").is_some() => &Json::Null,
            Json::Null => &theirs["op"],
            op => op,
        };
        let op = if op == "default" || op == "" { &Json::Null } else { op };
        assert_eq!(child["op"], *op, "{id}: op");
        assert_eq!(json["contexts"]["trace"]["op"], *op, "{id}: op of a root");
        checked = true;
    }
    let source = json!(root.transaction.source.as_str());
    checked |= agrees(id, "status", expected("status"), child["status"].clone());
    checked |= agrees(id, "status of a root", expected("status"), trace(&json)["status"].clone());
    // A streamed span knows only whether there was an error.
    let streamed = if child["status"] == "ok" { "ok" } else { "error" };
    checked |= agrees(id, "v2_status", expected("v2_status"), streamed.into());
    checked |= agrees(id, "source", expected("source"), source.clone());
    checked |= agrees(id, "transaction", expected("transaction"), json["transaction"].clone());
    if !is_root {
        checked |= agrees(id, "description", expected("description"), child["description"].clone());
    }
    for (key, value) in expected("data").as_object().into_iter().flatten() {
        checked |= agrees(id, key, value, child["data"][key].clone());
    }
    checked |= agrees(id, "child", &ours["child"]["description"], child["description"].clone());
    checked |= agrees(id, "root", &ours["root"]["transaction"], json["transaction"].clone());
    checked |= agrees(id, "root", &ours["root"]["source"], source);
    match row["topic"].as_str() {
        Some("url") => checked | url(id, expected, &span, &child, &json),
        Some("request") => checked | request(row, expected, span, &json),
        _ => checked,
    }
}

fn url<'a>(
    id: &str,
    expected: impl Fn(&str) -> &'a Json,
    span: &SpanData,
    child: &Json,
    root: &Json,
) -> bool {
    let mut checked = false;
    for key in ["url", "http.query", "http.fragment"] {
        checked |= agrees(id, key, expected(key), child["data"][key].clone());
    }
    // Some rows tell query and fragment with the mark in front of them.
    for (field, key, mark) in [("query", "http.query", '?'), ("fragment", "http.fragment", '#')] {
        let part = expected(field).as_str().map(|text| text.trim_start_matches(mark));
        checked |= agrees(id, key, &json!(part), child["data"][key].clone());
    }
    if let (Some(path), true) = (expected("url_path").as_str(), expected("description").is_null()) {
        let method = span.attributes.iter().find(|entry| entry.key.as_str() == "http.method");
        let method = method.map_or("GET".into(), |method| method.value.as_str());
        checked |=
            agrees(id, "path", &json!(format!("{method} {path}")), child["description"].clone());
    }
    if let Some(has_route) = expected("has_route").as_bool() {
        let is_route = root["transaction_info"]["source"] == "route";
        let is_top = child["description"].as_str().is_some_and(|name| name.ends_with(" /"));
        checked |= agrees(id, "route", &json!(has_route), json!(is_route && !is_top));
    }
    checked
}

fn request<'a>(
    row: &Json,
    expected: impl Fn(&str) -> &'a Json,
    span: SpanData,
    json: &Json,
) -> bool {
    let id = row["id"].as_str().unwrap();
    let request = &json["request"];
    let url = |json: &Json| json.as_str().map(|url| url.trim_end_matches('/').to_owned());
    match expected("request") {
        Json::String(absent) if absent == "absent" => assert!(request.is_null(), "{id}"),
        Json::Object(fields) if fields["url"] == "absent" => {
            assert!(request.is_object() && request["url"].is_null(), "{id}");
        }
        Json::Object(fields) => assert_eq!(url(&request["url"]), url(&fields["url"]), "{id}"),
        _ => {}
    }
    for name in expected("request.headers_absent").as_array().into_iter().flatten() {
        assert!(request["headers"].get(name.as_str().unwrap()).is_none(), "{id}: {name}");
    }
    let headers = agrees(id, "headers", expected("request.headers"), request["headers"].clone());
    // Without a method there is no request; these rows only ask for its address.
    let asked = row["expected"].get("extracted_url");
    if let Some(asked) = asked {
        let span = span.attributes([KeyValue::new("http.request.method", "GET")]);
        let json = serde_json::to_value(as_root(span).transaction).unwrap();
        assert!(json["request"].is_object(), "{id}");
        assert_eq!(url(&json["request"]["url"]), url(asked), "{id}: url");
    }
    headers || asked.is_some() || !expected("request").is_null()
}

// Scenes

fn trace_header(row: &Json) -> bool {
    let id = row["id"].as_str().unwrap();
    let input = &row["input"];
    if !input["options"]["org_id"].is_null() {
        return false;
    }
    let root = &input["root"];
    let mut span = span(1, 0, root["name"].as_str().unwrap_or("work"), (0, 10))
        .attributes(attributes(&root["attributes"]));
    if let Some(source) = root["source"].as_str() {
        span = span.attributes([KeyValue::new("sentry.source", source.to_owned())]);
    }
    if input["headers"].is_string() {
        let baggage = "sentry-trace_id=00000000000000000000000000000009,sentry-release=theirs";
        span = span.attributes([KeyValue::new("http.request.header.baggage", baggage)]);
    }
    let dsn = input["options"]["dsn"].as_str().unwrap_or("https://abc@example.com/123");
    let (recorder, _) = export(dsn, &input["options"], span);
    let header = recorder.envelopes().remove(0).header["trace"].clone();
    assert!(header.as_object().unwrap().values().all(Json::is_string), "{id}: {header}");
    for (key, expected) in row["expected"].as_object().unwrap() {
        match (key.as_str(), expected) {
            ("has", keys) => keys.as_array().unwrap().iter().for_each(|key| {
                assert!(!header[key.as_str().unwrap()].is_null(), "{id}: {key}");
            }),
            ("trace_continued" | "incoming_dsc_used", _) => {
                let own = telemetry::span(1, 1, 0, "").span_context.trace_id().to_string();
                assert_eq!((&header["trace_id"], &header["release"]), (&json!(own), &Json::Null));
            }
            (key, Json::String(absent)) if absent == "absent" => {
                assert!(header[key].is_null(), "{id}: {key}");
            }
            (key, expected) => assert_eq!(header[key], *expected, "{id}: {key}"),
        }
    }
    true
}

fn own_traffic(row: &Json) -> bool {
    let ours = &row["ours"]["dropped"];
    let is_dropped = ours.as_bool().or(row["expected"]["dropped"].as_bool()).unwrap();
    // A project of Sentry has a number, and options of a client have no place in a DSN.
    let dsn = row["input"]["dsn"].as_str().unwrap().replace("/id?sample.rate=0.1", "/1");
    let (recorder, dropped) = export(&dsn, &Json::Null, input_span(&row["input"]).unwrap());
    let arrived = recorder.payloads("transaction").len();
    assert_eq!((dropped, arrived), if is_dropped { (1, 0) } else { (0, 1) }, "{}", row["id"]);
    true
}

fn links(row: &Json) -> bool {
    let input = row["input"]["links"].as_array().unwrap();
    let links = input.iter().map(|link| Link::new(context(7), attributes(&link["attributes"]), 0));
    let mut span = span(2, 0, "work", (0, 10));
    span.links.links = links.collect();
    let root = serde_json::to_value(as_root(span.clone()).transaction).unwrap();
    let expected = match &row["expected"]["contexts.trace.links"] {
        Json::Null => &row["expected"]["links"],
        links => links,
    };
    for got in [&trace(&root)["links"], &as_child(span)["links"]] {
        let Some(expected) = expected.as_array() else {
            assert!(got.is_null(), "{}", row["id"]);
            continue;
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|link| {
                let mut link = link.clone();
                // The ids of these rows stand for any, and without a word a link is sampled here.
                link["trace_id"] = context(7).trace_id().to_string().into();
                link["span_id"] = context(7).span_id().to_string().into();
                link["sampled"] = true.into();
                link
            })
            .collect();
        assert_eq!(*got, Json::from(expected), "{}", row["id"]);
    }
    true
}

fn exception(row: &Json) -> bool {
    let id = row["id"].as_str().unwrap();
    let text = |key: &'static str, text: &str| KeyValue::new(key, text.to_owned());
    let list = |text: &str| {
        let texts = Array::String(vec![text.to_owned().into()]);
        KeyValue::new("exception.stacktrace", Value::Array(texts))
    };
    let child = span(2, 1, "child_span", (1, 5));
    let mut child = match id {
        "rs-04" => child.event("exception", 3, [text("exception.message", "error")]),
        "rs-05" => {
            let debug = row["input"]["debug"].as_str().unwrap();
            child.event("exception", 3, [text("exception.message", debug)])
        }
        "rs-06" => {
            let kind = text("exception.type", "OuterError");
            let message = text("exception.message", "outer");
            child.event("exception", 3, [kind, message, list("inner")])
        }
        "to-02" => {
            let message = text("exception.message", "Display text");
            child.event("failed", 3, [text("level", "ERROR"), message, list("source message")])
        }
        _ => {
            let event = &row["input"]["event"];
            child.event(event["name"].as_str().unwrap(), 3, attributes(&event["attributes"]))
        }
    };
    if let Some(name) = row["input"]["span"]["name"].as_str() {
        let hex = |key: &str| row["input"]["span"][key].as_str().unwrap();
        let trace = TraceId::from_hex(hex("trace_id")).unwrap();
        let span = SpanId::from_hex(hex("span_id")).unwrap();
        let context = child.span_context;
        child.span_context = SpanContext::new(
            trace,
            span,
            context.trace_flags(),
            false,
            context.trace_state().clone(),
        );
        child.parent_span_id = SpanId::from_hex(hex("parent_span_id")).unwrap();
        child.parent_span_is_remote = true;
        child.name = name.to_owned().into();
    }
    let is_alone = child.parent_span_is_remote;
    let mut spans = vec![child];
    spans.extend((!is_alone).then(|| span(1, 0, "root_span", (0, 9))));
    let mapped = mapper().map(spans).remove(0);
    if row["expected"].get("error_event").is_some() {
        assert!(mapped.events.is_empty(), "{id}");
        assert_eq!(mapped.transaction.breadcrumbs.len(), 1, "{id}");
        return true;
    }
    let [event] = mapped.events.as_slice() else { panic!("{id}: {:?}", mapped.events) };
    let json = serde_json::to_value(event).unwrap();
    let values = json["exception"]["values"].as_array().unwrap();
    let told: Vec<_> = values
        .iter()
        .map(|value| match &value["value"] {
            Json::Null => json!({"type": value["type"]}),
            text => json!({"type": value["type"], "value": text}),
        })
        .collect();
    let expected = |field: &str| match &row["ours"][field] {
        Json::Null => &row["expected"][field],
        ours => ours,
    };
    let level = serde_json::to_value(event.level).unwrap();
    agrees(id, "level", expected("level"), level);
    agrees(id, "transaction", expected("transaction"), json["transaction"].clone());
    agrees(id, "exception", expected("exception"), told.clone().into());
    let last = values.last().unwrap()["type"].clone();
    agrees(id, "type", expected("exception.type"), last);
    let mut chain = expected("exception.values").clone();
    if id == "rs-06" {
        // What goes through OpenTelemetry says no type of a source.
        chain[0]["type"] = "Error".into();
    }
    match &chain {
        Json::Number(count) => assert_eq!(json!(told.len()), json!(count), "{id}"),
        expected => _ = agrees(id, "chain", expected, told.into()),
    }
    let its_trace = &json["contexts"]["trace"];
    match id {
        "rs-04" => {
            assert_eq!(its_trace["trace_id"], mapped.transaction.trace.trace_id.to_string());
            assert_eq!(its_trace["span_id"], "0000000000000002");
        }
        "col-21" => {
            for (key, hex) in row["expected"]["contexts.trace"].as_object().unwrap() {
                assert_eq!(its_trace[key], *hex, "{key}");
            }
            assert_eq!(event.timestamp, common::spans::at(3), "the time of the event");
            assert!(json["logentry"].is_null() && json["type"].is_null());
        }
        _ => {}
    }
    true
}

fn segment(row: &Json) -> bool {
    let id = row["id"].as_str().unwrap();
    let sent =
        |transaction: &Json| trace(transaction)["data"]["sentry.parent_span_already_sent"] == true;
    let lost =
        |transaction: &Json| trace(transaction)["data"]["sentry.parent_span_missing"] == true;
    let (root, first, second) =
        (span(1, 0, "root", (0, 9)), span(2, 1, "first", (1, 2)), span(3, 1, "second", (3, 4)));
    let remote = |name: &str| span(1, 77, name, (0, 9)).remote_parent();
    let hex = |number: u64| json!(SpanId::from(number).to_string());
    match id {
        "js-seg-01" => {
            let spans = row["input"]["spans"].as_array().unwrap();
            let name = |at: usize| spans[at]["name"].as_str().unwrap();
            let told =
                |span: SpanData, at: usize| span.attributes(attributes(&spans[at]["attributes"]));
            let batch = vec![
                told(span(2, 1, name(1), (1, 2)), 1),
                told(span(3, 1, name(2), (3, 4)), 2),
                told(span(1, 0, name(0), (0, 9)), 0),
            ];
            let got = transactions(vec![batch]);
            let expected = &row["expected"];
            assert_eq!(got.len(), 1);
            assert_eq!(got[0]["transaction"], expected["transaction"]);
            assert_eq!(got[0]["transaction_info"], expected["transaction_info"]);
            assert_eq!(trace(&got[0])["op"], expected["op"]);
            assert_eq!(trace(&got[0])["origin"], expected["origin"]);
            assert_eq!(json!(names(&got[0]["spans"])), expected["spans"]);
            assert_eq!(
                got[0]["spans"][1]["data"]["test.inner"],
                expected["child"]["data.test.inner"]
            );
            assert_eq!(got[0]["spans"][1]["status"], expected["child"]["status"]);
        }
        "js-seg-02" | "ex-18" | "go-seg-01" | "relay-12" | "rs-03" => {
            let got = transactions(vec![vec![remote("job.run"), first, second]]);
            assert_eq!((got.len(), names(&got[0]["spans"])), (1, vec!["first", "second"]));
            assert_eq!(trace(&got[0])["parent_span_id"], hex(77));
            assert_eq!(trace(&got[0])["trace_id"], got[0]["spans"][0]["trace_id"]);
            assert_eq!(got[0]["transaction_info"]["source"], "custom");
            assert!(trace(&got[0])["data"].get("sentry.parent_is_remote").is_none());
            if id == "rs-03" {
                // The same process may hold both services of a trace.
                let service = span(2, 1, "second_service", (1, 2)).remote_parent();
                let got = transactions(vec![vec![service, root]]);
                assert_eq!(got.len(), 2);
                assert!(got.iter().any(|service| trace(service)["parent_span_id"] == hex(1)));
            }
        }
        "js-seg-03" | "col-16" | "col-26" | "ex-14" => {
            // The mark of a parent that was sent long ago is as good as none.
            let got = transactions(vec![vec![first, second]]);
            assert_eq!(got.len(), 2);
            assert!(got.iter().all(lost) && !got.iter().any(sent));
        }
        "js-seg-04" => {
            let got = transactions(vec![vec![first, root, second]]);
            assert_eq!((got.len(), names(&got[0]["spans"]).len()), (1, 2));
        }
        "js-seg-05" => {
            let got = transactions(vec![vec![first, root], vec![second]]);
            assert_eq!((got.len(), names(&got[0]["spans"])), (2, vec!["first"]));
            assert_eq!(got[1]["transaction"], "second");
            assert!(sent(&got[1]) && !sent(&got[0]));
        }
        "go-seg-02" | "rs-01" | "rs-02" | "col-25" => {
            let below = span(3, 2, "second", (3, 4))
                .attributes([KeyValue::new("test.key", "test.value")])
                .status(Status::Ok);
            let got = transactions(vec![vec![first, below, root]]);
            assert_eq!((got.len(), names(&got[0]["spans"])), (1, vec!["first", "second"]));
            assert_eq!(got[0]["spans"][0]["parent_span_id"], hex(1));
            assert_eq!(got[0]["spans"][1]["parent_span_id"], hex(2));
            assert_eq!(got[0]["spans"][1]["data"]["test.key"], "test.value");
            assert!(trace(&got[0]).get("parent_span_id").is_none());
            assert_eq!(trace(&got[0])["span_id"], hex(1));
        }
        "ex-15" => {
            let below = span(3, 2, "below", (11, 12));
            let got = transactions(vec![vec![root], vec![below, first]]);
            assert_eq!((got.len(), names(&got[1]["spans"])), (2, vec!["below"]));
            assert_eq!(trace(&got[1])["parent_span_id"], hex(1));
            assert_eq!(trace(&got[0])["trace_id"], trace(&got[1])["trace_id"]);
            assert!(sent(&got[1]));
        }
        "ex-16" => {
            let late = span(3, 2, "late", (11, 12));
            let got = transactions(vec![vec![first, root], vec![late]]);
            assert_eq!((got.len(), trace(&got[1])["parent_span_id"].clone()), (2, hex(2)));
            assert!(sent(&got[1]));
        }
        "col-18" => {
            let below = span(4, 2, "childChildSpan1", (1, 2));
            let orphan = span(5, 99, "orphanSpan1", (1, 2));
            let got = transactions(vec![vec![below, first, second, orphan, root]]);
            assert_eq!((got.len(), got.iter().filter(|one| lost(one)).count()), (2, 1));
        }
        "col-19" => {
            let roots = [root, span(10, 0, "rootSpan2", (0, 9))];
            let mut spans = vec![span(4, 2, "childChildSpan1", (1, 2)), first];
            spans.extend([span(11, 10, "root2childSpan", (1, 2)), second]);
            spans.extend(roots);
            let got = transactions(vec![spans]);
            assert_eq!((got.len(), got.iter().filter(|one| lost(one)).count()), (2, 0));
            assert!(got.iter().any(|one| names(&one["spans"]) == ["root2childSpan"]));
        }
        "col-27" => {
            let got = transactions(vec![vec![first.kind(SpanKind::Server), root]]);
            assert_eq!((got.len(), names(&got[0]["spans"])), (1, vec!["first"]));
        }
        _ => return false,
    }
    true
}

fn whole_transaction(row: &Json) -> bool {
    let id = row["id"].as_str().unwrap();
    let input = &row["input"];
    if input["attribute"].is_string() {
        return false;
    }
    let resource = Resource::builder_empty().with_attributes(attributes(&input["resource"]));
    let mapper = mapper().with_resource(&resource.build());
    let mut span = input_span(input).unwrap();
    let seconds = |key: &str| input[key].as_u64().map(Duration::from_secs);
    if let (Some(start), Some(end)) = (seconds("start_s"), seconds("end_s")) {
        span.start_time = std::time::UNIX_EPOCH + start;
        span.end_time = std::time::UNIX_EPOCH + end;
    }
    let (theirs, ours) = (&row["expected"], &row["ours"]);
    let child = as_child(span.clone());
    let transaction = mapper.map(vec![span]).remove(0).transaction;
    let got = serde_json::to_value(&transaction).unwrap();
    for key in ["type", "transaction", "transaction_info", "start_timestamp", "timestamp", "spans"]
    {
        if let Some(expected) = theirs[key].as_f64() {
            assert_eq!(got[key].as_f64(), Some(expected), "{id}: {key}");
        } else {
            agrees(id, key, &theirs[key], got[key].clone());
        }
    }
    agrees(id, "source", &theirs["source"], got["transaction_info"]["source"].clone());
    agrees(id, "status", &theirs["contexts.trace"]["status"], trace(&got)["status"].clone());
    agrees(id, "origin", &ours["contexts.trace.origin"], trace(&got)["origin"].clone());
    agrees(id, "platform", &ours["platform"], got["platform"].clone());
    agrees(id, "key1", &ours["contexts.trace.data.key1"], trace(&got)["data"]["key1"].clone());
    agrees(id, "otel", &ours["contexts.otel"], got["contexts"]["otel"].clone());
    for (key, expected) in theirs["contexts.trace"]["data"].as_object().into_iter().flatten() {
        let expected =
            if key == "sentry.origin" { &ours["contexts.trace.origin"] } else { expected };
        assert_eq!(trace(&got)["data"][key], *expected, "{id}: {key}");
    }
    for key in ours["contexts.trace.data adds"].as_array().into_iter().flatten() {
        let is_there = trace(&got)["data"].get(key.as_str().unwrap()).is_some();
        assert_eq!(is_there, !DERIVED_BY_SENTRY.contains(&key.as_str().unwrap()), "{id}: {key}");
    }
    for key in theirs["contexts.otel.resource_has"].as_array().into_iter().flatten() {
        let resource = &got["contexts"]["otel"]["resource"];
        assert!(!resource[key.as_str().unwrap()].is_null(), "{id}: {key}");
    }
    for (key, expected) in ours["data"].as_object().into_iter().flatten() {
        if !DERIVED_BY_SENTRY.contains(&key.as_str()) {
            assert_eq!(child["data"][key], *expected, "{id}: {key}");
        }
    }
    agrees(id, "description", &theirs["description"], child["description"].clone());
    true
}

/// Rows about streamed spans, as far as they hold for what a transaction says, too.
fn streamed(row: &Json) -> bool {
    let input = &row["input"];
    if let Some(spans) = input["spans"].as_array() {
        let mut batch = vec![span(1, 0, input["transaction"].as_str().unwrap(), (0, 9))];
        for (id, child) in (2..).zip(spans) {
            let op = child["op"].as_str().unwrap().to_owned();
            batch.push(
                span(id, 1, child["description"].as_str().unwrap(), (1, 2))
                    .attributes([KeyValue::new("sentry.op", op)]),
            );
        }
        let got = transactions(vec![batch]);
        assert_eq!((got.len(), names(&got[0]["spans"])), (1, vec!["chat gpt-4", "GET /api"]));
        return true;
    }
    let Some(span) = input_span(input) else { return false };
    let child = as_child(span);
    let is_ok = child["status"] == "ok" || child["status"] == "cancelled";
    if let Some(status) = row["expected"]["status"].as_str() {
        assert_eq!(is_ok, status == "ok", "{}", row["id"]);
    }
    let expected = &row["expected"]["attributes"]["sentry.status.message"];
    assert_eq!(child["data"]["sentry.status.message"], *expected, "{}", row["id"]);
    true
}
