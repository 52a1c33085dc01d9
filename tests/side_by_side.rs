//! Our half of the comparison with Sentry's exporter for JavaScript, see docs/differences.md.
//!
//! `conformance/side-by-side/run` sets `SIDE_BY_SIDE_DIR`, where what becomes of each tree is left.

mod common;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::mapping::{Mapped, Mapper};
use opentelemetry_sentry::segment::SegmentBuffer;
use serde_json::{Value as Json, json};

use common::spans::span;

const TREES: &str = include_str!("../conformance/side-by-side/trees.json");

fn trees() -> Vec<Json> {
    serde_json::from_str(TREES).unwrap()
}

fn trace(index: usize) -> TraceId {
    TraceId::from(0x4c79_f60c_1121_4eb3_8604_f4ae_0000_0000 + index as u128)
}

fn at(micros: &Json) -> SystemTime {
    UNIX_EPOCH
        + Duration::from_secs(1_795_167_627)
        + Duration::from_micros(micros.as_u64().unwrap())
}

/// A text or a list that the trees only describe, written out.
fn written_out(json: &Json) -> Json {
    let Some([part, times]) = json["repeat"].as_array().map(Vec::as_slice) else {
        return json.clone();
    };
    let times = usize::try_from(times.as_u64().unwrap()).unwrap();
    match part {
        Json::Array(items) => Json::Array(vec![items.as_slice(); times].concat()),
        part => Json::String(part.as_str().unwrap().repeat(times)),
    }
}

fn value(json: &Json) -> Value {
    if let Some(name) = json["double"].as_str() {
        return Value::F64(name.parse().unwrap());
    }
    match written_out(json) {
        Json::Bool(value) => Value::Bool(value),
        Json::Number(value) => match value.as_i64() {
            Some(value) => Value::I64(value),
            None => Value::F64(value.as_f64().unwrap()),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::Array(array(&items)),
        other => panic!("no attribute: {other}"),
    }
}

fn array(items: &[Json]) -> Array {
    let bools: Option<Vec<_>> = items.iter().map(Json::as_bool).collect();
    let ints: Option<Vec<_>> = items.iter().map(Json::as_i64).collect();
    let doubles: Option<Vec<_>> = items.iter().map(Json::as_f64).collect();
    let text = |item: &Json| StringValue::from(item.as_str().unwrap().to_owned());
    match (bools, ints, doubles) {
        (Some(bools), None, None) => Array::Bool(bools),
        (_, Some(ints), _) => Array::I64(ints),
        (_, _, Some(doubles)) => Array::F64(doubles),
        _ => Array::String(items.iter().map(text).collect()),
    }
}

fn attributes(json: &Json) -> Vec<KeyValue> {
    let fields = json.as_object().into_iter().flatten();
    fields.map(|(key, json)| KeyValue::new(key.clone(), value(json))).collect()
}

fn items(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn kind(json: &Json) -> SpanKind {
    match json.as_str() {
        None => SpanKind::Internal,
        Some("CLIENT") => SpanKind::Client,
        Some("SERVER") => SpanKind::Server,
        Some("PRODUCER") => SpanKind::Producer,
        Some("CONSUMER") => SpanKind::Consumer,
        Some(other) => panic!("no kind: {other}"),
    }
}

/// An error without a text is one with an empty text here.
fn status(json: &Json) -> Status {
    match json {
        Json::Null => Status::Unset,
        Json::String(name) if name == "Ok" => Status::Ok,
        Json::String(name) if name == "Error" => Status::error(""),
        json => Status::error(json["Error"].as_str().unwrap().to_owned()),
    }
}

fn link(json: &Json) -> Link {
    let sampled = json["sampled"].as_bool().unwrap_or(true);
    let context = SpanContext::new(
        TraceId::from_hex(json["trace"].as_str().unwrap()).unwrap(),
        SpanId::from_hex(json["span"].as_str().unwrap()).unwrap(),
        if sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED },
        false,
        TraceState::NONE,
    );
    Link::new(context, attributes(&json["attributes"]), 0)
}

fn span_of(json: &Json, tree: &Json, index: usize) -> SpanData {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let state = json["trace_state"].as_str().unwrap_or_default().parse().unwrap();
    let id = json["id"].as_u64().unwrap();
    let mut data =
        span(id, json["parent"].as_u64().unwrap_or(0), &text(&written_out(&json["name"])), (0, 0));
    data.span_context =
        SpanContext::new(trace(index), SpanId::from(id), TraceFlags::SAMPLED, false, state);
    data.parent_span_is_remote = json["remote"] == true;
    data.span_kind = kind(&json["kind"]);
    data.start_time = at(&json["at"][0]);
    data.end_time = at(&json["at"][1]);
    data.attributes = attributes(&json["attributes"]);
    data.status = status(&json["status"]);
    data.links.links = items(&json["links"]).map(link).collect();
    data.events.events = items(&json["events"])
        .map(|event| {
            Event::new(text(&event["name"]), at(&event["at"]), attributes(&event["attributes"]), 0)
        })
        .collect();
    if let Some(name) = tree["scope"]["name"].as_str() {
        data.instrumentation_scope = InstrumentationScope::builder(name.to_owned())
            .with_version(text(&tree["scope"]["version"]))
            .build();
    }
    data
}

/// What the tree becomes with the defaults; the late spans come in a batch of their own.
fn mapped(tree: &Json, index: usize) -> Vec<Mapped> {
    let resource = Resource::builder_empty().with_attributes(attributes(&tree["resource"])).build();
    let mapper = Mapper::new().with_resource(&resource);
    let mut buffer = SegmentBuffer::new();
    let mut segments = Vec::new();
    for late in [false, true] {
        let batch = items(&tree["spans"]).filter(|span| (span["late"] == true) == late);
        let batch = batch.map(|span| span_of(span, tree, index)).collect();
        segments.extend(buffer.ingest(batch, Duration::ZERO).segments);
    }
    segments.extend(buffer.drain());
    segments.into_iter().filter_map(|segment| mapper.map_segment(segment)).collect()
}

#[test]
fn every_tree_is_mapped_with_each_of_its_spans() {
    let directory = std::env::var_os("SIDE_BY_SIDE_DIR");
    let mut names = HashSet::new();
    for (index, tree) in trees().iter().enumerate() {
        let name = tree["name"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name}: a name of two trees");
        let mapped = mapped(tree, index);
        let mut sent: Vec<_> = mapped
            .iter()
            .flat_map(|mapped| {
                let transaction = &mapped.transaction;
                let children = transaction.spans.iter().map(|span| span.span_id);
                children.chain([transaction.trace.span_id])
            })
            .collect();
        sent.sort_by_key(|id| id.to_bytes());
        let mut given: Vec<_> =
            items(&tree["spans"]).map(|span| SpanId::from(span["id"].as_u64().unwrap())).collect();
        given.sort_by_key(|id| id.to_bytes());
        assert_eq!(sent, given, "{name}");
        if let Some(directory) = &directory {
            let transactions: Vec<_> = mapped.iter().map(|mapped| &mapped.transaction).collect();
            let events: Vec<_> = mapped.iter().flat_map(|mapped| &mapped.events).collect();
            let text = serde_json::to_string_pretty(&json!({
                "transactions": transactions,
                "events": events,
            }))
            .unwrap();
            std::fs::write(Path::new(directory).join(format!("{name}.json")), text).unwrap();
        }
    }
}
