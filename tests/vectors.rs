//! The facts of Sentry's own converters, row by row: what they make of a name, a kind, attributes.
//!
//! A row whose result we share stands as it is; where we differ, `ours` says what we make of it.

mod common;

use common::spans::{SpanDataExt, span};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::mapping::{Mapped, Mapper};
use serde_json::Value as Json;

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
        _ => SpanKind::Internal,
    }
}

/// None for statuses that OpenTelemetry for Rust cannot express.
fn status(json: &Json) -> Option<Status> {
    match json {
        Json::Null => Some(Status::Unset),
        Json::String(name) if name == "Unset" => Some(Status::Unset),
        Json::String(name) if name == "Ok" => Some(Status::Ok),
        Json::Object(map) => Some(Status::error(map.get("Error")?.as_str()?.to_owned())),
        _ => None,
    }
}

fn input(row: &Json) -> Option<SpanData> {
    let input = &row["input"];
    let name = input["name"].as_str().unwrap_or_default();
    Some(
        span(2, 0, name, (0, 10))
            .kind(kind(&input["kind"]))
            .attributes(attributes(&input["attributes"]))
            .status(status(&input["status"])?),
    )
}

fn as_root(span: SpanData) -> Mapped {
    Mapper::new().with_send_default_pii(true).map(vec![span]).remove(0)
}

fn as_child(mut child: SpanData) -> Json {
    child.parent_span_id = opentelemetry::trace::SpanId::from(1);
    let spans = vec![span(1, 0, "root", (0, 20)), child];
    let mapped = Mapper::new().with_send_default_pii(true).map(spans).remove(0);
    serde_json::to_value(&mapped.transaction).unwrap()["spans"][0].take()
}

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

fn check(row: &Json) -> bool {
    let id = row["id"].as_str().unwrap();
    let Some(span) = input(row) else { return false };
    let (theirs, ours) = (&row["expected"], &row["ours"]);
    let shared = row["agrees"] != "no";
    // Ours wins; theirs counts where the row does not disagree.
    let expected = |field: &str| match &ours[field] {
        Json::Null if shared && !(ours.is_object() && ours["child"].is_object()) => &theirs[field],
        value => value,
    };
    let root = as_root(span.clone());
    let json = serde_json::to_value(&root.transaction).unwrap();
    let child = as_child(span);
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
    let source = serde_json::json!(root.transaction.source.as_str());
    checked |= agrees(id, "status", expected("status"), child["status"].clone());
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
    if row["topic"] == "url" {
        for (field, key) in
            [("url", "url"), ("http.query", "http.query"), ("http.fragment", "http.fragment")]
        {
            checked |= agrees(id, key, expected(field), child["data"][key].clone());
        }
    }
    if row["topic"] == "request" {
        let request = &json["request"];
        let url = |json: &Json| json.as_str().map(|url| url.trim_end_matches('/').to_owned());
        match expected("request") {
            Json::String(absent) if absent == "absent" => assert!(request.is_null(), "{id}"),
            Json::Object(fields) if fields["url"] == "absent" => {
                assert!(request["url"].is_null(), "{id}")
            }
            Json::Object(fields) => assert_eq!(url(&request["url"]), url(&fields["url"]), "{id}"),
            _ => {}
        }
        checked |= agrees(id, "headers", expected("request.headers"), request["headers"].clone());
        checked |= !expected("request").is_null();
    }
    checked
}

#[test]
fn every_row_about_a_single_span_gives_what_it_says() {
    let rows =
        include_str!("data/mapping.jsonl").lines().map(|line| serde_json::from_str(line).unwrap());
    let rows: Vec<Json> = rows
        .filter(|row: &Json| {
            matches!(row["topic"].as_str(), Some("op_desc" | "status" | "url" | "request"))
        })
        .collect();
    let checked = rows.iter().filter(|row| check(row)).count();
    println!("{checked} of {} rows checked", rows.len());
    assert!(checked >= 125, "{checked}");
}
